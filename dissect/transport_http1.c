/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCP over HTTP/1.1 (RFC 9112): one connection, from its bytes to records. Also the old HTTP+SSE
 * form; what spans connections is the tracker's.
 *
 * Theory of operation. http1.h takes each direction apart, exchanges.h says which response answers
 * which request, fields.h reads heads, body.h bodies, and http_rules.h decides what is worth
 * telling. This file joins them. A channel is one exchange, numbered by exchanges.h; a response
 * whose request is not known is a channel of its own with CHANNEL_STUB.
 *
 * State of a direction, and where it reads on after a gap (exchanges.c has what it does to pairs):
 *
 *   idle, between messages     an unknown number of messages is lost; next start line
 *   in a head                  the message is lost; next start line
 *   in a body, gap inside it   JSON: the message is lost, the rest of the body is skipped;
 *                              events: the event is lost, next blank line in the same body;
 *                              coded: all the rest of the body is lost
 *   in a body, gap beyond it   the message ends as lost; next start line. An event stream, if it
 *                              was not coded, is kept: if the next bytes are events, and no other
 *                              request has begun or was lost since, it goes on; otherwise they
 *                              become a stub
 *   looking for a start line   goes on looking; an event stream in the middle becomes a stub
 *
 * An exchange whose response is not complete when the connection ends has been aborted if the
 * client left first; so has an event stream that only the end of the connection ends. A client that
 * closed its direction and got its answer all the same has aborted nothing.
 *
 * Behind 101 or CONNECT no HTTP is read. If the 101's Upgrade field names another transport, that
 * one takes the connection over, with the channel of the exchange that asked (upgrade.h); a request
 * body that is still under way is read to its end first. If there is none, this state goes away. A
 * 101 that was lost, or not captured, is noticed when something stands where it is missing that its
 * transport recognises.
 *
 * A connection joined in the middle begins as "looking for a start line" in both directions.
 *
 * Ignored on purpose: tunnels that no transport takes over, but for whether they are encrypted;
 * trailers; 1xx responses other than 101.
 */
#include "http1_conn.h"
#include "http1_look.h"
#include "http_rules.h"
#include <string.h>

/* ---- heads that came before */

/* The head that was just read, if it is the one that the bytes fed began with. */
static void keep_head(struct http1_conn *s, enum dir dir)
{
    if (s->new_head.n == 0)
        return;
    const struct http1 *parser = &s->parser[dir];
    http1_memo_keep(&s->tc->env->heads->side[parser->kind], &s->tc->env->hash, parser, s->new_head);
    s->new_head.n = 0;
}

/* Takes the head that *in begins with if it is known. */
static void take_known_head(struct http1_conn *s, enum dir dir, const struct http1_sink *sink,
                            struct http1_span *in)
{
    struct http1 *parser = &s->parser[dir];
    struct http1_memo *heads = s->tc->env->heads;
    if (!heads || !http1_at_head(parser))
        return;
    enum http1_kind kind = (enum http1_kind)parser->kind;
    s->known = http1_memo_find(heads, kind, &s->tc->env->hash, in, &s->fields[dir]);
    if (s->known) {
        http1_known_start(parser, sink, &s->known->known);
        http1_known_end(parser, sink);
        s->known = NULL;
    } else if (http1_memo_learns(&heads->side[kind])) {
        s->new_head = *in;
    }
}

/* ---- requests */

static enum http1_request_method request_start(void *ctx, const struct http1_head *head)
{
    struct http1_conn *s = ctx;
    if (!s->known)
        s->fields[DIR_C2S] = (struct fields){0};
    s->in_head[DIR_C2S] = true;
    body_start(&s->body[DIR_C2S], BODY_SKIP, 0, s->at);
    struct exchange *e = exchanges_open(&s->exchanges, s->at->ts_ns);
    if (!e)
        return HTTP1_METHOD_OTHER;
    e->begin.method = (uint8_t)fields_method(head->method, head->method_len);
    struct target target;
    if (s->known)
        target = s->known->target;
    else
        target_read(&s->tc->env->hash, head->target, head->target_len, &target);
    e->dir_hash = target.dir;
    e->begin.path_hash = target.path;
    e->begin.target_hash = target.whole;
    if (head->method_len == 4 && memcmp(head->method, "HEAD", 4) == 0)
        e->kind = HTTP1_METHOD_HEAD;
    else if (head->method_len == 7 && memcmp(head->method, "CONNECT", 7) == 0)
        e->kind = HTTP1_METHOD_CONNECT;
    return HTTP1_METHOD_OTHER;
}

