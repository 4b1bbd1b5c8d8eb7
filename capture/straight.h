/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_STRAIGHT_H
#define CAPTURE_STRAIGHT_H

#include "base/cursor.h"
#include "capture/flow.h"
#include "capture/link.h"
#include "capture/packet.h"
#include "capture/tcp.h"
#include <string.h>

/*
 * The usual packet in one step: Ethernet without tags, IPv4 without options and fragments, TCP. It
 * gives what link.h, ip.h and tcp.h give one after another, or says that it does not know.
 */

#define STRAIGHT_BYTES 54 /* 14 of Ethernet, 20 of IPv4, 20 of TCP */

static inline uint32_t straight_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t straight_be32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

/* In words as they are read soon: from stores of other sizes that would have to wait. */
static inline void straight_endpoint(struct endpoint *ep, const uint8_t *address, uint16_t port)
{
    uint64_t words[2] = {0, 0};
    memcpy(words, address, 4);
    memcpy(ep->addr, &words[0], 8);
    memcpy(ep->addr + 8, &words[1], 8);
    ep->port = port;
    ep->family = 4;
    ep->zero = 0;
}

/* Reads all headers of p. False: another packet, or one with an error; nothing was written. */
static inline bool straight_decode(const struct packet *p, struct flow_key *ret_key,
                                   struct tcp_segment *ret_segment)
{
    struct cursor at = cursor_make(p->data, p->captured_bytes);
    const uint8_t *h = p->link_type == LINK_ETHERNET ? cursor_take(&at, STRAIGHT_BYTES) : NULL;
    /* EtherType, version and header length, more fragments and offset, protocol */
    if (!h || straight_be16(h + 12) != 0x0800 || h[14] != 0x45 ||
        (straight_be16(h + 20) & 0x3fff) != 0 || h[23] != IP_TCP)
        return false;
    uint32_t total = straight_be16(h + 16), header = (h[46] >> 4) * 4u;
    uint32_t length = total - 20;
    if (total < 20 + header || header < 20 || !cursor_take(&at, header - 20))
        return false;
    size_t left = cursor_left(&at);
    uint8_t flags = h[47];
    straight_endpoint(&ret_key->from, h + 26, (uint16_t)straight_be16(h + 34));
    straight_endpoint(&ret_key->to, h + 30, (uint16_t)straight_be16(h + 36));
    *ret_segment = (struct tcp_segment){
        .data = at.at,
        .captured_bytes = left < length - header ? (uint32_t)left : length - header,
        .length_bytes = length - header,
        .seq = straight_be32(h + 38),
        .ack = straight_be32(h + 42),
        .wire_bytes = p->wire_bytes,
        .window = (uint16_t)straight_be16(h + 48),
        .flags = flags & TCP_SYN ? flags & (uint8_t)~TCP_FIN : flags,
        .ts_ns = p->ts_ns};
    return true;
}

#endif
