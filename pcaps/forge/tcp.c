/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP segments in IPv4 and IPv6, built by libnet, and what may lie around them. */
#include "forge.h"
#include <libnet.h>

#define WINDOW         65000
#define TTL            64
#define FRAGMENT_BYTES 64
#define PADDED_BYTES   60 /* shortest Ethernet frame without its check sum */
#define TYPE_IPV4      0x0800
#define TYPE_IPV6      0x86dd
#define TYPE_VLAN      0x8100
#define TYPE_QINQ      0x88a8
#define NEXT_ROUTING   43
#define NEXT_FRAGMENT  44
#define NEXT_DESTOPTS  60

struct bytes {
    uint8_t p[FORGE_FRAME_BYTES];
    size_t n;
};

static libnet_t *builder(void)
{
    char error[LIBNET_ERRBUF_SIZE];
    libnet_t *l = libnet_init(LIBNET_NONE, NULL, error);
    if (!l) {
        fprintf(stderr, "forge: %s\n", error);
        exit(1);
    }
    return l;
}

static void need(libnet_t *l, int result)
{
    if (result < 0) {
        fprintf(stderr, "forge: %s\n", libnet_geterror(l));
        exit(1);
    }
}

/* Takes what was built and releases the builder. */
static void finish(libnet_t *l, struct bytes *ret_bytes)
{
    uint8_t *packet;
    uint32_t n;
    need(l, libnet_pblock_coalesce(l, &packet, &n));
    memcpy(ret_bytes->p, packet, n);
    ret_bytes->n = n;
    libnet_adv_free_packet(l, packet);
    libnet_destroy(l);
}

static uint32_t address4(uint8_t host)
{
    return htonl(UINT32_C(0x0a000000) | host);
}

static struct libnet_in6_addr address6(uint8_t host)
{
    struct libnet_in6_addr a = {0};
    uint8_t *p = a.__u6_addr.__u6_addr8;
    p[0] = 0x20;
    p[1] = 0x01;
    p[2] = 0x0d;
    p[3] = 0xb8;
    p[15] = host;
    return a;
}

/* The IP header in front of what the builder holds, or of a payload of n bytes. */
static void add_ip(libnet_t *l, const struct tcp *c, enum side from, uint8_t next, uint16_t frag,
                   const struct bytes *payload, size_t n)
{
    enum side to = from == CLIENT ? SERVER : CLIENT;
    const uint8_t *p = payload ? payload->p : NULL;
    uint32_t p_bytes = payload ? (uint32_t)payload->n : 0;
    if (c->v6) {
        need(l, libnet_build_ipv6(0, 0, (uint16_t)n, next, TTL, address6(c->host[from]),
                                  address6(c->host[to]), p, p_bytes, l, 0));
        return;
    }
    uint16_t id = (uint16_t)(c->seq[from] ^ c->seq[from] >> 16);
    need(l, libnet_build_ipv4((uint16_t)(LIBNET_IPV4_H + n), 0, id, frag, TTL, next, 0,
                              address4(c->host[from]), address4(c->host[to]), p, p_bytes, l, 0));
}

/* The whole IP packet with one segment. */
static void build_segment(const struct tcp *c, enum side from, uint8_t flags, uint32_t seq,
                          const void *bytes, size_t n, struct bytes *ret_bytes)
{
    libnet_t *l = builder();
    enum side to = from == CLIENT ? SERVER : CLIENT;
    uint32_t ack = flags & FORGE_ACK ? c->seq[to] : 0;
    uint16_t tcp_bytes = (uint16_t)(LIBNET_TCP_H + n);
    need(l, libnet_build_tcp(c->port[from], c->port[to], seq, ack, flags, WINDOW, 0, 0, tcp_bytes,
                             n ? bytes : NULL, (uint32_t)n, l, 0));
    add_ip(l, c, from, IPPROTO_TCP, 0, NULL, tcp_bytes);
    finish(l, ret_bytes);
}

