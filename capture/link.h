/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_LINK_H
#define CAPTURE_LINK_H

#include "base/cursor.h"
#include "capture/decode.h"

/*
 * Link layer headers: Ethernet II with any stack of 802.1Q and 802.1ad tags, Linux cooked v1 and
 * v2, BSD null and loop, raw IP. What they carry is IP or is not looked at.
 */

/* The link types known here, by their numbers in the registry of link-layer header types; for the
 * ones that captures of this machine use, DLT_* and LINKTYPE_* are the same. */
enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_LINUX = 12, /* DLT_RAW */
    LINK_RAW = 101,      /* LINKTYPE_RAW */
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276
};

/* What is behind the link header: an IP packet, perhaps with padding behind it. */
struct link_frame {
    struct cursor at;    /* captured bytes from the IP header on */
    uint32_t wire_bytes; /* original bytes from the IP header on; at least cursor_left(&at) */
};

/* Finds the IP header of p. hit counts LIMIT_EXTENSION_HEADERS for endless tag stacks.
 * Returns DECODE_OK, UNDECODED_LINK_TYPE, _NOT_IP, _MALFORMED or _TRUNCATED. */
enum undecoded link_decode(const struct packet *p, struct limits_hit *hit,
                           struct link_frame *ret_frame);

#endif
