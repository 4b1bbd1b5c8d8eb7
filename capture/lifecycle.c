/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * States of RFC 9293 as far as an observer between the two ends can tell them.
 *
 *   SYN -> SYN_SENT -- SYN/ACK -> SYN_RECEIVED -- ACK -> OPEN -- FIN -> HALF_CLOSED -- FIN -> SHUT
 *
 * with RST, ICMP errors and time-outs as short cuts to SHUT. Without the SYN a connection begins
 * with its SYN/ACK, which tells as much but the time, and without that midstream, in OPEN. A
 * handshake is complete with the first segment that only makes sense after it, so that a lost
 * packet, or a capture of one direction, does not hide it.
 *
 * A flow waits in one of four lists (flow.h). since_ns is the latest packet time of the run at the
 * time when the waiting began: for open and lingering flows their latest packet, else the entry
 * into the list. So one packet with an absurd time stamp ends what is open, but not what comes
 * after it. Open flows move to the end of their list about once a second, not with each packet:
 * the list is in order to a second, which is close enough for time-outs of minutes.
 *
 * Which use of its ports a segment belongs to: a SYN with the initial sequence number already known
 * is a copy; with another one it begins a new connection, whatever the state. Where the side's SYN
 * was not seen, a SYN just before the bytes seen so far is that SYN, late, within two seconds.
 *
 * Limits: LIMIT_FLOWS, or what the owner set, as a number and in bytes. A full table drops a
 * lingering flow if there is one, which loses nothing and is not counted; otherwise the open one
 * that was silent for longest; or, where many are in handshake, the oldest of those, so that a
 * flood of SYNs does not push out what is open.
 *
 * Whether a segment can be what it seems to be is asked of plausible.c.
 */
#include "capture/lifecycle.h"
#include "base/cache.h"
#include "capture/leaver.h"
#include "capture/plain.h"
#include "capture/plausible.h"

#define RESET_WAIT_NS      INT64_C(2000000000) /* gap rule 1, for the directions' ends */
#define RESET_WAIT_PACKETS 32u
#define LINGER_NS          INT64_C(60000000000) /* TIME-WAIT of Linux */
#define FLOOD_PART         8u                   /* of all flows in handshake: a flood */
#define TOUCH_SHIFT        30                   /* 2^30 ns: about a second */

static void emit(struct lifecycle *l, struct flow *f, enum conn_event event, int64_t ts_ns)
{
    struct stream_pos at = {ts_ns, l->reassembly.packet};
    l->sink->conn(l->sink->ctx, &f->conn, event, &at);
}

/* ---- waiting ---- */

static int64_t deadline_of(const struct lifecycle *l, const struct flow *f)
{
    int64_t wait_ns = 0;
    switch ((enum flow_list)f->list) {
    case FLOW_HANDSHAKE:
        wait_ns = CONN_HANDSHAKE_TIMEOUT_NS;
        break;
    case FLOW_OPEN:
        wait_ns = l->idle_ns;
        break;
    case FLOW_RESET:
        wait_ns = RESET_WAIT_NS;
        break;
    case FLOW_CLOSED:
        wait_ns = LINGER_NS;
        break;
    case FLOW_LIST_COUNT:
        break;
    }
    return deadline_after(f->since_ns, wait_ns);
}

/* Begins to wait as that list says. */
static void wait_in(struct lifecycle *l, struct flow *f, enum flow_list list)
{
    f->since_ns = l->reassembly.now_ns;
    flow_move(l->flows, f, list);
    int64_t deadline_ns = deadline_of(l, f);
    if (deadline_ns < l->next_ns)
        l->next_ns = deadline_ns;
}

static void touch(struct lifecycle *l, struct flow *f)
{
    if (f->list != FLOW_OPEN && f->list != FLOW_CLOSED)
        return;
    int64_t now_ns = l->reassembly.now_ns;
    if (now_ns >> TOUCH_SHIFT != f->since_ns >> TOUCH_SHIFT)
        flow_move(l->flows, f, (enum flow_list)f->list);
    f->since_ns = now_ns;
}

/* ---- closing ---- */

