/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_SKIP_H
#define DISSECT_JSON_SKIP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Finds the end of a JSON string or of a balanced object or array, and nothing else: the inner loop
 * of the JSON scanner, private to it. Brackets are only counted, so `[}` is balanced.
 *
 * There are several variants with one behaviour: the reference, one byte at a time, and vector ones
 * for the processors that have them. Tests hold every variant against the reference.
 */

/* What must be remembered between two pieces. Begin with all zero but depth or in_string. */
struct json_skip {
    uint64_t depth;     /* containers open; a container's end was found when it drops to 0 */
    uint64_t max_depth; /* depth never legally exceeds it */
    uint64_t in_string; /* all ones inside a string, else 0 */
    uint64_t escaped;   /* 1: a backslash just before makes the next byte an ordinary one */
};

/* Looks at n bytes and returns how many of them belong to the value: n if it goes on. */
typedef size_t (*json_skip_fn)(struct json_skip *s, const uint8_t *bytes, size_t n);

struct json_skip_ops {
    const char *name;
    /* depth > 0. Stops behind the bracket that ends the outermost container (depth is 0 then), or
     * at a bracket that opens one level too many (depth is max_depth + 1 then). */
    json_skip_fn container;
    /* in_string is set. Stops behind the closing quote (in_string is 0 then). */
    json_skip_fn string;
};

/* The best variant for this processor. */
const struct json_skip_ops *json_skip_best(void);

/* The variants this processor can run, best last; number 0 is the reference; NULL past the end. */
const struct json_skip_ops *json_skip_variant(size_t number);

#endif
