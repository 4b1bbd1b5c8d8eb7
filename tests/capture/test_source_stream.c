/* SPDX-License-Identifier: BSD-3-Clause */
/* What capture/source_stream.c does under a source: compression, descriptors, pipes. */
#include "base/err.h"
#include "batches.h"
#include "capture/source.h"
#include "capture_files.h"
#include "tests/support/fail_alloc.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <zlib.h>
#include <zstd.h>

TestSuite(source_stream, .init = directory_make, .fini = directory_remove, .timeout = 60);

static char error[SOURCE_ERROR_BYTES];
static struct bytes plain, packed;

static void make_plain(unsigned packets)
{
    plain.n = 0;
    put_pcap_header(&plain, MAGIC_US, EN10MB);
    for (unsigned i = 0; i < packets; i++)
        put_pcap_packet(&plain, 100 + i, i, 20 + i * 7 % 50, (uint8_t)(i * 37));
}

static void add_gzip(const uint8_t *data, size_t n)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)n};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = packed.data + packed.n;
    z.avail_out = (uInt)(sizeof(packed.data) - packed.n);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed.n = sizeof(packed.data) - z.avail_out;
    deflateEnd(&z);
}

static void add_zstd(const uint8_t *data, size_t n)
{
    size_t room = sizeof(packed.data) - packed.n;
    size_t size = ZSTD_compress(packed.data + packed.n, room, data, n, 3);
    cr_assert(!ZSTD_isError(size));
    packed.n += size;
}

static unsigned drain(struct source *s, struct source_status *ret_status)
{
    struct batches r;
    struct packet p;
    int result;
    uint64_t n = 0;
    batches_init(&r, s, 0);
    while ((result = batches_next(&r, &p)) == 1)
        n = p.number;
    batches_fini(&r);
    cr_assert_eq(result, 0);
    source_status(s, ret_status);
    source_close(s);
    return (unsigned)n;
}

static unsigned read_whole(const char *path, struct source_status *ret_status)
{
    struct source *s;
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
    return drain(s, ret_status);
}

/* ---- compression ---- */

Test(source_stream, gzip_and_zstd)
{
    struct source_status status;
    make_plain(100);
    add_gzip(plain.data, plain.n);
    cr_assert_eq(read_whole(write_file("a", packed.data, packed.n), &status), 100);
    cr_assert_eq(status.cut_files, 0);
    cr_assert_eq(status.read_bytes, packed.n);
    cr_assert_eq(status.total_bytes, packed.n);
    packed.n = 0;
    add_zstd(plain.data, plain.n);
    cr_assert_eq(read_whole(write_file("b", packed.data, packed.n), &status), 100);
    cr_assert_eq(status.cut_files, 0);
    cr_assert_eq(status.read_bytes, packed.n);
}

Test(source_stream, members_one_after_another_and_padding)
{
    struct source_status status;
    make_plain(100);
    for (size_t cut = 1; cut < plain.n; cut += 97) {
        packed.n = 0;
        add_gzip(plain.data, cut);
        add_gzip(plain.data + cut, plain.n - cut);
        put(&packed, "\0\0\0\0\0", 5);
        cr_assert_eq(read_whole(write_file("a", packed.data, packed.n), &status), 100);
        cr_assert_eq(status.cut_files, 0, "%s", status.cut);
        packed.n = 0;
        add_zstd(plain.data, cut);
        put(&packed, "\x53\x2a\x4d\x18\x03\0\0\0abc", 11); /* a frame to be skipped */
        add_zstd(plain.data + cut, plain.n - cut);
        cr_assert_eq(read_whole(write_file("b", packed.data, packed.n), &status), 100);
        cr_assert_eq(status.cut_files, 0, "%s", status.cut);
    }
}

/* A highly compressible input: the decoder holds more output than one read takes. */
Test(source_stream, output_that_waits_in_the_decoder)
{
    for (int zstd = 0; zstd < 2; zstd++) {
        size_t n = 24 + 100 * (16 + 60000);
        uint8_t *big = calloc(1, n);
        struct source_status status;
        make_plain(0);
        memcpy(big, plain.data, 24);
        for (size_t i = 0; i < 100; i++) {
            uint32_t head[4] = {(uint32_t)i, 0, 60000, 60000};
            memcpy(big + 24 + i * (16 + 60000), head, 16);
        }
        packed.n = 0;
        zstd ? add_zstd(big, n) : add_gzip(big, n);
        free(big);
        const char *path = write_file("a", packed.data, packed.n);
        cr_assert_eq(read_whole(path, &status), 100);
        cr_assert_eq(status.cut_files, 0, "%s", status.cut);
        const char *twice[] = {path, path};
        struct source *s;
        cr_assert_eq(source_open_files(twice, 2, NULL, error, &s), 0);
        cr_assert_eq(drain(s, &status), 200);
        cr_assert_eq(status.cut_files, 0, "%s", status.cut);
    }
}

