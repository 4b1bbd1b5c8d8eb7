/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture file as a stdio stream: see source_stream.h.
 *
 * The stream is a fopencookie() whose read function takes raw bytes from a descriptor and either
 * hands them on, or decoded (source_coding.h). The first four bytes decide which. Descriptors of
 * regular files are kept in a list from newest to oldest use; opening one more than the pool
 * allows closes the oldest, whose stream opens its file again, at its offset, when it is read next.
 *
 * Bytes that were read and are still to come lie in a buffer of this file, `ahead`: what was given
 * back, and where reading may wait (pipes), what stdio would hold, which has no buffer there; so it
 * can be told what is there already. A regular file that is not compressed is read at `offset`, and
 * giving back is going back.
 *
 * A break request is noticed at the next read; a stream that waits for a pipe looks for it five
 * times a second, so that it does not depend on how the signal was installed.
 */
#define _GNU_SOURCE 1 /* fopencookie() */
#include "source_stream.h"
#include "base/err.h"
#include "base/limits.h"
#include "capture/batch.h"
#include "source_coding.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS   200
#define SIP_BYTES 4 /* at once, until the file's header was read: all of it is in such units */

struct source_stream {
    struct source_stream_pool *pool;
    struct source_stream_input *input;
    struct source_stream *newer, *older; /* in the pool's list while it holds a descriptor */
    char *stdio_buffer;
    uint64_t offset;
    int fd; /* -1: closed for now */
    int error_number;
    struct source_coding coding;
    enum source_stream_end end;
    bool sips;           /* stdio gets no more than was asked for, which is noted in `opening` */
    bool pending;        /* the decoder may hold output that did not fit */
    size_t buffer_bytes; /* of stdio_buffer; read ahead of stdio at most */
    uint8_t *ahead;      /* NULL: neither is the only one nor waits */
    size_t ahead_at, ahead_end, ahead_room; /* the bytes in it; how large it is */
    uint8_t *opening;                       /* NULL: nothing is to be noted, or it was too much */
    size_t opening_bytes;
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

static bool is_readable(const struct source_stream *s)
{
    struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
    return poll(&pfd, 1, 0) > 0;
}

/* A file that ends before it did when it was opened, by name or as standard input. */
static bool is_shorter(const struct source_stream *s)
{
    struct stat st;
    return fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode) &&
           (uint64_t)st.st_size < s->input->size_bytes;
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
    bool waits = source_stream_waits(s);
    ssize_t got;
    do {
        if (waits && !wait_readable(s))
            return fail(s, EINTR);
        got = waits ? read(s->fd, out, n) : pread(s->fd, out, n, (off_t)s->offset);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN) && !broken(s));
    if (got < 0)
        return fail(s, errno);
    if (got == 0 && is_shorter(s))
        s->end = SOURCE_STREAM_SHORTER;
    s->offset += (uint64_t)got;
    return got;
}

/* Refills the empty input buffer. Returns 1, 0 at the end, -1 on failure. */
static int refill(struct source_stream *s)
{
    ssize_t got = read_raw(s, s->coding.in, SOURCE_CODING_INPUT_BYTES);
    if (got < 0)
        return -1;
    if (got == 0) {
        s->coding.over = true;
        if (s->coding.inside && s->end != SOURCE_STREAM_SHORTER)
            s->end = SOURCE_STREAM_CUT;
        return 0;
    }
    s->coding.in_at = 0;
    s->coding.in_end = (size_t)got;
    return 1;
}

/* Decompressed bytes: as many as one filling of the input buffer gives, at least one. */
static ssize_t read_coded(struct source_stream *s, uint8_t *out, size_t n)
{
    struct source_coding *c = &s->coding;
    size_t done = 0;
    while (done < n && !c->over) {
        if (c->in_at == c->in_end && !s->pending) {
            if (done > 0)
                break;
            int filled = refill(s);
            if (filled <= 0)
                return filled;
        }
        done += source_coding_step(c, out + done, n - done);
        s->pending = c->inside && done == n;
    }
    if (c->damaged)
        s->end = SOURCE_STREAM_DAMAGED;
    return (ssize_t)done;
}

