/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/histogram.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#define VALUES 20000

static struct limits_hit hit;
static struct budget budget = {&hit, 1000, 1000};
static int64_t values[VALUES];

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A percentile of the sorted values by nearest rank. */
static int64_t exact(size_t n, uint32_t per_mille)
{
    size_t rank = (n * per_mille + 999) / 1000;
    return values[rank ? rank - 1 : 0];
}

static void check_percentiles(const struct histogram *h, size_t n)
{
    static const uint32_t asked[] = {1, 500, 900, 950, 990, 999, 1000};
    int64_t all[sizeof(asked) / sizeof(asked[0])];
    qsort(values, n, sizeof(values[0]), ascending);
    cr_assert(histogram_percentiles(h, asked, sizeof(asked) / sizeof(asked[0]), all));
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        int64_t got, want = exact(n, asked[i]);
        cr_assert(histogram_percentile(h, asked[i], &got));
        cr_assert_eq(all[i], got);
        cr_assert_leq(fabs((double)got - (double)want), 0.01 * (double)want,
                      "%u/1000 of %zu: %lld instead of %lld", asked[i], n, (long long)got,
                      (long long)want);
    }
}

Test(histogram, percentiles_are_within_one_percent)
{
    for (unsigned bits = 1; bits < 63; bits += 4) {
        struct histogram h = {0};
        size_t n = bits * 300 + 1;
        for (size_t i = 0; i < n; i++) {
            values[i] = (int64_t)(next_random() >> (64 - bits)) >> (next_random() % bits);
            histogram_record(&h, &budget, values[i]);
        }
        check_percentiles(&h, n);
        cr_assert_eq(h.min, values[0]);
        cr_assert_eq(h.max, values[n - 1]);
        histogram_fini(&h);
        budget.pages = 1000;
    }
}

Test(histogram, every_bucket_edge_is_within_one_percent)
{
    for (int shift = 0; shift < 63; shift++) {
        for (int64_t off = -1; off <= 1; off++) {
            struct histogram h = {0};
            int64_t value = (INT64_C(1) << shift) + off, got;
            histogram_record(&h, &budget, value);
            /* two more, so that min and max do not clamp the answer to the value itself */
            histogram_record(&h, &budget, 0);
            histogram_record(&h, &budget, INT64_MAX);
            cr_assert(histogram_percentile(&h, 500, &got));
            cr_assert_leq(fabs((double)got - (double)value), 0.01 * (double)value);
            histogram_fini(&h);
            budget.pages = 1000;
        }
    }
}

Test(histogram, mean_and_deviation_are_exact)
{
    struct histogram h = {0};
    double deviation;
    /* a large common part: squares of doubles would have lost the spread */
    int64_t base = INT64_C(3600000000000);
    for (int i = 0; i < 1000; i++)
        histogram_record(&h, &budget, base + (i % 2 ? 3 : 1));
    cr_assert_float_eq(histogram_mean(&h), (double)base + 2, 1e-3);
    cr_assert(histogram_deviation(&h, &deviation));
    cr_assert_float_eq(deviation, 1.0, 1e-9);
    histogram_record(&h, &budget, -5);
    cr_assert_eq(h.min, 0, "time that ran backwards counts as 0");
    histogram_fini(&h);

    histogram_record(&h, &budget, 42);
    cr_assert(histogram_deviation(&h, &deviation));
    cr_assert_eq(deviation, 0);
    histogram_fini(&h);
    for (int i = 0; i < 8; i++)
        histogram_record(&h, &budget, i % 2 ? INT64_MAX : 0);
    cr_assert_not(histogram_deviation(&h, &deviation), "not representable, not wrong");
    histogram_fini(&h);
}

Test(histogram, merging_equals_recording_into_one)
{
    struct histogram parts[3] = {{0}}, whole = {0}, merged = {0};
    for (int i = 0; i < 5000; i++) {
        int64_t value = (int64_t)(next_random() >> (20 + next_random() % 40));
        histogram_record(&parts[i % 3], &budget, value);
        histogram_record(&whole, &budget, value);
    }
    for (int i = 0; i < 3; i++)
        histogram_merge(&merged, &budget, &parts[i]);
    cr_assert_eq(merged.count, whole.count);
    cr_assert(merged.sum == whole.sum && merged.squares == whole.squares);
    cr_assert_eq(merged.min, whole.min);
    cr_assert_eq(merged.max, whole.max);
    cr_assert_eq(merged.octaves, whole.octaves);
    for (int i = 0; i < __builtin_popcountll(whole.octaves); i++)
        cr_assert_arr_eq(merged.pages[i].count, whole.pages[i].count, sizeof(whole.pages[i].count));
    struct histogram none = {0};
    histogram_merge(&merged, &budget, &none);
    cr_assert_eq(merged.min, whole.min);
    for (int i = 0; i < 3; i++)
        histogram_fini(&parts[i]);
    histogram_fini(&whole);
    histogram_fini(&merged);
}

