/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_SCALAR_H
#define DISSECT_JSON_SCALAR_H

#include "json_escape.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/*
 * Passing over a value that nobody wants and that lies whole in the input: a short string, an
 * integer or a literal, of which most members consist. Private to the JSON scanner, whose states
 * read the same values in any pieces; tests compare the two.
 */

/* Longer strings are left to json_skip, which is faster then. */
#define JSON_SCALAR_STRING 128

#if defined(__x86_64__)
static inline uint64_t json_scalar_mask(__m128i bytes, char c)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

static inline __m128i json_scalar_load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}
#endif

/* p is behind the opening quote. Returns the byte behind the closing one; NULL: not that easy. */
static inline const uint8_t *json_scalar_string(const uint8_t *p, const uint8_t *end)
{
    size_t n = (size_t)(end - p), i = 0;
    if (n > JSON_SCALAR_STRING)
        n = JSON_SCALAR_STRING;
    uint64_t carry = 0;
#if defined(__x86_64__)
    for (; i + 32 <= n; i += 32) {
        __m128i low = json_scalar_load(p + i), high = json_scalar_load(p + i + 16);
        uint64_t quotes = json_scalar_mask(low, '"') | json_scalar_mask(high, '"') << 16;
        uint64_t backslashes = json_scalar_mask(low, '\\') | json_scalar_mask(high, '\\') << 16;
        quotes &= ~json_escape_mask(backslashes, &carry, 32);
        if (quotes != 0)
            return p + i + __builtin_ctzll(quotes) + 1;
    }
    if (i + 16 <= n) {
        __m128i v = json_scalar_load(p + i);
        uint64_t quotes = json_scalar_mask(v, '"');
        quotes &= ~json_escape_mask(json_scalar_mask(v, '\\'), &carry, 16);
        if (quotes != 0)
            return p + i + __builtin_ctzll(quotes) + 1;
        i += 16;
    }
#endif
    for (i += carry; i < n; i++) {
        if (p[i] == '"')
            return p + i + 1;
        i += p[i] == '\\';
    }
    return NULL;
}

static inline const uint8_t *json_scalar_digits(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* The byte behind an integer that is not the last thing in the input; or NULL. */
static inline const uint8_t *json_scalar_integer(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *first = p + (*p == '-');
    p = json_scalar_digits(first, end);
    if (p == first || p == end || (*first == '0' && p > first + 1))
        return NULL;
    return *p == '.' || (*p | 0x20) == 'e' ? NULL : p;
}

/* The byte behind a number without exponent that is not the last thing in the input; or NULL. */
static inline const uint8_t *json_scalar_number(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *first = p + (*p == '-');
    p = json_scalar_digits(first, end);
    if (p == first || (*first == '0' && p > first + 1))
        return NULL;
    if (p < end && *p == '.') {
        first = p + 1;
        p = json_scalar_digits(first, end);
        if (p == first)
            return NULL;
    }
    return p < end && (*p | 0x20) != 'e' ? p : NULL;
}

static inline const uint8_t *json_scalar_word(const uint8_t *p, const uint8_t *end,
                                              const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* p < end is where a value begins. Returns the byte behind it; NULL: not that easy, if it is a
 * value at all. */
static inline const uint8_t *json_scalar_behind(const uint8_t *p, const uint8_t *end)
{
    switch (*p) {
    case '"':
        return json_scalar_string(p + 1, end);
    case '{':
    case '[':
        return NULL;
    case 't':
        return json_scalar_word(p, end, "true", 4);
    case 'n':
        return json_scalar_word(p, end, "null", 4);
    case 'f':
        return json_scalar_word(p, end, "false", 5);
    }
    return json_scalar_number(p, end);
}

#endif
