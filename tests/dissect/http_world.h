/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_HTTP_WORLD_H
#define TESTS_DISSECT_HTTP_WORLD_H

#include "dissect/dissector.h"
#include "dissect/message.h"
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A world of one TCP connection for tests: segments with times go through a dissector the way a
 * capture engine would deliver them, some of them lost, late or cut; its records become text and
 * pairs. Every channel's life is checked on the way.
 */

struct segment {
    enum dir dir;
    const char *text;
    size_t n;      /* 0: strlen(text) */
    int64_t ts_ns; /* 0: one microsecond after the one before */
};

#define C2S(text)                                                                                  \
    {                                                                                              \
        DIR_C2S, text, 0, 0                                                                        \
    }
#define S2C(text)                                                                                  \
    {                                                                                              \
        DIR_S2C, text, 0, 0                                                                        \
    }

#define WORLD_CHANNELS 160

struct world_channel {
    bool begun, ended, head;
    uint16_t flags; /* of BEGIN and HEAD together */
    uint8_t end;
    struct record_begin begin;
    struct record_head reply;
    char asked[64];    /* id of the latest request, sent by the client */
    char answered[64]; /* id of the latest response, sent by the server */
};

struct world {
    char log[1 << 16];
    size_t len;
    struct world_channel channel[WORLD_CHANNELS];
    size_t messages, begun;
    size_t coded; /* messages from under a coding */
    uint64_t packet;
    bool open;
    struct {
        size_t from, to; /* its line */
        uint32_t channel;
        struct record_finding what;
    } latest; /* finding that was told */
};

static const struct hash_key WORLD_KEY = {3, 4};
static struct limits_hit world_hit;

__attribute__((format(printf, 2, 3))) static inline void world_log(struct world *w,
                                                                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->log + w->len, sizeof(w->log) - w->len, format, args);
    va_end(args);
    if (n > 0)
        w->len += (size_t)n < sizeof(w->log) - w->len ? (size_t)n : sizeof(w->log) - w->len - 1;
}

static inline void world_message(struct world *w, struct world_channel *ch, const struct message *m)
{
    static const char *const kinds[] = {"request", "notification", "result", "error"};
    size_t n;
    const char *id = message_text(m, MESSAGE_TEXT_ID, &n);
    world_log(w, " %s %s", m->dir == DIR_C2S ? ">" : "<", kinds[m->kind]);
    if (n > 0)
        world_log(w, " %.*s", (int)n, id);
    if (m->flags & MESSAGE_HAS_EVENT_ID)
        world_log(w, " event");
    cr_assert(m->first.ts_ns <= m->last.ts_ns);
    w->messages++;
    w->coded += (m->flags & MESSAGE_CODED) != 0;
    if (m->kind == MESSAGE_REQUEST && m->dir == DIR_C2S)
        snprintf(ch->asked, sizeof(ch->asked), "%.*s", (int)n, id);
    if (m->kind >= MESSAGE_RESULT && m->dir == DIR_S2C)
        snprintf(ch->answered, sizeof(ch->answered), "%.*s", (int)n, id);
}

static inline void world_begin(struct world *w, struct world_channel *ch,
                               const struct record_begin *b)
{
    static const char *const methods[] = {"?", "POST", "GET", "DELETE", "other"};
    static const char *const flags[] = {"mcp", "session", "resume",   "both",
                                        "sse", "stub",    "uncertain"};
    cr_assert(!ch->begun, "%s", w->log);
    ch->begun = true;
    ch->flags |= b->flags;
    ch->begin = *b;
    w->begun++;
    world_log(w, " begin %s", methods[b->method]);
    for (int i = 0; i < 7; i++)
        if (b->flags & 1 << i)
            world_log(w, " %s", flags[i]);
    if (b->flags & CHANNEL_HEADER_UNKNOWN)
        world_log(w, " unknown");
    if (b->version[0])
        world_log(w, " %s", b->version);
}

/* How often something is found is not a matter of how the bytes are cut, but how many are told at
 * once is: those that follow each other are one line. */
static inline void world_finding(struct world *w, const struct record *r)
{
    struct record_finding f = r->u.finding, *latest = &w->latest.what;
    bool more = f.amount > 0 && w->len > 0 && w->latest.to == w->len &&
                w->latest.channel == r->channel && latest->finding == f.finding &&
                latest->dir == f.dir;
    f.amount += more ? latest->amount : 0;
    w->len = w->latest.from = more ? w->latest.from : w->len;
    world_log(w, "%u %s %s", r->channel, f.dir == DIR_C2S ? ">" : "<",
              finding_name((enum finding)f.finding));
    if (f.amount != 1)
        world_log(w, " %llu", (unsigned long long)f.amount);
    world_log(w, "\n");
    w->latest.to = w->len;
    w->latest.channel = r->channel;
    *latest = f;
}

