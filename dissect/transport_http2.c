/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCP over HTTP/2 (RFC 9113) in clear text: by prior knowledge, behind `Upgrade: h2c`, or joined in
 * the middle.
 *
 * Theory of operation. http2.h takes each direction apart into heads and pieces of bodies, by
 * stream; http2_conn.h holds the streams. This file says what those mean. A channel is a stream,
 * numbered like it (behind an upgrade: counted on from the exchange that asked, which is stream 1).
 * Request and response are one stream, so they belong together whatever is lost. What is worth
 * telling is decided by http_rules.h, as for HTTP/1.1.
 *
 * Where a head holds fields that cannot be known (hpack.h), the others are used, and what the head
 * does not show is not taken for absent: the request gets CHANNEL_HEADER_UNKNOWN, a body without
 * known type shows by its first byte what it is. A response whose request was never seen is a
 * CHANNEL_STUB.
 *
 * What a gap costs, by where it lies:
 *
 *   in a DATA frame            as for a body in HTTP/1.1: JSON: the message; events: one of them
 *   in a header block          that head, and what later heads of the direction take from the
 *                              compression table
 *   anywhere else              the same, and of every open stream: the message or event under way;
 *                              its end may be among what is lost. It goes on with its next frame
 *
 * A client that resets a stream before the response is over has aborted it; one that the server
 * resets, or that GOAWAY says it will not serve, was closed by the server.
 *
 * Memory: 400 bytes; from the first heads on 1 KB, tables included, for what the SDK's clients and
 * servers send. Another 320 for each open stream, and what the body being read takes (body.h).
 *
 * Ignored on purpose: pushed streams; trailers; 1xx responses; Content-Length; CONNECT, but for
 * WebSocket (RFC 8441).
 */
#include "base/counted.h"
#include "base/err.h"
#include "http2_conn.h"
#include "http2_look.h"
#include "http_rules.h"
#include <string.h>

#define FINAL_STATUS 200

/* What the fields of a head say. */
struct http2_message {
    struct fields fields;
    struct target target;
    uint16_t status; /* 0: not told */
    uint8_t method;  /* enum http_method */
    bool connect;
    bool websocket; /* as :protocol */
};

/* ---- the end of a direction of a stream, and of a stream */

static bool is_over(const struct http2_stream *st)
{
    return st->done[DIR_S2C] && (st->done[DIR_C2S] || st->half_lost);
}

/* The stream may be gone afterwards. */
static void finish(struct http2_conn *s, struct http2_stream *st, enum body_end how)
{
    if (!st->done[s->dir])
        http2_conn_body_end(s, st, how);
    st->done[s->dir] = true;
    if (is_over(st))
        http2_conn_over(s, st, CHANNEL_END_COMPLETE);
    else if (s->over && st->done[DIR_C2S])
        http2_conn_over(s, st, (enum channel_end)s->ending);
}

/* Ends a stream that is not complete, at once. It is nobody's fault, unless the server breaks off
 * its own response. */
static void cut(struct http2_conn *s, struct http2_stream *st, enum channel_end how)
{
    uint8_t dir = s->dir;
    for (s->dir = 0; s->dir < DIR_COUNT; s->dir++) {
        bool told = s->dir == dir && how == CHANNEL_END_CLOSED;
        if (!st->done[s->dir])
            http2_conn_body_end(s, st, told ? BODY_END_CUT : BODY_END_CAPTURE);
    }
    s->dir = dir;
    http2_conn_over(s, st, how);
}

/* ---- heads */

static uint16_t parse_status(const char *value, size_t n)
{
    uint16_t status = 0;
    for (size_t i = 0; i < n && i < 3; i++) {
        if (value[i] < '0' || value[i] > '9')
            return 0;
        status = (uint16_t)(status * 10 + (value[i] - '0'));
    }
    return n == 3 && status >= 100 ? status : 0;
}

static bool equals(const char *p, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(p, word, n) == 0;
}

static void on_field(void *ctx, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    const struct http2_conn *s = ctx;
    struct http2_message *m = s->message;
    if (name_len == 0 || name[0] != ':') {
        fields_add(&m->fields, &s->tc->env->hash, name, name_len, value, value_len);
    } else if (equals(name, name_len, ":method")) {
        m->method = (uint8_t)fields_method(value, value_len);
        m->connect = equals(value, value_len, "CONNECT");
    } else if (equals(name, name_len, ":path")) {
        target_read(&s->tc->env->hash, value, value_len, &m->target);
    } else if (equals(name, name_len, ":status")) {
        m->status = parse_status(value, value_len);
    } else if (equals(name, name_len, ":protocol")) {
        m->websocket = equals(value, value_len, "websocket");
    }
}