/* The input's buffer is used up to its last byte while the decoder still holds output: no byte
 * behind it may be looked at. */
Test(source_stream, zstd_of_more_than_a_buffer)
{
    enum { PACKETS = 200, BYTES = 60000 };
    size_t n = 24 + PACKETS * (16 + (size_t)BYTES), room = ZSTD_compressBound(n);
    uint8_t *big = calloc(1, n), *small = malloc(room);
    uint32_t random = 1;
    struct source_status status;
    make_plain(0);
    memcpy(big, plain.data, 24);
    for (size_t i = 0; i < PACKETS; i++) {
        uint8_t *at = big + 24 + i * (16 + BYTES);
        uint32_t head[4] = {(uint32_t)i, 0, BYTES, BYTES};
        memcpy(at, head, 16);
        for (size_t k = 0; k < BYTES; k += 16, random = random * 1664525 + 1013904223)
            at[16 + k] = (uint8_t)(random >> 24);
    }
    size_t size = ZSTD_compress(small, room, big, n, 3);
    cr_assert(!ZSTD_isError(size) && size > 5 * 65536, "%zu", size);
    const char *path = write_file("a", small, size);
    free(big);
    free(small);
    cr_assert_eq(read_whole(path, &status), PACKETS);
    cr_assert_eq(status.cut_files, 0, "%s", status.cut);
}

/* What is too short to be recognised as compressed is a file that is cut off inside its header. */
static void cut_everywhere(const char *coding, size_t recognised)
{
    for (size_t n = 1; n < packed.n; n++) {
        const char *path = write_file("cut", packed.data, n);
        struct source *s;
        struct source_status status;
        int result = source_open_files(&path, 1, NULL, error, &s);
        if (result != 0) {
            cr_assert_eq(result, n < recognised ? ERR_FORMAT : ERR_CUT, "at %zu: %s", n, error);
            cr_assert_not_null(strstr(error, "cut off inside"), "at %zu: %s", n, error);
            continue;
        }
        cr_assert_geq(n, recognised);
        cr_assert_leq(drain(s, &status), 30);
        cr_assert_eq(status.cut_files, 1, "at %zu", n);
        cr_assert_not_null(strstr(status.cut, coding), "%s", status.cut);
    }
}

Test(source_stream, compressed_and_cut_at_every_byte)
{
    make_plain(30);
    add_gzip(plain.data, plain.n);
    cut_everywhere("cut: gzip data cut off after packet ", 2);
    packed.n = 0;
    add_zstd(plain.data, plain.n);
    cut_everywhere("cut: zstd data cut off after packet ", 4);
}

static void damage_everywhere(void)
{
    unsigned told = 0;
    for (size_t i = 0; i < packed.n; i++) {
        packed.data[i] ^= 0x55;
        const char *path = write_file("bad", packed.data, packed.n);
        packed.data[i] ^= 0x55;
        struct source *s;
        struct source_status status;
        if (source_open_files(&path, 1, NULL, error, &s) != 0) {
            told++;
            continue;
        }
        drain(s, &status);
        told += status.cut_files;
    }
    cr_assert_gt(told, packed.n * 3 / 4, "damage is noticed: %u of %zu", told, packed.n);
}

Test(source_stream, compressed_and_damaged_at_every_byte)
{
    make_plain(30);
    add_gzip(plain.data, plain.n);
    damage_everywhere();
    packed.n = 0;
    add_zstd(plain.data, plain.n);
    damage_everywhere();
}

Test(source_stream, nothing_in_it)
{
    struct source *s;
    add_gzip(plain.data, 0);
    const char *path = write_file("empty.gz", packed.data, packed.n);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), ERR_FORMAT);
    cr_assert_not_null(strstr(error, "empty.gz: empty inside its gzip compression"), "%s", error);
    packed.n = 0;
    add_zstd(plain.data, 0);
    path = write_file("empty.zst", packed.data, packed.n);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), ERR_FORMAT);
    cr_assert_not_null(strstr(error, "empty.zst: empty inside its zstd compression"), "%s", error);
}

