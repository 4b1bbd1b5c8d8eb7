/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Texts and ids of messages: UTF-8 (RFC 3629) checked, cut at the caps of message.h, numbers in one
 * form (RFC 8259, section 6).
 *
 * Limits: an integer that is longer than LIMIT_JSON_VALUE is compared by all its digits as they
 * were written; an exponent beyond MAX_EXPONENT makes a number that is never paired.
 */
#include "rpc_text.h"
#include "utf8.h"
#include <string.h>

#define MAX_EXPONENT 1000000 /* keeps sums of exponents far from overflow */
#define SHORT_DIGITS 18      /* as many always fit 64 bits */

static const uint8_t caps[MESSAGE_TEXT_COUNT] = {
    [MESSAGE_TEXT_METHOD] = MESSAGE_METHOD_BYTES,
    [MESSAGE_TEXT_ID] = MESSAGE_ID_BYTES,
    [MESSAGE_TEXT_NAME] = MESSAGE_NAME_BYTES,
    [MESSAGE_TEXT_VERSION] = MESSAGE_SHORT_BYTES,
    [MESSAGE_TEXT_PEER_NAME] = MESSAGE_SHORT_BYTES,
    [MESSAGE_TEXT_PEER_VERSION] = MESSAGE_SHORT_BYTES,
};

/* One text being written. */
struct output {
    char *text;
    size_t len, cap;
    bool cut; /* something did not fit: nothing more is taken */
};

static void put(struct output *out, const void *bytes, size_t n)
{
    if (out->cut || n > out->cap - out->len) {
        out->cut = true;
        return;
    }
    memcpy(out->text + out->len, bytes, n);
    out->len += n;
}

static struct output begin(struct message *m, enum message_text which)
{
    m->text_off[which] = m->text_used;
    return (struct output){m->text + m->text_used, 0, caps[which], false};
}

static void end(struct message *m, enum message_text which, const struct output *out)
{
    m->text_len[which] = (uint8_t)out->len;
    m->text_used = (uint16_t)(m->text_used + out->len);
    if (out->cut)
        m->flags |= MESSAGE_TEXT_CUT;
}

/* Writes the character c as it stands in a JSON string. */
static void put_escaped(struct output *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* U+0008 to U+000D; U+000B has none */
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c == '"' || c == '\\') {
        escape[1] = (char)c;
        put(out, escape, 2);
    } else if (c >= 8 && c <= 13 && letters[c - 8] != '\0') {
        escape[1] = letters[c - 8];
        put(out, escape, 2);
    } else if (c < 0x20) {
        put(out, escape, 6);
    } else {
        put(out, &c, 1);
    }
}

/* Writes a decoded text; cut says that it is only the beginning of one. */
static void put_text(struct output *out, const uint8_t *p, size_t n, bool cut, bool escape)
{
    while (n > 0 && !out->cut) {
        int length = utf8_length(p, n);
        if (length < 0 && cut)
            break;
        if (length <= 0)
            put(out, "\xef\xbf\xbd", 3);
        else if (length == 1 && escape)
            put_escaped(out, *p);
        else
            put(out, p, (size_t)length);
        size_t taken = length > 0 ? (size_t)length : 1;
        p += taken;
        n -= taken;
    }
    out->cut |= cut;
}

static bool is_ascii(const uint8_t *p, size_t n)
{
    uint8_t all = 0;
    for (size_t i = 0; i < n; i++)
        all |= p[i];
    return all < 0x80;
}

void rpc_text_add(struct message *m, enum message_text which, const struct json_scan *s,
                  const struct json_slot *slot)
{
    const uint8_t *p = (const uint8_t *)json_slot_text(s, slot);
    struct output out = begin(m, which);
    if (slot->text_len <= out.cap && !slot->cut && is_ascii(p, slot->text_len))
        put(&out, p, slot->text_len);
    else
        put_text(&out, p, slot->text_len, slot->cut, false);
    end(m, which, &out);
}

void rpc_text_add_made(struct message *m, enum message_text which, const char *text, size_t n)
{
    struct output out = begin(m, which);
    put_text(&out, (const uint8_t *)text, n, false, false);
    end(m, which, &out);
}

/* The digits of a number that are still a number. */
static void put_number(struct output *out, const uint8_t *p, size_t n, bool cut)
{
    if (n > out->cap) {
        n = out->cap;
        cut = true;
    }
    while (cut && n > 0 && !(p[n - 1] >= '0' && p[n - 1] <= '9'))
        n--;
    put(out, p, n);
    out->cut |= cut;
}