static enum stream_end end_of(const struct conn *c)
{
    switch ((enum conn_failure)c->failure) {
    case CONN_FAILURE_REFUSED:
    case CONN_FAILURE_RESET_IN_HANDSHAKE:
    case CONN_FAILURE_UNREACHABLE:
        return STREAM_END_RESET;
    case CONN_FAILURE_TIMED_OUT:
        return STREAM_END_IDLE;
    case CONN_FAILURE_NONE:
        break;
    }
    switch ((enum conn_close)c->close) {
    case CONN_CLOSE_FIN:
        return STREAM_END_FIN;
    case CONN_CLOSE_RESET:
        return STREAM_END_RESET;
    case CONN_CLOSE_IDLE:
    case CONN_CLOSE_PRUNED:
        return STREAM_END_IDLE;
    case CONN_CLOSE_NONE:
        break;
    }
    return STREAM_END_CAPTURE;
}

/* Ends both directions as the connection's state says, the client's first. */
static void end_both(struct lifecycle *l, struct flow *f)
{
    enum stream_end how = end_of(&f->conn);
    int64_t ts_ns = how == STREAM_END_RESET ? f->conn.closed_ns : INT64_MIN;
    int client = f->conn.swapped;
    reassembly_finish(&l->reassembly, f, client, how, ts_ns);
    reassembly_finish(&l->reassembly, f, !client, how, ts_ns);
}

static void tell_gone(struct lifecycle *l, struct flow *f, int64_t ts_ns)
{
    end_both(l, f);
    emit(l, f, CONN_EVENT_GONE, ts_ns);
}

static void release(struct lifecycle *l, struct flow *f, int64_t ts_ns)
{
    tell_gone(l, f, ts_ns);
    flow_remove(l->flows, f);
}

/* The reset of a connection ends its directions later, at the time of the RST. */
static void end_reset(struct lifecycle *l, struct flow *f)
{
    wait_in(l, f, FLOW_CLOSED);
    end_both(l, f);
}

static void shut(struct lifecycle *l, struct flow *f, int64_t ts_ns)
{
    f->conn.state = CONN_SHUT;
    f->conn.closed_ns = ts_ns;
    for (int side = 0; side < DIR_COUNT; side++)
        f->half[side].packets = (uint16_t)f->conn.side[side].packets;
    reassembly_closed(&l->reassembly, f);
}

static void close_as(struct lifecycle *l, struct flow *f, enum conn_close how, int64_t ts_ns)
{
    f->conn.close = (uint8_t)how;
    shut(l, f, ts_ns);
    wait_in(l, f, how == CONN_CLOSE_RESET ? FLOW_RESET : FLOW_CLOSED);
    emit(l, f, CONN_EVENT_CLOSED, ts_ns);
}

static void fail_as(struct lifecycle *l, struct flow *f, enum conn_failure why, int64_t ts_ns)
{
    f->conn.failure = (uint8_t)why;
    shut(l, f, ts_ns);
    bool reset = why == CONN_FAILURE_REFUSED || why == CONN_FAILURE_RESET_IN_HANDSHAKE;
    wait_in(l, f, reset ? FLOW_RESET : FLOW_CLOSED);
    emit(l, f, CONN_EVENT_FAILED, ts_ns);
    if (!reset)
        end_both(l, f);
}

/* The flow's time is over. It may be gone afterwards. */
static void time_out(struct lifecycle *l, struct flow *f)
{
    int64_t at_ns = deadline_of(l, f);
    switch ((enum flow_list)f->list) {
    case FLOW_HANDSHAKE:
        fail_as(l, f, CONN_FAILURE_TIMED_OUT, at_ns);
        break;
    case FLOW_OPEN:
        close_as(l, f, CONN_CLOSE_IDLE, at_ns);
        release(l, f, at_ns);
        break;
    case FLOW_RESET:
        end_reset(l, f);
        break;
    case FLOW_CLOSED:
        release(l, f, at_ns);
        break;
    case FLOW_LIST_COUNT:
        break;
    }
}

