/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON (RFC 8259) as json.c reads it, of texts that lie whole in the input.
 *
 * A function takes what it is named after and moves the cursor behind it. Text that ends too early
 * is cut, whatever it would have become. Like the scanner with its spec, it enters the elements of
 * the text and three of their members, checks the escapes of names and of an id, and passes over
 * all else, arrays and objects by counting brackets. Names with escapes are none of those: there is
 * no room. Of other members that the scanner looks into, there is none for the value.
 */
#include "dissect/json_brief.h"
#include "ascii.h"
#include "json_number.h"
#include <string.h>

enum step { STEP_ON, STEP_CUT, STEP_BAD };

struct cursor {
    const uint8_t *at, *end;
};

/* False: nothing follows. */
static inline bool skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
    return c->at < c->end;
}

/* at is behind the opening quote. */
static enum step skip_string(struct cursor *c)
{
    while (c->at < c->end) {
        uint8_t byte = *c->at++;
        if (byte == '"')
            return STEP_ON;
        if (byte == '\\' && c->at < c->end)
            c->at++;
    }
    return STEP_CUT;
}

/* at is behind the opening bracket. A quote is none behind a backslash, even one in no string. */
static enum step skip_container(struct cursor *c)
{
    unsigned depth = 1;
    while (c->at < c->end) {
        uint8_t byte = *c->at++;
        if (byte == '"' && skip_string(c) != STEP_ON)
            return STEP_CUT;
        if (byte == '\\')
            c->at += c->at < c->end && (*c->at == '"' || *c->at == '\\');
        else if (byte == '[' || byte == '{')
            depth++;
        else if ((byte == ']' || byte == '}') && --depth == 0)
            return STEP_ON;
    }
    return STEP_CUT;
}

static enum step literal(struct cursor *c, const char *word)
{
    for (; c->at < c->end && *word; c->at++, word++)
        if (*c->at != (uint8_t)*word)
            return STEP_BAD;
    return *word ? STEP_CUT : STEP_ON;
}

/* One that ends with the text could go on. *ret_whole: it need not. */
static enum step number(struct cursor *c, bool *ret_whole)
{
    int next, last = *c->at == '-'   ? JSON_NUMBER_MINUS
                     : *c->at == '0' ? JSON_NUMBER_ZERO
                                     : JSON_NUMBER_DIGITS;
    for (c->at++; c->at < c->end && (next = json_number_after(last, *c->at)) >= 0; c->at++)
        last = next;
    *ret_whole = json_number_complete(last);
    if (c->at == c->end)
        return STEP_CUT;
    return *ret_whole ? STEP_ON : STEP_BAD;
}

/* Any value but an object. */
static enum step value(struct cursor *c, bool *ret_whole)
{
    switch (*c->at) {
    case '"':
        c->at++;
        return skip_string(c);
    case '[':
        c->at++;
        return skip_container(c);
    case 'n':
        return literal(c, "null");
    case 't':
        return literal(c, "true");
    case 'f':
        return literal(c, "false");
    case '-':
        return number(c, ret_whole);
    }
    return *c->at >= '0' && *c->at <= '9' ? number(c, ret_whole) : STEP_BAD;
}