static inline void world_record(void *ctx, struct record *r)
{
    static const char *const ends[] = {"complete", "closed", "lost", "capture", "aborted"};
    static const char *const contents[] = {"-", "json", "sse", "other"};
    struct world *w = ctx;
    if (r->type == RECORD_CONN) {
        cr_assert_null(r->u.conn.user);
        return;
    }
    cr_assert(r->at.packet >= w->packet);
    w->packet = r->at.packet;
    cr_assert(r->channel > 0 && r->channel < WORLD_CHANNELS);
    struct world_channel *ch = &w->channel[r->channel];
    cr_assert(r->type == RECORD_BEGIN || ch->begun, "not begun: %s", w->log);
    cr_assert(!ch->ended, "ended: %u %d in %s", r->channel, r->type, w->log);
    if (r->type == RECORD_FINDING) {
        world_finding(w, r);
        return;
    }
    world_log(w, "%u", r->channel);
    switch ((enum record_type)r->type) {
    case RECORD_CONN:
    case RECORD_FINDING:
        break;
    case RECORD_BEGIN:
        world_begin(w, ch, &r->u.begin);
        break;
    case RECORD_HEAD:
        cr_assert(!ch->head);
        ch->head = true;
        ch->reply = r->u.head;
        ch->flags |= r->u.head.flags & CHANNEL_UNCERTAIN;
        world_log(w, " head %u %s%s%s%s", r->u.head.status, contents[r->u.head.content],
                  r->u.head.flags & CHANNEL_HAS_SESSION ? " session" : "",
                  r->u.head.coded ? " coded" : "",
                  r->u.head.flags & CHANNEL_UNCERTAIN ? " uncertain" : "");
        break;
    case RECORD_LINKS:
        world_log(w, " links");
        break;
    case RECORD_MESSAGE:
        world_message(w, ch, &r->u.message);
        break;
    case RECORD_EVENT:
        world_log(w, " event%s%s", r->u.event.has_event_id ? " id" : "",
                  r->u.event.has_endpoint ? " endpoint" : "");
        break;
    case RECORD_END:
        ch->ended = true;
        ch->end = r->end;
        world_log(w, " end %s", ends[r->end]);
        break;
    }
    world_log(w, "\n");
}

static inline void world_init(struct world *w)
{
    w->log[0] = '\0';
    memset(&w->len, 0, sizeof(*w) - offsetof(struct world, len));
}

/* ---- one connection */

struct world_conn {
    struct dissector *d;
    const struct stream_sink *sink;
    struct conn conn;
    struct stream_pos at;
};

/* Of the dissectors that are made next; NULL: each has its own. */
static struct dissector_memo *world_memo;

/* False: out of memory. */
static inline bool world_open(struct world *w, struct world_conn *c, bool midstream)
{
    memset(c, 0, sizeof(*c));
    struct dissector_config config = {.hash = WORLD_KEY, .memo = world_memo};
    struct record_sink records = {w, world_record, NULL};
    c->d = dissector_new(&config, &records, &world_hit);
    if (!c->d)
        return false;
    c->sink = dissector_stream_sink(c->d);
    c->conn.id = 1;
    c->conn.side[0].packets = c->conn.side[1].packets = 1;
    c->conn.midstream = midstream;
    c->conn.roles_known = !midstream;
    c->sink->conn(c->sink->ctx, &c->conn, CONN_EVENT_OPENED, &c->at);
    return true;
}

static inline void world_data(struct world_conn *c, enum dir dir, const void *bytes, size_t n,
                              int64_t ts_ns)
{
    c->at.packet++;
    c->at.ts_ns = ts_ns;
    dir = (enum dir)((int)dir ^ c->conn.swapped);
    c->sink->data(c->sink->ctx, &c->conn, dir, bytes, n, &c->at);
}

static inline void world_gap(struct world_conn *c, enum dir dir, uint64_t n, int64_t ts_ns)
{
    c->at.packet++;
    c->at.ts_ns = ts_ns;
    dir = (enum dir)((int)dir ^ c->conn.swapped);
    c->conn.side[(int)dir ^ c->conn.swapped].lost_bytes += n;
    c->sink->gap(c->sink->ctx, &c->conn, dir, n, GAP_LOST, &c->at);
}

/* Both directions end, the connection goes, and every channel must be over. */
static inline void world_close(struct world *w, struct world_conn *c, enum stream_end how)
{
    for (int dir = 0; dir < DIR_COUNT; dir++)
        c->sink->end(c->sink->ctx, &c->conn, (enum dir)dir, how, &c->at);
    c->sink->conn(c->sink->ctx, &c->conn, CONN_EVENT_GONE, &c->at);
    cr_assert_eq(*dissector_state_bytes(c->d), 0);
    dissector_free(c->d);
    for (size_t i = 0; i < WORLD_CHANNELS; i++)
        cr_assert_eq(w->channel[i].begun, w->channel[i].ended, "channel %zu: %s", i, w->log);
}

/* ---- conversations with losses */

struct world_loss {
    enum dir dir;
    size_t from, to; /* bytes of the direction that are missing */
};

