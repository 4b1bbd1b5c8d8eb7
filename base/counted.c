/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * malloc_usable_size() would spare the callers the sizes, but a piece may be larger than asked for,
 * as what is free around it happens to be.
 */
#include "base/counted.h"
#include <stdlib.h>

/* Of glibc on 64 bits. */
#define HEAD_BYTES  8
#define STEP_BYTES  16
#define LEAST_BYTES 32

size_t counted_bytes(size_t n)
{
    size_t bytes = (n + HEAD_BYTES + STEP_BYTES - 1) & ~(size_t)(STEP_BYTES - 1);
    return bytes < LEAST_BYTES ? LEAST_BYTES : bytes;
}

static void *taken(uint64_t *sum, void *p, size_t n)
{
    if (p && sum)
        *sum += counted_bytes(n);
    return p;
}

void *counted_malloc(uint64_t *sum, size_t n)
{
    return taken(sum, malloc(n), n);
}

void *counted_calloc(uint64_t *sum, size_t n)
{
    return taken(sum, calloc(1, n), n);
}

void *counted_realloc(uint64_t *sum, void *p, size_t was, size_t n)
{
    void *moved = realloc(p, n);
    if (moved && p && sum)
        *sum -= counted_bytes(was);
    return taken(sum, moved, n);
}

void counted_free(uint64_t *sum, void *p, size_t n)
{
    if (p && sum)
        *sum -= counted_bytes(n);
    free(p);
}
