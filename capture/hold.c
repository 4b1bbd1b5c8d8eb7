/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A doubly linked list, searched from whichever end is near: a direction that lost a packet appends
 * at the end, a shuffled capture fills in close to it, and what fills a hole belongs to the front.
 *
 * What is near neither end is found by lanes (a skip list: W. Pugh, 1990): one segment in 16, by
 * chance, is in the first lane, too, and one of 16 of these in the second. A search goes along the
 * second lane as far as it can, then the first, then the list, so that a sender of tiny shuffled
 * segments causes some tens of steps with LIMIT_HELD_SEGMENTS of them. Segments leave at the front
 * only, where they are the first of their lanes.
 *
 * Limits: LIMIT_HELD_CONNECTION_BYTES and LIMIT_HELD_SEGMENTS a direction, the owner's
 * max_held_bytes in all. A segment costs its bytes and its bookkeeping.
 */
#include "capture/hold.h"
#include <stdlib.h>
#include <string.h>

/* The gap rule of stream.h. */
#define ACKNOWLEDGED_PACKETS 32u
#define ACKNOWLEDGED_NS      INT64_C(2000000000)
#define HOLE_NS              INT64_C(10000000000)

/* Packets of both sides; wraps, only differences count. */
static uint32_t packets_of(const struct flow *f)
{
    return (uint32_t)(f->conn.side[0].packets + f->conn.side[1].packets);
}

#define NEAR       8  /* segments from the end that are tried one by one */
#define LANE_SHARE 16 /* one in so many */

/* The last in a lane, or in one below, that ends at or before seq; NULL: none does. */
static struct hold_segment *in_lanes(const struct hold *h, uint32_t seq, int below)
{
    struct hold_segment *at = NULL;
    for (int lane = HOLD_LANES - 1; lane >= below; lane--) {
        struct hold_segment *next = at ? at->lane[lane] : h->lane[lane];
        for (; next && tcp_ahead(seq, hold_end(next)) >= 0; next = next->lane[lane])
            at = next;
    }
    return at;
}

struct hold_segment *hold_find(const struct hold *h, uint32_t seq)
{
    if (!h || !h->first || tcp_ahead(hold_end(h->last), seq) <= 0)
        return NULL;
    if (tcp_ahead(hold_end(h->first), seq) > 0)
        return h->first;
    struct hold_segment *s = h->last;
    for (int i = 0; i < NEAR; i++, s = s->prev) {
        if (tcp_ahead(hold_end(s->prev), seq) <= 0)
            return s;
    }
    struct hold_segment *before = in_lanes(h, seq, 0);
    s = before ? before->next : h->first;
    while (tcp_ahead(hold_end(s), seq) <= 0)
        s = s->next;
    return s;
}

static struct hold *ensure(struct reassembly *r, struct flow *f, int side)
{
    struct hold *h = f->half[side].hold;
    if (h)
        return h;
    h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    if (!deadline_add(&r->deadlines, &h->deadline, INT64_MAX)) {
        free(h);
        return NULL;
    }
    h->flow = f;
    h->side = (uint8_t)side;
    h->random = f->hash | 1;
    h->born_packets = packets_of(f);
    h->waits_ns = HOLD_NEVER;
    h->bytes = sizeof(*h);
    r->held_bytes += sizeof(*h);
    f->half[side].hold = h;
    return h;
}

static enum hold_result room_for(struct reassembly *r, const struct hold *h, size_t cost)
{
    if (h->segments >= LIMIT_HELD_SEGMENTS) {
        limits_hit_add(r->hit, LIMIT_ID_HELD_SEGMENTS);
        return HOLD_OWN_FULL;
    }
    if (h->bytes + cost > LIMIT_HELD_CONNECTION_BYTES) {
        limits_hit_add(r->hit, LIMIT_ID_HELD_CONNECTION_BYTES);
        return HOLD_OWN_FULL;
    }
    if (r->held_bytes + cost > r->max_held_bytes) {
        limits_hit_add(r->hit, LIMIT_ID_HELD_BYTES);
        return HOLD_ALL_FULL;
    }
    return HOLD_DONE;
}

