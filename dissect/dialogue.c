/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What messages do (MCP 2024-11-05 to 2026-07-28, of which modern.c has what differs; JSON-RPC
 * 2.0).
 *
 * A request waits until a response, a cancellation, a refusal or its channel's end ends it. A
 * response is bound to its own exchange first; only if none of the exchange's requests has its id,
 * to the session. An error that names no request (id null, absent or made up) refuses all requests
 * of its exchange.
 *
 * Copies: a stream resumed with Last-Event-ID may bring again what was seen before, known by the
 * event id, or by the id of a request that was answered. A request that came twice may be answered
 * twice: then the second answer is an orphan, but nobody's fault.
 *
 * A response or cancellation whose request was never seen is kept for a while (stray.h).
 *
 * Verdicts that blame a peer (unknown id, duplicates) need a dialogue that was seen from its start
 * and without loss; else the message is merely an orphan.
 *
 * Ignored on purpose: the cancellation of an `initialize`, which a client may not send; requests
 * whose id is neither integer nor string, which nothing can answer.
 */
#include "dialogue.h"
#include "batch.h"
#include "dialogue_squirrel.h"
#include "emit.h"
#include "endpoint.h"
#include "modern.h"
#include "operations.h"
#include "stray.h"

static void tell(struct tracker *t, struct event_message *e)
{
    emit_message(t, e);
    if (!e->redelivered)
        emit_failure(t, &e->origin, e->message);
}

/* Whose event ids those on the channel are. Where the request is not known, probably those of the
 * session that the connection carried before: a wrong guess can only hide a message. */
static uint64_t event_scope(const struct tracker *t, const struct channel *ch)
{
    if ((ch->flags & CHANNEL_STUB) && !session_named(ch->session)) {
        const struct tracker_link *link = channel_link(t, ch);
        if (link && link->scope)
            return link->scope;
    }
    return ch->session->scope;
}

/* Notes the SSE event id of a message; true if it was seen before in the session. The messages of
 * one batch share an event. */
static bool event_seen(struct tracker *t, struct channel *ch, const struct message *m)
{
    if (!(m->flags & MESSAGE_HAS_EVENT_ID) || !ch->session)
        return false;
    bool same_event = (m->flags & MESSAGE_IN_BATCH) && !(m->flags & MESSAGE_FIRST_IN_BATCH) &&
                      ch->event_ids && ch->event_id == m->event_id;
    ch->event_ids = true;
    if (same_event)
        return ch->event_seen;
    struct dialogue_seen_key key = {event_scope(t, ch), m->event_id};
    const struct dialogue_seen *seen = table_find(t->seen, &key);
    void *entry;
    ch->event_id = m->event_id;
    ch->event_seen = seen != NULL;
    ch->event_copied = seen && m->first.ts_ns < seen->copied_ns;
    if (seen)
        return true;
    if (table_insert(t->seen, &key, &entry) < 0)
        t->forgot = true;
    else
        ((struct dialogue_seen *)entry)->copied_ns =
            channel_maybe_resumed(ch) ? m->first.ts_ns : INT64_MIN;
    return false;
}

/* A message whose event was seen is a copy, or the original of one. */
static bool is_copy(const struct channel *ch, const struct message *m, bool seen)
{
    return m->dir == DIR_S2C && seen && (channel_maybe_resumed(ch) || ch->event_copied);
}

bool dialogue_nothing_missed(const struct tracker *t, const struct channel *ch)
{
    return channel_certain(ch) && !ch->lossy && !ch->opaque && !ch->dropped && !t->forgot &&
           !channel_unproven(t, ch) && !tracker_lost_since(t, &ch->client, &ch->server, 0);
}

bool dialogue_follows(const struct tracker *t, const struct channel *ch, const struct message *m,
                      int64_t request_ns)
{
    if (request_ns <= m->last.ts_ns)
        return true;
    const struct session *s = ch->session;
    return tracker_between(m->last.ts_ns, request_ns) <= TRACKER_SKEW_NS && s && session_named(s) &&
           s->from_start && dialogue_nothing_missed(t, ch);
}

const struct rpc_id *dialogue_meant(const struct message *m)
{
    return m->kind == MESSAGE_NOTIFICATION ? &m->cancels : &m->id;
}

