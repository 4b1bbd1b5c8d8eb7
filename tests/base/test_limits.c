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

/* What the plan gives away, by the sizes that it counts with. */
static uint64_t planned(const struct limits_caps *caps)
{
    return (uint64_t)caps->of[LIMIT_ID_SESSIONS] * 200 +
           (uint64_t)caps->of[LIMIT_ID_EXCHANGES] * 260 +
           (uint64_t)caps->of[LIMIT_ID_PENDING] * 390 +
           (uint64_t)caps->of[LIMIT_ID_PARSERS] * 4300 + caps->of[LIMIT_ID_HELD_BYTES] +
           caps->of[LIMIT_ID_DECODER_BYTES] + (uint64_t)caps->of[LIMIT_ID_HISTOGRAM_PAGES] * 580 +
           caps->connection_bytes + (uint64_t)caps->batches * 4 * caps->of[LIMIT_ID_LANE_BYTES];
}

Test(limits, a_limit_on_memory_lowers_caps)
{
    struct limits_caps least, less, more;
    limits_within(LIMITS_MEMORY_LEAST, &least);
    limits_within(UINT64_C(64) << 20, &less);
    limits_within(UINT64_C(64) << 40, &more);
    cr_expect_eq(limits_constants.connection_bytes, 0);
    cr_expect_eq(limits_constants.batches, UINT32_MAX);
    cr_expect(1 < least.batches && least.batches <= less.batches && less.batches < more.batches &&
              more.batches <= 16);
    cr_expect_eq(limits_constants.of[LIMIT_ID_FLOWS], LIMIT_FLOWS);
    for (int i = 0; i < LIMIT_ID_COUNT; i++) {
        cr_expect(0 < least.of[i] && least.of[i] <= less.of[i] && less.of[i] <= more.of[i]);
        cr_expect_eq(more.of[i], limits_constants.of[i]);
    }
    cr_expect_lt(less.of[LIMIT_ID_FLOWS], LIMIT_FLOWS);
    cr_expect_leq(less.of[LIMIT_ID_FLOWS] * (uint64_t)LIMITS_FLOW_BYTES, less.connection_bytes);
    cr_expect_lt(planned(&less), UINT64_C(64) << 20);
    cr_expect_lt(planned(&least), LIMITS_MEMORY_LEAST);
}

Test(err, every_error_has_its_own_text)
{
    for (int a = ERR_INTERRUPTED; a <= ERR_NOMEM; a++) {
        for (int b = ERR_INTERRUPTED; b < a; b++)
            cr_assert_str_neq(err_text(a), err_text(b));
    }
    cr_assert_str_eq(err_text(-1000), "unknown error");
}
