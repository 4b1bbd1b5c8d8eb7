/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies: JSON texts go through rpc.h, event streams (WHATWG HTML) through sse.h and then rpc.h.
 *
 * The message of an event is held back until the event ends: only the blank line makes it valid,
 * and its `id` may stand behind its data. Texts that are no JSON-RPC inside an event with an id,
 * such as the `data: {}` of replayed priming events, only carry the id on.
 *
 * What a gap costs: a JSON text, or the event under way; an event stream goes on behind the next
 * blank line.
 *
 * Ignored on purpose: what an event of an unknown type holds, comments, white space between texts.
 */
#include "body.h"
#include "base/buf.h"
#include "base/err.h"
#include "dissect/rpc.h"
#include "dissect/sse.h"
#include "fields.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_NEW, EVENT_MESSAGE, EVENT_ENDPOINT, EVENT_SKIPPED };

struct body_stream {
    struct sse sse;
    struct buf endpoint; /* data of an `endpoint` event under way */
    uint64_t event_id;
    uint8_t event; /* EVENT_* of the event under way */
    bool has_event_id;
};

static void emit(const struct body *b, const struct record *r)
{
    b->tc->env->sink.record(b->tc->env->sink.ctx, r);
}

static void finding(const struct body *b, enum finding what, uint64_t amount)
{
    transport_finding(b->tc, b->channel, (enum dir)b->dir, what, amount, b->at);
}

static void lost_message(struct body *b)
{
    b->lost = true;
    finding(b, FINDING_LOST_MESSAGE, 1);
}

/* ---- texts */

static void on_message(void *ctx, const struct message *m)
{
    struct body *b = ctx;
    struct record r;
    transport_record(b->tc, RECORD_MESSAGE, b->channel, b->at, &r);
    memcpy(&r.u.message, m, offsetof(struct message, text) + m->text_used);
    if (b->stream && b->stream->has_event_id) {
        r.u.message.event_id = b->stream->event_id;
        r.u.message.flags |= MESSAGE_HAS_EVENT_ID;
    }
    emit(b, &r);
}

static struct rpc_sink text_sink(struct body *b)
{
    return (struct rpc_sink){b, on_message};
}

static void drop_text(struct body *b)
{
    if (b->rpc)
        transport_rpc_give(b->tc->env, b->rpc);
    b->rpc = NULL;
}

/* False: out of memory. */
static bool begin_text(struct body *b, bool hold)
{
    b->rpc = transport_rpc_take(b->tc->env);
    if (!b->rpc) {
        lost_message(b);
        return false;
    }
    rpc_init(b->rpc, (enum dir)b->dir, hold, &b->tc->env->hash, b->tc->env->hit);
    return true;
}

static void feed_text(struct body *b, const uint8_t *bytes, size_t n)
{
    struct rpc_sink sink = text_sink(b);
    (void)rpc_feed(b->rpc, &sink, bytes, n, b->at);
}

/* Says what a complete text lacked. */
static void judge_text(struct body *b, enum json_end how)
{
    switch (how) {
    case JSON_END_COMPLETE:
        if (b->rpc->json.elements > LIMIT_BATCH)
            finding(b, FINDING_LOST_MESSAGE, b->rpc->json.elements - LIMIT_BATCH);
        if (b->rpc->empty_array)
            finding(b, FINDING_EMPTY_BATCH, 1);
        else if (b->rpc->not_rpc > 0)
            finding(b, FINDING_NOT_JSONRPC, b->rpc->not_rpc);
        break;
    case JSON_END_EMPTY:
        break;
    case JSON_END_CUT:
        finding(b, FINDING_TRUNCATED_JSON, 1);
        break;
    case JSON_END_BAD:
        finding(b, FINDING_MALFORMED_JSON, 1);
        break;
    case JSON_END_LIMIT:
        lost_message(b);
        break;
    }
}

/* The end of a JSON body. */
static void end_json(struct body *b, enum body_end how)
{
    struct rpc_sink sink = text_sink(b);
    enum json_end text = rpc_end(b->rpc, &sink, false);
    if (text != JSON_END_CUT || how == BODY_END_COMPLETE)
        judge_text(b, text);
    else if (how == BODY_END_LOST)
        lost_message(b);
    if (how == BODY_END_CUT)
        finding(b, FINDING_TRUNCATED_BODY, 1); /* even behind a complete text */
    drop_text(b);
}

