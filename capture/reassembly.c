/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP reassembly by RFC 9293, as an observer sees it.
 *
 * In order, which is nearly always: the packet's own bytes go to the listener, nothing is copied or
 * allocated. Otherwise the bytes are held (hold.c) until the hole in front of them is filled or
 * becomes a gap. Of bytes captured twice the first copy counts: what was delivered stays, what is
 * held is not overwritten.
 *
 * Between the directions: a segment acknowledges what its sender had received before. Its bytes are
 * delivered after those, though a capture may hold the packets the other way round; so a listener
 * never sees an answer before its question. Where what was acknowledged is not in the capture, the
 * waiting ends as that for a hole does, and the missing bytes are a gap. A direction of which the
 * capture has no packet at all is not waited for again, and makes no gap. A FIN without data waits
 * for nothing: what it acknowledges may be the peer's FIN, which is no byte.
 *
 * A contradiction between two copies is found while the first is still held. Bytes that were
 * delivered are gone and cannot be compared: a sender that changes its mind afterwards shows as a
 * retransmission only.
 *
 * A direction whose SYN was not seen has no known beginning. Its first segments are held as if
 * there were a hole in front, then it begins with the earliest of them; so a capture that is
 * slightly out of order at its start loses nothing.
 *
 * Sequence numbers are compared in the circle of 2^32. What is more than 1 GiB (the largest window
 * there is) away from the next expected byte belongs to another use of the ports or is forged, and
 * is not looked at.
 *
 * Retransmitted or out of order: a late segment that fills a hole was out of order on its way if it
 * comes within one handshake round trip (at least 3 ms) after the hole showed, for nobody resends
 * that fast; otherwise it was sent again. Probes of one byte or none just before the next byte keep
 * a connection alive or ask for window, and are neither.
 */
#include "capture/reassembly.h"
#include "capture/hold.h"
#include <stdlib.h>
#include <string.h>

#define REACH_BYTES     (INT32_C(1) << 30)
#define WAIT_BYTES      (INT32_C(1) << 24) /* an acknowledgement farther ahead proves nothing */
#define OUT_OF_ORDER_NS INT64_C(3000000)

static inline enum dir dir_of(const struct flow *f, int side)
{
    return (enum dir)(side ^ f->conn.swapped);
}

/* ---- to the listener ---- */

/* The place of what is delivered next; ts_ns: of its packet, INT64_MIN: there is none. */
static struct stream_pos pos(const struct reassembly *r, struct flow *f, int side, int64_t ts_ns)
{
    struct half *half = &f->half[side];
    if (ts_ns > half->avail_ns)
        half->avail_ns = ts_ns;
    if (half->avail_ns == INT64_MIN)
        half->avail_ns = f->conn.opened_ns;
    return (struct stream_pos){half->avail_ns, r->packet};
}

static void emit_end(struct reassembly *r, struct flow *f, int side, enum stream_end how,
                     int64_t ts_ns)
{
    f->half[side].flags |= HALF_ENDED;
    struct stream_pos at = pos(r, f, side, ts_ns);
    r->sink->end(r->sink->ctx, &f->conn, dir_of(f, side), how, &at);
}

static void emit_lost(struct reassembly *r, struct flow *f, int side, uint32_t n)
{
    struct half *half = &f->half[side];
    half->next += n;
    half->flags |= HALF_DELIVERED;
    f->conn.side[side].lost_bytes += n;
    struct stream_pos at = pos(r, f, side, INT64_MIN);
    r->sink->gap(r->sink->ctx, &f->conn, dir_of(f, side), n, GAP_LOST, &at);
}

/* A run of captured bytes, of a packet or held, and where it lies. */
struct run {
    const uint8_t *data;
    uint32_t seq, captured_bytes;
    int64_t ts_ns;
};

