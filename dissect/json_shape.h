/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_SHAPE_H
#define DISSECT_JSON_SHAPE_H

#include "dissect/json.h"

/*
 * The shape of a JSON text: its bytes, without the values of members that its spec does not name or
 * that are marked in it as another one each time. Two texts of one shape leave a scan in the same
 * state, but for the positions and the marked values. So what was read from one need not be read
 * from the other: comparing them is enough.
 */

#define JSON_SHAPE_BYTES 512 /* without the values; no longer texts are kept */

struct json_shape {
    uint16_t bytes; /* 0: no shape */
    uint8_t values;
    uint16_t before[JSON_MAX_PASSED + 1]; /* bytes before each value, and behind the last */
    struct json_passed value[JSON_MAX_PASSED];
    uint8_t text[JSON_SHAPE_BYTES];
};

/* Keeps the shape of a text whose first element just ended, and began with its first byte. Returns
 * false if it cannot be kept. */
bool json_shape_keep(struct json_shape *shape, const struct json_scan *s, const uint8_t *text);

/* A marked value: an integer of at most 15 digits, or what is between the quotes of a string of
 * printable ASCII without escapes; it is of the same of the two as the kept one. */
struct json_shape_value {
    const uint8_t *p;
    size_t n;
};

#define JSON_SHAPE_NAME 128 /* bytes of such a string at most */
#define JSON_SHAPE_ID   62  /* the same where it may be an integer as well */

/* How far a text was compared that is cut; zeroed memory: not at all. */
struct json_shape_cut {
    struct json_skip skip; /* inside: as it is at the cut */
    size_t at;      /* of the text: what is to be compared next; inside: behind its bracket */
    uint16_t known; /* the same of shape->text */
    uint8_t value;  /* the next one, or the one that is cut */
    bool inside;    /* of an object or array that is a value */
};

#define JSON_SHAPE_CUT SIZE_MAX

/* Compares n bytes, from *cut on, which must not be inside. If they begin with a whole text of that
 * shape: its length. JSON_SHAPE_CUT: they may be the beginning of one, by *cut, and scanning them
 * would reach no cap. Else 0. values gets the marked ones of shape->value, at their places. */
size_t json_shape_match(const struct json_shape *shape, const uint8_t *text, size_t n,
                        struct json_shape_value values[JSON_MAX_PASSED],
                        struct json_shape_cut *cut);

#endif
