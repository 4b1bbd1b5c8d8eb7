/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SAME_H
#define DISSECT_SAME_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Whether n bytes are equal: like memcmp(), but inline for few, of which there are many to compare
 * in what came before. A call costs more than they do. */
static inline bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
    enum { FEW = 48, BLOCK = 16, WORD = 8 };
    if (n > FEW)
        return memcmp(a, b, n) == 0;
    if (n >= BLOCK) { /* the last ones again, if need be */
        for (size_t i = 0; i < n - BLOCK; i += BLOCK)
            if (memcmp(a + i, b + i, BLOCK) != 0)
                return false;
        return memcmp(a + n - BLOCK, b + n - BLOCK, BLOCK) == 0;
    }
    if (n >= WORD)
        return memcmp(a, b, WORD) == 0 && memcmp(a + n - WORD, b + n - WORD, WORD) == 0;
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

#endif
