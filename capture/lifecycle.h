/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_LIFECYCLE_H
#define CAPTURE_LIFECYCLE_H

#include "capture/reassembly.h"

/*
 * The life of connections: which segment belongs to which use of its ports, who is the client, the
 * handshake and how it fails, closing, time-outs, and the calls to the listener that tell of them.
 */

struct lifecycle {
    const struct stream_sink *sink;
    struct limits_hit *hit;
    struct flow_table *flows;
    struct reassembly reassembly; /* its now_ns and packet are the clock of all; see there */
    int64_t idle_ns;
    int64_t next_ns;                /* no flow times out before */
    uint64_t time_outs_left;        /* flows that may time out for now: the others do later */
    uint64_t max_bytes;             /* see struct engine_config; 0: no such cap */
    const uint64_t *listener_bytes; /* NULL: nothing */
    uint32_t shard, shards;         /* it is that one of so many */
};

/* The owner fills in the members above, flows included, then takes over with this. */
void lifecycle_init(struct lifecycle *l);

/* A packet with these endpoints comes soon: a hint. */
void lifecycle_ahead(struct lifecycle *l, const struct flow_key *key);

/* Processes one segment; reassembly.now_ns and .packet were set for it. */
void lifecycle_segment(struct lifecycle *l, const struct flow_key *key,
                       const struct tcp_segment *seg);

/* An ICMP error said at ts_ns that the segment with sequence number seq, sent as key says, could
 * not be delivered. Fails the connection if that was its SYN and nobody has answered it. */
void lifecycle_unreachable(struct lifecycle *l, const struct flow_key *key, uint32_t seq,
                           int64_t ts_ns);

/* May anything have timed out by reassembly.now_ns? */
static inline bool lifecycle_is_due(const struct lifecycle *l)
{
    const struct deadline *hole = deadline_first(&l->reassembly.deadlines);
    int64_t now_ns = l->reassembly.now_ns;
    return now_ns >= l->next_ns || (hole && now_ns >= hole->at_ns);
}

/* Acts on everything that has timed out by reassembly.now_ns, in the order of the deadlines, as far
 * as time_outs_left goes. */
void lifecycle_expire(struct lifecycle *l);

/* The end, in order of appearance: conn.id of the connection that is to be ended next, 0 if none is
 * left; and its end. Nothing may happen to connections between these calls. */
uint64_t lifecycle_oldest(struct lifecycle *l);
void lifecycle_end_oldest(struct lifecycle *l);

/* Frees the flow table and what it holds, without a call to the listener. */
void lifecycle_fini(struct lifecycle *l);

#endif
