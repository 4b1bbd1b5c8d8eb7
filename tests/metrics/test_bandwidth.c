/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/bandwidth.h"
#include <criterion/criterion.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define START  INT64_C(1700000000123456789)

static int64_t width;
static struct bandwidth b;

static void setup(void)
{
    width = bandwidth_width(SECOND);
    bandwidth_init(&b);
}

TestSuite(bandwidth, .init = setup);

static void add(enum dir dir, uint32_t bytes, int64_t ts)
{
    bandwidth_add(&b, dir, bytes, bytes / 2, bandwidth_bucket(ts, width));
}

Test(bandwidth, a_steady_rate_is_read_as_it_is)
{
    /* 1000 bytes each millisecond: 1 MB/s; the window ends at any phase of a bucket */
    for (int64_t ms = 0; ms < 5000; ms++) {
        add(DIR_C2S, 1000, START + ms * 1000000);
        if (ms > 1100) {
            double rate = bandwidth_current(&b, DIR_C2S, START + ms * 1000000, width);
            cr_assert_float_eq(rate, 1e6, 3000, "%f", rate);
        }
    }
    double peak = bandwidth_peak(&b, DIR_C2S, START + 5 * SECOND, width);
    cr_assert_float_eq(peak, 1e6, 3000);
    cr_assert_eq(b.bytes[DIR_C2S], 5000000);
    cr_assert_eq(b.packets[DIR_C2S], 5000);
    cr_assert_eq(b.payload_bytes[DIR_C2S], 2500000);
    cr_assert_eq(b.bytes[DIR_S2C], 0);
    cr_assert_eq(bandwidth_current(&b, DIR_S2C, START + 5 * SECOND, width), 0);
}

Test(bandwidth, a_burst_leaves_the_window_but_not_the_peak)
{
    add(DIR_S2C, 5000, START);
    add(DIR_S2C, 5000, START + 1000);
    cr_assert_float_eq(bandwidth_current(&b, DIR_S2C, START + 1000, width), 10000, 1);
    add(DIR_S2C, 10, START + SECOND / 2);
    cr_assert_float_eq(bandwidth_current(&b, DIR_S2C, START + SECOND / 2, width), 10010, 1);
    cr_assert_float_eq(bandwidth_current(&b, DIR_S2C, START + 5 * SECOND / 4, width), 10, 1);
    cr_assert_eq(bandwidth_current(&b, DIR_S2C, START + 3 * SECOND, width), 0);
    add(DIR_S2C, 1, START + 100 * SECOND);
    cr_assert_float_eq(bandwidth_current(&b, DIR_S2C, START + 100 * SECOND, width), 1, 1e-3);
    cr_assert_float_eq(bandwidth_peak(&b, DIR_S2C, START + 100 * SECOND, width), 10010, 1);
}

/* The model: all packets kept, the window of whole buckets summed anew after each. */
Test(bandwidth, peaks_equal_those_of_a_model)
{
    static int64_t bucket[3000];
    static uint32_t bytes[3000];
    srand(7);
    int64_t ts = START;
    uint64_t best = 0;
    for (int n = 0; n < 3000; n++) {
        int gap = rand() % 50 == 0 ? rand() % 2000 : rand() % 20;
        ts += gap * (width / 10);
        bucket[n] = bandwidth_bucket(ts, width);
        bytes[n] = (uint32_t)(rand() % 1500);
        add(DIR_C2S, bytes[n], ts);
        uint64_t sum = 0;
        for (int i = n; i >= 0 && bucket[i] > bucket[n] - BANDWIDTH_WINDOW; i--)
            sum += bytes[i];
        cr_assert_eq(bandwidth_window(&b, DIR_C2S), sum);
        best = sum > best ? sum : best;
    }
    double in_window = (double)width * BANDWIDTH_WINDOW / 1e9;
    double peak = bandwidth_peak(&b, DIR_C2S, ts + 10 * SECOND, width);
    cr_assert_float_eq(peak, (double)best / in_window, 1e-3);
}

