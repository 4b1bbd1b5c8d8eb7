/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A log-linear histogram. Values below 64 have a bucket each; above, every octave [2^e, 2^(e+1)) is
 * cut into 64 equal buckets, so a bucket is at most 1/64 of its lower bound wide and its middle is
 * at most 1/128 = 0.8 % away from any value in it. A page holds one octave; real durations touch
 * three to eight of the 58 octaves, so pages are made on demand, in one block, and found by
 * counting the bits of `octaves` below their own.
 *
 * Deviation: with m = floor(sum / n), the exact integer S = squares - 2 m sum + n m^2 is the sum of
 * (x - m)^2. All of it is computed modulo 2^128, which is exact as long as S itself fits, however
 * often `squares` wrapped.
 *
 * Limits: a bucket's count saturates at 2^32 - 1; a value whose page cannot be had is `missed` and
 * makes the percentiles unknown, never wrong.
 */
#include "histogram.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void locate(uint64_t value, unsigned *ret_octave, unsigned *ret_sub)
{
    if (value < HISTOGRAM_SUB) {
        *ret_octave = 0;
        *ret_sub = (unsigned)value;
        return;
    }
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
    *ret_octave = exponent - HISTOGRAM_SUB_BITS + 1;
    *ret_sub = (unsigned)(value >> (exponent - HISTOGRAM_SUB_BITS)) & (HISTOGRAM_SUB - 1);
}

/* The middle of a bucket. */
static int64_t value_at(unsigned octave, unsigned sub)
{
    if (octave == 0)
        return sub;
    uint64_t lower = (uint64_t)(HISTOGRAM_SUB + sub) << (octave - 1);
    return (int64_t)(lower + ((UINT64_C(1) << (octave - 1)) - 1) / 2);
}

static unsigned page_index(const struct histogram *h, unsigned octave)
{
    return (unsigned)__builtin_popcountll(h->octaves & ((UINT64_C(1) << octave) - 1));
}

static inline uint32_t add_saturated(uint32_t a, uint32_t b)
{
    uint32_t sum = a + b;
    return sum < a ? UINT32_MAX : sum;
}

/* ---- counting in buckets, see the header */

static void count_waiting(uint32_t *bucket)
{
    if (bucket)
        *bucket = add_saturated(*bucket, 1);
}

static inline void count_soon(struct histogram_queue *q, uint32_t *bucket)
{
    uint32_t **place = &q->bucket[q->next++ % HISTOGRAM_QUEUE];
    __builtin_prefetch(bucket, 1);
    count_waiting(*place);
    *place = bucket;
}

void histogram_settle(const struct budget *budget)
{
    struct histogram_queue *q = budget->queue;
    for (unsigned i = 0; q && i < HISTOGRAM_QUEUE; i++) {
        count_waiting(q->bucket[i]);
        q->bucket[i] = NULL;
    }
}

/* ---- pages */

static struct histogram_page *add_page(struct histogram *h, struct budget *budget, unsigned octave)
{
    if (budget->pages == 0) {
        limits_hit_add(budget->hit, LIMIT_ID_HISTOGRAM_PAGES);
        return NULL;
    }
    unsigned n = (unsigned)__builtin_popcountll(h->octaves);
    histogram_settle(budget); /* pages move */
    struct histogram_page *pages = realloc(h->pages, (n + 1) * sizeof(*pages));
    if (!pages)
        return NULL;
    h->pages = pages;
    struct histogram_page *page = &pages[page_index(h, octave)];
    memmove(page + 1, page, (size_t)(&pages[n] - page) * sizeof(*page));
    memset(page, 0, sizeof(*page));
    h->octaves |= UINT64_C(1) << octave;
    budget->pages--;
    return page;
}

static inline struct histogram_page *page_of(struct histogram *h, struct budget *budget,
                                             unsigned octave)
{
    if (h->octaves >> octave & 1)
        return &h->pages[page_index(h, octave)];
    return add_page(h, budget, octave);
}

/* Counts a value in its page; false: there is none. */
static inline bool place(struct histogram *h, struct budget *budget, int64_t ns)
{
    unsigned octave, sub;
    locate((uint64_t)ns, &octave, &sub);
    struct histogram_page *page = page_of(h, budget, octave);
    if (page && budget->queue)
        count_soon(budget->queue, &page->count[sub]);
    else if (page)
        count_waiting(&page->count[sub]);
    return page != NULL;
}

