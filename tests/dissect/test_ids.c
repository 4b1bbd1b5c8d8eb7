/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/pairing.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdlib.h>

#define REQUESTS 700

/* A plain reference: all requests that are in, in the order in which they came. */
struct model {
    struct ids ids;
    struct pending all[REQUESTS];
    struct pending *in[REQUESTS];
    size_t count;
};

static bool same(const struct pending *a, const struct pending *b)
{
    return a->scope == b->scope && a->dir == b->dir && a->id_hash == b->id_hash;
}

/* The list of what is like p, as a walk from the newest and one from the oldest show it. */
static void expect(const struct model *m, const struct pending *p)
{
    struct pending *newest = ids_newest(&m->ids, p->scope, (enum dir)p->dir, p->id_hash);
    struct pending *oldest = ids_oldest(&m->ids, p->scope, (enum dir)p->dir, p->id_hash);
    const struct pending *up = oldest, *down = newest;
    for (size_t i = 0; i < m->count; i++) {
        if (same(m->in[i], p)) {
            cr_assert_eq(up, m->in[i]);
            up = up->by_id.newer;
        }
    }
    for (size_t i = m->count; i-- > 0;) {
        if (same(m->in[i], p)) {
            cr_assert_eq(down, m->in[i]);
            down = down->by_id.older;
        }
    }
    cr_assert_null(up);
    cr_assert_null(down);
}

static void add(struct model *m, size_t n, uint32_t keys)
{
    struct pending *p = &m->all[n];
    uint32_t key = (uint32_t)rand() % keys;
    p->scope = key % 5 + 1;
    p->dir = key / 5 % 2 ? DIR_S2C : DIR_C2S;
    p->id_hash = key / 10;
    m->in[m->count++] = p;
    ids_add(&m->ids, p);
}

static void remove_any(struct model *m)
{
    size_t n = (size_t)rand() % m->count;
    struct pending *p = m->in[n];
    ids_remove(&m->ids, p);
    for (m->count--; n < m->count; n++)
        m->in[n] = m->in[n + 1];
    expect(m, p);
    m->all[p - m->all].scope = 0;
}

static void compare(uint32_t keys, uint64_t failing)
{
    struct model *m = calloc(1, sizeof(*m));
    cr_assert(m);
    srand(keys);
    fail_alloc_at(failing);
    bool made = ids_init(&m->ids, &(struct hash_key){keys, 1});
    cr_assert_eq(made, failing != 1);
    for (int step = 0; made && step < 4000; step++) {
        size_t n = (size_t)rand() % REQUESTS;
        if (m->all[n].scope == 0)
            add(m, n, keys);
        else if (m->count > 0 && rand() % 2)
            remove_any(m);
        expect(m, &m->all[n]);
    }
    while (m->count > 0)
        remove_any(m);
    cr_assert_eq(m->ids.count, 0);
    fail_alloc_stop();
    ids_fini(&m->ids);
    free(m);
}

Test(ids, finds_what_a_plain_list_finds)
{
    compare(1, 0);
    compare(10, 0);
    compare(300, 0);
    compare(1000000, 0);
}

Test(ids, gets_by_with_few_buckets)
{
    for (uint64_t n = 1; n <= 5; n++)
        compare(1000000, n);
}
