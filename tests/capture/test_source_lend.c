/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture file that is read in place, and changes meanwhile. That the packets are those that are
 * read otherwise is in test_source_block.c and test_source_pcapng.c. */
#include "readers.h"

#define RECORDS 2000u
#define DATA    1000u /* of a record */
#define RECORD  (16 + DATA)

TestSuite(source_lend, .init = readers_make, .fini = readers_unmake, .timeout = 60);

static struct source *s;
static const char *path;
static struct source_status status;

/* Two megabytes of records of one size, in a file that is open and lends. */
static void open_records(void)
{
    static struct bytes b;
    b.n = file_bytes = 0;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    add(&b);
    for (unsigned i = 0; i < RECORDS; i++) {
        b.n = 0;
        put_pcap_packet(&b, 1000 + i, 0, DATA, (uint8_t)(i | 1));
        add(&b);
    }
    path = write_file("lent", file, file_bytes);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
    source_lend(s);
}

/* Reads to the end; every packet's bytes are as they were written. Returns how many came. */
static uint64_t read_on(void)
{
    int result;
    uint64_t n = 0;
    while ((result = source_batch(s, block, 0)) == 1) {
        for (uint32_t i = 0; i < block->count; i++) {
            const struct packet *p = &block->packets[i];
            cr_assert_eq(p->captured_bytes, DATA);
            cr_assert_eq(memcmp(p->data, file + 24 + (p->number - 1) * RECORD + 16, DATA), 0);
            n++;
        }
    }
    cr_assert_eq(result, 0);
    source_status(s, &status);
    return n;
}

static bool in_memory_of_batch(const uint8_t *p)
{
    return p >= block->memory && p < block->memory + BATCH_MEMORY_BYTES;
}

static void cut(size_t n)
{
    cr_assert_eq(truncate(path, (off_t)n), 0);
}

static void finish(void)
{
    source_close(s);
}

Test(source_lend, nothing_is_copied)
{
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    cr_assert_not(in_memory_of_batch(block->packets[0].data));
    cr_assert_eq(block->packets[1].data - block->packets[0].data, RECORD);
    cr_assert_gt(block->ahead_lines, 0);
    uint32_t first = block->count;
    cr_assert_eq(first + read_on(), RECORDS);
    cr_assert_eq(status.read_bytes, file_bytes);
    finish();
}

/* What is asked to be fetched: all, once, evenly, and no more than is of use. */
Test(source_lend, what_follows_is_fetched_ahead)
{
    open_records();
    uintptr_t fetched = 0;
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(source_batch(s, block, i % 3 ? 0 : 5), 1);
        const struct packet *last = &block->packets[block->count - 1];
        uintptr_t end = (uintptr_t)last->data + last->captured_bytes, at = block->ahead;
        cr_assert_geq(at, end);
        cr_assert(fetched == 0 || at == fetched);
        for (uint32_t k = 0; k < block->count; k++)
            at = batch_fetch(block, at);
        cr_assert_geq(at, end + 65536);
        cr_assert_leq(at, end + 65536 + 4096 + (block->count + 1) * 64);
        fetched = at;
    }
    finish();
}

/* Behind the batch in hand: the packets up to there are told, then that it is cut. */
Test(source_lend, cut_short_behind_what_was_lent)
{
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    uint32_t first = block->count;
    cut(24 + 1000 * RECORD + 500);
    cr_assert_eq(first + read_on(), 1000);
    cr_assert_eq(status.cut_files, 1);
    cr_assert_not_null(strstr(status.cut, "cut off in the middle of packet 1001"), "%s",
                       status.cut);
    finish();
}

Test(source_lend, cut_short_at_a_records_end)
{
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    uint32_t first = block->count;
    cut(24 + 1000 * RECORD);
    cr_assert_eq(first + read_on(), 1000);
    cr_assert_eq(status.cut_files, 0, "%s", status.cut);
    finish();
}

/* Within the batch in hand, whose bytes are zeros then: it is the last. */
Test(source_lend, cut_short_within_what_was_lent)
{
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    uint32_t first = block->count;
    cut(24 + 5 * RECORD);
    for (uint32_t i = 0; i < first; i++) {
        const struct packet *p = &block->packets[i];
        cr_assert(i >= 5 || p->data[DATA - 1] == (uint8_t)(i | 1));
        cr_assert(i < 10 || p->data[DATA - 1] == 0, "%u", i);
    }
    cr_assert_eq(source_batch(s, block, 0), 0);
    source_status(s, &status);
    cr_assert_eq(status.packets, first);
    cr_assert_eq(status.cut_files, 1);
    char words[100];
    snprintf(words, sizeof(words), "while it was read: not read beyond packet %u", first);
    cr_assert_not_null(strstr(status.cut, words), "%s", status.cut);
    cr_assert_eq(source_batch(s, block, 0), 0, "and it stays so");
    finish();
}

