/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/buf.h"
#include "base/err.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

Test(buf, appends_up_to_its_maximum_and_not_beyond)
{
    struct buf b;
    buf_init(&b, 1000);
    char piece[7] = "abcdefg";
    size_t n = 0;
    while (buf_append(&b, piece, sizeof(piece)) == 0)
        n += sizeof(piece);
    cr_assert_eq(n, 994);
    cr_assert_eq(b.len, 994);
    cr_assert_eq(buf_append(&b, piece, 7), ERR_LIMIT);
    cr_assert_eq(buf_append(&b, piece, 6), 0);
    cr_assert_eq(b.len, 1000);
    cr_assert_leq(b.cap, 1000);
    cr_assert_eq(memcmp(b.data + 987, "abcdefgabcdef", 13), 0);
    buf_fini(&b);
    cr_assert_eq(b.len, 0);
    cr_assert_eq(buf_append(&b, "x", 1), 0);
    cr_assert_eq(b.len, 1);
    buf_fini(&b);
    cr_assert_eq(buf_append(&b, "", 0), 0);
    buf_fini(&b);
}

Test(buf, a_failed_allocation_leaves_it_as_it_was)
{
    struct buf b;
    buf_init(&b, 100000);
    cr_assert_eq(buf_append(&b, "start", 5), 0);
    static const char big[50000];
    fail_alloc_at(1);
    cr_assert_eq(buf_append(&b, big, sizeof(big)), ERR_NOMEM);
    cr_assert(fail_alloc_stop());
    cr_assert_eq(b.len, 5);
    cr_assert_eq(memcmp(b.data, "start", 5), 0);
    buf_fini(&b);
}
