/* SPDX-License-Identifier: BSD-3-Clause */
/* See packets.h. */
#include "tests/support/packets.h"
#include <assert.h>
#include <string.h>

#define NEXT_FRAGMENT 44

void packets_be16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void packets_be32(uint8_t *at, uint32_t value)
{
    packets_be16(at, (uint16_t)(value >> 16));
    packets_be16(at + 2, (uint16_t)value);
}

void packets_begin(struct packets *p, const void *payload, size_t n)
{
    assert(n <= PACKETS_MAX);
    p->start = PACKETS_ROOM;
    p->n = (uint32_t)n;
    if (n > 0)
        memcpy(p->space + p->start, payload, n);
}

void packets_prepend(struct packets *p, const void *header, size_t n)
{
    assert(n <= p->start);
    p->start -= (uint32_t)n;
    p->n += (uint32_t)n;
    memcpy(p->space + p->start, header, n);
}

void packets_append(struct packets *p, const void *bytes, size_t n)
{
    assert(p->start + p->n + n <= sizeof(p->space));
    memcpy(p->space + p->start + p->n, bytes, n);
    p->n += (uint32_t)n;
}

void packets_tcp(struct packets *p, const struct packets_tcp *tcp)
{
    uint8_t h[60];
    assert(tcp->options_bytes <= 40 && tcp->options_bytes % 4 == 0);
    memset(h, 0, 20);
    memset(h + 20, 1, 40);
    packets_be16(h, tcp->from_port);
    packets_be16(h + 2, tcp->to_port);
    packets_be32(h + 4, tcp->seq);
    packets_be32(h + 8, tcp->ack);
    h[12] = (uint8_t)((20 + tcp->options_bytes) / 4 << 4);
    h[13] = tcp->flags;
    packets_be16(h + 14, tcp->zero_window ? 0 : tcp->window ? tcp->window : 65535);
    packets_prepend(p, h, 20u + tcp->options_bytes);
}

void packets_ipv4(struct packets *p, const struct packets_ip *ip)
{
    uint8_t h[60] = {0};
    uint8_t header = (uint8_t)(20 + ip->options);
    memset(h + 20, 1, 40);
    h[0] = (uint8_t)(0x40 | header / 4);
    packets_be16(h + 2, ip->zero_length ? 0 : (uint16_t)(p->n + header));
    packets_be16(h + 4, (uint16_t)ip->id);
    packets_be16(h + 6, (uint16_t)(ip->offset / 8 | (ip->more ? 0x2000 : 0)));
    h[8] = 64;
    h[9] = ip->protocol;
    packets_be32(h + 12, 0x0a000000u + ip->from);
    packets_be32(h + 16, 0x0a000000u + ip->to);
    packets_prepend(p, h, header);
}

void packets_ipv6(struct packets *p, const struct packets_ip *ip)
{
    uint8_t h[40] = {0x60};
    uint8_t next = ip->protocol;
    if (ip->offset > 0 || ip->more) {
        uint8_t fragment[8] = {next};
        packets_be16(fragment + 2, (uint16_t)(ip->offset | (ip->more ? 1 : 0)));
        packets_be32(fragment + 4, ip->id);
        packets_prepend(p, fragment, sizeof(fragment));
        next = NEXT_FRAGMENT;
    }
    packets_be16(h + 4, ip->zero_length ? 0 : (uint16_t)p->n);
    h[6] = next;
    h[7] = 64;
    h[8] = h[24] = 0xfd;
    h[23] = ip->from;
    h[39] = ip->to;
    packets_prepend(p, h, sizeof(h));
}

void packets_ethernet(struct packets *p, uint16_t type)
{
    uint8_t h[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    packets_be16(h + 12, type);
    packets_prepend(p, h, sizeof(h));
}

/* The tag's own type belongs to the header in front; here are its number and the type behind it. */
void packets_vlan(struct packets *p, uint16_t type)
{
    uint8_t h[4] = {0, 42};
    packets_be16(h + 2, type);
    packets_prepend(p, h, sizeof(h));
}