Test(bandwidth, time_may_run_backwards)
{
    add(DIR_C2S, 100, START);
    add(DIR_C2S, 200, START - SECOND / 2);
    cr_assert_float_eq(bandwidth_current(&b, DIR_C2S, START, width), 300, 1);
    add(DIR_C2S, 400, START - 3600 * SECOND);
    cr_assert_float_eq(bandwidth_current(&b, DIR_C2S, START, width), 300, 1);
    cr_assert_eq(b.bytes[DIR_C2S], 700, "the totals lose nothing");
    add(DIR_C2S, 0, START + SECOND / 4);
    cr_assert_float_eq(bandwidth_peak(&b, DIR_C2S, START + 9 * SECOND, width), 300, 1);
    add(DIR_C2S, 5, INT64_MIN + 1000);
    add(DIR_C2S, 5, INT64_MAX);
    cr_assert_eq(b.bytes[DIR_C2S], 710);
}

Test(bandwidth, buckets_before_the_epoch_are_as_wide_as_others)
{
    cr_assert_eq(bandwidth_bucket(-1, 10), -1);
    cr_assert_eq(bandwidth_bucket(-10, 10), -1);
    cr_assert_eq(bandwidth_bucket(-11, 10), -2);
    cr_assert_eq(bandwidth_bucket(0, 10), 0);
    cr_assert_eq(bandwidth_width(1), 1);
    cr_assert_eq(bandwidth_width(0), 1);
    cr_assert_eq(bandwidth_width(63), 1);
    cr_assert_eq(bandwidth_width(64), 2);
}

Test(bandwidth, merging_equals_counting_into_one_within_the_ring)
{
    struct bandwidth parts[2], whole;
    bandwidth_init(&parts[0]);
    bandwidth_init(&parts[1]);
    bandwidth_init(&whole);
    for (int i = 0; i < 900; i++) {
        int64_t bucket = bandwidth_bucket(START + i * 1000000, width);
        bandwidth_add(&parts[i % 7 < 3], i % 2 ? DIR_C2S : DIR_S2C, (uint32_t)i, 0, bucket);
        bandwidth_add(&whole, i % 2 ? DIR_C2S : DIR_S2C, (uint32_t)i, 0, bucket);
    }
    bandwidth_merge(&b, &parts[1]);
    bandwidth_merge(&b, &parts[0]);
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        cr_assert_eq(b.bytes[dir], whole.bytes[dir]);
        cr_assert_eq(b.packets[dir], whole.packets[dir]);
        cr_assert_eq(bandwidth_window(&b, (enum dir)dir), bandwidth_window(&whole, (enum dir)dir));
    }
    bandwidth_add(&b, DIR_C2S, 0, 0, b.newest + 1); /* the newest bucket enters the ring */
    bandwidth_add(&whole, DIR_C2S, 0, 0, whole.newest + 1);
    cr_assert_arr_eq(b.ring, whole.ring, sizeof(whole.ring));
    bandwidth_init(&parts[0]);
    bandwidth_merge(&b, &parts[0]);
    cr_assert_eq(b.newest, whole.newest, "nothing added to it");
}

/* What is moved stays where it is in the window; and no more is taken than there is. */
Test(bandwidth, moving_changes_the_totals_alone)
{
    struct bandwidth_amount a = {300, 2, 200}, much = {5000, 50, 500};
    struct bandwidth to;
    bandwidth_init(&to);
    bandwidth_put(&to, DIR_C2S, &a);
    cr_assert_eq(bandwidth_window(&to, DIR_C2S), 0);
    add(DIR_C2S, 100, START);
    add(DIR_C2S, 300, START);
    bandwidth_take(&b, DIR_C2S, &a);
    cr_assert(b.bytes[DIR_C2S] == 100 && b.packets[DIR_C2S] == 0 && b.payload_bytes[DIR_C2S] == 0);
    cr_assert_eq(bandwidth_window(&b, DIR_C2S), 400);
    bandwidth_take(&b, DIR_C2S, &much);
    cr_assert(b.bytes[DIR_C2S] == 0 && b.packets[DIR_C2S] == 0);
    add(DIR_C2S, 1, START + SECOND / 4);
    cr_assert_eq(bandwidth_window(&b, DIR_C2S), 401);
    cr_assert_float_eq(bandwidth_current(&b, DIR_C2S, START + SECOND / 4, width), 401, 1);
    add(DIR_C2S, 10, START + 1);
    bandwidth_put(&b, DIR_C2S, &a);
    cr_assert_eq(b.bytes[DIR_C2S], 311);
    cr_assert_eq(bandwidth_window(&b, DIR_C2S), 411);
    add(DIR_C2S, 7, START + 100 * SECOND);
    cr_assert_eq(bandwidth_window(&b, DIR_C2S), 7);
    cr_assert_float_eq(bandwidth_peak(&b, DIR_C2S, START + 200 * SECOND, width), 411, 1);
}
