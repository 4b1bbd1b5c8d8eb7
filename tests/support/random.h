/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SUPPORT_RANDOM_H
#define TESTS_SUPPORT_RANDOM_H

#include <stdint.h>

/* Numbers for a test that must not look alike, the same in each run (xorshift). */

static uint64_t random_state = 88172645463325252u;

/* 0 to n - 1. */
static inline unsigned random_below(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % n;
}

#endif
