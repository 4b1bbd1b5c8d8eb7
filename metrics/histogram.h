/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_HISTOGRAM_H
#define METRICS_HISTOGRAM_H

#include "budget.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The distribution of durations: count, sum, extremes and deviation exact, percentiles with a
 * relative error of at most 1 % (0.8 % by construction). Zeroed memory is a valid empty histogram;
 * it allocates when it is first recorded into, 272 bytes for each octave that occurs.
 */

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_SUB      (1 << HISTOGRAM_SUB_BITS)

struct histogram_page {
    uint32_t count[HISTOGRAM_SUB];
};

/*
 * Which bucket a duration falls into is known only when it is counted, and among those of many
 * servers and tools it is rarely in the caches. So with a queue a value is counted in its bucket
 * some values later; until then histogram_settle() is owed.
 */
#define HISTOGRAM_QUEUE 8

struct histogram_queue {
    uint32_t *bucket[HISTOGRAM_QUEUE]; /* one more is to be counted in each; NULL: none */
    unsigned next;
};

struct histogram {
    __int128 sum;              /* ns */
    unsigned __int128 squares; /* of ns, modulo 2^128: see histogram.c */
    uint64_t count;
    int64_t min, max;
    uint64_t octaves; /* bit o: octave o has a page */
    struct histogram_page *pages;
    uint64_t missed; /* counted above but in no page: memory or cap */
};

/* Adds one duration; a negative one (time ran backwards) counts as 0. O(1). False: its page could
 * not be had. */
bool histogram_record(struct histogram *h, struct budget *budget, int64_t ns);

/* Counts what waits in the budget's queue, if it has one: before pages of its histograms are read
 * or freed. */
void histogram_settle(const struct budget *budget);

/* For a duration that another histogram, which will be merged into h, missed: h takes it into a
 * page of its own if it can. */
void histogram_record_missed(struct histogram *h, struct budget *budget, int64_t ns);

/* Adds all of `from`; the result is that of recording both into one. False: not all pages could be
 * had. */
bool histogram_merge(struct histogram *h, struct budget *budget, const struct histogram *from);

/* In nanoseconds; the histogram must not be empty. */
double histogram_mean(const struct histogram *h);

/* The population standard deviation into *ret_ns. False: not representable. */
bool histogram_deviation(const struct histogram *h, double *ret_ns);

/* The value that `per_mille` thousandths of all values do not exceed (nearest rank) into *ret_ns,
 * within 1 %. False: it cannot be known, because values are missing from the pages. */
bool histogram_percentile(const struct histogram *h, uint32_t per_mille, int64_t *ret_ns);

/* The same for several, in ascending order, in one walk: n > 0 values into ret_ns. */
bool histogram_percentiles(const struct histogram *h, const uint32_t per_mille[], size_t n,
                           int64_t ret_ns[]);

/* Frees; its budget was settled, or is not used any more. Empty and usable afterwards. */
void histogram_fini(struct histogram *h);

#endif
