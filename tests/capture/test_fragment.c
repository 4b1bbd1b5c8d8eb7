/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/fragment.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <string.h>

static struct limits_hit hit;
static uint64_t lost;
static struct fragment_table *table;
static struct ip_packet whole;
static uint32_t wire;
static int64_t now_ns;

static const struct hash_key key = {1, 2};
static uint8_t host_a[16] = {10, 0, 0, 1}, host_b[16] = {10, 0, 0, 2};

static void setup(void)
{
    table = fragment_new(&key, &hit, &lost);
}

static void teardown(void)
{
    fragment_free(table);
}

TestSuite(fragment, .init = setup, .fini = teardown);

static bool add_cut(uint32_t id, uint32_t offset, const char *text, uint32_t captured, bool more)
{
    struct ip_packet ip = {.from = host_a,
                           .to = host_b,
                           .payload = (const uint8_t *)text,
                           .captured_bytes = captured,
                           .length_bytes = (uint32_t)strlen(text),
                           .fragment_id = id,
                           .fragment_offset = offset,
                           .fragment = true,
                           .more_fragments = more,
                           .family = 4,
                           .protocol = 6};
    return fragment_add(table, &ip, 100, now_ns, &whole, &wire);
}

static bool add(uint32_t id, uint32_t offset, const char *text, bool more)
{
    return add_cut(id, offset, text, (uint32_t)strlen(text), more);
}

static void expect(const char *text)
{
    cr_assert_eq(whole.length_bytes, strlen(text));
    cr_assert_eq(whole.captured_bytes, strlen(text));
    cr_assert_arr_eq(whole.payload, text, strlen(text));
}

Test(fragment, every_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const char *const parts[3] = {"aaaaaaaa", "bbbbbbbb", "cc"};
    for (uint32_t i = 0; i < 6; i++) {
        for (int j = 0; j < 3; j++) {
            int part = orders[i][j];
            bool done = add(i, 8 * (uint32_t)part, parts[part], part < 2);
            cr_assert_eq(done, j == 2);
        }
        expect("aaaaaaaabbbbbbbbcc");
        cr_assert_eq(wire, 300);
        cr_assert_eq(whole.protocol, 6);
        cr_assert(!whole.fragment);
        cr_assert_arr_eq(whole.from, host_a, 4);
        cr_assert_arr_eq(whole.to, host_b, 4);
    }
    cr_assert_eq(lost, 0);
}

Test(fragment, datagrams_are_told_apart)
{
    cr_assert(!add(1, 0, "aaaaaaaa", true));
    cr_assert(!add(2, 8, "B", false));
    cr_assert(add(1, 8, "A", false));
    expect("aaaaaaaaA");
    cr_assert(add(2, 0, "bbbbbbbb", true));
    expect("bbbbbbbbB");
}

Test(fragment, duplicates_and_overlaps_first_copy_wins)
{
    cr_assert(!add(1, 8, "22222222", true));
    cr_assert(!add(1, 8, "22222222", true));
    cr_assert(!add(1, 16, "3", false));
    cr_assert(add(1, 0, "1111111111111111", true));
    expect("11111111222222223");
    cr_assert_eq(wire, 400);
}

Test(fragment, contradictions_give_up_the_datagram)
{
    cr_assert(!add(1, 8, "end", false));
    cr_assert(!add(1, 8, "other end", false));
    cr_assert_eq(lost, 2);
    cr_assert(!add(2, 8, "end", false));
    cr_assert(!add(2, 16, "beyond it", true));
    cr_assert_eq(lost, 4);
    cr_assert(!add(3, 16, "beyond it", true));
    cr_assert(!add(3, 8, "end", false));
    cr_assert_eq(lost, 6);
    cr_assert(!add(4, 65528, "too far by one..", false));
    cr_assert_eq(lost, 7);
    cr_assert(!add(5, 0, "", true));
    cr_assert_eq(lost, 8);
}

Test(fragment, snap_length)
{
    cr_assert(!add_cut(1, 0, "aaaaaaaa", 8, true));
    cr_assert(!add_cut(1, 8, "bbbbbbbb", 3, true));
    cr_assert(add_cut(1, 16, "cccc", 4, false));
    cr_assert_eq(whole.length_bytes, 20);
    cr_assert_eq(whole.captured_bytes, 11);
    cr_assert_arr_eq(whole.payload, "aaaaaaaabbb", 11);
}

Test(fragment, old_datagrams_are_given_up)
{
    cr_assert(!add(1, 0, "aaaaaaaa", true));
    now_ns = INT64_C(31000000000);
    cr_assert(!add(1, 8, "A", false));
    cr_assert_eq(lost, 1);
    cr_assert(add(1, 0, "bbbbbbbb", true));
    expect("bbbbbbbbA");
}

Test(fragment, table_full_drops_the_oldest)
{
    for (uint32_t id = 0; id <= LIMIT_FRAGMENTED; id++)
        cr_assert(!add(id, 0, "aaaaaaaa", true));
    cr_assert_eq(hit.count[LIMIT_ID_FRAGMENTED], 1);
    cr_assert_eq(lost, 1);
    cr_assert(add(LIMIT_FRAGMENTED, 8, "A", false));
    cr_assert(!add(0, 8, "A", false));
}

Test(fragment, too_many_fragments)
{
    for (uint32_t i = 0; i < LIMIT_FRAGMENTS; i++)
        cr_assert(!add(1, 8 * i, "aaaaaaaa", true));
    cr_assert_eq(hit.count[LIMIT_ID_FRAGMENTS], 0);
    cr_assert(!add(1, 8 * LIMIT_FRAGMENTS, "aaaaaaaa", true));
    cr_assert_eq(hit.count[LIMIT_ID_FRAGMENTS], 1);
    cr_assert_eq(lost, LIMIT_FRAGMENTS + 1);
}

Test(fragment, finish_counts_the_rest)
{
    add(1, 0, "aaaaaaaa", true);
    add(1, 16, "aaaaaaaa", true);
    add(2, 0, "aaaaaaaa", true);
    fragment_finish(table);
    cr_assert_eq(lost, 3);
}

Test(fragment, every_allocation_failing)
{
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        lost = 0;
        struct fragment_table *old = table;
        table = fragment_new(&key, &hit, &lost);
        bool done = false;
        if (table) {
            add(1, 0, "aaaaaaaa", true);
            done = add(1, 8, "A", false);
            fragment_free(table);
        }
        table = old;
        bool failed = fail_alloc_stop();
        cr_assert_eq(done, !failed);
        if (!failed)
            break;
    }
}
