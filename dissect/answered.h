/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_ANSWERED_H
#define DISSECT_ANSWERED_H

#include "base/hash.h"
#include "base/limits.h"
#include "capture/stream.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * A memory of requests that wait no more, by scope, sender and id: as many as there is room for,
 * the one that ended longest ago is forgotten for a new one.
 *
 * Every request goes through it, and hardly any is asked for again. So it is made for adding: the
 * latest ones wait until the memory that they need is in the caches. A request that ends again
 * takes the place of what was known of it.
 */

enum answered_how {
    ANSWERED_FULLY,
    ANSWERED_CANCELLED, /* an answer may still cross */
    ANSWERED_GIVEN_UP   /* unanswered or lost */
};

#define ANSWERED_METHOD_BYTES 40

struct answered {
    uint64_t scope : 63; /* 0: nobody's */
    uint64_t dir : 1;    /* enum dir of the request */
    uint64_t id_hash;
    uint64_t conn_id;
    char *other; /* text of METHOD_OTHER, from malloc(), or NULL */
    uint32_t channel_number;
    uint8_t how; /* enum answered_how */
    uint8_t method;
    uint8_t method_len; /* of `other`; 0: longer than ANSWERED_METHOD_BYTES */
    bool delivered_again;
};

_Static_assert(sizeof(struct answered) == 40, "with every request one goes through the caches");

struct answered_list;

/* For max of them, at least 1. hit, which must outlive it, learns of each that is forgotten for
 * want of room, at the latest by answered_settle(). NULL: out of memory. */
struct answered_list *answered_new(const struct hash_key *hash, uint32_t max,
                                   struct limits_hit *hit);

/* The request with that scope, sender and id, or NULL; good until the next answered_add(). */
struct answered *answered_find(struct answered_list *l, uint64_t scope, enum dir dir,
                               uint64_t id_hash);

/* The request ended: what is known of it is to be written at once into the fields behind id_hash,
 * all of them. NULL: out of memory. */
struct answered *answered_add(struct answered_list *l, uint64_t scope, enum dir dir,
                              uint64_t id_hash);

/* Does what waits. */
void answered_settle(struct answered_list *l);

void answered_free(struct answered_list *l); /* NULL is allowed */

#endif