static void request_field(void *ctx, const char *name, size_t name_len, const char *value,
                          size_t value_len)
{
    struct http1_conn *s = ctx;
    if (s->in_head[DIR_C2S])
        fields_add(&s->fields[DIR_C2S], &s->tc->env->hash, name, name_len, value, value_len);
}

static void request_head_end(void *ctx, const struct http1_body_info *info)
{
    struct http1_conn *s = ctx;
    const struct fields *f = &s->fields[DIR_C2S];
    struct exchange *e = exchanges_receiving(&s->exchanges);
    s->in_head[DIR_C2S] = false;
    keep_head(s, DIR_C2S);
    if (!e)
        return;
    http_rules_note(&e->begin, f);
    if (!e->begun && http_rules_request(&e->begin, f)) /* an early response may have begun it */
        http1_conn_begin(s, e);
    if (info->framing == HTTP1_BODY_NONE ||
        (info->framing == HTTP1_BODY_LENGTH && info->length == 0))
        return;
    enum body_mode mode = http_rules_request_body(&e->begin, f, e->begun);
    body_start(&s->body[DIR_C2S], mode, e->channel, s->at);
    body_set_coding(&s->body[DIR_C2S], (enum coding)f->coding);
}

static void request_body(void *ctx, const uint8_t *bytes, size_t n)
{
    http1_conn_body(ctx, DIR_C2S, bytes, n);
}

static void request_body_gap(void *ctx, uint64_t n)
{
    (void)n; /* told by gap() */
    http1_conn_body_gap(ctx, DIR_C2S);
}

static void request_end(void *ctx, enum http1_end how)
{
    struct http1_conn *s = ctx;
    if (s->in_head[DIR_C2S])
        http1_conn_head_cut(s, DIR_C2S, how);
    bool lost = http1_conn_body_end(s, DIR_C2S, how) || how == HTTP1_END_LOST;
    exchanges_received(&s->exchanges, s->at->ts_ns, lost);
    s->pending[DIR_C2S] = 0;
    if (how == HTTP1_END_LOST)
        exchanges_lose_requests(&s->exchanges);
    if (s->responses_over)
        exchanges_close(&s->exchanges, (enum channel_end)s->ending, false);
}

static void request_anomaly(void *ctx, enum http1_anomaly what)
{
    struct http1_conn *s = ctx;
    http1_conn_anomaly(s, DIR_C2S, what);
    struct exchange *e = s->in_head[DIR_C2S] ? exchanges_receiving(&s->exchanges) : NULL;
    if (e)
        e->begin.flags |= CHANNEL_HEADER_UNKNOWN;
    if (what == HTTP1_BAD_START_LINE)
        exchanges_lose_requests(&s->exchanges);
}

/* ---- behind HTTP */

/* Bytes of a tunnel that no transport reads: encrypted, or something that may have been MCP. What
 * its first sender begins with decides. */
static void note_tunnel(struct http1_conn *s, enum dir dir, const uint8_t *bytes, size_t n)
{
    struct http1_tunnel *t = &s->tunnel;
    if (t->encrypted == PROBE_MORE) {
        if (t->len == 0)
            t->dir = (uint8_t)dir;
        size_t room = t->dir == dir ? sizeof(t->first) - t->len : 0;
        size_t add = n < room ? n : room;
        memcpy(t->first + t->len, bytes, add);
        t->len += (uint8_t)add;
        t->encrypted = (uint8_t)transport_probe_encrypted(
            &(struct probe){(enum dir)t->dir, t->first, t->len, false});
    }
    t->untold_bytes += n;
    if (t->encrypted == PROBE_MORE)
        return;
    bool encrypted = t->encrypted == PROBE_YES || t->encrypted == PROBE_SWAPPED;
    transport_note(s->tc, encrypted ? RECORD_NOTED_ENCRYPTED : RECORD_NOTED_UNREAD,
                   t->untold_bytes);
    t->untold_bytes = 0;
}

static void tunnel(struct http1_conn *s, enum dir dir, const uint8_t *bytes, size_t n)
{
    if (s->upgrade)
        upgrade_feed(s->upgrade, dir, bytes, n, s->at);
    else
        note_tunnel(s, dir, bytes, n);
}

static void request_tunnel(void *ctx, const uint8_t *bytes, size_t n)
{
    tunnel(ctx, DIR_C2S, bytes, n);
}

static void response_tunnel(void *ctx, const uint8_t *bytes, size_t n)
{
    tunnel(ctx, DIR_S2C, bytes, n);
}

