/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_NUMBERS_H
#define CLI_NUMBERS_H

#include "dissect/record.h"

/*
 * The small numbers of connections in events: 1, 2, ... in the order in which they appeared,
 * whatever shard they belong to.
 */

/* Zeroed memory is an empty one. */
struct numbers {
    uint64_t *of; /* by conn.slot; 0: none */
    uint32_t room;
    uint64_t last;
};

/* Gives r the number of its connection in place of the id, a new one with OPENED; records come in
 * capture order. Without memory a connection keeps its own id, made so that it is no number. */
void numbers_give(struct numbers *n, struct record *r);

/* A record of the connection with that slot may come soon. */
static inline void numbers_ahead(const struct numbers *n, uint32_t slot)
{
    if (slot < n->room)
        __builtin_prefetch(&n->of[slot]);
}

void numbers_fini(struct numbers *n);

#endif
