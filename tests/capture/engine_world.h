/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_CAPTURE_ENGINE_WORLD_H
#define TESTS_CAPTURE_ENGINE_WORLD_H

#include "capture/engine.h"
#include "capture/front.h"
#include "capture/link.h"
#include "capture/tcp.h"
#include "tests/support/packets.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A front, and an engine with a listener that writes down what it is told, as words, and checks the
 * promises of stream.h: the order of calls, places that never run backwards, counters that agree
 * with what was delivered. A broken promise aborts the test.
 *
 * The conversation is between host 1 port 40000 (client) and host 2 port 80 (server); world_send()
 * counts sequence numbers from the first payload byte of each side.
 */

#define CLIENT          0
#define SERVER          1
#define CLIENT_ISN      1000u
#define SERVER_ISN      5000u
#define MS              INT64_C(1000000)
#define SECOND          INT64_C(1000000000)
#define WORLD_BYTES     (1u << 20)
#define WORLD_LOG_BYTES 65536

#ifndef WORLD_CONNS
#define WORLD_CONNS 4096 /* fuzz targets, which clear a world for each input, take fewer */
#endif

#define require(condition)                                                                         \
    ((condition)                                                                                   \
         ? (void)0                                                                                 \
         : (fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition), abort()))

struct world_dir { /* by side */
    uint64_t data, lost, truncated;
    int64_t ts_ns;
    bool ended;
};

struct world_conn {
    bool opened, established, failed, closed, gone;
    struct world_dir side[2];
};

struct world {
    struct front *front;
    struct engine *engine;
    struct batch *batch; /* of one packet */
    struct limits_hit hit;
    struct stream_sink sink;
    struct engine_config config;
    struct world_conn conns[WORLD_CONNS];
    const struct conn *of_slot[WORLD_CONNS + 1];
    uint64_t opened;    /* connections */
    struct conn last;   /* copy at the latest conn() call */
    uint64_t gone;      /* connections */
    uint64_t at_packet; /* latest place */
    bool swap_roles;    /* call stream_swap_roles() at the first data */
    bool beyond_end;    /* data behind a FIN is sent: payload_bytes may exceed what is delivered */
    bool quiet;         /* no log of packets and data */
    bool short_memory;  /* connections may end in another order than that of appearance */
    uint8_t *bytes[2];  /* delivered, by side, of all connections; a gap leaves zeros */
    size_t n[2];
    char log[WORLD_LOG_BYTES];
    size_t log_n;
    int64_t now_ns;
    uint64_t number;
    uint32_t isn[2];
    uint32_t snap_bytes; /* 0: all */
    uint8_t family;      /* 0: IPv4 */
    uint8_t client_host; /* 0: 1 */
    uint16_t port[2];    /* 0: 40000 and 80 */
};

__attribute__((format(printf, 2, 3))) static inline void world_log(struct world *w,
                                                                   const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof(w->log) - w->log_n;
    int n = vsnprintf(w->log + w->log_n, room, format, args);
    va_end(args);
    if (n > 0)
        w->log_n += (size_t)n < room ? (size_t)n : room - 1;
}

static inline struct world_conn *world_conn(struct world *w, const struct conn *c,
                                            const struct stream_pos *at)
{
    struct world_conn *k = c->user;
    require(k && k->opened && !k->gone);
    require(at->packet >= w->at_packet);
    w->at_packet = at->packet;
    return k;
}

static inline void world_on_gone(struct world *w, struct conn *c, struct world_conn *k)
{
    for (int side = 0; side < 2; side++) {
        const struct conn_counters *s = &c->side[side];
        require(k->side[side].ended);
        require(s->lost_bytes == k->side[side].lost);
        uint64_t seen = k->side[side].data + k->side[side].truncated;
        require(w->beyond_end ? s->payload_bytes >= seen : s->payload_bytes == seen);
        require(w->beyond_end || s->truncated_bytes == k->side[side].truncated);
    }
    k->gone = true;
    w->gone++;
}

