/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of a packet: link, ip, fragment, tcp; the usual one goes straight. This file connects
 * them, keeps the clock, chooses the shard, and counts what goes no further.
 *
 * The shard is chosen by a product of both endpoints in ascending order, so that it does not depend
 * on the direction, multiplied and shifted down to a range. It has no secret key, since results
 * must not depend on one: who can choose addresses and ports can bring all connections to one
 * shard. That costs parallelism, and leaves them the share that one shard has of a cap; the tables
 * inside of a shard are keyed.
 *
 * ICMP errors are looked at for one thing: that a SYN could not be delivered (RFC 792 type 3
 * without code 4, which asks for smaller packets; RFC 4443 type 1).
 */
#include "capture/front.h"
#include "capture/fragment.h"
#include "capture/straight.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The clock goes no further (the year 2116), so that adding a time-out to it does not overflow. */
#define CLOCK_MAX_NS (INT64_MAX / 2)
#define TICK_SHIFT   30 /* 2^30 ns: about a second */

#define ICMP_UNREACHABLE    3
#define ICMP_FRAGMENTATION  4 /* a code of it */
#define ICMPV6_UNREACHABLE  1
#define ICMP_REST_OF_HEADER 6 /* checksum and four bytes that are not needed */

/* Odd, without a pattern: fractional digits of the golden ratio, and of the roots of 3 and 5. */
#define MIX_0 UINT64_C(0x9e3779b97f4a7c15)
#define MIX_1 UINT64_C(0xbb67ae8584caa73b)
#define MIX_2 UINT64_C(0x3c6ef372fe94f82b)

struct front {
    struct fragment_table *fragments;
    struct limits_hit *hit;
    struct hash_key hash;
    struct front_counters counters;
    int64_t now_ns;
    uint32_t shards;
};

const char *front_undecoded_name(enum undecoded reason)
{
    switch (reason) {
    case UNDECODED_LINK_TYPE:
        return "link_type";
    case UNDECODED_NOT_IP:
        return "not_ip";
    case UNDECODED_NOT_TCP:
        return "not_tcp";
    case UNDECODED_MALFORMED:
        return "malformed";
    case UNDECODED_TRUNCATED:
        return "truncated";
    case UNDECODED_FRAGMENT:
        return "fragment";
    case UNDECODED_COUNT:
        break;
    }
    return "unknown";
}

struct front *front_new(const struct front_config *config, struct limits_hit *hit)
{
    assert(config->shards >= 1 && config->shards <= FRONT_SHARDS_MAX);
    struct front *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->hit = hit;
    f->now_ns = INT64_MIN;
    f->shards = config->shards;
    f->hash = config->hash;
    f->fragments = fragment_new(&config->hash, hit, &f->counters.undecoded[UNDECODED_FRAGMENT]);
    if (!f->fragments) {
        free(f);
        return NULL;
    }
    return f;
}

/* ---- which shard ---- */

static inline uint64_t long_word(const struct endpoint *ep)
{
    uint64_t address[2];
    memcpy(address, ep->addr, sizeof(address));
    return hash_fold(address[0] ^ MIX_0, address[1] ^ MIX_1) ^ ep->port;
}

/* Of two endpoints, in ascending order. */
static inline uint8_t shard_of(const struct front *f, uint64_t low, uint64_t high)
{
    uint64_t mix = hash_fold(low ^ MIX_0, high ^ MIX_1) * MIX_2;
    return (uint8_t)((mix >> 32) * f->shards >> 32);
}

/* Of a segment whose endpoints are known: the hash and the shard. */
static inline void place(const struct front *f, struct batch_segment *s)
{
    const struct endpoint *from = &s->key.from, *to = &s->key.to;
    bool is_long = from->family == 6;
    uint64_t x = is_long ? long_word(from) : flow_word(from);
    uint64_t y = is_long ? long_word(to) : flow_word(to);
    s->key.hash = flow_hash(&f->hash, from, to);
    s->shard = shard_of(f, x < y ? x : y, x < y ? y : x);
}

/* ---- one packet ---- */

static void set_endpoint(struct endpoint *ep, const uint8_t *addr, uint8_t family, uint16_t port)
{
    *ep = (struct endpoint){.port = port, .family = family};
    memcpy(ep->addr, addr, family == 6 ? 16 : 4);
}

static enum undecoded decode_tcp(const struct ip_packet *ip, struct batch_segment *s)
{
    struct tcp_ports ports;
    enum undecoded reason = tcp_decode(ip, &s->segment, &ports);
    if (reason != DECODE_OK)
        return reason;
    set_endpoint(&s->key.from, ip->from, ip->family, ports.from);
    set_endpoint(&s->key.to, ip->to, ip->family, ports.to);
    s->kind = BATCH_SEGMENT;
    return DECODE_OK;
}

static bool is_unreachable(const struct ip_packet *ip, uint8_t type, uint8_t code)
{
    if (ip->protocol == IP_ICMP && ip->family == 4)
        return type == ICMP_UNREACHABLE && code != ICMP_FRAGMENTATION;
    return ip->protocol == IP_ICMPV6 && ip->family == 6 && type == ICMPV6_UNREACHABLE;
}

