/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture file as a stdio stream: see source_stream.h. Follows RFC 1952 (gzip, members one after
 * another) and RFC 8878 (zstd, frames one after another, skippable ones too).
 *
 * The stream is a fopencookie() whose read function takes raw bytes from a descriptor and either
 * hands them on, or through zlib or libzstd. The first four bytes decide which. Descriptors of
 * regular files are kept in a list from newest to oldest use; opening one more than the pool
 * allows closes the oldest, whose stream opens its file again, at its offset, when it is read next.
 *
 * Where reading may wait (pipes), stdio has no buffer; this file has it instead, and can tell what
 * is there already.
 *
 * Limits: a zstd window above 128 MiB is refused by libzstd's default. What follows a complete gzip
 * member or zstd frame and is no further one is padding and ignored, as gzip(1) does.
 *
 * A break request is noticed at the next read; a stream that waits for a pipe looks for it five
 * times a second, so that it does not depend on how the signal was installed.
 */
#define _GNU_SOURCE 1 /* fopencookie() */
#include "source_stream.h"
#include "base/err.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES 65536 /* compressed bytes read at once: a few blocks of either coding */
#define MAGIC_BYTES 4
#define POLL_MS     200

enum coding { CODING_PLAIN, CODING_GZIP, CODING_ZSTD };

struct source_stream {
    struct source_stream_pool *pool;
    struct source_stream_input *input;
    struct source_stream *newer, *older; /* in the pool's list while it holds a descriptor */
    char *stdio_buffer;
    uint64_t offset;
    int fd; /* -1: closed for now */
    int error_number;
    enum coding coding;
    enum source_stream_end end;
    uint8_t magic[MAGIC_BYTES]; /* plain streams: bytes still to be handed on first */
    size_t magic_at, magic_len;
    bool direct;  /* stdio reads the descriptor itself */
    bool inside;  /* a gzip member or zstd frame has begun and not ended */
    bool pending; /* the decoder may hold output that did not fit */
    bool padding; /* only padding is left */
    uint8_t *in;
    size_t in_at, in_len;
    size_t ahead_at, ahead_len; /* in stdio_buffer, if that is not stdio's */
    size_t buffer_bytes;        /* of stdio_buffer */
    z_stream zlib;
    ZSTD_DCtx *zstd;
};

/* ---- the pool ---- */

static void pool_unlink(struct source_stream *s)
{
    struct source_stream_pool *pool = s->pool;
    *(s->newer ? &s->newer->older : &pool->newest) = s->older;
    *(s->older ? &s->older->newer : &pool->oldest) = s->newer;
    s->newer = s->older = NULL;
    pool->open--;
}

static void pool_link(struct source_stream *s)
{
    struct source_stream_pool *pool = s->pool;
    s->older = pool->newest;
    *(s->older ? &s->older->newer : &pool->oldest) = s;
    pool->newest = s;
    pool->open++;
}

static void park(struct source_stream *s)
{
    pool_unlink(s);
    close(s->fd);
    s->fd = -1;
}

/* Opens the path, closing other descriptors as needed. Returns the descriptor, or -1 with errno. */
static int pool_open(struct source_stream_pool *pool, const char *path)
{
    while (pool->open >= SOURCE_STREAM_MAX_OPEN)
        park(pool->oldest);
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0)
            return fd;
        bool broken = atomic_load_explicit(&pool->broken, memory_order_relaxed);
        if (errno == EINTR && !broken)
            continue;
        if ((errno != EMFILE && errno != ENFILE) || !pool->oldest)
            return -1;
        park(pool->oldest);
    }
}

/* Gives s a descriptor at its offset. Returns 0, or -1 with errno; ESTALE: it is another file now.
 */
static int attach(struct source_stream *s)
{
    struct source_stream_input *input = s->input;
    int fd = strcmp(input->path, "-") == 0 ? STDIN_FILENO : pool_open(s->pool, input->path);
    struct stat st;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) != 0)
        goto fail;
    if (input->seen && (input->device != st.st_dev || input->inode != st.st_ino)) {
        errno = ESTALE;
        goto fail;
    }
    if (!input->seen) {
        input->regular = S_ISREG(st.st_mode) && fd != STDIN_FILENO;
        input->size_bytes = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
        input->device = st.st_dev;
        input->inode = st.st_ino;
        input->seen = true;
    }
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        goto fail;
    }
    if (s->offset && lseek(fd, (off_t)s->offset, SEEK_SET) < 0)
        goto fail;
    s->fd = fd;
    if (input->regular)
        pool_link(s);
    return 0;
