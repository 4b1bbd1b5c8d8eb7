/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PLAIN_H
#define CAPTURE_PLAIN_H

#include "capture/reassembly.h"

/*
 * The usual segment of an open connection in one step: an acknowledgement, with the next bytes of
 * its direction or with none, while nothing is out of order, waited for or closed. It does what
 * lifecycle.c and reassembly.c do one after another for any segment, which is the reference: to
 * them it is left where anything is not as usual.
 *
 * Urgent data is left to them for being rare. Since it is delivered like any other, the same
 * traffic with and without the flag tells whether both ways do the same.
 */

#define PLAIN_FLAGS                                                                                \
    (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG) /* of which only ACK is set                  \
                                                       */

/* Of both halves: of these only STARTED is set. */
#define PLAIN_HALF (HALF_STARTED | HALF_ENDED | HALF_ZERO_WINDOW | HALF_PROBED | HALF_ABSENT)

/* Is seg, sent by side, the usual one? What its peer sent up to seg.ack was delivered then. */
static inline bool plain_is(const struct flow *f, int side, const struct tcp_segment *seg)
{
    const struct half *half = &f->half[side], *other = &f->half[!side];
    uint32_t unusual = (half->flags ^ HALF_STARTED) | (other->flags ^ HALF_STARTED);
    if (f->conn.state != CONN_OPEN || (unusual & PLAIN_HALF) != 0 || half->hold || other->hold ||
        (seg->flags & PLAIN_FLAGS) != TCP_ACK || seg->window == 0)
        return false;
    return seg->length_bytes == 0 ||
           (seg->seq == half->next && tcp_ahead(seg->ack, other->next) <= 0);
}

/* Counts it, before the listener hears of the packet. */
static inline void plain_count(struct flow *f, int side, const struct tcp_segment *seg)
{
    struct conn_counters *c = &f->conn.side[side];
    c->packets++;
    c->wire_bytes += seg->wire_bytes;
    c->payload_bytes += seg->length_bytes;
    if (seg->captured_bytes != seg->length_bytes)
        c->truncated_bytes += seg->length_bytes - seg->captured_bytes;
    if (seg->ts_ns > f->conn.last_ns)
        f->conn.last_ns = seg->ts_ns;
}

/* Notes what it acknowledges. */
static inline void plain_acknowledge(struct half *other, const struct tcp_segment *seg)
{
    if ((other->flags & HALF_ACKED) && tcp_ahead(seg->ack, other->acked) <= 0)
        return;
    other->flags |= HALF_ACKED;
    other->acked = seg->ack;
}

/* Delivers its bytes; there are some. */
static inline void plain_deliver(const struct reassembly *r, struct flow *f, struct half *half,
                                 const struct tcp_segment *seg)
{
    half->next += seg->length_bytes;
    half->flags |= HALF_DELIVERED;
    if (seg->ts_ns > half->avail_ns)
        half->avail_ns = seg->ts_ns;
    else if (half->avail_ns == INT64_MIN)
        half->avail_ns = f->conn.opened_ns;
    const struct stream_sink *sink = r->sink;
    struct stream_pos at = {half->avail_ns, r->packet};
    int side = half != f->half;
    uint32_t cut_off = seg->length_bytes - seg->captured_bytes;
    if (seg->captured_bytes > 0)
        sink->data(sink->ctx, &f->conn, (enum dir)(side ^ f->conn.swapped), seg->data,
                   seg->captured_bytes, &at);
    if (cut_off > 0)
        sink->gap(sink->ctx, &f->conn, (enum dir)(side ^ f->conn.swapped), cut_off, GAP_TRUNCATED,
                  &at);
}

#endif
