/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection's transport: found by its first bytes, then fed.
 *
 * conn->user is one of
 *   NULL             no byte was delivered yet
 *   a struct link    bytes are being probed, or the transport runs, or it ran and noted bytes that
 *                    the connection's last record will tell
 *   &finished[id]    nothing more to do: not recognised (TRANSPORT_NONE), encrypted, or both
 *                    directions ended; behind the last transport: it is another protocol, or its
 *                    first bytes, as many as are kept, decided nothing
 *
 * so a connection that is not understood costs one comparison a segment and no memory. A stream
 * seen from its start is decided by its first bytes; as long as they could be several things, up to
 * LIMIT_PROBE_BYTES of each direction are kept and replayed. A stream that began before the capture
 * or behind a gap is tried at the start of every segment, LIMIT_PROBE_SEGMENTS times; then, since
 * it may be in the middle of something large, as often again where the direction changes. What
 * passed before the transport was recognised is noted as unread.
 *
 * The transport's state is an allocation of its own (work.h). Most connections are idle most of the
 * time: between messages a transport may put its state to rest in a few bytes behind the link, and
 * it is woken for the next call. When a connection turned into another transport (upgrade.h), that
 * one's link takes the place of the first one's.
 *
 * Memory shortage when a transport is to be woken ends the reading of that connection.
 */
#include "dissect/dissector.h"
#include "base/cache.h"
#include "base/counted.h"
#include "coding.h"
#include "dissect/transport.h"
#include "dissector_memo.h"
#include "findings.h"
#include "upgrade.h"
#include "work.h"
#include <stdlib.h>
#include <string.h>

#define UPGRADED TRANSPORT_COUNT /* turned into another transport */

static const struct transport *const transports[UPGRADED + 1] = {
    NULL,
#define TRANSPORT(id, name, file) &file,
#include "dissect/transports.def"
#undef TRANSPORT
    [UPGRADED] = &transport_upgraded,
};

struct dissector {
    struct transport_env env;
    struct dissector_memo *own_memo;
    struct decoder_account decoders;
    struct transport_spare spare;
    struct work_spare states;
    struct work_links links;
    struct stream_sink sink;
    struct findings findings;
    uint64_t state_bytes;
    uint32_t ahead_slot; /* that on_ahead() was told last; UINT32_MAX: none */
};

#define BOTH_ENDED     3
#define OTHER_PROTOCOL TRANSPORT_COUNT
#define UNDECIDED      (TRANSPORT_COUNT + 1)
#define AHEAD_BYTES    128 /* of a link: all that most have at rest */

static uint8_t finished[UNDECIDED + 1];

static bool is_finished(const struct conn *c)
{
    uintptr_t user = (uintptr_t)c->user;
    return user >= (uintptr_t)finished && user <= (uintptr_t)&finished[UNDECIDED];
}

static uint8_t transport_of(const struct conn *c)
{
    if (!c->user)
        return TRANSPORT_NONE;
    if (is_finished(c)) {
        uint8_t id = (uint8_t)((uint8_t *)c->user - finished);
        return id < TRANSPORT_COUNT ? id : TRANSPORT_NONE;
    }
    const struct link *l = c->user;
    if (l->transport == TRANSPORT_NONE)
        return TRANSPORT_NONE;
    if (l->work && l->work->transport->speaks)
        return l->work->transport->speaks(l->work->state);
    return l->named;
}

static enum record_content content_of(const struct conn *c)
{
    if (c->user == &finished[OTHER_PROTOCOL] ||
        (c->user == &finished[UNDECIDED] && transport_is_monologue(c)))
        return RECORD_CONTENT_OTHER;
    uint8_t transport = transport_of(c);
    if (transport == TRANSPORT_NONE)
        return RECORD_CONTENT_UNKNOWN;
    return transports[transport]->encrypted ? RECORD_CONTENT_ENCRYPTED : RECORD_CONTENT_READ;
}

/* Its transport is over, or has none. NULL is allowed. */
static void link_free(struct dissector *d, struct link *l)
{
    if (!l)
        return;
    counted_free(&d->state_bytes, l->noted, sizeof(*l->noted));
    work_link_give(&d->links, l, transports[l->transport]);
}