/* Times of the hole in front of s, which was just put in front of s->next. */
static void stamp(const struct reassembly *r, struct hold *h, struct hold_segment *s)
{
    const struct half *half = &h->flow->half[h->side];
    s->born_ns = s->next ? s->next->born_ns : r->now_ns;
    if (s->next && s->next->due_since_ns != HOLD_NEVER) {
        s->due_since_ns = s->next->due_since_ns;
        s->due_since_packets = s->next->due_since_packets;
    } else if ((half->flags & HALF_ACKED) && tcp_ahead(half->acked, s->seq) >= 0) {
        s->due_since_ns = r->now_ns;
        s->due_since_packets = packets_of(h->flow);
    } else {
        s->due_since_ns = HOLD_NEVER;
        if (!h->unacked || tcp_ahead(h->unacked->seq, s->seq) >= 0)
            h->unacked = s;
    }
}

/* Puts s into the list in front of next; NULL: at the end. */
static void link_before(struct hold *h, struct hold_segment *s, struct hold_segment *next)
{
    s->next = next;
    s->prev = next ? next->prev : h->last;
    if (s->prev)
        s->prev->next = s;
    else
        h->first = s;
    if (next)
        next->prev = s;
    else
        h->last = s;
}

/* xorshift32 (G. Marsaglia, 2003): chance, not a secret. */
static uint32_t next_random(struct hold *h)
{
    h->random ^= h->random << 13;
    h->random ^= h->random >> 17;
    h->random ^= h->random << 5;
    return h->random;
}

/* Puts s, which is in the list, into as many lanes as chance has it. */
static void link_lanes(struct hold *h, struct hold_segment *s)
{
    for (uint32_t chance = next_random(h); s->lanes < HOLD_LANES && chance % LANE_SHARE == 0;
         chance /= LANE_SHARE) {
        struct hold_segment *before = in_lanes(h, s->seq, s->lanes);
        struct hold_segment **link = before ? &before->lane[s->lanes] : &h->lane[s->lanes];
        s->lane[s->lanes++] = *link;
        *link = s;
    }
}

/* A stretch of a segment: length_bytes from seq on, of which captured_bytes are at data. */
struct stretch {
    const uint8_t *data;
    uint32_t seq, length_bytes, captured_bytes, ack;
    bool has_ack, fin;
};

static enum hold_result insert(struct reassembly *r, struct hold *h, const struct stretch *part,
                               int64_t ts_ns, struct hold_segment *next)
{
    size_t cost = sizeof(struct hold_segment) + part->captured_bytes;
    enum hold_result result = room_for(r, h, cost);
    if (result != HOLD_DONE)
        return result;
    struct hold_segment *s = malloc(cost);
    if (!s) {
        limits_hit_add(r->hit, LIMIT_ID_HELD_BYTES);
        return HOLD_OWN_FULL;
    }
    *s = (struct hold_segment){.ts_ns = ts_ns,
                               .seq = part->seq,
                               .length_bytes = part->length_bytes,
                               .captured_bytes = part->captured_bytes,
                               .ack = part->ack,
                               .has_ack = part->has_ack,
                               .fin = part->fin};
    if (part->captured_bytes > 0)
        memcpy(s->data, part->data, part->captured_bytes);
    link_before(h, s, next);
    link_lanes(h, s);
    stamp(r, h, s);
    h->segments++;
    h->bytes += (uint32_t)cost;
    r->held_bytes += cost;
    return HOLD_DONE;
}

/* The part of seg between the sequence numbers from and to. */
static struct stretch cut(const struct tcp_segment *seg, uint32_t from, uint32_t to)
{
    uint32_t offset = from - tcp_data_seq(seg);
    struct stretch part = {.seq = from,
                           .length_bytes = to - from,
                           .ack = seg->ack,
                           .has_ack = (seg->flags & TCP_ACK) != 0};
    if (offset < seg->captured_bytes) {
        uint32_t left = seg->captured_bytes - offset;
        part.data = seg->data + offset;
        part.captured_bytes = left < part.length_bytes ? left : part.length_bytes;
    }
    return part;
}

enum hold_result hold_store(struct reassembly *r, struct flow *f, int side,
                            const struct tcp_segment *seg)
{
    struct hold *h = ensure(r, f, side);
    if (!h) {
        limits_hit_add(r->hit, LIMIT_ID_HELD_BYTES);
        return HOLD_OWN_FULL;
    }
    uint32_t from = tcp_data_seq(seg);
    uint32_t end = from + seg->length_bytes;
    enum hold_result result = HOLD_DONE;
    struct hold_segment *s = hold_find(h, from);
    while (result == HOLD_DONE && tcp_ahead(end, from) > 0) {
        if (s && tcp_ahead(s->seq, from) <= 0) {
            if (tcp_ahead(hold_end(s), from) > 0)
                from = hold_end(s);
            s = s->next;
            continue;
        }
        uint32_t to = s && tcp_ahead(s->seq, end) < 0 ? s->seq : end;
        struct stretch part = cut(seg, from, to);
        result = insert(r, h, &part, seg->ts_ns, s);
        from = to;
    }
    if (result != HOLD_DONE || !(seg->flags & TCP_FIN) || (f->half[side].flags & HALF_FIN))
        return result;
    struct stretch fin = cut(seg, end, end);
    fin.fin = true;
    fin.has_ack = false; /* it waits for no other direction */
    return insert(r, h, &fin, seg->ts_ns, hold_find(h, end));
}