fail:;
    int saved = errno;
    if (fd != STDIN_FILENO)
        close(fd);
    errno = saved;
    return -1;
}

/* ---- reading ---- */

static bool broken(const struct source_stream *s)
{
    return atomic_load_explicit(&s->pool->broken, memory_order_relaxed);
}

static ssize_t fail(struct source_stream *s, int error_number)
{
    s->end = SOURCE_STREAM_FAILED;
    s->error_number = error_number;
    return -1;
}

/* Waits until a pipe or the like can be read. Returns false when broken. */
static bool wait_readable(const struct source_stream *s)
{
    struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
    while (!broken(s)) {
        if (poll(&pfd, 1, POLL_MS) != 0 && pfd.revents)
            return true;
    }
    return false;
}

/* Bytes as they are in the file. Returns their number, 0 at the end, -1 on failure. */
static ssize_t read_raw(struct source_stream *s, void *out, size_t n)
{
    if (broken(s))
        return fail(s, EINTR);
    if (s->fd < 0) {
        if (attach(s) != 0)
            return fail(s, errno);
    } else if (s->input->regular && s->pool->newest != s) {
        pool_unlink(s);
        pool_link(s);
    }
    ssize_t got;
    do {
        if (!s->input->regular && !wait_readable(s))
            return fail(s, EINTR);
        got = read(s->fd, out, n);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN) && !broken(s));
    if (got < 0)
        return fail(s, errno);
    s->offset += (uint64_t)got;
    return got;
}

static ssize_t read_plain(struct source_stream *s, char *out, size_t n)
{
    size_t left = s->magic_len - s->magic_at;
    if (left == 0)
        return read_raw(s, out, n);
    size_t take = left < n ? left : n;
    memcpy(out, s->magic + s->magic_at, take);
    s->magic_at += take;
    return (ssize_t)take;
}

static void damaged(struct source_stream *s)
{
    s->end = SOURCE_STREAM_DAMAGED;
    s->padding = true;
}

/* One step of inflate(). Returns the bytes written to out. */
static size_t step_gzip(struct source_stream *s, char *out, size_t n)
{
    if (!s->inside && s->in[s->in_at] != 0x1f) {
        s->padding = true;
        return 0;
    }
    s->inside = true;
    s->zlib.next_in = s->in + s->in_at;
    s->zlib.avail_in = (uInt)(s->in_len - s->in_at);
    s->zlib.next_out = (Bytef *)out;
    s->zlib.avail_out = (uInt)n;
    int result = inflate(&s->zlib, Z_NO_FLUSH);
    s->in_at = s->in_len - s->zlib.avail_in;
    if (result == Z_STREAM_END) {
        s->inside = false;
        inflateReset(&s->zlib);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        damaged(s);
    }
    return n - s->zlib.avail_out;
}

static size_t step_zstd(struct source_stream *s, char *out, size_t n)
{
    uint8_t first = s->in[s->in_at];
    if (!s->inside && first != 0x28 && (first & 0xf0) != 0x50) {
        s->padding = true;
        return 0;
    }
    ZSTD_inBuffer input = {s->in, s->in_len, s->in_at};
    ZSTD_outBuffer output = {out, n, 0};
    size_t result = ZSTD_decompressStream(s->zstd, &output, &input);
    s->in_at = input.pos;
    if (ZSTD_isError(result))
        damaged(s);
    else
        s->inside = result != 0;
    return output.pos;
}

/* Refills the empty input buffer. Returns 1, 0 at the end, -1 on failure. */
static int refill(struct source_stream *s)
{
    ssize_t got = read_raw(s, s->in, INPUT_BYTES);
    if (got < 0)
        return -1;
    if (got == 0) {
        s->padding = true;
        if (s->inside)
            s->end = SOURCE_STREAM_CUT;
        return 0;
    }
    s->in_at = 0;
    s->in_len = (size_t)got;
    return 1;
}

/* Decompressed bytes: as many as one filling of the input buffer gives, at least one. */
static ssize_t read_coded(struct source_stream *s, char *out, size_t n)
{
    size_t done = 0;
    while (done < n && !s->padding) {
        if (s->in_at == s->in_len && !s->pending) {
            if (done > 0)
                break;
            int filled = refill(s);
            if (filled <= 0)
                return filled;
        }
        done += s->coding == CODING_GZIP ? step_gzip(s, out + done, n - done)
                                         : step_zstd(s, out + done, n - done);
        s->pending = s->inside && done == n;
    }
    return (ssize_t)done;
}

