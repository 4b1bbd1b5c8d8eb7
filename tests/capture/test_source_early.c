/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read before it is known whose it is: whatever is guessed, batches are the same. */
#include "readers.h"
#include <unistd.h>

#define BATCHES 4

TestSuite(source_early, .init = readers_make, .fini = readers_unmake, .timeout = 120);

static struct batch *batches[BATCHES];
static struct source *s, *other;
static const char *path;
static uint32_t taken; /* batches that were read early */

static void open_both(void)
{
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
    cr_assert_eq(source_open_files(&path, 1, NULL, error, &other), 0, "%s", error);
    for (int i = 0; i < BATCHES; i++)
        batches[i] = batch_new();
    taken = 0;
}

static void close_both(void)
{
    source_close(s);
    source_close(other);
    for (int i = 0; i < BATCHES; i++)
        batch_free(batches[i]);
}

/* Records of at most that many bytes of data, two megabytes. */
static void write_records(size_t most)
{
    static struct bytes b;
    b.n = file_bytes = 0;
    put_pcap_header(&b, MAGIC_US, EN10MB);
    add(&b);
    for (unsigned x = 1; file_bytes + 61000 < MAX_BYTES;) {
        b.n = 0;
        x = x * 1103515245 + 12345;
        put_pcap_packet(&b, x, 0, (x >> 8) % most, (uint8_t)(x >> 16));
        add(&b);
    }
    path = write_file("early", file, file_bytes);
}

/* The next batch of s, and of the other one, which nobody prepared. */
static int compare_next(struct batch *b, uint32_t max_packets)
{
    int result = source_batch(s, b, max_packets);
    cr_assert_eq(source_batch(other, copy, max_packets), result);
    cr_assert_eq(b->count, copy->count);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct packet *p = &b->packets[i], *q = &copy->packets[i];
        cr_assert_eq(p->number, q->number);
        cr_assert_eq(p->ts_ns, q->ts_ns);
        cr_assert_eq(p->captured_bytes, q->captured_bytes);
        cr_assert_eq(memcmp(p->data, q->data, p->captured_bytes), 0);
    }
    struct source_status a, c;
    source_status(s, &a);
    source_status(other, &c);
    cr_assert_eq(a.read_bytes, c.read_bytes);
    cr_assert_eq(a.cut_files, c.cut_files);
    if (b->count > 1)
        taken += b->packets[b->count - 1].data >= b->memory + BATCH_LEAD_BYTES &&
                 copy->packets[b->count - 1].data - copy->memory !=
                     b->packets[b->count - 1].data - b->memory;
    return result;
}

/* Each batch is prepared while so many before it are still to be filled, as that many numbers
 * further on as is said. Returns how many batches there were. */
static uint32_t read_prepared(uint32_t ahead, uint64_t further, uint32_t max_packets)
{
    uint32_t n = 0;
    open_both();
    for (; n < ahead; n++)
        source_prepare(s, batches[n % BATCHES], n + further);
    for (n = 0; n == 0 || batches[(n - 1) % BATCHES]->count > 0; n++) {
        source_prepare(s, batches[(n + ahead) % BATCHES], n + ahead + further);
        compare_next(batches[n % BATCHES], max_packets);
    }
    close_both();
    return n - 1;
}

Test(source_early, batches_are_the_same)
{
    static const size_t sizes[] = {20, 300, 1500, 9000, 40000, 60000};
    static const uint64_t wrong[] = {0, 1, 3, UINT64_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_records(sizes[i]);
        for (uint32_t ahead = 0; ahead < BATCHES; ahead++)
            for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
                read_prepared(ahead, wrong[k], wrong[k] == 3 ? 100 : 0);
    }
}