Test(histogram, what_waits_in_a_queue_is_counted_when_it_is_settled)
{
    struct histogram_queue queue = {0};
    struct budget waiting = {&hit, 1000, 1000, .queue = &queue};
    struct histogram at_once[3] = {{0}}, soon[3] = {{0}};
    for (int i = 0; i < 5000; i++) {
        int64_t value = (int64_t)(next_random() >> (20 + next_random() % 40));
        histogram_record(&at_once[i % 3], &budget, value);
        histogram_record(&soon[i % 3], &waiting, value);
    }
    histogram_record_missed(&at_once[0], &budget, 77);
    histogram_record_missed(&soon[0], &waiting, 77);
    cr_assert_neq(queue.next % HISTOGRAM_QUEUE, 0, "the last ones wait anywhere in the queue");
    histogram_settle(&waiting);
    histogram_settle(&waiting); /* once is enough */
    histogram_settle(&budget);  /* nothing waits */
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(at_once[i].octaves, soon[i].octaves);
        for (int page = 0; page < __builtin_popcountll(soon[i].octaves); page++)
            cr_assert_arr_eq(soon[i].pages[page].count, at_once[i].pages[page].count,
                             sizeof(soon[i].pages[page].count));
        histogram_fini(&at_once[i]);
        histogram_fini(&soon[i]);
    }
}

Test(histogram, what_waits_is_merged)
{
    struct histogram_queue queue = {0};
    struct budget waiting = {&hit, 1000, 1000, .queue = &queue};
    struct histogram from = {0}, merged = {0};
    for (int64_t ms = 1; ms <= 3; ms++)
        histogram_record(&from, &waiting, ms * 1000000);
    cr_assert(histogram_merge(&merged, &waiting, &from));
    for (int i = 0; i < 4; i++)
        histogram_record(&from, &waiting, 1000000);
    cr_assert(histogram_merge(&merged, &waiting, &from)); /* its pages are there by now */
    int64_t most_ns;
    cr_assert(histogram_percentile(&merged, 600, &most_ns)); /* of 1, 1, 1, 1, 1, 1, 2, 2, 3, 3 */
    cr_assert(most_ns >= 900000 && most_ns <= 1100000, "%lld", (long long)most_ns);
    histogram_fini(&from);
    histogram_fini(&merged);
}

Test(histogram, without_memory_exact_figures_stay_and_percentiles_are_unknown)
{
    for (uint64_t n = 1;; n++) {
        struct histogram h = {0};
        int64_t p;
        fail_alloc_at(n);
        for (int64_t v = 1; v < INT64_C(1) << 40; v *= 7)
            histogram_record(&h, &budget, v);
        bool failed = fail_alloc_stop();
        cr_assert_eq(h.count, 15);
        cr_assert_eq(h.missed, failed);
        cr_assert_eq(histogram_percentile(&h, 500, &p), !failed);
        histogram_fini(&h);
        if (!failed)
            break;
    }
}

Test(histogram, the_page_cap_is_counted)
{
    struct limits_hit own = {{0}};
    struct budget small = {&own, 0, 2};
    struct histogram h = {0}, merged = {0};
    int64_t p;
    histogram_record(&h, &small, 1);
    histogram_record(&h, &small, 1000);
    histogram_record(&h, &small, 1000000);
    cr_assert_eq(own.count[LIMIT_ID_HISTOGRAM_PAGES], 1);
    cr_assert_eq(h.missed, 1);
    cr_assert_not(histogram_percentile(&h, 500, &p));
    histogram_merge(&merged, &small, &h);
    cr_assert_eq(merged.missed, 3);
    cr_assert_eq(merged.count, 3);
    histogram_fini(&h);
    histogram_fini(&merged);
}
