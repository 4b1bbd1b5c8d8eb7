/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/table.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

struct entry {
    uint32_t key;
    uint32_t value;
    uint32_t zero[6];
};

static uint32_t last_evicted;

static void remember_evicted(void *ctx, void *entry)
{
    cr_assert_eq(ctx, &last_evicted);
    last_evicted = ((struct entry *)entry)->key;
}

static struct table *make(uint32_t max_entries)
{
    struct table_config config = {.max_entries = max_entries,
                                  .entry_bytes = sizeof(struct entry),
                                  .key_bytes = sizeof(uint32_t),
                                  .hash = {1, 2},
                                  .evict = remember_evicted,
                                  .ctx = &last_evicted};
    return table_new(&config);
}

static struct entry *add(struct table *t, uint32_t key)
{
    void *e;
    cr_assert_eq(table_insert(t, &key, &e), 0);
    return e;
}

Test(table, finds_what_was_added_and_nothing_else)
{
    struct table *t = make(100000);
    for (uint32_t i = 0; i < 50000; i++)
        add(t, i)->value = i * 3;
    cr_assert_eq(table_count(t), 50000);
    for (uint32_t i = 0; i < 50000; i++) {
        struct entry *e = table_find(t, &i);
        cr_assert(e && e->value == i * 3);
    }
    uint32_t missing = 50000;
    cr_assert_null(table_find(t, &missing));
    table_free(t);
}

Test(table, does_not_find_what_is_not_to_be_found)
{
    struct table *t = make(200);
    uint32_t hidden = 7, seen = 0;
    void *entries[3], *e;
    for (int i = 0; i < 3; i++)
        cr_assert_eq(table_insert_unfound(t, &hidden, &entries[i]), 0);
    cr_assert_null(table_find(t, &hidden));
    cr_assert_eq(table_take(t, &hidden, &e), 1);
    cr_assert_eq(table_find(t, &hidden), e);
    for (uint32_t i = 100; i < 290; i++) /* the buckets grow */
        add(t, i);
    cr_assert_eq(table_count(t), 194);
    table_touch(t, entries[0]);
    table_remove(t, entries[1]);
    cr_assert_eq(((struct entry *)entries[1])->key, 0);
    for (e = table_oldest(t); e; e = table_next(t, e))
        seen += e == entries[0] || e == entries[2];
    cr_assert_eq(seen, 2);
    cr_assert_eq(((struct entry *)table_find(t, &hidden))->key, 7);
    for (uint32_t i = 300; i < 308; i++)
        add(t, i);
    cr_assert_eq(last_evicted, 7, "the oldest one is entries[2]");
    for (uint32_t i = 300; i < 308; i++)
        cr_assert(table_find(t, &i));
    table_free(t);
}

Test(table, takes_what_is_there_or_adds_it)
{
    struct table *t = make(2);
    void *first, *again, *second;
    uint32_t one = 1, two = 2, three = 3;
    cr_assert_eq(table_take(t, &one, &first), 1);
    ((struct entry *)first)->value = 7;
    cr_assert_eq(table_take(t, &two, &second), 1);
    cr_assert_eq(table_take(t, &one, &again), 0);
    cr_assert_eq(again, first);
    cr_assert_eq(table_oldest(t), first, "found, not touched");
    cr_assert_eq(table_take(t, &three, &again), 1);
    cr_assert_eq(last_evicted, 1);
    cr_assert_null(table_find(t, &one));
    cr_assert_eq(table_find(t, &three), again);
    cr_assert_eq(((struct entry *)again)->value, 0);
    cr_assert_eq(table_find(t, &two), second);
    table_free(t);
}

Test(table, new_entries_are_zero_after_reuse)
{
    struct table *t = make(4);
    struct entry *e = add(t, 1);
    memset(&e->value, 0xff, sizeof(*e) - sizeof(e->key));
    table_remove(t, e);
    e = add(t, 2);
    cr_assert_eq(e->value, 0);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(e->zero[i], 0);
    table_free(t);
}

