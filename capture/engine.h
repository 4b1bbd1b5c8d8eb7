/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_ENGINE_H
#define CAPTURE_ENGINE_H

#include "base/limits.h"
#include "capture/batch.h"
#include "capture/stream.h"

/*
 * Segments in, connections and ordered bytes out: flow table, life of connections, TCP reassembly.
 * One engine is single-threaded and knows nothing of other engines. It has the connections of one
 * shard, as the front divides them, and that share of the caps.
 *
 * Its clock is that of the segments and ticks it is given: so a time-out is told of with the first
 * of them that comes after it, whatever its connection.
 */

struct engine;

struct engine_config {
    uint32_t shard, shards;  /* it is that one of so many; 0 of 0: the only one */
    uint32_t max_flows;      /* 0: its share of LIMIT_FLOWS */
    uint32_t max_held_bytes; /* 0: its share of LIMIT_HELD_BYTES */
    /* Of its flows, LIMITS_FLOW_BYTES each, and what its listener holds for them; beyond it the
     * oldest is dropped as from a full table. 0: no such cap. */
    uint64_t max_bytes;
    const uint64_t *listener_bytes; /* outlives the engine; NULL: nothing */
    int64_t idle_timeout_ns; /* 0: one hour; an open connection silent for longer is closed */
};

/* sink and its ctx must outlive the engine; hit receives cap hits. NULL: out of memory. */
struct engine *engine_new(const struct engine_config *config, const struct stream_sink *sink,
                          struct limits_hit *hit);

/* Processes what the front made of one packet, in the order of packets; nothing comes of
 * BATCH_NOTHING. Its bytes are borrowed for the call. Memory shortage is handled as a cap hit;
 * there is nothing to fail. */
void engine_segment(struct engine *e, const struct batch_segment *s);

/* A hint: this segment comes after some others. With every call the engine fetches into the caches
 * what the segment will need, step by step; so the calls are made some segments ahead, 16 or so of
 * this engine's. */
void engine_ahead(struct engine *e, const struct batch_segment *s);

/* Whether so many connections are open that the hint is of use; those that linger need nothing. */
bool engine_wants_ahead(const struct engine *e);

/* Lets time pass: closes what has timed out by now_ns. packet: the number of the latest packet of
 * all, or of the one that brought the time. */
void engine_tick(struct engine *e, int64_t now_ns, uint64_t packet);

/* Until the next call, at most so many connections end because their time is over: what they cause
 * has to be kept somewhere, and very many may end in one moment. The others end later; each at once
 * when a segment comes that shows it. Without a call there is no such limit. */
void engine_allow(struct engine *e, uint64_t time_outs);

/* The end of the capture, connection by connection, in order of appearance, so that many engines
 * end as one would. Nothing may follow but these calls. */

/* The number of the packet that opened the connection that is to be ended next; 0: none is left.
 * Where memory is short the order is not kept. */
uint64_t engine_oldest(struct engine *e);

/* Ends and releases it: turns holes into gaps. There is one. */
void engine_end_oldest(struct engine *e);

/* Up to room numbers, in ascending order, such as engine_oldest() gives: up to each there are about
 * as many connections more than up to the one before, and at least `least` of them. Returns how
 * many numbers. */
uint32_t engine_milestones(struct engine *e, uint32_t least, uint64_t *ret_numbers, uint32_t room);

/* Connections that are open now (established or midstream, not closed). */
uint32_t engine_open_connections(const struct engine *e);

void engine_free(struct engine *e); /* NULL is allowed; does not call the sink */

#endif
