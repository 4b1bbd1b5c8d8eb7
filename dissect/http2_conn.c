/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The streams of an HTTP/2 connection, and how they tell their channels. BEGIN may come late, when
 * a body or a response shows that an exchange may be MCP; what was found until then waits as bits
 * and is told right behind it, or forgotten with the stream. Bytes lost while no channel is open
 * are told on the next one.
 *
 * A stream id is used once, and clients take them in order (RFC 9113 5.1.1). So one that is not
 * open and not higher than all before is over, unless it lies in a range of ids that were passed
 * over: streams that began before the capture or in a gap. What comes for a stream that is over is
 * ignored. Even ids are the server's and carry nothing here.
 *
 * Limits: LIMIT_HTTP2_STREAMS, the oldest is ended as lost; LIMIT_HTTP2_RANGES.
 */
#include "http2_conn.h"
#include "base/counted.h"
#include "http_rules.h"
#include <string.h>

/* ---- which streams may begin */

static void free_ranges(struct http2_conn *s)
{
    counted_free(s->tc->env->state_bytes, s->ranges, s->range_room * sizeof(*s->ranges));
}

static void drop_range(struct http2_conn *s, uint16_t i)
{
    s->range_count--;
    memmove(s->ranges + i, s->ranges + i + 1, (s->range_count - i) * sizeof(*s->ranges));
    if (s->range_count > 0)
        return;
    free_ranges(s);
    s->ranges = NULL;
    s->range_room = 0;
}

/* Room for one more; false: out of memory. */
static bool grow_ranges(struct http2_conn *s)
{
    if (s->range_count < s->range_room)
        return true;
    size_t was = s->range_room * sizeof(*s->ranges);
    struct http2_range *ranges =
        counted_realloc(s->tc->env->state_bytes, s->ranges, was, was + sizeof(*ranges));
    if (!ranges)
        return false;
    s->ranges = ranges;
    s->range_room++;
    return true;
}

/* Adds ids as the i-th range; without memory they are taken for over. */
static void add_range(struct http2_conn *s, uint16_t i, uint32_t from, uint32_t to)
{
    if (s->range_count >= LIMIT_HTTP2_RANGES) {
        limits_hit_add(s->tc->env->hit, LIMIT_ID_HTTP2_RANGES);
        drop_range(s, 0);
        i -= i > 0;
    }
    if (!grow_ranges(s))
        return;
    struct http2_range *at = s->ranges + i;
    memmove(at + 1, at, (s->range_count - i) * sizeof(*at));
    *at = (struct http2_range){from, to};
    s->range_count++;
}

/* Takes an id; false: it is over, or cannot be. */
static bool claim(struct http2_conn *s, uint32_t id)
{
    if (id % 2 == 0)
        return false;
    if (id > s->highest) {
        uint32_t next = s->highest == 0 ? 1 : s->highest + 2;
        if (id > next)
            add_range(s, s->range_count, next, id - 2);
        s->highest = id;
        for (int dir = 0; dir < DIR_COUNT; dir++)
            if (s->parser[dir].highest < id)
                s->parser[dir].highest = id;
        return true;
    }
    for (uint16_t i = 0; i < s->range_count; i++) {
        struct http2_range r = s->ranges[i];
        if (id < r.from || id > r.to)
            continue;
        drop_range(s, i);
        if (id < r.to)
            add_range(s, i, id + 2, r.to);
        if (id > r.from)
            add_range(s, i < s->range_count ? i : s->range_count, r.from, id - 2);
        return true;
    }
    return false;
}

/* ---- open streams */

