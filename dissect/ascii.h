/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_ASCII_H
#define DISSECT_ASCII_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Protocol words, compared without regard to the case of the letters A to Z, and digits; no locale.
 * Inline because it is done for every header field. */

/* The eight bytes of a word with A to Z made lower case. */
static inline uint64_t ascii_lower8(uint64_t bytes)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t low = bytes & (0x7f * each);
    uint64_t from_a = low + (0x80 - 'A') * each;       /* high bit: at least 'A' */
    uint64_t beyond_z = low + (0x80 - 'Z' - 1) * each; /* high bit: more than 'Z' */
    uint64_t upper = from_a & ~beyond_z & ~bytes & (0x80 * each);
    return bytes | upper >> 2;
}

/* Mostly the bytes are lower case already. */
static inline bool ascii_same8(uint64_t bytes, uint64_t word)
{
    return bytes == word || ascii_lower8(bytes) == word;
}

/* Four to seven bytes as eight, those in the middle twice. */
static inline uint64_t ascii_load(const char *p, size_t n)
{
    uint32_t head, tail;
    memcpy(&head, p, 4);
    memcpy(&tail, p + n - 4, 4);
    return (uint64_t)tail << 32 | head;
}

/* Do the n bytes at p equal the lower-case word of n bytes? */
static inline bool ascii_equal(const void *p, const char *word, size_t n)
{
    const char *bytes = p;
    uint64_t a, b;
    if (n >= 4 && n < 8)
        return ascii_same8(ascii_load(bytes, n), ascii_load(word, n));
    for (bool any = n >= 8; any; any = n > 0) { /* the last step takes some bytes twice */
        size_t step = n < 8 ? 8 - n : 0;
        memcpy(&a, bytes - step, 8);
        memcpy(&b, word - step, 8);
        if (!ascii_same8(a, b))
            return false;
        bytes += 8 - step;
        word += 8 - step;
        n -= 8 - step;
    }
    for (; n > 0; n--, bytes++, word++) {
        char c = *bytes >= 'A' && *bytes <= 'Z' ? (char)(*bytes | 0x20) : *bytes;
        if (c != *word)
            return false;
    }
    return true;
}

/* The same for a word in a string literal and bytes of any number. */
static inline bool ascii_is(const void *p, size_t n, const char *word)
{
    return n == strlen(word) && ascii_equal(p, word, n);
}

/* The value of a hexadecimal digit; -1: it is none. */
static inline int ascii_hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