/* ---- event streams */

static uint8_t event_kind(const struct sse_event *e)
{
    if (e->type_bytes == 0 || (e->type_bytes == 7 && memcmp(e->type, "message", 7) == 0))
        return EVENT_MESSAGE;
    if (e->type_bytes == 8 && memcmp(e->type, "endpoint", 8) == 0)
        return EVENT_ENDPOINT;
    return EVENT_SKIPPED;
}

static void note_id(struct body_stream *s, const struct sse_event *e)
{
    s->has_event_id = e->has_id && e->id_bytes > 0;
    s->event_id = s->has_event_id ? e->id_hash : 0;
}

static void on_data(void *ctx, const struct sse_event *e, const uint8_t *bytes, size_t n)
{
    struct body *b = ctx;
    struct body_stream *s = b->stream;
    if (s->event == EVENT_NEW) {
        s->event = event_kind(e);
        if (s->event == EVENT_MESSAGE && !begin_text(b, true))
            s->event = EVENT_SKIPPED;
    }
    if (s->event == EVENT_MESSAGE) {
        note_id(s, e);
        feed_text(b, bytes, n);
    } else if (s->event == EVENT_ENDPOINT) {
        int result = buf_append(&s->endpoint, bytes, n);
        if (result == ERR_LIMIT)
            limits_hit_add(b->tc->env->hit, LIMIT_ID_ENDPOINT_URI);
        if (result < 0)
            s->event = EVENT_SKIPPED;
    }
}

static void emit_event(struct body *b, const struct sse_event *e)
{
    struct body_stream *s = b->stream;
    struct record r;
    note_id(s, e);
    transport_record(b->tc, RECORD_EVENT, b->channel, b->at, &r);
    r.u.event = (struct record_event){.event_id = s->event_id, .has_event_id = s->has_event_id};
    if (s->event == EVENT_ENDPOINT && s->endpoint.len > 0) {
        uint64_t path;
        fields_target(&b->tc->env->hash, (const char *)s->endpoint.data, s->endpoint.len,
                      &r.u.event.endpoint_hash, &path);
        r.u.event.has_endpoint = true;
    }
    emit(b, &r);
}

/* The end of an event whose data went to b->rpc. */
static void end_event_text(struct body *b, const struct sse_event *e)
{
    struct rpc_sink sink = text_sink(b);
    bool revoked = event_kind(e) != EVENT_MESSAGE;
    note_id(b->stream, e);
    enum json_end text = rpc_end(b->rpc, &sink, revoked);
    bool nothing = text == JSON_END_COMPLETE && b->rpc->messages == 0;
    if (revoked)
        finding(b, FINDING_UNKNOWN_EVENT, 1);
    else if (text == JSON_END_EMPTY || (nothing && b->stream->has_event_id))
        emit_event(b, e);
    else
        judge_text(b, text);
    drop_text(b);
}

static void on_event(void *ctx, const struct sse_event *e)
{
    struct body *b = ctx;
    struct body_stream *s = b->stream;
    if (b->rpc)
        end_event_text(b, e);
    else if (e->has_data && event_kind(e) == EVENT_SKIPPED)
        finding(b, FINDING_UNKNOWN_EVENT, 1);
    else if (s->event == EVENT_ENDPOINT || (e->has_data && e->data_bytes == 0))
        emit_event(b, e);
    else if (!e->has_data && (e->has_id || e->has_retry))
        emit_event(b, e);
    buf_fini(&s->endpoint);
    s->event = EVENT_NEW;
}

/* Told by the caller that the event is gone; what it means depends on why. */
static void on_discard(void *ctx)
{
    struct body *b = ctx;
    drop_text(b);
    buf_fini(&b->stream->endpoint);
    b->stream->event = EVENT_NEW;
}

static struct sse_sink event_sink(struct body *b)
{
    return (struct sse_sink){b, on_data, on_event, on_discard};
}

static void free_stream(struct body *b)
{
    if (b->stream)
        buf_fini(&b->stream->endpoint);
    free(b->stream);
    b->stream = NULL;
}

