/* SPDX-License-Identifier: BSD-3-Clause */
#include "../../dissect/work.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

#define STATE_BYTES 100

static struct work_spare spare;

static struct work *take(uint8_t id)
{
    struct work *w = work_take(&spare, id, STATE_BYTES);
    for (size_t i = 0; w && i < STATE_BYTES; i++)
        cr_assert_eq(w->state[i], 0);
    if (w)
        memset(w->state, 0xff, STATE_BYTES);
    return w;
}

Test(work, serves_the_next_zeroed)
{
    struct work *w = take(1);
    cr_assert(w);
    work_give(&spare, 1, w, STATE_BYTES);
    fail_alloc_at(1);
    cr_expect_null(take(2), "each transport has its own");
    cr_expect(fail_alloc_stop());
    fail_alloc_at(1);
    cr_expect_eq(take(1), w);
    cr_expect_not(fail_alloc_stop());
    work_give(&spare, 1, NULL, STATE_BYTES);
    work_give(&spare, 1, w, STATE_BYTES);
    work_spare_free(&spare);
    cr_expect_null(spare.first[1]);
}

Test(work, keeps_so_many)
{
    static struct work *taken[LIMIT_SPARE_STATES + 1];
    uint64_t sum = 0;
    spare.sum = &sum;
    for (size_t i = 0; i <= LIMIT_SPARE_STATES; i++)
        taken[i] = take(1);
    cr_expect_gt(sum, LIMIT_SPARE_STATES * STATE_BYTES);
    fail_alloc_at(1);
    uint64_t before = sum;
    cr_expect_null(take(1));
    cr_expect(fail_alloc_stop());
    cr_expect_eq(sum, before);
    for (size_t i = 0; i <= LIMIT_SPARE_STATES; i++)
        work_give(&spare, 1, taken[i], STATE_BYTES);
    cr_expect_eq(sum, 0);
    cr_expect_eq(spare.count[1], LIMIT_SPARE_STATES);
    work_spare_free(&spare);
    cr_expect_eq(spare.count[1], 0);
}

Test(work, links_are_counted_and_serve_again)
{
    static const struct transport rests = {.rest_bytes = 30};
    uint64_t sum = 0;
    struct work_links links = {.sum = &sum};
    struct link *probing = work_link_take(&links, TRANSPORT_NONE, NULL);
    struct link *l = work_link_take(&links, 2, &rests);
    cr_assert(probing && l && probing != l);
    cr_assert_eq(l->named, 2);
    cr_assert_geq(sum, 2 * sizeof(struct link) + 30);
    memset(l->rest, 0xff, 30);
    work_link_give(&links, l, &rests);
    fail_alloc_at(1);
    cr_assert_eq(work_link_take(&links, 2, &rests), l);
    cr_assert_not(fail_alloc_stop());
    for (int i = 0; i < 30; i++)
        cr_assert_eq(l->rest[i], 0);
    fail_alloc_at(1);
    cr_assert_null(work_link_take(&links, 3, &rests));
    cr_assert(fail_alloc_stop());
    work_link_give(&links, l, &rests);
    work_link_give(&links, probing, NULL);
    cr_assert_eq(sum, 0);
    work_links_free(&links);
}