void dialogue_doubt(const struct tracker *t, const struct session *s, const struct message *m)
{
    const struct rpc_id *id = dialogue_meant(m);
    enum dir dir = m->kind == MESSAGE_NOTIFICATION ? m->dir : dir_other(m->dir);
    struct pending *p = pairing_usable_id(id) ? pairing_latest(t, s, dir, id->hash) : NULL;
    if (p && p->request.ts_ns > m->last.ts_ns &&
        tracker_between(m->last.ts_ns, p->request.ts_ns) <= TRACKER_SKEW_NS)
        p->lossy = true;
}

static void blame(struct tracker *t, const struct event_message *what, const char *type)
{
    emit_finding(t, &what->origin, type, what->message->dir, &what->message->last);
}

static void name_number(struct event_message *what, uint8_t method)
{
    const struct method_info *info = method_info(method);
    what->method = info->text;
    what->method_len = info->text_len;
    what->number = method;
}

/* The event of a message, about to be told. */
static void make_telling(const struct channel *ch, const struct message *m, const char *version,
                         struct event_message *ret_what)
{
    *ret_what =
        (struct event_message){.message = m, .method = "?", .method_len = 1, .delayed = ch->kept};
    emit_origin(ch, version, &ret_what->origin);
    if (m->kind != MESSAGE_REQUEST && m->kind != MESSAGE_NOTIFICATION)
        return;
    if (m->method == METHOD_OTHER)
        ret_what->method = message_text(m, MESSAGE_TEXT_METHOD, &ret_what->method_len);
    else
        name_number(ret_what, m->method);
}

/* A response has the method of its request. */
static void name_request(struct event_message *what, const struct pending *p)
{
    what->method = pairing_method(p, &what->method_len);
    what->number = pairing_number(p);
}

/* A request seen before on a stream that this one resumes; without event ids known by its id. */
static bool request_again(const struct tracker *t, const struct channel *ch,
                          const struct message *m, bool seen, struct pending *twin)
{
    if (m->flags & MESSAGE_HAS_EVENT_ID)
        return is_copy(ch, m, seen);
    if (m->dir != DIR_S2C || !channel_resumed(ch) || !ch->session || !pairing_usable_id(&m->id))
        return false;
    const struct answered *a = pairing_answered(t, ch->session, ch, DIR_S2C, m->id.hash);
    return (twin && twin->method == m->method) || (a && a->method == m->method);
}

/* What a client sends again, the same on another connection, since the first one broke before any
 * response, is no second use of the id. Bodies are not kept: the same size has to do. */
static bool is_retry(const struct tracker *t, const struct pending *twin, const struct channel *ch,
                     const struct message *m)
{
    const struct tracker_link *link = tracker_link_find(t, twin->conn_id, twin->conn_slot);
    bool open = twin->channel && (twin->channel->status != 0 || !link || !link->closed);
    size_t name_len, twin_len;
    const char *name = message_text(m, MESSAGE_TEXT_NAME, &name_len);
    const char *twin_name = pairing_name(twin, &twin_len);
    return (twin->channel ? !open : twin->broken) && twin->conn_id != ch->key.conn_id &&
           twin->method == m->method && twin->bytes == m->bytes && name_len == twin_len &&
           (name_len == 0 || memcmp(name, twin_name, name_len) == 0);
}

static void take_request(struct tracker *t, struct channel *ch, const struct message *m,
                         const char *version)
{
    bool seen = event_seen(t, ch, m);
    bool usable = pairing_usable_id(&m->id);
    struct session *s = ch->session;
    struct pending *twin = s && usable ? pairing_twin(t, s, ch, m->dir, m->id.hash) : NULL;
    struct event_message what;
    make_telling(ch, m, version, &what);
    what.redelivered = request_again(t, ch, m, seen, twin);
    tell(t, &what);
    if (what.redelivered && usable && s) {
        struct answered *a = pairing_answered(t, s, ch, m->dir, m->id.hash);
        if (twin)
            twin->delivered_again = true;
        if (a)
            a->delivered_again = true;
    }
    if (what.redelivered || !usable)
        return;
    bool refused = twin && twin->channel && twin->channel->status >= 300;
    if (twin && !refused && !twin->lossy && !is_retry(t, twin, ch, m) &&
        dialogue_nothing_missed(t, ch))
        blame(t, &what, "pair:duplicate_id");
    modern_check(t, ch, m, &what.origin);
    pairing_add(t, ch, m, version);
    stray_request(t, ch, m);
}

