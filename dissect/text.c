/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON texts to records (dissect/rpc.h and dissect/squirrel.h do the reading).
 *
 * Where the dialect is not known, both parsers read the text, and hold its message back until its
 * end. One that proves its dialect decides for all that follow: a version of JSON-RPC, or a shape
 * that only Squirrel has. That costs a second scan of the first texts, and no more.
 *
 * A text of a few bytes holds no message, and is told at a glance (json_brief.h): at once, if it is
 * whole, or when it ends, until when it is put away. Any other goes to the parsers.
 *
 * What a gap costs: the text that it cuts, told as a lost message.
 */
#include "text.h"
#include "dissect/json_brief.h"
#include "dissect/rpc.h"
#include "dissect/squirrel.h"
#include "rpc_memo.h"
#include <stddef.h>
#include <string.h>

void text_finding(const struct text *t, enum finding what, uint64_t amount)
{
    transport_finding(t->tc, t->channel, (enum dir)t->dir, what, amount, t->at);
}

void text_lost(struct text *t)
{
    t->lost = true;
    text_finding(t, FINDING_LOST_MESSAGE, 1);
}

/* What ties a message to others goes before it. */
static void tell_links(const struct text *t)
{
    struct record r;
    transport_record(t->tc, RECORD_LINKS, t->channel, t->at, &r);
    r.u.links = t->rpc->links;
    transport_send(t->tc, &r);
}

/* Where to write a message: in place, unless something may be told before it. */
static inline struct record *message_room(const struct text *t, bool linked, struct record *own)
{
    return linked || t->take ? own : transport_room(t->tc, own);
}

/* Tells the message in r, which has nothing else yet. */
static void tell(struct text *t, struct record *r, bool linked)
{
    struct message *m = &r->u.message;
    transport_record(t->tc, RECORD_MESSAGE, t->channel, t->at, r);
    if (t->has_event_id) {
        m->event_id = t->event_id;
        m->flags |= MESSAGE_HAS_EVENT_ID;
    }
    if (t->coded)
        m->flags |= MESSAGE_CODED;
    if (t->take && !t->take(t, m))
        return;
    if (linked)
        tell_links(t);
    transport_send(t->tc, r);
}

static void on_message(void *ctx, const struct message *m)
{
    struct text *t = ctx;
    bool linked = !m->squirrel && t->rpc->linked;
    struct record own, *r = message_room(t, linked, &own);
    memcpy(&r->u.message, m, offsetof(struct message, text) + m->text_used);
    tell(t, r, linked);
}

static struct rpc_sink message_sink(struct text *t)
{
    return (struct rpc_sink){t, on_message};
}

static void drop_rpc(struct text *t)
{
    if (t->rpc)
        transport_rpc_give(t->tc->env, t->rpc);
    t->rpc = NULL;
}

static void drop_squirrel(struct text *t)
{
    if (t->squirrel) {
        squirrel_fini(t->squirrel);
        transport_squirrel_give(t->tc->env, t->squirrel);
    }
    t->squirrel = NULL;
}

void text_drop(struct text *t)
{
    drop_rpc(t);
    drop_squirrel(t);
}

bool text_begin(struct text *t, bool hold)
{
    const struct transport_env *env = t->tc->env;
    enum dir dir = (enum dir)t->dir;
    hold = hold || t->dialect == TEXT_EITHER;
    if (t->dialect != TEXT_SQUIRREL) {
        t->rpc = transport_rpc_take(env);
        if (t->rpc) {
            rpc_init(t->rpc, dir, hold, &env->hash, env->hit);
            rpc_remember(t->rpc, env->texts);
        }
    }
    t->brief = t->rpc != NULL;
    t->early_bytes = 0;
    if (t->dialect != TEXT_RPC) {
        t->squirrel = transport_squirrel_take(env);
        if (t->squirrel)
            squirrel_init(t->squirrel, dir, hold, &env->hash, env->hit);
    }
    if ((t->rpc || t->dialect == TEXT_SQUIRREL) && (t->squirrel || t->dialect == TEXT_RPC))
        return true;
    text_drop(t);
    text_lost(t);
    return false;
}

/* Nothing but JSON's white space. */
static bool is_blank(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r' && bytes[i] != '\n')
            return false;
    return true;
}

/* What is put away of a text, in the memory of the parser that may have to read it. */
struct early {
    struct stream_pos at;
    uint8_t bytes[JSON_BRIEF_BYTES];
};

_Static_assert(sizeof(struct early) <= JSON_ROOM_BYTES, "fits");

/* Puts away n bytes, if all of the text so far is few, and came at once. */
static bool put_early(struct text *t, const uint8_t *bytes, size_t n)
{
    uint8_t *room = json_room(&t->rpc->json);
    struct stream_pos at;
    if (n > (size_t)(JSON_BRIEF_BYTES - t->early_bytes))
        return false;
    memcpy(&at, room, sizeof(at));
    if (t->early_bytes > 0 && (at.packet != t->at->packet || at.ts_ns != t->at->ts_ns))
        return false;
    memcpy(room, t->at, sizeof(*t->at));
    memcpy(room + offsetof(struct early, bytes) + t->early_bytes, bytes, n);
    t->early_bytes = (uint8_t)(t->early_bytes + n);
    return true;
}

/* What was put away is read. It is too little for a message. */
static void read_early(struct text *t)
{
    struct early early;
    struct rpc_sink sink = message_sink(t);
    t->brief = false;
    if (t->early_bytes == 0)
        return;
    memcpy(&early, json_room(&t->rpc->json), sizeof(early));
    (void)rpc_feed(t->rpc, &sink, early.bytes, t->early_bytes, &early.at);
}

