/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_PLACES_H
#define BASE_PLACES_H

#include <stdint.h>

/*
 * Where the entries of a hash table are, which lie elsewhere and have numbers: open addressing. The
 * hash lies beside the number, so that a search touches one line of the cache, mostly, and no entry
 * but the one that is looked for; in a table of many megabytes each would be waited for.
 *
 * It knows nothing of keys: of several entries with one hash the caller has to say which it is.
 * Members are for the functions below.
 */

#define PLACES_NONE 0u /* the number of no entry */

struct place {
    uint32_t hash, index; /* index: of the entry; PLACES_NONE: empty */
};

struct places {
    struct place *at;
    uint32_t mask; /* one less than there are, a power of two */
    uint32_t count;
};

/* Returns 0 or ERR_NOMEM. */
int places_init(struct places *p);
void places_fini(struct places *p);

/* Adds an entry; index is not PLACES_NONE. Returns 0 or ERR_NOMEM. */
int places_add(struct places *p, uint32_t hash, uint32_t index);

/* Takes out one that is there. */
void places_remove(struct places *p, uint32_t hash, uint32_t index);

/* The number of an entry with that hash, or PLACES_NONE. *ret_at is where it was found, for
 * places_next(), which has the next one with that hash. Nothing may be added or taken out between
 * these calls. */
static inline uint32_t places_at(const struct places *p, uint32_t hash, uint32_t *ret_at)
{
    uint32_t i = *ret_at & p->mask;
    while (p->at[i].hash != hash && p->at[i].index != PLACES_NONE)
        i = (i + 1) & p->mask;
    *ret_at = i;
    return p->at[i].index;
}

static inline uint32_t places_first(const struct places *p, uint32_t hash, uint32_t *ret_at)
{
    *ret_at = hash;
    return places_at(p, hash, ret_at);
}

static inline uint32_t places_next(const struct places *p, uint32_t hash, uint32_t *ret_at)
{
    ++*ret_at;
    return places_at(p, hash, ret_at);
}

/* What is behind that hash will be looked for soon. */
static inline void places_fetch(const struct places *p, uint32_t hash)
{
    __builtin_prefetch(&p->at[hash & p->mask]);
}

#endif