static void take_request(struct http2_conn *s, struct http2_stream *st, bool whole)
{
    const struct http2_message *m = s->message;
    struct record_begin *b = &st->begin;
    st->headed[DIR_C2S] = true;
    st->unknown[DIR_C2S] = !whole;
    st->looking[DIR_C2S] = true;
    st->content[DIR_C2S] = m->fields.content;
    st->connects = m->connect && m->websocket;
    b->method = m->method;
    b->target_hash = m->target.whole;
    b->path_hash = m->target.path;
    st->dir_hash = m->target.dir;
    http_rules_note(b, &m->fields);
    if (!whole)
        b->flags |= CHANNEL_HEADER_UNKNOWN;
    if (!st->connects && http_rules_request(b, &m->fields))
        http2_conn_begin(s, st);
}

static void request_head(struct http2_conn *s, uint32_t id, enum http2_head how, bool ends)
{
    const struct fields *f = &s->message->fields;
    struct http2_stream *st = http2_conn_find(s, id);
    bool trailers = st != NULL;
    if (!st)
        st = http2_conn_open(s, id);
    if (!st)
        return;
    if (!trailers) {
        take_request(s, st, how == HTTP2_HEAD_WHOLE);
        enum body_mode mode = http_rules_request_body(&st->begin, f, st->begun);
        bool open = st->begin.method == HTTP_METHOD_UNKNOWN && f->coding != CODING_UNKNOWN;
        if (mode == BODY_SKIP && st->unknown[DIR_C2S] && open)
            mode = BODY_SNIFF;
        if (!ends && !st->connects)
            http2_conn_body_start(s, st, mode, (enum coding)f->coding);
    }
    if (ends)
        finish(s, st, BODY_END_COMPLETE);
}

/* A stream whose request was not seen, or its head not. NULL: it is over. */
static struct http2_stream *open_unseen(struct http2_conn *s, uint32_t id)
{
    struct http2_stream *st = http2_conn_open(s, id);
    if (!st)
        return NULL;
    st->begin.flags = CHANNEL_HEADER_UNKNOWN;
    if (s->dir == DIR_C2S)
        return st;
    st->begin.flags |= CHANNEL_STUB | CHANNEL_UNCERTAIN;
    st->half_lost = true;
    return st;
}

/* Whether a body that nothing is known of could belong to an exchange that is to be told. */
static bool may_be_told(const struct http2_stream *st)
{
    return st->begun || (st->begin.flags & CHANNEL_HEADER_UNKNOWN) != 0;
}

static enum body_mode response_mode(const struct http2_stream *st, const struct fields *f)
{
    enum body_mode mode = http_rules_response_body(&st->begin, f, st->begun);
    bool readable = f->content == HTTP_CONTENT_JSON ||
                    (f->content == HTTP_CONTENT_NONE && st->unknown[DIR_S2C]);
    if (mode == BODY_SKIP && f->coding != CODING_UNKNOWN && readable && may_be_told(st))
        return BODY_SNIFF;
    return mode;
}

/* The stream becomes a WebSocket, and its channel is told as one. */
static void open_socket(struct http2_conn *s, struct http2_stream *st, const struct fields *f)
{
    struct http2_socket *socket = counted_calloc(s->tc->env->state_bytes, sizeof(*socket));
    if (!socket)
        return;
    socket->tc = *s->tc;
    socket->tc.transport = TRANSPORT_WEBSOCKET;
    st->socket = socket;
    st->begin = (struct record_begin){.flags = f->mcp_socket ? CHANNEL_MCP_HEADER : 0};
    websocket_init(&socket->websocket, &socket->tc, st->id + s->offset, &f->socket);
    http2_conn_begin(s, st);
}

static void take_response(struct http2_conn *s, struct http2_stream *st, bool whole, bool ends)
{
    const struct http2_message *m = s->message;
    const struct fields *f = &m->fields;
    st->headed[DIR_S2C] = true;
    st->in_hole = false;
    st->unknown[DIR_S2C] = !whole && !(ends && m->status != 0);
    st->looking[DIR_S2C] = true;
    st->content[DIR_S2C] = f->content;
    st->head = http_rules_head(f, m->status);
    if (st->connects) {
        if (m->status >= FINAL_STATUS && m->status < 300 && !ends)
            open_socket(s, st, f);
        return;
    }
    if (!st->begun && http_rules_response(f))
        http2_conn_begin(s, st);
    if (st->begun)
        http2_conn_head(s, st);
    enum body_mode mode = response_mode(st, f);
    if (ends)
        return;
    if (mode == BODY_SSE)
        st->unknown[DIR_S2C] = false;
    http2_conn_body_start(s, st, mode, (enum coding)f->coding);
}

