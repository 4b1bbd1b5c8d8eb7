/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/deadline.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

enum { COUNT = 500 };
static struct deadline entries[COUNT];

static uint32_t next_random(void)
{
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

Test(deadline, always_the_earliest)
{
    struct deadline_heap h = {0};
    for (int i = 0; i < COUNT; i++)
        cr_assert(deadline_add(&h, &entries[i], next_random() % 1000));
    for (int i = 0; i < COUNT; i += 2)
        deadline_move(&h, &entries[i], next_random() % 1000);
    for (int i = 0; i < COUNT; i += 5)
        deadline_remove(&h, &entries[i]);
    int64_t latest = -1;
    int left = 0;
    for (struct deadline *d; (d = deadline_first(&h)) != NULL; left++) {
        cr_assert_geq(d->at_ns, latest);
        latest = d->at_ns;
        deadline_remove(&h, d);
    }
    cr_assert_eq(left, COUNT - COUNT / 5);
    deadline_fini(&h);
}

Test(deadline, memory_short)
{
    struct deadline_heap h = {0};
    fail_alloc_at(1);
    cr_assert(!deadline_add(&h, &entries[0], 1));
    fail_alloc_stop();
    cr_assert_null(deadline_first(&h));
    cr_assert(deadline_add(&h, &entries[0], 1));
    deadline_fini(&h);
}

Test(deadline, the_end_of_time)
{
    cr_assert_eq(deadline_after(INT64_MAX - 1, 2), INT64_MAX);
    cr_assert_eq(deadline_after(-5, 2), -3);
}
