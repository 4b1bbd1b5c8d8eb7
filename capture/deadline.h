/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_DEADLINE_H
#define CAPTURE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A binary heap of deadlines: the earliest is found at once, adding and moving one costs a few
 * steps. An entry is embedded in what it belongs to and knows its own place in the heap.
 */

struct deadline {
    int64_t at_ns;
    uint32_t slot; /* place in the heap */
};

/* Zeroed memory is an empty heap. */
struct deadline_heap {
    struct deadline **entries;
    uint32_t count, room;
};

/* Adds an entry that is in no heap. Returns false when memory is short. */
bool deadline_add(struct deadline_heap *h, struct deadline *d, int64_t at_ns);
void deadline_move(struct deadline_heap *h, struct deadline *d, int64_t at_ns);
void deadline_remove(struct deadline_heap *h, struct deadline *d);
void deadline_fini(struct deadline_heap *h); /* frees the heap, not the entries */

static inline struct deadline *deadline_first(const struct deadline_heap *h)
{
    return h->count > 0 ? h->entries[0] : 0;
}

/* at + delta, at most the end of time: capture files may hold any time stamp. */
static inline int64_t deadline_after(int64_t at_ns, int64_t delta_ns)
{
    int64_t sum;
    return __builtin_add_overflow(at_ns, delta_ns, &sum) ? INT64_MAX : sum;
}

#endif