bool histogram_record(struct histogram *h, struct budget *budget, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    if (h->count == 0 || ns < h->min)
        h->min = ns;
    if (h->count == 0 || ns > h->max)
        h->max = ns;
    h->count++;
    h->sum += ns;
    h->squares += (unsigned __int128)ns * (unsigned __int128)ns;
    bool placed = place(h, budget, ns);
    h->missed += !placed;
    return placed;
}

/* `missed` may be less than nothing, modulo 2^64, until the other one is merged. */
void histogram_record_missed(struct histogram *h, struct budget *budget, int64_t ns)
{
    h->missed -= place(h, budget, ns < 0 ? 0 : ns);
}

static uint64_t page_total(const struct histogram_page *page)
{
    uint64_t total = 0;
    for (unsigned sub = 0; sub < HISTOGRAM_SUB; sub++)
        total += page->count[sub];
    return total;
}

static void add_counts(struct histogram_page *page, const struct histogram_page *from)
{
    for (unsigned sub = 0; sub < HISTOGRAM_SUB; sub++)
        page->count[sub] = add_saturated(page->count[sub], from->count[sub]);
}

bool histogram_merge(struct histogram *h, struct budget *budget, const struct histogram *from)
{
    bool complete = true;
    histogram_settle(budget);
    if (from->count > 0 && (h->count == 0 || from->min < h->min))
        h->min = from->min;
    if (from->count > 0 && (h->count == 0 || from->max > h->max))
        h->max = from->max;
    h->count += from->count;
    h->missed += from->missed;
    h->sum += from->sum;
    h->squares += from->squares;
    unsigned i = 0;
    for (unsigned octave = 0; octave < 64; octave++) {
        if (!(from->octaves >> octave & 1))
            continue;
        const struct histogram_page *source = &from->pages[i++];
        struct histogram_page *page = page_of(h, budget, octave);
        complete = complete && page;
        if (page)
            add_counts(page, source);
        else
            h->missed += page_total(source);
    }
    return complete;
}

double histogram_mean(const struct histogram *h)
{
    return (double)((long double)h->sum / (long double)h->count);
}

bool histogram_deviation(const struct histogram *h, double *ret_ns)
{
    long double range = (long double)h->max - (long double)h->min;
    if (range * range * (long double)h->count >= 0x1p127L)
        return false;
    unsigned __int128 n = h->count;
    unsigned __int128 sum = (unsigned __int128)h->sum;
    unsigned __int128 mean = sum / n;
    unsigned __int128 about_mean = h->squares - 2 * mean * sum + n * mean * mean;
    long double rest = (long double)(sum - mean * n) / (long double)n;
    long double variance = (long double)about_mean / (long double)n - rest * rest;
    *ret_ns = variance > 0 ? (double)sqrtl(variance) : 0;
    return true;
}

bool histogram_percentile(const struct histogram *h, uint32_t per_mille, int64_t *ret_ns)
{
    return histogram_percentiles(h, &per_mille, 1, ret_ns);
}

/* How many of all values are up to a percentile. */
static uint64_t rank_of(const struct histogram *h, uint32_t per_mille)
{
    if (h->count <= UINT64_MAX / 1000 - 1)
        return (h->count * per_mille + 999) / 1000;
    return (uint64_t)(((unsigned __int128)h->count * per_mille + 999) / 1000);
}

bool histogram_percentiles(const struct histogram *h, const uint32_t per_mille[], size_t n,
                           int64_t ret_ns[])
{
    if (h->count == 0 || h->missed > 0)
        return false;
    const struct histogram_page *page = h->pages;
    uint64_t before = 0; /* values in earlier pages */
    size_t known = 0;
    for (uint64_t octaves = h->octaves; octaves != 0 && known < n; octaves &= octaves - 1, page++) {
        uint64_t total = page_total(page), rank;
        uint64_t seen = before + page->count[0];
        unsigned sub = 0; /* of which `seen` is the last */
        while (known < n && (rank = rank_of(h, per_mille[known])) <= before + total) {
            while (seen < rank)
                seen += page->count[++sub];
            ret_ns[known++] = value_at((unsigned)__builtin_ctzll(octaves), sub);
        }
        before += total;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t value = i < known ? ret_ns[i] : h->max;
        value = value < h->min ? h->min : value;
        ret_ns[i] = value > h->max ? h->max : value;
    }
    return true;
}

void histogram_fini(struct histogram *h)
{
    free(h->pages);
    memset(h, 0, sizeof(*h));
}
