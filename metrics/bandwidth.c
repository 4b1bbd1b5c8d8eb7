/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sliding windows in fixed memory.
 *
 * `sum` is kept for the window that ends with the newest bucket. When a packet opens a newer one,
 * the sum so far is offered to the peak, and the buckets that fall out are taken off. Between two
 * packets the sum can only shrink, so looking once per step misses no peak. The newest bucket's
 * bytes are entered into ring and sum when it is so no longer: until then they are what the total
 * has more than when it began, and a packet changes the totals alone.
 *
 * Error. The totals are exact. A peak is exact for windows that start on a bucket's edge, 63 of
 * them to the window; a burst that such a window cuts in two may read lower by what lies on its
 * other side. The current rate weighs one bucket of 63 as if its bytes were spread evenly.
 *
 * Time that runs backwards: a packet that is at most 63 buckets late goes where it belongs; the
 * peak sees it if its bucket is still in the window. An older one counts in the totals only.
 */
#include "bandwidth.h"
#include <string.h>

#define NS_PER_S 1e9

static inline unsigned slot(int64_t bucket)
{
    return (unsigned)((uint64_t)bucket & (BANDWIDTH_SLOTS - 1));
}

void bandwidth_init(struct bandwidth *b)
{
    memset(b, 0, sizeof(*b));
    b->newest = BANDWIDTH_NEVER;
}

int64_t bandwidth_width(int64_t window_ns)
{
    int64_t width = window_ns / BANDWIDTH_WINDOW + (window_ns % BANDWIDTH_WINDOW != 0);
    return width > 0 ? width : 1;
}

int64_t bandwidth_bucket(int64_t ts_ns, int64_t width_ns)
{
    int64_t bucket = ts_ns / width_ns;
    return ts_ns % width_ns < 0 ? bucket - 1 : bucket;
}

static void keep_peak(struct bandwidth *b)
{
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        if (b->sum[dir] > b->peak[dir])
            b->peak[dir] = b->sum[dir];
    }
}

/* Bytes of the newest bucket that its place in the ring does not have yet. */
static uint64_t unsettled(const struct bandwidth *b, enum dir dir)
{
    return b->bytes[dir] - b->settled[dir];
}

static void settle(struct bandwidth *b)
{
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        uint64_t bytes = unsettled(b, (enum dir)dir);
        b->ring[slot(b->newest)][dir] += bytes;
        b->sum[dir] += bytes;
        b->settled[dir] = b->bytes[dir];
    }
}

/* Makes `bucket` the newest. */
static void advance(struct bandwidth *b, int64_t bucket)
{
    if (b->newest == BANDWIDTH_NEVER) {
        b->newest = bucket;
        return;
    }
    settle(b);
    keep_peak(b);
    if ((uint64_t)bucket - (uint64_t)b->newest >= BANDWIDTH_SLOTS) {
        memset(b->ring, 0, sizeof(b->ring));
        memset(b->sum, 0, sizeof(b->sum));
        b->newest = bucket;
        return;
    }
    while (b->newest < bucket) {
        uint64_t *leaves = b->ring[slot(b->newest - BANDWIDTH_WINDOW + 1)];
        uint64_t *enters = b->ring[slot(++b->newest)];
        for (int dir = 0; dir < DIR_COUNT; dir++) {
            b->sum[dir] -= leaves[dir];
            enters[dir] = 0;
        }
    }
}

void bandwidth_elsewhere(struct bandwidth *b, enum dir dir, uint32_t bytes, int64_t bucket)
{
    if (b->newest == BANDWIDTH_NEVER || bucket > b->newest) {
        advance(b, bucket);
        return;
    }
    b->settled[dir] += bytes;
    uint64_t age = (uint64_t)b->newest - (uint64_t)bucket;
    if (age >= BANDWIDTH_SLOTS)
        return;
    b->ring[slot(bucket)][dir] += bytes;
    if (age < BANDWIDTH_WINDOW)
        b->sum[dir] += bytes;
}

