/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_ESCAPE_H
#define DISSECT_JSON_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Backslashes in a JSON string, by blocks of up to 64 bytes, a bit for each, the lowest first.
 * Private to the JSON scanner.
 */

/* The bytes that a backslash escapes, of n (1 to 64), of which `backslashes` are backslashes.
 * *carry: 1 if the first one is, by the byte before it, else 0; becomes that of the byte behind
 * them. Without a branch, since there is no telling where backslashes are. */
static inline uint64_t json_escape_mask(uint64_t backslashes, uint64_t *carry, size_t n)
{
    const uint64_t odd = UINT64_C(0xaaaaaaaaaaaaaaaa);
    /* Of a row of backslashes the first one escapes, then each second one. Subtracting their
     * beginnings runs through a row and leaves what differs from `odd` in it. */
    uint64_t begin = backslashes & ~*carry;
    uint64_t escapes = (((begin << 1) | odd) - begin) ^ odd;
    uint64_t escaped = escapes ^ (backslashes | *carry);
    *carry = (escapes & backslashes) >> (n - 1);
    return escaped;
}

#endif
