/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linear probing: an entry is at the place that its hash says, or at the next one that was empty.
 * What is taken out leaves no mark: those behind it that would not be found any more move up
 * (Knuth, The Art of Computer Programming 6.4, algorithm R).
 *
 * At least one place in eight stays empty, else there will be twice as many; where memory is short,
 * one in all.
 */
#include "base/places.h"
#include "base/err.h"
#include <stdlib.h>

#define FIRST_PLACES 64u
#define DENSE_PLACES 32768u

/* Empty ones. */
static struct place *make(uint32_t mask)
{
    return calloc((size_t)mask + 1, sizeof(struct place));
}

int places_init(struct places *p)
{
    p->mask = FIRST_PLACES - 1;
    p->count = 0;
    p->at = make(p->mask);
    return p->at ? 0 : ERR_NOMEM;
}

void places_fini(struct places *p)
{
    free(p->at);
    p->at = NULL;
}

static inline void put(struct place *at, uint32_t mask, struct place what)
{
    uint32_t i = what.hash & mask;
    while (at[i].index != PLACES_NONE)
        i = (i + 1) & mask;
    at[i] = what;
}

static int grow(struct places *p)
{
    uint32_t mask = 2 * p->mask + 1;
    struct place *at = make(mask);
    if (!at)
        return p->count < p->mask ? 0 : ERR_NOMEM;
    for (uint32_t i = 0; i <= p->mask; i++) {
        if (p->at[i].index != PLACES_NONE)
            put(at, mask, p->at[i]);
    }
    free(p->at);
    p->at = at;
    p->mask = mask;
    return 0;
}

/* So many entries: few of them are not where their hash says while that costs little memory. */
static inline uint32_t most(uint32_t mask)
{
    return mask < DENSE_PLACES ? mask / 2 : mask - mask / 8;
}

int places_add(struct places *p, uint32_t hash, uint32_t index)
{
    if (p->count >= most(p->mask) && grow(p) < 0)
        return ERR_NOMEM;
    put(p->at, p->mask, (struct place){hash, index});
    p->count++;
    return 0;
}

void places_remove(struct places *p, uint32_t hash, uint32_t index)
{
    uint32_t mask = p->mask, gap = hash & mask;
    while (p->at[gap].index != index)
        gap = (gap + 1) & mask;
    for (uint32_t i = (gap + 1) & mask; p->at[i].index != PLACES_NONE; i = (i + 1) & mask) {
        uint32_t way = (i - p->at[i].hash) & mask; /* from where its hash says */
        if (way < ((i - gap) & mask))
            continue;
        p->at[gap] = p->at[i];
        gap = i;
    }
    p->at[gap].index = PLACES_NONE;
    p->count--;
}
