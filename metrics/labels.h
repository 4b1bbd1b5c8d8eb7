/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_LABELS_H
#define METRICS_LABELS_H

#include "budget.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A capped map from a text to a counter block, in the order of the texts, so that what is printed
 * from it is in order by itself. When it holds `max` texts, new ones share the one that is called
 * "other". The address of a block does not change until labels_fini(). Allocates nothing while it
 * is empty.
 */

#define LABELS_TEXT_BYTES 255 /* a longer text is cut */
#define LABELS_OTHER      "other"

struct label {
    const char *text; /* valid UTF-8, terminated; NULL: no name was given, sorts first */
    uint16_t text_len;
    _Alignas(16) unsigned char value[];
};

#define LABELS_RECENT 8 /* a power of two */

struct labels {
    struct label **sorted;
    struct label *recent[LABELS_RECENT]; /* found last, by a few bits of the text */
    struct budget *budget;
    uint32_t count, room;
    uint32_t max;
    uint16_t value_bytes;
    uint16_t limit; /* enum limit_id that is counted when the map is full */
};

/* budget must outlive the map; each text takes one of its rows. */
void labels_init(struct labels *l, uint32_t max, uint16_t value_bytes, enum limit_id limit,
                 struct budget *budget);

/* The block of the text of n bytes (NULL: none was given), made of zeros if it is new.
 * NULL: out of memory. */
void *labels_get(struct labels *l, const char *text, size_t n);

/* Frees all; release, if not NULL, is called for each block first. */
void labels_fini(struct labels *l, void (*release)(void *value));

#endif
