/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"
#include "base/limits.h"
#include <criterion/criterion.h>
#include <string.h>

Test(limits, every_cap_has_its_words_and_its_own_key)
{
    for (int i = 0; i < LIMIT_ID_COUNT; i++) {
        cr_assert_gt(strlen(limits_key(i)), 0);
        cr_assert_gt(strlen(limits_unit(i)), 0);
        cr_assert_gt(strlen(limits_reason(i)), 0);
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(limits_key(i), limits_key(j));
    }
}

Test(limits, hits_are_counted_one_by_one)
{
    struct limits_hit hit = {0};
    limits_hit_add(&hit, LIMIT_ID_FLOWS);
    limits_hit_add(&hit, LIMIT_ID_FLOWS);
    cr_assert_eq(hit.count[LIMIT_ID_FLOWS], 2);
    cr_assert_eq(hit.count[LIMIT_ID_HELD_BYTES], 0);
}

Test(err, every_error_has_its_own_text)
{
    for (int a = ERR_INTERRUPTED; a <= ERR_NOMEM; a++) {
        for (int b = ERR_INTERRUPTED; b < a; b++)
            cr_assert_str_neq(err_text(a), err_text(b));
    }
    cr_assert_str_eq(err_text(-1000), "unknown error");
}
