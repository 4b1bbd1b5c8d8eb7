/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shapes of JSON texts, see the header.
 *
 * Theory of operation. The scanner notes where it passed over a value of a member that the spec
 * does not name. It was ready for the next member then, whatever the value was. So between two
 * values the scan depends on nothing but the bytes there; and where they are equal and the values
 * are ones that it would pass over, too, all of the scan is.
 *
 * Limits: JSON_SHAPE_BYTES, JSON_MAX_PASSED.
 */
#include "json_shape.h"
#include "json_scalar.h"
#include <string.h>

_Static_assert(JSON_SHAPE_BYTES <= LIMIT_JSON_VALUE, "no captured text of a shape is cut");

bool json_shape_keep(struct json_shape *shape, const struct json_scan *s, const uint8_t *text)
{
    uint64_t bytes = s->element_bytes, at = 0;
    for (unsigned i = 0; i < s->passed_count && i < JSON_MAX_PASSED; i++)
        bytes -= s->passed[i].n;
    if (s->element_bytes > UINT32_MAX || s->passed_count > JSON_MAX_PASSED ||
        bytes > sizeof(shape->text))
        return false;
    shape->bytes = 0;
    shape->values = s->passed_count;
    for (unsigned i = 0; i <= shape->values; i++) {
        bool last = i == shape->values;
        uint16_t n = (uint16_t)((last ? s->element_bytes : s->passed[i].at) - at);
        memcpy(shape->text + shape->bytes, text + at, n);
        shape->before[i] = n;
        shape->bytes = (uint16_t)(shape->bytes + n);
        at += n + (last ? 0u : s->passed[i].n);
    }
    return true;
}

/* The byte behind the value that begins at p < end; NULL: it is cut, or not easily passed over. */
static const uint8_t *behind_value(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *behind = json_scalar_behind(p, end);
    if (behind || *p != '"')
        return behind;
    struct json_skip skip = {.in_string = ~UINT64_C(0)};
    p++;
    p += json_skip_best()->string(&skip, p, (size_t)(end - p));
    return skip.in_string ? NULL : p;
}

size_t json_shape_match(const struct json_shape *shape, const uint8_t *text, size_t n)
{
    const uint8_t *p = text, *end = text + n, *known = shape->text;
    for (unsigned i = 0;; i++) {
        size_t before = shape->before[i];
        if ((size_t)(end - p) < before || memcmp(p, known, before) != 0)
            return 0;
        p += before;
        known += before;
        if (i == shape->values)
            return (size_t)(p - text);
        p = p < end ? behind_value(p, end) : NULL;
        if (!p)
            return 0;
    }
}