Test(source_stream, every_allocation_may_fail)
{
    make_plain(10);
    add_gzip(plain.data, plain.n);
    const char *path = write_file("a.gz", packed.data, packed.n);
    for (uint64_t n = 1;; n++) {
        struct source *s;
        struct source_status status;
        fail_alloc_at(n);
        int result = source_open_files(&path, 1, NULL, error, &s);
        if (!fail_alloc_stop()) {
            cr_assert_eq(result, 0);
            cr_assert_eq(drain(s, &status), 10);
            break;
        }
        cr_assert_eq(result, ERR_NOMEM);
    }
}

/* ---- descriptors ---- */

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

static void limit_descriptors(rlim_t n)
{
    struct rlimit limit = {n, n};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

#define ROTATED 2000

Test(source_stream, two_thousand_rotated_files)
{
    static char names[ROTATED][320];
    static const char *paths[ROTATED];
    for (unsigned i = 0; i < ROTATED; i++) {
        unsigned at = i * 1237 % ROTATED; /* named in another order than they were written */
        plain.n = 0;
        put_pcap_header(&plain, MAGIC_US, EN10MB);
        for (uint32_t k = 0; k < 3; k++)
            put_pcap_packet(&plain, at * 3 + k, 0, 4, 'x');
        char name[32];
        snprintf(name, sizeof(name), "rotated-%u", i);
        snprintf(names[i], sizeof(names[i]), "%s", write_file(name, plain.data, plain.n));
        paths[i] = names[i];
    }
    limit_descriptors(64);
    unsigned before = open_descriptors();
    struct source *s;
    struct packet p;
    cr_assert_eq(source_open_files(paths, ROTATED, NULL, error, &s), 0, "%s", error);
    cr_assert_eq(open_descriptors(), before);
    for (int64_t i = 0; i < ROTATED * 3; i++) {
        cr_assert_eq(batches_one(s, &p), 1);
        cr_assert_eq(p.ts_ns, i * 1000000000);
        if (i % 997 == 0)
            cr_assert_leq(open_descriptors(), before + 2);
    }
    struct source_status status;
    cr_assert_eq(drain(s, &status), 0);
    cr_assert_eq(status.cut_files, 0);
    cr_assert_eq(open_descriptors(), before);
}

#define PARALLEL 100

/* All overlap in time, so that all are being read at once, with few descriptors, a few of which
 * are taken: the files are larger than a buffer. */
Test(source_stream, more_overlapping_files_than_descriptors)
{
    static char names[PARALLEL][320];
    static const char *paths[PARALLEL];
    for (unsigned i = 0; i < PARALLEL; i++) {
        plain.n = 0;
        put_pcap_header(&plain, MAGIC_US, EN10MB);
        for (uint32_t k = 0; k < 20; k++)
            put_pcap_packet(&plain, k, i, 2500, 'x');
        packed.n = 0;
        i % 2 ? add_zstd(plain.data, plain.n) : put(&packed, plain.data, plain.n);
        char name[32];
        snprintf(name, sizeof(name), "parallel-%u", i);
        snprintf(names[i], sizeof(names[i]), "%s", write_file(name, packed.data, packed.n));
        paths[i] = names[i];
    }
    limit_descriptors(open_descriptors() + 5);
    struct source *s;
    struct packet p;
    cr_assert_eq(source_open_files(paths, PARALLEL, NULL, error, &s), 0, "%s", error);
    for (int64_t i = 0; i < 20 * PARALLEL; i++) {
        cr_assert_eq(batches_one(s, &p), 1);
        cr_assert_eq(p.ts_ns, i / PARALLEL * 1000000000 + i % PARALLEL * 1000);
    }
    struct source_status status;
    cr_assert_eq(drain(s, &status), 0);
    cr_assert_eq(status.cut_files, 0, "%s", status.cut);
}

/* ---- standard input and pipes ---- */

static void feed_stdin(const void *data, size_t n)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], data, n), (ssize_t)n);
    close(ends[1]);
    cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
}

Test(source_stream, standard_input)
{
    struct source_status status;
    make_plain(50);
    feed_stdin(plain.data, plain.n);
    cr_assert_eq(read_whole("-", &status), 50);
    cr_assert_eq(status.total_bytes, 0);
    cr_assert_eq(status.read_bytes, plain.n);
    add_gzip(plain.data, plain.n - 1);
    feed_stdin(packed.data, packed.n);
    cr_assert_eq(read_whole("-", &status), 49);
    cr_assert_str_eq(status.cut, "standard input: cut off in the middle of packet 50");
    feed_stdin("", 0);
    struct source *s;
    const char *path = "-";
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), ERR_FORMAT);
    cr_assert_str_eq(error, "standard input: the file is empty");
}

