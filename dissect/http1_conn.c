/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How an HTTP/1.1 connection tells its channels. BEGIN may come late, when a body or a response
 * shows that an exchange may be MCP; what was found until then waits as bits and is told right
 * behind it, or forgotten with the message. Bytes lost while no channel is open are told on the
 * next one.
 */
#include "http1_conn.h"
#include "http_rules.h"

/* ---- between messages */

/* Ready for messages, or looking for the first. */
static void prepare(struct http1_conn *s, const struct transport_conn *tc, const bool lost_sync[2])
{
    s->tc = tc;
    s->ending = CHANNEL_END_CLOSED;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        enum http1_kind kind = dir == DIR_C2S ? HTTP1_REQUEST : HTTP1_RESPONSE;
        http1_begin(&s->parser[dir], kind, lost_sync[dir], tc->env->hit);
        s->parser[dir].line.sum = tc->env->state_bytes;
        body_init(&s->body[dir], tc, (enum dir)dir);
    }
    s->exchanges.over = http1_conn_over;
    s->exchanges.ctx = s;
    s->exchanges.sum = tc->env->state_bytes;
}

int http1_conn_init(void *state, const struct transport_conn *tc, bool joined)
{
    struct http1_conn *s = state;
    const struct conn *c = tc->conn;
    bool lossless = c->side[0].lost_bytes == 0 && c->side[1].lost_bytes == 0;
    exchanges_init(&s->exchanges, joined, joined && c->midstream && lossless, tc->env->hit);
    prepare(s, tc, (bool[]){joined, joined});
    return 0;
}

/* All but what is written down is as prepare() leaves it, or is set before it is read. */
bool http1_conn_rest(const void *state, void *ret_rest)
{
    const struct http1_conn *s = state;
    struct exchanges_rest *r = ret_rest;
    if (s->exchanges.count > 0 || s->quiet || s->responses_over ||
        s->ending != CHANNEL_END_CLOSED || !http1_idle(&s->parser[DIR_C2S]) ||
        !http1_idle(&s->parser[DIR_S2C]) || (s->gap_owed[DIR_C2S] | s->gap_owed[DIR_S2C]) > 0 ||
        (s->pending[DIR_C2S] | s->pending[DIR_S2C]) != 0)
        return false;
    exchanges_rest(&s->exchanges, r);
    for (int dir = 0; dir < DIR_COUNT; dir++)
        r->lost_sync[dir] = s->parser[dir].lost_sync;
    return true;
}

void http1_conn_wake(void *state, const struct transport_conn *tc, const void *rest)
{
    struct http1_conn *s = state;
    const struct exchanges_rest *r = rest;
    exchanges_wake(&s->exchanges, r, tc->env->hit);
    prepare(s, tc, r->lost_sync);
}

/* ---- findings and channels */

void http1_conn_finding(const struct http1_conn *s, uint32_t channel, enum dir dir,
                        enum finding what, uint64_t amount)
{
    transport_finding(s->tc, channel, dir, what, amount, s->at);
}

/* Tells what was found before the channel was known. */
void http1_conn_tell(struct http1_conn *s, uint32_t channel, enum dir dir)
{
    if (s->pending[dir] == 0 && s->gap_owed[dir] == 0)
        return;
    for (int what = 0; s->pending[dir] != 0; what++) {
        if ((s->pending[dir] & 1U << what) == 0)
            continue;
        s->pending[dir] &= (uint16_t) ~(1U << what);
        http1_conn_finding(s, channel, dir, (enum finding)what, 1);
    }
    if (s->gap_owed[dir] > 0)
        http1_conn_finding(s, channel, dir, FINDING_GAP, s->gap_owed[dir]);
    s->gap_owed[dir] = 0;
}

void http1_conn_begin(struct http1_conn *s, struct exchange *e)
{
    struct record own, *r = transport_room(s->tc, &own);
    transport_record(s->tc, RECORD_BEGIN, e->channel, s->at, r);
    r->u.begin = e->begin;
    transport_send(s->tc, r);
    e->begun = true;
    http1_conn_tell(s, e->channel, DIR_C2S);
}

