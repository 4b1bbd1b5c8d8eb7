/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flows lie in slabs that never move, and are found by their numbers (base/places.h): so what is
 * looked for ahead is one line, and then that flow and no other. base/table.h would do the same
 * with a copy of the key and one list; here the key is the connection's own endpoints, which saves
 * 64 bytes a flow, and is found in either order.
 *
 * A burst of packets of one connection is found at once: the latest flow is tried first.
 */
#include "capture/flow.h"
#include "base/cache.h"
#include "base/places.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_SHIFT 6
#define SLAB_FLOWS (1u << SLAB_SHIFT)
#define NONE       PLACES_NONE
#define FLOW_MAX   ((1u << 29) - 1)

#define SORT_ROOM 33 /* of 32-bit counts */

#define AHEAD_ROOM 4 /* for what is asked for ahead, more than there are steps of it */

struct list {
    uint32_t oldest, newest, count;
};

struct flow_table {
    struct flow **slabs;
    uint32_t slab_count, slab_room;
    struct places places;
    uint32_t count, max_flows;
    uint32_t free_list;
    uint32_t fresh;   /* the first index never used so far */
    bool given_again; /* an index was: they are not in order of appearance */
    bool ending;
    uint32_t first; /* index, at the end */
    struct flow *latest;
    struct place ahead[AHEAD_ROOM];
    uint32_t ahead_turn;
    struct list lists[FLOW_LIST_COUNT];
};

static inline struct flow *at(const struct flow_table *t, uint32_t index)
{
    return &t->slabs[index >> SLAB_SHIFT][index & (SLAB_FLOWS - 1)];
}

struct flow_table *flow_new(uint32_t max_flows)
{
    assert(max_flows > 0 && max_flows <= FLOW_MAX);
    struct flow_table *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    if (places_init(&t->places) < 0) {
        free(t);
        return NULL;
    }
    t->max_flows = max_flows;
    t->fresh = 1;
    return t;
}

uint32_t flow_hash_long(const struct hash_key *secret, const struct endpoint *a,
                        const struct endpoint *b)
{
    if (a->port > b->port || (a->port == b->port && memcmp(a->addr, b->addr, 16) > 0)) {
        const struct endpoint *swap = a;
        a = b;
        b = swap;
    }
    /* In words as they are read: from stores of other sizes that would have to wait. */
    uint64_t words[5] = {(uint64_t)a->port << 16 | b->port};
    memcpy(words + 1, a->addr, 16);
    memcpy(words + 3, b->addr, 16);
    return (uint32_t)hash_quick(secret, words, sizeof(words));
}

static inline uint64_t load(const struct endpoint *ep, size_t at)
{
    uint64_t word;
    memcpy(&word, (const uint8_t *)ep + at, sizeof(word));
    return word;
}

/* The bytes that two words leave out are those of an address of version 6 alone. */
static inline bool same_endpoints(const struct endpoint *a, const struct endpoint *b,
                                  const struct flow_key *key)
{
    const struct endpoint *from = &key->from, *to = &key->to;
    uint64_t differs = (load(a, 0) ^ load(from, 0)) | (load(a, 12) ^ load(from, 12)) |
                       (load(b, 0) ^ load(to, 0)) | (load(b, 12) ^ load(to, 12));
    if (from->family == 6)
        differs |= (load(a, 8) ^ load(from, 8)) | (load(b, 8) ^ load(to, 8));
    return differs == 0;
}

/* The side of f that sent a packet of this key, or -1. */
static inline int side_of(const struct flow *f, const struct flow_key *key)
{
    const struct endpoint *ep = f->conn.endpoint;
    for (int side = 0; side < DIR_COUNT; side++) {
        if (same_endpoints(&ep[side], &ep[!side], key))
            return side;
    }
    return -1;
}

/* Looks at each: some have the same hash without being the same, or the same port at both ends. */
static __attribute__((noinline)) struct flow *find_among(struct flow_table *t,
                                                         const struct flow_key *key, int *ret_side)
{
    const struct places *p = &t->places;
    uint32_t place, index = places_first(p, key->hash, &place);
    for (; index != NONE; index = places_next(p, key->hash, &place)) {
        struct flow *f = at(t, index);
        int side = side_of(f, key);
        if (side >= 0) {
            t->latest = f;
            *ret_side = side;
            return f;
        }
    }
    return NULL;
}