Test(source_stream, standard_input_beside_files)
{
    struct source_status status;
    struct source *s;
    plain.n = 0;
    put_pcap_header(&plain, MAGIC_US, EN10MB);
    put_tcp_packet(&plain, 10, 81, true);
    put_tcp_packet(&plain, 30, 80, true);
    feed_stdin(plain.data, plain.n);
    plain.n = 0;
    put_pcap_header(&plain, MAGIC_US, EN10MB);
    put_tcp_packet(&plain, 20, 80, true);
    put_tcp_packet(&plain, 40, 81, true);
    const char *paths[] = {write_file("x", plain.data, plain.n), "-"};
    cr_assert_eq(source_open_files(paths, 2, "port 80", error, &s), 0, "%s", error);
    struct packet p;
    cr_assert_eq(batches_one(s, &p), 1);
    cr_assert_eq(p.ts_ns, INT64_C(20000000000));
    cr_assert_eq(batches_one(s, &p), 1);
    cr_assert_eq(p.ts_ns, INT64_C(30000000000));
    cr_assert_eq(drain(s, &status), 0);
    cr_assert_eq(status.total_bytes, 0);
}

static struct source *waiting;

static void on_alarm(int number)
{
    (void)number;
    source_break(waiting);
}

/* part: of the next packet that has come when it breaks. */
static void break_while_waiting(size_t part)
{
    const char *path = path_of("fifo");
    cr_assert_eq(mkfifo(path, 0600), 0);
    int writer = open(path, O_RDWR);
    make_plain(1);
    cr_assert_eq(write(writer, plain.data, plain.n), (ssize_t)plain.n);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &waiting), 0, "%s", error);
    struct packet p;
    cr_assert_eq(batches_one(waiting, &p), 1, "packets come before a buffer is full");
    cr_assert_eq(write(writer, plain.data + 24, part), (ssize_t)part);
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval soon = {.it_value = {.tv_usec = 50000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    cr_assert_eq(batches_one(waiting, &p), ERR_INTERRUPTED);
    struct source_status status;
    source_status(waiting, &status);
    cr_assert_eq(status.cut_files, 0, "%s", status.cut);
    source_close(waiting);
    close(writer);
    unlink(path);
}

Test(source_stream, break_while_waiting_for_a_pipe)
{
    break_while_waiting(0);
    break_while_waiting(7);
    break_while_waiting(25);
}

/* What a writer has sent so far is delivered, however it was cut; nothing is waited for. */
static void drip(const struct bytes *form, size_t head, const size_t *ends, unsigned count)
{
    const char *path = path_of("drip");
    cr_assert_eq(mkfifo(path, 0600), 0);
    int writer = open(path, O_RDWR);
    cr_assert_eq(write(writer, form->data, head), (ssize_t)head);
    struct source *s;
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
    struct batch *b = batch_new();
    size_t sent = head;
    for (unsigned i = 0; i + 2 < count; i++) {
        /* up to somewhere in the packet after the next */
        size_t end = ends[i + 1] + (i * 7 + 1) % (ends[i + 2] - ends[i + 1]);
        if (sent < end)
            cr_assert_eq(write(writer, form->data + sent, end - sent), (ssize_t)(end - sent));
        sent = end;
        do {
            cr_assert_eq(source_batch(s, b, 0), 1);
        } while (b->packets[b->count - 1].number < i + 2);
        cr_assert_eq(b->packets[b->count - 1].number, i + 2);
    }
    batch_free(b);
    source_close(s);
    close(writer);
    unlink(path);
}

Test(source_stream, a_live_pipe_is_not_waited_for)
{
    static size_t ends[64];
    static const uint32_t magics[] = {MAGIC_US, MAGIC_NS};
    for (unsigned form = 0; form < 6; form++) {
        plain.n = 0;
        plain.big = form & 1;
        if (form < 4)
            put_pcap_header(&plain, magics[form / 2], EN10MB);
        else
            put_section(&plain), put_interface(&plain, EN10MB, true);
        size_t head = plain.n;
        for (uint32_t i = 0; i < 64; i++) {
            form < 4 ? put_pcap_packet(&plain, i, 0, i * 5, 'x') : put_enhanced(&plain, 0, i, 'y');
            ends[i] = plain.n;
        }
        drip(&plain, head, ends, 64);
    }
    plain.big = false;
}
