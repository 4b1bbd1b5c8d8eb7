/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/flow.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

static const struct hash_key hash = {3, 4};

static struct flow_key key_of(uint32_t n, uint8_t family)
{
    struct flow_key key = {{.port = 1024, .family = family}, {.port = 80, .family = family}};
    memcpy(key.from.addr, &n, sizeof(n));
    key.to.addr[0] = 9;
    key.hash = flow_hash(&hash, &key.from, &key.to);
    return key;
}

static struct flow_key reverse(const struct flow_key *key)
{
    return (struct flow_key){key->to, key->from, flow_hash(&hash, &key->to, &key->from)};
}

static struct flow *insert(struct flow_table *t, uint32_t n, enum flow_list list)
{
    struct flow_key key = key_of(n, 4);
    return flow_insert(t, &key, 0, list);
}

Test(flow, found_in_both_directions)
{
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct flow_table *t = flow_new(16);
        struct flow_key key = key_of(7, family), back = reverse(&key);
        struct flow_key other = key_of(8, family);
        struct flow *f = flow_insert(t, &key, 0, FLOW_OPEN);
        struct flow *g = flow_insert(t, &other, 0, FLOW_OPEN);
        int side = -1;
        cr_assert_eq(flow_find(t, &key, &side), f);
        cr_assert_eq(side, 0);
        cr_assert_eq(flow_find(t, &back, &side), f);
        cr_assert_eq(side, 1);
        cr_assert_eq(flow_find(t, &other, &side), g);
        cr_assert_eq(key.hash, back.hash);
        cr_assert_neq(key.hash, other.hash);
        key.from.port++;
        cr_assert_null(flow_find(t, &key, &side));
        flow_free(t);
    }
}

Test(flow, same_address_and_port_on_both_sides)
{
    struct flow_table *t = flow_new(16);
    struct endpoint a = {.addr = {127, 0, 0, 1}, .port = 80, .family = 4};
    struct flow_key key = {a, a, flow_hash(&hash, &a, &a)};
    struct flow *f = flow_insert(t, &key, 0, FLOW_OPEN);
    int side;
    cr_assert_eq(flow_find(t, &key, &side), f);
    flow_free(t);
}

Test(flow, many_come_and_go)
{
    enum { N = 5000 };
    static struct flow *flows[N];
    struct flow_table *t = flow_new(N);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < N; i++)
            if (!flows[i])
                cr_assert_not_null(flows[i] = insert(t, i, FLOW_OPEN));
        cr_assert(flow_full(t));
        cr_assert_null(insert(t, N, FLOW_OPEN));
        for (uint32_t i = 0; i < N; i++) {
            struct flow_key key = key_of(i, 4);
            int side;
            cr_assert_eq(flow_find(t, &key, &side), flows[i]);
        }
        for (uint32_t i = round; i < N; i += 3) {
            flow_remove(t, flows[i]);
            flows[i] = NULL;
        }
        for (uint32_t i = 0; i < N; i++) {
            struct flow_key key = key_of(i, 4);
            int side;
            cr_assert_eq(flow_find(t, &key, &side), flows[i]);
        }
    }
    flow_free(t);
}

/* A hint names a flow some calls later, if it is still there then, and changes nothing. */
Test(flow, told_ahead)
{
    struct flow_table *t = flow_new(64);
    struct flow *f = insert(t, 0, FLOW_OPEN);
    unsigned named = 0;
    for (uint32_t i = 0; i < 8; i++) {
        struct flow_key key = key_of(i, 4), back = reverse(&key);
        struct flow *g = flow_ahead(t, i % 2 ? &key : &back);
        cr_assert(g == NULL || g == f);
        named += g == f;
    }
    cr_assert_eq(named, 1);
    cr_assert_eq(flow_count_all(t), 1);
    struct flow_key key = key_of(0, 4);
    flow_ahead(t, &key);
    flow_remove(t, f);
    for (uint32_t i = 0; i < 8; i++) {
        key = key_of(100 + i, 4);
        cr_assert_null(flow_ahead(t, &key));
    }
    flow_free(t);
}

/* Also where it is not in the first place that its hash says. */
Test(flow, told_ahead_among_many)
{
    enum { N = 64 };
    struct flow_table *t = flow_new(N);
    struct flow *flows[N];
    unsigned named = 0;
    for (uint32_t i = 0; i < N; i++)
        flows[i] = insert(t, i, FLOW_OPEN);
    for (uint32_t i = 0; i < N; i++) {
        struct flow_key key = key_of(i, 4);
        struct flow *g = flow_ahead(t, &key);
        cr_assert_null(flow_ahead(t, &key), "a burst is asked for once");
        for (uint32_t call = 0; call < 8; call++) {
            struct flow_key absent = key_of(1000 + 8 * i + call, 4);
            cr_assert(g == NULL || g == flows[i]);
            named += g == flows[i];
            g = flow_ahead(t, &absent);
        }
        cr_assert_null(g);
    }
    cr_assert_eq(named, N);
    flow_free(t);
}

