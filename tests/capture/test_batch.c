/* SPDX-License-Identifier: BSD-3-Clause */
/* What a batch keeps, where, and when it is full. */
#include "base/err.h"
#include "capture/batch.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct batch *b;
static uint8_t bytes[BATCH_MEMORY_BYTES + 1];

static void setup(void)
{
    b = batch_new();
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256);
}

static void teardown(void)
{
    batch_free(b);
}

TestSuite(batch, .init = setup, .fini = teardown);

static int add(uint32_t n)
{
    struct packet p = {.data = bytes, .captured_bytes = n, .wire_bytes = n + 1, .link_type = 7};
    return batch_add(b, &p);
}

static bool in_memory(const uint8_t *p, uint32_t n)
{
    return p >= b->memory && p + n <= b->memory + BATCH_MEMORY_BYTES;
}

Test(batch, frames_that_fit_exactly_and_those_that_do_not)
{
    for (uint32_t first = 0; first < 3; first++) {
        for (uint32_t beyond = 0; beyond < 2; beyond++) {
            batch_clear(b);
            cr_assert_eq(add(first), 1);
            cr_assert_eq(add(BATCH_BYTES - first + beyond), beyond ? 0 : 1);
            cr_assert_eq(b->count, beyond ? 1 : 2);
            cr_assert_eq(add(1), beyond ? 1 : 0);
            cr_assert_eq(add(0), 1, "no bytes fit always");
        }
    }
}

Test(batch, a_frame_longer_than_all_is_alone)
{
    for (uint32_t n = BATCH_BYTES - 1; n <= sizeof(bytes); n += n < BATCH_BYTES + 2 ? 1 : 1000) {
        batch_clear(b);
        cr_assert_eq(add(n), 1);
        const struct packet *p = b->packets;
        cr_assert(p->captured_bytes == n && p->wire_bytes == n + 1 && p->link_type == 7);
        cr_assert_neq(p->data, bytes);
        cr_assert_eq(memcmp(p->data, bytes, n), 0);
        cr_assert_eq(add(2), 0);
    }
    batch_clear(b);
    cr_assert_eq(add(sizeof(bytes)), 1);
    cr_assert(!in_memory(b->packets->data, 1));
}

Test(batch, what_is_kept_stays)
{
    static const uint8_t *kept[200];
    for (int i = 0; i < 200; i++)
        cr_assert_not_null(kept[i] = batch_keep(b, bytes + i, 3000));
    cr_assert(in_memory(kept[0], 3000) && !in_memory(kept[199], 3000));
    for (int i = 0; i < 200; i++)
        cr_assert_eq(memcmp(kept[i], bytes + i, 3000), 0);
    cr_assert_not_null(batch_keep(b, NULL, 0));
}

Test(batch, memory_is_short)
{
    uint64_t n = 1;
    for (bool failed = true; failed; n++) {
        fail_alloc_at(n);
        struct batch *other = batch_new();
        failed = fail_alloc_stop();
        cr_assert_eq(!other, failed);
        batch_free(other);
    }
    cr_assert_gt(n, 3);
    fail_alloc_at(1);
    cr_assert_eq(add(sizeof(bytes)), ERR_NOMEM);
    cr_assert(fail_alloc_stop());
    cr_assert_eq(b->count, 0);
    cr_assert_eq(add(sizeof(bytes)), 1);
    batch_free(NULL);
}
