/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * States: a list for each transport, last in, first out: what was used last is still in the caches,
 * so that many connections of which few are in the middle of something go through little memory.
 */
#include "work.h"
#include "base/counted.h"
#include <stdlib.h>
#include <string.h>

/* ---- links */

static size_t link_bytes(const struct transport *t)
{
    return t ? offsetof(struct link, rest) + t->rest_bytes : sizeof(struct link);
}

struct link *work_link_take(struct work_links *links, uint8_t id, const struct transport *t)
{
    struct pool *pool = &links->pools[id];
    pool->bytes = link_bytes(t);
    struct link *l = pool_take(pool);
    if (!l)
        return NULL;
    *links->sum += counted_bytes(pool->bytes);
    l->transport = id;
    l->named = id < TRANSPORT_COUNT ? id : TRANSPORT_NONE;
    return l;
}

void work_link_give(struct work_links *links, struct link *l, const struct transport *t)
{
    *links->sum -= counted_bytes(link_bytes(t));
    pool_give(&links->pools[l->transport], l);
}

void work_links_free(struct work_links *links)
{
    for (size_t id = 0; id < WORK_KINDS; id++)
        pool_fini(&links->pools[id]);
}

/* ---- states */

struct work_node {
    struct work_node *next;
};

/* Those that are kept spare are nobody's. */
static void count(const struct work_spare *spare, size_t state_bytes, bool more)
{
    size_t bytes = counted_bytes(sizeof(struct work) + state_bytes);
    if (spare->sum)
        *spare->sum = more ? *spare->sum + bytes : *spare->sum - bytes;
}

struct work *work_take(struct work_spare *spare, uint8_t id, size_t state_bytes)
{
    struct work_node *node = spare->first[id];
    struct work *w = (struct work *)(void *)node;
    if (!node) {
        w = calloc(1, sizeof(*w) + state_bytes);
        if (w)
            count(spare, state_bytes, true);
        return w;
    }
    count(spare, state_bytes, true);
    spare->first[id] = node->next;
    spare->count[id]--;
    memset(w->state, 0, state_bytes);
    return w;
}

void work_give(struct work_spare *spare, uint8_t id, struct work *w, size_t state_bytes)
{
    if (w)
        count(spare, state_bytes, false);
    if (!w || spare->count[id] >= LIMIT_SPARE_STATES) {
        free(w);
        return;
    }
    struct work_node *node = (struct work_node *)(void *)w;
    node->next = spare->first[id];
    spare->first[id] = node;
    spare->count[id]++;
}

void work_spare_free(struct work_spare *spare)
{
    for (size_t id = 0; id < WORK_KINDS; id++) {
        while (spare->first[id]) {
            struct work_node *node = spare->first[id];
            spare->first[id] = node->next;
            free(node);
        }
        spare->count[id] = 0;
    }
}