/* ---- responses */

/* The event stream that was kept after a loss does not go on. */
static void end_suspended(struct http1_conn *s)
{
    if (!s->suspended)
        return;
    s->suspended = false;
    exchanges_answered(&s->exchanges, INT64_MIN, true);
}

static enum http1_request_method response_start(void *ctx, const struct http1_head *head)
{
    struct http1_conn *s = ctx;
    end_suspended(s);
    if (!s->known)
        s->fields[DIR_S2C] = (struct fields){0};
    s->in_head[DIR_S2C] = true;
    s->bound = false;
    s->response_ns = s->at->ts_ns;
    s->status = (uint16_t)head->status;
    s->interim = head->status < 200 && head->status != 101;
    body_start(&s->body[DIR_S2C], BODY_SKIP, 0, s->at);
    const struct exchange *e = exchanges_expect(&s->exchanges, s->response_ns);
    return e ? (enum http1_request_method)e->kind : HTTP1_METHOD_OTHER;
}

static void response_field(void *ctx, const char *name, size_t name_len, const char *value,
                           size_t value_len)
{
    struct http1_conn *s = ctx;
    if (s->in_head[DIR_S2C])
        fields_add(&s->fields[DIR_S2C], &s->tc->env->hash, name, name_len, value, value_len);
}

static struct exchange *bind(struct http1_conn *s)
{
    const struct fields *f = &s->fields[DIR_S2C];
    struct exchanges_response r = {s->response_ns, (f->flags & CHANNEL_HAS_SESSION) != 0,
                                   f->session_hash};
    s->exchanges.start_unknown = s->tc->conn->start_unknown;
    struct exchange *e = exchanges_bind(&s->exchanges, &r, &s->certain);
    s->bound = e != NULL;
    if (e && !s->certain)
        e->begin.flags |= CHANNEL_UNCERTAIN;
    return e;
}

static void response_head_end(void *ctx, const struct http1_body_info *info)
{
    struct http1_conn *s = ctx;
    const struct fields *f = &s->fields[DIR_S2C];
    s->in_head[DIR_S2C] = false;
    keep_head(s, DIR_S2C);
    if (s->interim)
        return;
    struct exchange *e = bind(s);
    if (s->status == 101 && http1_conn_hand_over(s, e, &s->fields[DIR_S2C]))
        return;
    s->until_close = info->framing == HTTP1_BODY_UNTIL_CLOSE;
    if (e && !e->begun && http_rules_response(f))
        http1_conn_begin(s, e);
    if (e && e->begun)
        http1_conn_head(s, e);
    if (info->framing == HTTP1_BODY_TUNNEL) {
        exchanges_answered(&s->exchanges, s->at->ts_ns, false);
        http1_conn_tunnel(s);
    } else if (e && info->framing != HTTP1_BODY_NONE &&
               (info->framing != HTTP1_BODY_LENGTH || info->length > 0)) {
        body_start(&s->body[DIR_S2C], http_rules_response_body(&e->begin, f, e->begun), e->channel,
                   s->at);
        body_set_coding(&s->body[DIR_S2C], (enum coding)f->coding);
        body_set_base(&s->body[DIR_S2C],
                      &(struct target){.dir = e->dir_hash, .path = e->begin.path_hash});
    }
}

static void response_body(void *ctx, const uint8_t *bytes, size_t n)
{
    http1_conn_body(ctx, DIR_S2C, bytes, n);
}

static void response_body_gap(void *ctx, uint64_t n)
{
    (void)n; /* told by gap() */
    http1_conn_body_gap(ctx, DIR_S2C);
}

static void response_end(void *ctx, enum http1_end how)
{
    struct http1_conn *s = ctx;
    bool lost = how == HTTP1_END_LOST;
    if (!s->interim && s->in_head[DIR_S2C])
        (void)bind(s);
    if (s->in_head[DIR_S2C])
        http1_conn_head_cut(s, DIR_S2C, how);
    struct exchange *e = http1_conn_current(s, DIR_S2C);
    bool events = s->body[DIR_S2C].mode == BODY_SSE && s->body[DIR_S2C].coding == CODING_NONE;
    if (e && body_is_stream(&s->body[DIR_S2C]) && s->until_close && how == HTTP1_END_COMPLETE)
        e->aborted = s->ending == CHANNEL_END_ABORTED;
    bool lossy = http1_conn_body_end(s, DIR_S2C, how) || lost;
    s->suspended = lost && events && e;
    if (!s->interim && !s->suspended && how != HTTP1_END_CUT)
        exchanges_answered(&s->exchanges, s->at->ts_ns, lossy);
    s->interim = false;
    s->bound = false;
    s->joined = false;
    s->pending[DIR_S2C] = 0;
    if (lost)
        exchanges_lose_responses(&s->exchanges);
}

