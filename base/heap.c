/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The heap proper, which ends at the break; what threads or large blocks have of their own is left
 * alone. Once it is large it grows in steps of a few large pages, none of which is there before it
 * is used, so at most one of them more is resident than without.
 */
#include "base/heap.h"
#include <stdint.h>
#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)

#define STEP_BYTES (4 << 20)
#define PAGE_BYTES 4096u

void heap_init(struct heap *h)
{
    h->begin = h->end = sbrk(0);
}

static void ask(const char *from, const char *to)
{
    const char *page = from + (PAGE_BYTES - (uintptr_t)from % PAGE_BYTES) % PAGE_BYTES;
    if (page < to)
        (void)madvise((void *)(uintptr_t)page, (size_t)(to - page), MADV_HUGEPAGE);
}

void heap_look(struct heap *h)
{
    char *end = sbrk(0);
    if (end - h->begin >= HEAP_LARGE_BYTES && end > h->end) {
        (void)mallopt(M_TOP_PAD, STEP_BYTES);
        ask(h->end, end);
    }
    h->end = end;
}

#else

void heap_init(struct heap *h)
{
    h->begin = h->end = 0;
}

void heap_look(struct heap *h)
{
    (void)h;
}

#endif
