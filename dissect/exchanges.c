/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Association of HTTP/1.1 responses with requests (RFC 9112 9.3): by count while nothing is
 * missing, by time after a loss, not at all where neither can be trusted.
 *
 * Theory. As long as both directions are read without a loss of framing, responses are counted:
 * each one belongs to the oldest request without a response, pipelined or not. A loss of framing
 * destroys the count. Then time helps: a client that does not pipeline sends a request only when
 * the response before it has arrived, so that at any moment at most one request waits, and a
 * response that starts at T answers the newest request that was complete at T. Everything older was
 * answered in the hole. Times are those of capture/stream.h: they do not depend on when a gap was
 * decided, which may be many packets later, so requests that were sent after the response are not
 * taken for its own.
 *
 * What makes this sound is the order that capture/stream.h promises: request bytes that a response
 * packet acknowledged were delivered, or told as a gap, before it. So nobody can have answered a
 * request that is not known to be missing.
 *
 * A client is known to pipeline when a request begins at the very time that another ends, or with
 * nothing of a response delivered or lost in between, or when one began before the response of an
 * older one started although nothing was lost. After a loss on
 * such a connection nothing is associated any more ("blind").
 *
 * What a loss costs, by state:
 *
 *   lost where                    the exchange itself         who the next response belongs to
 *   request body, framed          message lost                unchanged: count
 *   request head or framing       request lost; still waits   older ones: count; later ones: time
 *   between requests              (an unknown request)        the same
 *   response body, framed         message lost                unchanged: count
 *   response head or framing      ends as lost                time; those that waited may be lost
 *   between responses             those that waited may       time
 *                                 be answered in the hole
 *
 * Both parsers read on at the next start line. By time means: the newest request complete at T;
 * older ones end as lost. Such a pair is refused if the two carry different session ids, and marked
 * uncertain unless
 *   - the client is known to wait: TRUSTED_TURNS requests in a row began after the response before
 *     them had ended (a client that the capture only joins is believed to, until it shows that it
 *     does not or something is lost: hardly any pipelines; CHANNEL_JOINED says so, for who is to be
 *     blamed); and
 *   - no request is missing behind this one; and
 *   - it began after the last response, and no other waits but for those that may have been
 *     answered in the hole. One that came before the response although its time is later counts,
 *     too: a capture misplaced the packet of one of them.
 * The same clears the doubt that an uncertain pair leaves about those counted from it.
 *
 * A response without a request (lost, not captured, or before the capture) gets an exchange of its
 * own, a stub. Should its request still come, it must not wait for another response: a request that
 * began before a stub's response is never bound ("spent"), and while no request bytes are missing
 * it is the stub's own (`debt` counts them), so the count of those behind it holds. A request that
 * began later asks anew: then the stub was a response that nobody had asked for.
 *
 * Limits: LIMIT_HTTP_PIPELINE open requests; beyond it the connection is blind. Memory shortage
 * does the same. A connection with one open exchange allocates nothing.
 */
#include "exchanges.h"
#include "base/counted.h"
#include <assert.h>
#include <string.h>

#define TRUSTED_TURNS 3 /* a pipelining client hardly ever takes as many turns before it shows */

void exchanges_init(struct exchanges *x, bool joined, bool waits, struct limits_hit *hit)
{
    x->list = &x->first;
    x->cap = 1;
    x->hit = hit;
    x->stub_ns = INT64_MIN;
    x->asked_ns = INT64_MIN;
    x->answered_ns = INT64_MIN;
    x->requests_lost = joined;
    x->responses_lost = joined;
    x->credit = waits;
    x->believed = waits;
}

void exchanges_rest(const struct exchanges *x, struct exchanges_rest *ret_rest)
{
    assert(x->count == 0 && x->list == &x->first);
    *ret_rest = (struct exchanges_rest){.stub_ns = x->stub_ns,
                                        .asked_ns = x->asked_ns,
                                        .answered_ns = x->answered_ns,
                                        .last_channel = x->last_channel,
                                        .debt = x->debt,
                                        .turns = x->turns,
                                        .requests_lost = x->requests_lost,
                                        .responses_lost = x->responses_lost,
                                        .doubt = x->doubt,
                                        .pipelined = x->pipelined,
                                        .blind = x->blind,
                                        .believed = x->believed,
                                        .credit = x->credit};
}