static void response_head(struct http2_conn *s, uint32_t id, enum http2_head how, bool ends)
{
    uint16_t status = s->message->status;
    struct http2_stream *st = http2_conn_find(s, id);
    if (!st)
        st = open_unseen(s, id);
    if (!st)
        return;
    bool interim = status != 0 && status < FINAL_STATUS;
    /* What came without a status may have been an interim response. */
    bool again = st->headed[DIR_S2C] && status >= FINAL_STATUS && st->head.status == 0 &&
                 st->body[DIR_S2C].mode == BODY_SNIFF;
    if (!interim && (!st->headed[DIR_S2C] || again))
        take_response(s, st, how == HTTP2_HEAD_WHOLE, ends);
    if (ends)
        finish(s, st, BODY_END_COMPLETE);
}

static void on_head(void *ctx, uint32_t id, enum http2_head how, bool ends)
{
    struct http2_conn *s = ctx;
    if (how == HTTP2_HEAD_LOST)
        *s->message = (struct http2_message){0};
    if (s->dir == DIR_C2S)
        request_head(s, id, how, ends);
    else
        response_head(s, id, how, ends);
    *s->message = (struct http2_message){0};
}

/* ---- bodies */

/* The stream that body bytes are for; a body may come without a head that was seen. */
static struct http2_stream *stream_of_data(struct http2_conn *s, uint32_t id)
{
    struct http2_stream *st = http2_conn_find(s, id);
    if (!st)
        st = open_unseen(s, id);
    if (!st || st->connects || st->headed[s->dir])
        return st;
    st->headed[s->dir] = true;
    st->unknown[s->dir] = true;
    st->lossy |= st->in_hole;
    st->in_hole = false;
    if (may_be_told(st))
        http2_conn_body_start(s, st, BODY_SNIFF, CODING_NONE);
    return st;
}

static void on_data(void *ctx, uint32_t id, bool first, const uint8_t *bytes, size_t n)
{
    struct http2_conn *s = ctx;
    struct http2_stream *st = stream_of_data(s, id);
    if (!st || st->done[s->dir]) {
        transport_note(s->tc, RECORD_NOTED_OTHER, n);
        return;
    }
    st->looking[s->dir] |= first;
    http2_conn_body(s, st, bytes, n);
}

static void on_data_gap(void *ctx, uint32_t id, uint64_t n)
{
    struct http2_conn *s = ctx;
    struct http2_stream *st = stream_of_data(s, id);
    if (st && !st->done[s->dir])
        http2_conn_body_gap(s, st, n);
}

static void on_data_end(void *ctx, uint32_t id)
{
    struct http2_conn *s = ctx;
    struct http2_stream *st = stream_of_data(s, id);
    if (st)
        finish(s, st, BODY_END_COMPLETE);
}

/* ---- the connection */

static void on_reset(void *ctx, uint32_t id, uint32_t code)
{
    struct http2_conn *s = ctx;
    struct http2_stream *st = http2_conn_find(s, id);
    (void)code;
    if (!st)
        http2_conn_skip(s, id);
    else if (st->done[DIR_S2C]) /* the server had no need of the rest */
        http2_conn_over(s, st, CHANNEL_END_COMPLETE);
    else
        cut(s, st, s->dir == DIR_C2S ? CHANNEL_END_ABORTED : CHANNEL_END_CLOSED);
}

static void on_goaway(void *ctx, uint32_t last)
{
    struct http2_conn *s = ctx;
    while (s->dir == DIR_S2C && s->count > 0 && s->list[s->count - 1]->id > last)
        cut(s, s->list[s->count - 1], CHANNEL_END_CLOSED);
}

static void on_lost(void *ctx)
{
    struct http2_conn *s = ctx;
    for (uint32_t i = 0; i < s->count; i++) {
        struct http2_stream *st = s->list[i];
        if (st->done[s->dir])
            continue;
        st->half_lost |= s->dir == DIR_C2S;
        st->torn[s->dir] = true;
        if (!st->headed[s->dir]) {
            st->in_hole = true;
        } else {
            st->lossy |= s->dir == DIR_S2C;
            http2_conn_body_gap(s, st, HTTP2_SOME);
        }
    }
}

static void on_bad(void *ctx)
{
    struct http2_conn *s = ctx;
    http2_conn_bad(s, http2_conn_find(s, s->parser[s->dir].stream));
}

static struct http2_sink parser_sink(struct http2_conn *s)
{
    return (struct http2_sink){s,           on_field, on_head,   on_data, on_data_gap,
                               on_data_end, on_reset, on_goaway, on_lost, on_bad};
}

/* ---- the transport */

