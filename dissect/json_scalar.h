/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_SCALAR_H
#define DISSECT_JSON_SCALAR_H

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

/* p is behind the opening quote. Returns the byte behind the closing one; NULL: not that easy. */
static inline const uint8_t *json_scalar_string(const uint8_t *p, const uint8_t *end)
{
    size_t n = (size_t)(end - p), i = 0;
    if (n > JSON_SCALAR_STRING)
        n = JSON_SCALAR_STRING;
#if defined(__x86_64__)
    const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\');
    for (; i + 16 <= n; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        unsigned quote = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, quotes));
        unsigned backslash = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, backslashes));
        unsigned both = 0;
        while (backslash != 0 && (quote & -quote) - 1 >= (backslash & -backslash)) {
            both = 3 * (backslash & -backslash); /* with the byte that it escapes */
            quote &= ~both;
            backslash &= ~both;
        }
        if (quote != 0)
            return p + i + __builtin_ctz(quote) + 1;
        i += both >> 16; /* the escaped byte begins the next sixteen */
    }
#endif
    for (; i < n; i++) {
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
