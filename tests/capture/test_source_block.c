/* SPDX-License-Identifier: BSD-3-Clause */
/* The block reader of pcap files gives what libpcap alone gives, over many blocks, whether from a
 * file, a compressed one, or a pipe that is written to in pieces. */
#include "base/err.h"
#include "capture/source.h"
#include "capture/source_internal.h"
#include "capture_files.h"
#include "tests/support/fail_alloc.h"
#include <sys/wait.h>
#include <zlib.h>
#include <zstd.h>

#define MAX_BYTES 1200000u

static uint8_t file[MAX_BYTES];
static size_t file_bytes;
static char error[SOURCE_ERROR_BYTES];

static void add(const struct bytes *b)
{
    cr_assert_leq(file_bytes + b->n, sizeof(file));
    memcpy(file + file_bytes, b->data, b->n);
    file_bytes += b->n;
}

/* Records of all sizes up to max, in both directions of a pseudo-random walk. */
static void make_file(uint32_t magic, bool big, unsigned records, size_t max)
{
    static struct bytes b;
    b.n = 0;
    b.big = big;
    file_bytes = 0;
    put_pcap_header(&b, magic, EN10MB);
    add(&b);
    for (unsigned i = 0, x = 1; i < records; i++) {
        b.n = 0;
        x = x * 1103515245 + 12345;
        put_pcap_packet(&b, 1000 + i, i, (x >> 8) % max, (uint8_t)i);
        add(&b);
    }
}

/* How the block reader gets a file. */
enum way { PLAIN, GZIP, ZSTD, PIPE, WAYS };

static uint8_t packed[MAX_BYTES + 4096];
static size_t packed_bytes; /* of the last one that was compressed */
static size_t piece = 5000; /* what a pipe's writer writes at once */

static void pack(enum way way, const uint8_t *bytes, size_t n)
{
    if (way == ZSTD) {
        packed_bytes = ZSTD_compress(packed, sizeof(packed), bytes, n, 1);
        cr_assert(!ZSTD_isError(packed_bytes));
        return;
    }
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)n};
    cr_assert_eq(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed_bytes = sizeof(packed) - z.avail_out;
    deflateEnd(&z);
}

static pid_t writer;
static int reading;

/* Of a writer whose bytes nobody wants any more, too. */
static void end_writer(void)
{
    close(reading);
    waitpid(writer, NULL, 0);
}

