/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What messages of the Squirrel dialect do.
 *
 * Scope is one connection. Ids are not reliably unique there, so requests of one sender with one id
 * wait in a queue, and the oldest is answered first. The request that a response answers is looked
 * for in this order, and the first find counts:
 *
 *   1  the id that it names: command_id, request id, correlation id
 *   2  message_id, where it has an id of its own beside it, or none
 *   3  message_id in its payload
 *   4  its own id
 *   5  handshake and authentication: the oldest of that kind
 *   6  where the framing is lock-step (length-framed, lines): the oldest of all, for a response
 *      that names nothing
 *
 * 1 and 2 come as m->cancels, 3 as m->event_id. What goes by order alone (5, 6, equal ids, and the
 * ids "default" and "unknown", which everybody uses) needs a connection seen from its start without
 * loss; without that, a response whose request is not found puts all that wait in doubt. Events and
 * errors that name no request end none.
 *
 * Not every request owes an answer: a setup message may get one; a handshake is also answered by
 * the other side's handshake; a notification on lines is answered by servers that answer every
 * line. Such answers are told, but nothing is unanswered if they do not come. A response whose
 * status is pending is told and leaves its request open.
 */
#include "dialogue_squirrel.h"
#include "dialogue.h"
#include "dissect/squirrel_type.h"
#include "emit.h"

#define WALK_MAX 64 /* requests looked at: bounds what a sender of many can cost */

struct telling {
    struct event_origin origin;
    const struct message *m;
    bool orphan;
};

static void tell(struct tracker *t, const struct telling *what)
{
    struct event_message e = {.origin = what->origin, .message = what->m, .orphan = what->orphan};
    e.method = message_text(what->m, MESSAGE_TEXT_METHOD, &e.method_len);
    emit_message(t, &e);
    emit_failure(t, &what->origin, what->m);
}

static void blame(struct tracker *t, const struct telling *what, const char *type)
{
    emit_finding(t, &what->origin, type, what->m->dir, &what->m->last);
}

/* ---- which request is meant */

/* Nothing is missing that could change the order of things. */
static bool in_order(const struct channel *ch)
{
    return channel_certain(ch) && !ch->lossy && !ch->dropped;
}

static bool is_common(const char *id, size_t n)
{
    return (n == 9 && memcmp(id, "\"default\"", 9) == 0) ||
           (n == 9 && memcmp(id, "\"unknown\"", 9) == 0);
}

static bool has_common_id(const struct pending *p)
{
    return is_common(p->overflow ? p->overflow : p->text, p->id_len);
}

static struct pending *by_id(const struct tracker *t, const struct channel *ch, enum dir dir,
                             uint64_t hash)
{
    if (in_order(ch))
        return pairing_own(t, ch, dir, hash);
    struct pending *p = ch->session ? pairing_only(t, ch->session, dir, hash) : NULL;
    return p && !has_common_id(p) ? p : NULL;
}

/* The oldest request of that type; SQUIRREL_TYPE_NONE: of any. */
static struct pending *oldest(const struct channel *ch, enum dir dir, enum squirrel_type type)
{
    int steps = 0;
    for (struct pending *p = ch->waiting.first; p && steps < WALK_MAX; steps++, p = p->next) {
        size_t n;
        const char *method = pairing_method(p, &n);
        if (p->dir == dir && (type == SQUIRREL_TYPE_NONE || squirrel_type_find(method, n) == type))
            return p;
    }
    return NULL;
}

/* The servers of these framings answer one message after the other. */
static bool is_lock_step(const struct channel *ch)
{
    return ch->transport == TRANSPORT_LINES || (ch->flags & CHANNEL_LOCK_STEP) != 0;
}

static bool names_request(const struct message *m)
{
    return pairing_usable_id(&m->cancels) || m->event_id != 0;
}

static struct pending *by_order(const struct channel *ch, const struct message *m)
{
    enum dir dir = dir_other((enum dir)m->dir);
    struct pending *p = NULL;
    if (!in_order(ch))
        return NULL;
    if (m->squirrel == SQUIRREL_TYPE_HANDSHAKE_RESPONSE)
        p = oldest(ch, dir, SQUIRREL_TYPE_HANDSHAKE);
    else if (m->squirrel == SQUIRREL_TYPE_AUTH_RESPONSE)
        p = oldest(ch, dir, SQUIRREL_TYPE_AUTH_REQUEST);
    bool next = !p && is_lock_step(ch) && !names_request(m) && m->squirrel != SQUIRREL_TYPE_ERROR;
    return next ? oldest(ch, dir, SQUIRREL_TYPE_NONE) : p;
}

static struct pending *find_request(const struct tracker *t, const struct channel *ch,
                                    const struct message *m)
{
    enum dir dir = dir_other((enum dir)m->dir);
    struct pending *p = NULL;
    if (pairing_usable_id(&m->cancels))
        p = by_id(t, ch, dir, m->cancels.hash);
    if (!p && m->event_id != 0)
        p = by_id(t, ch, dir, m->event_id);
    if (!p && pairing_usable_id(&m->id))
        p = by_id(t, ch, dir, m->id.hash);
    return p ? p : by_order(ch, m);
}