/* False if the request that it cancels was never seen. */
static bool cancel(struct tracker *t, const struct channel *ch, const struct message *m)
{
    const struct session *s = ch->session;
    if (!s || !pairing_usable_id(&m->cancels))
        return true;
    struct pending *p;
    if (!pairing_meant(t, ch, m->dir, m->cancels.hash, &p))
        return pairing_answered(t, s, ch, m->dir, m->cancels.hash) != NULL;
    if (p && p->method != METHOD_INITIALIZE)
        pairing_end(t, p, &(struct pairing_outcome){.status = EXCHANGE_CANCELLED, .at = m->last});
    return true;
}

static void take_notification(struct tracker *t, struct channel *ch, const struct message *m,
                              const char *version)
{
    bool seen = event_seen(t, ch, m);
    modern_accept(t, ch, m, NULL);
    struct event_message what;
    make_telling(ch, m, version, &what);
    what.redelivered = is_copy(ch, m, seen);
    tell(t, &what);
    if (m->method == METHOD_N_SUBSCRIPTIONS_ACK)
        modern_acknowledge(t, ch, m);
    if (!what.redelivered)
        operations_notification(t, ch, m);
    if (!what.redelivered && m->method == METHOD_N_CANCELLED && !cancel(t, ch, m))
        stray_keep(t, ch, m, seen);
}

/* True if all that was seen on the channel's connection is of its session, and nothing was sent
 * since that was not seen. */
static bool has_one_session(const struct tracker *t, const struct channel *ch)
{
    const struct tracker_link *link = channel_link(t, ch);
    return link && !link->mixed && !(ch->flags & CHANNEL_REQUEST_MISSING) && ch->session &&
           link->scope == ch->session->scope;
}

/* The session that a message of an uncertain channel proves by itself: a client's by the head that
 * it came with; a server's by the name in the response head, or else by the connection, if there
 * was never another on it: the request that it was put to may be another's. */
static const struct session *proven_session(const struct tracker *t, const struct channel *ch,
                                            const struct message *m)
{
    if (m->dir == DIR_C2S)
        return ch->session && session_named(ch->session) ? ch->session : NULL;
    if (ch->announced && ch->session && ch->session->kind == SESSION_KIND_ENDPOINT)
        return ch->session; /* the stream is the session's, whatever request it answers */
    if (!ch->answer_named)
        return has_one_session(t, ch) ? ch->session : NULL;
    struct session_key key = session_key_id(ch, ch->answer_session_hash);
    return session_find(t, &key);
}

/* Where request and response may not belong together: a request of the proven session that nothing
 * else has the id of, and that was there before. */
static struct pending *find_certain(const struct tracker *t, const struct channel *ch,
                                    const struct message *m)
{
    const struct session *s = proven_session(t, ch, m);
    struct pending *p = s ? pairing_only(t, s, dir_other(m->dir), m->id.hash) : NULL;
    if (!p || p->request.ts_ns > m->first.ts_ns)
        return NULL;
    bool elsewhere = m->dir == DIR_C2S || ch->answer_named || s->kind == SESSION_KIND_ENDPOINT;
    return elsewhere || p->conn_id == ch->key.conn_id ? p : NULL;
}

static struct pending *find_request(const struct tracker *t, const struct channel *ch,
                                    const struct message *m)
{
    enum dir dir = dir_other(m->dir);
    const struct session *s = ch->session;
    if (!pairing_usable_id(&m->id))
        return NULL;
    if (channel_is_http(ch) && !channel_certain(ch))
        return ch->modern ? NULL : find_certain(t, ch, m);
    struct pending *p = pairing_own(t, ch, dir, m->id.hash);
    bool refusal = ch->status >= 400 && m->dir == DIR_S2C;
    if (p || !s || refusal || ch->modern)
        return p;
    p = pairing_elsewhere(t, s, ch, dir, m->id.hash);
    return p && dialogue_follows(t, ch, m, p->request.ts_ns) ? p : NULL;
}