/* NULL, still probing, or at rest: out of memory. */
static struct link *link_new(struct dissector *d, uint8_t transport)
{
    return work_link_take(&d->links, transport, transports[transport]);
}

/* Gives the link of a transport the memory for its state. False: out of memory. */
static bool employ(struct dissector *d, struct conn *c, struct link *l)
{
    const struct transport *t = transports[l->transport];
    l->work = work_take(&d->states, l->transport, t->state_bytes);
    if (!l->work)
        return false;
    l->work->transport = t;
    l->work->tc = (struct transport_conn){&d->env, c, &l->noted, &l->turned, l->named};
    return true;
}

/* The state is gone; NULL is allowed. */
static void dismiss(struct dissector *d, struct link *l)
{
    if (l->work)
        work_give(&d->states, l->transport, l->work, l->work->transport->state_bytes);
    l->work = NULL;
}

static bool wake(struct dissector *d, struct conn *c, struct link *l, const struct stream_pos *at)
{
    if (l->work)
        return true;
    if (!employ(d, c, l))
        return false;
    l->work->transport->wake(l->work->state, &l->work->tc, l->rest);
    for (int dir = 0; l->untold && dir < DIR_COUNT; dir++) {
        if (l->untold >> dir & 1)
            l->work->transport->end(l->work->state, (enum dir)dir, STREAM_END_CAPTURE, at);
    }
    l->untold = 0;
    return true;
}

static inline void let_rest(struct dissector *d, struct link *l)
{
    const struct work *w = l->work;
    if (w->transport->rest && w->transport->rest(w->state, l->rest))
        dismiss(d, l);
}

/* With its state, which is over or was never begun. */
static void link_drop(struct dissector *d, struct link *l)
{
    dismiss(d, l);
    link_free(d, l);
}

/* ---- feeding, and turning into another transport */

static void turn(struct dissector *d, struct conn *c, struct link *l, const struct stream_pos *at)
{
    l->turned = false;
    struct link *next = link_new(d, UPGRADED);
    struct upgrade *u =
        next && employ(d, c, next) ? l->work->transport->release(l->work->state) : NULL;
    if (!u) {
        if (next)
            link_drop(d, next);
        return;
    }
    memcpy(next->work->state, &u, sizeof(u));
    next->ended = l->ended;
    next->joined = l->joined;
    l->work->transport->fini(l->work->state, CHANNEL_END_COMPLETE, at);
    next->noted = l->noted;
    l->noted = NULL;
    upgrade_settle(u, &next->noted);
    link_drop(d, l);
    c->user = next;
}

/* The link may be another one afterwards. Its transport is awake. */
static void feed(struct dissector *d, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    struct link *l = c->user;
    l->work->transport->feed(l->work->state, dir, bytes, n, at);
    if (l->turned)
        turn(d, c, l, at);
}

/* The same, and then it may rest. */
static void feed_awake(struct dissector *d, struct conn *c, enum dir dir, const uint8_t *bytes,
                       size_t n, const struct stream_pos *at)
{
    feed(d, c, dir, bytes, n, at);
    let_rest(d, c->user);
}

/* ---- when a transport is over */

/* Nothing more will be read from this connection. */
static inline bool is_over(const struct conn *c)
{
    if (!c->user || is_finished(c))
        return c->user != NULL;
    return ((const struct link *)c->user)->over;
}

/* Ends the transport, which has nothing to end if it is at rest. Whether anything was noted. */
static bool end_transport(struct dissector *d, struct link *l, const struct stream_pos *at)
{
    if (l->work)
        l->work->transport->fini(l->work->state, CHANNEL_END_CLOSED, at);
    dismiss(d, l);
    return l->noted != NULL;
}

static void finish(struct dissector *d, struct conn *c, const struct stream_pos *at)
{
    struct link *l = c->user;
    uint8_t transport = transport_of(c);
    if (is_over(c))
        return;
    if (l && l->transport != TRANSPORT_NONE && end_transport(d, l, at)) {
        l->over = true;
        l->named = transport;
        return;
    }
    if (l && l->transport == TRANSPORT_NONE)
        counted_free(&d->state_bytes, l->kept, sizeof(*l->kept));
    link_free(d, l);
    c->user = &finished[transport];
}

