/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_TEXT_H
#define DISSECT_JSON_TEXT_H

#include "dissect/json.h"
#include <string.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/*
 * The texts inside JSON: decoding of string escapes, and the keeping of decoded text in the key
 * buffer or in the arena of a scan. Private to the JSON scanner.
 */

struct json_input {
    const uint8_t *at, *begin, *end;
};

enum json_text { JSON_TEXT_MORE, JSON_TEXT_END, JSON_TEXT_BAD };
enum json_text_where { JSON_TEXT_KEY, JSON_TEXT_VALUE };

/* Begins the name of a member. It is in s->key, key_len bytes, when json_text_take() says END;
 * key_len is more than LIMIT_JSON_KEY when it did not fit. */
void json_text_begin_key(struct json_scan *s);

/* Begins the text of the value under way, whose node must have a slot. */
void json_text_begin_value(struct json_scan *s);

/* Takes input up to and with the closing quote (END), or all of it (MORE), or up to an escape that
 * is none (BAD), and adds the decoded bytes. */
enum json_text json_text_take(struct json_scan *s, struct json_input *in,
                              enum json_text_where where);

/* Adds decoded bytes to the value under way. */
void json_text_add_value(struct json_scan *s, const void *bytes, size_t n);

/* The value, which has a slot, is complete. */
static inline void json_text_end_value(struct json_scan *s)
{
    const struct json_node *node = &s->spec->nodes[s->value_node];
    struct json_slot *slot = &s->slot[node->slot];
    if (slot->cut && node->flags & JSON_NODE_HASH)
        slot->hash = hash_stream_end(&s->value_hash);
}

/* All of the value under way at once: as adding it and ending it. */
static inline void json_text_whole_value(struct json_scan *s, const uint8_t *bytes, size_t n)
{
    const struct json_node *node = &s->spec->nodes[s->value_node];
    struct json_slot *slot = &s->slot[node->slot];
    if (!(node->flags & JSON_NODE_TEXT) || n > LIMIT_JSON_VALUE ||
        n > (size_t)(LIMIT_JSON_TEXT - s->text_used)) {
        json_text_add_value(s, bytes, n);
        json_text_end_value(s);
        return;
    }
    memcpy(s->text + s->text_used, bytes, n);
    s->text_used = (uint16_t)(s->text_used + n);
    slot->text_len = (uint16_t)n;
    slot->full_bytes = n;
}

/* The number of bytes before the first quote or backslash, or all. */
static inline size_t json_text_plain(const uint8_t *bytes, const uint8_t *end)
{
    const uint8_t *p = bytes;
#if defined(__x86_64__)
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        int mask = _mm_movemask_epi8(_mm_or_si128(quote, backslash));
        if (mask != 0)
            return (size_t)(p - bytes) + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return (size_t)(p - bytes);
}

#endif