/* Delivers from half->next up to `to`, all of it within the run; what was cut off is a gap. */
static void emit_run(struct reassembly *r, struct flow *f, int side, const struct run *run,
                     uint32_t to)
{
    struct half *half = &f->half[side];
    const struct stream_sink *sink = r->sink;
    uint32_t offset = half->next - run->seq;
    uint32_t n = to - half->next;
    uint32_t have = offset < run->captured_bytes ? run->captured_bytes - offset : 0;
    if (have > n)
        have = n;
    if (n == 0)
        return;
    half->next = to;
    half->flags |= HALF_DELIVERED;
    struct stream_pos at = pos(r, f, side, run->ts_ns);
    if (have > 0)
        sink->data(sink->ctx, &f->conn, dir_of(f, side), run->data + offset, have, &at);
    if (have < n)
        sink->gap(sink->ctx, &f->conn, dir_of(f, side), n - have, GAP_TRUNCATED, &at);
}

/* ---- held data ---- */

/* Delivers the first held segment, which begins at or before half->next. */
static void emit_first_held(struct reassembly *r, struct flow *f, int side)
{
    struct half *half = &f->half[side];
    struct hold_segment *s = hold_pop(r, half->hold);
    struct run run = {s->data, s->seq, s->captured_bytes, s->ts_ns};
    if (tcp_ahead(hold_end(s), half->next) > 0)
        emit_run(r, f, side, &run, hold_end(s));
    if (s->fin && hold_end(s) == half->next)
        emit_end(r, f, side, STREAM_END_FIN, s->ts_ns);
    free(s);
}

/* True if the other direction was delivered as far as the sender of a segment of side had received
 * it when it sent ack. */
static bool is_answerable(const struct flow *f, int side, bool has_ack, uint32_t ack)
{
    const struct half *other = &f->half[!side];
    if (!has_ack || (other->flags & (HALF_ENDED | HALF_ABSENT)))
        return true;
    if (!(other->flags & HALF_STARTED))
        return !other->hold || !other->hold->first || tcp_ahead(ack, other->hold->first->seq) <= 0;
    int32_t missing = tcp_ahead(ack, other->next);
    return missing <= 0 || missing > WAIT_BYTES;
}

/* Delivers what side holds and may be delivered now. Returns true if there was any. */
static bool drain_side(struct reassembly *r, struct flow *f, int side)
{
    struct half *half = &f->half[side];
    bool any = false;
    while (half->hold && half->hold->first && (half->flags & HALF_STARTED) &&
           !(half->flags & HALF_ENDED) && tcp_ahead(half->hold->first->seq, half->next) <= 0 &&
           is_answerable(f, side, half->hold->first->has_ack, half->hold->first->ack)) {
        emit_first_held(r, f, side);
        any = true;
    }
    if (half->flags & HALF_ENDED)
        hold_free(r, f, side);
    return any;
}

/* The same for both directions, in turns: each may have waited for the other. */
static void drain(struct reassembly *r, struct flow *f)
{
    if (!f->half[0].hold && !f->half[1].hold)
        return;
    int side = 0;
    for (int idle = 0; idle < 2; side = !side)
        idle = drain_side(r, f, side) ? 0 : idle + 1;
}

static void update_holds(struct reassembly *r, struct flow *f)
{
    hold_update(r, f, 0);
    hold_update(r, f, 1);
}

/* Gives up waiting for what lies between half->next and seq. */
static void skip_to(struct reassembly *r, struct flow *f, int side, uint32_t seq)
{
    struct half *half = &f->half[side];
    if (!(half->flags & HALF_STARTED)) {
        half->flags |= HALF_STARTED;
        half->next = seq;
        f->conn.start_unknown = true;
    } else if (tcp_ahead(seq, half->next) > 0) {
        emit_lost(r, f, side, seq - half->next);
    }
}

/* Is there a hole in front of what half holds? */
static bool has_hole(const struct half *half)
{
    return !(half->flags & HALF_STARTED) || tcp_ahead(half->hold->first->seq, half->next) > 0;
}

/* Is there any packet of side in the capture? */
static bool is_captured(const struct flow *f, int side)
{
    return f->conn.side[side].packets > 0;
}

