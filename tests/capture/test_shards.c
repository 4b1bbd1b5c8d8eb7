/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * However many engines share the connections, each connection is told of in the same way. Dialogues
 * by chance, with packets lost, late, twice and cut, are read by 1, 2, 4 and 7 engines; per
 * connection a digest is made of all calls, without the number of the packet being processed.
 *
 * Here every engine is told the time of every packet. With ticks alone a wait that follows upon
 * another one may begin up to a second later.
 */
#include "base/hash.h"
#include "capture/engine.h"
#include "capture/front.h"
#include "tests/capture/engine_world.h"
#include <criterion/criterion.h>

#define CONNS   200
#define PACKETS 6000
#define SLOTS   (8 * PACKETS)

/* ---- the capture ---- */

struct frame {
    uint8_t bytes[160];
    uint32_t n, wire_bytes;
    int64_t ts_ns;
};

static struct frame frames[PACKETS];
static unsigned frame_count;
static uint64_t chance_state;

static unsigned chance(unsigned below)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(chance_state >> 33) % below;
}

static struct world w; /* for its way to build segments, and its clock */

static void keep_frame(const struct packets *p)
{
    if (frame_count == PACKETS)
        return;
    struct frame *f = &frames[frame_count++];
    cr_assert_leq(p->n, sizeof(f->bytes));
    memcpy(f->bytes, packets_at(p), p->n);
    f->wire_bytes = p->n;
    f->n = chance(50) ? p->n : p->n - chance(10);
    f->ts_ns = w.now_ns;
    w.now_ns += chance(200) ? (int64_t)chance(5) * MS : (int64_t)chance(20) * SECOND;
    if (frame_count > 1 && chance(10) == 0) {
        struct frame swap = f[0];
        f[0] = f[-1];
        f[-1] = swap;
    }
}

static uint32_t sent[CONNS][2];

static void send_one(unsigned conn)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    struct packets p;
    int side = (int)chance(2);
    w.client_host = (uint8_t)(10 + conn % 100);
    w.port[CLIENT] = (uint16_t)(40000 + conn);
    w.family = conn % 3 ? 4 : 6;
    struct world_segment s = {.side = side,
                              .flags = TCP_ACK,
                              .seq = 1000 + sent[conn][side],
                              .ack = 1000 + sent[conn][!side],
                              .data = text,
                              .n = chance(sizeof(text))};
    if (sent[conn][0] == 0 && sent[conn][1] == 0 && chance(4)) {
        s = (struct world_segment){.side = CLIENT, .flags = TCP_SYN, .seq = 999};
        if (chance(10))
            sent[conn][0] = 1;
    } else if (chance(60) == 0) {
        s.flags |= chance(2) ? TCP_FIN : TCP_RST;
    }
    if (s.flags == TCP_ACK && chance(20) == 0)
        s.seq -= chance(30); /* once more */
    else if (s.n > 0)
        sent[conn][side] += (uint32_t)s.n;
    world_build(&w, &s, &p);
    if (chance(25)) /* else it is lost */
        keep_frame(&p);
}

static void make_capture(uint64_t seed)
{
    chance_state = seed;
    frame_count = 0;
    memset(sent, 0, sizeof(sent));
    w.now_ns = 1000 * SECOND;
    while (frame_count < PACKETS) {
        unsigned conn = chance(CONNS);
        for (unsigned burst = 1 + chance(6); burst > 0; burst--)
            send_one(conn);
    }
}

/* ---- the listener ---- */

struct digest {
    struct hash_stream stream;
    uint64_t opener; /* number of the packet */
    uint64_t value;
};

static struct digest digests[2][PACKETS + 1]; /* by number of the packet that opened it */
static struct digest *all;
static const struct conn *of_slot[SLOTS];
static uint64_t last_end;
static bool ending;

static void note(const struct conn *c, const void *data, size_t n)
{
    hash_stream_feed(&((struct digest *)c->user)->stream, data, n);
}

static void note_call(const struct conn *c, char call, uint64_t a, uint64_t b, int64_t ts_ns)
{
    uint64_t words[] = {(uint64_t)call, a, b, (uint64_t)ts_ns};
    note(c, words, sizeof(words));
}