void http1_conn_head(struct http1_conn *s, const struct exchange *e)
{
    const struct fields *f = &s->fields[DIR_S2C];
    struct record own, *r = transport_room(s->tc, &own);
    transport_record(s->tc, RECORD_HEAD, e->channel, s->at, r);
    r->u.head = http_rules_head(f, s->status);
    if (!s->certain)
        r->u.head.flags |= CHANNEL_UNCERTAIN;
    if (!s->certain && s->exchanges.requests_lost)
        r->u.head.flags |= CHANNEL_REQUEST_MISSING;
    transport_send(s->tc, r);
    http1_conn_tell(s, e->channel, DIR_S2C);
}

void http1_conn_over(void *ctx, const struct exchange *e, enum channel_end how)
{
    struct http1_conn *s = ctx;
    if (!e->begun)
        return;
    transport_end(s->tc, e->channel, http_rules_over(s->tc->conn, how), s->at);
}

/* The exchange whose message is under way in that direction; NULL: none, or not known yet. */
struct exchange *http1_conn_current(struct http1_conn *s, enum dir dir)
{
    if (dir == DIR_C2S)
        return exchanges_receiving(&s->exchanges);
    return s->bound ? exchanges_answering(&s->exchanges) : NULL;
}

/* The channel on which something about that direction can be told; 0: none. */
uint32_t http1_conn_channel(struct http1_conn *s, enum dir dir)
{
    const struct exchange *e = http1_conn_current(s, dir);
    if (e)
        return e->begun ? e->channel : 0;
    for (uint16_t i = 0; i < s->exchanges.count; i++)
        if (s->exchanges.list[i].begun)
            return s->exchanges.list[i].channel;
    return 0;
}

/* What the client sends is HTTP for sure: it was read from the beginning of the connection, and no
 * response is missing that may have let it turn to something else. */
static bool must_be_request(const struct http1_conn *s)
{
    const struct conn *c = s->tc->conn;
    bool missed = (c->midstream && !c->whole) || c->start_unknown || transport_one_way(c);
    for (int side = 0; side < DIR_COUNT; side++)
        missed = missed || c->side[side].lost_bytes > 0 || c->side[side].truncated_bytes > 0;
    return !missed;
}

void http1_conn_anomaly(struct http1_conn *s, enum dir dir, enum http1_anomaly what)
{
    enum finding f = FINDING_BAD_HTTP;
    switch (what) {
    case HTTP1_BAD_START_LINE:
        if (dir == DIR_C2S && !must_be_request(s))
            return;
        break;
    case HTTP1_BAD_FIELD:
        break;
    case HTTP1_BAD_CHUNK:
        if (dir == DIR_S2C && s->until_close)
            return; /* the body was joined behind a loss: that these were chunks was a guess */
        break;
    case HTTP1_BAD_LENGTH:
    case HTTP1_LENGTH_AND_CODING:
        f = FINDING_BAD_LENGTH;
        break;
    case HTTP1_LINE_TOO_LONG:
    case HTTP1_HEAD_TOO_LARGE:
        f = FINDING_LINE_TOO_LONG;
        break;
    }
    s->pending[dir] |= (uint16_t)(1U << f);
    uint32_t channel = s->in_head[dir] ? 0 : http1_conn_channel(s, dir);
    if (channel != 0)
        http1_conn_tell(s, channel, dir);
}

/* ---- bodies */

/* The first bytes of a body that may be JSON: false = nothing to read in them. */
static bool sniff(struct http1_conn *s, enum dir dir, const uint8_t **bytes, size_t *n)
{
    struct body *b = &s->body[dir];
    struct exchange *e = http1_conn_current(s, dir);
    enum body_look look = body_look(bytes, n);
    if (look == BODY_LOOK_BLANK)
        return false;
    bool json =
        look == BODY_LOOK_JSON || (e && e->begun && s->fields[dir].content == HTTP_CONTENT_JSON);
    b->mode = e && json ? BODY_JSON : BODY_SKIP;
    if (b->mode == BODY_SKIP)
        return false;
    if (!e->begun) {
        http1_conn_begin(s, e);
        if (dir == DIR_S2C)
            http1_conn_head(s, e);
    }
    return true;
}

static void plain_body(struct http1_conn *s, enum dir dir, const uint8_t *bytes, size_t n)
{
    struct body *b = &s->body[dir];
    if (b->mode == BODY_SNIFF && !sniff(s, dir, &bytes, &n) && b->mode == BODY_SNIFF)
        return;
    if (!s->parser[dir].body_ends || !body_whole(b, bytes, n, s->at))
        body_feed(b, bytes, n, s->at);
}

struct coded_body {
    struct http1_conn *s;
    enum dir dir;
};