void exchanges_wake(struct exchanges *x, const struct exchanges_rest *rest, struct limits_hit *hit)
{
    exchanges_init(x, false, false, hit);
    x->stub_ns = rest->stub_ns;
    x->asked_ns = rest->asked_ns;
    x->answered_ns = rest->answered_ns;
    x->last_channel = rest->last_channel;
    x->debt = rest->debt;
    x->turns = rest->turns;
    x->requests_lost = rest->requests_lost;
    x->responses_lost = rest->responses_lost;
    x->doubt = rest->doubt;
    x->pipelined = rest->pipelined;
    x->blind = rest->blind;
    x->believed = rest->believed;
    x->credit = rest->credit;
}

static void shrink(struct exchanges *x)
{
    if (x->list == &x->first)
        return;
    counted_free(x->sum, x->list, x->cap * sizeof(*x->list));
    x->list = &x->first;
    x->cap = 1;
}

void exchanges_fini(struct exchanges *x)
{
    x->count = 0;
    shrink(x);
}

static bool waits(const struct exchange *e)
{
    return !e->response_started;
}

static void end(const struct exchanges *x, const struct exchange *e, enum channel_end how)
{
    if (e->lossy || e->in_hole)
        how = CHANNEL_END_LOST;
    else if (e->aborted)
        how = CHANNEL_END_ABORTED;
    x->over(x->ctx, e, how);
}

/* Ends and removes those that are over. */
static void reap(struct exchanges *x)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < x->count; i++) {
        struct exchange *e = &x->list[i];
        if (e->request_done && e->response_done)
            end(x, e, CHANNEL_END_COMPLETE);
        else if (kept++ != i)
            x->list[kept - 1] = *e;
    }
    x->count = kept;
    if (kept == 0)
        shrink(x);
}

/* No response will be bound to it. */
static void give_up(struct exchange *e)
{
    e->response_started = true;
    e->response_done = true;
    e->lossy = true;
}

static void give_up_before(struct exchanges *x, int64_t ns)
{
    for (uint16_t i = 0; i < x->count; i++)
        if (waits(&x->list[i]) && x->list[i].start_ns <= ns)
            give_up(&x->list[i]);
    reap(x);
}

static void go_blind(struct exchanges *x)
{
    x->blind = true;
    give_up_before(x, INT64_MAX);
}

/* ---- adding */

static bool grow(struct exchanges *x)
{
    assert(x->cap > 0); /* for the first there always is room */
    if (x->count < x->cap)
        return true;
    if (x->count >= LIMIT_HTTP_PIPELINE) {
        limits_hit_add(x->hit, LIMIT_ID_HTTP_PIPELINE);
        return false;
    }
    uint16_t cap = x->cap == 1 ? 4 : (uint16_t)(x->cap * 2);
    struct exchange *old = x->list == &x->first ? NULL : x->list;
    struct exchange *list =
        counted_realloc(x->sum, old, x->cap * sizeof(*list), cap * sizeof(*list));
    if (!list)
        return false;
    if (!old)
        list[0] = x->first;
    x->list = list;
    x->cap = cap;
    return true;
}

/* Adds one at a place; NULL: no room even after giving up all others. */
static struct exchange *add(struct exchanges *x, uint16_t place)
{
    if (!grow(x)) {
        go_blind(x);
        place = place < x->count ? place : x->count;
    }
    if (x->count >= x->cap)
        return NULL;
    struct exchange *e = &x->list[place];
    memmove(e + 1, e, (size_t)(x->count - place) * sizeof(*e));
    x->count++;
    *e = (struct exchange){.channel = ++x->last_channel};
    return e;
}

