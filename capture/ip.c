/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPv4 by RFC 791, IPv6 and its extension headers by RFC 8200, authentication header by RFC 4302.
 *
 * The length that counts is IP's own: a frame may be padded behind it (Ethernet's minimum of 60
 * bytes) or be cut by the snap length before it. Checksums are not verified: offload makes them
 * wrong in good captures. Options, traffic class, hop limit and flow label are not looked at.
 */
#include "capture/ip.h"

#define IPV4_HEADER_BYTES  20u
#define IPV4_MORE          0x2000
#define IPV4_OFFSET_MASK   0x1fff
#define IPV6_MORE          0x0001
#define IPV6_OFFSET_MASK   0xfff8
#define IPV6_ADDRESS_BYTES 16

enum {
    NEXT_HOP_BY_HOP = 0,
    NEXT_ROUTING = 43,
    NEXT_FRAGMENT = 44,
    NEXT_AUTHENTICATION = 51,
    NEXT_DESTINATION = 60,
    NEXT_MOBILITY = 135,
    NEXT_HIP = 139,
    NEXT_SHIM6 = 140
};

static void set_payload(struct ip_packet *ip, const struct cursor *at, uint32_t length)
{
    size_t left = cursor_left(at);
    ip->payload = at->at;
    ip->length_bytes = length;
    ip->captured_bytes = left < length ? (uint32_t)left : length;
}

static enum undecoded decode_v4(const struct link_frame *frame, bool quoted,
                                struct ip_packet *ret_ip)
{
    struct cursor at = frame->at;
    bool truncated = frame->wire_bytes > cursor_left(&at);
    struct ip_packet ip = {.family = 4};
    uint32_t header = (cursor_u8(&at) & 0x0fu) * 4;
    cursor_skip(&at, 1);
    uint32_t total = cursor_be16(&at);
    ip.fragment_id = cursor_be16(&at);
    uint16_t fragment = cursor_be16(&at);
    cursor_skip(&at, 1);
    ip.protocol = cursor_u8(&at);
    cursor_skip(&at, 2);
    ip.from = cursor_take(&at, 4);
    ip.to = cursor_take(&at, 4);
    if (at.short_read)
        return decode_short(truncated);
    if (header < IPV4_HEADER_BYTES)
        return UNDECODED_MALFORMED;
    cursor_skip(&at, header - IPV4_HEADER_BYTES);
    if (at.short_read)
        return decode_short(truncated || quoted);
    if (total == 0)
        total = frame->wire_bytes;
    if (total < header)
        return UNDECODED_MALFORMED;
    ip.fragment_offset = (fragment & IPV4_OFFSET_MASK) * 8u;
    ip.more_fragments = (fragment & IPV4_MORE) != 0;
    ip.fragment = ip.more_fragments || ip.fragment_offset > 0;
    set_payload(&ip, &at, total - header);
    *ret_ip = ip;
    return DECODE_OK;
}

static bool is_extension(uint8_t next)
{
    switch (next) {
    case NEXT_HOP_BY_HOP:
    case NEXT_ROUTING:
    case NEXT_FRAGMENT:
    case NEXT_AUTHENTICATION:
    case NEXT_DESTINATION:
    case NEXT_MOBILITY:
    case NEXT_HIP:
    case NEXT_SHIM6:
        return true;
    }
    return false;
}

/* Reads one extension header at at; ip->protocol names it and becomes what follows it. */
static void skip_extension(struct ip_packet *ip, struct cursor *at)
{
    uint8_t type = ip->protocol;
    ip->protocol = cursor_u8(at);
    uint8_t size = cursor_u8(at);
    if (type == NEXT_AUTHENTICATION) {
        cursor_skip(at, (size + 2u) * 4 - 2);
        return;
    }
    if (type != NEXT_FRAGMENT) {
        cursor_skip(at, (size + 1u) * 8 - 2);
        return;
    }
    uint16_t fragment = cursor_be16(at);
    ip->fragment_id = cursor_be32(at);
    ip->fragment_offset = fragment & IPV6_OFFSET_MASK;
    ip->more_fragments = (fragment & IPV6_MORE) != 0;
    ip->fragment = ip->more_fragments || ip->fragment_offset > 0;
}

enum undecoded ip_skip_extensions(struct ip_packet *ip, struct limits_hit *hit)
{
    if (ip->family != 6)
        return DECODE_OK;
    struct cursor at = cursor_make(ip->payload, ip->captured_bytes);
    bool truncated = ip->captured_bytes < ip->length_bytes;
    ip->fragment = false;
    for (unsigned headers = 0; is_extension(ip->protocol) && !ip->fragment; headers++) {
        if (headers == LIMIT_EXTENSION_HEADERS) {
            limits_hit_add(hit, LIMIT_ID_EXTENSION_HEADERS);
            return UNDECODED_MALFORMED;
        }
        skip_extension(ip, &at);
        if (at.short_read)
            return decode_short(truncated);
    }
    uint32_t used = (uint32_t)(at.at - ip->payload);
    ip->payload = at.at;
    ip->captured_bytes -= used;
    ip->length_bytes -= used;
    return DECODE_OK;
}

static enum undecoded decode_v6(const struct link_frame *frame, struct limits_hit *hit,
                                struct ip_packet *ret_ip)
{
    struct cursor at = frame->at;
    bool truncated = frame->wire_bytes > cursor_left(&at);
    struct ip_packet ip = {.family = 6};
    cursor_skip(&at, 4);
    uint32_t length = cursor_be16(&at);
    ip.protocol = cursor_u8(&at);
    cursor_skip(&at, 1);
    ip.from = cursor_take(&at, IPV6_ADDRESS_BYTES);
    ip.to = cursor_take(&at, IPV6_ADDRESS_BYTES);
    if (at.short_read)
        return decode_short(truncated);
    if (length == 0)
        length = frame->wire_bytes - (uint32_t)(at.at - frame->at.at);
    set_payload(&ip, &at, length);
    enum undecoded reason = ip_skip_extensions(&ip, hit);
    if (reason == DECODE_OK)
        *ret_ip = ip;
    return reason;
}

static enum undecoded decode(const struct link_frame *frame, bool quoted, struct limits_hit *hit,
                             struct ip_packet *ret_ip)
{
    struct cursor at = frame->at;
    uint8_t first = cursor_u8(&at);
    if (at.short_read)
        return decode_short(frame->wire_bytes > 0);
    if (first >> 4 == 4)
        return decode_v4(frame, quoted, ret_ip);
    if (first >> 4 == 6)
        return decode_v6(frame, hit, ret_ip);
    return UNDECODED_NOT_IP;
}

enum undecoded ip_decode(const struct link_frame *frame, struct limits_hit *hit,
                         struct ip_packet *ret_ip)
{
    return decode(frame, false, hit, ret_ip);
}

enum undecoded ip_decode_quoted(const uint8_t *bytes, uint32_t n, struct limits_hit *hit,
                                struct ip_packet *ret_ip)
{
    struct link_frame frame = {cursor_make(bytes, n), n};
    return decode(&frame, true, hit, ret_ip);
}
