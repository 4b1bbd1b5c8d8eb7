/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring in the order of the ends, over which chains by hash lie. Adding writes to the end of the
 * ring and to the head of a chain; forgetting moves the beginning of the ring and touches no chain.
 * So a chain may go on at places that were forgotten, and used again: it is over where a place is
 * not older than the one before it, or is not of the chain's bucket.
 *
 * The place of a request that ended again stays empty until the ring's beginning comes by. The ring
 * has an eighth more places than there may be requests; where those are used up, it is written anew
 * without the empty ones, and as large as it needs to be.
 *
 * The latest WAITING places are in no chain yet: a head and a link are lines of the cache that were
 * used a megabyte of traffic ago. Both are asked for ahead, one after the other.
 *
 * Limits: max requests, as given.
 */
#include "dissect/answered.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64u
#define NONE       UINT32_MAX
#define WAITING    8u /* at most */

/* The chain at a place, kept apart so that a walk along it touches few lines of the cache. */
struct link {
    uint32_t hash;
    uint32_t before; /* the next older place, if it is of the chain */
};

struct answered_list {
    struct hash_key hash;
    struct limits_hit *hit;
    struct answered *places; /* of `room`, of which `used` from `first` on, around the end */
    struct link *links;      /* the same */
    uint32_t *heads;         /* by hash: a place, or NONE */
    uint32_t head_mask;
    uint32_t room, first, used;
    uint32_t waiting; /* the latest of `used`: in no chain */
    uint32_t count;   /* of those before them, without the empty ones */
    uint32_t max;
};

static inline uint32_t place_of(const struct answered_list *l, uint32_t age)
{
    uint32_t place = l->first + age;
    return place >= l->room ? place - l->room : place;
}

/* At least `used` for a place that is not in use. */
static inline uint32_t age_of(const struct answered_list *l, uint32_t place)
{
    return place >= l->first ? place - l->first : place + l->room - l->first;
}

static inline bool is_same(const struct answered *a, const struct answered *b)
{
    return a->scope == b->scope && a->dir == b->dir && a->id_hash == b->id_hash;
}

static inline uint32_t hash_of(const struct answered_list *l, uint64_t scope, enum dir dir,
                               uint64_t id_hash)
{
    return (uint32_t)hash_pair(&l->hash, scope << 1 | (dir & 1), id_hash);
}

static inline uint32_t *head_of(const struct answered_list *l, uint32_t hash)
{
    return &l->heads[hash & l->head_mask];
}

/* The place in a chain of the request that a is, or NONE. */
static inline uint32_t find(const struct answered_list *l, const struct answered *a, uint32_t hash)
{
    uint32_t younger = l->used - l->waiting;
    for (uint32_t at = *head_of(l, hash); at != NONE; at = l->links[at].before) {
        uint32_t age = age_of(l, at);
        const struct link *link = &l->links[at];
        if (age >= younger || ((link->hash ^ hash) & l->head_mask) != 0)
            break;
        younger = age;
        if (link->hash == hash && is_same(&l->places[at], a))
            return at;
    }
    return NONE;
}

static inline void drop_first(struct answered_list *l)
{
    l->first = place_of(l, 1);
    l->used--;
}

static inline void forget_oldest(struct answered_list *l)
{
    while (l->places[l->first].scope == 0)
        drop_first(l);
    free(l->places[l->first].other);
    drop_first(l);
    l->count--;
    limits_hit_add(l->hit, LIMIT_ID_ANSWERED);
}

static inline void chain(struct answered_list *l, uint32_t at)
{
    uint32_t *head = head_of(l, l->links[at].hash);
    l->links[at].before = *head;
    *head = at;
    l->count++;
}

/* The first one that waits does so no longer. */
static inline void settle_one(struct answered_list *l)
{
    uint32_t at = place_of(l, l->used - l->waiting);
    uint32_t same = find(l, &l->places[at], l->links[at].hash);
    if (same != NONE) {
        free(l->places[same].other);
        l->places[same].scope = 0;
        l->count--;
    } else if (l->count == l->max) {
        forget_oldest(l);
    }
    chain(l, at);
    l->waiting--;
}

