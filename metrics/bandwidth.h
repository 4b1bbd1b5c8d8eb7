/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_BANDWIDTH_H
#define METRICS_BANDWIDTH_H

#include "base/endpoint.h"
#include <stdint.h>

/*
 * Bytes and packets by direction, and the rate over a sliding window.
 *
 * The window is a ring of BANDWIDTH_SLOTS buckets. Bucket n covers the capture time from
 * n * width_ns on, so the buckets of all tables of a monitor coincide and tables can be merged. A
 * window is BANDWIDTH_WINDOW buckets wide. No allocation, no reference to anything.
 */

#define BANDWIDTH_SLOTS  64
#define BANDWIDTH_WINDOW (BANDWIDTH_SLOTS - 1)

/* What a packet touches comes first. */
struct bandwidth {
    int64_t newest;            /* bucket; BANDWIDTH_NEVER before the first packet */
    uint64_t bytes[DIR_COUNT]; /* frames, original length */
    uint64_t packets[DIR_COUNT];
    uint64_t payload_bytes[DIR_COUNT];
    uint64_t settled[DIR_COUNT]; /* of `bytes`: all but those of bucket `newest` that ring and sum
                                    do not have yet; modulo 2^64 */
    uint64_t sum[DIR_COUNT];     /* of the window that ends with bucket `newest` */
    uint64_t peak[DIR_COUNT];    /* largest sum of windows that ended before */
    uint64_t ring[BANDWIDTH_SLOTS][DIR_COUNT];
};

#define BANDWIDTH_NEVER INT64_MIN

/* Nothing counted yet. */
void bandwidth_init(struct bandwidth *b);

/* The width of a bucket for a window of window_ns (at least 1). */
int64_t bandwidth_width(int64_t window_ns);

/* The number of the bucket that holds ts_ns. */
int64_t bandwidth_bucket(int64_t ts_ns, int64_t width_ns);

/* Before a packet of another bucket than the newest is counted. */
void bandwidth_elsewhere(struct bandwidth *b, enum dir dir, uint32_t bytes, int64_t bucket);

/* Counts one packet of the newest bucket. payload_bytes: those not counted before. */
static inline void bandwidth_count(struct bandwidth *b, enum dir dir, uint32_t bytes,
                                   uint64_t payload_bytes)
{
    b->bytes[dir] += bytes;
    b->packets[dir]++;
    b->payload_bytes[dir] += payload_bytes;
}

/* Counts one packet of any bucket. One older than the ring counts in the totals only. */
static inline void bandwidth_add(struct bandwidth *b, enum dir dir, uint32_t bytes,
                                 uint64_t payload_bytes, int64_t bucket)
{
    if (bucket != b->newest)
        bandwidth_elsewhere(b, dir, bytes, bucket);
    bandwidth_count(b, dir, bytes, payload_bytes);
}

/* Bytes, packets and payload of one direction that are moved from one table to another. */
struct bandwidth_amount {
    uint64_t bytes, packets, payload;
};

/* Both change the totals only, the window not; no more is taken than there is. */
void bandwidth_take(struct bandwidth *b, enum dir dir, const struct bandwidth_amount *a);
void bandwidth_put(struct bandwidth *b, enum dir dir, const struct bandwidth_amount *a);

/* Bytes of the window that ends with the newest bucket. */
uint64_t bandwidth_window(const struct bandwidth *b, enum dir dir);

/* Bytes per second over the window that ends at now_ns. The oldest bucket counts by the share that
 * lies inside. */
double bandwidth_current(const struct bandwidth *b, enum dir dir, int64_t now_ns, int64_t width_ns);

/* The largest rate of any window that ends on a bucket's end, or of the one that ends at now_ns. */
double bandwidth_peak(const struct bandwidth *b, enum dir dir, int64_t now_ns, int64_t width_ns);

/* Adds `from`, of the same width. The peak of the sum is at least that of each; where they did not
 * peak together inside the ring it is not known better. */
void bandwidth_merge(struct bandwidth *b, const struct bandwidth *from);

#endif