/* The path of a pipe to which another process writes. */
static const char *write_pipe(const uint8_t *bytes, size_t n)
{
    static char path[32];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    reading = ends[0];
    writer = fork();
    cr_assert_geq(writer, 0);
    if (writer == 0) {
        close(ends[0]);
        for (size_t at = 0, left = n; left > 0; left = n - at) {
            ssize_t done = write(ends[1], bytes + at, left < piece ? left : piece);
            if (done < 0)
                break;
            at += (size_t)done;
        }
        _exit(0);
    }
    close(ends[1]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", reading);
    return path;
}

static const char *hand_in(enum way way, size_t n)
{
    switch (way) {
    case PIPE:
        return write_pipe(file, n);
    case GZIP:
    case ZSTD:
        pack(way, file, n);
        return write_file("y", packed, packed_bytes);
    case PLAIN:
    case WAYS:
        break;
    }
    packed_bytes = n;
    return write_file("y", file, n);
}

static struct batch *block, *copy;

static void make(void)
{
    directory_make();
    block = batch_new();
    copy = batch_new();
}

static void unmake(void)
{
    batch_free(block);
    batch_free(copy);
    directory_remove();
}

TestSuite(source_block, .init = make, .fini = unmake, .timeout = 60);

static void compare_packet(const struct packet *p, const struct packet *q)
{
    cr_assert_eq(p->number, q->number);
    cr_assert_eq(p->ts_ns, q->ts_ns);
    cr_assert_eq(p->captured_bytes, q->captured_bytes);
    cr_assert_eq(p->wire_bytes, q->wire_bytes);
    cr_assert_eq(p->link_type, q->link_type);
    cr_assert_eq(memcmp(p->data, q->data, p->captured_bytes), 0);
}

static void compare_status(struct source *s, struct source *other, size_t bytes)
{
    struct source_status a, b;
    source_status(s, &a);
    source_status(other, &b);
    cr_assert_eq(a.packets, b.packets);
    cr_assert_eq(a.bytes, b.bytes);
    cr_assert_eq(a.cut_files, b.cut_files);
    const char *sentence = strchr(a.cut, ':'), *words = strchr(b.cut, ':');
    cr_assert_eq(!sentence, !words);
    if (sentence)
        cr_assert_str_eq(sentence, words);
    cr_assert(a.read_bytes == bytes || a.cut_files > 0);
}

/* Both sources to their ends. */
static void compare_sources(struct source *s, struct source *other, uint32_t max_packets)
{
    int result;
    uint32_t at = 0;
    copy->count = 0;
    while ((result = source_batch(s, block, max_packets)) == 1) {
        cr_assert(block->count > 0 && (max_packets == 0 || block->count <= max_packets));
        for (uint32_t i = 0; i < block->count; i++) {
            if (at == copy->count) {
                cr_assert_eq(source_batch(other, copy, max_packets ? max_packets + 1 : 0), 1);
                at = 0;
            }
            compare_packet(&block->packets[i], &copy->packets[at++]);
        }
    }
    cr_assert_eq(result, 0);
    cr_assert_eq(block->count, 0);
    cr_assert_eq(at, copy->count);
    cr_assert_eq(source_batch(other, copy, 0), 0);
}

/* The first n bytes of the file, read in blocks and by libpcap alone, in batches of at most so many
 * packets: same packets, same end. */
static void compare_way(enum way way, size_t n, uint32_t max_packets)
{
    struct source *s = NULL, *other = NULL;
    static char message[SOURCE_ERROR_BYTES];
    FILE *f = fopen(write_file("x", file, n), "rb");
    const char *path = hand_in(way, n);
    int result = source_open_files(&path, 1, NULL, error, &s);
    cr_assert_eq(source_open_stream(f, message, &other) != 0, result != 0, "%s", error);
    if (result == 0) {
        compare_sources(s, other, max_packets);
        compare_status(s, other, way == PIPE ? n : packed_bytes);
    }
    source_close(s);
    source_close(other);
    if (way == PIPE)
        end_writer();
}

static void compare_by(size_t n, uint32_t max_packets)
{
    for (enum way way = PLAIN; way < WAYS; way++)
        compare_way(way, n, max_packets);
}

static void compare(size_t n)
{
    compare_by(n, 0);
}

Test(source_block, forms_over_many_blocks)
{
    for (int big = 0; big < 2; big++) {
        make_file(MAGIC_US, big, 1000, 1500);
        compare(file_bytes);
        make_file(MAGIC_NS, big, 1000, 1500);
        compare(file_bytes);
    }
    make_file(MAGIC_US, false, 50, 40000);
    compare(file_bytes);
    make_file(0xa1b2cd34, false, 0, 1); /* a variant with longer record headers */
    compare(file_bytes);
}

Test(source_block, cuts_around_a_block)
{
    make_file(MAGIC_US, false, 900, 1500);
    for (size_t n = 24 + 262144 - 40; n < 24 + 262144 + 40; n++)
        compare_way(PLAIN, n, 0);
    for (size_t n = 262144 - 40; n < 262144 + 40; n++)
        compare_way(PLAIN, n, 0);
    for (size_t n = 262144 - 40; n < 24 + 262144 + 40; n += 3)
        compare_way(n % 2 ? GZIP : PIPE, n, 0);
}

Test(source_block, cut_at_every_byte)
{
    static const size_t pieces[] = {1, 7, 4096};
    make_file(MAGIC_US, false, 6, 40);
    for (size_t n = 1; n <= file_bytes; n++) {
        piece = pieces[n % 3];
        compare(n);
        compare_by(n, 1);
    }
    piece = 1;
    compare(file_bytes);
}

/* A pipe is read in whatever pieces it is written in. */
Test(source_block, pieces_of_every_size)
{
    static const size_t pieces[] = {3, 97, 1499, 4095, 4097, 65536, MAX_BYTES};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        piece = pieces[i];
        make_file(MAGIC_US, i % 2, i < 2 ? 60 : 700, 1500);
        compare_way(PIPE, file_bytes, i % 3 * 100);
        make_file(MAGIC_NS, false, i < 2 ? 2 : 30, 60000);
        compare_way(PIPE, file_bytes, 0);
    }
}

