/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_DECODE_H
#define CAPTURE_DECODE_H

#include "base/limits.h"
#include "capture/packet.h"
#include <stdbool.h>

/* Why a packet did not become a TCP segment. */
enum undecoded {
    UNDECODED_LINK_TYPE, /* this link type is not known */
    UNDECODED_NOT_IP,    /* ARP, LLDP, ... */
    UNDECODED_NOT_TCP,   /* another IP protocol */
    UNDECODED_MALFORMED, /* a header contradicts itself */
    UNDECODED_TRUNCATED, /* the snap length cut off a header */
    UNDECODED_FRAGMENT,  /* of a datagram that was never completed */
    UNDECODED_COUNT
};

/*
 * What the decoding steps (link, ip, fragment, tcp) share. Each returns the reason why a packet
 * goes no further, or DECODE_OK; outputs are written on DECODE_OK only. Everything that they hand
 * on borrows the packet's bytes.
 */
#define DECODE_OK UNDECODED_COUNT

/* Why a header was not complete: the snap length took it, or it never was. */
static inline enum undecoded decode_short(bool truncated)
{
    return truncated ? UNDECODED_TRUNCATED : UNDECODED_MALFORMED;
}

#endif
