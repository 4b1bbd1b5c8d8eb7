/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a frame to its IP header. IEEE 802.3 and 802.1Q, and the link-layer header types of the
 * tcpdump project.
 *
 * Ignored on purpose: which VLAN, interface or packet type (incoming, outgoing) a frame is of: the
 * same TCP segment seen on two of them is a retransmission; 802.3 length frames with LLC or SNAP,
 * MPLS, PPPoE and tunnels, which count as not IP.
 */
#include "capture/link.h"

#define ETHERTYPE_IPV4     0x0800
#define ETHERTYPE_IPV6     0x86dd
#define ETHERTYPE_VLAN     0x8100
#define ETHERTYPE_VLAN_AD  0x88a8
#define ETHERTYPE_VLAN_OLD 0x9100 /* 802.1Q in 802.1Q before 802.1ad gave it a number */

#define SLL_SKIP_BYTES  14 /* packet type, ARPHRD, address; then the protocol */
#define SLL2_SKIP_BYTES 18 /* after the protocol */

static bool is_vlan(uint16_t type)
{
    return type == ETHERTYPE_VLAN || type == ETHERTYPE_VLAN_AD || type == ETHERTYPE_VLAN_OLD;
}

/* Skips the tags and tells whether IP follows. */
static enum undecoded skip_tags(struct cursor *at, uint16_t type, struct limits_hit *hit)
{
    for (unsigned tags = 0; is_vlan(type); tags++) {
        if (tags == LIMIT_EXTENSION_HEADERS) {
            limits_hit_add(hit, LIMIT_ID_EXTENSION_HEADERS);
            return UNDECODED_MALFORMED;
        }
        cursor_skip(at, 2);
        type = cursor_be16(at);
    }
    if (at->short_read || type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6)
        return DECODE_OK;
    return UNDECODED_NOT_IP;
}

/* The address family is in the byte order of the capturing machine, and its number for IPv6 is
 * another on every system: Linux, NetBSD and OpenBSD, FreeBSD, macOS. */
static enum undecoded null_family(uint32_t family)
{
    if (family > 0xffff)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2:
    case 10:
    case 24:
    case 28:
    case 30:
        return DECODE_OK;
    }
    return UNDECODED_NOT_IP;
}

static enum undecoded skip_link(struct cursor *at, int link_type, struct limits_hit *hit)
{
    uint16_t type;
    switch (link_type) {
    case LINK_ETHERNET:
        cursor_skip(at, 12);
        type = cursor_be16(at);
        return skip_tags(at, type, hit);
    case LINK_SLL:
        cursor_skip(at, SLL_SKIP_BYTES);
        type = cursor_be16(at);
        return skip_tags(at, type, hit);
    case LINK_SLL2:
        type = cursor_be16(at);
        cursor_skip(at, SLL2_SKIP_BYTES);
        return skip_tags(at, type, hit);
    case LINK_NULL:
    case LINK_LOOP: {
        uint32_t family = cursor_be32(at);
        return at->short_read ? DECODE_OK : null_family(family);
    }
    case LINK_RAW_LINUX:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
        return DECODE_OK;
    }
    return UNDECODED_LINK_TYPE;
}

enum undecoded link_decode(const struct packet *p, struct limits_hit *hit,
                           struct link_frame *ret_frame)
{
    struct cursor at = cursor_make(p->data, p->captured_bytes);
    uint32_t wire = p->wire_bytes > p->captured_bytes ? p->wire_bytes : p->captured_bytes;
    enum undecoded reason = skip_link(&at, p->link_type, hit);
    if (at.short_read)
        return decode_short(wire > p->captured_bytes);
    if (reason != DECODE_OK)
        return reason;
    ret_frame->at = at;
    ret_frame->wire_bytes = wire - (p->captured_bytes - (uint32_t)cursor_left(&at));
    return DECODE_OK;
}