/* One step towards the end of a wait: side waits for the other direction up to ack. */
static void give_up_other(struct reassembly *r, struct flow *f, int side, uint32_t ack)
{
    struct half *other = &f->half[!side];
    const struct hold_segment *first = other->hold ? other->hold->first : NULL;
    if (first && !has_hole(other))
        emit_first_held(r, f, !side); /* each waits for the other: forged */
    else if (first)
        skip_to(r, f, !side, tcp_ahead(first->seq, ack) < 0 ? first->seq : ack);
    else if (is_captured(f, !side))
        skip_to(r, f, !side, ack);
    else
        other->flags |= HALF_ABSENT;
}

/* How far to skip the hole in front of the first held segment at once: what the other direction
 * sent in the middle of it, by what it acknowledges, comes in between. */
static uint32_t hole_end(const struct flow *f, int side)
{
    const struct half *half = &f->half[side], *other = &f->half[!side];
    uint32_t end = half->hold->first->seq;
    const struct hold_segment *s = other->hold ? other->hold->first : NULL;
    if (!(half->flags & HALF_STARTED) || !s || !s->has_ack || has_hole(other))
        return end;
    bool within = tcp_ahead(s->ack, half->next) > 0 && tcp_ahead(end, s->ack) > 0;
    return within ? s->ack : end;
}

/* Gives up the hole in front of the first held segment, or what it waits for. */
static void give_up(struct reassembly *r, struct flow *f, int side)
{
    const struct half *half = &f->half[side];
    if (has_hole(half))
        skip_to(r, f, side, hole_end(f, side));
    else
        give_up_other(r, f, side, half->hold->first->ack);
    drain(r, f);
}

static void give_up_due(struct reassembly *r, struct flow *f, int side)
{
    const struct half *half = &f->half[side];
    while (half->hold && half->hold->first && hold_due(r, half->hold)) {
        give_up(r, f, side);
        update_holds(r, f);
    }
}

/* The side that holds something and goes first when all is given up: one whose first segment waits
 * for nothing but its own hole, the client before the server. -1: nothing is held. */
static int first_to_give_up(const struct flow *f)
{
    int sides[2] = {f->conn.swapped, !f->conn.swapped};
    int chosen = -1;
    for (int i = 0; i < 2; i++) {
        const struct hold *h = f->half[sides[i]].hold;
        if (!h || !h->first)
            continue;
        if (is_answerable(f, sides[i], h->first->has_ack, h->first->ack))
            return sides[i];
        chosen = chosen < 0 ? sides[i] : chosen;
    }
    return chosen;
}

/* ---- examine ---- */

/* Too far from what is expected. An unknown beginning leaves the held segments to compare with. */
static bool out_of_reach(const struct half *half, uint32_t seq)
{
    int32_t distance = 0;
    if (half->flags & HALF_STARTED)
        distance = tcp_ahead(seq, half->next);
    else if (half->hold)
        distance = tcp_ahead(seq, half->hold->first->seq);
    return distance > REACH_BYTES || distance < -REACH_BYTES;
}

/* A byte or none just before the next one; before the beginning is known, a byte that the peer has
 * acknowledged already. */
static bool is_probe(const struct half *half, const struct tcp_segment *seg)
{
    if (seg->length_bytes > 1 || (seg->flags & (TCP_SYN | TCP_FIN | TCP_RST)))
        return false;
    if (half->flags & HALF_STARTED)
        return seg->seq == half->next - 1;
    return (half->flags & HALF_ACKED) && seg->seq == half->acked - 1;
}

static bool differs(const struct hold_segment *s, const struct tcp_segment *seg, uint32_t from,
                    uint32_t to)
{
    uint32_t in_held = from - s->seq, in_seg = from - tcp_data_seq(seg);
    if (in_held >= s->captured_bytes || in_seg >= seg->captured_bytes)
        return false;
    uint32_t n = to - from;
    if (n > s->captured_bytes - in_held)
        n = s->captured_bytes - in_held;
    if (n > seg->captured_bytes - in_seg)
        n = seg->captured_bytes - in_seg;
    return memcmp(s->data + in_held, seg->data + in_seg, n) != 0;
}

