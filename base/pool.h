/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Pieces of memory of one size, of which there are very many: without the head that malloc() gives
 * each, side by side in the order they are taken, and given up together. What was given back
 * serves the next who takes; nobody else, before pool_fini().
 */

struct pool_piece;
struct pool_slab;

/* Zeroed but for `bytes` it is empty. */
struct pool {
    size_t bytes; /* of a piece */
    struct pool_piece *free;
    struct pool_slab *slabs;
    uint32_t fresh; /* pieces of the first slab that were never taken */
};

/* A zeroed piece, aligned to 8 bytes; NULL: out of memory. */
void *pool_take(struct pool *p);
void pool_give(struct pool *p, void *piece); /* NULL is allowed */

/* Frees all pieces. It is empty then. */
void pool_fini(struct pool *p);

#endif