struct flow *flow_find(struct flow_table *t, const struct flow_key *key, int *ret_side)
{
    struct flow *f = t->latest;
    if (!f || f->hash != key->hash) {
        uint32_t place, index = places_first(&t->places, key->hash, &place);
        if (index == NONE)
            return NULL;
        f = at(t, index);
    }
    const struct endpoint *ep = f->conn.endpoint;
    int side = ep[0].port != key->from.port;
    __asm__("" : "+r"(side)); /* no branch: which side sends is as good as random */
    if (!same_endpoints(&ep[side], &ep[side ^ 1], key))
        return find_among(t, key, ret_side);
    t->latest = f;
    *ret_side = side;
    return f;
}

/* What was asked for so many steps ago. */
static inline struct place *asked(struct flow_table *t, uint32_t steps)
{
    return &t->ahead[(t->ahead_turn - steps) % AHEAD_ROOM];
}

struct flow *flow_ahead(struct flow_table *t, const struct flow_key *key)
{
    uint32_t place;
    if (asked(t, 1)->hash == key->hash)
        return NULL;
    *asked(t, 0) = (struct place){key->hash, NONE};
    places_fetch(&t->places, key->hash);
    struct place *one = asked(t, 1), *two = asked(t, 2);
    one->index = places_first(&t->places, one->hash, &place);
    if (one->index != NONE)
        cache_fetch(at(t, one->index), sizeof(struct flow));
    t->ahead_turn++;
    struct flow *f = two->index != NONE ? at(t, two->index) : NULL;
    return f && f->hash == two->hash && f->list != FLOW_LIST_COUNT ? f : NULL;
}

void flow_ahead_move(const struct flow_table *t, const struct flow *f)
{
    __builtin_prefetch(at(t, f->older), 1);
    __builtin_prefetch(at(t, f->newer), 1);
}

static void list_append(struct flow_table *t, struct flow *f, enum flow_list list)
{
    struct list *l = &t->lists[list];
    f->list = list & 7;
    f->older = l->newest;
    f->newer = NONE;
    if (l->newest != NONE)
        at(t, l->newest)->newer = f->self;
    else
        l->oldest = f->self;
    l->newest = f->self;
    l->count++;
}

static void list_unlink(struct flow_table *t, struct flow *f)
{
    struct list *l = &t->lists[f->list];
    if (f->older != NONE)
        at(t, f->older)->newer = f->newer;
    else
        l->oldest = f->newer;
    if (f->newer != NONE)
        at(t, f->newer)->older = f->older;
    else
        l->newest = f->older;
    l->count--;
}

static bool add_slab(struct flow_table *t)
{
    if (t->slab_count == t->slab_room) {
        uint32_t room = t->slab_room ? t->slab_room * 2 : 16;
        struct flow **slabs = realloc(t->slabs, room * sizeof(struct flow *));
        if (!slabs)
            return false;
        t->slabs = slabs;
        t->slab_room = room;
    }
    struct flow *slab = aligned_alloc(CACHE_LINE_BYTES, SLAB_FLOWS * sizeof(*slab));
    if (!slab)
        return false;
    t->slabs[t->slab_count++] = slab;
    return true;
}

/* An unused index, or NONE. */
static uint32_t take_index(struct flow_table *t)
{
    uint32_t index = t->free_list;
    if (index != NONE) {
        t->free_list = at(t, index)->chain;
        t->given_again = true;
        return index;
    }
    if (t->fresh >> SLAB_SHIFT == t->slab_count && !add_slab(t))
        return NONE;
    return t->fresh++;
}

struct flow *flow_insert(struct flow_table *t, const struct flow_key *key, int side,
                         enum flow_list list)
{
    if (t->count == t->max_flows)
        return NULL;
    uint32_t index = take_index(t);
    if (index == NONE)
        return NULL;
    struct flow *f = at(t, index);
    if (places_add(&t->places, key->hash, index) < 0) {
        f->list = FLOW_LIST_COUNT;
        f->chain = t->free_list;
        t->free_list = index;
        return NULL;
    }
    memset(f, 0, sizeof(*f));
    f->self = index & FLOW_MAX;
    f->conn.endpoint[side] = key->from;
    f->conn.endpoint[!side] = key->to;
    f->hash = key->hash;
    list_append(t, f, list);
    t->count++;
    t->latest = f;
    return f;
}