void lifecycle_expire(struct lifecycle *l)
{
    while (lifecycle_is_due(l)) {
        const struct deadline *hole = deadline_first(&l->reassembly.deadlines);
        int64_t hole_ns = hole ? hole->at_ns : INT64_MAX;
        int64_t now_ns = l->reassembly.now_ns;
        struct flow *first = NULL;
        int64_t first_ns = INT64_MAX;
        for (int list = 0; list < FLOW_LIST_COUNT; list++) {
            struct flow *f = flow_oldest(l->flows, (enum flow_list)list);
            if (f && deadline_of(l, f) < first_ns) {
                first = f;
                first_ns = deadline_of(l, f);
            }
        }
        bool flow_due = first && first_ns <= now_ns && l->time_outs_left > 0;
        l->next_ns = first_ns;
        if (hole && hole_ns <= now_ns && (hole_ns <= first_ns || !flow_due)) {
            reassembly_expire(&l->reassembly);
        } else if (flow_due) {
            l->time_outs_left--;
            time_out(l, first);
        } else {
            return;
        }
    }
}

/* Which flow goes first. */
static struct flow *dispensable(const struct lifecycle *l)
{
    static const enum flow_list order[] = {FLOW_CLOSED, FLOW_RESET, FLOW_OPEN, FLOW_HANDSHAKE};
    struct flow *f = NULL;
    uint32_t all = flow_count_all(l->flows);
    uint32_t lingering = flow_count(l->flows, FLOW_CLOSED) + flow_count(l->flows, FLOW_RESET);
    if (lingering == 0 && flow_count(l->flows, FLOW_HANDSHAKE) > all / FLOOD_PART)
        return flow_oldest(l->flows, FLOW_HANDSHAKE);
    for (int i = 0; !f && i < FLOW_LIST_COUNT; i++)
        f = flow_oldest(l->flows, order[i]);
    return f;
}

/* Makes room for one flow. */
static void prune(struct lifecycle *l, int64_t ts_ns)
{
    struct flow *f = dispensable(l);
    if (!f || f->conn.state != CONN_SHUT)
        limits_hit_add(l->hit, LIMIT_ID_FLOWS);
    if (!f)
        return;
    if (f->conn.state != CONN_SHUT)
        close_as(l, f, CONN_CLOSE_PRUNED, ts_ns);
    release(l, f, ts_ns);
}

/* Prunes until `more` flows fit into the memory that flows and what the listener has for them may
 * take; one flow is always kept. */
static void make_room(struct lifecycle *l, uint32_t more, int64_t ts_ns)
{
    if (l->max_bytes == 0)
        return;
    uint32_t count;
    while ((count = flow_count_all(l->flows)) > 1) {
        uint64_t flows = ((uint64_t)count + more) * LIMITS_FLOW_BYTES;
        if (flows + (l->listener_bytes ? *l->listener_bytes : 0) <= l->max_bytes)
            return;
        prune(l, ts_ns);
    }
}

/* ---- which use of the ports ---- */

static void abandon(struct lifecycle *l, struct flow *f, int64_t ts_ns)
{
    if (f->conn.state < CONN_OPEN)
        fail_as(l, f, CONN_FAILURE_TIMED_OUT, ts_ns);
    else if (f->conn.state != CONN_SHUT)
        close_as(l, f, CONN_CLOSE_IDLE, ts_ns);
    release(l, f, ts_ns);
}

/* The client is who sends a SYN or gets a SYN/ACK; else who has the higher port, or spoke first. */
static bool from_client(const struct flow_key *key, const struct tcp_segment *seg)
{
    if (seg->flags & TCP_SYN)
        return !(seg->flags & TCP_ACK);
    return key->from.port >= key->to.port;
}