/* Bytes between from and to of the segment that the snap length cut off. */
static uint32_t truncated_within(const struct tcp_segment *seg, uint32_t from, uint32_t to)
{
    uint32_t first = tcp_data_seq(seg) + seg->captured_bytes;
    if (tcp_ahead(to, first) <= 0)
        return 0;
    return tcp_ahead(from, first) > 0 ? to - from : to - first;
}

static void add_fresh(struct reassembly_verdict *v, const struct tcp_segment *seg, uint32_t from,
                      uint32_t to)
{
    v->fresh_bytes += to - from;
    v->fresh_truncated += truncated_within(seg, from, to);
}

/* Compares the segment, from sequence number `from` on, with what is held. Returns the held segment
 * behind the first fresh byte: the one whose hole this segment fills; or NULL. */
static const struct hold_segment *examine_held(const struct half *half,
                                               const struct tcp_segment *seg, uint32_t from,
                                               struct reassembly_verdict *v)
{
    const struct hold_segment *behind = NULL;
    uint32_t end = tcp_data_seq(seg) + seg->length_bytes;
    const struct hold_segment *s = hold_find(half->hold, from);
    for (; s && tcp_ahead(end, s->seq) > 0; s = s->next) {
        if (tcp_ahead(s->seq, from) > 0) {
            behind = behind ? behind : s;
            add_fresh(v, seg, from, s->seq);
            from = s->seq;
        }
        uint32_t to = tcp_ahead(hold_end(s), end) < 0 ? hold_end(s) : end;
        if (tcp_ahead(to, from) <= 0)
            continue;
        v->conflict |= differs(s, seg, from, to);
        from = to;
    }
    if (tcp_ahead(end, from) > 0) {
        behind = behind ? behind : s;
        add_fresh(v, seg, from, end);
    }
    return behind;
}

static void classify(const struct flow *f, const struct tcp_segment *seg,
                     const struct hold_segment *behind, struct reassembly_verdict *v)
{
    if (v->fresh_bytes == 0 && !v->fin) {
        v->retransmitted = true;
        return;
    }
    if (behind) {
        int64_t rtt_ns = (int64_t)f->rtt_us * 1000;
        if (f->conn.established_ns == 0 || rtt_ns < OUT_OF_ORDER_NS)
            rtt_ns = OUT_OF_ORDER_NS;
        v->out_of_order = seg->ts_ns <= deadline_after(behind->born_ns, rtt_ns);
        v->retransmitted = !v->out_of_order;
        return;
    }
    v->retransmitted = v->fresh_bytes < seg->length_bytes;
}

/* Everything but a segment in order on a direction that holds nothing. */
static void examine_slow(const struct flow *f, int side, const struct tcp_segment *seg,
                         struct reassembly_verdict *v)
{
    const struct half *half = &f->half[side];
    uint32_t from = tcp_data_seq(seg);
    uint32_t end = from + seg->length_bytes;
    if (out_of_reach(half, from) || is_probe(half, seg))
        return;
    v->fin = (seg->flags & TCP_FIN) && !(half->flags & (HALF_FIN | HALF_ENDED));
    bool probed = false;
    if (half->flags & HALF_STARTED) {
        int32_t ahead = tcp_ahead(end, half->next);
        if (ahead < 0 || (ahead == 0 && !v->fin)) {
            v->fin = false;
            v->retransmitted = true;
            return;
        }
        probed = (half->flags & HALF_PROBED) && half->next - from == 1;
        if (tcp_ahead(half->next, from) > 0)
            from = half->next;
    }
    if (half->flags & HALF_ENDED)
        return;
    const struct hold_segment *behind = examine_held(half, seg, from, v);
    v->useful = v->fresh_bytes > 0 || v->fin;
    classify(f, seg, behind, v);
    if (probed && !v->conflict && v->fresh_bytes == seg->length_bytes - 1)
        v->retransmitted = false;
}