/* The error quotes the packet that it is about, at least up to eight bytes of the TCP header. */
static void decode_icmp(struct front *f, const struct ip_packet *ip, struct batch_segment *s)
{
    struct cursor at = cursor_make(ip->payload, ip->captured_bytes);
    uint8_t type = cursor_u8(&at);
    uint8_t code = cursor_u8(&at);
    cursor_skip(&at, ICMP_REST_OF_HEADER);
    struct ip_packet quoted;
    if (at.short_read || !is_unreachable(ip, type, code) ||
        ip_decode_quoted(at.at, (uint32_t)cursor_left(&at), f->hit, &quoted) != DECODE_OK ||
        quoted.protocol != IP_TCP || quoted.fragment)
        return;
    at = cursor_make(quoted.payload, quoted.captured_bytes);
    uint16_t from_port = cursor_be16(&at);
    uint16_t to_port = cursor_be16(&at);
    uint32_t seq = cursor_be32(&at);
    if (at.short_read)
        return;
    set_endpoint(&s->key.from, quoted.from, quoted.family, from_port);
    set_endpoint(&s->key.to, quoted.to, quoted.family, to_port);
    s->segment = (struct tcp_segment){.seq = seq};
    s->kind = BATCH_UNREACHABLE;
}

/* Any packet, header by header. */
static __attribute__((noinline)) enum undecoded
decode(struct front *f, struct batch *b, const struct packet *p, struct batch_segment *s)
{
    struct link_frame frame;
    struct ip_packet ip;
    uint32_t wire_bytes = p->wire_bytes;
    enum undecoded reason = link_decode(p, f->hit, &frame);
    if (reason == DECODE_OK)
        reason = ip_decode(&frame, f->hit, &ip);
    if (reason != DECODE_OK)
        return reason;
    if (ip.fragment) {
        struct ip_packet whole;
        if (!fragment_add(f->fragments, &ip, wire_bytes, f->now_ns, &whole, &wire_bytes))
            return DECODE_OK; /* counted by fragment.c if nothing comes of it */
        ip = whole;
        ip.payload = batch_keep(b, whole.payload, whole.captured_bytes);
        if (!ip.payload) {
            limits_hit_add(f->hit, LIMIT_ID_FRAGMENTS);
            return UNDECODED_FRAGMENT;
        }
        reason = ip_skip_extensions(&ip, f->hit);
        if (reason != DECODE_OK)
            return reason;
    }
    if (ip.fragment)
        return UNDECODED_MALFORMED; /* a fragment header within a fragmented datagram */
    if (ip.protocol == IP_TCP) {
        reason = decode_tcp(&ip, s);
    } else {
        decode_icmp(f, &ip, s);
        reason = UNDECODED_NOT_TCP;
    }
    s->segment.ts_ns = p->ts_ns;
    s->segment.wire_bytes = wire_bytes;
    return reason;
}

static void count(struct front_counters *c, const struct packet *packets, uint32_t n)
{
    int64_t first_ns = c->packets > 0 ? c->first_ns : INT64_MAX;
    int64_t last_ns = c->packets > 0 ? c->last_ns : INT64_MIN;
    uint64_t wire_bytes = 0, truncated = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct packet *p = &packets[i];
        first_ns = p->ts_ns < first_ns ? p->ts_ns : first_ns;
        last_ns = p->ts_ns > last_ns ? p->ts_ns : last_ns;
        wire_bytes += p->wire_bytes;
        truncated += p->captured_bytes < p->wire_bytes;
    }
    if (n > 0) {
        c->first_ns = first_ns;
        c->last_ns = last_ns;
    }
    c->packets += n;
    c->wire_bytes += wire_bytes;
    c->truncated_packets += truncated;
}

/* The clock at packet i of the batch; whether it reached another second. */
static inline bool set_clock(struct front *f, int64_t ts_ns)
{
    ts_ns = ts_ns < CLOCK_MAX_NS ? ts_ns : CLOCK_MAX_NS;
    if (ts_ns <= f->now_ns)
        return false;
    bool tick = ts_ns >> TICK_SHIFT != f->now_ns >> TICK_SHIFT;
    f->now_ns = ts_ns;
    return tick;
}

/* Hangs packet i on a chain's end; returns its new one. */
static inline uint16_t *chain(uint16_t *end, uint32_t i, uint16_t *next)
{
    *end = (uint16_t)i;
    return next;
}

void front_batch(struct front *f, struct batch *b)
{
    uint16_t *end[BATCH_SHARDS_MAX], *end_tick = &b->first_tick;
    const struct packet *p = b->packets;
    struct batch_segment *s = b->segments;
    uint32_t n = b->count;
    assert(f->shards >= 1);
    for (uint32_t k = 0; k < f->shards; k++)
        end[k] = &b->first[k];
    count(&f->counters, p, n);
    for (uint32_t i = 0; i < n; i++, p++, s++) {
        s->tick = set_clock(f, p->ts_ns);
        s->now_ns = f->now_ns;
        s->number = p->number;
        s->shard = 0;
        s->kind = BATCH_SEGMENT;
        if (!straight_decode(p, &s->key, &s->segment)) {
            s->kind = BATCH_NOTHING;
            enum undecoded reason = decode(f, b, p, s);
            if (reason != DECODE_OK)
                f->counters.undecoded[reason]++;
        }
        if (s->tick)
            end_tick = chain(end_tick, i, &s->next_tick);
        if (s->kind == BATCH_NOTHING)
            continue;
        place(f, s);
        end[s->shard] = chain(end[s->shard], i, &s->next);
    }
    *end_tick = BATCH_END;
    for (uint32_t k = 0; k < f->shards; k++)
        *end[k] = BATCH_END;
}

void front_finish(struct front *f)
{
    fragment_finish(f->fragments);
}

void front_counters(const struct front *f, struct front_counters *ret_counters)
{
    *ret_counters = f->counters;
}

void front_free(struct front *f)
{
    if (!f)
        return;
    fragment_free(f->fragments);
    free(f);
}