static struct flow *open_flow(struct lifecycle *l, const struct flow_key *key,
                              const struct tcp_segment *seg)
{
    bool client = from_client(key, seg);
    bool handshake = (seg->flags & TCP_SYN) != 0;
    bool syn = handshake && !(seg->flags & TCP_ACK);
    enum flow_list list = handshake ? FLOW_HANDSHAKE : FLOW_OPEN;
    make_room(l, 1, seg->ts_ns);
    if (flow_full(l->flows))
        prune(l, seg->ts_ns);
    struct flow *f = flow_insert(l->flows, key, client ? 0 : 1, list);
    if (!f) { /* memory is short: a pruned flow leaves its own */
        prune(l, seg->ts_ns);
        f = flow_insert(l->flows, key, client ? 0 : 1, list);
    }
    if (!f)
        return NULL;
    f->half[0].avail_ns = f->half[1].avail_ns = INT64_MIN;
    f->conn.id = l->reassembly.packet;
    f->conn.slot = f->self * l->shards + l->shard;
    f->conn.opened_ns = f->conn.last_ns = seg->ts_ns;
    f->conn.state = syn ? CONN_SYN_SENT : handshake ? CONN_SYN_RECEIVED : CONN_OPEN;
    f->conn.midstream = !handshake;
    f->conn.opened_late = handshake && !syn;
    f->conn.roles_known = handshake;
    wait_in(l, f, list);
    emit(l, f, CONN_EVENT_OPENED, seg->ts_ns);
    return f;
}

/* The flow that the segment belongs to, new if need be; NULL: there is no memory for it. */
static struct flow *flow_for(struct lifecycle *l, const struct flow_key *key,
                             const struct tcp_segment *seg, int *ret_side)
{
    struct flow *f = flow_find(l->flows, key, ret_side);
    if (f && deadline_of(l, f) <= l->reassembly.now_ns) {
        time_out(l, f);
        f = flow_find(l->flows, key, ret_side);
    }
    if (f && (seg->flags & TCP_SYN) && !(seg->flags & TCP_RST) &&
        !plausible_syn(f, *ret_side, seg, l->reassembly.now_ns)) {
        abandon(l, f, seg->ts_ns);
        f = NULL;
    }
    if (f)
        return f;
    f = open_flow(l, key, seg);
    if (f)
        *ret_side = from_client(key, seg) ? 0 : 1;
    return f;
}

/* ---- one segment ---- */

