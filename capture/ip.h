/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_IP_H
#define CAPTURE_IP_H

#include "capture/decode.h"
#include "capture/link.h"

/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers: addresses, upper protocol, and where its bytes lie.
 */

enum ip_protocol { IP_ICMP = 1, IP_TCP = 6, IP_ICMPV6 = 58 };

struct ip_packet {
    const uint8_t *from, *to; /* 4 or 16 bytes, borrowed from the packet */
    const uint8_t *payload;   /* what follows the headers, borrowed */
    uint32_t captured_bytes;  /* at payload; at most length_bytes */
    uint32_t length_bytes;    /* of the payload as it was sent; Ethernet padding is not in it */
    uint32_t fragment_id;     /* the rest is meaningful for a fragment */
    uint32_t fragment_offset; /* bytes */
    bool fragment;
    bool more_fragments;
    uint8_t family;   /* 4 or 6 */
    uint8_t protocol; /* of the payload: enum ip_protocol or any other */
};

/* Reads the headers up to the first that is no IPv6 extension header, or to a fragment header.
 * A length field of zero (segmentation offload, jumbograms) means all that the frame has; one that
 * promises more than the frame has counts as truncation. hit counts LIMIT_EXTENSION_HEADERS.
 * Returns DECODE_OK, UNDECODED_NOT_IP (version), _MALFORMED or _TRUNCATED. */
enum undecoded ip_decode(const struct link_frame *frame, struct limits_hit *hit,
                         struct ip_packet *ret_ip);

/* The same for the embedded packet of an ICMP error: n captured bytes from its IP header on, whose
 * rest was left out by the sender of the error. */
enum undecoded ip_decode_quoted(const uint8_t *bytes, uint32_t n, struct limits_hit *hit,
                                struct ip_packet *ret_ip);

/* Goes on through the IPv6 extension headers that a reassembled datagram begins with; nothing to do
 * for IPv4. Returns DECODE_OK, UNDECODED_MALFORMED or _TRUNCATED. */
enum undecoded ip_skip_extensions(struct ip_packet *ip, struct limits_hit *hit);

#endif
