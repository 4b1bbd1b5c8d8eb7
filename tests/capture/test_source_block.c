/* SPDX-License-Identifier: BSD-3-Clause */
/* The block reader of pcap files gives what libpcap alone gives, over many blocks, whether from a
 * file, a compressed one, or a pipe that is written to in pieces. */
#include "readers.h"
#include <fcntl.h>
#include <unistd.h>

TestSuite(source_block, .init = readers_make, .fini = readers_unmake, .timeout = 60);

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

/* As long as can be, and longer than that: among those that are short. */
Test(source_block, long_records)
{
    static const uint32_t sizes[] = {10, 200000, 1500, 262144, 262144, 3, 262000, 262145, 5};
    begin_lengths();
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        add_length(i, sizes[i]);
    for (uint32_t max = 0; max < 4; max++)
        compare_by(file_bytes, max);
}

#define LENGTH 1000u /* of each record's data, in what follows */
#define RECORD (16 + LENGTH)
#define MANY   2000u

static struct source *s;
static const char *path;

static void write_many(size_t n)
{
    begin_lengths();
    for (uint32_t i = 0; i < MANY; i++)
        add_length(i, LENGTH);
    path = write_file("many", file, n);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
}

static void read_from_standard_input(void)
{
    static const char *const name = "-";
    source_close(s);
    int fd = open(path, O_RDONLY);
    cr_assert_geq(fd, 0);
    cr_assert_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    cr_assert_eq(source_open_files(&name, 1, NULL, error, &s), 0, "%s", error);
}

/* All batches to the end, whose packets are those that were written. */
static void read_many(struct source_status *ret_status)
{
    int result;
    while ((result = source_batch(s, block, 0)) == 1) {
        for (uint32_t i = 0; i < block->count; i++) {
            const struct packet *p = &block->packets[i];
            cr_assert_eq(p->captured_bytes, LENGTH);
            cr_assert_eq(memcmp(p->data, file + 24 + (p->number - 1) * RECORD + 16, LENGTH), 0);
        }
    }
    cr_assert_eq(result, 0);
    source_status(s, ret_status);
    source_close(s);
}

/* A file, by name or on standard input, is cut while the first batch is in hand, which stays as it
 * is: behind that, in a record or between two, or before the end of it. */
static void cut_while_read(bool named)
{
    static const struct {
        uint32_t records;
        size_t more; /* bytes of the record behind them */
    } ends[] = {{1000, 500}, {1000, 15}, {1000, 0}, {5, 0}, {5, 500}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct source_status status;
        write_many(24 + MANY * RECORD);
        if (!named)
            read_from_standard_input();
        cr_assert_eq(source_batch(s, block, 0), 1);
        uint32_t first = block->count;
        cr_assert_eq(truncate(path, (off_t)(24 + ends[i].records * RECORD + ends[i].more)), 0);
        cr_assert_eq(
            memcmp(block->packets[first - 1].data, file + 24 + (first - 1) * RECORD + 16, LENGTH),
            0);
        read_many(&status);
        cr_assert_eq(status.packets, ends[i].records < first ? first : ends[i].records);
        char told[64];
        snprintf(told, sizeof(told), "cut short while it was read, after packet %llu",
                 (unsigned long long)status.packets);
        cr_assert_eq(status.cut_files, 1);
        cr_assert_not_null(strstr(status.cut, told), "%s", status.cut);
    }
}

Test(source_block, a_file_that_is_cut_while_it_is_read)
{
    cut_while_read(true);
}

Test(source_block, standard_input_that_is_cut_while_it_is_read)
{
    cut_while_read(false);
}

/* Somebody still writes: what is there when the end is reached is read, wherever it ended first. */
Test(source_block, a_file_that_grows_while_it_is_read)
{
    static const size_t begun[] = {24,
                                   30,
                                   24 + 3 * RECORD,
                                   24 + 70 * RECORD + 600,
                                   24 + 1000 * RECORD + 15,
                                   24 + 1999 * RECORD};
    for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++) {
        struct source_status status;
        write_many(begun[i]);
        if (begun[i] > 24 + 3 * RECORD)
            cr_assert_eq(source_batch(s, block, 0), 1);
        FILE *f = fopen(path, "ab");
        cr_assert_eq(fwrite(file + begun[i], 1, file_bytes - begun[i], f), file_bytes - begun[i]);
        fclose(f);
        read_many(&status);
        cr_assert_eq(status.packets, MANY, "%zu", begun[i]);
        cr_assert_eq(status.read_bytes, file_bytes);
        cr_assert_eq(status.cut_files, 0, "%s", status.cut);
    }
}

Test(source_block, interrupted)
{
    write_many(24 + MANY * RECORD);
    cr_assert_eq(source_batch(s, block, 0), 1);
    source_break(s);
    cr_assert_eq(source_batch(s, block, 0), ERR_INTERRUPTED);
    cr_assert_eq(block->count, 0);
    source_close(s);
}

/* Whatever allocation fails, the packets are all there or it is said to be for want of memory. */
Test(source_block, every_allocation_may_fail)
{
    make_file(MAGIC_US, false, 10, 100);
    for (enum way way = PLAIN; way < WAYS; way++)
        read_with_failing_allocations(way, 10);
}
