/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON texts to records (dissect/rpc.h and dissect/squirrel.h do the reading).
 *
 * Where the dialect is not known, both parsers read the text, and hold its message back until its
 * end. One that proves its dialect decides for all that follow: a version of JSON-RPC, or a shape
 * that only Squirrel has. That costs a second scan of the first texts, and no more.
 *
 * What a gap costs: the text that it cuts, told as a lost message.
 */
#include "text.h"
#include "dissect/rpc.h"
#include "dissect/squirrel.h"
#include "json_scalar.h"
#include "rpc_memo.h"
#include <stddef.h>
#include <string.h>

#define SCALAR_BYTES 16

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
    struct record r;
    memcpy(&r.u.message, m, offsetof(struct message, text) + m->text_used);
    tell(t, &r, !m->squirrel && t->rpc->linked);
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

bool text_whole(struct text *t, const uint8_t *bytes, size_t n)
{
    const struct transport_env *env = t->tc->env;
    struct rpc_memo_text text = {bytes, n, t->at, (enum dir)t->dir};
    struct record r;
    if (n == 0 || *bytes != '{' || t->dialect != TEXT_RPC || !env->texts ||
        !transport_may_take(env))
        return false;
    size_t known = rpc_memo_find(env->texts, &env->hash, &text, &r.u.message);
    if (known == 0 || !is_blank(bytes + known, n - known))
        return false;
    tell(t, &r, false);
    return true;
}

/* Nothing that JSON knows, nor blanks or a byte order mark, begins with this. */
static bool begins_nothing(uint8_t c)
{
    return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !strchr("{[\"-tfn", c);
}

bool text_scalar(const struct text *t, const uint8_t *bytes, size_t n)
{
    uint8_t scalar[SCALAR_BYTES + 1];
    if (n == 0 || t->dialect != TEXT_RPC || !transport_may_take(t->tc->env))
        return false;
    if (begins_nothing(*bytes)) {
        text_finding(t, FINDING_MALFORMED_JSON, 1);
        return true;
    }
    if (n > SCALAR_BYTES || *bytes == '"')
        return false;
    memcpy(scalar, bytes, n);
    scalar[n] = '\n'; /* a number is whole with what follows it */
    if (json_scalar_behind(scalar, scalar + n + 1) != scalar + n)
        return false;
    text_finding(t, FINDING_NOT_JSONRPC, 1);
    return true;
}

bool text_feed(struct text *t, const uint8_t *bytes, size_t n)
{
    struct rpc_sink sink = message_sink(t);
    bool rpc = t->rpc && rpc_feed(t->rpc, &sink, bytes, n, t->at);
    bool squirrel = t->squirrel && squirrel_feed(t->squirrel, &sink, bytes, n, t->at);
    return rpc || squirrel;
}

bool text_complete(const struct text *t)
{
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
static void judge(struct text *t, const struct verdict *v, enum text_end how)
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

static struct verdict end_rpc(struct text *t, const struct rpc_sink *sink, bool revoked)
{
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