/* ---- the connection itself */

static void tell_conn(const struct dissector *d, struct conn *c, enum conn_event event,
                      const struct stream_pos *at)
{
    struct transport_conn tc = {.env = &d->env, .conn = c, .transport = transport_of(c)};
    struct record own, *r = transport_room(&tc, &own);
    transport_record(&tc, RECORD_CONN, 0, at, r);
    r->conn_event = (uint8_t)event;
    r->u.conn = *c;
    r->u.conn.user = NULL;
    r->u.content = (uint8_t)content_of(c);
    memset(r->u.noted, 0, sizeof(r->u.noted));
    const struct link *l = c->user && !is_finished(c) ? c->user : NULL;
    if (l && l->transport != TRANSPORT_NONE && l->noted)
        memcpy(r->u.noted, l->noted->bytes, sizeof(r->u.noted));
    transport_send(&tc, r);
}

/* ---- recognising */

struct verdict {
    enum probe_result result;
    uint8_t transport; /* with PROBE_YES and PROBE_SWAPPED */
};

static struct verdict probe_all(const struct probe *p, bool roles_known)
{
    struct verdict v = {PROBE_NO, TRANSPORT_NONE};
    for (unsigned id = TRANSPORT_NONE + 1; id < TRANSPORT_COUNT; id++) {
        enum probe_result result = transports[id]->probe(p);
        if (result == PROBE_YES || (result == PROBE_SWAPPED && !roles_known))
            return (struct verdict){result, (uint8_t)id};
        if (result == PROBE_MORE)
            v.result = PROBE_MORE;
    }
    return v;
}

/* The probing state of a connection; NULL: out of memory. */
static struct link *probing(struct dissector *d, struct conn *c)
{
    if (!c->user) {
        c->user = link_new(d, TRANSPORT_NONE);
        if (c->user)
            ((struct link *)c->user)->joined = c->midstream && !c->whole;
    }
    return c->user;
}

/* Keeps bytes that could still be anything. False: no room or no memory for them. */
static bool keep(struct dissector *d, struct link *l, enum dir dir, const uint8_t *bytes, size_t n)
{
    if (!l->kept) {
        l->kept = counted_calloc(&d->state_bytes, sizeof(*l->kept));
        if (l->kept)
            l->kept->first = (uint8_t)dir;
    }
    if (!l->kept || n > (size_t)(LIMIT_PROBE_BYTES - l->kept->len[dir]))
        return false;
    memcpy(l->kept->bytes[dir] + l->kept->len[dir], bytes, n);
    l->kept->len[dir] += (uint8_t)n;
    return true;
}

static void swap_roles(const struct dissector *d, struct conn *c, struct link *l,
                       const struct stream_pos *at)
{
    stream_swap_roles(c);
    tell_conn(d, c, CONN_EVENT_ROLES, at);
    struct kept *k = l->kept;
    if (!k)
        return;
    struct kept was = *k;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        memcpy(k->bytes[dir], was.bytes[!dir], sizeof(k->bytes[dir]));
        k->len[dir] = was.len[!dir];
    }
    k->first = (uint8_t)dir_other((enum dir)was.first);
}

/* Starts the transport and gives it what was kept, as it came. False: out of memory. */
static bool start(struct dissector *d, struct conn *c, uint8_t transport,
                  const struct stream_pos *at)
{
    struct link *old = c->user;
    struct link *l = link_new(d, transport);
    if (!l)
        return false;
    l->joined = old->joined;
    l->ended = old->ended;
    if (!employ(d, c, l) ||
        l->work->transport->init(l->work->state, &l->work->tc, l->joined) != 0) {
        link_drop(d, l);
        return false;
    }
    l->noted = old->noted;
    old->noted = NULL;
    c->user = l;
    struct kept *k = old->kept;
    for (int i = 0; k && i < DIR_COUNT; i++) {
        enum dir dir = i == 0 ? (enum dir)k->first : dir_other((enum dir)k->first);
        if (k->len[dir] > 0)
            feed(d, c, dir, k->bytes[dir], k->len[dir], at);
    }
    counted_free(&d->state_bytes, k, sizeof(*k));
    link_free(d, old);
    return true;
}