struct hold_segment *hold_pop(struct reassembly *r, struct hold *h)
{
    struct hold_segment *s = h->first;
    size_t cost = sizeof(*s) + s->captured_bytes;
    h->first = s->next;
    if (s->next)
        s->next->prev = NULL;
    else
        h->last = NULL;
    for (int lane = 0; lane < s->lanes; lane++)
        h->lane[lane] = s->lane[lane];
    if (h->unacked == s)
        h->unacked = s->next;
    h->segments--;
    h->bytes -= (uint32_t)cost;
    r->held_bytes -= cost;
    return s;
}

static void mark_due(const struct reassembly *r, struct hold *h)
{
    h->unacked->due_since_ns = r->now_ns;
    h->unacked->due_since_packets = packets_of(h->flow);
    h->unacked = h->unacked->next;
}

void hold_acknowledge(const struct reassembly *r, struct hold *h, uint32_t ack)
{
    while (h->unacked && tcp_ahead(ack, h->unacked->seq) >= 0)
        mark_due(r, h);
}

void hold_closed(const struct reassembly *r, struct hold *h)
{
    while (h->unacked)
        mark_due(r, h);
}

/* While the beginning of the direction is unknown, everything before the first held segment is a
 * hole that may have been delivered before the capture began: as good as acknowledged. */
static int64_t due_ns(const struct hold *h)
{
    const struct hold_segment *s = h->first;
    if (!(h->flow->half[h->side].flags & HALF_STARTED))
        return deadline_after(s->born_ns, ACKNOWLEDGED_NS);
    if (h->waits_ns != HOLD_NEVER)
        return deadline_after(h->waits_ns, ACKNOWLEDGED_NS);
    int64_t old_ns = deadline_after(s->born_ns, HOLE_NS);
    int64_t acknowledged_ns = deadline_after(s->due_since_ns, ACKNOWLEDGED_NS);
    return acknowledged_ns < old_ns ? acknowledged_ns : old_ns;
}

bool hold_due(const struct reassembly *r, const struct hold *h)
{
    const struct hold_segment *s = h->first;
    uint32_t packets = packets_of(h->flow);
    if (!(h->flow->half[h->side].flags & HALF_STARTED)) {
        if (packets - h->born_packets >= ACKNOWLEDGED_PACKETS)
            return true;
    } else if (h->waits_ns != HOLD_NEVER) {
        if (packets - h->waits_packets >= ACKNOWLEDGED_PACKETS)
            return true;
    } else if (s->due_since_ns != HOLD_NEVER &&
               packets - s->due_since_packets >= ACKNOWLEDGED_PACKETS) {
        return true;
    }
    return r->now_ns >= due_ns(h);
}

/* A first segment that is in order and still here waits for the other direction. */
static void note_wait(const struct reassembly *r, struct hold *h)
{
    const struct half *half = &h->flow->half[h->side];
    if (!(half->flags & HALF_STARTED) || tcp_ahead(h->first->seq, half->next) > 0) {
        h->waits_ns = HOLD_NEVER;
    } else if (h->waits_ns == HOLD_NEVER || h->waits_seq != half->next) {
        h->waits_ns = r->now_ns;
        h->waits_packets = packets_of(h->flow);
        h->waits_seq = half->next;
    }
}

void hold_update(struct reassembly *r, struct flow *f, int side)
{
    struct hold *h = f->half[side].hold;
    if (!h)
        return;
    if (!h->first) {
        hold_free(r, f, side);
        return;
    }
    note_wait(r, h);
    int64_t at_ns = due_ns(h);
    if (at_ns != h->deadline.at_ns)
        deadline_move(&r->deadlines, &h->deadline, at_ns);
}

void hold_free(struct reassembly *r, struct flow *f, int side)
{
    struct hold *h = f->half[side].hold;
    if (!h)
        return;
    while (h->first)
        free(hold_pop(r, h));
    deadline_remove(&r->deadlines, &h->deadline);
    r->held_bytes -= sizeof(*h);
    free(h);
    f->half[side].hold = NULL;
}