static bool is_coded(const struct source_stream *s)
{
    return s->coding.kind != SOURCE_CODING_NONE;
}

/* Past what is ahead. */
static ssize_t read_fresh(struct source_stream *s, uint8_t *out, size_t n)
{
    if (s->end == SOURCE_STREAM_FAILED)
        return -1;
    return is_coded(s) ? read_coded(s, out, n) : read_raw(s, out, n);
}

/* Reads as much as stdio does at once. Compressed data is always decoded in such pieces, so that
 * how far damaged data is good does not depend on who reads. */
static ssize_t fill_ahead(struct source_stream *s)
{
    ssize_t got = read_fresh(s, s->ahead, s->buffer_bytes);
    if (got > 0) {
        s->ahead_at = 0;
        s->ahead_end = (size_t)got;
    }
    return got;
}

static size_t take_ahead(struct source_stream *s, void *out, size_t n)
{
    size_t left = s->ahead_end - s->ahead_at;
    size_t take = left < n ? left : n;
    if (take > 0)
        memcpy(out, s->ahead + s->ahead_at, take);
    s->ahead_at += take;
    return take;
}

/* Keeps a copy of what libpcap reads to open the file, unless it is too long. */
static void note_opening(struct source_stream *s, const char *bytes, size_t n)
{
    if (s->opening && n > LIMIT_DESCRIPTIONS - s->opening_bytes) {
        free(s->opening);
        s->opening = NULL;
        s->opening_bytes = 0;
    }
    if (!s->opening)
        return;
    memcpy(s->opening + s->opening_bytes, bytes, n);
    s->opening_bytes += n;
}

static ssize_t cookie_read(void *cookie, char *out, size_t n)
{
    struct source_stream *s = cookie;
    if (s->sips && n > SIP_BYTES)
        n = SIP_BYTES;
    ssize_t got = 1;
    bool direct = !source_stream_waits(s) && !(s->sips && is_coded(s));
    if (s->ahead_at == s->ahead_end)
        got = direct ? read_fresh(s, (uint8_t *)out, n) : fill_ahead(s);
    if (got > 0 && s->ahead_at < s->ahead_end)
        got = (ssize_t)take_ahead(s, out, n);
    if (s->sips && got > 0)
        note_opening(s, out, (size_t)got);
    return got;
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
    source_coding_end(&s->coding);
    free(s->ahead);
    free(s->opening);
    free(s->stdio_buffer);
    free(s);
}

/* ---- opening ---- */

/* Reads the first bytes and prepares their decoder. Returns 0 or an error with text. */
static int choose_coding(struct source_stream *s, const char *name, char *error)
{
    uint8_t magic[SOURCE_CODING_MAGIC_BYTES];
    size_t n = 0;
    ssize_t got = 1;
    while (n < sizeof(magic) && got > 0) {
        got = read_raw(s, magic + n, sizeof(magic) - n);
        if (got > 0)
            n += (size_t)got;
    }
    if (got < 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: %s", name, strerror(s->error_number));
        return s->error_number == EINTR ? ERR_INTERRUPTED : ERR_IO;
    }
    if (n == 0) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: the file is empty", name);
        return ERR_FORMAT;
    }
    const char *foreign = source_coding_foreign(magic, n);
    if (foreign) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: compressed with %s, which is not read here", name,
                 foreign);
        return ERR_FORMAT;
    }
    int result = source_coding_begin(&s->coding, magic, n);
    if (result < 0)
        snprintf(error, SOURCE_ERROR_BYTES, "%s: out of memory", name);
    else if (!is_coded(s))
        source_stream_unread(s, magic, n);
    return result;
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

static FILE *make_file(struct source_stream *s)
{
    cookie_io_functions_t functions = {.read = cookie_read};
    FILE *file = fopencookie(s, "r", functions);
    if (file && source_stream_waits(s))
        setvbuf(file, NULL, _IONBF, 0);
    else if (file)
        setvbuf(file, s->stdio_buffer, _IOFBF, s->buffer_bytes);
    return file;
}