void reassembly_examine(const struct flow *f, int side, const struct tcp_segment *seg,
                        struct reassembly_verdict *ret_verdict)
{
    const struct half *half = &f->half[side];
    *ret_verdict = (struct reassembly_verdict){0};
    if (seg->length_bytes == 0 && !(seg->flags & TCP_FIN))
        return;
    if (half->hold || (half->flags & (HALF_STARTED | HALF_ENDED)) != HALF_STARTED ||
        tcp_data_seq(seg) != half->next) {
        examine_slow(f, side, seg, ret_verdict);
        return;
    }
    ret_verdict->fresh_bytes = seg->length_bytes;
    ret_verdict->fresh_truncated = seg->length_bytes - seg->captured_bytes;
    ret_verdict->fin = (seg->flags & TCP_FIN) != 0;
    ret_verdict->useful = true;
}

void reassembly_count(struct flow *f, int side, const struct tcp_segment *seg,
                      const struct reassembly_verdict *v)
{
    const struct half *half = &f->half[side];
    struct conn_counters *c = &f->conn.side[side];
    bool copy = (seg->flags & TCP_SYN) && (half->flags & HALF_SYN) && seg->seq == half->isn;
    c->packets++;
    c->wire_bytes += seg->wire_bytes;
    c->payload_bytes += v->fresh_bytes;
    c->truncated_bytes += v->fresh_truncated;
    c->retransmitted_packets += v->retransmitted || copy;
    c->out_of_order_packets += v->out_of_order;
    c->overlap_conflicts += v->conflict;
    if (seg->ts_ns > f->conn.last_ns)
        f->conn.last_ns = seg->ts_ns;
}

/* ---- accept ---- */

/* Delivers a segment that begins at or before half->next, in turns with what is held. Returns false
 * if it ran into held bytes that have to wait. */
static bool deliver(struct reassembly *r, struct flow *f, int side, const struct tcp_segment *seg)
{
    struct half *half = &f->half[side];
    struct run run = {seg->data, tcp_data_seq(seg), seg->captured_bytes, seg->ts_ns};
    uint32_t end = run.seq + seg->length_bytes;
    drain(r, f);
    while (!(half->flags & HALF_ENDED) && tcp_ahead(end, half->next) > 0) {
        uint32_t to = end;
        if (half->hold && half->hold->first && tcp_ahead(end, half->hold->first->seq) > 0)
            to = half->hold->first->seq;
        if (tcp_ahead(to, half->next) <= 0)
            return false;
        emit_run(r, f, side, &run, to);
        drain(r, f);
    }
    if ((seg->flags & TCP_FIN) && !(half->flags & HALF_ENDED) && end == half->next) {
        emit_end(r, f, side, STREAM_END_FIN, seg->ts_ns);
        drain(r, f);
    }
    return true;
}

/* A cap was hit (gap rule 3): gives up a hole or a wait, so that the segment finds room, or can be
 * delivered in the end. Over all connections the one that is due first goes first. */
static void make_room(struct reassembly *r, struct flow *f, int side, const struct tcp_segment *seg,
                      enum hold_result full)
{
    struct half *half = &f->half[side];
    uint32_t seq = tcp_data_seq(seg);
    struct hold *first = (struct hold *)(void *)deadline_first(&r->deadlines);
    if (full == HOLD_ALL_FULL && first && first->first && first->flow != f) {
        struct flow *other = first->flow;
        give_up(r, other, first->side);
        update_holds(r, other);
        return;
    }
    if (half->hold && half->hold->first && tcp_ahead(half->hold->first->seq, seq) <= 0) {
        give_up(r, f, side);
        return;
    }
    if ((half->flags & HALF_STARTED) && tcp_ahead(seq, half->next) <= 0)
        give_up_other(r, f, side, seg->ack);
    else
        skip_to(r, f, side, seq);
    drain(r, f);
}

