/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shapes of JSON texts, see the header.
 *
 * Theory of operation. The scanner notes where it passed over a value of a member that the spec
 * does not name. It was ready for the next member then, whatever the value was. So between two
 * values the scan depends on nothing but the bytes there; and where they are equal and the values
 * are ones that it would pass over, too, all of the scan is.
 *
 * Marked values are captured, and all captured ones share a cap. So that none reaches it, no text
 * with a longer one than may stand for it is kept, either.
 *
 * Limits: JSON_SHAPE_BYTES, JSON_SHAPE_NAME, JSON_MAX_PASSED.
 */
#include "json_shape.h"
#include "json_scalar.h"
#include "json_text.h"
#include "same.h"
#include <string.h>

#define NUMBER_BYTES 15 /* of an integer, with its sign */

_Static_assert(JSON_SHAPE_BYTES <= LIMIT_JSON_VALUE, "no captured text of a shape is cut");
_Static_assert(JSON_SHAPE_BYTES + JSON_MAX_PASSED * JSON_SHAPE_NAME <= LIMIT_JSON_TEXT,
               "all captured texts have room");

/* Bytes of a marked string at most. */
static size_t most_bytes(const struct json_passed *v)
{
    return v->kept & JSON_NODE_NUMBERS ? JSON_SHAPE_ID : JSON_SHAPE_NAME;
}

/* Whether the text that was just scanned can be kept; all of its values are noted then. */
static bool is_fit(const struct json_scan *s)
{
    uint64_t bytes = s->element_bytes;
    if (bytes > UINT32_MAX || s->passed_count > JSON_MAX_PASSED)
        return false;
    for (unsigned i = 0; i < s->passed_count; i++) {
        const struct json_passed *v = &s->passed[i];
        if (v->kept && v->n > most_bytes(v) + 2) /* its quotes */
            return false;
        bytes -= v->n;
    }
    return bytes <= JSON_SHAPE_BYTES;
}

bool json_shape_keep(struct json_shape *shape, const struct json_scan *s, const uint8_t *text)
{
    uint64_t at = 0;
    if (!is_fit(s))
        return false;
    shape->bytes = 0;
    shape->values = s->passed_count;
    for (unsigned i = 0; i <= shape->values; i++) {
        bool last = i == shape->values;
        uint16_t n = (uint16_t)((last ? s->element_bytes : s->passed[i].at) - at);
        memcpy(shape->text + shape->bytes, text + at, n);
        shape->before[i] = n;
        if (!last)
            shape->value[i] = s->passed[i];
        shape->bytes = (uint16_t)(shape->bytes + n);
        at += n + (last ? 0u : s->passed[i].n);
    }
    return true;
}

/* Where a value ends; NULL: it may not stand for another one, or is not easily passed over, unless
 * it is cut: then the input just may have ended too soon. */
struct behind {
    const uint8_t *p;
    bool cut;
};

/* Behind an object or array that begins at p. Deeper nesting than is allowed is read to be told. */
static struct behind behind_container(const uint8_t *p, const uint8_t *end, unsigned level,
                                      struct json_skip *skip)
{
    *skip = (struct json_skip){.depth = 1, .max_depth = LIMIT_JSON_DEPTH - level};
    p++;
    p += json_skip_best()->container(skip, p, (size_t)(end - p));
    return (struct behind){skip->depth == 0 ? p : NULL, skip->depth <= skip->max_depth};
}

/* Behind an integer of few digits. */
static struct behind behind_number(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *behind = json_scalar_integer(p, end);
    return (struct behind){behind && behind - p <= NUMBER_BYTES ? behind : NULL, false};
}

/* Behind a string, p being behind its quote, of few bytes that all mean themselves, also where they
 * are written as JSON again. */
static struct behind behind_name(const uint8_t *p, const uint8_t *end, size_t most)
{
    size_t n = json_text_plain(p, end);
    uint8_t any = 0;
    bool control = false, cut = p + n == end;
    if (n > most || cut || p[n] != '"')
        return (struct behind){NULL, cut && n <= most};
    for (size_t i = 0; i < n; i++) {
        any |= p[i];
        control |= p[i] < 0x20;
    }
    return (struct behind){any < 0x80 && !control ? p + n + 1 : NULL, false};
}

/* Behind a string of any kind, p being behind its quote. */
static struct behind behind_string(const uint8_t *p, const uint8_t *end)
{
    struct json_skip skip = {.in_string = ~UINT64_C(0)};
    p += json_skip_best()->string(&skip, p, (size_t)(end - p));
    return (struct behind){skip.in_string ? NULL : p, true};
}

static bool is_container(const struct json_passed *value)
{
    return value->first == '{' || value->first == '[';
}

/* The byte behind the value that begins at p < end, and may stand for another one. */
static struct behind behind_value(const struct json_passed *value, const uint8_t *p,
                                  const uint8_t *end, struct json_skip *skip)
{
    static const struct behind nothing = {NULL, false};
    if (is_container(value))
        return *p == value->first ? behind_container(p, end, value->level, skip) : nothing;
    if (value->kept && value->first == '"')
        return *p == '"' ? behind_name(p + 1, end, most_bytes(value)) : nothing;
    if (value->kept)
        return behind_number(p, end);
    const uint8_t *behind = json_scalar_behind(p, end);
    if (behind || *p != '"')
        return (struct behind){behind, false};
    return behind_string(p + 1, end);
}

/* Notes that the input ends in value i, or in what is in front of it at p: `before` bytes, if the
 * value began. */
static size_t note_cut(const struct json_shape *shape, struct json_shape_cut *cut, unsigned i,
                       size_t at, size_t before)
{
    cut->inside = before > 0 && is_container(&shape->value[i]);
    cut->at = cut->inside ? at + before + 1 : at;
    for (unsigned k = cut->value; k < i + cut->inside; k++)
        cut->known = (uint16_t)(cut->known + shape->before[k]);
    cut->value = (uint8_t)i;
    return JSON_SHAPE_CUT;
}

size_t json_shape_match(const struct json_shape *shape, const uint8_t *text, size_t n,
                        struct json_shape_value values[JSON_MAX_PASSED], struct json_shape_cut *cut)
{
    const uint8_t *p = text + cut->at, *end = text + n, *known = shape->text + cut->known;
    for (unsigned i = cut->value;; i++) {
        size_t before = shape->before[i], left = (size_t)(end - p);
        if (left < before)
            return same_bytes(p, known, left) ? note_cut(shape, cut, i, (size_t)(p - text), 0) : 0;
        if (!same_bytes(p, known, before))
            return 0;
        if (i == shape->values)
            return (size_t)(p - text) + before;
        if (left == before)
            return note_cut(shape, cut, i, (size_t)(p - text), 0);
        const uint8_t *value = p + before;
        struct behind behind = behind_value(&shape->value[i], value, end, &cut->skip);
        if (!behind.p)
            return behind.cut ? note_cut(shape, cut, i, (size_t)(p - text), before) : 0;
        bool quoted = *value == '"';
        values[i] =
            (struct json_shape_value){value + quoted, (size_t)(behind.p - value) - 2 * quoted};
        known += before;
        p = behind.p;
    }
}