/* However many packets are wanted at once, and whatever their sizes: what a batch leaves is the
 * next one's. */
Test(source_block, batches_of_every_size)
{
    static const size_t sizes[] = {1, 100, 1500, 40000};
    for (size_t i = 0; i < 4; i++) {
        make_file(MAGIC_US, false, i < 3 ? 700 : 50, sizes[i]);
        for (uint32_t max = 1; max < 40; max += max < 8 ? 1 : 7)
            compare_way((enum way)((max + i) % WAYS), file_bytes, max);
        compare_by(file_bytes, BATCH_PACKETS);
    }
    make_file(MAGIC_US, false, 20000, 20); /* many more than a batch has room for */
    compare(file_bytes);
}

/* A filter that takes nothing of many blocks, then one packet. */
Test(source_block, a_filter_that_takes_little)
{
    make_file(MAGIC_US, false, 1300, 1500);
    static struct bytes b;
    put_tcp_packet(&b, 77, 80, true);
    add(&b);
    for (enum way way = PLAIN; way < WAYS; way++) {
        const char *path = hand_in(way, file_bytes);
        struct source *s;
        cr_assert_eq(source_open_files(&path, 1, "tcp port 80", error, &s), 0, "%s", error);
        cr_assert_eq(source_batch(s, block, 0), 1);
        cr_assert_eq(block->count, 1);
        cr_assert_eq(block->packets[0].number, 1);
        cr_assert_eq(block->packets[0].ts_ns, INT64_C(77000000000));
        cr_assert_eq(source_batch(s, block, 0), 0);
        source_close(s);
        if (way == PIPE)
            end_writer();
    }
}

/* Records that are none, longer than the snap length, or longer than any buffer: libpcap decides.
 */
Test(source_block, unusual_records)
{
    const uint32_t lengths[] = {0,      65535,   65536,      100000,     262143,    262144,
                                262145, 0x50000, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (unsigned at = 0; at < 3; at++) {
            make_file(MAGIC_US, false, 700, 1500);
            size_t offset = 24;
            for (unsigned record = 0; record < at * 300; record++) {
                uint32_t captured;
                memcpy(&captured, file + offset + 8, 4);
                offset += 16 + captured;
            }
            memcpy(file + offset + 8, &lengths[i], 4);
            memset(file + offset, (int)i * 37, 8);
            compare(file_bytes);
        }
    }
}

/* Whatever allocation fails, the packets are all there or it is said to be for want of memory. */
Test(source_block, every_allocation_may_fail)
{
    make_file(MAGIC_US, false, 10, 100);
    for (enum way way = PLAIN; way < WAYS; way++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            struct source *s = NULL;
            const char *path = hand_in(way, file_bytes);
            fail_alloc_at(n);
            int result = source_open_files(&path, 1, NULL, error, &s);
            if (result == 0)
                result = source_batch(s, block, 0);
            failed = fail_alloc_stop();
            cr_assert(result == ERR_NOMEM || (result == 1 && block->count == 10), "%d", result);
            cr_assert(result == 1 || failed);
            source_close(s);
            if (way == PIPE)
                end_writer();
        }
    }
}
