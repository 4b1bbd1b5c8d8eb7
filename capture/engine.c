/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of a packet: link, ip, fragment, tcp, lifecycle; the usual one goes straight. This file
 * connects them, keeps the clock, and counts what goes no further.
 *
 * ICMP errors are looked at for one thing: that a SYN could not be delivered (RFC 792 type 3
 * without code 4, which asks for smaller packets; RFC 4443 type 1).
 */
#include "capture/engine.h"
#include "capture/fragment.h"
#include "capture/lifecycle.h"
#include "capture/straight.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_TIMEOUT_NS INT64_C(3600000000000)

/* The clock goes no further (the year 2116), so that adding a time-out to it does not overflow. */
#define CLOCK_MAX_NS (INT64_MAX / 2)

#define ICMP_UNREACHABLE    3
#define ICMP_FRAGMENTATION  4 /* a code of it */
#define ICMPV6_UNREACHABLE  1
#define ICMP_REST_OF_HEADER 6 /* checksum and four bytes that are not needed */

struct engine {
    struct lifecycle lifecycle;
    struct fragment_table *fragments;
    struct limits_hit *hit;
    struct engine_counters counters;
};

const char *engine_undecoded_name(enum undecoded reason)
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

struct engine *engine_new(const struct engine_config *config, const struct stream_sink *sink,
                          struct limits_hit *hit)
{
    assert(sink->conn && sink->data && sink->gap && sink->end && sink->packet);
    struct engine *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->hit = hit;
    struct lifecycle *l = &e->lifecycle;
    l->sink = sink;
    l->hit = hit;
    l->idle_ns = config->idle_timeout_ns > 0 ? config->idle_timeout_ns : IDLE_TIMEOUT_NS;
    l->reassembly.max_held_bytes =
        config->max_held_bytes > 0 ? config->max_held_bytes : LIMIT_HELD_BYTES;
    l->reassembly.now_ns = INT64_MIN;
    lifecycle_init(l);
    uint32_t max_flows = config->max_flows > 0 ? config->max_flows : LIMIT_FLOWS;
    l->flows = flow_new(max_flows, &config->hash);
    e->fragments = fragment_new(&config->hash, hit, &e->counters.undecoded[UNDECODED_FRAGMENT]);
    if (!l->flows || !e->fragments) {
        engine_free(e);
        return NULL;
    }
    return e;
}

/* A new time: of a packet, or because time passed without one. */
static void set_time(struct engine *e, int64_t ts_ns)
{
    struct reassembly *clock = &e->lifecycle.reassembly;
    if (ts_ns > CLOCK_MAX_NS)
        ts_ns = CLOCK_MAX_NS;
    if (ts_ns > clock->now_ns)
        clock->now_ns = ts_ns;
    lifecycle_expire(&e->lifecycle);
}

static void set_endpoint(struct endpoint *ep, const uint8_t *addr, uint8_t family, uint16_t port)
{
    *ep = (struct endpoint){.port = port, .family = family};
    memcpy(ep->addr, addr, family == 6 ? 16 : 4);
}

static enum undecoded process_tcp(struct engine *e, const struct ip_packet *ip, int64_t ts_ns,
                                  uint32_t wire_bytes)
{
    struct tcp_segment seg;
    enum undecoded reason = tcp_decode(ip, &seg);
    if (reason != DECODE_OK)
        return reason;
    seg.ts_ns = ts_ns;
    seg.wire_bytes = wire_bytes;
    struct flow_key key;
    set_endpoint(&key.from, ip->from, ip->family, seg.from_port);
    set_endpoint(&key.to, ip->to, ip->family, seg.to_port);
    lifecycle_segment(&e->lifecycle, &key, &seg);
    return DECODE_OK;
}

static bool is_unreachable(const struct ip_packet *ip, uint8_t type, uint8_t code)
{
    if (ip->protocol == IP_ICMP && ip->family == 4)
        return type == ICMP_UNREACHABLE && code != ICMP_FRAGMENTATION;
    return ip->protocol == IP_ICMPV6 && ip->family == 6 && type == ICMPV6_UNREACHABLE;
}