void answered_settle(struct answered_list *l)
{
    while (l->waiting > 0)
        settle_one(l);
}

/* The latest one waits. Asks for its head, and for what an earlier one's head tells is needed. */
static inline void wait(struct answered_list *l, uint32_t hash)
{
    __builtin_prefetch(head_of(l, hash), 1);
    if (++l->waiting <= WAITING / 2)
        return;
    uint32_t earlier = place_of(l, l->used - WAITING / 2 - 1);
    uint32_t before = *head_of(l, l->links[earlier].hash);
    if (before != NONE)
        __builtin_prefetch(&l->links[before]);
    __builtin_prefetch(&l->places[place_of(l, WAITING)]); /* to be forgotten soon */
}

/* ---- room */

static void release(struct answered_list *l)
{
    free(l->places);
    free(l->links);
    free(l->heads);
}

/* An empty one with so many places. */
static bool allocate(struct answered_list *l, uint32_t room)
{
    uint32_t heads = FIRST_ROOM;
    while (heads / 3 < room) /* most chains are one place long, which was asked for */
        heads *= 2;
    l->places = malloc(room * sizeof(*l->places));
    l->links = malloc(room * sizeof(*l->links));
    l->heads = malloc(heads * sizeof(*l->heads));
    if (!l->places || !l->links || !l->heads) {
        release(l);
        return false;
    }
    memset(l->heads, 0xff, heads * sizeof(*l->heads));
    l->head_mask = heads - 1;
    l->room = room;
    l->first = l->used = l->count = 0;
    return true;
}

/* Writes the ring anew, with places left. */
static bool renew(struct answered_list *l)
{
    answered_settle(l);
    uint32_t room = l->max + l->max / 8 + 2 * WAITING;
    if (l->count < room / 4)
        room = l->count * 2 > FIRST_ROOM ? l->count * 2 : FIRST_ROOM;
    struct answered_list before = *l;
    if (!allocate(l, room)) {
        *l = before;
        return false;
    }
    for (uint32_t age = 0; age < before.used; age++) {
        uint32_t from = place_of(&before, age);
        if (before.places[from].scope == 0)
            continue;
        l->places[l->used] = before.places[from];
        l->links[l->used].hash = before.links[from].hash;
        chain(l, l->used++);
    }
    release(&before);
    return true;
}

/* ---- use */

struct answered_list *answered_new(const struct hash_key *hash, uint32_t max,
                                   struct limits_hit *hit)
{
    assert(max > 0 && max < UINT32_MAX / 2);
    struct answered_list *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->hash = *hash;
    l->hit = hit;
    l->max = max;
    if (!allocate(l, FIRST_ROOM)) {
        free(l);
        return NULL;
    }
    return l;
}

struct answered *answered_find(struct answered_list *l, uint64_t scope, enum dir dir,
                               uint64_t id_hash)
{
    const struct answered meant = {.scope = scope, .dir = dir & 1, .id_hash = id_hash};
    answered_settle(l);
    uint32_t at = find(l, &meant, hash_of(l, scope, dir, id_hash));
    return at == NONE ? NULL : &l->places[at];
}

struct answered *answered_add(struct answered_list *l, uint64_t scope, enum dir dir,
                              uint64_t id_hash)
{
    if (l->waiting == WAITING)
        settle_one(l);
    if (l->used == l->room && !renew(l))
        return NULL;
    uint32_t at = place_of(l, l->used++);
    uint32_t hash = hash_of(l, scope, dir, id_hash);
    l->links[at].hash = hash;
    wait(l, hash);
    struct answered *a = &l->places[at];
    a->scope = scope;
    a->dir = dir & 1;
    a->id_hash = id_hash;
    return a;
}

void answered_free(struct answered_list *l)
{
    if (!l)
        return;
    for (uint32_t age = 0; age < l->used; age++) {
        const struct answered *a = &l->places[place_of(l, age)];
        if (a->scope != 0)
            free(a->other);
    }
    release(l);
    free(l);
}