/* ---- messages */

static void wait_for_answer(struct tracker *t, struct channel *ch, const struct message *m,
                            enum pending_owes owes)
{
    pairing_add(t, ch, m, "");
    struct pending *p = ch->waiting.last;
    if (p && p->seq == t->last_seq)
        p->owes = (uint8_t)owes;
}

/* Both sides may begin with a handshake: then one answers the other. */
static void take_handshake(struct channel *ch, const struct message *m)
{
    struct pending *p = oldest(ch, dir_other((enum dir)m->dir), SQUIRREL_TYPE_HANDSHAKE);
    if (p)
        p->owes = PENDING_OWES_IF_ANSWERED;
}

static void take_request(struct tracker *t, struct channel *ch, const struct message *m)
{
    size_t n;
    const char *id = message_text(m, MESSAGE_TEXT_ID, &n);
    struct telling what = {.m = m};
    emit_origin(ch, NULL, &what.origin);
    tell(t, &what);
    if (!pairing_usable_id(&m->id))
        return;
    if (!is_common(id, n) && dialogue_nothing_missed(t, ch) &&
        pairing_own(t, ch, (enum dir)m->dir, m->id.hash))
        blame(t, &what, "pair:duplicate_id");
    if (m->squirrel == SQUIRREL_TYPE_HANDSHAKE)
        take_handshake(ch, m);
    bool may = m->squirrel == SQUIRREL_TYPE_SETUP;
    wait_for_answer(t, ch, m, may ? PENDING_OWES_IF_ANSWERED : PENDING_OWES_EXCHANGE);
}

static void take_notification(struct tracker *t, struct channel *ch, const struct message *m)
{
    struct telling what = {.m = m};
    emit_origin(ch, NULL, &what.origin);
    tell(t, &what);
    bool answered = m->squirrel == SQUIRREL_TYPE_NOTIFICATION && ch->transport == TRANSPORT_LINES;
    if (answered && m->dir == DIR_C2S && pairing_usable_id(&m->id))
        wait_for_answer(t, ch, m, PENDING_OWES_NOTHING);
}

/* Where order is not known, a response without a request may be the answer to any that waits. */
static void doubt_waiting(struct channel *ch, enum dir dir)
{
    for (struct pending *p = ch->waiting.first; p; p = p->next)
        if (p->dir == dir)
            p->lossy = true;
}

/* A response that nothing waits for. */
static void take_orphan(struct tracker *t, struct channel *ch, const struct message *m)
{
    if (!in_order(ch))
        doubt_waiting(ch, dir_other((enum dir)m->dir));
    struct telling what = {.m = m, .orphan = true};
    emit_origin(ch, NULL, &what.origin);
    const struct rpc_id *id = pairing_usable_id(&m->cancels) ? &m->cancels : &m->id;
    struct answered *a = NULL;
    if (ch->session && pairing_usable_id(id))
        a = pairing_answered(t, ch->session, ch, dir_other((enum dir)m->dir), id->hash);
    tell(t, &what);
    if (!dialogue_nothing_missed(t, ch) || !ch->session || !ch->session->from_start)
        return;
    if (!a)
        blame(t, &what, "pair:unknown_id");
    else if (a->how == ANSWERED_FULLY)
        blame(t, &what, "pair:duplicate_response");
}

static void take_response(struct tracker *t, struct channel *ch, const struct message *m)
{
    struct pending *p = find_request(t, ch, m);
    bool one_way = m->squirrel == SQUIRREL_TYPE_ERROR && !names_request(m);
    if (!p && !one_way) {
        take_orphan(t, ch, m);
        return;
    }
    struct telling what = {.m = m};
    emit_origin(ch, NULL, &what.origin);
    tell(t, &what);
    if (!p || (m->flags & MESSAGE_INTERIM))
        return;
    bool result = m->kind == MESSAGE_RESULT;
    pairing_end(t, p,
                &(struct pairing_outcome){.status = result ? EXCHANGE_RESULT : EXCHANGE_ERROR,
                                          .answer = m,
                                          .channel = ch,
                                          .at = m->last});
}

static void learn_version(struct tracker *t, struct session *s, const struct message *m)
{
    size_t n;
    const char *version = message_text(m, MESSAGE_TEXT_VERSION, &n);
    if (n == 0 || s->names->version[0])
        return;
    struct names now = *s->names;
    (void)names_put(now.version, sizeof(now.version), version, n);
    names_change(t, &s->names, &now);
    if (s->number && !s->closed)
        emit_session(t, s, SESSION_UPDATED);
}

void dialogue_squirrel(struct tracker *t, struct channel *ch, const struct message *m)
{
    bool known = ch->session != NULL;
    struct session *s = channel_session(t, ch);
    if (s && !known)
        s->from_start = channel_certain(ch) && !ch->lossy;
    if (s)
        learn_version(t, s, m);
    switch ((enum message_kind)m->kind) {
    case MESSAGE_REQUEST:
        take_request(t, ch, m);
        break;
    case MESSAGE_NOTIFICATION:
        take_notification(t, ch, m);
        break;
    case MESSAGE_RESULT:
    case MESSAGE_ERROR:
        take_response(t, ch, m);
        break;
    }
}
