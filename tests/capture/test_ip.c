/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/ip.h"
#include "capture/tcp.h"
#include "tests/support/packets.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct limits_hit hit;
static uint8_t *exact;

/* Decodes the first captured bytes of p, whose original length is wire. */
static enum undecoded decode(const struct packets *p, uint32_t captured, uint32_t wire,
                             struct ip_packet *ret_ip)
{
    free(exact);
    exact = malloc(captured + 1);
    memcpy(exact, packets_at(p), captured);
    struct link_frame frame = {cursor_make(exact, captured), wire};
    return ip_decode(&frame, &hit, ret_ip);
}

static void build(struct packets *p, int family, const struct packets_ip *ip)
{
    packets_begin(p, "hello", 5);
    if (family == 4)
        packets_ipv4(p, ip);
    else
        packets_ipv6(p, ip);
}

/* IPv4 with and without options and IPv6, cut at every byte. */
Test(ip, headers_and_every_cut)
{
    static const struct packets_ip cases[3] = {{.from = 1, .to = 2, .protocol = 6},
                                               {.from = 1, .to = 2, .protocol = 6, .options = 40},
                                               {.from = 1, .to = 2, .protocol = 6}};
    for (int i = 0; i < 3; i++) {
        struct packets p;
        build(&p, i < 2 ? 4 : 6, &cases[i]);
        for (uint32_t n = 0; n <= p.n; n++) {
            struct ip_packet ip;
            enum undecoded reason = decode(&p, n, p.n, &ip);
            if (n < p.n - 5) {
                cr_assert_eq(reason, UNDECODED_TRUNCATED);
                cr_assert_eq(decode(&p, n, n, &ip), UNDECODED_MALFORMED);
                continue;
            }
            cr_assert_eq(reason, DECODE_OK);
            cr_assert_eq(ip.family, i < 2 ? 4 : 6);
            cr_assert_eq(ip.protocol, 6);
            cr_assert_eq(ip.from[ip.family == 4 ? 3 : 15], 1);
            cr_assert_eq(ip.to[ip.family == 4 ? 3 : 15], 2);
            cr_assert_eq(ip.length_bytes, 5);
            cr_assert_eq(ip.captured_bytes, n - (p.n - 5));
            cr_assert(!ip.fragment);
        }
    }
}

Test(ip, ethernet_padding_is_trimmed)
{
    for (int family = 4; family <= 6; family += 2) {
        struct packets p;
        struct ip_packet ip;
        build(&p, family, &(struct packets_ip){.protocol = 6});
        packets_append(&p, "\0\0\0\0\0\0", 6);
        cr_assert_eq(decode(&p, p.n, p.n, &ip), DECODE_OK);
        cr_assert_eq(ip.length_bytes, 5);
        cr_assert_eq(ip.captured_bytes, 5);
    }
}

Test(ip, zero_length_means_all_of_the_frame)
{
    for (int family = 4; family <= 6; family += 2) {
        struct packets p;
        struct ip_packet ip;
        build(&p, family, &(struct packets_ip){.protocol = 6, .zero_length = true});
        cr_assert_eq(decode(&p, p.n, p.n + 70000, &ip), DECODE_OK);
        cr_assert_eq(ip.length_bytes, 70005);
        cr_assert_eq(ip.captured_bytes, 5);
    }
}

Test(ip, promise_beyond_the_frame_is_truncation)
{
    struct packets p;
    struct ip_packet ip;
    build(&p, 4, &(struct packets_ip){.protocol = 6});
    p.n -= 2;
    cr_assert_eq(decode(&p, p.n, p.n, &ip), DECODE_OK);
    cr_assert_eq(ip.length_bytes, 5);
    cr_assert_eq(ip.captured_bytes, 3);
}

Test(ip, contradictions)
{
    struct packets p;
    struct ip_packet ip;
    build(&p, 4, &(struct packets_ip){.protocol = 6});
    p.space[p.start] = 0x44; /* header of 16 bytes */
    cr_assert_eq(decode(&p, p.n, p.n, &ip), UNDECODED_MALFORMED);
    p.space[p.start] = 0x45;
    packets_be16(p.space + p.start + 2, 19); /* shorter than its header */
    cr_assert_eq(decode(&p, p.n, p.n, &ip), UNDECODED_MALFORMED);
    p.space[p.start] = 0x55;
    cr_assert_eq(decode(&p, p.n, p.n, &ip), UNDECODED_NOT_IP);
}

Test(ip, fragments)
{
    for (int family = 4; family <= 6; family += 2) {
        struct packets p;
        struct ip_packet ip;
        build(&p, family, &(struct packets_ip){.protocol = 6, .id = 77, .offset = 1480});
        cr_assert_eq(decode(&p, p.n, p.n, &ip), DECODE_OK);
        cr_assert(ip.fragment && !ip.more_fragments);
        cr_assert_eq(ip.fragment_id, 77);
        cr_assert_eq(ip.fragment_offset, 1480);
        cr_assert_eq(ip.length_bytes, 5);
        build(&p, family, &(struct packets_ip){.protocol = 6, .id = 77, .more = true});
        cr_assert_eq(decode(&p, p.n, p.n, &ip), DECODE_OK);
        cr_assert(ip.fragment && ip.more_fragments && ip.fragment_offset == 0);
    }
}