void reassembly_accept(struct reassembly *r, struct flow *f, int side,
                       const struct tcp_segment *seg)
{
    struct half *half = &f->half[side];
    uint32_t seq = tcp_data_seq(seg);
    bool probe = seg->length_bytes == 1 && (half->flags & HALF_ZERO_WINDOW);
    half->flags &= (uint16_t) ~(HALF_PROBED | HALF_ABSENT);
    half->flags |= probe ? HALF_PROBED : 0;
    while (!(half->flags & HALF_ENDED)) {
        if ((half->flags & HALF_STARTED) && tcp_ahead(seq, half->next) <= 0 &&
            (seg->length_bytes == 0 ||
             is_answerable(f, side, (seg->flags & TCP_ACK) != 0, seg->ack)) &&
            deliver(r, f, side, seg))
            break;
        enum hold_result result = hold_store(r, f, side, seg);
        if (result == HOLD_DONE)
            break;
        make_room(r, f, side, seg, result);
    }
    if (seg->flags & TCP_FIN)
        half->flags |= HALF_FIN;
    update_holds(r, f);
}

void reassembly_start(struct reassembly *r, struct flow *f, int side, uint32_t next)
{
    struct half *half = &f->half[side];
    if (half->flags & (HALF_DELIVERED | HALF_ENDED))
        return;
    half->flags |= HALF_STARTED;
    half->next = next;
    drain(r, f);
    update_holds(r, f);
}

bool reassembly_first_held(const struct half *half, uint32_t *ret_seq)
{
    if (!half->hold)
        return false;
    *ret_seq = half->hold->first->seq;
    return true;
}

/* ---- time, closing, the end ---- */

void reassembly_acknowledge(struct reassembly *r, struct flow *f, int side, uint32_t ack)
{
    struct half *half = &f->half[side];
    if ((half->flags & HALF_ACKED) && tcp_ahead(ack, half->acked) <= 0)
        return;
    half->flags |= HALF_ACKED;
    half->acked = ack;
    if (half->hold) {
        hold_acknowledge(r, half->hold, ack);
        hold_update(r, f, side);
    }
}

void reassembly_closed(struct reassembly *r, struct flow *f)
{
    for (int side = 0; side < 2; side++) {
        if (!f->half[side].hold)
            continue;
        hold_closed(r, f->half[side].hold);
        hold_update(r, f, side);
    }
}

void reassembly_settle(struct reassembly *r, struct flow *f)
{
    for (int side = 0; side < 2; side++)
        if (f->half[side].hold && hold_due(r, f->half[side].hold))
            give_up_due(r, f, side);
}

/* Where both sides' waits end at the same time, the heap holds them in any order. */
void reassembly_expire(struct reassembly *r)
{
    struct hold *h = (struct hold *)(void *)deadline_first(&r->deadlines);
    const struct hold *other = h->flow->half[!h->side].hold;
    int side = h->side;
    if (other && other->deadline.at_ns == h->deadline.at_ns)
        side = first_to_give_up(h->flow);
    give_up_due(r, h->flow, side);
}

/* What the peer acknowledged beyond the last captured byte was lost. One byte less where the FIN
 * was not captured: it may be the last that was acknowledged, and is none. */
static void skip_acknowledged(struct reassembly *r, struct flow *f, int side)
{
    const struct half *half = &f->half[side];
    uint32_t known = HALF_STARTED | HALF_ACKED;
    if ((half->flags & (known | HALF_ENDED)) != known || !is_captured(f, side))
        return;
    int64_t missing = (int64_t)tcp_ahead(half->acked, half->next) - !(half->flags & HALF_FIN);
    if (missing > 0 && missing <= WAIT_BYTES)
        skip_to(r, f, side, half->next + (uint32_t)missing);
}

void reassembly_finish(struct reassembly *r, struct flow *f, int side, enum stream_end how,
                       int64_t ts_ns)
{
    const struct half *half = &f->half[side];
    int next;
    while ((next = first_to_give_up(f)) >= 0)
        give_up(r, f, next);
    skip_acknowledged(r, f, side);
    skip_acknowledged(r, f, !side);
    update_holds(r, f);
    if (!(half->flags & HALF_ENDED))
        emit_end(r, f, side, how, ts_ns);
}

void reassembly_discard(struct reassembly *r, struct flow *f)
{
    for (int side = 0; side < 2; side++)
        hold_free(r, f, side);
}
