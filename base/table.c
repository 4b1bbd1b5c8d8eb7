/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Separate chaining over indices. An entry is a node header followed by the caller's block; nodes
 * lie in slabs that are allocated one by one and never move, so addresses are stable and an index
 * finds its node by division. Hashes and bucket chains lie in an array of their own, so that a walk
 * along a chain does not touch the nodes that it passes by: in a table of many megabytes each would
 * be a miss of the cache. Buckets double when there are as many entries as buckets. Removed nodes
 * go to a free list that reuses the link to the older one.
 *
 * A bucket has marks beside the index: a bit for each hash in its chain, and maybe for some that
 * were there before. Most keys that are not there are known by them without a look at any link.
 *
 * Limits: max_entries; at most one slab more than is in use.
 */
#include "base/table.h"
#include "base/err.h"
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NIL           UINT32_MAX
#define NOT_CHAINED   (UINT32_MAX - 1) /* of a node that is free or not to be found */
#define SLAB_SHIFT    6
#define SLAB_NODES    (1u << SLAB_SHIFT)
#define FIRST_BUCKETS 64u
#define INDEX_BITS    24 /* of a bucket; the rest are marks */
#define INDEX_MASK    ((1u << INDEX_BITS) - 1)

struct node {
    uint32_t older, newer; /* older: the next one, in the free list */
    uint32_t self;
    uint32_t zero; /* keeps the entry 8-byte aligned */
};

/* The other half of a node, by its index. */
struct link {
    uint32_t hash;
    uint32_t chain; /* next in the bucket */
};

struct table {
    struct table_config config;
    size_t node_bytes;
    uint8_t **slabs;
    struct link *links; /* of the nodes of slab_room slabs */
    uint32_t slab_count, slab_room;
    uint32_t *buckets; /* first of the chain, and marks; 0: empty */
    uint32_t bucket_mask;
    uint32_t count;
    uint32_t free_list;
    uint32_t fresh; /* nodes of the slabs never used so far start here */
    uint32_t oldest, newest;
};

static inline struct node *node_at(const struct table *t, uint32_t index)
{
    return (struct node *)(void *)(t->slabs[index >> SLAB_SHIFT] +
                                   (index & (SLAB_NODES - 1)) * t->node_bytes);
}

static inline void *entry_of(struct node *n)
{
    return n + 1;
}

static inline struct node *node_of(const void *entry)
{
    return (struct node *)(uintptr_t)entry - 1;
}

static inline uint32_t hash_key32(const struct table *t, const void *key)
{
    uint64_t words[2] = {0};
    if (t->config.key_bytes == sizeof(words))
        memcpy(words, key, sizeof(words));
    else if (t->config.key_bytes == sizeof(words[0]))
        memcpy(words, key, sizeof(words[0]));
    else
        return (uint32_t)hash_quick(&t->config.hash, key, t->config.key_bytes);
    return (uint32_t)hash_pair(&t->config.hash, words[0], words[1]);
}

/* One bit, by those bits of a hash that choose the bucket last. */
static inline uint32_t mark_of(uint32_t hash)
{
    return 1u << INDEX_BITS << (hash >> 29);
}

struct table *table_new(const struct table_config *config)
{
    assert(config->max_entries > 0 && config->max_entries <= INDEX_MASK);
    assert(config->key_bytes <= config->entry_bytes);
    struct table *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->config = *config;
    t->node_bytes = (sizeof(struct node) + config->entry_bytes + 7) & ~(size_t)7;
    t->buckets = calloc(FIRST_BUCKETS, sizeof(*t->buckets));
    if (!t->buckets) {
        free(t);
        return NULL;
    }
    t->bucket_mask = FIRST_BUCKETS - 1;
    t->free_list = t->oldest = t->newest = NIL;
    return t;
}

void table_free(struct table *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->slab_count; i++)
        free(t->slabs[i]);
    free(t->slabs);
    free(t->links);
    free(t->buckets);
    free(t);
}

/* Keys are short and mostly whole words. */
static inline bool same_key(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (; n >= 8; n -= 8, a += 8, b += 8) {
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        if (x != y)
            return false;
    }
    return n == 0 || memcmp(a, b, n) == 0;
}

static inline void *find_hashed(const struct table *t, const void *key, uint32_t hash)
{
    uint32_t bucket = t->buckets[hash & t->bucket_mask];
    if (!(bucket & mark_of(hash)))
        return NULL;
    for (uint32_t i = bucket & INDEX_MASK; i != NIL; i = t->links[i].chain) {
        if (t->links[i].hash != hash)
            continue;
        void *entry = entry_of(node_at(t, i));
        if (same_key(entry, key, t->config.key_bytes))
            return entry;
    }
    return NULL;
}

void *table_find(const struct table *t, const void *key)
{
    return find_hashed(t, key, hash_key32(t, key));
}

static void list_append(struct table *t, struct node *n)
{
    n->older = t->newest;
    n->newer = NIL;
    if (t->newest != NIL)
        node_at(t, t->newest)->newer = n->self;
    else
        t->oldest = n->self;
    t->newest = n->self;
}

static void list_unlink(struct table *t, struct node *n)
{
    if (n->older != NIL)
        node_at(t, n->older)->newer = n->newer;
    else
        t->oldest = n->newer;
    if (n->newer != NIL)
        node_at(t, n->newer)->older = n->older;
    else
        t->newest = n->older;
}

static inline void chain_add(struct table *t, uint32_t index, uint32_t hash)
{
    struct link *link = &t->links[index];
    uint32_t *bucket = &t->buckets[hash & t->bucket_mask];
    link->hash = hash;
    link->chain = *bucket ? *bucket & INDEX_MASK : NIL;
    *bucket = (*bucket & ~INDEX_MASK) | mark_of(hash) | index;
}

