/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_REASSEMBLY_H
#define CAPTURE_REASSEMBLY_H

#include "base/limits.h"
#include "capture/deadline.h"
#include "capture/flow.h"
#include "capture/tcp.h"

/*
 * Puts the bytes of one direction in order and hands them to the listener: data, gap, end. The gap
 * rule is that of stream.h. It also judges each segment for the counters: fresh, retransmitted, out
 * of order, contradicting.
 *
 * Two steps a segment: reassembly_examine() looks and changes nothing, so that the counters can be
 * complete before the listener hears of the packet; reassembly_accept() then delivers or holds.
 */

struct reassembly {
    const struct stream_sink *sink;
    struct limits_hit *hit;
    struct deadline_heap deadlines; /* of all directions that hold data */
    uint64_t held_bytes;            /* in all of them, bookkeeping included */
    uint64_t max_held_bytes;
    int64_t now_ns;  /* latest packet time so far; kept by the owner */
    uint64_t packet; /* number of the running packet; kept by the owner */
};

/* What a segment brings. */
struct reassembly_verdict {
    uint32_t fresh_bytes;     /* sequence space not seen before */
    uint32_t fresh_truncated; /* of it, cut off by the snap length */
    bool retransmitted;
    bool out_of_order; /* late, but sent in order */
    bool conflict;     /* differs from a copy that is still held */
    bool useful;       /* reassembly_accept() has something to do */
    bool fin;          /* carries the direction's FIN for the first time */
};

void reassembly_examine(const struct flow *f, int side, const struct tcp_segment *seg,
                        struct reassembly_verdict *ret_verdict);

/* Adds a segment, as it was examined, to the counters of its side. */
void reassembly_count(struct flow *f, int side, const struct tcp_segment *seg,
                      const struct reassembly_verdict *v);

/* Delivers or holds what examine found useful, in the state that it was examined in. */
void reassembly_accept(struct reassembly *r, struct flow *f, int side,
                       const struct tcp_segment *seg);

/* Says where a direction begins: its first byte has sequence number next. Without it a direction
 * begins at its earliest segment, after as long as a hole may stay open once it is acknowledged.
 * Has no effect when bytes were delivered. */
void reassembly_start(struct reassembly *r, struct flow *f, int side, uint32_t next);

/* The sequence number of the earliest byte that half holds; false: it holds nothing. */
bool reassembly_first_held(const struct half *half, uint32_t *ret_seq);

/* Notes that the peer of side acknowledged up to ack. */
void reassembly_acknowledge(struct reassembly *r, struct flow *f, int side, uint32_t ack);

/* Notes that the connection was closed or reset (gap rule 1). */
void reassembly_closed(struct reassembly *r, struct flow *f);

/* After each packet of f: turns holes that it made due into gaps. */
void reassembly_settle(struct reassembly *r, struct flow *f);

/* Ends the wait that has been due longest, for a hole or the other direction. There is one:
 * deadline_first() was due. */
void reassembly_expire(struct reassembly *r);

/* Turns all holes, of either side, into gaps and ends side, if it has not ended. ts_ns: of the
 * packet that ends it, INT64_MIN for none. */
void reassembly_finish(struct reassembly *r, struct flow *f, int side, enum stream_end how,
                       int64_t ts_ns);

/* Frees what f holds without telling the listener. */
void reassembly_discard(struct reassembly *r, struct flow *f);

#endif
