/* SPDX-License-Identifier: BSD-3-Clause */
/* The usual packet decoded in one step gives what the decoders give one after another. */
#include "capture/straight.h"
#include <criterion/criterion.h>

TestSuite(straight);

static const uint8_t frame[] = {
    2,    0,    0,    0,    0,    1,    2,    0, 0,  0, 0, 2, 0x08, 0x00, /* Ethernet */
    0x45, 0,    0,    56,   0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10,   1,
    2,    3,    10,   4,    5,    6, /* IPv4 */
    0x9c, 0x40, 0x0b, 0xb8, 1,    2,    3,    4, 5,  6, 7, 8, 0x80, 0x18,
    0x20, 0x21, 0,    0,    0,    0,                          /* TCP */
    1,    1,    8,    10,   0,    0,    0,    1, 0,  0, 0, 2, /* time stamps */
    'd',  'a',  't',  'a',  0,    0,    0                     /* three bytes of padding */
};

static bool decode_by_layers(const struct packet *p, struct ip_packet *ip, struct tcp_segment *seg,
                             struct tcp_ports *ports)
{
    struct link_frame at;
    struct limits_hit hit = {0};
    return link_decode(p, &hit, &at) == DECODE_OK && ip_decode(&at, &hit, ip) == DECODE_OK &&
           !ip->fragment && ip->protocol == IP_TCP && tcp_decode(ip, seg, ports) == DECODE_OK;
}

/* True if the straight way took the packet. */
static bool compare(const struct packet *p)
{
    struct flow_key key;
    struct tcp_segment seg, other;
    struct ip_packet ip;
    struct tcp_ports ports;
    if (!straight_decode(p, &key, &seg))
        return false;
    cr_assert(decode_by_layers(p, &ip, &other, &ports));
    other.wire_bytes = p->wire_bytes;
    other.ts_ns = p->ts_ns;
    cr_assert_eq(seg.data, other.data);
    cr_assert_eq(seg.captured_bytes, other.captured_bytes);
    cr_assert_eq(seg.length_bytes, other.length_bytes);
    cr_assert(seg.seq == other.seq && seg.ack == other.ack);
    cr_assert(seg.flags == other.flags && seg.window == other.window);
    cr_assert(seg.wire_bytes == other.wire_bytes && seg.ts_ns == other.ts_ns);
    cr_assert(key.from.port == ports.from && key.to.port == ports.to);
    cr_assert(key.from.family == ip.family && key.to.family == ip.family);
    struct endpoint rest = {0};
    cr_assert_eq(memcmp(key.from.addr, ip.from, 4), 0);
    cr_assert_eq(memcmp(key.to.addr, ip.to, 4), 0);
    cr_assert_eq(memcmp(key.from.addr + 4, rest.addr, 12), 0);
    cr_assert_eq(memcmp(key.to.addr + 4, rest.addr, 12), 0);
    return true;
}

static struct packet packet_of(const uint8_t *data, uint32_t n)
{
    return (struct packet){data, n, sizeof(frame), 1234567, 9, LINK_ETHERNET};
}

Test(straight, every_cut)
{
    for (uint32_t n = 0; n <= sizeof(frame); n++) {
        struct packet p = packet_of(frame, n);
        cr_assert_eq(compare(&p), n >= STRAIGHT_BYTES + 12, "%u", n);
    }
}

Test(straight, every_byte_of_any_value)
{
    unsigned taken = 0;
    for (size_t i = 0; i < STRAIGHT_BYTES + 12; i++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t bytes[sizeof(frame)];
            memcpy(bytes, frame, sizeof(frame));
            bytes[i] = (uint8_t)value;
            struct packet p = packet_of(bytes, sizeof(bytes));
            taken += compare(&p);
        }
    }
    cr_assert_gt(taken, 50 * 256);
}

Test(straight, other_links)
{
    struct packet p = packet_of(frame, sizeof(frame));
    p.link_type = LINK_RAW;
    cr_assert(!compare(&p));
}
