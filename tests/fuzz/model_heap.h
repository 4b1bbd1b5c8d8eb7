/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_MODEL_HEAP_H
#define TESTS_FUZZ_MODEL_HEAP_H

#include "base/heap.h"
#include "model.h"
#include <string.h>
#include <sys/mman.h>

/*
 * base/heap.h: a heap of which nothing is there but where it ends, and for each page whether the
 * system was asked for a large one. sbrk() and madvise() are these here, by the linker's --wrap.
 */

enum { MODEL_HEAP_PAGE = 4096, MODEL_HEAP_PAGES = 6 << 10 };

void *__wrap_sbrk(intptr_t n);
int __wrap_madvise(void *at, size_t n, int advice);

struct model_heap {
    struct heap real;
    uintptr_t begin, known, end; /* known: the end when it was looked at last */
    bool asked[MODEL_HEAP_PAGES];
};

static struct model_heap model_heap;

/* Any address will do: nobody goes there. */
#define MODEL_HEAP_FIRST ((uintptr_t)1 << 32)
#define MODEL_HEAP_LAST  (MODEL_HEAP_FIRST + (uintptr_t)MODEL_HEAP_PAGES * MODEL_HEAP_PAGE)

static inline uint32_t model_heap_page(uintptr_t at)
{
    return (uint32_t)((at - MODEL_HEAP_FIRST) / MODEL_HEAP_PAGE);
}

static inline uintptr_t model_heap_up(uintptr_t at)
{
    return (at + MODEL_HEAP_PAGE - 1) / MODEL_HEAP_PAGE * MODEL_HEAP_PAGE;
}

static inline bool model_heap_is_large(const struct model_heap *m)
{
    return m->end >= m->begin + HEAP_LARGE_BYTES;
}

void *__wrap_sbrk(intptr_t n)
{
    require(n == 0);
    return (void *)model_heap.end;
}

int __wrap_madvise(void *at, size_t n, int advice)
{
    struct model_heap *m = &model_heap;
    uintptr_t from = (uintptr_t)at;
    require(advice == MADV_HUGEPAGE && from % MODEL_HEAP_PAGE == 0 && n > 0);
    require(model_heap_is_large(m) && from >= m->known && n <= m->end - from);
    for (uint32_t page = model_heap_page(from); page < model_heap_page(model_heap_up(from + n));
         page++)
        m->asked[page] = true;
    return 0;
}

static inline void model_heap_look(struct model_heap *m)
{
    heap_look(&m->real);
    for (uintptr_t at = model_heap_up(m->known); model_heap_is_large(m) && at < m->end;
         at += MODEL_HEAP_PAGE)
        require(m->asked[model_heap_page(at)]);
    m->known = m->end;
}

/* What is given up is not as it was when it comes again. */
static inline void model_heap_grow(struct model_heap *m, int64_t bytes)
{
    int64_t end = (int64_t)m->end + bytes;
    if (end < (int64_t)MODEL_HEAP_FIRST || end > (int64_t)MODEL_HEAP_LAST)
        return;
    m->end = (uintptr_t)end;
    uint32_t pages = model_heap_page(model_heap_up(m->end));
    memset(m->asked + pages, 0, sizeof(m->asked) - pages * sizeof(m->asked[0]));
}

static inline void model_heap_run(struct cursor *in)
{
    struct model_heap *m = &model_heap;
    memset(m, 0, sizeof(*m));
    m->begin = m->known = m->end = MODEL_HEAP_FIRST + cursor_be16(in) * 16u;
    heap_init(&m->real);
    for (uint32_t step = 0; step < MODEL_STEPS && cursor_left(in) > 0; step++) {
        uint8_t op = cursor_u8(in);
        int64_t n = op >> 3;
        switch (op & 7) {
        case 0:
            model_heap_grow(m, n * 16);
            break;
        case 1:
            model_heap_grow(m, n * MODEL_HEAP_PAGE);
            break;
        case 2:
            model_heap_grow(m, n << 18);
            break;
        case 3:
            model_heap_grow(m, -n * 16);
            break;
        case 4:
            model_heap_grow(m, -(n << 18));
            break;
        case 5: /* just so large that it may matter */
            model_heap_grow(m, (int64_t)(m->begin + HEAP_LARGE_BYTES - m->end) - n + 16);
            break;
        default:
            model_heap_look(m);
            break;
        }
    }
}

#endif
