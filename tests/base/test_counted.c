/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/counted.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

/* The estimate is what the heap holds. */
Test(counted, bytes_are_those_of_malloc)
{
    static const size_t sizes[] = {0, 1, 24, 25, 40, 41, 1000, 16384};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        cr_expect_geq(counted_bytes(sizes[i]), sizes[i] + 8);
        cr_expect_leq(counted_bytes(sizes[i]), sizes[i] + 32);
        cr_expect_eq(counted_bytes(sizes[i]) % 16, 0);
    }
}

Test(counted, what_is_taken_and_given_back)
{
    uint64_t sum = 0;
    char *a = counted_malloc(&sum, 1000);
    cr_assert_eq(sum, counted_bytes(1000));
    char *b = counted_calloc(&sum, 3000);
    cr_assert_eq(sum, counted_bytes(1000) + counted_bytes(3000));
    for (int i = 0; i < 3000; i++)
        cr_assert_eq(b[i], 0);
    memcpy(a, "kept", 5);
    a = counted_realloc(&sum, a, 1000, 100000);
    cr_assert_str_eq(a, "kept");
    cr_assert_eq(sum, counted_bytes(100000) + counted_bytes(3000));
    counted_free(&sum, a, 100000);
    counted_free(&sum, NULL, 7);
    counted_free(&sum, b, 3000);
    cr_assert_eq(sum, 0);
    a = counted_realloc(&sum, NULL, 7, 50);
    cr_assert_eq(sum, counted_bytes(50));
    counted_free(&sum, a, 50);
    cr_assert_eq(sum, 0);
    counted_free(NULL, counted_realloc(NULL, counted_malloc(NULL, 1), 1, 2), 2);
}

Test(counted, what_fails_costs_nothing)
{
    uint64_t sum = 0;
    char *a = counted_malloc(&sum, 100);
    fail_alloc_at(1);
    cr_assert_null(counted_malloc(&sum, 100));
    fail_alloc_at(1);
    cr_assert_null(counted_calloc(&sum, 100));
    fail_alloc_at(1);
    cr_assert_null(counted_realloc(&sum, a, 100, 100000));
    cr_assert(fail_alloc_stop());
    cr_assert_eq(sum, counted_bytes(100));
    counted_free(&sum, a, 100);
    cr_assert_eq(sum, 0);
}