Test(table, drops_the_oldest_when_full)
{
    struct table *t = make(3);
    struct entry *one = add(t, 1);
    add(t, 2);
    add(t, 3);
    table_touch(t, one);
    add(t, 4);
    cr_assert_eq(last_evicted, 2);
    cr_assert_eq(table_count(t), 3);
    uint32_t key = 2;
    cr_assert_null(table_find(t, &key));
    table_free(t);
}

Test(table, walks_from_oldest_to_newest)
{
    struct table *t = make(10);
    for (uint32_t i = 0; i < 5; i++)
        add(t, i);
    uint32_t two = 2, zero = 0;
    table_touch(t, table_find(t, &two));
    table_remove(t, table_find(t, &zero));
    const uint32_t order[] = {1, 3, 4, 2};
    size_t n = 0;
    for (struct entry *e = table_oldest(t); e; e = table_next(t, e))
        cr_assert_eq(e->key, order[n++]);
    cr_assert_eq(n, 4);
    table_free(t);
}

Test(table, addresses_are_stable_while_it_grows)
{
    struct table *t = make(10000);
    struct entry *first = add(t, 0);
    for (uint32_t i = 1; i < 10000; i++)
        add(t, i);
    uint32_t key = 0;
    cr_assert_eq(table_find(t, &key), first);
    table_free(t);
}

/* A reference model: the newest keys of a list, random operations. */
Test(table, random_operations_agree_with_a_list)
{
    enum { CAP = 17, KEYS = 40 };
    struct table *t = make(CAP);
    uint32_t list[CAP];
    uint32_t n = 0, seed = 7;
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t key = (seed >> 8) % KEYS;
        uint32_t at = 0;
        while (at < n && list[at] != key)
            at++;
        struct entry *e = table_find(t, &key);
        cr_assert_eq(e != NULL, at < n);
        bool remove = seed >> 28 == 0;
        if (e && remove)
            table_remove(t, e);
        else if (e)
            table_touch(t, e);
        else
            add(t, key);
        if (!e && n == CAP)
            at = 0;
        if (e || n == CAP)
            memmove(list + at, list + at + 1, (--n - at) * sizeof(*list));
        if (!(e && remove))
            list[n++] = key;
        cr_assert_eq(table_count(t), n);
    }
    uint32_t i = 0;
    for (struct entry *e = table_oldest(t); e; e = table_next(t, e))
        cr_assert_eq(e->key, list[i++]);
    cr_assert_eq(i, n);
    table_free(t);
}

static bool fill(void)
{
    struct table *t = make(1000);
    if (!t)
        return false;
    bool all = true;
    for (uint32_t i = 0; i < 1000 && all; i++) {
        void *e;
        all = table_insert(t, &i, &e) == 0;
    }
    if (all) {
        uint32_t key = 999;
        cr_assert_not_null(table_find(t, &key));
    }
    table_free(t);
    return all;
}

Test(table, survives_every_allocation_failure)
{
    uint64_t n = 0;
    do {
        fail_alloc_at(++n);
        fill();
    } while (fail_alloc_stop());
    cr_assert_gt(n, 10);
}

Test(table, without_keys_there_is_the_list)
{
    struct table_config config = {.max_entries = 100, .entry_bytes = sizeof(struct entry)};
    struct table *t = table_new(&config);
    void *e[200];
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert_eq(table_insert(t, NULL, &e[i]), 0);
        cr_assert_eq(((struct entry *)e[i])->value, 0);
        ((struct entry *)e[i])->value = i;
    }
    cr_assert_eq(table_count(t), 100);
    table_touch(t, e[100]);
    table_remove(t, e[150]);
    uint32_t expected = 101;
    for (struct entry *at = table_oldest(t); at; at = table_next(t, at)) {
        cr_assert_eq(at->value, expected);
        expected = expected == 149 ? 151 : expected == 199 ? 100 : expected + 1;
    }
    cr_assert_eq(table_count(t), 99);
    table_free(t);
}

Test(table, removed_entries_have_no_key)
{
    struct table *t = make(4);
    struct entry *e = add(t, 5);
    table_remove(t, e);
    cr_assert_eq(e->key, 0);
    table_free(t);
}
