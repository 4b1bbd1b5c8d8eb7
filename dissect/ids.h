/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_IDS_H
#define DISSECT_IDS_H

#include "base/hash.h"
#include "capture/stream.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * Waiting requests by scope, sender and id. Those that have all three in common are in a list from
 * `older` to `newer`; the newest is found.
 *
 * Nearly every request is here alone, and not for long. So the index lies in the requests
 * themselves; what they point to, and their ids_node as a whole, is private but for the list.
 */

struct pending;

struct ids_node {
    struct pending *older, *newer; /* of the list */
    struct pending *oldest;        /* of the list; only the newest one's is right */
    struct pending *chain;         /* next in the bucket; of the newest */
    uint32_t hash;
};

struct ids {
    struct hash_key hash;
    struct pending **buckets;
    uint32_t bucket_mask;
    uint32_t count; /* lists */
};

/* False: out of memory. */
bool ids_init(struct ids *ids, const struct hash_key *hash);
void ids_fini(struct ids *ids); /* zeroed memory is allowed */

/* Adds a request as the newest; its scope, dir and id_hash stay as they are while it is here. */
void ids_add(struct ids *ids, struct pending *p);

void ids_remove(struct ids *ids, struct pending *p);

/* The newest request; NULL: none. */
struct pending *ids_newest(const struct ids *ids, uint64_t scope, enum dir dir, uint64_t id_hash);

/* The oldest request; NULL: none. */
struct pending *ids_oldest(const struct ids *ids, uint64_t scope, enum dir dir, uint64_t id_hash);

#endif
