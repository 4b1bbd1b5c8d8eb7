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
 * "other". The address of a label does not change until labels_fini(). Allocates nothing while it
 * is empty.
 *
 * A map can be part of another one, its whole. A label of the part is then joined to the label of
 * the same text in the whole, and what it counts is added to that one when the whole is looked at.
 * Labels that share their block with other texts, here or there, are not joined: what they count is
 * counted in the whole at once.
 */

#define LABELS_TEXT_BYTES 255 /* a longer text is cut */
#define LABELS_OTHER      "other"

struct label {
    const char *text;    /* valid UTF-8, terminated; NULL: no name was given, sorts first */
    void *value;         /* the block */
    struct label *whole; /* NULL: not joined */
    uint32_t hash;
    uint16_t text_len;
    bool settled; /* whether it is joined was decided */
};

struct labels {
    struct label **index; /* open addressing by hash; NULL: free */
    uint32_t index_mask;
    uint32_t count, room;
    uint32_t max;
    struct budget *budget;
    struct label **sorted;
    struct labels *whole; /* NULL: it is no part */
    uint16_t value_bytes;
    uint16_t limit; /* enum limit_id that is counted when the map is full */
};

/* budget must outlive the map; each text takes one of its rows. */
void labels_init(struct labels *l, uint32_t max, uint16_t value_bytes, enum limit_id limit,
                 struct budget *budget);

/* The label of the text of n bytes (NULL: none was given); the block of a new one is zero.
 * NULL: out of memory. */
struct label *labels_get(struct labels *l, const char *text, size_t n);

/* The same in a part. *ret_also: the label of the whole in which this must be counted at once;
 * NULL: none, the two are joined. */
struct label *labels_get_joined(struct labels *l, const char *text, size_t n,
                                struct label **ret_also);

/* A text that was asked for ahead last. */
struct labels_ahead {
    const struct labels *of; /* NULL: none */
    uint32_t hash;
};

/* The text may be looked up soon: what that needs is brought into the caches, the label and its
 * block when the next text is asked for. */
void labels_ahead(struct labels_ahead *latest, const struct labels *l, const char *text, size_t n);

/* Frees all; release, if not NULL, is called for each block first. */
void labels_fini(struct labels *l, void (*release)(void *value));

#endif
