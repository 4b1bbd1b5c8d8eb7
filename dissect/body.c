/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bodies: JSON texts go through text.h, event streams (WHATWG HTML) through sse.h and then text.h.
 *
 * The message of an event is held back until the event ends: only the blank line makes it valid,
 * and its `id` may stand behind its data. Texts that are no JSON-RPC inside an event with an id,
 * such as the `data: {}` of replayed priming events, only carry the id on.
 *
 * What a gap costs: a JSON text, or the event under way; an event stream goes on behind the next
 * blank line. In a coded body it costs all that follows, too, since no decoder can go on behind a
 * hole. So does damage, or a cap. Whoever waits for something that such an event stream would have
 * brought shall not be called unanswered: each later piece of it is told as a loss of nothing,
 * which counts nowhere but keeps its time.
 *
 * Only the first event of a stream announces a target (HTTP+SSE): streams of other protocols have
 * events named `endpoint`, too.
 *
 * Ignored on purpose: what an event of an unknown type holds, comments, white space between texts.
 */
#include "body.h"
#include "base/buf.h"
#include "base/counted.h"
#include "base/err.h"
#include "dissect/sse.h"
#include "fields.h"
#include <string.h>

enum { EVENT_NEW, EVENT_MESSAGE, EVENT_ENDPOINT, EVENT_SKIPPED };

struct body_stream {
    struct sse sse;
    struct buf endpoint; /* data of an `endpoint` event under way */
    struct target base;  /* of the request */
    uint8_t event;       /* EVENT_* of the event under way */
    bool partial;        /* that one's first lines may be lost: its type, its id */
    bool begun;          /* an event with data came before that one */
};

