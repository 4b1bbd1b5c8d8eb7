/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON texts to records (dissect/rpc.h does the reading).
 *
 * What a gap costs: the text that it cuts, told as a lost message.
 */
#include "text.h"
#include "dissect/rpc.h"
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

static void on_message(void *ctx, const struct message *m)
{
    const struct text *t = ctx;
    struct record r;
    if (t->rpc->linked) {
        transport_record(t->tc, RECORD_LINKS, t->channel, t->at, &r);
        r.u.links = t->rpc->links;
        t->tc->env->sink.record(t->tc->env->sink.ctx, &r);
    }
    transport_record(t->tc, RECORD_MESSAGE, t->channel, t->at, &r);
    memcpy(&r.u.message, m, offsetof(struct message, text) + m->text_used);
    if (t->has_event_id) {
        r.u.message.event_id = t->event_id;
        r.u.message.flags |= MESSAGE_HAS_EVENT_ID;
    }
    t->tc->env->sink.record(t->tc->env->sink.ctx, &r);
}

static struct rpc_sink message_sink(struct text *t)
{
    return (struct rpc_sink){t, on_message};
}

void text_drop(struct text *t)
{
    if (t->rpc)
        transport_rpc_give(t->tc->env, t->rpc);
    t->rpc = NULL;
}

bool text_begin(struct text *t, bool hold)
{
    t->rpc = transport_rpc_take(t->tc->env);
    if (!t->rpc) {
        text_lost(t);
        return false;
    }
    rpc_init(t->rpc, (enum dir)t->dir, hold, &t->tc->env->hash, t->tc->env->hit);
    return true;
}

bool text_feed(struct text *t, const uint8_t *bytes, size_t n)
{
    struct rpc_sink sink = message_sink(t);
    return rpc_feed(t->rpc, &sink, bytes, n, t->at);
}

bool text_complete(const struct text *t)
{
    return t->rpc && rpc_complete(t->rpc);
}

/* Says what a text lacked that ended here. */
static void judge(struct text *t, enum json_end end, enum text_end how)
{
    switch (end) {
    case JSON_END_COMPLETE:
        if (t->rpc->json.elements > LIMIT_BATCH)
            text_finding(t, FINDING_LOST_MESSAGE, t->rpc->json.elements - LIMIT_BATCH);
        if (how == TEXT_END_LENIENT && t->rpc->messages == 0)
            break;
        if (t->rpc->empty_array)
            text_finding(t, FINDING_EMPTY_BATCH, 1);
        else if (t->rpc->not_rpc > 0)
            text_finding(t, FINDING_NOT_JSONRPC, t->rpc->not_rpc);
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

enum json_end text_end(struct text *t, enum text_end how, uint32_t *ret_messages)
{
    struct rpc_sink sink = message_sink(t);
    enum json_end end = rpc_end(t->rpc, &sink, how == TEXT_END_REVOKED);
    if (ret_messages)
        *ret_messages = t->rpc->messages;
    if (how != TEXT_END_REVOKED)
        judge(t, end, how);
    text_drop(t);
    return end;
}
