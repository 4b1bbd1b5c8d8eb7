/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HPACK_H
#define DISSECT_HPACK_H

#include "base/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Header compression (RFC 7541) of one direction of an HTTP/2 connection: header blocks to fields,
 * also where blocks are missing. A field that cannot be known is told as unknown, never guessed.
 *
 * Strings, Huffman code and the static table are nghttp2's; the dynamic table is this file's own,
 * because it must know what it does not know, and be small: text is kept of those fields only that
 * hpack_keeps() names, of all others the size.
 */

struct hpack_entry;

struct hpack {
    struct hpack_entry *ring; /* NULL until the first entry */
    uint64_t *sum;            /* see base/counted.h; set before the first */
    uint32_t bytes;           /* size of the entries as RFC 7541 4.1 counts */
    uint32_t max_bytes;       /* of the table */
    uint16_t cap, first, count;
    bool lost; /* older entries than those here may be in use, and are not known */
};

struct hpack_sink {
    void *ctx;
    /* Name in lower case; borrowed for the call. Fields that hpack_keeps() does not name may be
     * left out. */
    void (*field)(void *ctx, const char *name, size_t name_len, const char *value,
                  size_t value_len);
};

enum hpack_result {
    HPACK_WHOLE,  /* all fields were told */
    HPACK_PARTLY, /* some fields are not known; those told are certain */
    HPACK_BAD     /* no header block: the rest of it, and the table, are lost */
};

/* joined: blocks came before, and nothing is known of them. */
void hpack_init(struct hpack *h, bool joined);
void hpack_fini(struct hpack *h);

/* A block is missing: nothing in the table means anything any more. */
void hpack_lose(struct hpack *h);

/* Reads one complete header block. */
enum hpack_result hpack_read(struct hpack *h, const struct hpack_sink *sink, const uint8_t *block,
                             size_t n, struct limits_hit *hit);

/* Whether the value of a field of that name matters to anybody. */
bool hpack_keeps(const char *name, size_t n);

#endif
