/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Separate chaining over 32-bit indices; flows lie in slabs that never move. base/table.h would do
 * the same with a copy of the key and one list; here the key is the connection's own endpoints,
 * which saves 64 bytes a flow, and is found in either order.
 *
 * The hash is over the endpoints in ascending order, so that both directions meet in one bucket.
 * The buckets are sized for max_flows at once, 4 bytes a flow, so no packet pays for growing a
 * table; and written at once, for a page that is first read and then written costs two faults, and
 * with threads an interrupt of the other processors. Index 0 means none.
 *
 * A burst of packets of one connection is found without hashing: the latest flow is tried first.
 */
#include "capture/flow.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_SHIFT 6
#define SLAB_FLOWS (1u << SLAB_SHIFT)
#define NONE       0u

/* Steps between two looks at what was asked for ahead, and room for those under way. */
#define AHEAD_STEP 2
#define AHEAD_ROOM 8

struct list {
    uint32_t oldest, newest, count;
};

struct flow_table {
    struct hash_key hash;
    struct flow **slabs;
    uint32_t slab_count, slab_room;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t count, max_flows;
    uint32_t free_list;
    uint32_t fresh; /* the first index never used so far */
    struct flow *latest;
    uint32_t ahead[AHEAD_ROOM]; /* hashes */
    uint32_t ahead_turn;
    struct list lists[FLOW_LIST_COUNT];
};

static inline struct flow *at(const struct flow_table *t, uint32_t index)
{
    return &t->slabs[index >> SLAB_SHIFT][index & (SLAB_FLOWS - 1)];
}

struct flow_table *flow_new(uint32_t max_flows, const struct hash_key *hash)
{
    assert(max_flows > 0);
    struct flow_table *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    uint32_t buckets = 64;
    while (buckets < max_flows && buckets < UINT32_C(1) << 31)
        buckets *= 2;
    t->buckets = malloc(buckets * sizeof(*t->buckets));
    if (!t->buckets) {
        free(t);
        return NULL;
    }
    memset(t->buckets, 0, buckets * sizeof(*t->buckets));
    t->bucket_mask = buckets - 1;
    t->hash = *hash;
    t->max_flows = max_flows;
    t->fresh = 1;
    return t;
}

/* Endpoints in ascending order, so that the hash does not depend on the direction. */
static uint32_t hash_of(const struct flow_table *t, const struct endpoint *a,
                        const struct endpoint *b)
{
    if (a->port > b->port || (a->port == b->port && memcmp(a->addr, b->addr, 16) > 0)) {
        const struct endpoint *swap = a;
        a = b;
        b = swap;
    }
    uint8_t bytes[36];
    size_t address_bytes = a->family == 6 ? 16 : 4;
    memcpy(bytes, &a->port, 2);
    memcpy(bytes + 2, &b->port, 2);
    memcpy(bytes + 4, a->addr, address_bytes);
    memcpy(bytes + 4 + address_bytes, b->addr, address_bytes);
    return (uint32_t)hash_quick(&t->hash, bytes, 4 + 2 * address_bytes);
}

static inline bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    uint64_t x[2], y[2];
    memcpy(x, a->addr, sizeof(x));
    memcpy(y, b->addr, sizeof(y));
    return a->port == b->port && x[0] == y[0] && x[1] == y[1] && a->family == b->family;
}

/* The side of f that sent a packet of this key, or -1. */
static inline int side_of(const struct flow *f, const struct flow_key *key)
{
    const struct endpoint *ep = f->conn.endpoint;
    if (same_endpoint(&ep[0], &key->from) && same_endpoint(&ep[1], &key->to))
        return 0;
    if (same_endpoint(&ep[1], &key->from) && same_endpoint(&ep[0], &key->to))
        return 1;
    return -1;
}

struct flow *flow_find(struct flow_table *t, const struct flow_key *key, int *ret_side)
{
    int side;
    if (t->latest && (side = side_of(t->latest, key)) >= 0) {
        *ret_side = side;
        return t->latest;
    }
    uint32_t hash = hash_of(t, &key->from, &key->to);
    for (uint32_t i = t->buckets[hash & t->bucket_mask]; i != NONE;) {
        struct flow *f = at(t, i);
        if (f->hash == hash && (side = side_of(f, key)) >= 0) {
            t->latest = f;
            *ret_side = side;
            return f;
        }
        i = f->chain;
    }
    return NULL;
}

struct flow *flow_ahead(struct flow_table *t, const struct flow_key *key)
{
    uint32_t hash = hash_of(t, &key->from, &key->to), turn = t->ahead_turn++;
    t->ahead[turn % AHEAD_ROOM] = hash;
    __builtin_prefetch(&t->buckets[hash & t->bucket_mask]);
    hash = t->ahead[(turn - AHEAD_STEP) % AHEAD_ROOM];
    uint32_t i = t->buckets[hash & t->bucket_mask];
    if (i != NONE) {
        const char *line = (const char *)at(t, i);
        for (size_t at = 0; at < sizeof(struct flow); at += 64)
            __builtin_prefetch(line + at, 1);
    }
    hash = t->ahead[(turn - 2 * AHEAD_STEP) % AHEAD_ROOM];
    i = t->buckets[hash & t->bucket_mask];
    return i == NONE ? NULL : at(t, i);
}

static void list_append(struct flow_table *t, struct flow *f, enum flow_list list)
{
    struct list *l = &t->lists[list];
    f->list = (uint8_t)list;
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
    struct flow *slab = malloc(SLAB_FLOWS * sizeof(*slab));
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
        return index;
    }
    if (t->fresh >> SLAB_SHIFT == t->slab_count && !add_slab(t))
        return NONE;
    return t->fresh++;
}

struct flow *flow_insert(struct flow_table *t, const struct endpoint *side0,
                         const struct endpoint *side1, enum flow_list list)
{
    if (t->count == t->max_flows)
        return NULL;
    uint32_t index = take_index(t);
    if (index == NONE)
        return NULL;
    struct flow *f = at(t, index);
    memset(f, 0, sizeof(*f));
    f->self = index;
    f->conn.endpoint[0] = *side0;
    f->conn.endpoint[1] = *side1;
    f->hash = hash_of(t, side0, side1);
    f->chain = t->buckets[f->hash & t->bucket_mask];
    t->buckets[f->hash & t->bucket_mask] = index;
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
    uint32_t *link = &t->buckets[f->hash & t->bucket_mask];
    while (*link != f->self)
        link = &at(t, *link)->chain;
    *link = f->chain;
    list_unlink(t, f);
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

static int compare_ids(const void *a, const void *b)
{
    const struct flow *x = *(struct flow *const *)a, *y = *(struct flow *const *)b;
    return x->conn.id < y->conn.id ? -1 : x->conn.id > y->conn.id;
}

struct flow **flow_sorted(const struct flow_table *t)
{
    uint32_t n = flow_count_all(t);
    struct flow **all = malloc(((size_t)n + 1) * sizeof(struct flow *));
    if (!all)
        return NULL;
    uint32_t i = 0;
    for (int list = 0; list < FLOW_LIST_COUNT; list++) {
        struct flow *f = flow_oldest(t, (enum flow_list)list);
        for (; f; f = flow_newer(t, f))
            all[i++] = f;
    }
    all[n] = NULL;
    qsort(all, n, sizeof(struct flow *), compare_ids);
    return all;
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
    free(t->buckets);
    free(t);
}