static bool feed_rpc(struct text *t, const struct rpc_sink *sink, const uint8_t *bytes, size_t n)
{
    if (t->brief) {
        if (put_early(t, bytes, n))
            return true;
        read_early(t);
    }
    return rpc_feed(t->rpc, sink, bytes, n, t->at);
}

bool text_feed(struct text *t, const uint8_t *bytes, size_t n)
{
    struct rpc_sink sink = message_sink(t);
    bool rpc = t->rpc && feed_rpc(t, &sink, bytes, n);
    bool squirrel = t->squirrel && squirrel_feed(t->squirrel, &sink, bytes, n, t->at);
    return rpc || squirrel;
}

bool text_complete(struct text *t)
{
    if (t->rpc && t->brief)
        read_early(t);
    return t->rpc ? rpc_complete(t->rpc) : t->squirrel && squirrel_complete(t->squirrel);
}

/* What a text held. */
struct verdict {
    enum json_end end;
    uint64_t elements, others;
    uint32_t messages;
    bool empty_array;
};

/* Says what a text lacked that ended here. */
static inline void judge(struct text *t, const struct verdict *v, enum text_end how)
{
    switch (v->end) {
    case JSON_END_COMPLETE:
        if (v->elements > LIMIT_BATCH)
            text_finding(t, FINDING_LOST_MESSAGE, v->elements - LIMIT_BATCH);
        if (how == TEXT_END_LENIENT && v->messages == 0)
            break;
        if (v->empty_array)
            text_finding(t, FINDING_EMPTY_BATCH, 1);
        else if (v->others > 0)
            text_finding(t, FINDING_NOT_JSONRPC, v->others);
        break;
    case JSON_END_EMPTY:
        break;
    case JSON_END_CUT:
        if (how == TEXT_END_COMPLETE || how == TEXT_END_LENIENT)
            text_finding(t, FINDING_TRUNCATED_JSON, 1);
        else if (how == TEXT_END_LOST)
            text_lost(t);
        break;
    case JSON_END_BAD:
        text_finding(t, FINDING_MALFORMED_JSON, 1);
        break;
    case JSON_END_LIMIT:
        text_lost(t);
        break;
    }
}

static inline struct verdict brief_verdict(const uint8_t *bytes, size_t n)
{
    struct json_brief brief = json_brief(bytes, n);
    return (struct verdict){.end = (enum json_end)brief.end,
                            .others = brief.elements,
                            .empty_array = brief.empty_array};
}

/* A text that is too short for a message: tells what it lacks. */
static enum text_whole tell_brief(struct text *t, const uint8_t *bytes, size_t n)
{
    if (t->has_event_id || t->dialect == TEXT_SQUIRREL || !transport_may_take(t->tc->env))
        return TEXT_WHOLE_UNKNOWN;
    struct verdict v = brief_verdict(bytes, n);
    judge(t, &v, TEXT_END_COMPLETE);
    return v.end == JSON_END_EMPTY ? TEXT_WHOLE_EMPTY : TEXT_WHOLE_TOLD;
}

enum text_whole text_whole(struct text *t, const uint8_t *bytes, size_t n)
{
    const struct transport_env *env = t->tc->env;
    struct rpc_memo_text text = {bytes, n, t->at, (enum dir)t->dir};
    if (n <= JSON_BRIEF_BYTES)
        return tell_brief(t, bytes, n);
    if (*bytes != '{' || t->dialect != TEXT_RPC || !env->texts || !transport_may_take(env))
        return TEXT_WHOLE_UNKNOWN;
    struct record own, *r = message_room(t, false, &own);
    size_t known = rpc_memo_find(env->texts, &env->hash, &text, &r->u.message);
    if (known == 0 || !is_blank(bytes + known, n - known))
        return TEXT_WHOLE_UNKNOWN;
    tell(t, r, false);
    return TEXT_WHOLE_TOLD;
}

static struct verdict end_rpc(struct text *t, const struct rpc_sink *sink, bool revoked)
{
    const uint8_t *early = json_room(&t->rpc->json) + offsetof(struct early, bytes);
    if (t->brief)
        return brief_verdict(early, t->early_bytes);
    struct verdict v = {.end = rpc_end(t->rpc, sink, revoked)};
    v.messages = t->rpc->messages;
    v.others = t->rpc->not_rpc;
    v.elements = t->rpc->json.elements;
    v.empty_array = t->rpc->empty_array;
    return v;
}

static struct verdict end_squirrel(struct text *t, const struct rpc_sink *sink, bool revoked)
{
    struct verdict v = {.end = squirrel_end(t->squirrel, sink, revoked)};
    v.messages = t->squirrel->messages;
    v.others = t->squirrel->others;
    return v;
}

/* Both parsers read the text: which of them was right? As long as neither is sure, JSON-RPC. */
static void choose(struct text *t)
{
    bool rpc = rpc_proves(t->rpc);
    if (!rpc && squirrel_proves(t->squirrel))
        t->dialect = TEXT_SQUIRREL;
    else if (rpc)
        t->dialect = TEXT_RPC;
}

enum json_end text_end(struct text *t, enum text_end how, uint32_t *ret_messages)
{
    struct rpc_sink sink = message_sink(t);
    bool revoked = how == TEXT_END_REVOKED;
    if (t->dialect == TEXT_EITHER && t->rpc && t->squirrel && !revoked)
        choose(t);
    bool squirrel = t->squirrel && (!t->rpc || t->dialect == TEXT_SQUIRREL);
    struct verdict v = squirrel ? end_squirrel(t, &sink, revoked) : end_rpc(t, &sink, revoked);
    if (ret_messages)
        *ret_messages = v.messages;
    if (!revoked && how != TEXT_END_PARTIAL)
        judge(t, &v, how);
    text_drop(t);
    return v.end;
}
