/* SPDX-License-Identifier: BSD-3-Clause */
#include "../../dissect/names.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

static struct tracker *t;
static struct limits_hit hit;

static void on_connection(void *ctx, const struct event_connection *e)
{
    (void)ctx, (void)e;
}

static void start(void)
{
    static const struct event_sink sink = {.connection = on_connection};
    struct tracker_config config = {.hash = {1, 2}, .max_sessions = 2};
    t = tracker_new(&config, &sink, &hit);
    cr_assert(t);
}

static void stop(void)
{
    tracker_free(t);
}

TestSuite(names, .init = start, .fini = stop);

static void call(const struct names **at, const char *client)
{
    struct names now = **at;
    (void)names_put(now.client_name, sizeof(now.client_name), client, strlen(client));
    names_change(t, at, &now);
}

Test(names, puts_only_what_is_new_and_leaves_nothing_behind)
{
    struct names a = {0}, b = {0};
    cr_expect(names_put(a.version, sizeof(a.version), "a long one", 10));
    cr_expect(names_put(a.version, sizeof(a.version), "short", 5));
    cr_expect_not(names_put(a.version, sizeof(a.version), "short", 5));
    cr_expect(names_put(b.version, sizeof(b.version), "short", 5));
    cr_expect_eq(memcmp(&a, &b, sizeof(a)), 0);
    cr_expect(names_put(b.version, sizeof(b.version), "longer than there is room for", 29));
    cr_expect_str_eq(b.version, "longer than the");
}

Test(names, are_shared_and_go_with_the_last_that_holds_them)
{
    const struct names *a = &names_none, *b = &names_none;
    names_release(t, &a);
    call(&a, "x");
    call(&b, "x");
    cr_expect_eq(a, b);
    cr_expect_eq(table_count(t->names), 1);
    names_release(t, &a);
    cr_expect_eq(a, &names_none);
    names_sweep(t);
    cr_expect_str_eq(b->client_name, "x");
    const struct names *was = b;
    call(&b, "y");
    cr_expect_str_eq(was->client_name, "x", "good until the next record");
    cr_expect_str_eq(b->client_name, "y");
    names_sweep(t);
    cr_expect_eq(table_count(t->names), 1);
    call(&a, "y");
    names_release(t, &a);
    names_release(t, &b);
    call(&a, "y"); /* wanted again before it went */
    names_sweep(t);
    cr_expect_str_eq(a->client_name, "y");
    names_release(t, &a);
    names_sweep(t);
    cr_expect_eq(table_count(t->names), 0);
}

/* One session after the other learns the same, and one of them something else, which takes the
 * place of an entry that went. */
Test(names, follow_as_they_did_before_if_they_are_still_there)
{
    const struct names *a = &names_none, *b = &names_none, *x, *y;
    call(&a, "x");
    x = a;
    call(&a, "y");
    y = a;
    call(&b, "x");
    cr_expect_eq(b, x);
    call(&b, "y");
    cr_expect_eq(b, y);
    names_sweep(t);
    cr_expect_eq(table_count(t->names), 1);
    names_release(t, &b);
    call(&b, "z");
    cr_expect_eq(b, x, "its place is taken");
    cr_expect_str_eq(b->client_name, "z");
    names_release(t, &a);
    names_release(t, &b);
    names_sweep(t);
    cr_expect_eq(table_count(t->names), 0);
    names_change(t, &a, &(struct names){0}); /* as the key of an entry that went */
    cr_expect_eq(table_count(t->names), 1);
    call(&b, "x");
    call(&b, "y");
    cr_expect_str_eq(b->client_name, "y");
    cr_expect_str_eq(a->client_name, "");
}

/* However many there are before the next record, no held ones are dropped. */
Test(names, stay_where_there_is_no_room)
{
    const struct names *a = &names_none, *b = &names_none;
    call(&b, "held");
    for (int i = 0; i < 1000; i++)
        call(&a, i % 2 ? "odd" : (char[]){'a', (char)('a' + i / 26 % 26), (char)('a' + i % 26), 0});
    cr_expect_str_eq(b->client_name, "held");
    cr_expect_leq(table_count(t->names), names_max(2));
    names_sweep(t);
    cr_expect_eq(table_count(t->names), 2);
}

Test(names, stay_where_memory_is_short)
{
    const struct names *a = &names_none;
    fail_alloc_at(1);
    call(&a, "x");
    cr_expect(fail_alloc_stop());
    cr_expect_eq(a, &names_none);
}
