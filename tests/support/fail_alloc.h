/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SUPPORT_FAIL_ALLOC_H
#define TESTS_SUPPORT_FAIL_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes one allocation of the code under test fail. The typical use runs a whole scenario again and
 * again, failing the 1st, 2nd, 3rd ... allocation, until a run gets by without reaching the n-th:
 *
 *     for (uint64_t n = 1; ; n++) {
 *         fail_alloc_at(n);
 *         scenario();
 *         if (!fail_alloc_stop())
 *             break;
 *     }
 */

/* The n-th malloc, calloc, realloc or aligned_alloc from now on returns NULL; 0 = none. */
void fail_alloc_at(uint64_t n);

/* Back to normal; returns true if an allocation was made to fail since fail_alloc_at(). */
bool fail_alloc_stop(void);

#endif