void flow_move(struct flow_table *t, struct flow *f, enum flow_list list)
{
    list_unlink(t, f);
    list_append(t, f, list);
}

void flow_remove(struct flow_table *t, struct flow *f)
{
    places_remove(&t->places, f->hash, f->self);
    list_unlink(t, f);
    f->list = FLOW_LIST_COUNT;
    f->chain = t->free_list;
    t->free_list = f->self;
    t->count--;
    t->latest = NULL;
}

struct flow *flow_oldest(const struct flow_table *t, enum flow_list list)
{
    uint32_t index = t->lists[list].oldest;
    return index == NONE ? NULL : at(t, index);
}

struct flow *flow_newer(const struct flow_table *t, const struct flow *f)
{
    return f->newer == NONE ? NULL : at(t, f->newer);
}

uint32_t flow_count(const struct flow_table *t, enum flow_list list)
{
    return t->lists[list].count;
}

uint32_t flow_count_all(const struct flow_table *t)
{
    return t->count;
}

/* ---- order of appearance ---- */

/* Two chains by `newer`, each in order of appearance, become one. */
static uint32_t merge(const struct flow_table *t, uint32_t a, uint32_t b)
{
    uint32_t first = NONE, *end = &first;
    while (a != NONE && b != NONE) {
        uint32_t *next = at(t, a)->conn.id < at(t, b)->conn.id ? &a : &b;
        *end = *next;
        end = &at(t, *next)->newer;
        *next = *end;
    }
    *end = a != NONE ? a : b;
    return first;
}

/* From *index on, what is in order by its place already: then no place was given again. Leaves
 * *index behind it. NONE: there is no more. */
static uint32_t take_run(const struct flow_table *t, uint32_t *index)
{
    uint32_t first = NONE, *end = &first;
    uint64_t last_id = 0;
    for (; *index < t->fresh; ++*index) {
        struct flow *f = at(t, *index);
        if (f->list == FLOW_LIST_COUNT)
            continue;
        if (f->conn.id < last_id)
            break;
        last_id = f->conn.id;
        *end = *index;
        end = &f->newer;
    }
    *end = NONE;
    return first;
}

/* Merge sort: sorted[k] is NONE or of 2^k runs. Returns the first of the chain by `newer`. */
static uint32_t sort(const struct flow_table *t)
{
    uint32_t sorted[SORT_ROOM] = {NONE}, all = NONE, index = NONE + 1, run;
    while ((run = take_run(t, &index)) != NONE) {
        int k = 0;
        for (; sorted[k] != NONE; k++) {
            run = merge(t, sorted[k], run);
            sorted[k] = NONE;
        }
        sorted[k] = run;
    }
    for (int k = 0; k < SORT_ROOM; k++)
        all = merge(t, sorted[k], all);
    return all;
}

struct flow *flow_first(struct flow_table *t)
{
    if (!t->ending)
        t->first = t->given_again ? sort(t) : NONE + 1;
    t->ending = true;
    while (!t->given_again && t->first < t->fresh && at(t, t->first)->list == FLOW_LIST_COUNT)
        t->first++;
    return t->count > 0 ? at(t, t->first) : NULL;
}

struct flow *flow_behind(const struct flow_table *t, const struct flow *f, uint32_t n)
{
    uint64_t index = f->self + (uint64_t)(t->given_again ? 0 : n);
    for (uint32_t i = 0; i < n && t->given_again && index != NONE; i++)
        index = at(t, (uint32_t)index)->newer;
    return index != NONE && index < t->fresh ? at(t, (uint32_t)index) : NULL;
}

void flow_drop(struct flow_table *t, struct flow *first)
{
    if (t->given_again)
        t->first = first->newer;
    first->list = FLOW_LIST_COUNT;
    t->count--;
}

bool flow_full(const struct flow_table *t)
{
    return t->count == t->max_flows;
}

void flow_free(struct flow_table *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->slab_count; i++)
        free(t->slabs[i]);
    free(t->slabs);
    places_fini(&t->places);
    free(t);
}