static struct pairing_outcome outcome_of(const struct channel *ch, const struct message *m)
{
    struct pairing_outcome o = {.answer = m,
                                .channel = ch,
                                .http_status = ch->status,
                                .at = m->last,
                                .status = EXCHANGE_RESULT};
    if (m->kind == MESSAGE_ERROR) {
        o.status = EXCHANGE_ERROR;
        o.has_code = (m->flags & MESSAGE_HAS_CODE) != 0;
        o.code = o.has_code ? m->error_code : 0;
    } else if (m->flags & MESSAGE_IS_ERROR) {
        o.status = EXCHANGE_TOOL_ERROR;
    } else if (m->flags & MESSAGE_INPUT_REQUIRED) {
        o.status = EXCHANGE_INPUT_REQUIRED;
    }
    return o;
}

static void answer(struct tracker *t, struct channel *ch, const struct message *m,
                   struct pending *p)
{
    if (p->channel == ch && p->dir == DIR_C2S && channel_certain(ch))
        channel_prove(t, ch);
    session_learn(t, ch, m, (enum method)p->method);
    modern_accept(t, ch, m, p);
    struct event_message what;
    make_telling(ch, m, p->version, &what);
    name_request(&what, p);
    tell(t, &what);
    struct pairing_outcome o = outcome_of(ch, m);
    pairing_end(t, p, &o);
}

/* An error that names none of the exchange's requests: was it the answer to all of them? */
static bool is_refusal(const struct tracker *t, const struct channel *ch, const struct message *m)
{
    if (m->kind != MESSAGE_ERROR || m->dir != DIR_S2C || !channel_is_http(ch) ||
        !channel_certain(ch) || (m->flags & MESSAGE_IN_BATCH))
        return false;
    bool nameless = m->id.type == RPC_ID_ABSENT || m->id.type == RPC_ID_NULL;
    if (ch->session && pairing_usable_id(&m->id)) {
        const struct answered *a = pairing_answered(t, ch->session, ch, DIR_C2S, m->id.hash);
        if (a && a->conn_id == ch->key.conn_id && a->channel_number == ch->key.number)
            return false; /* it names one that ended already */
    }
    return ch->status >= 400 || (nameless && ch->waiting.first);
}

static void refuse(struct tracker *t, struct channel *ch, const struct message *m)
{
    struct event_message what;
    make_telling(ch, m, NULL, &what);
    struct pending *p = ch->waiting.first;
    if (p && !p->next && p->dir == DIR_C2S)
        name_request(&what, p);
    tell(t, &what);
    struct pairing_outcome o = outcome_of(ch, m);
    for (struct pending *next; p; p = next) {
        next = p->next;
        if (p->dir == DIR_C2S)
            pairing_end(t, p, &o);
    }
}

static void name_method(struct event_message *what, const struct answered *a)
{
    if (a->method != METHOD_OTHER) {
        name_number(what, a->method);
    } else if (a->method_len) {
        what->method = a->other;
        what->method_len = a->method_len;
    }
}

/* The request of this response must have been seen, had there been one. */
static bool request_would_be_known(const struct tracker *t, const struct channel *ch,
                                   const struct message *m)
{
    const struct session *s = ch->session;
    if (!s || !pairing_usable_id(&m->id) || !dialogue_nothing_missed(t, ch))
        return false;
    if (session_named(s) || s->kind == SESSION_KIND_CHANNEL)
        return s->from_start && !endpoint_unused(s);
    return m->dir == DIR_S2C && ch->method == HTTP_METHOD_POST;
}