static void response_anomaly(void *ctx, enum http1_anomaly what)
{
    struct http1_conn *s = ctx;
    http1_conn_anomaly(s, DIR_S2C, what);
    if (what == HTTP1_BAD_START_LINE)
        exchanges_lose_responses(&s->exchanges);
}

static struct http1_sink parser_sink(struct http1_conn *s, enum dir dir)
{
    if (dir == DIR_C2S)
        return (struct http1_sink){s,
                                   request_start,
                                   request_field,
                                   request_head_end,
                                   request_body,
                                   request_body_gap,
                                   request_end,
                                   request_anomaly,
                                   request_tunnel,
                                   fields_name_lengths};
    return (struct http1_sink){s,
                               response_start,
                               response_field,
                               response_head_end,
                               response_body,
                               response_body_gap,
                               response_end,
                               response_anomaly,
                               response_tunnel,
                               fields_name_lengths};
}

/* ---- joining an event stream in the middle */

static void join_events(struct http1_conn *s, enum http1_look_events how)
{
    struct exchanges *x = &s->exchanges;
    struct exchange *e = s->suspended ? exchanges_answering(x) : NULL;
    bool goes_on = e && e->channel == x->last_channel && !x->requests_lost;
    if (goes_on) {
        s->suspended = false;
    } else {
        end_suspended(s);
        e = exchanges_bind_body(x, s->at->ts_ns);
        s->certain = false;
    }
    if (!e)
        return;
    e->lossy = true;
    s->bound = true;
    s->joined = how == HTTP1_LOOK_LINE;
    s->until_close = true;
    if (!e->begun)
        http1_conn_begin(s, e);
    http1_conn_tell(s, e->channel, DIR_S2C);
    body_join(&s->body[DIR_S2C], e->channel, true, s->at);
    http1_join_body(&s->parser[DIR_S2C],
                    how == HTTP1_LOOK_CHUNK ? HTTP1_BODY_CHUNKED : HTTP1_BODY_UNTIL_CLOSE);
}

/* A joined body shows its framing, or its end. */
static void check_joined(struct http1_conn *s, const uint8_t *bytes, size_t n)
{
    struct http1 *parser = &s->parser[DIR_S2C];
    if (http1_look(bytes, n) == HTTP1_LOOK_RESPONSE) {
        response_end(s, HTTP1_END_LOST);
        http1_fini(parser);
        http1_init(parser, HTTP1_RESPONSE, true, s->tc->env->hit);
    } else if (http1_look_for_events(bytes, n) == HTTP1_LOOK_CHUNK) {
        s->joined = false;
        http1_join_body(parser, HTTP1_BODY_CHUNKED);
    }
}

/* What response bytes need before they are parsed, when something is missing in front of them. */
static void before_response(struct http1_conn *s, const uint8_t *bytes, size_t n)
{
    if (s->joined)
        check_joined(s, bytes, n);
    if (!s->parser[DIR_S2C].lost_sync)
        return;
    enum http1_look look = http1_look(bytes, n);
    bool head = look == HTTP1_LOOK_RESPONSE || look == HTTP1_LOOK_MORE;
    enum http1_look_events how = head ? HTTP1_LOOK_NO_EVENTS : http1_look_for_events(bytes, n);
    if (how != HTTP1_LOOK_NO_EVENTS)
        join_events(s, how);
}

/* ---- the transport */

/* What the client asked to upgrade to may have begun behind a loss that held the response. */
static void find_upgraded(struct http1_conn *s, const struct probe *p)
{
    struct exchange *e = exchanges_latest(&s->exchanges);
    if (!e || !e->request_done || upgrade_probe(s->fields[DIR_C2S].upgrade, p) != PROBE_YES)
        return;
    end_suspended(s);
    (void)http1_conn_hand_over(s, exchanges_latest(&s->exchanges), NULL);
}

static bool lacks_responses(const struct http1_conn *s)
{
    return s->parser[DIR_S2C].lost_sync || conn_sent(s->tc->conn, DIR_S2C)->packets == 0;
}

