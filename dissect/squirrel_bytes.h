/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SQUIRREL_BYTES_H
#define DISSECT_SQUIRREL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The byte array in a message of the Squirrel dialect: the value of the member `payload` on the
 * first level of a JSON object, where it is an array of integers from 0 to 255. Each becomes a byte
 * again, piece by piece; nothing is kept.
 *
 * It walks beside the JSON scanner, which skips arrays, and relies on it for the grammar: of a text
 * that is no JSON it may make anything.
 */

enum squirrel_bytes_state {
    SQUIRREL_BYTES_NONE,   /* no array so far */
    SQUIRREL_BYTES_INSIDE, /* in the array */
    SQUIRREL_BYTES_WHOLE,  /* the array is closed */
    SQUIRREL_BYTES_OTHER   /* something in it is no byte */
};

/* Zeroed memory begins a text. */
struct squirrel_bytes {
    uint8_t state; /* enum squirrel_bytes_state */
    /* ---- private */
    uint8_t matched; /* of the member's name */
    uint16_t number; /* the integer under way; valid with digits */
    uint32_t depth;  /* of containers that are open */
    bool string, escape, member, chosen, digits;
};

struct squirrel_bytes_sink {
    void *ctx;
    void (*bytes)(void *ctx, const uint8_t *bytes, size_t n); /* n > 0; borrowed for the call */
};

void squirrel_bytes_feed(struct squirrel_bytes *b, const struct squirrel_bytes_sink *sink,
                         const uint8_t *bytes, size_t n);

#endif
