/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slabs of SLAB_PIECES, and a list of the pieces that were given back: the latest is taken first,
 * since it is in the caches. Under the address sanitizer a piece that nobody has may not be looked
 * at, as if it had been freed.
 */
#include "base/pool.h"
#include <stdlib.h>
#include <string.h>

#define SLAB_PIECES 64u

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISONED
#endif

#if defined(POISONED)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

struct pool_piece {
    struct pool_piece *next;
};

struct pool_slab {
    struct pool_slab *next;
    uint64_t pieces[];
};

/* A whole number of words, with room for the list. */
static size_t piece_bytes(const struct pool *p)
{
    return (p->bytes + sizeof(struct pool_piece) - 1) & ~(sizeof(struct pool_piece) - 1);
}

static uint8_t *piece_at(const struct pool *p, uint32_t i)
{
    return (uint8_t *)p->slabs->pieces + i * piece_bytes(p);
}

static int add_slab(struct pool *p)
{
    struct pool_slab *slab = malloc(sizeof(*slab) + SLAB_PIECES * piece_bytes(p));
    if (!slab)
        return -1;
    ASAN_POISON_MEMORY_REGION(slab->pieces, SLAB_PIECES * piece_bytes(p));
    slab->next = p->slabs;
    p->slabs = slab;
    p->fresh = SLAB_PIECES;
    return 0;
}

void *pool_take(struct pool *p)
{
    void *piece = p->free;
    if (!piece && p->fresh == 0 && add_slab(p) < 0)
        return NULL;
    if (!piece)
        piece = piece_at(p, SLAB_PIECES - p->fresh);
    ASAN_UNPOISON_MEMORY_REGION(piece, piece_bytes(p));
    if (p->free)
        p->free = p->free->next;
    else
        p->fresh--;
    return memset(piece, 0, p->bytes);
}

void pool_give(struct pool *p, void *piece)
{
    if (!piece)
        return;
    struct pool_piece *given = piece;
    given->next = p->free;
    p->free = given;
    ASAN_POISON_MEMORY_REGION(piece, piece_bytes(p));
}

void pool_fini(struct pool *p)
{
    while (p->slabs) {
        struct pool_slab *slab = p->slabs;
        p->slabs = slab->next;
        free(slab);
    }
    p->free = NULL;
    p->fresh = 0;
}
