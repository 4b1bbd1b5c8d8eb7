/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON writer (RFC 8259). jansson's own writes 0.1 as 0.10000000000000001 and a microsecond as
 * 9.9999999999999995e-07; reports are read by people and compared as text, so numbers are written
 * here: as an integer count of the finest decimal of at most nine that a double holds exactly at
 * that size, hence without noise.
 *
 * Strings are valid UTF-8 already, jansson takes no others; control characters are escaped, DEL and
 * U+0080 to U+009F too, so that a report never drives a terminal.
 */
#include "document.h"
#include "text.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES  32768  /* stays in the caches until it is handed on */
#define NUMBER_BYTES 400    /* the largest double in plain decimal has 309 digits */
#define EXACT        8.0e15 /* a double this large still tells neighbouring integers apart */
#define MOST_SCALE   1.0e9
#define MOST_DIGITS  9

struct writer {
    document_take *take;
    void *ctx;
    bool indent;
    size_t len;
    char piece[PIECE_BYTES];
};

static void hand_on(struct writer *w)
{
    if (w->len > 0)
        w->take(w->ctx, w->piece, w->len);
    w->len = 0;
}

/* What does not fit into the piece any more. */
static __attribute__((noinline)) void put_over(struct writer *w, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t room = PIECE_BYTES - w->len, part = n < room ? n : room;
        memcpy(w->piece + w->len, bytes, part);
        w->len += part;
        bytes += part;
        n -= part;
        if (n > 0)
            hand_on(w);
    }
}

static inline void put(struct writer *w, const char *bytes, size_t n)
{
    if (n > PIECE_BYTES - w->len) {
        put_over(w, bytes, n);
        return;
    }
    memcpy(w->piece + w->len, bytes, n);
    w->len += n;
}

static inline void put_text(struct writer *w, const char *text)
{
    put(w, text, strlen(text));
}

/* Writes a number in front of end, with zeros in front of it up to `width`; returns its first
 * digit. */
static char *digits_before(char *end, uint64_t n, int width)
{
    char *p = end;
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0 || end - p < width);
    return p;
}

static void put_integer(struct writer *w, json_int_t n)
{
    char text[32], *end = text + sizeof(text);
    char *p = digits_before(end, n < 0 ? -(uint64_t)n : (uint64_t)n, 1);
    if (n < 0)
        *--p = '-';
    put(w, p, (size_t)(end - p));
}

static void put_real(struct writer *w, double x)
{
    char text[NUMBER_BYTES];
    double size = fabs(x);
    if (size >= EXACT) {
        put(w, text, (size_t)snprintf(text, sizeof(text), "%.0f", x));
        return;
    }
    double scale = MOST_SCALE;
    int digits = MOST_DIGITS;
    while (size * scale >= EXACT) {
        scale /= 10;
        digits--;
    }
    uint64_t n = (uint64_t)llroundl((long double)size * (long double)scale);
    uint64_t unit = (uint64_t)scale;
    uint64_t fraction = n % unit;
    char *end = text + sizeof(text), *p = end;
    if (fraction > 0) {
        for (; fraction % 10 == 0; fraction /= 10)
            digits--;
        p = digits_before(p, fraction, digits);
        *--p = '.';
    }
    p = digits_before(p, n / unit, 1);
    if (x < 0 && n > 0)
        *--p = '-';
    put(w, p, (size_t)(end - p));
}

/* The escape of the character at p into text; 0: it stands for itself. */
static int escape(const uint8_t *p, char text[8], size_t *ret_used)
{
    static const char *const short_forms[32] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    *ret_used = 1;
    if (p[0] == '"' || p[0] == '\\')
        return snprintf(text, 8, "\\%c", p[0]);
    if (p[0] < 0x20 && short_forms[p[0]])
        return snprintf(text, 8, "%s", short_forms[p[0]]);
    if (p[0] < 0x20 || p[0] == 0x7f)
        return snprintf(text, 8, "\\u%04x", p[0]);
    if (p[0] == 0xc2 && (p[1] & 0xe0) == 0x80) {
        *ret_used = 2;
        return snprintf(text, 8, "\\u%04x", p[1]);
    }
    return 0;
}