/* at is behind the backslash. */
static enum step escape(struct cursor *c)
{
    static const char letters[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
    if (c->at == c->end)
        return STEP_CUT;
    if (*c->at != 'u')
        return memchr(letters, *c->at++, sizeof(letters)) ? STEP_ON : STEP_BAD;
    c->at++;
    for (int digits = 0; digits < 4; digits++) {
        if (c->at == c->end)
            return STEP_CUT;
        if (ascii_hex(*c->at++) < 0)
            return STEP_BAD;
    }
    return STEP_ON;
}

/* A string whose escapes are checked; at is behind the opening quote. */
static enum step string(struct cursor *c)
{
    enum step step = STEP_ON;
    while (step == STEP_ON && c->at < c->end) {
        uint8_t byte = *c->at++;
        if (byte == '"')
            return STEP_ON;
        if (byte == '\\')
            step = escape(c);
    }
    return step == STEP_ON ? STEP_CUT : step;
}

static enum step object(struct cursor *c);

static bool is_entered(const uint8_t *name, size_t n)
{
    return n == 5 ? memcmp(name, "error", 5) == 0
                  : n == 6 && (memcmp(name, "params", 6) == 0 || memcmp(name, "result", 6) == 0);
}

/* Of the member with that name. Further in than an element there is no room for one. */
static enum step member_value(struct cursor *c, const uint8_t *name, size_t n)
{
    bool whole;
    if (*c->at == '"' && n == 2 && memcmp(name, "id", 2) == 0) {
        c->at++;
        return string(c);
    }
    if (*c->at != '{')
        return value(c, &whole);
    c->at++;
    return is_entered(name, n) ? object(c) : skip_container(c);
}

/* Name, colon, value. */
static enum step member(struct cursor *c)
{
    if (*c->at++ != '"')
        return STEP_BAD;
    const uint8_t *name = c->at;
    enum step step = string(c);
    size_t n = (size_t)(c->at - name - 1);
    if (step != STEP_ON)
        return step;
    if (!skip_space(c))
        return STEP_CUT;
    if (*c->at++ != ':')
        return STEP_BAD;
    return skip_space(c) ? member_value(c, name, n) : STEP_CUT;
}

/* at is behind the opening bracket. */
static enum step object(struct cursor *c)
{
    if (skip_space(c) && *c->at == '}') {
        c->at++;
        return STEP_ON;
    }
    while (skip_space(c)) {
        enum step step = member(c);
        if (step != STEP_ON)
            return step;
        if (!skip_space(c))
            return STEP_CUT;
        if (*c->at == '}') {
            c->at++;
            return STEP_ON;
        }
        if (*c->at++ != ',')
            return STEP_BAD;
    }
    return STEP_CUT;
}

static enum step element(struct cursor *c, bool *ret_whole)
{
    if (*c->at != '{')
        return value(c, ret_whole);
    c->at++;
    return object(c);
}

/* at is behind the opening bracket. */
static enum step batch(struct cursor *c, struct json_brief *brief)
{
    if (skip_space(c) && *c->at == ']') {
        c->at++;
        return STEP_ON;
    }
    while (skip_space(c)) {
        bool whole;
        enum step step = element(c, &whole);
        if (step != STEP_ON)
            return step;
        brief->elements++;
        if (!skip_space(c))
            return STEP_CUT;
        if (*c->at == ']') {
            c->at++;
            return STEP_ON;
        }
        if (*c->at++ != ',')
            return STEP_BAD;
    }
    return STEP_CUT;
}

/* All of the text. */
static enum step top(struct cursor *c, struct json_brief *brief)
{
    bool whole = false;
    enum step step;
    if (*c->at == '[') {
        c->at++;
        step = batch(c, brief);
        brief->empty_array = step == STEP_ON && brief->elements == 0;
    } else {
        step = element(c, &whole);
        if (step == STEP_CUT && whole)
            step = STEP_ON; /* a number that ends with the text */
        brief->elements = step == STEP_ON;
    }
    if (step != STEP_ON || !skip_space(c))
        return step;
    brief->empty_array = false;
    return STEP_BAD;
}

/* What stands behind a byte order mark, if there is one: STEP_ON and more. */
static enum step skip_bom(struct cursor *c)
{
    static const uint8_t bom[] = {0xef, 0xbb, 0xbf};
    if (c->at == c->end || *c->at != bom[0])
        return STEP_ON;
    for (size_t i = 0; i < sizeof(bom); i++, c->at++) {
        if (c->at == c->end)
            return STEP_CUT;
        if (*c->at != bom[i])
            return STEP_BAD;
    }
    return STEP_ON;
}

struct json_brief json_brief(const uint8_t *text, size_t n)
{
    static const uint8_t ends[] = {
        [STEP_ON] = JSON_END_COMPLETE, [STEP_CUT] = JSON_END_CUT, [STEP_BAD] = JSON_END_BAD};
    struct cursor c = {text, text + n};
    struct json_brief brief = {.end = JSON_END_EMPTY};
    enum step step = skip_bom(&c);
    bool any = step == STEP_ON && skip_space(&c);
    if (any)
        step = top(&c, &brief);
    if (any || step != STEP_ON)
        brief.end = ends[step];
    return brief;
}
