/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/labels.h"
#include "metrics/text.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct limits_hit hit;
static struct budget budget = {&hit, 1000, 0};
static struct labels l;

static void setup(void)
{
    labels_init(&l, 4, sizeof(uint64_t), LIMIT_ID_NAMES, &budget);
}

TestSuite(labels, .init = setup);

static void count(const char *text)
{
    struct label *label = labels_get(&l, text, text ? strlen(text) : 0);
    if (label)
        ++*(uint64_t *)label->value;
}

static uint64_t at(uint32_t i)
{
    uint64_t n;
    memcpy(&n, l.sorted[i]->value, sizeof(n));
    return n;
}

Test(labels, are_in_order_and_beyond_the_cap_are_other)
{
    static const char *const texts[] = {"m", "b", "z", NULL, "m", "new", "newer", "", "a", "b"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        count(texts[i]);
    cr_assert_eq(l.count, 5);
    cr_assert_null(l.sorted[0]->text);
    cr_assert_str_eq(l.sorted[1]->text, "b");
    cr_assert_str_eq(l.sorted[2]->text, "m");
    cr_assert_str_eq(l.sorted[3]->text, "other");
    cr_assert_str_eq(l.sorted[4]->text, "z");
    cr_assert_eq(at(1), 2);
    cr_assert_eq(at(2), 2);
    cr_assert_eq(at(3), 4);
    cr_assert_eq(hit.count[LIMIT_ID_NAMES], 4);
    labels_fini(&l, NULL);
}

Test(labels, no_name_is_not_the_empty_name)
{
    count(NULL);
    count("");
    count("");
    cr_assert_eq(l.count, 2);
    cr_assert_eq(at(0), 1);
    cr_assert_eq(at(1), 2);
    labels_fini(&l, NULL);
}

Test(labels, a_text_called_other_shares_the_row)
{
    count("other");
    for (const char *c = "abcdef"; *c; c++)
        count(c);
    cr_assert_eq(l.count, 4);
    labels_fini(&l, NULL);
}

Test(labels, rows_of_all_maps_come_from_one_budget)
{
    struct budget small = {&hit, 1, 0};
    labels_init(&l, 4, sizeof(uint64_t), LIMIT_ID_NAMES, &small);
    count("x");
    count("y");
    cr_assert_eq(l.count, 2);
    cr_assert_str_eq(l.sorted[0]->text, "other");
    cr_assert_eq(hit.count[LIMIT_ID_TABLE_ROWS], 1);
    labels_fini(&l, NULL);
}

Test(labels, bad_text_is_cleaned_and_long_text_cut)
{
    char text[400];
    memset(text, 'x', sizeof(text));
    labels_get(&l, text, sizeof(text));
    cr_assert_eq(l.sorted[0]->text_len, LABELS_TEXT_BYTES);
    memset(text, 0xff, sizeof(text));
    labels_get(&l, text, sizeof(text));
    cr_assert_eq(l.sorted[1]->text_len, 3 * LABELS_TEXT_BYTES);
    cr_assert(text_is_clean(l.sorted[1]->text, l.sorted[1]->text_len));
    labels_fini(&l, NULL);
}

Test(labels, survive_every_failing_allocation)
{
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        for (char c = 'a'; c < 'a' + 20; c++) {
            char text[2] = {c, 0};
            count(text);
            count(text);
        }
        bool failed = fail_alloc_stop();
        uint64_t sum = 0;
        for (uint32_t i = 0; i < l.count; i++)
            sum += at(i);
        cr_assert(failed ? sum >= 38 : sum == 40, "%d", (int)sum);
        labels_fini(&l, NULL);
        if (!failed)
            break;
    }
}

Test(text, invalid_utf8_is_replaced_byte_by_byte)
{
    static const struct {
        const char *in, *out;
    } cases[] = {{"plain", "plain"},
                 {"\xc3\xa9", "\xc3\xa9"},
                 {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
                 {"a\xff", "a\xef\xbf\xbd"},
                 {"\xc3", "\xef\xbf\xbd"},                   /* cut */
                 {"\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz"}, /* cut, then a letter */
                 {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},   /* overlong */
                 {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                 {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
                 {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
                 {"\x80", "\xef\xbf\xbd"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64] = {0};
        size_t n = strlen(cases[i].in);
        size_t used = text_clean(cases[i].in, n, out);
        cr_assert_eq(used, strlen(cases[i].out), "case %zu", i);
        cr_assert_str_eq(out, cases[i].out);
        cr_assert_eq(text_is_clean(cases[i].in, n), strcmp(cases[i].in, cases[i].out) == 0);
        cr_assert(text_is_clean(out, used));
    }
    cr_assert_not(text_is_clean("a\0b", 3));
    cr_assert_not(text_is_clean("\xf4\x90\x80\x80", 4));
    cr_assert_not(text_is_clean("\xf0\x80\x80\x80", 4));
}
