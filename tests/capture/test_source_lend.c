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

/* What is asked to be fetched: all that follows, once, and not much more than a batch of it. */
Test(source_lend, what_follows_is_fetched_ahead)
{
    open_records();
    uintptr_t fetched = 0;
    while (source_batch(s, block, fetched ? 0 : 5) == 1) {
        if (in_memory_of_batch(block->packets[0].data))
            continue;
        const struct packet *last = &block->packets[block->count - 1];
        uintptr_t end = (uintptr_t)last->data + last->captured_bytes, at = block->ahead;
        cr_assert_geq(at, end);
        cr_assert(fetched == 0 || at == (fetched > end ? fetched : end));
        for (uint32_t k = 0; k < block->count; k++)
            at = batch_fetch(block, at);
        cr_assert_gt(at, end);
        cr_assert_leq(at, end + BATCH_MEMORY_BYTES + (block->count + 1) * CACHE_LINE_BYTES);
        fetched = at;
    }
    finish();
}

/* A batch holds what it would if it were read, since caps are counted by batches. */
static void compare_batches(uint32_t max_packets)
{
    struct source *other;
    struct source_status of_other;
    path = write_file("cut", file, file_bytes);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &other), 0, "%s", error);
    source_lend(s);
    int result;
    do {
        result = source_batch(s, block, max_packets);
        cr_assert_eq(source_batch(other, copy, max_packets), result);
        cr_assert_eq(block->count, copy->count);
        source_status(s, &status);
        source_status(other, &of_other);
        cr_assert_eq(status.read_bytes, of_other.read_bytes);
    } while (result == 1);
    source_close(s);
    source_close(other);
}

Test(source_lend, batches_are_those_that_are_read)
{
    static const size_t sizes[] = {20, 300, 1500, 9000, 40000, 60000};
    static struct bytes b;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        b.n = file_bytes = 0;
        put_pcap_header(&b, MAGIC_US, EN10MB);
        add(&b);
        unsigned x = 1;
        while (file_bytes + 61000 < MAX_BYTES) {
            b.n = 0;
            x = x * 1103515245 + 12345;
            put_pcap_packet(&b, x, 0, (x >> 8) % sizes[i], 3);
            add(&b);
        }
        for (uint32_t max = 0; max < 300; max = max * 3 + 1)
            compare_batches(max);
    }
}

/* Cuts the file 1000 records and so many bytes long while the first batch is in hand: these records
 * are told. */
static void cut_behind_the_batch(uint32_t more)
{
    open_records();
    cr_assert_eq(source_batch(s, block, 0), 1);
    uint32_t first = block->count;
    cut(24 + 1000 * RECORD + more);
    cr_assert_eq(first + read_on(), 1000);
}

Test(source_lend, cut_short_behind_what_was_lent)
{
    cut_behind_the_batch(500);
    cr_assert_eq(status.cut_files, 1);
    cr_assert_not_null(strstr(status.cut, "cut off in the middle of packet 1001"), "%s",
                       status.cut);
    finish();
}

Test(source_lend, cut_short_at_a_records_end)
{
    cut_behind_the_batch(0);
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

/* As long as can be, and longer than that: among those that are short. */
Test(source_lend, long_records)
{
    static const uint32_t sizes[] = {10, 200000, 1500, 262144, 262144, 3, 262000, 262145, 5};
    begin_lengths();
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        add_length(i, sizes[i]);
    for (uint32_t max = 0; max < 4; max++) {
        compare_way(LENT, file_bytes, max);
        compare_batches(max);
    }
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
