/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_BRIEF_H
#define DISSECT_JSON_BRIEF_H

#include "dissect/json.h"

/*
 * What a JSON text of a few bytes is, without a scanner: to make one ready takes longer than to
 * read such a text. It says what the scanner would of it with the spec of rpc.c, which the tests
 * compare it with.
 */

/* Too few for a message: {"method":""} is the shortest. */
#define JSON_BRIEF_BYTES 12

struct json_brief {
    uint8_t end;      /* enum json_end */
    uint8_t elements; /* that ended; none of them is a message */
    bool empty_array; /* complete, and all there is */
};

/* Of a whole text of n <= JSON_BRIEF_BYTES bytes. */
struct json_brief json_brief(const uint8_t *text, size_t n);

#endif