struct exchange *exchanges_open(struct exchanges *x, int64_t ns)
{
    if (ns == x->asked_ns || x->silent)
        x->pipelined = true;
    struct exchange *e = add(x, x->count);
    if (!e)
        return NULL;
    e->start_ns = ns;
    e->end_ns = ns;
    e->hole_before = x->requests_lost;
    e->begin.flags = x->believed ? CHANNEL_JOINED : 0;
    x->requests_lost = false;
    bool spent = x->blind || ns <= x->stub_ns;
    if (ns > x->stub_ns)
        x->debt = 0; /* those responses answered nothing */
    else if (x->debt > 0)
        x->debt--;
    else if (spent)
        x->responses_lost = true; /* perhaps its response is still to come: no count any more */
    if (spent) {
        give_up(e);
        e->begin.flags |= CHANNEL_UNCERTAIN;
    }
    return e;
}

struct exchange *exchanges_receiving(struct exchanges *x)
{
    struct exchange *e = x->count > 0 ? &x->list[x->count - 1] : NULL;
    return e && !e->request_done ? e : NULL;
}

void exchanges_received(struct exchanges *x, int64_t ns, bool lost)
{
    struct exchange *e = exchanges_receiving(x);
    x->asked_ns = ns;
    if (!e)
        return;
    e->end_ns = ns;
    e->request_done = true;
    if (lost)
        e->lossy = true;
    x->silent = waits(e);
    if (e->response_done)
        reap(x);
}

/* ---- binding */

static uint16_t first_waiting(const struct exchanges *x)
{
    uint16_t i = 0;
    while (i < x->count && !waits(&x->list[i]))
        i++;
    return i;
}

/* Whether the count of responses does not tell any more. */
static bool by_time(const struct exchanges *x)
{
    uint16_t i = first_waiting(x);
    return x->responses_lost || (i < x->count && x->list[i].hole_before);
}

static struct exchange *newest_complete(struct exchanges *x, int64_t ns)
{
    for (uint16_t i = x->count; i-- > 0;) {
        struct exchange *e = &x->list[i];
        if (waits(e) && e->request_done && e->end_ns <= ns)
            return e;
    }
    return NULL;
}

struct exchange *exchanges_expect(struct exchanges *x, int64_t ns)
{
    uint16_t i = first_waiting(x);
    if (x->blind || i == x->count)
        return NULL;
    if (!by_time(x))
        return &x->list[i];
    return x->pipelined ? NULL : newest_complete(x, ns);
}

static bool other_session(const struct exchange *e, const struct exchanges_response *r)
{
    return r->has_session && (e->begin.flags & CHANNEL_HAS_SESSION) != 0 &&
           e->begin.session_hash != r->session_hash;
}

/* How many other requests that began by ns wait and were not answered in a hole. */
static unsigned others_waiting(const struct exchanges *x, const struct exchange *e, int64_t ns)
{
    unsigned n = 0;
    for (uint16_t i = 0; i < x->count; i++) {
        const struct exchange *other = &x->list[i];
        n += other != e && waits(other) && !other->in_hole && other->start_ns <= ns;
    }
    return n;
}

/* Whether e began after the last response and is the only one that a response at ns can answer. */
static bool takes_turn(const struct exchanges *x, const struct exchange *e, int64_t ns)
{
    return e->request_done && e->end_ns <= ns && e->start_ns >= x->answered_ns &&
           others_waiting(x, e, ns) == 0;
}

static bool is_certain(const struct exchanges *x, const struct exchange *e, int64_t ns)
{
    if (!by_time(x) && !x->doubt)
        return !x->requests_lost; /* else another one was sent before the response: how so? */
    return (x->credit || x->turns >= TRUSTED_TURNS) && takes_turn(x, e, ns) &&
           others_waiting(x, e, INT64_MAX) == 0 && !(x->responses_lost && x->requests_lost);
}

/* Learns from a pair whether the client waits for responses. */
static void count_turn(struct exchanges *x, const struct exchange *e, int64_t ns)
{
    if (x->answered_ns == INT64_MIN)
        return;
    if (!takes_turn(x, e, ns)) {
        x->turns = 0;
        x->credit = false;
    } else if (x->turns < TRUSTED_TURNS) {
        x->turns++;
    }
}

/* Requests that wait together although no response was lost. With the very first response that may
 * also mean that the beginning of the direction was not captured, which nobody tells. */