/* Microseconds from one time to a later one, as far as 32 bits go; any two time stamps. */
static uint32_t between_us(int64_t from_ns, int64_t to_ns)
{
    if (to_ns <= from_ns)
        return 0;
    uint64_t us = ((uint64_t)to_ns - (uint64_t)from_ns) / 1000;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static void learn_roles(struct flow *f, int client_side)
{
    struct conn *c = &f->conn;
    if (c->roles_known)
        return;
    bool delivered = (f->half[0].flags | f->half[1].flags) & HALF_DELIVERED;
    if (c->swapped != client_side && delivered)
        return;
    c->swapped = (uint8_t)client_side;
    c->roles_known = true;
}

/* A SYN or SYN/ACK: says where its direction begins and who is the client. */
static void see_syn(struct lifecycle *l, struct flow *f, int side, const struct tcp_segment *seg)
{
    struct half *half = &f->half[side], *other = &f->half[!side];
    bool answer = (seg->flags & TCP_ACK) != 0;
    if (answer && !plausible_answer(f, side, seg))
        return; /* the answer to another SYN */
    if (!answer && side == 0 && f->conn.state == CONN_SYN_SENT) {
        f->rtt_us = between_us(f->conn.opened_ns, seg->ts_ns);
    }
    if (!answer && f->conn.opened_late && f->conn.state < CONN_OPEN) {
        f->conn.opened_late = false;
        if (seg->ts_ns < f->conn.opened_ns)
            f->conn.opened_ns = seg->ts_ns;
    }
    learn_roles(f, answer ? !side : side);
    if (answer && f->conn.state == CONN_SYN_SENT)
        f->conn.state = CONN_SYN_RECEIVED;
    if (half->flags & HALF_SYN)
        return;
    if (!((half->flags | other->flags) & HALF_DELIVERED))
        f->conn.whole = true; /* even if it follows bytes that it should precede */
    half->flags |= HALF_SYN;
    half->isn = seg->seq;
    reassembly_start(&l->reassembly, f, side, seg->seq + 1);
    if (answer && !(other->flags & (HALF_SYN | HALF_STARTED)))
        reassembly_start(&l->reassembly, f, !side, seg->ack);
}

static void establish(struct lifecycle *l, struct flow *f, int64_t ts_ns)
{
    int64_t syn_ns = deadline_after(f->conn.opened_ns, (int64_t)f->rtt_us * 1000);
    f->rtt_us = between_us(syn_ns, ts_ns);
    f->conn.state = CONN_OPEN;
    f->conn.established_ns = ts_ns;
    wait_in(l, f, FLOW_OPEN);
    emit(l, f, CONN_EVENT_ESTABLISHED, ts_ns);
}

/* The first acknowledgement behind a SYN whose answer was not captured says where the other
 * direction begins. */
static void infer_start(struct lifecycle *l, struct flow *f, int side,
                        const struct tcp_segment *seg)
{
    const struct half *half = &f->half[side], *other = &f->half[!side];
    uint32_t first;
    if (!(half->flags & HALF_SYN) || (other->flags & (HALF_SYN | HALF_STARTED)) ||
        seg->seq != half->isn + 1)
        return;
    if (reassembly_first_held(other, &first) && tcp_ahead(first, seg->ack) < 0)
        return;
    reassembly_start(&l->reassembly, f, !side, seg->ack);
}

static void see_ack(struct lifecycle *l, struct flow *f, int side, const struct tcp_segment *seg)
{
    struct half *other = &f->half[!side];
    if (seg->window == 0)
        other->flags |= HALF_ZERO_WINDOW;
    else
        other->flags &= (uint16_t)~HALF_ZERO_WINDOW;
    if (!(seg->flags & (TCP_SYN | TCP_RST)))
        infer_start(l, f, side, seg);
    if (f->conn.state >= CONN_OPEN || plausible_ack(f, side, seg))
        reassembly_acknowledge(&l->reassembly, f, !side, seg->ack);
}

static void see_fin(struct lifecycle *l, struct flow *f, int64_t ts_ns)
{
    bool both = f->half[0].flags & f->half[1].flags & HALF_FIN;
    if (f->conn.state == CONN_SHUT || f->conn.state < CONN_OPEN)
        return;
    if (both)
        close_as(l, f, CONN_CLOSE_FIN, ts_ns);
    else
        f->conn.state = CONN_HALF_CLOSED;
}

static void see_rst(struct lifecycle *l, struct flow *f, int side, const struct tcp_segment *seg)
{
    switch ((enum conn_state)f->conn.state) {
    case CONN_SYN_SENT:
    case CONN_SYN_RECEIVED:
        if (plausible_reset(f, side, seg)) {
            bool refused = f->conn.state == CONN_SYN_SENT && side == 1;
            fail_as(l, f, refused ? CONN_FAILURE_REFUSED : CONN_FAILURE_RESET_IN_HANDSHAKE,
                    seg->ts_ns);
        }
        break;
    case CONN_OPEN:
    case CONN_HALF_CLOSED:
        if (plausible_reset(f, side, seg)) {
            leaver_note(f, side, seg);
            close_as(l, f, CONN_CLOSE_RESET, seg->ts_ns);
        }
        break;
    case CONN_SHUT:
        if (f->conn.failure == CONN_FAILURE_NONE && plausible_reset(f, side, seg))
            leaver_note(f, side, seg);
        break;
    }
}

/* Packets of both sides: few, for then it waits no more. */
static uint32_t since_reset(const struct flow *f)
{
    uint32_t n = 0;
    for (int side = 0; side < DIR_COUNT; side++)
        n += (uint16_t)(f->conn.side[side].packets - f->half[side].packets);
    return n;
}

static inline void tell_packet(const struct lifecycle *l, const struct flow *f, int side,
                               const struct tcp_segment *seg, uint32_t fresh_bytes)
{
    struct stream_packet p = {.ts_ns = seg->ts_ns,
                              .slot = f->conn.slot,
                              .wire_bytes = seg->wire_bytes,
                              .payload_bytes = fresh_bytes,
                              .dir = (uint8_t)(side ^ f->conn.swapped)};
    l->sink->packet(l->sink->packet_ctx, &p);
}

/* Any segment, question by question. */
static __attribute__((noinline)) void any_segment(struct lifecycle *l, const struct flow_key *key,
                                                  const struct tcp_segment *seg)
{
    struct reassembly *r = &l->reassembly;
    int side;
    struct flow *f = flow_for(l, key, seg, &side);
    if (!f)
        return;
    struct reassembly_verdict v;
    reassembly_examine(f, side, seg, &v);
    reassembly_count(f, side, seg, &v);
    touch(l, f);
    tell_packet(l, f, side, seg, v.fresh_bytes);
    if ((seg->flags & TCP_SYN) && !(seg->flags & TCP_RST))
        see_syn(l, f, side, seg);
    if (seg->flags & TCP_ACK)
        see_ack(l, f, side, seg);
    if (f->conn.state < CONN_OPEN && plausible_completion(f, side, seg))
        establish(l, f, seg->ts_ns);
    if (v.fin)
        leaver_note(f, side, seg);
    if (v.useful)
        reassembly_accept(r, f, side, seg);
    if (v.fin)
        see_fin(l, f, seg->ts_ns);
    if (seg->flags & TCP_RST)
        see_rst(l, f, side, seg);
    reassembly_settle(r, f);
    if (f->list == FLOW_RESET && since_reset(f) >= RESET_WAIT_PACKETS)
        end_reset(l, f);
}

void lifecycle_segment(struct lifecycle *l, const struct flow_key *key,
                       const struct tcp_segment *seg)
{
    const struct reassembly *r = &l->reassembly;
    int side;
    make_room(l, 0, seg->ts_ns);
    struct flow *f = flow_find(l->flows, key, &side);
    if (!f || !plain_is(f, side, seg) || deadline_after(f->since_ns, l->idle_ns) <= r->now_ns) {
        any_segment(l, key, seg);
        return;
    }
    plain_count(f, side, seg);
    touch(l, f);
    tell_packet(l, f, side, seg, seg->length_bytes);
    plain_acknowledge(&f->half[!side], seg);
    if (seg->length_bytes > 0)
        plain_deliver(r, f, &f->half[side], seg);
}

void lifecycle_ahead(struct lifecycle *l, const struct flow_key *key)
{
    const struct flow *f = flow_ahead(l->flows, key);
    if (f && l->reassembly.now_ns >> TOUCH_SHIFT != f->since_ns >> TOUCH_SHIFT)
        flow_ahead_move(l->flows, f);
    if (f && l->sink->ahead)
        l->sink->ahead(l->sink->ctx, &f->conn);
}

void lifecycle_init(struct lifecycle *l)
{
    l->next_ns = INT64_MAX;
    l->time_outs_left = UINT64_MAX;
    l->reassembly.sink = l->sink;
    l->reassembly.hit = l->hit;
}

void lifecycle_unreachable(struct lifecycle *l, const struct flow_key *key, uint32_t seq,
                           int64_t ts_ns)
{
    int side;
    struct flow *f = flow_find(l->flows, key, &side);
    if (f && side == 0 && f->conn.state == CONN_SYN_SENT && f->half[0].isn == seq)
        fail_as(l, f, CONN_FAILURE_UNREACHABLE, ts_ns);
}

uint64_t lifecycle_oldest(struct lifecycle *l)
{
    const struct flow *f = flow_first(l->flows);
    if (!f)
        return 0;
    if (l->sink->ahead)
        l->sink->ahead(l->sink->ctx, &f->conn);
    cache_fetch(flow_behind(l->flows, f, 1), sizeof(*f));
    return f->conn.id;
}

void lifecycle_end_oldest(struct lifecycle *l)
{
    struct flow *f = flow_first(l->flows);
    tell_gone(l, f, l->reassembly.now_ns);
    flow_drop(l->flows, f);
}

void lifecycle_fini(struct lifecycle *l)
{
    struct flow *f;
    while (l->flows && (f = flow_first(l->flows)) != NULL) {
        reassembly_discard(&l->reassembly, f);
        flow_drop(l->flows, f);
    }
    flow_free(l->flows);
    deadline_fini(&l->reassembly.deadlines);
}
