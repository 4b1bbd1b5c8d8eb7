/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/pool.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

enum { PIECES = 1000, BYTES_MOST = 61 };

static bool is_filled(const uint8_t *piece, size_t n, uint8_t with)
{
    for (size_t i = 0; i < n; i++) {
        if (piece[i] != with)
            return false;
    }
    return true;
}

/* Each is its owner's alone, and zeroed when it is taken, also again. */
Test(pool, pieces_are_their_own)
{
    static uint8_t *pieces[PIECES];
    for (size_t bytes = 1; bytes <= BYTES_MOST; bytes += 6) {
        struct pool p = {.bytes = bytes};
        for (uint32_t round = 0; round < 3; round++) {
            for (uint32_t i = 0; i < PIECES; i++) {
                if (!pieces[i]) {
                    pieces[i] = pool_take(&p);
                    cr_assert(pieces[i] && (uintptr_t)pieces[i] % 8 == 0);
                    cr_assert(is_filled(pieces[i], bytes, 0));
                }
                memset(pieces[i], (int)(i % 251 + round), bytes);
            }
            for (uint32_t i = 0; i < PIECES; i++)
                cr_assert(is_filled(pieces[i], bytes, (uint8_t)(i % 251 + round)));
            for (uint32_t i = round; i < PIECES; i += 2) {
                pool_give(&p, pieces[i]);
                pieces[i] = NULL;
            }
        }
        pool_fini(&p);
        memset(pieces, 0, sizeof(pieces));
    }
}

Test(pool, what_is_given_back_is_taken_again)
{
    struct pool p = {.bytes = 24};
    void *a = pool_take(&p), *b = pool_take(&p);
    pool_give(&p, NULL);
    pool_give(&p, a);
    pool_give(&p, b);
    cr_assert_eq(pool_take(&p), b);
    cr_assert_eq(pool_take(&p), a);
    pool_fini(&p);
    cr_assert_not_null(pool_take(&p), "and it may be used again");
    pool_fini(&p);
}

Test(pool, every_allocation_failing)
{
    for (uint64_t n = 1;; n++) {
        struct pool p = {.bytes = 40};
        uint32_t failed = 0;
        fail_alloc_at(n);
        for (uint32_t i = 0; i < PIECES; i++)
            failed += pool_take(&p) == NULL;
        bool hit = fail_alloc_stop();
        cr_assert_eq(failed, hit ? 1 : 0);
        pool_fini(&p);
        if (!hit)
            break;
    }
}
