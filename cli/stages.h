/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_STAGES_H
#define CLI_STAGES_H

#include "base/hash.h"
#include "base/limits.h"
#include "capture/front.h"
#include "capture/source.h"
#include "dissect/record.h"

/*
 * Packets to records, on any number of threads:
 *
 *   source -> front -+-> engine -> dissector -+-> sink
 *            batches  \-> ...                -/    in capture order, connections numbered 1, 2, ...
 *
 * There are STAGES_SHARDS engines, each with a dissector, whatever the number of threads, and each
 * has its share of every cap. What the sink is told does not depend on the number of threads.
 */

#define STAGES_SHARDS  4u
#define STAGES_THREADS (STAGES_SHARDS + 2u) /* more find nothing to do */

struct stages;

struct stages_config {
    struct hash_key hash;
    int64_t idle_timeout_ns;        /* 0: default */
    const struct limits_caps *caps; /* NULL: limits_constants; looked at by stages_new() only */
    uint32_t threads;               /* 0: as many as there are processors for */
};

/* How many threads work where so many are wanted (0: as in stages_config). */
uint32_t stages_thread_count(uint32_t wanted);

/* sink must outlive the stages; it is called by one thread at a time. NULL: out of memory. */
struct stages *stages_new(const struct stages_config *config, const struct record_sink *sink);
void stages_free(struct stages *s); /* NULL is allowed */

/* A moment behind a batch. */
struct stages_moment {
    int64_t now_ns; /* time of the latest packet so far; where `quiet`, the clock's */
    bool quiet;     /* nothing came for a while */
    uint64_t read_bytes, total_bytes; /* of the input, see struct source_status */
};

/* Where the packets come from, and who is asked now and then. */
struct stages_feed {
    struct source *source;
    uint64_t max_packets; /* 0: no limit */
    int64_t until_ns;     /* nothing is read behind a batch that reaches this time; 0: no limit */
    /* In the sink's turn: all packets up to there were told, and nothing else is told meanwhile.
     * False: read no more. */
    bool (*pause)(void *ctx, const struct stages_moment *moment);
    /* The time by which to see to time-outs where nothing comes (live). NULL: a source that has
     * nothing has ended. */
    int64_t (*clock)(void *ctx);
    void *ctx;
};

/* Takes all packets. A source that may wait is read by the calling thread, which gets the signals.
 * Returns 0 at the end, or the error of source_batch(). */
int stages_read(struct stages *s, const struct stages_feed *feed);

/* End of the capture: ends all connections, in order of appearance, and frees what only reading
 * needs. Nothing can be read any more. */
void stages_finish(struct stages *s);

/* The latest packet that the sink was told of; packet 0: none yet. */
struct stream_pos stages_latest(const struct stages *s);

void stages_counters(const struct stages *s, struct front_counters *ret_counters);

/* Adds up how often caps were hit. To be called when nothing is being read. */
void stages_add_hits(const struct stages *s, struct limits_hit *sum);

#endif
