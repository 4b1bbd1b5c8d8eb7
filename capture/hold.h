/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_HOLD_H
#define CAPTURE_HOLD_H

#include "capture/reassembly.h"

/*
 * The out-of-order data of one direction: copies of segments, sorted by sequence number, without
 * overlap. In front of each lies a hole or the segment before it. Private to reassembly.c and
 * hold.c; it stores and finds, and delivers nothing.
 *
 * Each segment carries what the gap rule needs to know of the hole in front of it: since when it is
 * known (born: the earliest arrival of any byte behind it) and since when the peer is known to have
 * got past it (due_since). Both never decrease along the list, so the first hole is always the
 * first to become due. A first segment without a hole in front waits for the other direction
 * (reassembly.c); how long is noted for it alone (waits).
 */

#define HOLD_NEVER INT64_MAX
#define HOLD_LANES 2 /* see hold.c */

struct hold_segment {
    struct hold_segment *next, *prev;
    struct hold_segment *lane[HOLD_LANES]; /* the next in each lane that this one is in */
    int64_t ts_ns;                         /* of its packet */
    int64_t born_ns;                       /* see above; in latest packet time of the run */
    int64_t due_since_ns;                  /* see above; HOLD_NEVER: not acknowledged */
    uint32_t due_since_packets;            /* packets of the connection at that time */
    uint32_t seq;
    uint32_t length_bytes;   /* 0: only a FIN */
    uint32_t captured_bytes; /* at data */
    uint32_t ack;            /* what its sender had of the other direction */
    uint8_t lanes;           /* it is in the first so many */
    bool has_ack;
    bool fin; /* the direction ends here */
    uint8_t data[];
};

struct hold {
    struct deadline deadline; /* first member */
    struct flow *flow;
    struct hold_segment *first, *last;
    struct hold_segment *lane[HOLD_LANES]; /* the first in each */
    struct hold_segment *unacked;          /* first with due_since_ns == HOLD_NEVER; NULL: none */
    uint32_t bytes;                        /* bookkeeping included */
    uint32_t segments;
    uint32_t born_packets;  /* packets of the connection when the first was held */
    int64_t waits_ns;       /* since when the first waits for the other direction; HOLD_NEVER */
    uint32_t waits_packets; /* packets of the connection at that time */
    uint32_t waits_seq;     /* the byte that waits */
    uint32_t random;        /* decides about lanes; begins as what nobody outside knows */
    uint8_t side;
};

/* Whether something could be held, and what stood in its way. */
enum hold_result {
    HOLD_DONE,
    HOLD_OWN_FULL, /* the direction's own cap, or memory is short */
    HOLD_ALL_FULL  /* the cap over all connections */
};

static inline uint32_t hold_end(const struct hold_segment *s)
{
    return s->seq + s->length_bytes;
}

/* The first held segment that ends beyond seq, or NULL; h may be NULL. */
struct hold_segment *hold_find(const struct hold *h, uint32_t seq);

/* Copies those bytes of seg that are not held yet, from sequence number `from` on, and its FIN if
 * that is the first. May be repeated after it failed. The direction's hold is made on demand. */
enum hold_result hold_store(struct reassembly *r, struct flow *f, int side,
                            const struct tcp_segment *seg);

/* Takes the first segment out of the list; the caller frees it. */
struct hold_segment *hold_pop(struct reassembly *r, struct hold *h);

/* Marks the holes that an acknowledgement up to ack is beyond. */
void hold_acknowledge(const struct reassembly *r, struct hold *h, uint32_t ack);

/* Marks every hole as if acknowledged: the connection is closed. */
void hold_closed(const struct reassembly *r, struct hold *h);

/* Is the first hole to become a gap now, or the first segment to wait no longer? */
bool hold_due(const struct reassembly *r, const struct hold *h);

/* After any change: sets the deadline, or frees an empty hold. */
void hold_update(struct reassembly *r, struct flow *f, int side);

/* Frees everything. */
void hold_free(struct reassembly *r, struct flow *f, int side);

#endif
