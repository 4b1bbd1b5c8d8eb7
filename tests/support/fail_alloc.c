/* SPDX-License-Identifier: BSD-3-Clause */
/* Allocation failure injection by the linker's --wrap; see fail_alloc.h. */
#include "tests/support/fail_alloc.h"
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

static uint64_t countdown;
static bool failed;

void fail_alloc_at(uint64_t n)
{
    countdown = n;
    failed = false;
}

bool fail_alloc_stop(void)
{
    countdown = 0;
    return failed;
}

static bool fails_now(void)
{
    if (countdown == 0 || --countdown != 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return fails_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
    return fails_now() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails_now() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return fails_now() ? NULL : __real_aligned_alloc(align, n);
}
