/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_CACHE_H
#define BASE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE_BYTES 64 /* on the usual processors */

/* Asks for n bytes that will be read and written soon. A hint, for which no address is too bad.
 * Always inline: compilers drop calls of functions that do nothing else. */
static inline __attribute__((always_inline)) void cache_fetch(const void *p, size_t n)
{
    for (size_t at = 0; at < n; at += CACHE_LINE_BYTES)
        __builtin_prefetch((const void *)((uintptr_t)p + at), 1);
}

#endif