static void on_conn(void *ctx, struct conn *c, enum conn_event event, const struct stream_pos *at)
{
    static const struct hash_key key = {3, 4};
    (void)ctx;
    if (event == CONN_EVENT_OPENED) {
        struct digest *d = c->user = &all[at->packet];
        cr_assert_eq(d->opener, 0);
        d->opener = at->packet;
        cr_assert_lt(c->slot, SLOTS);
        of_slot[c->slot] = c;
        hash_stream_init(&d->stream, &key);
    }
    struct digest *d = c->user;
    bool gone = event == CONN_EVENT_GONE; /* when depends on the clock */
    note_call(c, 'c', (uint64_t)event, c->state, gone ? 0 : at->ts_ns);
    if (!gone)
        return;
    note(c, c->endpoint, sizeof(c->endpoint));
    for (int side = 0; side < 2; side++) {
        const struct conn_counters *n = &c->side[side];
        note_call(c, 'n', n->packets, n->wire_bytes, 0);
        note_call(c, 'n', n->payload_bytes, n->lost_bytes, 0);
        note_call(c, 'n', n->retransmitted_packets, n->out_of_order_packets, 0);
    }
    d->value = hash_stream_end(&d->stream);
    if (ending)
        cr_assert_gt(d->opener, last_end, "connections end in order of appearance");
    last_end = ending ? d->opener : 0;
}

static void on_data(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at)
{
    (void)ctx;
    note_call(c, 'd', dir, n, at->ts_ns);
    note(c, bytes, n);
}

static void on_gap(void *ctx, struct conn *c, enum dir dir, uint64_t n, enum gap_reason reason,
                   const struct stream_pos *at)
{
    (void)ctx;
    note_call(c, 'g', (uint64_t)dir << 4 | reason, n, at->ts_ns);
}

static void on_end(void *ctx, struct conn *c, enum dir dir, enum stream_end how,
                   const struct stream_pos *at)
{
    (void)ctx;
    note_call(c, 'e', dir, how, at->ts_ns);
}

static void on_packet(void *ctx, const struct stream_packet *p)
{
    (void)ctx;
    cr_assert_lt(p->slot, SLOTS);
    note_call(of_slot[p->slot], 'p', (uint64_t)p->dir << 32 | p->wire_bytes, p->payload_bytes,
              p->ts_ns);
}

/* ---- one run ---- */

static struct engine *engines[7];

static void take(const struct batch *b, uint32_t shards)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct batch_segment *s = &b->segments[i];
        if (b->count - i > 8)
            engine_ahead(engines[s[8].shard], &s[8]);
        for (uint32_t k = 0; k < shards; k++)
            engine_tick(engines[k], s->now_ns, s->number);
        engine_segment(engines[s->shard], s);
    }
}

static void end_all(uint32_t shards)
{
    ending = true;
    for (;;) {
        uint64_t first = 0;
        struct engine *e = NULL;
        for (uint32_t k = 0; k < shards; k++) {
            uint64_t oldest = engine_oldest(engines[k]);
            if (oldest && (!first || oldest < first)) {
                first = oldest;
                e = engines[k];
            }
        }
        if (!e)
            break;
        engine_end_oldest(e);
    }
    ending = false;
}

static void read_by(uint32_t shards, struct digest *digest)
{
    struct limits_hit hit = {0};
    struct stream_sink sink = {NULL, on_conn, on_data, on_gap, on_end, on_packet};
    struct front *front = front_new(&(struct front_config){{1, 2}, shards}, &hit);
    struct batch *b = batch_new();
    all = digest;
    memset(all, 0, sizeof(digests[0]));
    for (uint32_t k = 0; k < shards; k++)
        engines[k] = engine_new(&(struct engine_config){.shard = k, .shards = shards}, &sink, &hit);
    for (unsigned i = 0; i < frame_count;) {
        batch_clear(b);
        for (unsigned n = chance(300); i < frame_count && b->count <= n; i++) {
            const struct frame *f = &frames[i];
            struct packet p = {f->bytes, f->n, f->wire_bytes, f->ts_ns, i + 1, LINK_ETHERNET};
            cr_assert_eq(batch_add(b, &p), 1);
        }
        front_batch(front, b);
        take(b, shards);
    }
    end_all(shards);
    for (uint32_t k = 0; k < shards; k++)
        engine_free(engines[k]);
    front_free(front);
    batch_free(b);
}

Test(shards, every_connection_is_told_of_in_the_same_way, .timeout = 120)
{
    static const uint32_t counts[] = {2, 4, 7};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_capture(seed);
        read_by(1, digests[0]);
        unsigned connections = 0;
        for (unsigned i = 0; i <= PACKETS; i++)
            connections += digests[0][i].value != 0;
        cr_assert_gt(connections, CONNS / 2);
        for (size_t k = 0; k < 3; k++) {
            read_by(counts[k], digests[1]);
            for (unsigned i = 0; i <= PACKETS; i++)
                cr_assert_eq(digests[0][i].value, digests[1][i].value, "seed %d, %u, %u engines",
                             (int)seed, i, counts[k]);
        }
    }
}