/* An encrypted transport is named and left alone. */
static void leave(struct dissector *d, struct conn *c, uint8_t transport,
                  const struct stream_pos *at)
{
    finish(d, c, at);
    c->user = &finished[transport];
}

/* Bytes of that direction are not recognised, with what was kept in front of them. */
static void pass(const struct dissector *d, struct link *l, enum dir dir, size_t n)
{
    if (l->kept) {
        n += l->kept->len[dir];
        l->kept->len[dir] = 0;
    }
    if (n > 0)
        transport_add(&d->env, &l->noted, RECORD_NOTED_UNREAD, n);
}

/* A segment without a result. */
static void probed_in_vain(struct dissector *d, struct conn *c, const struct probe *p,
                           const struct stream_pos *at)
{
    struct link *l = c->user;
    if (l->joined && ++l->tries < 2 * LIMIT_PROBE_SEGMENTS) {
        pass(d, l, p->dir, p->n);
        return;
    }
    if (l->joined)
        limits_hit_add(d->env.hit, LIMIT_ID_PROBE_SEGMENTS);
    finish(d, c, at);
}

static void probe_data(struct dissector *d, struct conn *c, struct probe p,
                       const struct stream_pos *at)
{
    struct link *l = probing(d, c);
    if (!l) {
        finish(d, c, at);
        return;
    }
    enum dir dir = p.dir;
    const uint8_t *bytes = p.bytes;
    size_t n = p.n;
    size_t kept = l->kept ? l->kept->len[dir] : 0;
    bool goes_on = l->latest == dir + 1;
    l->latest = (uint8_t)(dir + 1) & 3;
    if (goes_on && kept == 0 && l->tries >= LIMIT_PROBE_SEGMENTS) {
        pass(d, l, dir, n);
        return;
    }
    uint8_t whole[2 * LIMIT_PROBE_BYTES];
    if (kept > 0) {
        size_t add = n < LIMIT_PROBE_BYTES ? n : LIMIT_PROBE_BYTES;
        memcpy(whole, l->kept->bytes[dir], kept);
        memcpy(whole + kept, bytes, add);
        p.bytes = whole;
        p.n = kept + add;
    }
    p.joined = l->joined;
    struct verdict v = probe_all(&p, c->roles_known);
    if (v.result == PROBE_MORE && keep(d, l, dir, bytes, n))
        return;
    if (v.result == PROBE_MORE || v.result == PROBE_NO) {
        bool joined = l->joined;
        probed_in_vain(d, c, &(struct probe){dir, bytes, n, false, false}, at);
        if (!joined && v.result == PROBE_NO)
            c->user = &finished[OTHER_PROTOCOL];
        else if (!joined && kept + n > LIMIT_PROBE_BYTES)
            c->user = &finished[UNDECIDED];
        return;
    }
    if (v.result == PROBE_SWAPPED) {
        swap_roles(d, c, l, at);
        dir = dir_other(dir);
    }
    if (transports[v.transport]->encrypted) {
        leave(d, c, v.transport, at);
        return;
    }
    if (start(d, c, v.transport, at))
        feed_awake(d, c, dir, bytes, n, at);
    else
        finish(d, c, at);
}

/* ---- the listener */

/* The link of a connection whose transport is to go on; NULL: there is none, or no memory to wake
 * it, and nothing will be read any more. */
static struct link *awake(struct dissector *d, struct conn *c, const struct stream_pos *at)
{
    struct link *l = c->user;
    if (l && l->transport != TRANSPORT_NONE && !wake(d, c, l, at)) {
        finish(d, c, at);
        return NULL;
    }
    return l && l->transport != TRANSPORT_NONE ? l : NULL;
}

static void on_data(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at)
{
    struct dissector *d = ctx;
    if (is_over(c))
        return;
    if (awake(d, c, at))
        feed_awake(d, c, dir, bytes, n, at);
    else if (!is_over(c))
        probe_data(d, c, (struct probe){dir, bytes, n, false, c->roles_known}, at);
    findings_tell(&d->findings);
}