static enum probe_result probe(const struct probe *p)
{
    enum dir sender = p->dir;
    switch (http2_look(p->bytes, p->n, p->joined)) {
    case HTTP2_LOOK_NO:
        return PROBE_NO;
    case HTTP2_LOOK_MORE:
        return PROBE_MORE;
    case HTTP2_LOOK_CLIENT:
        sender = DIR_C2S;
        break;
    case HTTP2_LOOK_SERVER:
        sender = DIR_S2C;
        break;
    case HTTP2_LOOK_EITHER:
        break;
    }
    return p->dir == sender ? PROBE_YES : PROBE_SWAPPED;
}

static void begin_parser(struct http2_conn *s, enum dir dir, bool client, bool joined)
{
    struct http2 *h = &s->parser[dir];
    http2_init(h, client, joined, s->tc->env->hit);
    h->block.sum = h->hpack.sum = s->tc->env->state_bytes;
}

static int init(void *state, const struct transport_conn *tc, bool joined)
{
    struct http2_conn *s = state;
    s->tc = tc;
    s->ending = CHANNEL_END_CLOSED;
    for (int dir = 0; dir < DIR_COUNT; dir++)
        begin_parser(s, (enum dir)dir, dir == DIR_C2S, joined);
    return 0;
}

static int upgrade(void *state, const struct transport_conn *tc, const struct transport_upgrade *u)
{
    struct http2_conn *s = state;
    (void)init(s, tc, u->joined);
    if (u->request_lost)
        begin_parser(s, DIR_C2S, true, true);
    s->touched = u->joined; /* what the server began with may be lost */
    s->offset = u->channel - 1;
    struct http2_stream *st = http2_conn_open(s, 1);
    if (!st)
        return ERR_NOMEM;
    st->begin = u->begin;
    st->begun = u->begun;
    st->headed[DIR_C2S] = true;
    st->done[DIR_C2S] = true;
    st->in_hole = u->joined;
    st->torn[DIR_S2C] = u->joined;
    return 0;
}

/* A connection that was joined turns out to begin here: the client's preface was just read, and
 * nothing of the server before it. */
static void begin_anew(struct http2_conn *s)
{
    s->touched = true;
    http2_fini(&s->parser[DIR_S2C]);
    begin_parser(s, DIR_S2C, false, false);
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    struct http2_conn *s = state;
    struct http2 *parser = &s->parser[dir];
    struct http2_message message = {0};
    s->at = at;
    s->dir = (uint8_t)dir;
    s->message = &message;
    bool lost = http2_looks(parser);
    if (dir == DIR_S2C)
        s->touched = true;
    else if (lost && !s->touched && http2_look_preface(bytes, n))
        begin_anew(s);
    struct http2_sink sink = parser_sink(s);
    http2_feed(parser, &sink, bytes, n);
    if (lost && http2_looks(parser))
        transport_note(s->tc, RECORD_NOTED_UNREAD, n);
    s->message = NULL;
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    struct http2_conn *s = state;
    struct http2_message message = {0};
    s->at = at;
    s->dir = (uint8_t)dir;
    s->message = &message;
    s->touched |= dir == DIR_S2C;
    http2_conn_gap(s, http2_conn_find(s, s->parser[dir].stream), n);
    struct http2_sink sink = parser_sink(s);
    http2_gap(&s->parser[dir], &sink, n);
    s->message = NULL;
}

/* A direction is over for a stream; true: so is the stream, and gone. */
static bool end_stream(struct http2_conn *s, struct http2_stream *st, enum body_end how)
{
    if (!st->done[s->dir])
        http2_conn_body_end(s, st, how);
    if (s->dir == DIR_C2S)
        st->done[DIR_C2S] = true;
    bool complete = st->done[DIR_S2C] && st->done[DIR_C2S];
    bool cut_off = s->over && (st->done[DIR_C2S] || st->half_lost);
    if (complete || cut_off)
        http2_conn_over(s, st, complete ? CHANNEL_END_COMPLETE : (enum channel_end)s->ending);
    return complete || cut_off;
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    struct http2_conn *s = state;
    s->at = at;
    s->dir = (uint8_t)dir;
    s->ending = (uint8_t)http_rules_ending(s->tc->conn, how);
    s->over |= dir == DIR_S2C;
    enum body_end body = how == STREAM_END_CAPTURE ? BODY_END_CAPTURE : BODY_END_CUT;
    for (uint32_t i = 0; i < s->count;)
        i += !end_stream(s, s->list[i], body);
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    struct http2_conn *s = state;
    s->at = at;
    while (s->count > 0)
        http2_conn_over(s, s->list[0], how);
    http2_conn_fini(s);
}

const struct transport transport_http2 = {
    .name = "http2",
    .token = "h2c",
    .state_bytes = sizeof(struct http2_conn),
    .probe = probe,
    .init = init,
    .upgrade = upgrade,
    .feed = feed,
    .gap = gap,
    .end = end,
    .fini = fini,
};