static void begin_stream(struct body *b)
{
    b->stream = malloc(sizeof(*b->stream));
    if (!b->stream) {
        b->mode = BODY_SKIP;
        lost_message(b);
        return;
    }
    b->stream->event_id = 0;
    b->stream->event = EVENT_NEW;
    b->stream->has_event_id = false;
    buf_init(&b->stream->endpoint, LIMIT_ENDPOINT_URI);
    sse_init(&b->stream->sse, &b->tc->env->hash, b->tc->env->hit);
}

static void end_stream(struct body *b, enum body_end how)
{
    struct sse_sink sink = event_sink(b);
    bool unfinished = b->stream->sse.now.has_data;
    sse_end(&b->stream->sse, &sink);
    if (how == BODY_END_LOST)
        lost_message(b);
    else if (unfinished && how != BODY_END_CAPTURE)
        finding(b, FINDING_UNFINISHED_EVENT, 1);
    free_stream(b);
}

/* ---- bodies */

void body_start(struct body *b, enum body_mode mode, uint32_t channel, const struct stream_pos *at)
{
    body_fini(b);
    b->at = at;
    b->channel = channel;
    b->mode = (uint8_t)mode;
    b->lost = false;
    if (mode == BODY_SSE)
        begin_stream(b);
}

void body_join(struct body *b, uint32_t channel, bool at_line, const struct stream_pos *at)
{
    body_start(b, BODY_SSE, channel, at);
    if (b->mode != BODY_SSE)
        return;
    struct sse_sink sink = event_sink(b);
    sse_gap(&b->stream->sse, &sink, at_line);
}

enum body_look body_look(const uint8_t **bytes, size_t *n)
{
    for (; *n > 0; ++*bytes, --*n) {
        switch (**bytes) {
        case ' ':
        case '\t':
        case '\r':
        case '\n':
        case 0xef: /* a byte order mark, ef bb bf */
        case 0xbb:
        case 0xbf:
            continue;
        case '{':
        case '[':
            return BODY_LOOK_JSON;
        default: /* any other byte */
            return BODY_LOOK_OTHER;
        }
    }
    return BODY_LOOK_BLANK;
}

void body_feed(struct body *b, const uint8_t *bytes, size_t n, const struct stream_pos *at)
{
    b->at = at;
    switch ((enum body_mode)b->mode) {
    case BODY_SKIP:
    case BODY_SNIFF:
        break;
    case BODY_CODED:
        b->mode = BODY_SKIP;
        finding(b, FINDING_UNDECODABLE, 1);
        break;
    case BODY_JSON:
        if (b->rpc || begin_text(b, false))
            feed_text(b, bytes, n);
        else
            b->mode = BODY_SKIP;
        break;
    case BODY_SSE: {
        struct sse_sink sink = event_sink(b);
        sse_feed(&b->stream->sse, &sink, bytes, n);
        break;
    }
    }
}

void body_gap(struct body *b, bool at_line, const struct stream_pos *at)
{
    b->at = at;
    switch ((enum body_mode)b->mode) {
    case BODY_SKIP:
    case BODY_CODED:
        return;
    case BODY_SNIFF:
    case BODY_JSON:
        if (b->rpc && rpc_complete(b->rpc))
            return; /* nothing but white space can be missing */
        drop_text(b);
        b->mode = BODY_SKIP;
        lost_message(b);
        return;
    case BODY_SSE: {
        struct sse_sink sink = event_sink(b);
        sse_gap(&b->stream->sse, &sink, at_line);
        lost_message(b);
        return;
    }
    }
}

void body_end(struct body *b, enum body_end how, const struct stream_pos *at)
{
    b->at = at;
    if (b->stream)
        end_stream(b, how);
    else if (b->rpc)
        end_json(b, how);
    else if (b->mode == BODY_JSON || b->mode == BODY_SNIFF) {
        if (how == BODY_END_CUT)
            finding(b, FINDING_TRUNCATED_BODY, 1);
        else if (how == BODY_END_LOST)
            lost_message(b);
    }
    b->mode = BODY_SKIP;
}

void body_fini(struct body *b)
{
    drop_text(b);
    free_stream(b);
    b->mode = BODY_SKIP;
}