static void on_gap(void *ctx, struct conn *c, enum dir dir, uint64_t n, enum gap_reason reason,
                   const struct stream_pos *at)
{
    (void)reason;
    struct dissector *d = ctx;
    if (is_over(c))
        return;
    struct link *l = awake(d, c, at), *doubtful = l || is_over(c) ? NULL : probing(d, c);
    if (l) {
        l->work->transport->gap(l->work->state, dir, n, at);
    } else if (doubtful) {
        doubtful->joined = true;
        pass(d, doubtful, dir, 0);
    }
    findings_tell(&d->findings);
}

static void on_end(void *ctx, struct conn *c, enum dir dir, enum stream_end how,
                   const struct stream_pos *at)
{
    struct dissector *d = ctx;
    struct link *l = c->user;
    if (!l || is_over(c))
        return;
    l->ended |= (uint8_t)(1U << dir);
    if (how == STREAM_END_CAPTURE && l->transport != TRANSPORT_NONE && !l->work)
        l->untold |= (uint8_t)(1U << dir);
    else if (l->transport != TRANSPORT_NONE && (l = awake(d, c, at)) != NULL)
        l->work->transport->end(l->work->state, dir, how, at);
    if (l && l->ended == BOTH_ENDED)
        finish(d, c, at);
    findings_tell(&d->findings);
}

/* The notes were told. */
static void forget(struct dissector *d, struct conn *c)
{
    uint8_t transport = transport_of(c);
    if (is_finished(c))
        return;
    link_free(d, c->user);
    c->user = &finished[transport];
}

static void on_conn(void *ctx, struct conn *c, enum conn_event event, const struct stream_pos *at)
{
    struct dissector *d = ctx;
    if (event == CONN_EVENT_OPENED)
        c->user = NULL;
    if (event == CONN_EVENT_GONE)
        finish(d, c, at);
    tell_conn(d, c, event, at);
    if (event == CONN_EVENT_GONE)
        forget(d, c);
}

static void ignore_packet(void *ctx, const struct stream_packet *p)
{
    (void)ctx;
    (void)p;
}

static void on_ahead(void *ctx, const struct conn *c)
{
    struct dissector *d = ctx;
    if (c->slot == d->ahead_slot)
        return;
    d->ahead_slot = c->slot;
    if (!c->user || is_finished(c))
        return;
    cache_fetch(c->user, AHEAD_BYTES); /* some have less: then it is a wrong guess */
}

struct dissector *dissector_new(const struct dissector_config *config,
                                const struct record_sink *sink, struct limits_hit *hit)
{
    struct dissector *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    const struct limits_caps *caps = config->caps ? config->caps : &limits_constants;
    d->spare.owners = d->decoders.owners = config->shards;
    d->spare.max_parsers = caps->of[LIMIT_ID_PARSERS];
    d->states.sum = d->links.sum = &d->state_bytes;
    d->ahead_slot = UINT32_MAX;
    d->decoders.max_held = caps->of[LIMIT_ID_DECODER_BYTES];
    d->env = (struct transport_env){.hash = config->hash,
                                    .hit = hit,
                                    .sink = *sink,
                                    .spare = &d->spare,
                                    .decoders = &d->decoders,
                                    .findings = &d->findings,
                                    .state_bytes = &d->state_bytes};
    findings_init(&d->findings, &d->env.sink);
    struct dissector_memo *memo = config->memo;
    if (!memo)
        memo = d->own_memo = dissector_memo_new();
    if (memo) { /* without it, all is the same but speed */
        d->env.heads = &memo->heads;
        d->env.texts = &memo->texts;
    }
    d->sink = (struct stream_sink){.ctx = d,
                                   .conn = on_conn,
                                   .data = on_data,
                                   .gap = on_gap,
                                   .end = on_end,
                                   .packet = sink->packet ? sink->packet : ignore_packet,
                                   .packet_ctx = sink->packet_ctx,
                                   .ahead = on_ahead};
    return d;
}

const struct stream_sink *dissector_stream_sink(struct dissector *d)
{
    return &d->sink;
}

const uint64_t *dissector_state_bytes(const struct dissector *d)
{
    return &d->state_bytes;
}

void dissector_free(struct dissector *d)
{
    if (!d)
        return;
    transport_spare_free(&d->spare);
    work_spare_free(&d->states);
    work_links_free(&d->links);
    dissector_memo_free(d->own_memo);
    free(d);
}