/* The place of an id in the list. */
static uint32_t place_of(const struct http2_conn *s, uint32_t id)
{
    uint32_t from = 0, to = s->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (s->list[middle]->id < id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct http2_stream *http2_conn_find(struct http2_conn *s, uint32_t id)
{
    if (s->recent && s->recent->id == id)
        return s->recent;
    uint32_t i = place_of(s, id);
    if (i == s->count || s->list[i]->id != id)
        return NULL;
    s->recent = s->list[i];
    return s->recent;
}

static bool grow(struct http2_conn *s)
{
    if (s->count >= LIMIT_HTTP2_STREAMS) {
        limits_hit_add(s->tc->env->hit, LIMIT_ID_HTTP2_STREAMS);
        http2_conn_over(s, s->list[0], CHANNEL_END_LOST);
    }
    if (s->count < s->cap)
        return true;
    uint32_t cap = s->cap ? s->cap * 2 : 2;
    struct http2_stream **list = counted_realloc(s->tc->env->state_bytes, s->list,
                                                 s->cap * sizeof(*list), cap * sizeof(*list));
    if (!list)
        return false;
    s->list = list;
    s->cap = cap;
    return true;
}

struct http2_stream *http2_conn_open(struct http2_conn *s, uint32_t id)
{
    if (!claim(s, id) || !grow(s))
        return NULL;
    struct http2_stream *st = counted_calloc(s->tc->env->state_bytes, sizeof(*st));
    if (!st)
        return NULL;
    st->id = id;
    for (int dir = 0; dir < DIR_COUNT; dir++)
        body_init(&st->body[dir], s->tc, (enum dir)dir);
    uint32_t i = place_of(s, id);
    memmove(s->list + i + 1, s->list + i, (s->count - i) * sizeof(*s->list));
    s->list[i] = st;
    s->count++;
    s->recent = st;
    return st;
}

void http2_conn_skip(struct http2_conn *s, uint32_t id)
{
    (void)claim(s, id);
}

static void free_stream(struct http2_conn *s, struct http2_stream *st)
{
    uint32_t i = place_of(s, st->id);
    s->count--;
    memmove(s->list + i, s->list + i + 1, (s->count - i) * sizeof(*s->list));
    if (s->count == 0) {
        counted_free(s->tc->env->state_bytes, s->list, s->cap * sizeof(struct http2_stream *));
        s->list = NULL;
        s->cap = 0;
    }
    for (int dir = 0; dir < DIR_COUNT; dir++)
        body_fini(&st->body[dir]);
    if (st->socket)
        websocket_fini(&st->socket->websocket);
    counted_free(s->tc->env->state_bytes, st->socket, sizeof(*st->socket));
    counted_free(s->tc->env->state_bytes, st, sizeof(*st));
    s->recent = NULL;
}

void http2_conn_fini(struct http2_conn *s)
{
    while (s->count > 0)
        free_stream(s, s->list[s->count - 1]);
    counted_free(s->tc->env->state_bytes, s->list, s->cap * sizeof(struct http2_stream *));
    free_ranges(s);
    for (int dir = 0; dir < DIR_COUNT; dir++)
        http2_fini(&s->parser[dir]);
}

/* ---- telling */

static uint32_t channel_of(const struct http2_conn *s, const struct http2_stream *st)
{
    return st->id + s->offset;
}

static const struct transport_conn *teller(const struct http2_conn *s,
                                           const struct http2_stream *st)
{
    return st->socket ? &st->socket->tc : s->tc;
}

static void finding(const struct http2_conn *s, const struct http2_stream *st, enum dir dir,
                    enum finding what, uint64_t amount)
{
    transport_finding(teller(s, st), channel_of(s, st), dir, what, amount, s->at);
}

/* Tells what was found before the channel had begun. */
static void tell_pending(struct http2_conn *s, struct http2_stream *st)
{
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        for (int what = 0; st->pending[dir] != 0; what++) {
            if ((st->pending[dir] & 1U << what) == 0)
                continue;
            st->pending[dir] &= (uint16_t) ~(1U << what);
            finding(s, st, (enum dir)dir, (enum finding)what, 1);
        }
        if (s->gap_owed[dir] > 0)
            finding(s, st, (enum dir)dir, FINDING_GAP, s->gap_owed[dir]);
        s->gap_owed[dir] = 0;
    }
}

void http2_conn_begin(struct http2_conn *s, struct http2_stream *st)
{
    struct record r;
    transport_record(teller(s, st), RECORD_BEGIN, channel_of(s, st), s->at, &r);
    r.u.begin = st->begin;
    transport_send(s->tc, &r);
    st->begun = true;
    tell_pending(s, st);
}

void http2_conn_head(struct http2_conn *s, struct http2_stream *st)
{
    if (st->head.status == 0 || st->head_told)
        return;
    struct record r;
    transport_record(s->tc, RECORD_HEAD, channel_of(s, st), s->at, &r);
    r.u.head = st->head;
    transport_send(s->tc, &r);
    st->head_told = true;
}

void http2_conn_over(struct http2_conn *s, struct http2_stream *st, enum channel_end how)
{
    bool unsure = st->lossy || st->in_hole;
    if (how == CHANNEL_END_COMPLETE && st->unknown[DIR_S2C])
        unsure = true;
    how = http_rules_over(s->tc->conn, unsure ? CHANNEL_END_LOST : how);
    if (st->begun)
        transport_end(teller(s, st), channel_of(s, st), how, s->at);
    free_stream(s, st);
}

void http2_conn_gap(struct http2_conn *s, const struct http2_stream *st, uint64_t n)
{
    for (uint32_t i = 0; i < s->count && !(st && st->begun); i++)
        st = s->list[i];
    if (st && st->begun)
        finding(s, st, (enum dir)s->dir, FINDING_GAP, n);
    else
        s->gap_owed[s->dir] += n;
}

void http2_conn_bad(struct http2_conn *s, struct http2_stream *st)
{
    for (uint32_t i = 0; i < s->count && !(st && st->begun); i++)
        st = s->list[i];
    if (st)
        st->pending[s->dir] |= 1U << FINDING_BAD_FRAME;
    if (st && st->begun)
        tell_pending(s, st);
}

/* ---- bodies */

void http2_conn_body_start(struct http2_conn *s, struct http2_stream *st, enum body_mode mode,
                           enum coding coding)
{
    body_start(&st->body[s->dir], mode, channel_of(s, st), s->at);
    body_set_coding(&st->body[s->dir], coding);
    if (s->dir == DIR_S2C)
        body_set_base(&st->body[DIR_S2C],
                      &(struct target){.dir = st->dir_hash, .path = st->begin.path_hash});
}

static void begin_late(struct http2_conn *s, struct http2_stream *st)
{
    if (!st->begun)
        http2_conn_begin(s, st);
    http2_conn_head(s, st);
}

/* Whether something begins like a line of an event stream: with a field or a comment. */
static bool begins_line(uint8_t first)
{
    static const uint8_t begins[] = {'e', 'd', 'i', 'r', ':'}; /* event, data, id, retry */
    return memchr(begins, first, sizeof(begins)) != NULL;
}

/* Whether an unknown body is an event stream. */
static bool begins_events(const struct http2_conn *s, const struct http2_stream *st, uint8_t first)
{
    bool open = st->content[DIR_S2C] == HTTP_CONTENT_NONE;
    return s->dir == DIR_S2C && st->unknown[DIR_S2C] && open && begins_line(first);
}

/* The first bytes of a frame of an event stream that lost others: servers send an event a frame. */
static void mend(struct http2_conn *s, struct http2_stream *st, uint8_t first)
{
    if (begins_line(first))
        body_join(&st->body[DIR_S2C], channel_of(s, st), true, s->at);
    st->broken = false;
}

/* The first bytes of a body that may be JSON, or anything if the head is not known. */
static void sniff(struct http2_conn *s, struct http2_stream *st, const uint8_t **bytes, size_t *n)
{
    struct body *b = &st->body[s->dir];
    enum body_look look = body_look(bytes, n);
    if (look == BODY_LOOK_BLANK)
        return;
    bool announced = st->begun && st->content[s->dir] == HTTP_CONTENT_JSON;
    if (look == BODY_LOOK_JSON || (announced && !st->unknown[s->dir])) {
        b->mode = BODY_JSON;
        st->unknown[s->dir] = false;
        begin_late(s, st);
    } else if (begins_events(s, st, **bytes)) {
        st->unknown[s->dir] = false;
        begin_late(s, st);
        body_join(b, channel_of(s, st), true, s->at);
    } else if (st->unknown[s->dir]) {
        st->looking[s->dir] = false; /* perhaps the next frame begins with something */
    } else {
        b->mode = BODY_SKIP;
    }
}

static void plain_body(struct http2_conn *s, struct http2_stream *st, const uint8_t *bytes,
                       size_t n)
{
    struct body *b = &st->body[s->dir];
    bool looking = !st->unknown[s->dir] || st->looking[s->dir];
    if (b->mode == BODY_SNIFF && looking)
        sniff(s, st, &bytes, &n);
    else if (st->broken && st->looking[s->dir])
        mend(s, st, *bytes);
    if (b->mode != BODY_SNIFF)
        body_feed(b, bytes, n, s->at);
    else if (!st->looking[s->dir] && st->unknown[s->dir])
        transport_note(s->tc, RECORD_NOTED_UNREAD, n);
}

struct coded_body {
    struct http2_conn *s;
    struct http2_stream *st;
};

static void decoded(void *ctx, const uint8_t *bytes, size_t n)
{
    const struct coded_body *c = ctx;
    struct body *b = &c->st->body[c->s->dir];
    if (b->mode == BODY_SNIFF)
        sniff(c->s, c->st, &bytes, &n);
    if (b->mode != BODY_SNIFF && b->mode != BODY_SKIP)
        body_feed(b, bytes, n, c->s->at);
}

void http2_conn_body(struct http2_conn *s, struct http2_stream *st, const uint8_t *bytes, size_t n)
{
    struct coded_body c = {s, st};
    struct decoder_sink sink = {&c, decoded};
    struct body *b = &st->body[s->dir];
    if (st->socket)
        websocket_feed(&st->socket->websocket, (enum dir)s->dir, bytes, n, s->at);
    else if (b->coding == CODING_NONE)
        plain_body(s, st, bytes, n);
    else if (!body_decode(b, &sink, bytes, n, s->at) && st->begun)
        finding(s, st, (enum dir)s->dir, FINDING_UNDECODABLE, 1);
}

/* A body that waits for its first byte on a channel that has not begun says nothing. */
static void hush_body(struct http2_conn *s, struct http2_stream *st)
{
    if (st->body[s->dir].mode == BODY_SNIFF && !st->begun)
        body_fini(&st->body[s->dir]);
}

void http2_conn_body_gap(struct http2_conn *s, struct http2_stream *st, uint64_t n)
{
    struct body *b = &st->body[s->dir];
    if (st->socket) {
        websocket_gap(&st->socket->websocket, (enum dir)s->dir, n, s->at);
        return;
    }
    if (b->mode == BODY_SNIFF && (n == HTTP2_SOME || st->unknown[s->dir])) {
        st->unknown[s->dir] = true; /* what comes next may be the middle */
        st->looking[s->dir] = false;
        return;
    }
    hush_body(s, st);
    body_gap(b, false, s->at);
    if (b->mode == BODY_SSE && b->coding == CODING_NONE) {
        st->broken = true;
        st->looking[s->dir] = false;
        st->lossy = true;
    }
}

void http2_conn_body_end(struct http2_conn *s, struct http2_stream *st, enum body_end how)
{
    struct body *b = &st->body[s->dir];
    if (st->socket) {
        bool capture = how == BODY_END_CAPTURE;
        websocket_end(&st->socket->websocket, (enum dir)s->dir, capture, s->at);
        return;
    }
    if (how == BODY_END_CUT && st->torn[s->dir])
        how = BODY_END_CAPTURE; /* its end may be among what was lost */
    hush_body(s, st);
    if (b->mode == BODY_SNIFF && st->unknown[s->dir])
        body_fini(b); /* nothing is known of it */
    body_end(b, how, s->at);
    st->lossy |= b->text.lost;
}
