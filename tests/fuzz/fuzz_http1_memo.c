/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of several HTTP/1.1 connections one after the other (sequence.h): with heads and texts
 * that are remembered, the records must be those of reading all. Options: the direction, which
 * connection, and a cut; at 0: the piece is lost. */
#include "dissect/coding.h"
#include "dissect/http1_memo.h"
#include "dissect/rpc_memo.h"
#include "dissect/transport.h"
#include "sequence.h"
#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONNS 4
#define KEY                                                                                        \
    {                                                                                              \
        3, 4                                                                                       \
    }

struct one {
    struct conn conn;
    struct transport_conn tc;
    struct noted *noted;
    bool turned;
    void *state, *rest;
};

struct reading {
    struct limits_hit hit;
    struct transport_spare spare;
    struct decoder_account decoders;
    struct transport_env env;
    struct hash_stream seen;
    struct one one[CONNS];
};

#define ADD(member) hash_stream_feed(seen, &(member), sizeof(member))

static void add_begin(struct hash_stream *seen, const struct record_begin *b)
{
    uint64_t facts[] = {b->path_hash,   b->target_hash, b->session_hash, b->last_event_hash,
                        b->method_hash, b->name_hash,   b->flags,        b->method};
    ADD(facts);
    hash_stream_feed(seen, b->version, strlen(b->version));
}

static void on_record(void *ctx, struct record *r)
{
    struct hash_stream *seen = ctx;
    uint64_t facts[] = {r->type,    r->transport,          r->end,      r->channel,
                        r->conn_id, (uint64_t)r->at.ts_ns, r->at.packet};
    ADD(facts);
    switch ((enum record_type)r->type) {
    case RECORD_BEGIN:
        add_begin(seen, &r->u.begin);
        break;
    case RECORD_HEAD: {
        const struct record_head *h = &r->u.head;
        uint64_t head[] = {h->session_hash, h->flags, h->status, h->content, h->coded};
        ADD(head);
        break;
    }
    case RECORD_LINKS:
        sequence_links(seen, &r->u.links);
        break;
    case RECORD_MESSAGE:
        sequence_message(seen, &r->u.message);
        break;
    case RECORD_EVENT: {
        const struct record_event *e = &r->u.event;
        uint64_t event[] = {e->event_id, e->endpoint_hash, e->has_event_id, e->has_endpoint};
        ADD(event);
        break;
    }
    case RECORD_FINDING: {
        uint64_t finding[] = {r->u.finding.amount, r->u.finding.finding, r->u.finding.dir};
        ADD(finding);
        break;
    }
    case RECORD_CONN:
    case RECORD_END:
        break;
    }
}

static void begin(struct reading *r, uint8_t options)
{
    *r = (struct reading){.env = {.hash = KEY}};
    hash_stream_init(&r->seen, &(struct hash_key)KEY);
    r->env.hit = &r->hit;
    r->env.sink = (struct record_sink){&r->seen, on_record, NULL};
    r->env.spare = &r->spare;
    r->env.decoders = &r->decoders;
    for (unsigned i = 0; i < CONNS; i++) {
        struct one *o = &r->one[i];
        bool joined = options >> i & 1;
        o->conn.id = i + 1;
        o->conn.midstream = joined;
        o->conn.side[0].packets = o->conn.side[1].packets = 1;
        o->tc = (struct transport_conn){&r->env, &o->conn, &o->noted, &o->turned, TRANSPORT_HTTP1};
        o->state = calloc(1, transport_http1.state_bytes);
        o->rest = calloc(1, transport_http1.rest_bytes);
        if (!o->state || !o->rest || transport_http1.init(o->state, &o->tc, joined) < 0)
            abort();
    }
}

/* Between messages the state is put to rest and woken, as the dissector does. */
static void rest(struct one *o)
{
    if (!transport_http1.rest(o->state, o->rest))
        return;
    memset(o->state, 0, transport_http1.state_bytes);
    transport_http1.wake(o->state, &o->tc, o->rest);
}

static void feed(struct one *o, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    if (n == 0)
        return;
    uint8_t *copy = sequence_copy(bytes, n);
    transport_http1.feed(o->state, dir, copy, n, at);
    free(copy);
    rest(o);
}

static void lose(struct one *o, enum dir dir, size_t n, const struct stream_pos *at)
{
    if (n == 0)
        return;
    o->conn.side[dir].lost_bytes += n;
    transport_http1.gap(o->state, dir, n, at);
    rest(o);
}

static uint64_t end(struct reading *r, const struct stream_pos *at)
{
    struct hash_stream *seen = &r->seen;
    for (unsigned i = 0; i < CONNS; i++) {
        struct one *o = &r->one[i];
        for (int dir = 0; dir < DIR_COUNT; dir++)
            transport_http1.end(o->state, (enum dir)dir, STREAM_END_FIN, at);
        transport_http1.fini(o->state, CHANNEL_END_CLOSED, at);
        free(o->state);
        free(o->rest);
        for (int what = 0; o->noted && what < RECORD_NOTED_COUNT; what++)
            ADD(o->noted->bytes[what]);
        free(o->noted);
    }
    transport_spare_free(&r->spare);
    ADD(r->hit);
    return hash_stream_end(seen);
}

static uint64_t run(const uint8_t *data, size_t size, struct http1_memo *heads,
                    struct rpc_memo *texts)
{
    static struct reading r;
    static struct sequence s;
    struct stream_pos at = {1000, 1};
    begin(&r, size > 0 ? data[0] : 0);
    r.env.heads = heads;
    r.env.texts = texts;
    s = (struct sequence){.at = data + (size > 0), .end = data + size};
    while (sequence_next(&s)) {
        struct one *o = &r.one[s.options >> 1 & 3];
        enum dir dir = s.options & 1 ? DIR_S2C : DIR_C2S;
        size_t piece = s.options & 8 ? s.n * (s.options >> 4) / 16 : s.n;
        at.packet++;
        at.ts_ns += 1000;
        if (s.options & 8 && s.options >> 4 == 0) {
            lose(o, dir, s.n, &at);
            continue;
        }
        feed(o, dir, s.text, piece, &at);
        feed(o, dir, s.text + piece, s.n - piece, &at);
    }
    return end(&r, &at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http1_memo heads;
    static struct rpc_memo texts;
    memset(&heads, 0, sizeof(heads));
    memset(&texts, 0, sizeof(texts));
    if (run(data, size, NULL, NULL) != run(data, size, &heads, &texts))
        abort();
    return 0;
}
