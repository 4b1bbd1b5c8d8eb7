/* SPDX-License-Identifier: BSD-3-Clause */
/* The block reader of plain pcap files gives what libpcap alone gives, over many blocks. */
#include "base/err.h"
#include "capture/source.h"
#include "capture/source_internal.h"
#include "capture_files.h"

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

TestSuite(source_plain, .init = make, .fini = unmake, .timeout = 60);

static void compare_packet(const struct packet *p, const struct packet *q)
{
    cr_assert_eq(p->number, q->number);
    cr_assert_eq(p->ts_ns, q->ts_ns);
    cr_assert_eq(p->captured_bytes, q->captured_bytes);
    cr_assert_eq(p->wire_bytes, q->wire_bytes);
    cr_assert_eq(p->link_type, q->link_type);
    cr_assert_eq(memcmp(p->data, q->data, p->captured_bytes), 0);
}

static void compare_status(struct source *s, struct source *other, size_t n)
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
    cr_assert(a.read_bytes == n || a.cut_files > 0);
}

/* The first n bytes of the file, read in both ways, in batches of at most so many packets: same
 * packets, same end. */
static void compare_by(size_t n, uint32_t max_packets)
{
    const char *path = write_file("x", file, n);
    struct source *s, *other;
    FILE *f = fopen(path, "rb");
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
    cr_assert_eq(source_open_stream(f, error, &other), 0, "%s", error);
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
    compare_status(s, other, n);
    source_close(s);
    source_close(other);
}

static void compare(size_t n)
{
    compare_by(n, 0);
}

Test(source_plain, forms_over_many_blocks)
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

Test(source_plain, cuts_around_a_block)
{
    make_file(MAGIC_US, false, 900, 1500);
    for (size_t n = 24 + 262144 - 40; n < 24 + 262144 + 40; n++)
        compare(n);
    for (size_t n = 262144 - 40; n < 262144 + 40; n++)
        compare(n);
}

/* However many packets are wanted at once, and whatever their sizes: what a batch leaves is the
 * next one's. */
Test(source_plain, batches_of_every_size)
{
    static const size_t sizes[] = {1, 100, 1500, 40000};
    for (size_t i = 0; i < 4; i++) {
        make_file(MAGIC_US, false, i < 3 ? 700 : 50, sizes[i]);
        for (uint32_t max = 1; max < 40; max += max < 8 ? 1 : 7)
            compare_by(file_bytes, max);
        compare_by(file_bytes, BATCH_PACKETS);
    }
    make_file(MAGIC_US, false, 20000, 20); /* many more than a batch has room for */
    compare(file_bytes);
}

/* A filter that takes nothing of many blocks, then one packet. */
Test(source_plain, a_filter_that_takes_little)
{
    make_file(MAGIC_US, false, 1300, 1500);
    static struct bytes b;
    put_tcp_packet(&b, 77, 80, true);
    add(&b);
    const char *path = write_file("x", file, file_bytes);
    struct source *s;
    cr_assert_eq(source_open_files(&path, 1, "tcp port 80", error, &s), 0, "%s", error);
    cr_assert_eq(source_batch(s, block, 0), 1);
    cr_assert_eq(block->count, 1);
    cr_assert_eq(block->packets[0].number, 1);
    cr_assert_eq(block->packets[0].ts_ns, INT64_C(77000000000));
    cr_assert_eq(source_batch(s, block, 0), 0);
    source_close(s);
}

/* Records that are none, longer than the snap length, or longer than any buffer: libpcap decides.
 */
Test(source_plain, unusual_records)
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