/* Each kind of extension header in front of the payload, in one chain, cut at every byte. */
Test(ip, extension_headers_and_every_cut)
{
    struct packets p;
    uint8_t options[16] = {51, 1}, authentication[24] = {43, 4}, routing[8] = {44, 0};
    uint8_t atomic[8] = {6, 0}; /* a fragment header that says: not fragmented */
    packets_begin(&p, "hello", 5);
    packets_prepend(&p, atomic, 8);
    packets_prepend(&p, routing, 8);
    packets_prepend(&p, authentication, 24);
    packets_prepend(&p, options, 16);
    packets_ipv6(&p, &(struct packets_ip){.protocol = 60});
    for (uint32_t n = 40; n <= p.n; n++) {
        struct ip_packet ip;
        enum undecoded reason = decode(&p, n, p.n, &ip);
        if (n < p.n - 5) {
            cr_assert_eq(reason, UNDECODED_TRUNCATED);
            continue;
        }
        cr_assert_eq(reason, DECODE_OK);
        cr_assert_eq(ip.protocol, 6);
        cr_assert_eq(ip.length_bytes, 5);
        cr_assert(!ip.fragment);
    }
}

Test(ip, extension_header_beyond_the_length_is_malformed)
{
    struct packets p;
    struct ip_packet ip;
    uint8_t options[8] = {6, 9};
    packets_begin(&p, NULL, 0);
    packets_prepend(&p, options, 8);
    packets_ipv6(&p, &(struct packets_ip){.protocol = 0});
    cr_assert_eq(decode(&p, p.n, p.n, &ip), UNDECODED_MALFORMED);
}

Test(ip, endless_extension_headers_are_a_limit)
{
    for (int count = LIMIT_EXTENSION_HEADERS; count <= LIMIT_EXTENSION_HEADERS + 1; count++) {
        struct packets p;
        struct ip_packet ip;
        packets_begin(&p, "hello", 5);
        for (int i = 0; i < count; i++) {
            uint8_t options[8] = {i == 0 ? 6 : 60, 0};
            packets_prepend(&p, options, 8);
        }
        packets_ipv6(&p, &(struct packets_ip){.protocol = 60});
        enum undecoded expected = count > LIMIT_EXTENSION_HEADERS ? UNDECODED_MALFORMED : DECODE_OK;
        cr_assert_eq(decode(&p, p.n, p.n, &ip), expected);
    }
    cr_assert_eq(hit.count[LIMIT_ID_EXTENSION_HEADERS], 1);
}

/* ---- the TCP header on top ---- */

Test(ip, tcp_header_and_every_cut)
{
    struct packets p;
    packets_begin(&p, "hello", 5);
    packets_tcp(&p, &(struct packets_tcp){.from_port = 1,
                                          .to_port = 2,
                                          .seq = 3,
                                          .ack = 4,
                                          .flags = TCP_ACK,
                                          .window = 5,
                                          .options_bytes = 12});
    for (uint32_t n = 0; n <= p.n; n++) {
        struct tcp_segment seg;
        struct tcp_ports ports;
        struct ip_packet ip = {
            .payload = packets_at(&p), .captured_bytes = n, .length_bytes = p.n, .family = 4};
        if (n < 20) {
            cr_assert_eq(tcp_decode(&ip, &seg, &ports), UNDECODED_TRUNCATED);
            continue;
        }
        cr_assert_eq(tcp_decode(&ip, &seg, &ports), DECODE_OK);
        cr_assert(ports.from == 1 && ports.to == 2 && seg.seq == 3 && seg.ack == 4);
        cr_assert(seg.flags == TCP_ACK && seg.window == 5 && seg.length_bytes == 5);
        cr_assert_eq(seg.captured_bytes, n < 32 ? 0 : n - 32);
    }
}

Test(ip, tcp_contradictions)
{
    struct packets p;
    struct tcp_segment seg;
    struct tcp_ports ports;
    packets_begin(&p, "", 0);
    packets_tcp(&p, &(struct packets_tcp){.flags = TCP_SYN | TCP_FIN});
    struct ip_packet ip = {
        .payload = packets_at(&p), .captured_bytes = 20, .length_bytes = 20, .family = 4};
    cr_assert_eq(tcp_decode(&ip, &seg, &ports), DECODE_OK);
    cr_assert_eq(seg.flags, TCP_SYN);
    p.space[p.start + 12] = 0x40; /* header of 16 bytes */
    cr_assert_eq(tcp_decode(&ip, &seg, &ports), UNDECODED_MALFORMED);
    p.space[p.start + 12] = 0x60; /* of 24 in a packet of 20 */
    cr_assert_eq(tcp_decode(&ip, &seg, &ports), UNDECODED_MALFORMED);
    ip.captured_bytes = ip.length_bytes = 19;
    cr_assert_eq(tcp_decode(&ip, &seg, &ports), UNDECODED_MALFORMED);
    p.space[p.start + 12] = 0x50;
    ip.captured_bytes = 20;
    ip.length_bytes = 0x80000000u; /* of a forged record */
    cr_assert_eq(tcp_decode(&ip, &seg, &ports), UNDECODED_MALFORMED);
}