/* The error quotes the packet that it is about, at least up to eight bytes of the TCP header. */
static void process_icmp(struct engine *e, const struct ip_packet *ip, int64_t ts_ns)
{
    struct cursor at = cursor_make(ip->payload, ip->captured_bytes);
    uint8_t type = cursor_u8(&at);
    uint8_t code = cursor_u8(&at);
    cursor_skip(&at, ICMP_REST_OF_HEADER);
    struct ip_packet quoted;
    if (at.short_read || !is_unreachable(ip, type, code) ||
        ip_decode_quoted(at.at, (uint32_t)cursor_left(&at), e->hit, &quoted) != DECODE_OK ||
        quoted.protocol != IP_TCP || quoted.fragment)
        return;
    at = cursor_make(quoted.payload, quoted.captured_bytes);
    uint16_t from_port = cursor_be16(&at);
    uint16_t to_port = cursor_be16(&at);
    uint32_t seq = cursor_be32(&at);
    if (at.short_read)
        return;
    struct flow_key key;
    set_endpoint(&key.from, quoted.from, quoted.family, from_port);
    set_endpoint(&key.to, quoted.to, quoted.family, to_port);
    lifecycle_unreachable(&e->lifecycle, &key, seq, ts_ns);
}

/* Any packet, header by header. */
static __attribute__((noinline)) enum undecoded process(struct engine *e, const struct packet *p)
{
    struct link_frame frame;
    struct ip_packet ip;
    uint32_t wire_bytes = p->wire_bytes;
    enum undecoded reason = link_decode(p, e->hit, &frame);
    if (reason == DECODE_OK)
        reason = ip_decode(&frame, e->hit, &ip);
    if (reason != DECODE_OK)
        return reason;
    if (ip.fragment) {
        int64_t now_ns = e->lifecycle.reassembly.now_ns;
        struct ip_packet whole;
        if (!fragment_add(e->fragments, &ip, wire_bytes, now_ns, &whole, &wire_bytes))
            return DECODE_OK; /* counted by fragment.c if nothing comes of it */
        ip = whole;
        reason = ip_skip_extensions(&ip, e->hit);
        if (reason != DECODE_OK)
            return reason;
    }
    if (ip.fragment)
        return UNDECODED_MALFORMED; /* a fragment header within a fragmented datagram */
    if (ip.protocol == IP_TCP)
        return process_tcp(e, &ip, p->ts_ns, wire_bytes);
    process_icmp(e, &ip, p->ts_ns);
    return UNDECODED_NOT_TCP;
}

void engine_packet(struct engine *e, const struct packet *p)
{
    struct engine_counters *c = &e->counters;
    if (c->packets == 0 || p->ts_ns < c->first_ns)
        c->first_ns = p->ts_ns;
    if (c->packets == 0 || p->ts_ns > c->last_ns)
        c->last_ns = p->ts_ns;
    c->packets++;
    c->wire_bytes += p->wire_bytes;
    c->truncated_packets += p->captured_bytes < p->wire_bytes;
    e->lifecycle.reassembly.packet = p->number;
    set_time(e, p->ts_ns);
    struct flow_key key;
    struct tcp_segment seg;
    if (straight_ahead(p, &key))
        lifecycle_ahead(&e->lifecycle, &key);
    if (straight_decode(p, &key, &seg)) {
        lifecycle_segment(&e->lifecycle, &key, &seg);
        return;
    }
    enum undecoded reason = process(e, p);
    if (reason != DECODE_OK)
        c->undecoded[reason]++;
}

void engine_tick(struct engine *e, int64_t now_ns)
{
    set_time(e, now_ns);
}

void engine_finish(struct engine *e)
{
    fragment_finish(e->fragments);
    lifecycle_finish(&e->lifecycle);
}

void engine_counters(const struct engine *e, struct engine_counters *ret_counters)
{
    *ret_counters = e->counters;
}

uint32_t engine_open_connections(const struct engine *e)
{
    return flow_count(e->lifecycle.flows, FLOW_OPEN);
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    lifecycle_fini(&e->lifecycle);
    fragment_free(e->fragments);
    free(e);
}
