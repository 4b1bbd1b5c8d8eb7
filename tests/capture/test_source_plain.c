/* SPDX-License-Identifier: BSD-3-Clause */
/* The block reader of plain pcap files gives what libpcap alone gives, over many blocks. */
#include "base/err.h"
#include "capture/source.h"
#include "capture/source_internal.h"
#include "capture/source_plain.h"
#include "capture_files.h"

TestSuite(source_plain, .init = directory_make, .fini = directory_remove, .timeout = 60);

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

/* What a packet told ahead of the one that comes so many packets later. */
struct told {
    bool any;
    uint32_t n;
    uint8_t first[32];
};

static struct told told[SOURCE_PLAIN_AHEAD];
static unsigned told_right;

/* Frames told ahead are those that come. */
static void compare_ahead(const struct packet *p)
{
    struct told *t = &told[p->number % SOURCE_PLAIN_AHEAD];
    if (t->any) {
        cr_assert_eq(t->n, p->captured_bytes);
        cr_assert_eq(memcmp(t->first, p->data, t->n < 32 ? t->n : 32), 0);
        told_right++;
    }
    t->any = p->ahead != NULL;
    t->n = t->any ? p->ahead_bytes : 0;
    if (t->any)
        memcpy(t->first, p->ahead, t->n < 32 ? t->n : 32);
}

/* The first n bytes of the file, read in both ways: same packets, same end. */
static void compare(size_t n)
{
    const char *path = write_file("x", file, n);
    struct source *block, *plain;
    FILE *f = fopen(path, "rb");
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &block), 0, "%s", error);
    cr_assert_eq(source_open_stream(f, error, &plain), 0, "%s", error);
    int result;
    memset(told, 0, sizeof(told));
    do {
        struct packet p, q;
        source_look_ahead(block, true);
        result = source_next(block, &p);
        cr_assert_eq(source_next(plain, &q), result);
        if (result != 1)
            break;
        cr_assert_eq(p.number, q.number);
        cr_assert_eq(p.ts_ns, q.ts_ns);
        cr_assert_eq(p.captured_bytes, q.captured_bytes);
        cr_assert_eq(p.wire_bytes, q.wire_bytes);
        cr_assert_eq(p.link_type, q.link_type);
        cr_assert_eq(memcmp(p.data, q.data, p.captured_bytes), 0);
        cr_assert_null(q.ahead);
        compare_ahead(&p);
    } while (result == 1);
    struct source_status a, b;
    source_status(block, &a);
    source_status(plain, &b);
    cr_assert_eq(a.packets, b.packets);
    cr_assert_eq(a.cut_files, b.cut_files);
    const char *sentence = strchr(a.cut, ':'), *other = strchr(b.cut, ':');
    cr_assert_eq(!sentence, !other);
    if (sentence)
        cr_assert_str_eq(sentence, other);
    cr_assert(a.read_bytes == n || a.cut_files > 0);
    source_close(block);
    source_close(plain);
}

Test(source_plain, forms_over_many_blocks)
{
    for (int big = 0; big < 2; big++) {
        make_file(MAGIC_US, big, 1000, 1500);
        told_right = 0;
        compare(file_bytes);
        cr_assert_geq(told_right, 950);
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