/* Doubling may fail: the chains are then longer, nothing else. */
static void grow_buckets(struct table *t)
{
    size_t count = ((size_t)t->bucket_mask + 1) * 2;
    uint32_t *buckets = calloc(count, sizeof(*buckets));
    if (!buckets)
        return;
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_mask = (uint32_t)(count - 1);
    for (uint32_t i = 0; i < t->fresh; i++) {
        if (t->links[i].chain != NOT_CHAINED)
            chain_add(t, i, t->links[i].hash);
    }
}

static int grow_room(struct table *t)
{
    uint32_t room = t->slab_room ? t->slab_room * 2 : 4;
    uint8_t **slabs = realloc(t->slabs, room * sizeof(*slabs));
    if (!slabs)
        return ERR_NOMEM;
    t->slabs = slabs;
    struct link *links = realloc(t->links, (size_t)room * SLAB_NODES * sizeof(*links));
    if (!links)
        return ERR_NOMEM;
    t->links = links;
    t->slab_room = room;
    return 0;
}

static int add_slab(struct table *t)
{
    if (t->slab_count == t->slab_room && grow_room(t) < 0)
        return ERR_NOMEM;
    uint8_t *slab = malloc(SLAB_NODES * t->node_bytes);
    if (!slab)
        return ERR_NOMEM;
    t->slabs[t->slab_count++] = slab;
    return 0;
}

static struct node *take_node(struct table *t)
{
    if (t->free_list != NIL) {
        struct node *n = node_at(t, t->free_list);
        t->free_list = n->older;
        return n;
    }
    if (t->fresh >> SLAB_SHIFT == t->slab_count && add_slab(t) < 0)
        return NULL;
    struct node *n = node_at(t, t->fresh);
    n->self = t->fresh++;
    return n;
}

static inline void chain_remove(struct table *t, uint32_t index)
{
    const struct link *link = &t->links[index];
    uint32_t *bucket = &t->buckets[link->hash & t->bucket_mask];
    uint32_t before = *bucket & INDEX_MASK;
    if (before == index) {
        *bucket = link->chain == NIL ? 0 : (*bucket & ~INDEX_MASK) | link->chain;
        return;
    }
    while (t->links[before].chain != index)
        before = t->links[before].chain;
    t->links[before].chain = link->chain;
}

static inline void drop_if_full(struct table *t)
{
    if (t->count < t->config.max_entries)
        return;
    void *victim = table_oldest(t);
    if (t->config.evict)
        t->config.evict(t->config.ctx, victim);
    table_remove(t, victim);
}

/* Adds an entry, for which there is room, in no chain. */
static inline int insert_unchained(struct table *t, const void *key, void **ret_entry)
{
    struct node *n = take_node(t);
    if (!n)
        return ERR_NOMEM;
    n->zero = 0;
    uint8_t *entry = entry_of(n);
    if (t->config.key_bytes > 0)
        memcpy(entry, key, t->config.key_bytes);
    memset(entry + t->config.key_bytes, 0, t->config.entry_bytes - t->config.key_bytes);
    list_append(t, n);
    t->count++;
    *ret_entry = entry;
    return 0;
}

static inline int insert_hashed(struct table *t, const void *key, uint32_t hash, void **ret_entry)
{
    drop_if_full(t);
    if (t->count > t->bucket_mask && t->config.key_bytes > 0)
        grow_buckets(t);
    if (insert_unchained(t, key, ret_entry) < 0)
        return ERR_NOMEM;
    if (t->config.key_bytes > 0)
        chain_add(t, node_of(*ret_entry)->self, hash);
    return 0;
}

int table_insert_unfound(struct table *t, const void *key, void **ret_entry)
{
    drop_if_full(t);
    if (insert_unchained(t, key, ret_entry) < 0)
        return ERR_NOMEM;
    t->links[node_of(*ret_entry)->self].chain = NOT_CHAINED;
    return 0;
}

int table_insert(struct table *t, const void *key, void **ret_entry)
{
    return insert_hashed(t, key, t->config.key_bytes > 0 ? hash_key32(t, key) : 0, ret_entry);
}

int table_take(struct table *t, const void *key, void **ret_entry)
{
    uint32_t hash = hash_key32(t, key);
    void *entry = find_hashed(t, key, hash);
    if (!entry) {
        int result = insert_hashed(t, key, hash, ret_entry);
        return result < 0 ? result : 1;
    }
    *ret_entry = entry;
    return 0;
}

void table_touch(struct table *t, void *entry)
{
    struct node *n = node_of(entry);
    if (n->self == t->newest)
        return;
    list_unlink(t, n);
    list_append(t, n);
}

void table_remove(struct table *t, void *entry)
{
    struct node *n = node_of(entry);
    if (t->config.key_bytes > 0) {
        if (t->links[n->self].chain != NOT_CHAINED)
            chain_remove(t, n->self);
        memset(entry, 0, t->config.key_bytes);
    }
    list_unlink(t, n);
    t->links[n->self].chain = NOT_CHAINED;
    n->older = t->free_list;
    t->free_list = n->self;
    t->count--;
}

void *table_oldest(const struct table *t)
{
    return t->oldest == NIL ? NULL : entry_of(node_at(t, t->oldest));
}

void *table_next(const struct table *t, const void *entry)
{
    uint32_t next = node_of(entry)->newer;
    return next == NIL ? NULL : entry_of(node_at(t, next));
}

uint32_t table_count(const struct table *t)
{
    return t->count;
}