static inline void world_on_conn(void *ctx, struct conn *c, enum conn_event event,
                                 const struct stream_pos *at)
{
    static const char *const failures[] = {"", "refused", "timed_out", "reset", "unreachable"};
    static const char *const closes[] = {"", "fin", "reset", "idle", "pruned"};
    struct world *w = ctx;
    if (event == CONN_EVENT_OPENED) {
        require(c->id == at->packet && c->slot <= w->opened + 1);
        require(!c->user && w->opened < WORLD_CONNS);
        c->user = &w->conns[w->opened++];
        ((struct world_conn *)c->user)->opened = true;
        w->of_slot[c->slot] = c;
    }
    struct world_conn *k = world_conn(w, c, at);
    w->last = *c;
    switch (event) {
    case CONN_EVENT_OPENED:
        k->side[0].ts_ns = k->side[1].ts_ns = INT64_MIN;
        world_log(w, c->midstream ? "midstream " : "opened ");
        break;
    case CONN_EVENT_ESTABLISHED:
        require(!k->established && !c->midstream && !k->failed && !k->closed);
        require(c->state == CONN_OPEN && c->established_ns == at->ts_ns);
        k->established = true;
        world_log(w, "established ");
        break;
    case CONN_EVENT_FAILED:
        require(!k->established && !k->failed && !k->closed && c->state == CONN_SHUT);
        k->failed = true;
        world_log(w, "failed:%s ", failures[c->failure]);
        break;
    case CONN_EVENT_CLOSED:
        require(!k->failed && !k->closed && c->state == CONN_SHUT && c->closed_ns == at->ts_ns);
        k->closed = true;
        world_log(w, "closed:%s ", closes[c->close]);
        break;
    case CONN_EVENT_ROLES:
        require(!"told by the engine");
        break;
    case CONN_EVENT_GONE:
        world_on_gone(w, c, k);
        world_log(w, "gone ");
        break;
    }
}

/* The running direction's state, after checking what all its calls have in common. */
static inline struct world_dir *world_dir(struct world *w, struct conn *c, enum dir dir,
                                          const struct stream_pos *at)
{
    struct world_conn *k = world_conn(w, c, at);
    struct world_dir *d = &k->side[conn_side(c, dir)];
    require(!d->ended && at->ts_ns >= d->ts_ns);
    d->ts_ns = at->ts_ns;
    return d;
}

static inline void world_on_data(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes,
                                 size_t n, const struct stream_pos *at)
{
    struct world *w = ctx;
    struct world_dir *d = world_dir(w, c, dir, at);
    int side = conn_side(c, dir);
    require(n > 0);
    d->data += n;
    if (w->swap_roles) {
        w->swap_roles = false;
        stream_swap_roles(c);
        dir = dir_other(dir);
    }
    if (w->n[side] + n <= WORLD_BYTES)
        memcpy(w->bytes[side] + w->n[side], bytes, n);
    w->n[side] += n;
    if (!w->quiet)
        world_log(w, "%c[%.*s] ", dir == DIR_C2S ? 'c' : 's', n > 40 ? 40 : (int)n,
                  (const char *)bytes);
}

static inline void world_on_gap(void *ctx, struct conn *c, enum dir dir, uint64_t n,
                                enum gap_reason reason, const struct stream_pos *at)
{
    struct world *w = ctx;
    struct world_dir *d = world_dir(w, c, dir, at);
    int side = conn_side(c, dir);
    require(n > 0);
    *(reason == GAP_LOST ? &d->lost : &d->truncated) += n;
    if (w->n[side] + n <= WORLD_BYTES)
        memset(w->bytes[side] + w->n[side], 0, n);
    w->n[side] += n;
    world_log(w, "%c:%s:%llu ", dir == DIR_C2S ? 'c' : 's', reason == GAP_LOST ? "gap" : "cut",
              (unsigned long long)n);
}

static inline void world_on_end(void *ctx, struct conn *c, enum dir dir, enum stream_end how,
                                const struct stream_pos *at)
{
    static const char *const hows[] = {"fin", "reset", "idle", "capture"};
    struct world *w = ctx;
    world_dir(w, c, dir, at)->ended = true;
    world_log(w, "%c:end:%s ", dir == DIR_C2S ? 'c' : 's', hows[how]);
}

static inline void world_on_packet(void *ctx, const struct stream_packet *p)
{
    struct world *w = ctx;
    require(p->slot <= WORLD_CONNS && w->of_slot[p->slot]);
    const struct conn *c = w->of_slot[p->slot];
    world_conn(w, c, &(struct stream_pos){p->ts_ns, w->number});
    require(c->side[conn_side(c, (enum dir)p->dir)].packets > 0);
    require(p->wire_bytes >= p->payload_bytes || w->snap_bytes > 0);
}

static inline void world_free(struct world *w)
{
    front_free(w->front);
    engine_free(w->engine);
    batch_free(w->batch);
    w->front = NULL;
    w->engine = NULL;
    w->batch = NULL;
}

static inline bool world_init(struct world *w, const struct engine_config *config)
{
    memset(w, 0, sizeof(*w));
    if (config)
        w->config = *config;
    w->sink = (struct stream_sink){
        w, world_on_conn, world_on_data, world_on_gap, world_on_end, world_on_packet, w, NULL};
    struct front_config front = {.shards = 1};
    w->front = front_new(&front, &w->hit);
    w->engine = engine_new(&w->config, &w->sink, &w->hit);
    w->batch = batch_new();
    if (!w->front || !w->engine || !w->batch) {
        world_free(w);
        return false;
    }
    static uint8_t bytes[2][WORLD_BYTES];
    w->bytes[0] = bytes[0];
    w->bytes[1] = bytes[1];
    w->now_ns = 1000 * SECOND;
    w->isn[CLIENT] = CLIENT_ISN;
    w->isn[SERVER] = SERVER_ISN;
    return true;
}