/* All but the first, before which nothing is known, and what is left at the end. */
Test(source_early, what_is_read_early_is_used)
{
    static const size_t sizes[] = {1500, 9000, 60000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        write_records(sizes[i]);
        for (uint32_t ahead = 0; ahead < BATCHES; ahead++) {
            uint32_t n = read_prepared(ahead, 0, 0);
            cr_assert_geq(n, 7);
            cr_assert_geq(taken + 2 + ahead, n, "%u of %u, %u ahead", taken, n, ahead);
        }
    }
}

/* The file in hand, up to two batches ahead. */
static void compare_prepared(void)
{
    path = write_file("early", file, file_bytes);
    for (uint32_t ahead = 0; ahead < 3; ahead++)
        read_prepared(ahead, 0, 0);
}

/* A record that begins far before the place where its batch ends, or is longer than a batch. */
Test(source_early, long_records)
{
    static const uint32_t sizes[] = {200000, 1500,   262144, 100000, 131000, 31000,
                                     5,      262144, 262000, 100,    262145, 7};
    for (uint32_t first = 0; first < 300000; first += 9973) {
        begin_lengths();
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            add_length(i, i == 0 ? first % 262144 : sizes[i]);
        compare_prepared();
    }
}

/* Of any length, so that batches begin and end anywhere. */
Test(source_early, records_of_any_length)
{
    for (unsigned seed = 1; seed <= 150; seed++) {
        unsigned x = seed;
        begin_lengths();
        for (unsigned i = 0; file_bytes + 262144 + 16 < MAX_BYTES; i++) {
            x = x * 1103515245 + 12345;
            add_length(i, (x >> 8) % (i % 5 == 0 ? 262145 : 40000));
        }
        compare_prepared();
    }
}

/* What was read early is not what is there by now: each record is whole, as it was or not there. */
Test(source_early, a_file_that_is_cut_or_grows)
{
    write_records(1500);
    for (size_t at = 24; at < file_bytes; at += 100003) {
        path = write_file("early", file, file_bytes);
        open_both();
        cr_assert_eq(source_batch(s, batches[0], 0), 1);
        uint64_t packets = batches[0]->count;
        for (uint64_t n = 1; n < BATCHES; n++)
            source_prepare(s, batches[n], n);
        cr_assert_eq(truncate(path, (off_t)at), 0);
        for (uint64_t n = 1; source_batch(s, batches[n % BATCHES], 0) == 1; n++)
            packets += batches[n % BATCHES]->count;
        struct source_status status;
        source_status(s, &status);
        cr_assert_eq(status.packets, packets);
        close_both();

        path = write_file("early", file, at);
        cr_assert_eq(source_open_files(&path, 1, NULL, error, &s), 0, "%s", error);
        struct batch *b = batch_new();
        packets = source_batch(s, b, 0) == 1 ? b->count : 0;
        source_prepare(s, b, 1);
        FILE *f = fopen(path, "ab");
        cr_assert_eq(fwrite(file + at, 1, file_bytes - at, f), file_bytes - at);
        fclose(f);
        if (at > BATCH_BYTES) { /* else its end was reached */
            while (source_batch(s, b, 0) == 1)
                packets += b->count;
            source_status(s, &status);
            cr_assert_eq(status.read_bytes, file_bytes);
            cr_assert_eq(status.cut_files, 0, "%s", status.cut);
        }
        source_close(s);
        batch_free(b);
    }
}

/* Of those that cannot be read twice nothing is, nor of what is filtered. */
Test(source_early, what_is_not_read_early)
{
    write_records(1500);
    for (enum way way = PLAIN; way < WAYS; way++) {
        const char *given = hand_in(way, file_bytes);
        bool filtered = way == PLAIN;
        cr_assert_eq(source_open_files(&given, 1, filtered ? "ip or not ip" : NULL, error, &s), 0);
        struct batch *b = batch_new();
        for (uint64_t n = 0; n < 5; n++) {
            source_prepare(s, b, n);
            cr_assert_eq(b->early_bytes, 0);
            cr_assert_eq(source_batch(s, b, 0), 1);
        }
        source_close(s);
        batch_free(b);
        if (way == PIPE)
            end_writer();
    }
}
