/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Byte arrays of the Squirrel dialect.
 *
 * Theory of operation. One step a byte: strings are followed with their escapes, brackets are
 * counted. A string in the place of a member name at depth 1 is compared with "payload" as it
 * comes; if it is equal, and the next value opens an array, the integers in it are collected.
 *
 * Ignored on purpose: a member name written with escapes; a second member of the same name, once
 * an array was seen; numbers such as 1e1 or 1.0.
 */
#include "squirrel_bytes.h"
#include <string.h>

#define NAME       "payload"
#define NAME_BYTES (sizeof(NAME) - 1)
#define PIECE      64 /* bytes that are handed over together */

struct output {
    const struct squirrel_bytes_sink *sink;
    uint8_t bytes[PIECE];
    size_t len;
};

static void flush(struct output *out)
{
    if (out->len > 0)
        out->sink->bytes(out->sink->ctx, out->bytes, out->len);
    out->len = 0;
}

static void end_number(struct squirrel_bytes *b, struct output *out)
{
    if (!b->digits)
        return;
    out->bytes[out->len++] = (uint8_t)b->number;
    if (out->len == PIECE)
        flush(out);
    b->digits = false;
    b->number = 0;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* One byte inside the array. */
static void take_element(struct squirrel_bytes *b, struct output *out, uint8_t c)
{
    if (c >= '0' && c <= '9') {
        b->number = (uint16_t)(b->number * 10 + (c - '0'));
        b->digits = true;
        if (b->number > 255)
            b->state = SQUIRREL_BYTES_OTHER;
    } else if (c == ',' || is_space(c)) {
        end_number(b, out);
    } else if (c == ']') {
        end_number(b, out);
        b->depth--;
        b->state = SQUIRREL_BYTES_WHOLE;
    } else {
        b->state = SQUIRREL_BYTES_OTHER;
    }
}

static void take_string(struct squirrel_bytes *b, uint8_t c)
{
    if (b->escape) {
        b->escape = false;
        b->member = false;
    } else if (c == '\\') {
        b->escape = true;
    } else if (c == '"') {
        b->string = false;
        b->chosen = b->member && b->matched == NAME_BYTES;
    } else if (b->member) {
        b->member = b->matched < NAME_BYTES && (uint8_t)NAME[b->matched] == c;
        b->matched++;
    }
}

/* One byte outside of strings and of the array. The name that was chosen counts until its value
 * begins. */
static void take_outside(struct squirrel_bytes *b, uint8_t c)
{
    bool chosen = b->chosen;
    if (c == ':' || is_space(c))
        return;
    b->chosen = false;
    if (c == '"') {
        b->string = true;
        b->member = b->depth == 1;
        b->matched = 0;
    } else if (c == '[' || c == '{') {
        b->depth++;
        if (c == '[' && chosen && b->depth == 2)
            b->state = SQUIRREL_BYTES_INSIDE;
    } else if (c == ']' || c == '}') {
        b->depth--;
    }
}

void squirrel_bytes_feed(struct squirrel_bytes *b, const struct squirrel_bytes_sink *sink,
                         const uint8_t *bytes, size_t n)
{
    struct output out = {.sink = sink, .len = 0};
    for (size_t i = 0; i < n && b->state <= SQUIRREL_BYTES_INSIDE; i++) {
        if (b->state == SQUIRREL_BYTES_INSIDE)
            take_element(b, &out, bytes[i]);
        else if (b->string)
            take_string(b, bytes[i]);
        else
            take_outside(b, bytes[i]);
    }
    flush(&out);
}
