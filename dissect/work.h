/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_WORK_H
#define DISSECT_WORK_H

#include "dissect/transport.h"
#include <stdalign.h>

/*
 * The state of a transport while it is in the middle of something; private to dissector.c. Between
 * messages most come down to a few numbers (struct transport, rest), and their memory serves
 * another connection.
 */

struct work {
    struct transport_conn tc;
    alignas(max_align_t) uint8_t state[];
};

/* Those that are not in use at the moment, at most LIMIT_SPARE_STATES of each transport. Zeroed
 * memory is an empty list. */
struct work_spare {
    struct work_node *first[TRANSPORT_COUNT];
    uint32_t count[TRANSPORT_COUNT];
    uint64_t *sum; /* of those that are in use: see base/counted.h */
};

/* For transport number id, with state_bytes of zeroed state, whose tc is to be filled in; NULL: out
 * of memory. */
struct work *work_take(struct work_spare *spare, uint8_t id, size_t state_bytes);
void work_give(struct work_spare *spare, uint8_t id, struct work *w,
               size_t state_bytes); /* NULL is allowed */

void work_spare_free(struct work_spare *spare);

#endif
