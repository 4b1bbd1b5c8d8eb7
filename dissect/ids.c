/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Separate chaining through the requests. Of a list the newest one is in the chain of its bucket,
 * and knows the oldest. Buckets double when there are more lists; where there is no memory for
 * that, chains are longer and nothing else.
 */
#include "dissect/ids.h"
#include "pairing.h"
#include <stdlib.h>

#define FIRST_BUCKETS 64u

static inline uint32_t hash_of(const struct ids *ids, uint64_t scope, enum dir dir,
                               uint64_t id_hash)
{
    return (uint32_t)hash_pair(&ids->hash, scope << 1 | (dir & 1), id_hash);
}

/* Where a chain points to the list, or its end. */
static inline struct pending **place_of(const struct ids *ids, uint64_t scope, enum dir dir,
                                        uint64_t id_hash, uint32_t hash)
{
    struct pending **at = &ids->buckets[hash & ids->bucket_mask];
    for (struct pending *p; (p = *at); at = &p->by_id.chain) {
        if (p->by_id.hash == hash && p->id_hash == id_hash && p->scope == scope && p->dir == dir)
            break;
    }
    return at;
}

bool ids_init(struct ids *ids, const struct hash_key *hash)
{
    *ids = (struct ids){.hash = *hash, .bucket_mask = FIRST_BUCKETS - 1};
    ids->buckets = calloc(FIRST_BUCKETS, sizeof(struct pending *));
    return ids->buckets != NULL;
}

void ids_fini(struct ids *ids)
{
    free(ids->buckets);
}

static __attribute__((noinline)) void grow(struct ids *ids)
{
    size_t count = ((size_t)ids->bucket_mask + 1) * 2;
    struct pending **buckets = calloc(count, sizeof(struct pending *));
    if (!buckets)
        return;
    for (size_t i = 0; i <= ids->bucket_mask; i++) {
        for (struct pending *p = ids->buckets[i], *next; p; p = next) {
            struct pending **to = &buckets[p->by_id.hash & (count - 1)];
            next = p->by_id.chain;
            p->by_id.chain = *to;
            *to = p;
        }
    }
    free(ids->buckets);
    ids->buckets = buckets;
    ids->bucket_mask = (uint32_t)(count - 1);
}

void ids_add(struct ids *ids, struct pending *p)
{
    if (ids->count > ids->bucket_mask)
        grow(ids);
    uint32_t hash = hash_of(ids, p->scope, (enum dir)p->dir, p->id_hash);
    struct pending **at = place_of(ids, p->scope, (enum dir)p->dir, p->id_hash, hash);
    struct pending *before = *at;
    if (before) {
        p->by_id = (struct ids_node){before, NULL, before->by_id.oldest, before->by_id.chain, hash};
        before->by_id.newer = p;
    } else {
        p->by_id = (struct ids_node){NULL, NULL, p, NULL, hash};
        ids->count++;
    }
    *at = p;
}

void ids_remove(struct ids *ids, struct pending *p)
{
    struct pending *older = p->by_id.older, *newer = p->by_id.newer;
    struct pending **at = place_of(ids, p->scope, (enum dir)p->dir, p->id_hash, p->by_id.hash);
    if (older)
        older->by_id.newer = newer;
    else if (newer)
        (*at)->by_id.oldest = newer;
    if (newer) {
        newer->by_id.older = older;
    } else if (older) {
        older->by_id.oldest = p->by_id.oldest;
        older->by_id.chain = p->by_id.chain;
        *at = older;
    } else {
        *at = p->by_id.chain;
        ids->count--;
    }
}

struct pending *ids_newest(const struct ids *ids, uint64_t scope, enum dir dir, uint64_t id_hash)
{
    return *place_of(ids, scope, dir, id_hash, hash_of(ids, scope, dir, id_hash));
}

struct pending *ids_oldest(const struct ids *ids, uint64_t scope, enum dir dir, uint64_t id_hash)
{
    struct pending *p = ids_newest(ids, scope, dir, id_hash);
    return p ? p->by_id.oldest : NULL;
}
