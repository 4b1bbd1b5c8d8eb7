/* SPDX-License-Identifier: BSD-3-Clause */
/* The textbook heap; every move of an entry updates its slot. */
#include "capture/deadline.h"
#include <stdlib.h>

#define FIRST_ROOM 64u

static void place(struct deadline_heap *h, struct deadline *d, uint32_t slot)
{
    h->entries[slot] = d;
    d->slot = slot;
}

static void sift_up(struct deadline_heap *h, struct deadline *d)
{
    uint32_t slot = d->slot;
    while (slot > 0) {
        struct deadline *parent = h->entries[(slot - 1) / 2];
        if (parent->at_ns <= d->at_ns)
            break;
        uint32_t up = parent->slot;
        place(h, parent, slot);
        slot = up;
    }
    place(h, d, slot);
}

static void sift_down(struct deadline_heap *h, struct deadline *d)
{
    uint32_t slot = d->slot;
    for (;;) {
        uint32_t child = 2 * slot + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->entries[child + 1]->at_ns < h->entries[child]->at_ns)
            child++;
        if (h->entries[child]->at_ns >= d->at_ns)
            break;
        place(h, h->entries[child], slot);
        slot = child;
    }
    place(h, d, slot);
}

bool deadline_add(struct deadline_heap *h, struct deadline *d, int64_t at_ns)
{
    if (h->count == h->room) {
        uint32_t room = h->room ? h->room * 2 : FIRST_ROOM;
        struct deadline **entries = realloc(h->entries, room * sizeof(struct deadline *));
        if (!entries)
            return false;
        h->entries = entries;
        h->room = room;
    }
    d->at_ns = at_ns;
    d->slot = h->count++;
    sift_up(h, d);
    return true;
}

void deadline_move(struct deadline_heap *h, struct deadline *d, int64_t at_ns)
{
    bool earlier = at_ns < d->at_ns;
    d->at_ns = at_ns;
    if (earlier)
        sift_up(h, d);
    else
        sift_down(h, d);
}

void deadline_remove(struct deadline_heap *h, struct deadline *d)
{
    struct deadline *last = h->entries[--h->count];
    if (last == d)
        return;
    int64_t at_ns = last->at_ns;
    last->at_ns = d->at_ns;
    place(h, last, d->slot);
    deadline_move(h, last, at_ns);
}

void deadline_fini(struct deadline_heap *h)
{
    free(h->entries);
    *h = (struct deadline_heap){0};
}