/* A stream with its buffers, nothing opened yet. NULL: out of memory. */
static struct source_stream *new_stream(const struct source_stream_options *options)
{
    struct source_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->fd = -1;
    s->sips = options->keep;
    s->buffer_bytes = options->buffer_bytes;
    s->ahead_room = options->buffer_bytes;
    if (options->keep) /* and whatever is given back */
        s->ahead_room += BATCH_MEMORY_BYTES + LIMIT_DESCRIPTIONS;
    s->stdio_buffer = malloc(options->buffer_bytes);
    s->ahead = malloc(s->ahead_room);
    s->opening = options->keep ? malloc(LIMIT_DESCRIPTIONS) : NULL;
    if (s->stdio_buffer && s->ahead && (s->opening || !options->keep))
        return s;
    free(s->stdio_buffer);
    free(s->ahead);
    free(s->opening);
    free(s);
    return NULL;
}

int source_stream_open(struct source_stream_pool *pool, struct source_stream_input *input,
                       const struct source_stream_options *options, char error[SOURCE_ERROR_BYTES],
                       struct source_stream **ret_stream, FILE **ret_file)
{
    char name[SOURCE_STREAM_NAME_BYTES];
    source_stream_name(input->path, name);
    struct source_stream *s = new_stream(options);
    if (!s) {
        snprintf(error, SOURCE_ERROR_BYTES, "%s: out of memory", name);
        return ERR_NOMEM;
    }
    s->pool = pool;
    s->input = input;
    int result = attach(s) == 0 ? choose_coding(s, name, error) : open_failed(name, error);
    FILE *file = result == 0 ? make_file(s) : NULL;
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

size_t source_stream_opened(struct source_stream *s, const uint8_t **ret_bytes)
{
    s->sips = false;
    *ret_bytes = s->opening;
    return s->opening_bytes;
}

size_t source_stream_place(const struct source_stream *s)
{
    return is_coded(s) ? 0 : (size_t)(s->offset - (s->ahead_end - s->ahead_at)) % BATCH_PAGE_BYTES;
}

ssize_t source_stream_read(struct source_stream *s, uint8_t *out, size_t n)
{
    if (is_coded(s) && s->ahead_at == s->ahead_end) {
        ssize_t got = fill_ahead(s);
        if (got <= 0)
            return got;
    }
    size_t done = take_ahead(s, out, n);
    bool waits = source_stream_waits(s);
    if (done == n || (done > 0 && (is_coded(s) || (waits && !is_readable(s)))))
        return (ssize_t)done;
    ssize_t got = read_fresh(s, out + done, n - done);
    return done == 0 ? got : (ssize_t)done + (got > 0 ? got : 0);
}

int source_stream_fd(const struct source_stream *s)
{
    return is_coded(s) || source_stream_waits(s) ? -1 : s->fd;
}

void source_stream_skip(struct source_stream *s, size_t n)
{
    s->offset += n;
}

void source_stream_insert(struct source_stream *s, const uint8_t *bytes, size_t n)
{
    size_t left = s->ahead_end - s->ahead_at;
    assert(n <= s->ahead_room - left);
    if (s->ahead_at < n) {
        if (left > 0)
            memmove(s->ahead + s->ahead_room - left, s->ahead + s->ahead_at, left);
        s->ahead_end = s->ahead_room;
        s->ahead_at = s->ahead_room - left;
    }
    s->ahead_at -= n;
    if (n > 0)
        memcpy(s->ahead + s->ahead_at, bytes, n);
}

void source_stream_unread(struct source_stream *s, const uint8_t *bytes, size_t n)
{
    if (!is_coded(s) && !source_stream_waits(s))
        s->offset -= n;
    else
        source_stream_insert(s, bytes, n);
}

/* ---- asking ---- */

bool source_stream_waits(const struct source_stream *s)
{
    return !s->input->regular;
}

size_t source_stream_ahead(const struct source_stream *s, const uint8_t **ret_bytes)
{
    *ret_bytes = s->ahead + s->ahead_at;
    return s->ahead_end - s->ahead_at;
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
    return source_coding_name(&s->coding);
}

uint64_t source_stream_offset(const struct source_stream *s)
{
    return s->offset;
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