static enum probe_result probe(const struct probe *p)
{
    enum dir sender = DIR_C2S;
    switch (http1_look(p->bytes, p->n)) {
    case HTTP1_LOOK_MORE:
        return PROBE_MORE;
    case HTTP1_LOOK_REQUEST:
        break;
    case HTTP1_LOOK_RESPONSE:
        sender = DIR_S2C;
        break;
    case HTTP1_LOOK_NO:
        if (!p->joined || http1_look_for_events(p->bytes, p->n) == HTTP1_LOOK_NO_EVENTS)
            return PROBE_NO;
        sender = DIR_S2C;
        break;
    }
    return p->dir == sender ? PROBE_YES : PROBE_SWAPPED;
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    struct http1_conn *s = state;
    if (s->quiet && !s->upgrade) {
        note_tunnel(s, dir, bytes, n);
        return;
    }
    s->at = at;
    if (s->fields[DIR_C2S].upgrade != TRANSPORT_NONE && lacks_responses(s))
        find_upgraded(s, &(struct probe){dir, bytes, n, true});
    if (dir == DIR_S2C && (s->joined || s->parser[DIR_S2C].lost_sync))
        before_response(s, bytes, n);
    bool lost = s->parser[dir].lost_sync;
    struct http1_sink sink = parser_sink(s, dir);
    struct http1_span in = {bytes, n};
    take_known_head(s, dir, &sink, &in);
    http1_feed(&s->parser[dir], &sink, in.p, in.n);
    s->new_head.n = 0;
    if (lost && s->parser[dir].lost_sync)
        transport_note(s->tc, RECORD_NOTED_UNREAD, n);
}

/* A gap behind 101; the request that asked may still be under way. */
static void tunnel_gap(struct http1_conn *s, enum dir dir, uint64_t n)
{
    struct http1 *parser = &s->parser[dir];
    struct http1_sink sink = parser_sink(s, dir);
    if (!s->upgrade)
        return;
    http1_gap(parser, &sink, n);
    if (http1_tunnels(parser))
        upgrade_gap(s->upgrade, dir, n, s->at);
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    struct http1_conn *s = state;
    s->at = at;
    if (s->quiet) {
        tunnel_gap(s, dir, n);
        return;
    }
    uint32_t channel = http1_conn_channel(s, dir);
    if (channel != 0)
        http1_conn_finding(s, channel, dir, FINDING_GAP, n);
    else
        s->gap_owed[dir] += n;
    struct http1_sink sink = parser_sink(s, dir);
    http1_gap(&s->parser[dir], &sink, n);
    if (!s->parser[dir].lost_sync)
        return;
    if (dir == DIR_C2S)
        exchanges_lose_requests(&s->exchanges);
    else
        exchanges_lose_responses(&s->exchanges);
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    struct http1_conn *s = state;
    s->at = at;
    s->ending = (uint8_t)http_rules_ending(s->tc->conn, how);
    if (!s->quiet) {
        struct http1_sink sink = parser_sink(s, dir);
        http1_end(&s->parser[dir], &sink, how == STREAM_END_FIN);
    } else if (s->upgrade) {
        upgrade_end(s->upgrade, dir, how, at);
    }
    if (dir == DIR_C2S)
        return;
    end_suspended(s);
    s->responses_over = true;
    exchanges_close(&s->exchanges, (enum channel_end)s->ending, false);
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    struct http1_conn *s = state;
    s->at = at;
    if (s->upgrade)
        upgrade_fini(s->upgrade, how, at);
    exchanges_close(&s->exchanges, how, true);
    exchanges_fini(&s->exchanges);
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        body_fini(&s->body[dir]);
        http1_fini(&s->parser[dir]);
    }
}

static uint8_t speaks(const void *state)
{
    const struct http1_conn *s = state;
    return s->upgrade ? upgrade_speaks(s->upgrade) : s->tc->transport;
}

/* A request body under way is read by this state until the end of the connection. */
static struct upgrade *release(void *state)
{
    struct http1_conn *s = state;
    struct upgrade *u = s->upgrade;
    if (!http1_tunnels(&s->parser[DIR_C2S]) || !http1_tunnels(&s->parser[DIR_S2C]))
        return NULL;
    s->upgrade = NULL;
    return u;
}

const struct transport transport_http1 = {
    .name = "http",
    .state_bytes = sizeof(struct http1_conn),
    .probe = probe,
    .init = http1_conn_init,
    .speaks = speaks,
    .release = release,
    .feed = feed,
    .gap = gap,
    .end = end,
    .fini = fini,
    .rest = http1_conn_rest,
    .wake = http1_conn_wake,
    .rest_bytes = sizeof(struct exchanges_rest),
};
