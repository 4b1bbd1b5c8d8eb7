/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FRONT_H
#define CAPTURE_FRONT_H

#include "base/hash.h"
#include "base/limits.h"
#include "capture/batch.h"
#include "capture/decode.h"

/*
 * The way of a packet up to its connection: link layer, IP with fragments, TCP. It tells which
 * engine (shard) each segment belongs to, by its two endpoints alone, so that the packets of a
 * connection go to one engine in their order; and it keeps the clock and counts what goes no
 * further. One front is single-threaded. The assignment depends on nothing but the packets: it is
 * the same in every run.
 *
 * Time is packet time only. A packet whose time lies before an earlier one's is processed as it is;
 * time-outs use the latest time seen so far.
 */

struct front;

#define FRONT_SHARDS_MAX BATCH_SHARDS_MAX

struct front_config {
    struct hash_key hash; /* of the table of fragments and of flow_key.hash */
    uint32_t shards;      /* at least 1, at most FRONT_SHARDS_MAX */
};

struct front_counters {
    uint64_t packets;
    uint64_t wire_bytes;
    uint64_t truncated_packets; /* captured_bytes < wire_bytes */
    uint64_t undecoded[UNDECODED_COUNT];
    int64_t first_ns, last_ns; /* earliest and latest packet time */
};

/* The name of a reason in reports: "link_type", "not_ip", ...; static storage. */
const char *front_undecoded_name(enum undecoded reason);

/* hit receives cap hits and must outlive the front. NULL: out of memory. */
struct front *front_new(const struct front_config *config, struct limits_hit *hit);

/* Decodes all packets of a batch into its segments. Memory shortage is handled as a cap hit. */
void front_batch(struct front *f, struct batch *b);

/* End of the capture: fragments that never became a datagram are counted. */
void front_finish(struct front *f);

/* The packets of all batches so far. */
void front_counters(const struct front *f, struct front_counters *ret_counters);

void front_free(struct front *f); /* NULL is allowed */

#endif
