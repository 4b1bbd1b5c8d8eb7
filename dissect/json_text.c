/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoding of JSON strings (RFC 8259, section 7), resumable at every byte.
 *
 * s->sub says how far an escape has come. A \u escape for a high surrogate is kept back until what
 * follows it shows whether it is half of a pair; a half without its other half becomes U+FFFD, the
 * replacement character, so that the text is UTF-8 if the input was.
 *
 * Limits: a value keeps LIMIT_JSON_VALUE bytes of text and all values of an element
 * LIMIT_JSON_TEXT; its hash and its length are of the whole.
 */
#include "json_text.h"
#include "ascii.h"
#include <string.h>

enum sub {
    SUB_PLAIN,
    SUB_ESCAPE,  /* behind a backslash */
    SUB_UNICODE, /* behind \u; plus the digits seen */
    SUB_UNICODE_DONE = SUB_UNICODE + 4
};

#define KEY_TOO_LONG (LIMIT_JSON_KEY + 1)
#define REPLACEMENT  UINT32_C(0xfffd)

static void add_key(struct json_scan *s, const void *bytes, size_t n)
{
    if (n > (size_t)(LIMIT_JSON_KEY - s->key_len)) {
        s->key_len = KEY_TOO_LONG;
        return;
    }
    memcpy(s->key + s->key_len, bytes, n);
    s->key_len = (uint8_t)(s->key_len + n);
}

/* The text of the value does not fit: keeps what does, and hashes the whole from here on. */
static void cut(struct json_scan *s, const struct json_node *node, const void *bytes, size_t n)
{
    struct json_slot *slot = &s->slot[node->slot];
    if (node->flags & JSON_NODE_HASH) {
        hash_stream_init(&s->value_hash, &s->hash);
        hash_stream_feed(&s->value_hash, s->text + slot->text_off, slot->text_len);
        hash_stream_feed(&s->value_hash, bytes, n);
    }
    size_t value_room = (size_t)(LIMIT_JSON_VALUE - slot->text_len);
    size_t all_room = (size_t)(LIMIT_JSON_TEXT - s->text_used);
    bool value_cap = value_room <= all_room;
    size_t room = value_cap ? value_room : all_room;
    memcpy(s->text + s->text_used, bytes, room);
    s->text_used = (uint16_t)(s->text_used + room);
    slot->text_len = (uint16_t)(slot->text_len + room);
    slot->cut = true;
    limits_hit_add(s->hit, value_cap ? LIMIT_ID_JSON_VALUE : LIMIT_ID_JSON_TEXT);
}

void json_text_add_value(struct json_scan *s, const void *bytes, size_t n)
{
    const struct json_node *node = &s->spec->nodes[s->value_node];
    struct json_slot *slot = &s->slot[node->slot];
    slot->full_bytes += n;
    if (!slot->cut && !(node->flags & JSON_NODE_TEXT)) {
        hash_stream_init(&s->value_hash, &s->hash);
        slot->cut = n > 0;
    }
    if (slot->cut) {
        if (node->flags & JSON_NODE_HASH)
            hash_stream_feed(&s->value_hash, bytes, n);
    } else if (n > (size_t)(LIMIT_JSON_VALUE - slot->text_len) ||
               n > (size_t)(LIMIT_JSON_TEXT - s->text_used)) {
        cut(s, node, bytes, n);
    } else {
        memcpy(s->text + s->text_used, bytes, n);
        s->text_used = (uint16_t)(s->text_used + n);
        slot->text_len = (uint16_t)(slot->text_len + n);
    }
}

static inline void add(struct json_scan *s, enum json_text_where where, const void *bytes, size_t n)
{
    if (where == JSON_TEXT_VALUE)
        json_text_add_value(s, bytes, n);
    else if (s->key_len != KEY_TOO_LONG)
        add_key(s, bytes, n);
}

static void add_character(struct json_scan *s, enum json_text_where where, uint32_t c)
{
    uint8_t bytes[4];
    size_t n;
    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
        n = 1;
    } else if (c < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | c >> 6);
        bytes[1] = (uint8_t)(0x80 | (c & 0x3f));
        n = 2;
    } else if (c < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | c >> 12);
        bytes[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (c & 0x3f));
        n = 3;
    } else {
        bytes[0] = (uint8_t)(0xf0 | c >> 18);
        bytes[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        bytes[3] = (uint8_t)(0x80 | (c & 0x3f));
        n = 4;
    }
    add(s, where, bytes, n);
}

/* Something else than a low surrogate follows. */
static inline void give_up_surrogate(struct json_scan *s, enum json_text_where where)
{
    if (s->surrogate == 0)
        return;
    s->surrogate = 0;
    add_character(s, where, REPLACEMENT);
}

/* Takes the UTF-16 code unit of a \u escape. */
static void take_unit(struct json_scan *s, enum json_text_where where)
{
    bool low = s->unit >= 0xdc00 && s->unit <= 0xdfff;
    if (low && s->surrogate != 0) {
        uint32_t high_bits = (uint32_t)(s->surrogate - 0xd800) << 10;
        s->surrogate = 0;
        add_character(s, where, 0x10000 + high_bits + (uint32_t)(s->unit - 0xdc00));
        return;
    }
    give_up_surrogate(s, where);
    if (s->unit >= 0xd800 && s->unit <= 0xdbff)
        s->surrogate = s->unit;
    else
        add_character(s, where, low ? REPLACEMENT : s->unit);
}

/* What the escape \c stands for; 0 if there is no such escape. */
static uint8_t escape_meaning(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    }
    return 0;
}

/* Takes one byte of an escape. */
static bool take_escape(struct json_scan *s, uint8_t c, enum json_text_where where)
{
    if (s->sub == SUB_ESCAPE && c == 'u') {
        s->unit = 0;
        s->sub = SUB_UNICODE;
        return true;
    }
    if (s->sub == SUB_ESCAPE) {
        uint8_t meaning = escape_meaning(c);
        if (meaning == 0)
            return false;
        give_up_surrogate(s, where);
        add(s, where, &meaning, 1);
        s->sub = SUB_PLAIN;
        return true;
    }
    int digit = ascii_hex(c);
    if (digit < 0)
        return false;
    s->unit = (uint16_t)(s->unit << 4 | digit);
    if (++s->sub == SUB_UNICODE_DONE) {
        s->sub = SUB_PLAIN;
        take_unit(s, where);
    }
    return true;
}

void json_text_begin_key(struct json_scan *s)
{
    s->key_len = 0;
    s->sub = SUB_PLAIN;
    s->surrogate = 0;
}

void json_text_begin_value(struct json_scan *s)
{
    s->sub = SUB_PLAIN;
    s->surrogate = 0;
}

enum json_text json_text_take(struct json_scan *s, struct json_input *in,
                              enum json_text_where where)
{
    while (in->at < in->end) {
        if (s->sub != SUB_PLAIN) {
            if (!take_escape(s, *in->at, where))
                return JSON_TEXT_BAD;
            in->at++;
            continue;
        }
        size_t n = json_text_plain(in->at, in->end);
        if (n > 0) {
            give_up_surrogate(s, where);
            add(s, where, in->at, n);
            in->at += n;
            continue;
        }
        if (*in->at++ == '"') {
            give_up_surrogate(s, where);
            return JSON_TEXT_END;
        }
        s->sub = SUB_ESCAPE;
    }
    return JSON_TEXT_MORE;
}