/* Time passes without a packet. */
static inline void world_tick(struct world *w, int64_t now_ns)
{
    engine_tick(w->engine, now_ns, w->number);
}

static inline void world_end(struct world *w)
{
    uint64_t before = 0, id;
    front_finish(w->front);
    while ((id = engine_oldest(w->engine)) != 0) {
        require(id > before || w->short_memory);
        before = id;
        engine_end_oldest(w->engine);
    }
}

static inline void world_finish(struct world *w)
{
    if (w->engine)
        world_end(w);
    world_free(w);
}

static inline void world_packet(struct world *w, const struct packet *p)
{
    struct batch *b = w->batch;
    batch_clear(b);
    b->packets[b->count++] = *p;
    front_batch(w->front, b);
    const struct batch_segment *s = b->segments;
    engine_ahead(w->engine, s);
    if (s->tick)
        engine_tick(w->engine, s->now_ns, s->number);
    engine_segment(w->engine, s);
}

static inline void world_frame(struct world *w, const struct packets *p, int link_type)
{
    uint32_t captured = w->snap_bytes > 0 && w->snap_bytes < p->n ? w->snap_bytes : p->n;
    uint8_t *exact = malloc(captured + 1); /* so that a sanitizer sees reads beyond the frame */
    if (!exact)
        return;
    memcpy(exact, packets_at(p), captured);
    struct packet packet = {exact, captured, p->n, w->now_ns, ++w->number, link_type};
    world_packet(w, &packet);
    free(exact);
}

struct world_segment {
    int side;
    uint8_t flags;
    uint32_t seq, ack; /* absolute */
    const void *data;
    size_t n;
    bool zero_window;
};

static inline void world_build(const struct world *w, const struct world_segment *s,
                               struct packets *ret_packet)
{
    uint16_t port[2] = {w->port[CLIENT] ? w->port[CLIENT] : 40000,
                        w->port[SERVER] ? w->port[SERVER] : 80};
    uint8_t host[2] = {w->client_host ? w->client_host : 1, 2};
    packets_begin(ret_packet, s->data, s->n);
    packets_tcp(ret_packet, &(struct packets_tcp){.from_port = port[s->side],
                                                  .to_port = port[!s->side],
                                                  .seq = s->seq,
                                                  .ack = s->ack,
                                                  .flags = s->flags,
                                                  .zero_window = s->zero_window});
    struct packets_ip ip = {.from = host[s->side], .to = host[!s->side], .protocol = 6};
    if (w->family == 6)
        packets_ipv6(ret_packet, &ip);
    else
        packets_ipv4(ret_packet, &ip);
    packets_ethernet(ret_packet, w->family == 6 ? 0x86dd : 0x0800);
}

static inline void world_segment(struct world *w, const struct world_segment *s)
{
    struct packets p;
    world_build(w, s, &p);
    world_frame(w, &p, LINK_ETHERNET);
    if (w->now_ns < INT64_MAX - MS)
        w->now_ns += MS / 10;
}

/* Sends text, at the stream offset seq, acknowledging the peer's stream up to offset ack. */
static inline void world_send(struct world *w, int side, uint32_t seq, uint32_t ack,
                              const char *text)
{
    world_segment(w, &(struct world_segment){.side = side,
                                             .flags = TCP_ACK,
                                             .seq = w->isn[side] + 1 + seq,
                                             .ack = w->isn[!side] + 1 + ack,
                                             .data = text,
                                             .n = strlen(text)});
}

/* The same with flags instead of text. A SYN has offset -1. */
static inline void world_flags(struct world *w, int side, uint32_t seq, uint32_t ack, uint8_t flags)
{
    world_segment(w,
                  &(struct world_segment){.side = side,
                                          .flags = flags,
                                          .seq = w->isn[side] + 1 + seq,
                                          .ack = (flags & TCP_ACK) ? w->isn[!side] + 1 + ack : 0});
}

static inline void world_handshake(struct world *w)
{
    world_flags(w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_flags(w, CLIENT, 0, 0, TCP_ACK);
}

static inline void world_open_from(struct world *w, uint8_t host)
{
    w->client_host = host;
    world_handshake(w);
}

/* Forgets the log so far. */
static inline void world_clear(struct world *w)
{
    w->log_n = 0;
    w->log[0] = '\0';
}

#endif