Test(source_lend, cut_short_to_nothing)
{
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    uint32_t first = block->count;
    cut(0);
    cr_assert_eq(block->packets[first - 1].data[0], 0);
    cr_assert_eq(source_batch(s, block, 0), 0);
    source_status(s, &status);
    cr_assert_eq(status.cut_files, 1);
    finish();
}

static void append(size_t from, size_t to)
{
    FILE *f = fopen(path, "ab");
    cr_assert_eq(fwrite(file + from, 1, to - from, f), to - from);
    fclose(f);
}

/* Somebody still writes: what is there when the end is reached is read, wherever it ended when it
 * was lent. */
Test(source_lend, a_file_that_grows)
{
    static const size_t parts[] = {24,
                                   30,
                                   24 + 3 * RECORD,
                                   24 + 70 * RECORD + 600,
                                   24 + 1000 * RECORD + 15,
                                   24 + 1999 * RECORD};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        open_records();
        finish();
        cut(parts[i]);
        cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
        source_lend(s);
        uint32_t first = 0;
        if (parts[i] > 24 + 100 * RECORD) {
            cr_assert_eq(source_batch(s, block, 0), 1);
            first = block->count;
        }
        append(parts[i], file_bytes);
        cr_assert_eq(first + read_on(), RECORDS, "%zu", parts[i]);
        cr_assert_eq(status.cut_files, 0, "%s", status.cut);
        finish();
    }
}

/* A record that is longer than a window of the file lies among those that are not. */
Test(source_lend, a_record_longer_than_a_window)
{
    static struct bytes b;
    b.n = file_bytes = 0;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    add(&b);
    static const size_t sizes[] = {10, 65000, 1500, 65400, 65400, 3, 40000, 65519, 65520};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        b.n = 0;
        put_pcap_packet(&b, i, 0, sizes[i] < 65500 ? sizes[i] : 60000, 7);
        add(&b);
    }
    uint32_t head[4] = {99, 0, 200000, 200000};
    memcpy(file + file_bytes, head, 16);
    memset(file + file_bytes + 16, 9, 200000);
    file_bytes += 16 + 200000;
    add(&b);
    for (uint32_t max = 0; max < 4; max++)
        compare_way(LENT, file_bytes, max);
}

Test(source_lend, interrupted)
{
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    source_break(s);
    cr_assert_eq(source_batch(s, block, 0), ERR_INTERRUPTED);
    cr_assert_eq(block->count, 0);
    finish();
}

/* Too many maps, or no addresses for one: it is read as ever. */
Test(source_lend, no_map_to_be_had)
{
    struct source *others[8];
    open_records();
    finish();
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(source_open_files(&path, 1, NULL, error, &others[i]), 0, "%s", error);
        source_lend(others[i]);
    }
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    cr_assert(in_memory_of_batch(block->packets[0].data));
    cr_assert_eq(block->ahead_lines, 0);
    uint32_t first = block->count;
    cr_assert_eq(first + read_on(), RECORDS);
    finish();
    for (int i = 0; i < 8; i++)
        source_close(others[i]);
}

/* Of several files, of a compressed one and of a pipe there is nothing to lend. */
Test(source_lend, what_cannot_be_lent)
{
    open_records();
    finish();
    const char *two[] = {path, path};
    cr_assert_eq(source_open_files(two, 2, NULL, error, &s), 0, "%s", error);
    source_lend(s);
    cr_assert_eq(source_batch(s, block, 0), 1);
    cr_assert(in_memory_of_batch(block->packets[0].data));
    finish();
    for (enum way way = GZIP; way < WAYS; way++) {
        const char *given = hand_in(way, file_bytes);
        cr_assert_eq(source_open_files(&given, 1, NULL, error, &s), 0, "%s", error);
        source_lend(s);
        cr_assert_eq(source_batch(s, block, 0), 1);
        cr_assert(in_memory_of_batch(block->packets[0].data));
        finish();
        if (way == PIPE)
            end_writer();
    }
}
