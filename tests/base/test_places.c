/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"
#include "base/places.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

/* The reference: the hash of each entry; 0: it is not there. */
enum { ENTRIES = 40000 };
static uint32_t hashes[ENTRIES + 1];

/* Whether just those with the entry's hash are found, each once. */
static bool found_once(const struct places *p, uint32_t entry)
{
    uint32_t at, found = 0;
    for (uint32_t i = places_first(p, hashes[entry], &at); i != PLACES_NONE;
         i = places_next(p, hashes[entry], &at)) {
        cr_assert_eq(hashes[i], hashes[entry]);
        found += i == entry;
    }
    return found == 1;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 7;
}

/* As many as come, with hashes of so many values, which all lie together. */
static void come_and_go(uint32_t entries, uint32_t values)
{
    struct places p;
    uint32_t random = values, count = 0;
    memset(hashes, 0, sizeof(hashes));
    cr_assert_eq(places_init(&p), 0);
    for (uint32_t step = 0; step < 6 * entries; step++) {
        uint32_t entry = 1 + next_random(&random) % entries;
        if (hashes[entry]) {
            cr_assert(found_once(&p, entry));
            places_remove(&p, hashes[entry], entry);
            hashes[entry] = 0;
            count--;
        } else {
            /* around the end of the places, too */
            hashes[entry] = UINT32_MAX - values / 2 + next_random(&random) % values;
            hashes[entry] += hashes[entry] == 0;
            cr_assert_eq(places_add(&p, hashes[entry], entry), 0);
            cr_assert(found_once(&p, entry));
            count++;
        }
        if (step % entries == 0) {
            for (uint32_t i = 1; i <= entries; i++)
                cr_assert(!hashes[i] || found_once(&p, i));
        }
    }
    cr_assert_eq(p.count, count);
    for (uint32_t i = 1; i <= entries; i++) {
        if (hashes[i])
            places_remove(&p, hashes[i], i);
    }
    for (uint32_t i = 0; i <= p.mask; i++)
        cr_assert_eq(p.at[i].index, PLACES_NONE);
    places_fini(&p);
}

Test(places, many_come_and_go)
{
    come_and_go(ENTRIES, 1 << 30);
}

Test(places, many_in_a_row)
{
    come_and_go(600, 300);
    come_and_go(200, 3);
}

/* While there is no memory for more, all but one are filled. */
Test(places, no_memory_for_more)
{
    struct places p;
    uint32_t at, n = 0;
    fail_alloc_at(1);
    cr_assert_eq(places_init(&p), ERR_NOMEM);
    fail_alloc_stop();
    cr_assert_eq(places_init(&p), 0);
    for (int result = 0; result == 0;) {
        fail_alloc_at(1);
        result = places_add(&p, 7 * n, n + 1);
        fail_alloc_stop();
        n += result == 0;
        cr_assert(result == 0 || result == ERR_NOMEM);
    }
    cr_assert_eq(n, p.mask);
    cr_assert_eq(places_first(&p, 7 * n, &at), PLACES_NONE);
    cr_assert_eq(places_add(&p, 7 * n, n + 1), 0);
    for (uint32_t i = 0; i <= n; i++)
        cr_assert_eq(places_first(&p, 7 * i, &at), i + 1);
    places_fini(&p);
}