static size_t ip_header_bytes(const struct tcp *c)
{
    return c->v6 ? LIBNET_IPV6_H : LIBNET_IPV4_H;
}

/* What follows the IP header. */
static struct bytes inner_of(const struct tcp *c, const struct bytes *ip)
{
    struct bytes inner = {.n = ip->n - ip_header_bytes(c)};
    memcpy(inner.p, ip->p + ip_header_bytes(c), inner.n);
    return inner;
}

static uint16_t type_of(const struct tcp *c)
{
    return c->v6 ? TYPE_IPV6 : TYPE_IPV4;
}

static void frame_fragment(struct tcp *c, enum side from, const struct bytes *inner, size_t at)
{
    bool more = at + FRAGMENT_BYTES < inner->n;
    struct bytes part = {.n = more ? FRAGMENT_BYTES : inner->n - at}, ip;
    memcpy(part.p, inner->p + at, part.n);
    libnet_t *l = builder();
    if (c->v6) {
        uint16_t where = (uint16_t)(at | more);
        need(l, libnet_build_ipv6_frag(IPPROTO_TCP, 0, htons(where), c->seq[from], part.p,
                                       (uint32_t)part.n, l, 0));
        add_ip(l, c, from, NEXT_FRAGMENT, 0, NULL, LIBNET_IPV6_FRAG_H + part.n);
    } else {
        uint16_t where = (uint16_t)(at / 8 | (more ? IP_MF : 0));
        add_ip(l, c, from, IPPROTO_TCP, where, &part, part.n);
    }
    finish(l, &ip);
    forge_frame(c->forge, type_of(c), ip.p, ip.n);
}

static void frame_fragments(struct tcp *c, enum side from, const struct bytes *ip)
{
    struct bytes inner = inner_of(c, ip);
    size_t parts = (inner.n + FRAGMENT_BYTES - 1) / FRAGMENT_BYTES;
    for (size_t i = 0; i < parts; i++) {
        size_t part = c->reversed_fragments ? parts - 1 - i : i;
        frame_fragment(c, from, &inner, part * FRAGMENT_BYTES);
    }
}

static void frame_extended(struct tcp *c, enum side from, const struct bytes *ip)
{
    static const uint8_t padding[6] = {1, 4}; /* PadN */
    struct bytes inner = inner_of(c, ip), chain = {0};
    /* Each header is 8 bytes: next header, length 0, and padding or an empty routing header. */
    const uint8_t headers[3][2] = {{NEXT_ROUTING, 0}, {NEXT_DESTOPTS, 0}, {IPPROTO_TCP, 0}};
    for (size_t i = 0; i < 3; i++) {
        memcpy(chain.p + chain.n, headers[i], 2);
        if (i != 1)
            memcpy(chain.p + chain.n + 2, padding, sizeof padding);
        else
            chain.p[chain.n + 2] = 253; /* the type for experiments, no segments left */
        chain.n += 8;
    }
    memcpy(chain.p + chain.n, inner.p, inner.n);
    chain.n += inner.n;
    struct bytes extended;
    libnet_t *l = builder();
    add_ip(l, c, from, 0, 0, &chain, chain.n);
    finish(l, &extended);
    forge_frame(c->forge, TYPE_IPV6, extended.p, extended.n);
}

static void frame_tagged(struct tcp *c, const struct bytes *ip)
{
    struct bytes tagged = {.n = 0};
    const uint8_t outer[4] = {0x01, 0x00, TYPE_VLAN >> 8, TYPE_VLAN & 0xff};
    const uint8_t inner[4] = {0x20, 0x2a, (uint8_t)(type_of(c) >> 8), (uint8_t)type_of(c)};
    if (c->wrap == WRAP_QINQ) {
        memcpy(tagged.p, outer, sizeof outer);
        tagged.n += sizeof outer;
    }
    memcpy(tagged.p + tagged.n, inner, sizeof inner);
    tagged.n += sizeof inner;
    memcpy(tagged.p + tagged.n, ip->p, ip->n);
    tagged.n += ip->n;
    forge_frame(c->forge, c->wrap == WRAP_QINQ ? TYPE_QINQ : TYPE_VLAN, tagged.p, tagged.n);
}