Test(flow, lists_keep_their_order)
{
    struct flow_table *t = flow_new(16);
    struct flow *a = insert(t, 1, FLOW_HANDSHAKE);
    struct flow *b = insert(t, 2, FLOW_HANDSHAKE);
    struct flow *c = insert(t, 3, FLOW_HANDSHAKE);
    cr_assert_eq(flow_oldest(t, FLOW_HANDSHAKE), a);
    flow_move(t, a, FLOW_HANDSHAKE);
    cr_assert_eq(flow_oldest(t, FLOW_HANDSHAKE), b);
    flow_move(t, c, FLOW_OPEN);
    cr_assert_eq(flow_newer(t, b), a);
    cr_assert_null(flow_newer(t, a));
    cr_assert_eq(flow_oldest(t, FLOW_OPEN), c);
    cr_assert_eq(flow_count(t, FLOW_HANDSHAKE), 2);
    flow_remove(t, b);
    cr_assert_eq(flow_oldest(t, FLOW_HANDSHAKE), a);
    cr_assert_eq(flow_count_all(t), 2);
    flow_free(t);
}

/* From any lists, wherever their places were given again. */
static void end_in_order(uint32_t removed, uint32_t step)
{
    enum { N = 300 };
    struct flow_table *t = flow_new(N);
    struct flow *flows[N];
    uint64_t id = 0;
    for (uint32_t i = 0; i < N; i++) {
        flows[i] = insert(t, i, (enum flow_list)(i * step / 5 % FLOW_LIST_COUNT));
        flows[i]->conn.id = ++id;
    }
    for (uint32_t i = 0; i < removed; i++) {
        uint32_t k = i * step % N;
        while (!flows[k])
            k = (k + 1) % N;
        flow_remove(t, flows[k]);
        flows[k] = NULL;
    }
    for (uint32_t i = 0; step > 1 && i < removed / 2; i++)
        insert(t, N + i, FLOW_OPEN)->conn.id = ++id;
    uint32_t left = flow_count_all(t), told = 0;
    uint64_t before = 0;
    for (struct flow *f; (f = flow_first(t)) != NULL; told++) {
        cr_assert_eq(flow_first(t), f);
        cr_assert_gt(f->conn.id, before);
        before = f->conn.id;
        const struct flow *third = flow_behind(t, f, 2);
        cr_assert(!third || third->conn.id > before);
        cr_assert_null(flow_behind(t, f, 2 * N));
        flow_drop(t, f);
    }
    cr_assert_eq(told, left);
    cr_assert_eq(flow_count_all(t), 0);
    cr_assert_null(flow_first(t));
    flow_free(t);
}

Test(flow, the_end_is_in_order_of_appearance)
{
    for (uint32_t step = 1; step < 300; step += 7) {
        for (uint32_t removed = 0; removed <= 300; removed += 60)
            end_in_order(removed, step);
    }
    struct flow_table *t = flow_new(1);
    cr_assert_null(flow_first(t));
    flow_free(t);
}

/* Without memory to find it by, a flow is not one, neither now nor at the end. */
Test(flow, one_that_could_not_be_inserted_is_none_at_the_end)
{
    struct flow_table *t = flow_new(200);
    struct flow *first = NULL;
    uint64_t id = 0;
    for (struct flow *f;;) { /* until the places are full, which may not become more */
        fail_alloc_at(id == 0 ? 0 : id == 63 ? 2 : 1);
        f = insert(t, (uint32_t)id, FLOW_OPEN);
        fail_alloc_stop();
        if (!f)
            break;
        f->conn.id = ++id;
        first = first ? first : f;
    }
    cr_assert_eq(id, 63);
    flow_remove(t, first);
    insert(t, 100, FLOW_OPEN)->conn.id = ++id;
    uint64_t before = 1;
    uint32_t told = 0;
    for (struct flow *f; (f = flow_first(t)) != NULL; told++) {
        cr_assert_gt(f->conn.id, before);
        before = f->conn.id;
        flow_drop(t, f);
    }
    cr_assert_eq(told, 63);
    flow_free(t);
}

Test(flow, inserted_flow_is_zeroed_after_reuse)
{
    struct flow_table *t = flow_new(1);
    struct flow *f = insert(t, 1, FLOW_OPEN);
    f->conn.side[1].packets = 7;
    f->half[0].flags = 1;
    flow_remove(t, f);
    f = insert(t, 2, FLOW_OPEN);
    cr_assert_eq(f->conn.side[1].packets, 0);
    cr_assert_eq(f->half[0].flags, 0);
    flow_free(t);
}

Test(flow, every_allocation_failing)
{
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        struct flow_table *t = flow_new(100);
        uint32_t inserted = 0;
        for (uint32_t i = 0; t && i < 100; i++)
            inserted += insert(t, i, FLOW_OPEN) != NULL;
        bool failed = fail_alloc_stop();
        for (uint32_t i = 100; t && i < 200; i++)
            inserted += insert(t, i, FLOW_OPEN) != NULL;
        cr_assert_eq(inserted, t ? 100 : 0);
        flow_free(t);
        if (!failed)
            break;
    }
}