struct world_plan {
    const struct segment *segments;
    size_t count;
    const struct world_loss *losses; /* sorted per direction, not overlapping */
    size_t loss_count;
    size_t delay; /* segments that pass before a hole becomes a gap */
    bool midstream;
    bool byte_by_byte;
    enum stream_end end;
    uint8_t leaver; /* enum conn_leaver */
};

/* Bytes that wait for a hole to be decided, and what is missing in front of them. */
struct world_held {
    enum dir dir;
    const char *bytes;
    size_t n;
    size_t gap[DIR_COUNT];
    int64_t ts_ns;
};

struct world_queue {
    struct world_held held[512];
    size_t count;
    size_t age;                /* segments since the first hole */
    size_t offset[DIR_COUNT];  /* of the next byte of the conversation */
    size_t missing[DIR_COUNT]; /* bytes lost behind what was delivered or held */
};

static inline void world_deliver(struct world_conn *c, const struct world_plan *p,
                                 const struct world_held *h)
{
    for (int dir = 0; dir < DIR_COUNT; dir++)
        if (h->gap[dir] > 0)
            world_gap(c, (enum dir)dir, h->gap[dir], h->ts_ns);
    size_t step = p->byte_by_byte ? 1 : h->n;
    for (size_t i = 0; i < h->n; i += step)
        world_data(c, h->dir, h->bytes + i, step, h->ts_ns);
}

static inline void world_flush(struct world_conn *c, const struct world_plan *p,
                               struct world_queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        world_deliver(c, p, &q->held[i]);
    q->count = 0;
    q->age = 0;
}

/* Every segment acknowledges all bytes of the other direction so far, so that what is missing of
 * those is known to be missing, too, and comes first (see capture/stream.h). */
static inline void world_piece(struct world_conn *c, const struct world_plan *p,
                               struct world_queue *q, struct world_held h)
{
    bool hole = q->count > 0;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        h.gap[dir] = q->missing[dir];
        q->missing[dir] = 0;
        hole |= h.gap[dir] > 0;
    }
    if (!hole) {
        world_deliver(c, p, &h);
        return;
    }
    cr_assert(q->count < 512);
    q->held[q->count++] = h;
    if (p->delay == 0)
        world_flush(c, p, q);
}

/* Gives the parts of a segment that were not lost to the connection. */
static inline void world_capture(struct world_conn *c, const struct world_plan *p,
                                 struct world_queue *q, const struct segment *s, int64_t ts_ns)
{
    size_t n = s->n ? s->n : strlen(s->text);
    size_t start = 0;
    for (size_t i = 0; i <= n; i++) {
        bool lost = false;
        for (size_t k = 0; k < p->loss_count; k++)
            lost |= p->losses[k].dir == s->dir && q->offset[s->dir] + i >= p->losses[k].from &&
                    q->offset[s->dir] + i < p->losses[k].to;
        if (i < n && !lost)
            continue;
        if (i > start)
            world_piece(c, p, q,
                        (struct world_held){s->dir, s->text + start, i - start, {0, 0}, ts_ns});
        q->missing[s->dir] += i < n;
        start = i + 1;
    }
    q->offset[s->dir] += n;
}

static inline void world_run(struct world *w, const struct world_plan *p)
{
    static struct world_queue q;
    q.count = q.age = 0;
    struct world_conn c;
    world_init(w);
    if (!world_open(w, &c, p->midstream))
        return;
    int64_t ts = 1000000;
    for (int dir = 0; dir < DIR_COUNT; dir++)
        q.offset[dir] = q.missing[dir] = 0;
    for (size_t i = 0; i < p->count; i++) {
        ts = p->segments[i].ts_ns ? p->segments[i].ts_ns : ts + 1000;
        world_capture(&c, p, &q, &p->segments[i], ts);
        if (q.count > 0 && ++q.age > p->delay)
            world_flush(&c, p, &q);
    }
    world_flush(&c, p, &q);
    for (int dir = 0; dir < DIR_COUNT; dir++)
        if (q.missing[dir] > 0)
            world_gap(&c, (enum dir)dir, q.missing[dir], ts);
    c.conn.leaver = p->leaver;
    world_close(w, &c, p->end);
}

/* No channel that claims to be certain has an answer to another request. Returns how many have the
 * answer to their own. */
static inline size_t world_pairs(const struct world *w, const char *what, size_t *ret_uncertain)
{
    size_t pairs = 0;
    *ret_uncertain = 0;
    for (size_t i = 0; i < WORLD_CHANNELS; i++) {
        const struct world_channel *ch = &w->channel[i];
        if (!ch->asked[0] || !ch->answered[0])
            continue;
        if (ch->flags & (CHANNEL_STUB | CHANNEL_UNCERTAIN)) {
            ++*ret_uncertain;
            continue;
        }
        cr_assert_str_eq(ch->asked, ch->answered, "%s: channel %zu\n%s", what, i, w->log);
        pairs++;
    }
    return pairs;
}

#endif