static void frame_wrapped(struct tcp *c, enum side from, const struct bytes *ip)
{
    switch (c->wrap) {
    case WRAP_NONE:
        forge_frame(c->forge, type_of(c), ip->p, ip->n);
        break;
    case WRAP_PADDED:
        forge_frame(c->forge, type_of(c), ip->p, ip->n);
        if (ip->n + LIBNET_ETH_H < PADDED_BYTES)
            forge_pad(c->forge, PADDED_BYTES - ip->n - LIBNET_ETH_H);
        break;
    case WRAP_VLAN:
    case WRAP_QINQ:
        frame_tagged(c, ip);
        break;
    case WRAP_FRAGMENTS:
        frame_fragments(c, from, ip);
        break;
    case WRAP_EXTENSIONS:
        frame_extended(c, from, ip);
        break;
    }
}

struct tcp tcp_init(struct forge *f)
{
    return (struct tcp){
        .forge = f,
        .host = {1, 2},
        .port = {40000, 3000},
        .seq = {1000, 500000},
        .part_bytes = FORGE_MSS,
    };
}

size_t tcp_segment(struct tcp *c, enum side from, uint8_t flags, uint32_t seq, const void *bytes,
                   size_t n)
{
    size_t index = forge_count(c->forge);
    struct bytes ip;
    build_segment(c, from, flags, seq, bytes, n, &ip);
    frame_wrapped(c, from, &ip);
    return index;
}

size_t tcp_send(struct tcp *c, enum side from, uint8_t flags, const void *bytes, size_t n)
{
    size_t index = tcp_segment(c, from, flags, c->seq[from], bytes, n);
    c->seq[from] += (uint32_t)n + !!(flags & (FORGE_SYN | FORGE_FIN));
    return index;
}

void tcp_open(struct tcp *c)
{
    tcp_send(c, CLIENT, FORGE_SYN, NULL, 0);
    tcp_send(c, SERVER, FORGE_SYN | FORGE_ACK, NULL, 0);
    tcp_send(c, CLIENT, FORGE_ACK, NULL, 0);
}

size_t tcp_data(struct tcp *c, enum side from, const char *text)
{
    size_t index = forge_count(c->forge);
    for (size_t left = strlen(text), n; left > 0; left -= n, text += n) {
        n = left < c->part_bytes ? left : c->part_bytes;
        tcp_send(c, from, n == left ? FORGE_PSH | FORGE_ACK : FORGE_ACK, text, n);
    }
    tcp_send(c, from == CLIENT ? SERVER : CLIENT, FORGE_ACK, NULL, 0);
    return index;
}

void tcp_close(struct tcp *c)
{
    tcp_send(c, CLIENT, FORGE_FIN | FORGE_ACK, NULL, 0);
    tcp_send(c, SERVER, FORGE_FIN | FORGE_ACK, NULL, 0);
    tcp_send(c, CLIENT, FORGE_ACK, NULL, 0);
}

void tcp_unreachable(struct tcp *c)
{
    struct bytes syn, error;
    build_segment(c, CLIENT, FORGE_SYN, c->seq[CLIENT] - 1, NULL, 0, &syn);
    libnet_t *l = builder();
    need(l, libnet_build_icmpv4_unreach(ICMP_UNREACH, ICMP_UNREACH_HOST, 0, syn.p, (uint32_t)syn.n,
                                        l, 0));
    add_ip(l, c, SERVER, IPPROTO_ICMP, 0, NULL, LIBNET_ICMPV4_UNREACH_H + syn.n);
    finish(l, &error);
    forge_frame(c->forge, TYPE_IPV4, error.p, error.n);
}
