/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_DECODE_H
#define CAPTURE_DECODE_H

#include "capture/engine.h"
#include <stdbool.h>

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