/* How many bytes of a text stand for themselves, up to its NUL. */
static size_t plain_bytes(const char *text)
{
    static const bool is_special[256] = {
        [0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, [0x7f] = true, [0xc2] = true};
    size_t n = 0;
    while (!is_special[(uint8_t)text[n]])
        n++;
    return n;
}

/* Writes the character at text; returns its bytes. */
static __attribute__((noinline)) size_t put_special(struct writer *w, const char *text)
{
    char escaped[8];
    size_t used;
    int length = escape((const uint8_t *)text, escaped, &used);
    if (length > 0)
        put(w, escaped, (size_t)length);
    else
        put(w, text, used);
    return used;
}

/* A text that ends with the first NUL behind its first n bytes. */
static void put_string(struct writer *w, const char *text, size_t n)
{
    put(w, "\"", 1);
    size_t i = plain_bytes(text);
    put(w, text, i);
    while (text[i] != '\0' || i < n) {
        i += put_special(w, text + i);
        size_t plain = plain_bytes(text + i);
        put(w, text + i, plain);
        i += plain;
    }
    put(w, "\"", 1);
}

static void put_break(struct writer *w, int level)
{
    static const char spaces[] = "\n                                ";
    size_t n = 2 * (size_t)level, step = sizeof(spaces) - 2;
    if (!w->indent)
        return;
    if (n <= step && PIECE_BYTES - w->len > step) { /* the usual case, copied by two instructions */
        memcpy(w->piece + w->len, spaces, 1 + step);
        w->len += 1 + n;
        return;
    }
    put(w, spaces, 1);
    for (; n > step; n -= step)
        put(w, spaces + 1, step);
    put(w, spaces + 1, n);
}

static void put_value(struct writer *w, const json_t *value, int level);

static void put_object(struct writer *w, const json_t *object, int level)
{
    json_t *all = (json_t *)(uintptr_t)object; /* is not changed */
    bool first = true;
    put(w, "{", 1);
    for (void *at = json_object_iter(all); at; at = json_object_iter_next(all, at)) {
        if (!first)
            put(w, ",", 1);
        first = false;
        put_break(w, level + 1);
        put_string(w, json_object_iter_key(at), 0);
        put(w, ": ", w->indent ? 2 : 1);
        put_value(w, json_object_iter_value(at), level + 1);
    }
    if (!first)
        put_break(w, level);
    put(w, "}", 1);
}

static void put_array(struct writer *w, const json_t *array, int level)
{
    size_t i;
    json_t *element;
    put(w, "[", 1);
    json_array_foreach(array, i, element)
    {
        if (i > 0)
            put(w, ",", 1);
        put_break(w, level + 1);
        put_value(w, element, level + 1);
    }
    if (json_array_size(array) > 0)
        put_break(w, level);
    put(w, "]", 1);
}

static void put_value(struct writer *w, const json_t *value, int level)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(w, value, level);
        break;
    case JSON_ARRAY:
        put_array(w, value, level);
        break;
    case JSON_STRING:
        put_string(w, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        put_integer(w, json_integer_value(value));
        break;
    case JSON_REAL:
        put_real(w, json_real_value(value));
        break;
    case JSON_TRUE:
        put_text(w, "true");
        break;
    case JSON_FALSE:
        put_text(w, "false");
        break;
    case JSON_NULL:
        put_text(w, "null");
        break;
    }
}

void document_write(const json_t *value, bool indent, document_take *take, void *ctx)
{
    struct writer w; /* the piece has no contents yet */
    w.take = take;
    w.ctx = ctx;
    w.indent = indent;
    w.len = 0;
    put_value(&w, value, 0);
    put(&w, "\n", 1);
    hand_on(&w);
}

struct collected {
    char *text; /* NULL: nothing yet, or it failed */
    size_t len;
    bool failed;
};

static void collect(void *ctx, const char *bytes, size_t n)
{
    struct collected *c = ctx;
    char *text = c->failed ? NULL : realloc(c->text, c->len + n + 1);
    if (!text) {
        c->failed = true;
        return;
    }
    memcpy(text + c->len, bytes, n);
    c->len += n;
    text[c->len] = '\0';
    c->text = text;
}

char *document_text(const json_t *value, bool indent)
{
    struct collected c = {0};
    document_write(value, indent, collect, &c);
    if (!c.failed)
        return c.text;
    free(c.text);
    return NULL;
}

json_t *document_string(const char *bytes, size_t n)
{
    if (text_is_clean(bytes, n))
        return json_stringn(bytes, n);
    char *clean = malloc(3 * n);
    if (!clean)
        return NULL;
    json_t *value = json_stringn(clean, text_clean(bytes, n, clean));
    free(clean);
    return value;
}