static ssize_t read_any(struct source_stream *s, char *out, size_t n)
{
    if (s->end == SOURCE_STREAM_FAILED)
        return -1;
    return s->coding == CODING_PLAIN ? read_plain(s, out, n) : read_coded(s, out, n);
}

static ssize_t cookie_read(void *cookie, char *out, size_t n)
{
    struct source_stream *s = cookie;
    if (!source_stream_waits(s))
        return read_any(s, out, n);
    if (s->ahead_at == s->ahead_len) {
        ssize_t got = read_any(s, s->stdio_buffer, s->buffer_bytes);
        if (got <= 0)
            return got;
        s->ahead_at = 0;
        s->ahead_len = (size_t)got;
    }
    size_t left = s->ahead_len - s->ahead_at;
    size_t take = left < n ? left : n;
    memcpy(out, s->stdio_buffer + s->ahead_at, take);
    s->ahead_at += take;
    return (ssize_t)take;
}

void source_stream_close(struct source_stream *s)
{
    if (!s)
        return;
    s->pool->closed_bytes += source_stream_offset(s);
    if (s->fd >= 0 && s->input->regular)
        park(s);
    else if (s->fd > STDIN_FILENO)
        close(s->fd);
    if (s->coding == CODING_GZIP)
        inflateEnd(&s->zlib);
    ZSTD_freeDCtx(s->zstd);
    free(s->in);
    free(s->stdio_buffer);
    free(s);
}

/* ---- opening ---- */

/* Compressions that this program does not take off, told by their magic. */
static const struct {
    uint8_t magic[MAGIC_BYTES];
    uint8_t len;
    const char *name;
} foreign[] = {
    {{'B', 'Z', 'h'}, 3, "bzip2"},
    {{0xfd, '7', 'z', 'X'}, 4, "xz"},
    {{0x04, 0x22, 0x4d, 0x18}, 4, "lz4"},
    {{'P', 'K', 3, 4}, 4, "zip"},
};

/* Reads the magic and prepares its decoder. Returns 0 or an error with text. */
static int choose_coding(struct source_stream *s, const char *name, char *error)
{
    ssize_t got = 1;
    while (s->magic_len < MAGIC_BYTES && got > 0) {
        got = read_raw(s, s->magic + s->magic_len, MAGIC_BYTES - s->magic_len);
        if (got > 0)
            s->magic_len += (size_t)got;
    }
    if (got < 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %s", name, strerror(s->error_number));
        return s->error_number == EINTR ? ERR_INTERRUPTED : ERR_IO;
    }
    if (s->magic_len == 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: the file is empty", name);
        return ERR_FORMAT;
    }
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (s->magic_len < foreign[i].len || memcmp(s->magic, foreign[i].magic, foreign[i].len))
            continue;
        snprintf(error, SOURCE_ERROR_BYTES, "%s: compressed with %s, which is not read here", name,
                 foreign[i].name);
        return ERR_FORMAT;
    }
    bool gzip = s->magic_len >= 2 && s->magic[0] == 0x1f && s->magic[1] == 0x8b;
    bool zstd = s->magic_len == 4 &&
                ((s->magic[0] == 0x28 && s->magic[1] == 0xb5) ||
                 ((s->magic[0] & 0xf0) == 0x50 && s->magic[1] == 0x2a)) &&
                s->magic[2] == (s->magic[0] == 0x28 ? 0x2f : 0x4d);
    if (!gzip && !zstd)
        return 0;
    s->in = malloc(INPUT_BYTES);
    if (zstd)
        s->zstd = ZSTD_createDCtx();
    if (!s->in || (zstd && !s->zstd) || (gzip && inflateInit2(&s->zlib, 15 + 16) != Z_OK)) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: out of memory", name);
        return ERR_NOMEM;
    }
    s->coding = gzip ? CODING_GZIP : CODING_ZSTD;
    memcpy(s->in, s->magic, s->magic_len);
    s->in_len = s->magic_len;
    return 0;
}

static int open_failed(const char *name, char *error)
{
    int number = errno;
    if (number == ESTALE) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: replaced by another file while in use", name);
        return ERR_IO;
    }
    snprintf(error, SOURCE_ERROR_BYTES, "%s: %s", name, strerror(number));
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_PERMISSION;
    case EISDIR:
        return ERR_FORMAT;
    case ENOMEM:
        return ERR_NOMEM;
    }
    return ERR_IO;
}

