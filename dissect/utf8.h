/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_UTF8_H
#define DISSECT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters of UTF-8 (RFC 3629). Private to the parsers. */

static inline bool utf8_continues(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* The length of the character at p; 0 if it is none; -1 if the text of n bytes, one at least, ends
 * inside of it. */
static inline int utf8_length(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    int length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n < 2)
        return -1;
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;  /* no overlong forms */
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf; /* no surrogates; to U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (int i = 2; i < length; i++) {
        if ((size_t)i >= n)
            return -1;
        if (!utf8_continues(p[i]))
            return 0;
    }
    return length;
}

#endif
