/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_COUNTED_H
#define BASE_COUNTED_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory that is added up: *sum is what all costs that was taken and not given back. It depends on
 * the sizes asked for alone, and on nothing that came before, so whatever is decided by it is the
 * same for any number of threads. sum may be NULL: then nobody counts. What was taken with a sum is
 * given back with the same one.
 */

/* What malloc() takes for n bytes. */
size_t counted_bytes(size_t n);

/* As malloc(), calloc(), realloc() and free(). was, n: the size of p; any if p is NULL. */
void *counted_malloc(uint64_t *sum, size_t n);
void *counted_calloc(uint64_t *sum, size_t n);
void *counted_realloc(uint64_t *sum, void *p, size_t was, size_t n);
void counted_free(uint64_t *sum, void *p, size_t n);

#endif