/* The stdio stream of s. Without need for any of what the cookie does, stdio gets a descriptor of
 * its own: its way to read from that is faster than the one from a cookie. NULL: out of memory. */
static FILE *make_file(struct source_stream *s, const struct source_stream_options *options)
{
    cookie_io_functions_t functions = {.read = cookie_read};
    FILE *file = NULL;
    s->direct = options->keep && s->coding == CODING_PLAIN && s->input->regular;
    if (!s->direct) {
        file = fopencookie(s, "r", functions);
    } else if (lseek(s->fd, 0, SEEK_SET) == 0) {
        int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
        file = fd < 0 ? NULL : fdopen(fd, "r");
        if (!file && fd >= 0)
            close(fd);
    }
    if (file && source_stream_waits(s))
        setvbuf(file, NULL, _IONBF, 0);
    else if (file)
        setvbuf(file, s->stdio_buffer, _IOFBF, s->buffer_bytes);
    return file;
}

int source_stream_open(struct source_stream_pool *pool, struct source_stream_input *input,
                       const struct source_stream_options *options, char error[SOURCE_ERROR_BYTES],
                       struct source_stream **ret_stream, FILE **ret_file)
{
    char name[SOURCE_STREAM_NAME_BYTES];
    source_stream_name(input->path, name);
    struct source_stream *s = calloc(1, sizeof(*s));
    char *buffer = malloc(options->buffer_bytes);
    if (!s || !buffer) {
        free(s);
        free(buffer);
        snprintf(error, SOURCE_ERROR_BYTES, "%s: out of memory", name);
        return ERR_NOMEM;
    }
    s->pool = pool;
    s->input = input;
    s->stdio_buffer = buffer;
    s->buffer_bytes = options->buffer_bytes;
    s->fd = -1;
    int result = attach(s) == 0 ? choose_coding(s, name, error) : open_failed(name, error);
    FILE *file = result == 0 ? make_file(s, options) : NULL;
    if (!file) {
        if (result == 0)
            snprintf(error, SOURCE_ERROR_BYTES, "%s: %s", name, strerror(errno));
        source_stream_close(s);
        return result ? result : ERR_NOMEM;
    }
    *ret_stream = s;
    *ret_file = file;
    return 0;
}

/* ---- past stdio ---- */

bool source_stream_is_direct(const struct source_stream *s)
{
    return s->direct;
}

void source_stream_magic(const struct source_stream *s, uint32_t *ret_magic)
{
    memcpy(ret_magic, s->magic, sizeof(*ret_magic));
}

ssize_t source_stream_read_at(struct source_stream *s, void *out, size_t n, uint64_t offset)
{
    ssize_t got;
    do {
        if (broken(s))
            return -1;
        got = pread(s->fd, out, n, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    if (got > 0 && offset + (uint64_t)got > s->offset)
        s->offset = offset + (uint64_t)got;
    return got;
}

/* ---- asking ---- */

bool source_stream_waits(const struct source_stream *s)
{
    return !s->input->regular;
}

size_t source_stream_ahead(const struct source_stream *s, const uint8_t **ret_bytes)
{
    *ret_bytes = (const uint8_t *)s->stdio_buffer + s->ahead_at;
    return s->ahead_len - s->ahead_at;
}

enum source_stream_end source_stream_end(const struct source_stream *s)
{
    return s->end;
}

int source_stream_errno(const struct source_stream *s)
{
    return s->error_number;
}

const char *source_stream_coding(const struct source_stream *s)
{
    static const char *const names[] = {"", "gzip", "zstd"};
    return names[s->coding];
}

uint64_t source_stream_offset(const struct source_stream *s)
{
    off_t at = s->direct ? lseek(s->fd, 0, SEEK_CUR) : -1; /* shared with stdio's descriptor */
    return at < (off_t)s->offset ? s->offset : (uint64_t)at;
}

const char *source_stream_name(const char *path, char text[SOURCE_STREAM_NAME_BYTES])
{
    if (strcmp(path, "-") == 0)
        path = "standard input";
    size_t n = strlen(path);
    bool tail = n >= SOURCE_STREAM_NAME_BYTES;
    const char *from = tail ? path + n - (SOURCE_STREAM_NAME_BYTES - 4) : path;
    snprintf(text, SOURCE_STREAM_NAME_BYTES, "%s%s", tail ? "..." : "", from);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    return text;
}
