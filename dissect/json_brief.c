/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON (RFC 8259) as json.c reads it, of texts that lie whole in the input.
 *
 * A function takes what it is named after and moves the cursor behind it. Text that ends too early
 * is cut, whatever it would have become. Like the scanner with its spec, it enters the elements of
 * the text, and passes over arrays in them by counting brackets.
 *
 * Left to the scanner, because it looks into some members and passes over others: strings with
 * escapes and objects, as values of members; and \u in names.
 */
#include "dissect/json_brief.h"
#include "json_number.h"
#include <string.h>

enum step { STEP_ON, STEP_CUT, STEP_BAD, STEP_UNSURE };

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
static enum step skip_array(struct cursor *c)
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
        return skip_array(c);
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

/* at is behind the opening quote. */
static enum step name(struct cursor *c)
{
    while (c->at < c->end) {
        uint8_t byte = *c->at++;
        if (byte == '"')
            return STEP_ON;
        if (byte != '\\')
            continue;
        if (c->at == c->end)
            return STEP_CUT;
        if (*c->at == 'u')
            return STEP_UNSURE;
        if (!memchr("\"\\/bfnrt", *c->at++, 8))
            return STEP_BAD;
    }
    return STEP_CUT;
}

static enum step member_value(struct cursor *c)
{
    const uint8_t *begin = c->at;
    bool whole;
    if (*begin == '{')
        return STEP_UNSURE;
    enum step step = value(c, &whole);
    bool escapes = *begin == '"' && memchr(begin, '\\', (size_t)(c->at - begin));
    return escapes ? STEP_UNSURE : step;
}

/* Name, colon, value. */
static enum step member(struct cursor *c)
{
    if (*c->at++ != '"')
        return STEP_BAD;
    enum step step = name(c);
    if (step != STEP_ON)
        return step;
    if (!skip_space(c))
        return STEP_CUT;
    if (*c->at++ != ':')
        return STEP_BAD;
    return skip_space(c) ? member_value(c) : STEP_CUT;
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

bool json_brief(const uint8_t *text, size_t n, struct json_brief *ret_brief)
{
    static const enum json_end ends[] = {
        [STEP_ON] = JSON_END_COMPLETE, [STEP_CUT] = JSON_END_CUT, [STEP_BAD] = JSON_END_BAD};
    struct cursor c = {text, text + n};
    struct json_brief brief = {.end = JSON_END_EMPTY};
    enum step step = skip_bom(&c);
    if (step != STEP_ON) {
        brief.end = ends[step];
    } else if (skip_space(&c)) {
        step = top(&c, &brief);
        if (step == STEP_UNSURE)
            return false;
        brief.end = ends[step];
    }
    *ret_brief = brief;
    return true;
}
