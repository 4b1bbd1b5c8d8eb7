/* SPDX-License-Identifier: BSD-3-Clause */
/* Where reading stops, with one thread and with several. */
#include "capture/source_internal.h"
#include "cli/stages.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(stages, .timeout = 60);

#define PACKETS (20u * BATCH_PACKETS)
#define BYTES   60
#define MS      INT64_C(1000000)

static char error[SOURCE_ERROR_BYTES];

/* A capture of packets that are nothing known, one each millisecond from 0 on. */
static struct source *open_capture(void)
{
    static const uint8_t frame[BYTES];
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    const uint32_t magic[6] = {0xa1b23c4d, 4u << 16 | 2, 0, 0, 65535, 1};
    fwrite(magic, sizeof(magic), 1, file);
    for (uint32_t i = 0; i < PACKETS; i++) {
        const uint32_t head[4] = {i / 1000, i % 1000 * 1000000, BYTES, BYTES};
        fwrite(head, sizeof(head), 1, file);
        fwrite(frame, sizeof(frame), 1, file);
    }
    rewind(file);
    struct source *s = NULL;
    cr_assert_eq(source_open_stream(file, error, &s), 0, "%s", error);
    return s;
}

static void ignore(void *ctx, struct record *r)
{
    (void)ctx;
    (void)r;
}

/* How many packets are read. */
static uint64_t read_packets(uint32_t threads, uint64_t max_packets, int64_t until_ns)
{
    struct record_sink sink = {.record = ignore};
    struct stages_config config = {.threads = threads};
    struct stages *s = stages_new(&config, &sink);
    cr_assert_not_null(s);
    struct stages_feed feed = {
        .source = open_capture(), .max_packets = max_packets, .until_ns = until_ns};
    cr_assert_eq(stages_read(s, &feed), 0);
    struct front_counters counters;
    stages_counters(s, &counters);
    stages_finish(s);
    stages_free(s);
    source_close(feed.source);
    return counters.packets;
}

Test(stages, a_time_is_overshot_by_no_more_than_its_batch)
{
    for (uint32_t threads = 1; threads <= STAGES_THREADS; threads++) {
        cr_assert_eq(read_packets(threads, 0, 0), PACKETS);
        cr_assert_eq(read_packets(threads, 0, PACKETS * MS), PACKETS);
        for (uint32_t i = 1; i < 20; i += 6) {
            uint64_t until = read_packets(threads, 0, i * 1000 * MS);
            cr_assert_gt(until, i * 1000);
            cr_assert_leq(until, i * 1000 + BATCH_PACKETS);
        }
    }
}

Test(stages, a_count_is_not_overshot)
{
    static const uint64_t counts[] = {1, BATCH_PACKETS - 1, BATCH_PACKETS, BATCH_PACKETS + 1, 5000};
    for (uint32_t threads = 1; threads <= STAGES_THREADS; threads++)
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
            cr_assert_eq(read_packets(threads, counts[i], 0), counts[i]);
}

Test(stages, threads)
{
    cr_assert_geq(stages_thread_count(0), 1);
    cr_assert_leq(stages_thread_count(0), STAGES_THREADS);
    cr_assert_eq(stages_thread_count(1), 1);
    cr_assert_eq(stages_thread_count(STAGES_THREADS + 1), STAGES_THREADS);
}