void rpc_text_add_json(struct message *m, enum message_text which, const struct json_scan *s,
                       const struct json_slot *slot)
{
    const uint8_t *p = (const uint8_t *)json_slot_text(s, slot);
    struct output out = begin(m, which);
    switch ((enum json_type)slot->type) {
    case JSON_STRING:
        put(&out, "\"", 1);
        out.cap--; /* the closing quote always fits */
        put_text(&out, p, slot->text_len, slot->cut, true);
        out.text[out.len++] = '"';
        break;
    case JSON_INTEGER:
    case JSON_NUMBER:
        put_number(&out, p, slot->text_len, slot->cut);
        break;
    case JSON_NULL:
        put(&out, "null", 4);
        break;
    case JSON_FALSE:
        put(&out, "false", 5);
        break;
    case JSON_TRUE:
        put(&out, "true", 4);
        break;
    case JSON_ABSENT:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    end(m, which, &out);
}

/* A number as sign, significant digits and a power of ten: digits does not begin or end with 0. */
struct decimal {
    char digits[1 + LIMIT_JSON_VALUE]; /* the sign first */
    size_t count;                      /* with the sign */
    int64_t exponent;
};

/* Takes the exponent behind the e. Returns false if it is out of reason. */
static bool take_exponent(struct decimal *d, const char *p, const char *end)
{
    bool negative = *p == '-';
    int64_t value = 0;
    for (p += *p == '-' || *p == '+'; p < end; p++) {
        value = value * 10 + (*p - '0');
        if (value > MAX_EXPONENT)
            return false;
    }
    d->exponent += negative ? -value : value;
    return true;
}

/* text is a complete number by the grammar. */
static bool take_decimal(struct decimal *d, const char *p, const char *end)
{
    bool fraction = false;
    d->digits[0] = *p == '-' ? '-' : '+';
    d->count = 1;
    d->exponent = 0;
    for (p += *p == '-'; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        d->exponent -= fraction;
        if (*p != '0' || d->count > 1)
            d->digits[d->count++] = *p;
    }
    if (d->count > 1 && p < end && !take_exponent(d, p + 1, end))
        return false;
    for (; d->count > 1 && d->digits[d->count - 1] == '0'; d->count--)
        d->exponent++;
    if (d->count == 1)
        d->exponent = 0; /* zero is zero */
    return true;
}

/* The value of a decimal of at most SHORT_DIGITS digits, those of its exponent included. */
static int64_t decimal_value(const struct decimal *d)
{
    int64_t value = 0;
    for (size_t i = 1; i < d->count; i++)
        value = value * 10 + (d->digits[i] - '0');
    for (int64_t i = 0; i < d->exponent; i++)
        value *= 10;
    return d->digits[0] == '-' ? -value : value;
}

struct rpc_id rpc_text_string_id(const struct json_scan *s, const struct json_slot *slot,
                                 const struct hash_key *hash)
{
    uint64_t value = slot->hash;
    if (!slot->cut)
        value = hash_bytes(hash, json_slot_text(s, slot), slot->text_len);
    return (struct rpc_id){RPC_ID_STRING, value};
}

/* Stands for itself: nobody can choose an id whose keyed hash is that number. */
static struct rpc_id short_id(int64_t value)
{
    return (struct rpc_id){RPC_ID_INTEGER, (uint64_t)value};
}

struct rpc_id rpc_text_number_id(const struct json_scan *s, const struct json_slot *slot,
                                 const struct hash_key *hash)
{
    int64_t value;
    struct decimal d;
    const char *text = json_slot_text(s, slot);
    if (slot->cut) {
        uint8_t type = slot->type == JSON_INTEGER ? RPC_ID_INTEGER : RPC_ID_OTHER;
        return (struct rpc_id){type, ~slot->hash};
    }
    if (slot->text_len <= SHORT_DIGITS && json_slot_int(s, slot, &value))
        return short_id(value);
    if (!take_decimal(&d, text, text + slot->text_len) || d.exponent < 0)
        return (struct rpc_id){RPC_ID_OTHER, 0};
    if ((int64_t)d.count - 1 + d.exponent <= SHORT_DIGITS)
        return short_id(decimal_value(&d));
    struct hash_stream stream;
    hash_stream_init(&stream, hash);
    hash_stream_feed(&stream, &d.exponent, sizeof(d.exponent));
    hash_stream_feed(&stream, d.digits, d.count);
    return (struct rpc_id){RPC_ID_INTEGER, ~hash_stream_end(&stream)};
}