static void decoded(void *ctx, const uint8_t *bytes, size_t n)
{
    const struct coded_body *c = ctx;
    struct body *b = &c->s->body[c->dir];
    bool any = b->mode != BODY_SNIFF || sniff(c->s, c->dir, &bytes, &n);
    if (any && b->mode != BODY_SKIP)
        body_feed(b, bytes, n, c->s->at);
}

static void coded_body(struct http1_conn *s, enum dir dir, const uint8_t *bytes, size_t n)
{
    struct coded_body c = {s, dir};
    struct decoder_sink sink = {&c, decoded};
    if (body_decode(&s->body[dir], &sink, bytes, n, s->at))
        return;
    const struct exchange *e = http1_conn_current(s, dir);
    if (e && e->begun)
        http1_conn_finding(s, e->channel, dir, FINDING_UNDECODABLE, 1);
}

void http1_conn_body(struct http1_conn *s, enum dir dir, const uint8_t *bytes, size_t n)
{
    if (s->body[dir].coding == CODING_NONE)
        plain_body(s, dir, bytes, n);
    else
        coded_body(s, dir, bytes, n);
}

/* A body that waits for its first byte on a channel that has not begun says nothing. */
static void hush_body(struct http1_conn *s, enum dir dir)
{
    const struct exchange *e = http1_conn_current(s, dir);
    if (s->body[dir].mode == BODY_SNIFF && !(e && e->begun))
        body_fini(&s->body[dir]);
}

void http1_conn_body_gap(struct http1_conn *s, enum dir dir)
{
    hush_body(s, dir);
    body_gap(&s->body[dir], false, s->at);
}

/* Returns whether a message of the body was lost. */
bool http1_conn_body_end(struct http1_conn *s, enum dir dir, enum http1_end how)
{
    struct body *b = &s->body[dir];
    enum body_end end = BODY_END_COMPLETE;
    hush_body(s, dir);
    if (how == HTTP1_END_LOST)
        end = BODY_END_LOST;
    else if (how == HTTP1_END_CUT)
        end = s->ending == CHANNEL_END_CAPTURE ? BODY_END_CAPTURE : BODY_END_CUT;
    if (end == BODY_END_CUT && b->mode == BODY_SNIFF && dir == DIR_S2C && s->until_close)
        end = BODY_END_COMPLETE; /* nothing was announced */
    body_end(b, end, s->at);
    return b->text.lost;
}

/* A head that a loss or the end cut, on a channel that has begun. */
void http1_conn_head_cut(struct http1_conn *s, enum dir dir, enum http1_end how)
{
    s->in_head[dir] = false;
    const struct exchange *e = http1_conn_current(s, dir);
    if (e && e->begun && how == HTTP1_END_LOST)
        http1_conn_finding(s, e->channel, dir, FINDING_LOST_MESSAGE, 1);
}

/* ---- what comes behind HTTP */

void http1_conn_tunnel(struct http1_conn *s)
{
    s->quiet = true;
    s->tunnel.encrypted = PROBE_MORE;
    exchanges_close(&s->exchanges, CHANNEL_END_COMPLETE, true);
    for (int dir = 0; dir < DIR_COUNT; dir++)
        http1_tunnel(&s->parser[dir]);
}

bool http1_conn_hand_over(struct http1_conn *s, struct exchange *e, const struct fields *response)
{
    static const struct fields unknown;
    const struct fields *request = &s->fields[DIR_C2S];
    uint8_t transport = response ? response->upgrade : request->upgrade;
    if (!e || transport == TRANSPORT_NONE)
        return false;
    bool latest = e->channel == s->exchanges.last_channel && (e->begin.flags & CHANNEL_STUB) == 0;
    struct transport_upgrade how = {.channel = e->channel,
                                    .begin = e->begin,
                                    .begun = e->begun,
                                    .joined = !response,
                                    .request_lost = s->parser[DIR_C2S].lost_sync,
                                    .request = latest ? request : &unknown,
                                    .response = response ? response : &unknown,
                                    .at = s->at};
    s->upgrade = upgrade_new(s->tc, transport, &how);
    if (!s->upgrade)
        return false;
    exchanges_release(&s->exchanges, e);
    if (!response)
        exchanges_close(&s->exchanges, CHANNEL_END_LOST, true);
    http1_conn_tunnel(s);
    if (s->tc->turned)
        *s->tc->turned = true;
    return true;
}