static uint64_t no_more_than(uint64_t n, uint64_t there)
{
    return n < there ? n : there;
}

void bandwidth_take(struct bandwidth *b, enum dir dir, const struct bandwidth_amount *a)
{
    uint64_t bytes = no_more_than(a->bytes, b->bytes[dir]);
    b->bytes[dir] -= bytes;
    b->settled[dir] -= bytes;
    b->packets[dir] -= no_more_than(a->packets, b->packets[dir]);
    b->payload_bytes[dir] -= no_more_than(a->payload, b->payload_bytes[dir]);
}

void bandwidth_put(struct bandwidth *b, enum dir dir, const struct bandwidth_amount *a)
{
    b->bytes[dir] += a->bytes;
    b->settled[dir] += a->bytes;
    b->packets[dir] += a->packets;
    b->payload_bytes[dir] += a->payload;
}

uint64_t bandwidth_window(const struct bandwidth *b, enum dir dir)
{
    return b->sum[dir] + unsettled(b, dir);
}

static uint64_t bytes_in(const struct bandwidth *b, enum dir dir, int64_t bucket)
{
    if (bucket > b->newest || (uint64_t)b->newest - (uint64_t)bucket >= BANDWIDTH_SLOTS)
        return 0;
    return b->ring[slot(bucket)][dir] + (bucket == b->newest ? unsettled(b, dir) : 0);
}

static double per_second(double bytes, int64_t width_ns)
{
    return bytes * NS_PER_S / ((double)width_ns * BANDWIDTH_WINDOW);
}

double bandwidth_current(const struct bandwidth *b, enum dir dir, int64_t now_ns, int64_t width_ns)
{
    if (b->newest == BANDWIDTH_NEVER)
        return 0;
    int64_t bucket = bandwidth_bucket(now_ns, width_ns);
    uint64_t whole = 0;
    for (int i = 0; i < BANDWIDTH_WINDOW; i++)
        whole += bytes_in(b, dir, bucket - i);
    double inside = 1 - (double)(now_ns - bucket * width_ns) / (double)width_ns;
    double part = inside * (double)bytes_in(b, dir, bucket - BANDWIDTH_WINDOW);
    return per_second((double)whole + part, width_ns);
}

double bandwidth_peak(const struct bandwidth *b, enum dir dir, int64_t now_ns, int64_t width_ns)
{
    uint64_t window = bandwidth_window(b, dir);
    uint64_t best = window > b->peak[dir] ? window : b->peak[dir];
    double peak = per_second((double)best, width_ns);
    double current = bandwidth_current(b, dir, now_ns, width_ns);
    return current > peak ? current : peak;
}

void bandwidth_merge(struct bandwidth *b, const struct bandwidth *from)
{
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        struct bandwidth_amount all = {from->bytes[dir], from->packets[dir],
                                       from->payload_bytes[dir]};
        uint64_t window = bandwidth_window(from, (enum dir)dir);
        bandwidth_put(b, (enum dir)dir, &all);
        if (from->peak[dir] > b->peak[dir])
            b->peak[dir] = from->peak[dir];
        if (window > b->peak[dir])
            b->peak[dir] = window;
    }
    if (from->newest == BANDWIDTH_NEVER)
        return;
    if (b->newest == BANDWIDTH_NEVER || from->newest > b->newest)
        advance(b, from->newest);
    for (int i = 0; i < BANDWIDTH_SLOTS; i++) {
        int64_t bucket = from->newest - i;
        uint64_t age = (uint64_t)b->newest - (uint64_t)bucket;
        if (age >= BANDWIDTH_SLOTS)
            break;
        for (int dir = 0; dir < DIR_COUNT; dir++) {
            uint64_t bytes = bytes_in(from, (enum dir)dir, bucket);
            b->ring[slot(bucket)][dir] += bytes;
            if (age < BANDWIDTH_WINDOW)
                b->sum[dir] += bytes;
        }
    }
}