static void notice_pipelining(struct exchanges *x, int64_t ns)
{
    if (x->count < 2 || x->responses_lost || x->doubt || others_waiting(x, NULL, ns) < 2)
        return;
    x->doubt = x->start_unknown && x->answered_ns == INT64_MIN && !x->pipelined;
    x->pipelined = true;
}

/* An exchange for a response whose request is not known. */
static struct exchange *add_stub(struct exchanges *x, int64_t ns)
{
    struct exchange *e = add(x, first_waiting(x));
    x->stub_ns = ns > x->stub_ns ? ns : x->stub_ns;
    if (!e)
        return NULL;
    e->start_ns = ns;
    e->end_ns = ns;
    e->request_done = true;
    e->response_started = true;
    e->begin.flags = CHANNEL_STUB | CHANNEL_UNCERTAIN;
    return e;
}

static struct exchange *bind_stub(struct exchanges *x, int64_t ns)
{
    if (by_time(x))
        give_up_before(x, ns);
    else if (!x->requests_lost && !x->blind)
        x->debt++;
    return add_stub(x, ns);
}

/* Binds e; older ones were answered in a hole. */
static void bind_to(struct exchanges *x, struct exchange *e)
{
    e->response_started = true;
    e->hole_before = false;
    e->in_hole = false;
    x->responses_lost = false;
    if (e == x->list)
        return;
    for (struct exchange *older = x->list; older < e; older++)
        if (waits(older))
            give_up(older);
    reap(x);
}

struct exchange *exchanges_bind(struct exchanges *x, const struct exchanges_response *r,
                                bool *ret_certain)
{
    x->silent = false;
    notice_pipelining(x, r->ns);
    if (by_time(x) && x->pipelined && !x->blind)
        go_blind(x);
    *ret_certain = false;
    struct exchange *e = exchanges_expect(x, r->ns);
    if (e && (by_time(x) || x->doubt) && other_session(e, r)) {
        x->responses_lost = true; /* the count is off */
        e = NULL;
    }
    if (!e)
        return bind_stub(x, r->ns);
    *ret_certain = is_certain(x, e, r->ns);
    x->doubt = !*ret_certain;
    count_turn(x, e, r->ns);
    bind_to(x, e);
    return exchanges_answering(x);
}

struct exchange *exchanges_bind_body(struct exchanges *x, int64_t ns)
{
    x->silent = false;
    give_up_before(x, ns);
    return add_stub(x, ns);
}

struct exchange *exchanges_answering(struct exchanges *x)
{
    for (uint16_t i = 0; i < x->count; i++)
        if (x->list[i].response_started && !x->list[i].response_done)
            return &x->list[i];
    return NULL;
}

void exchanges_answered(struct exchanges *x, int64_t ns, bool lost)
{
    struct exchange *e = exchanges_answering(x);
    x->answered_ns = ns > x->answered_ns ? ns : x->answered_ns;
    if (!e)
        return;
    e->response_done = true;
    if (lost)
        e->lossy = true;
    reap(x);
}

struct exchange *exchanges_latest(struct exchanges *x)
{
    return x->count > 0 ? &x->list[x->count - 1] : NULL;
}

void exchanges_release(struct exchanges *x, struct exchange *e)
{
    size_t behind = (size_t)(&x->list[x->count] - e) - 1;
    memmove(e, e + 1, behind * sizeof(*e));
    x->count--;
    if (x->count == 0)
        shrink(x);
}

/* ---- losses */

void exchanges_lose_requests(struct exchanges *x)
{
    x->requests_lost = true;
    x->credit = false;
    x->debt = 0; /* stub_ns tells from now on */
}

void exchanges_lose_responses(struct exchanges *x)
{
    x->responses_lost = true;
    x->silent = false;
    x->credit = false;
    for (uint16_t i = 0; i < x->count; i++)
        if (waits(&x->list[i]))
            x->list[i].in_hole = true;
}

void exchanges_close(struct exchanges *x, enum channel_end how, bool all)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < x->count; i++) {
        struct exchange *e = &x->list[i];
        if (e->request_done || all)
            end(x, e, how);
        else if (kept++ != i)
            x->list[kept - 1] = *e;
    }
    x->count = kept;
    if (kept == 0)
        shrink(x);
}