/* A response that nothing waits for. final: judge it now, else it may be kept for a while. */
static void take_stray(struct tracker *t, struct channel *ch, const struct message *m, bool seen,
                       bool final)
{
    struct event_message what;
    make_telling(ch, m, NULL, &what);
    struct answered *a = NULL;
    if (ch->session && pairing_usable_id(&m->id))
        a = pairing_answered(t, ch->session, ch, dir_other(m->dir), m->id.hash);
    if (a)
        name_method(&what, a);
    bool resumed = channel_resumed(ch);
    bool again = a && a->how == ANSWERED_FULLY;
    if (a && a->how == ANSWERED_CANCELLED && !seen) {
        what.late = true;
        t->counters.late_responses++;
        a->how = ANSWERED_FULLY;
    } else if (is_copy(ch, m, seen) || (m->dir == DIR_S2C && again && (resumed || seen))) {
        what.redelivered = true;
    } else {
        bool heard = !final && endpoint_hear(t, ch, m);
        bool early = heard || !a || (again && m->dir == DIR_C2S);
        if (ch->session)
            dialogue_doubt(t, ch->session, m);
        if (!final && early && !ch->modern && stray_keep(t, ch, m, seen))
            return;
        what.orphan = true;
    }
    tell(t, &what);
    if (!what.orphan)
        return;
    operations_orphan(t, ch, m);
    if (!a && request_would_be_known(t, ch, m))
        blame(t, &what, "pair:unknown_id");
    else if (again && !a->delivered_again && dialogue_nothing_missed(t, ch))
        blame(t, &what, "pair:duplicate_response");
    else if (a && a->how == ANSWERED_GIVEN_UP)
        a->how = ANSWERED_FULLY;
}

/* The answer to none of the requests that its exchange is believed to answer, where that rests on
 * more than the count of responses since the connection began. */
static bool is_misplaced(const struct tracker *t, const struct channel *ch, const struct message *m)
{
    if (m->dir != DIR_S2C || !channel_is_http(ch) || !ch->waiting.first ||
        !pairing_usable_id(&m->id) || pairing_own(t, ch, DIR_C2S, m->id.hash))
        return false;
    return channel_unproven(t, ch) || tracker_lost_since(t, &ch->client, &ch->server, 0);
}

static void take_response(struct tracker *t, struct channel *ch, const struct message *m)
{
    bool seen = event_seen(t, ch, m);
    if (is_misplaced(t, ch, m))
        channel_refute(t, ch);
    struct pending *p = find_request(t, ch, m);
    if (p)
        answer(t, ch, m, p);
    else if (is_refusal(t, ch, m))
        refuse(t, ch, m);
    else
        take_stray(t, ch, m, seen, false);
}

bool dialogue_stray(struct tracker *t, struct channel *ch, const struct message *m, bool seen,
                    bool final)
{
    if (m->kind == MESSAGE_NOTIFICATION)
        return final || cancel(t, ch, m);
    struct pending *p = find_request(t, ch, m);
    if (p)
        answer(t, ch, m, p);
    else if (final)
        take_stray(t, ch, m, seen, true);
    return p || final;
}

void dialogue_message(struct tracker *t, struct channel *ch, const struct message *m)
{
    bool asks = m->kind == MESSAGE_REQUEST || m->kind == MESSAGE_NOTIFICATION;
    if (m->squirrel) {
        dialogue_squirrel(t, ch, m);
        return;
    }
    if (m->kind == MESSAGE_REQUEST && m->method == METHOD_INITIALIZE && m->dir == DIR_C2S)
        session_draft(t, ch);
    if (asks)
        modern_sort(t, ch, m);
    if (!ch->session)
        channel_session(t, ch);
    struct session *s = ch->session;
    if (s && s->kind == SESSION_KIND_CHANNEL && ch->initializing && channel_certain(ch))
        s->from_start = true;
    char version[CHANNEL_VERSION_BYTES] = "";
    if (asks) {
        size_t n;
        const char *text = message_text(m, MESSAGE_TEXT_VERSION, &n);
        if (n && m->method != METHOD_INITIALIZE)
            tracker_copy_text(version, sizeof(version), text, n);
    }
    if (m->kind == MESSAGE_REQUEST)
        session_learn(t, ch, m, METHOD_NONE);
    batch_check(t, ch, m, version);
    switch ((enum message_kind)m->kind) {
    case MESSAGE_REQUEST:
        take_request(t, ch, m, version);
        break;
    case MESSAGE_NOTIFICATION:
        take_notification(t, ch, m, version);
        break;
    case MESSAGE_RESULT:
    case MESSAGE_ERROR:
        take_response(t, ch, m);
        break;
    }
}