/* The end of a JSON body. */
static void end_json(struct body *b, enum body_end how)
{
    enum text_end end = TEXT_END_CUT;
    if (how == BODY_END_COMPLETE)
        end = TEXT_END_COMPLETE;
    else if (how == BODY_END_LOST)
        end = TEXT_END_LOST;
    (void)text_end(&b->text, end, NULL);
    if (how == BODY_END_CUT)
        text_finding(&b->text, FINDING_TRUNCATED_BODY, 1); /* even behind a complete text */
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

static void note_id(struct text *t, const struct sse_event *e)
{
    t->has_event_id = e->has_id && e->id_bytes > 0;
    t->event_id = t->has_event_id ? e->id_hash : 0;
}

static void on_data(void *ctx, const struct sse_event *e, const uint8_t *bytes, size_t n)
{
    struct body *b = ctx;
    struct body_stream *s = b->stream;
    if (s->event == EVENT_NEW) {
        s->event = event_kind(e);
        if (s->event == EVENT_MESSAGE && !text_begin(&b->text, true))
            s->event = EVENT_SKIPPED;
    }
    if (s->event == EVENT_MESSAGE) {
        note_id(&b->text, e);
        text_feed(&b->text, bytes, n);
    } else if (s->event == EVENT_ENDPOINT) {
        int result = buf_append(&s->endpoint, bytes, n);
        if (result == ERR_LIMIT)
            limits_hit_add(b->text.tc->env->hit, LIMIT_ID_ENDPOINT_URI);
        if (result < 0)
            s->event = EVENT_SKIPPED;
    }
}

static void emit_event(struct body *b, const struct sse_event *e)
{
    struct body_stream *s = b->stream;
    struct text *t = &b->text;
    struct record r;
    note_id(t, e);
    transport_record(t->tc, RECORD_EVENT, t->channel, t->at, &r);
    r.u.event = (struct record_event){.event_id = t->event_id, .has_event_id = t->has_event_id};
    if (s->event == EVENT_ENDPOINT && s->endpoint.len > 0 && !s->begun) {
        r.u.event.has_endpoint =
            target_resolve(&t->tc->env->hash, &s->base, (const char *)s->endpoint.data,
                           s->endpoint.len, &r.u.event.endpoint_hash);
    }
    transport_send(t->tc, &r);
}

/* The end of an event whose data is a text. */
static void end_event_text(struct body *b, const struct sse_event *e)
{
    bool revoked = event_kind(e) != EVENT_MESSAGE;
    uint32_t messages;
    note_id(&b->text, e);
    enum text_end how = b->text.has_event_id ? TEXT_END_LENIENT : TEXT_END_COMPLETE;
    if (b->stream->partial)
        how = TEXT_END_PARTIAL;
    enum json_end end = text_end(&b->text, revoked ? TEXT_END_REVOKED : how, &messages);
    bool nothing = end == JSON_END_COMPLETE && messages == 0 && b->text.has_event_id;
    if (revoked)
        text_finding(&b->text, FINDING_UNKNOWN_EVENT, 1);
    else if (end == JSON_END_EMPTY || nothing)
        emit_event(b, e);
}

static void on_event(void *ctx, const struct sse_event *e)
{
    struct body *b = ctx;
    struct body_stream *s = b->stream;
    if (b->text.rpc)
        end_event_text(b, e);
    else if (e->has_data && event_kind(e) == EVENT_SKIPPED)
        text_finding(&b->text, FINDING_UNKNOWN_EVENT, 1);
    else if (s->event == EVENT_ENDPOINT || (e->has_data && e->data_bytes == 0))
        emit_event(b, e);
    else if (!e->has_data && (e->has_id || e->has_retry))
        emit_event(b, e);
    buf_fini(&s->endpoint);
    s->event = EVENT_NEW;
    s->partial = false;
    s->begun = s->begun || e->has_data;
}

/* A message that came before needs no parser, nor does what is too little to be one. An event of
 * blanks is told as such. */
static bool on_whole(void *ctx, const struct sse_event *e, const uint8_t *bytes, size_t n)
{
    struct body *b = ctx;
    struct body_stream *s = b->stream;
    if (s->event != EVENT_NEW || s->partial || event_kind(e) != EVENT_MESSAGE)
        return false;
    note_id(&b->text, e);
    if (text_whole(&b->text, bytes, n) != TEXT_WHOLE_TOLD)
        return false;
    s->begun = true;
    return true;
}

/* Told by the caller that the event is gone; what it means depends on why. */
static void on_discard(void *ctx)
{
    struct body *b = ctx;
    text_drop(&b->text);
    buf_fini(&b->stream->endpoint);
    b->stream->event = EVENT_NEW;
}

static struct sse_sink event_sink(struct body *b)
{
    return (struct sse_sink){b, on_data, on_event, on_discard, on_whole};
}

static void free_stream(struct body *b)
{
    if (b->stream)
        buf_fini(&b->stream->endpoint);
    counted_free(b->text.tc->env->state_bytes, b->stream, sizeof(*b->stream));
    b->stream = NULL;
}

/* The rest of the body is not read, though it should be. */
static void skip_unread(struct body *b)
{
    b->mode = BODY_SKIP;
    b->unread = true;
}

static void begin_stream(struct body *b)
{
    b->stream = counted_malloc(b->text.tc->env->state_bytes, sizeof(*b->stream));
    if (!b->stream) {
        skip_unread(b);
        text_lost(&b->text);
        return;
    }
    b->stream->event = EVENT_NEW;
    b->stream->partial = false;
    b->stream->begun = false;
    b->stream->base = (struct target){0};
    buf_init(&b->stream->endpoint, LIMIT_ENDPOINT_URI);
    b->stream->endpoint.sum = b->text.tc->env->state_bytes;
    sse_init(&b->stream->sse, &b->text.tc->env->hash, b->text.tc->env->hit);
}

/* Goes on behind a hole. */
static void resync(struct body *b, bool at_line)
{
    struct sse_sink sink = event_sink(b);
    sse_gap(&b->stream->sse, &sink, at_line);
    b->stream->partial = at_line;
}

static void end_stream(struct body *b, enum body_end how)
{
    struct sse_sink sink = event_sink(b);
    bool unfinished = b->stream->sse.now.has_data;
    sse_end(&b->stream->sse, &sink);
    if (how == BODY_END_LOST)
        text_lost(&b->text);
    else if (unfinished && how != BODY_END_CAPTURE)
        text_finding(&b->text, FINDING_UNFINISHED_EVENT, 1);
    free_stream(b);
}

/* ---- bodies */

bool body_is_stream(const struct body *b)
{
    return b->mode == BODY_SSE || b->mode == BODY_LOST;
}

static void free_decoder(struct body *b)
{
    decoder_free(b->decoder);
    b->decoder = NULL;
    b->unfinished = false;
}

/* Nothing more of the body can be read. */
static void stop_decoding(struct body *b)
{
    if (b->mode != BODY_JSON || !text_complete(&b->text))
        text_drop(&b->text);
    free_decoder(b);
    if (body_is_stream(b))
        b->mode = BODY_LOST;
    else
        skip_unread(b);
    free_stream(b);
}

/* n bytes of what is not read. */
static void skip(const struct body *b, size_t n)
{
    bool unread = b->unread || b->mode == BODY_LOST;
    transport_note(b->text.tc, unread ? RECORD_NOTED_UNREAD : RECORD_NOTED_OTHER, n);
    if (b->mode == BODY_LOST)
        text_finding(&b->text, FINDING_LOST_MESSAGE, 0);
}

void body_set_coding(struct body *b, enum coding coding)
{
    b->coding = (uint8_t)coding;
    b->text.coded = coding != CODING_NONE;
}

void body_set_base(struct body *b, const struct target *base)
{
    if (b->stream)
        b->stream->base = *base;
}

static enum decoder_result decode(struct body *b, const struct decoder_sink *sink,
                                  const uint8_t *bytes, size_t n)
{
    const struct transport_env *env = b->text.tc->env;
    if (b->coding == CODING_UNKNOWN)
        return DECODER_BAD;
    if (!b->decoder)
        b->decoder = decoder_new((enum coding)b->coding, env->decoders, env->hit);
    return b->decoder ? decoder_feed(b->decoder, sink, bytes, n) : DECODER_LIMIT;
}

bool body_decode(struct body *b, const struct decoder_sink *sink, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    bool readable = true;
    b->text.at = at;
    if (b->mode != BODY_SKIP && b->mode != BODY_LOST) {
        enum decoder_result result = decode(b, sink, bytes, n);
        b->unfinished = result == DECODER_MORE;
        readable = b->mode == BODY_SKIP || (result != DECODER_BAD && result != DECODER_LIMIT);
        if (!readable)
            stop_decoding(b);
        else if (b->mode == BODY_SKIP)
            free_decoder(b);
    }
    if (b->mode == BODY_SKIP || b->mode == BODY_LOST)
        skip(b, n);
    return readable;
}

void body_init(struct body *b, const struct transport_conn *tc, enum dir dir)
{
    b->text.tc = tc;
    b->text.dir = (uint8_t)dir;
}

void body_start(struct body *b, enum body_mode mode, uint32_t channel, const struct stream_pos *at)
{
    if (text_busy(&b->text) || b->stream || b->decoder)
        body_fini(b);
    body_set_coding(b, CODING_NONE);
    b->text.at = at;
    b->text.channel = channel;
    b->text.has_event_id = false;
    b->mode = (uint8_t)mode;
    b->unread = false;
    b->text.lost = false;
    if (mode == BODY_SSE)
        begin_stream(b);
}

void body_join(struct body *b, uint32_t channel, bool at_line, const struct stream_pos *at)
{
    body_start(b, BODY_SSE, channel, at);
    if (b->mode != BODY_SSE)
        return;
    resync(b, at_line);
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

bool body_whole(struct body *b, const uint8_t *bytes, size_t n, const struct stream_pos *at)
{
    b->text.at = at;
    if (b->mode != BODY_JSON || b->text.rpc || text_whole(&b->text, bytes, n) == TEXT_WHOLE_UNKNOWN)
        return false;
    b->mode = BODY_SKIP;
    return true;
}

void body_feed(struct body *b, const uint8_t *bytes, size_t n, const struct stream_pos *at)
{
    b->text.at = at;
    switch ((enum body_mode)b->mode) {
    case BODY_SKIP:
    case BODY_LOST:
        skip(b, n);
        break;
    case BODY_SNIFF:
        break;
    case BODY_JSON:
        if (b->text.rpc || text_begin(&b->text, false))
            text_feed(&b->text, bytes, n);
        else
            skip_unread(b);
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
    b->text.at = at;
    switch ((enum body_mode)b->mode) {
    case BODY_SKIP:
    case BODY_LOST:
        return;
    case BODY_SNIFF:
    case BODY_JSON:
        if (text_complete(&b->text)) {
            b->mode = b->coding == CODING_NONE ? b->mode : BODY_SKIP;
            return; /* nothing but white space can be missing */
        }
        text_drop(&b->text);
        skip_unread(b);
        text_lost(&b->text);
        return;
    case BODY_SSE:
        resync(b, at_line);
        text_lost(&b->text);
        if (b->coding != CODING_NONE)
            stop_decoding(b);
        return;
    }
}

void body_end(struct body *b, enum body_end how, const struct stream_pos *at)
{
    b->text.at = at;
    bool cut = b->unfinished && how == BODY_END_COMPLETE && !body_is_stream(b);
    if (cut && b->mode != BODY_SKIP && !text_complete(&b->text)) {
        text_drop(&b->text);
        text_finding(&b->text, FINDING_UNDECODABLE, 1);
    } else if (b->stream)
        end_stream(b, how);
    else if (b->text.rpc)
        end_json(b, how);
    else if (b->mode == BODY_JSON || b->mode == BODY_SNIFF) {
        if (how == BODY_END_CUT)
            text_finding(&b->text, FINDING_TRUNCATED_BODY, 1);
        else if (how == BODY_END_LOST)
            text_lost(&b->text);
    }
    free_decoder(b);
    b->mode = BODY_SKIP;
}

void body_fini(struct body *b)
{
    text_drop(&b->text);
    free_stream(b);
    free_decoder(b);
    b->mode = BODY_SKIP;
}
