/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/document.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(json_t *value, const char *want)
{
    char *text = document_text(value, false);
    cr_assert_not_null(text);
    text[strlen(text) - 1] = '\0'; /* the newline */
    cr_assert_str_eq(text, want);
    free(text);
    json_decref(value);
}

Test(document, numbers_are_plain_and_without_noise)
{
    static const struct {
        double x;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {0.0, "0"},
                 {-0.0, "0"},
                 {2.0, "2"},
                 {-1.5, "-1.5"},
                 {1e-6, "0.000001"},
                 {1e-9, "0.000000001"},
                 {4e-10, "0"},
                 {-4e-10, "0"},
                 {6e-10, "0.000000001"},
                 {0.003000001, "0.003000001"},
                 {100.0 / 3, "33.333333333"},
                 {86399.999999999, "86399.999999999"},
                 {0.999999999, "0.999999999"},
                 {0.9999999999, "1"},
                 {1250000000.125, "1250000000.125"},
                 {12345678.567, "12345678.567"},
                 {1e15, "1000000000000000"},
                 {9007199254740992.0, "9007199254740992"},
                 {1e21, "1000000000000000000000"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(json_real(cases[i].x), cases[i].text);
    check(json_integer(INT64_MIN), "-9223372036854775808");
    check(json_integer(INT64_MAX), "9223372036854775807");
    char *text = document_text(json_true(), false);
    cr_assert_str_eq(text, "true\n");
    free(text);
    json_t *huge = json_real(-1.7976931348623157e308);
    text = document_text(huge, false);
    cr_assert_eq(strlen(text), 1 + 309 + 1);
    free(text);
    json_decref(huge);
}

Test(document, every_nanosecond_figure_comes_back)
{
    uint64_t state = 1;
    for (int i = 0; i < 200000; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int64_t ns = (int64_t)(state >> (12 + i % 40));
        if (ns > INT64_C(8000000000000000))
            continue;
        json_t *value = json_real((double)ns / 1e9);
        char *text = document_text(value, false);
        cr_assert_eq(llroundl(strtold(text, NULL) * 1e9L), ns, "%s is not %lld", text,
                     (long long)ns);
        free(text);
        json_decref(value);
    }
}

Test(document, strings_cannot_drive_a_terminal)
{
    check(json_stringn("a\"\\\b\t\n\f\r\x1b[31m\x7f", 14),
          "\"a\\\"\\\\\\b\\t\\n\\f\\r\\u001b[31m\\u007f\"");
    check(json_string("\xc2\x9b\xc2\xa0\xc3\xa9"), "\"\\u009b\xc2\xa0\xc3\xa9\"");
    check(json_stringn("", 0), "\"\"");
    check(document_string("x\xff\0y", 4), "\"x\xef\xbf\xbd\xef\xbf\xbdy\"");
}

Test(document, layout)
{
    json_t *value = json_pack("{s:[i,{s:n}],s:{},s:[],s:s}", "z", 1, "k", "a", "b", "m", "text");
    char *text = document_text(value, true);
    cr_assert_str_eq(text,
                     "{\n  \"z\": [\n    1,\n    {\n      \"k\": null\n    }\n  ],\n  \"a\": {},\n"
                     "  \"b\": [],\n  \"m\": \"text\"\n}\n");
    free(text);
    text = document_text(value, false);
    cr_assert_str_eq(text, "{\"z\":[1,{\"k\":null}],\"a\":{},\"b\":[],\"m\":\"text\"}\n");
    free(text);
    json_decref(value);
}

/* Wherever in a text a piece of it ends. */
Test(document, pieces_make_up_the_text)
{
    enum { PIECE = 32768, LONG = 3 * PIECE };
    static char filler[LONG + 1], want[LONG + 200];
    memset(filler, 'x', LONG);
    for (size_t n = PIECE - 120; n < LONG; n += n == PIECE + 20 ? LONG - n - 1 : 1) {
        json_t *value = json_pack("[s#,[i,f,s],{s:b}]", filler, (int)n, -12345, 0.25,
                                  "a\"b\xc2\x85\xc2\xa9", "key", 1);
        int length = snprintf(want, sizeof(want),
                              "[\n  \"%.*s\",\n  [\n    -12345,\n    0.25,\n"
                              "    \"a\\\"b\\u0085\xc2\xa9\"\n  ],\n"
                              "  {\n    \"key\": true\n  }\n]\n",
                              (int)n, filler);
        cr_assert_lt(length, (int)sizeof(want));
        char *text = document_text(value, true);
        cr_assert_str_eq(text, want);
        free(text);
        json_decref(value);
    }
}

Test(document, indents_at_any_depth)
{
    enum { DEPTH = 60 };
    char expected[3 * DEPTH * DEPTH + 100], *end = expected;
    json_t *value = json_integer(7);
    for (int i = 0; i < DEPTH; i++)
        value = json_pack("[o]", value);
    for (int i = 0; i < DEPTH; i++)
        end += sprintf(end, "%*s[\n", i == 0 ? 0 : 2 * i, "");
    end += sprintf(end, "%*s7", 2 * DEPTH, "");
    for (int i = DEPTH; i-- > 0;)
        end += sprintf(end, "\n%*s]", 2 * i, "");
    sprintf(end, "\n");
    char *text = document_text(value, true);
    cr_assert_str_eq(text, expected);
    free(text);
    json_decref(value);
}

Test(document, is_read_back_as_what_it_was)
{
    json_t *value =
        json_pack("{s:[s,s,f,I,b,n]}", "\x01\"", "\xe2\x82\xac", "\x1f", 0.25, (json_int_t)-5, 1);
    char *text = document_text(value, true);
    json_t *again = json_loads(text, 0, NULL);
    cr_assert(json_equal(value, again));
    free(text);
    json_decref(again);
    json_decref(value);
}

Test(document, memory_may_fail)
{
    json_t *list = json_array();
    for (int i = 0; i < 5000; i++)
        json_array_append_new(list, json_integer(i));
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        char *text = document_text(list, true);
        bool failed = fail_alloc_stop();
        cr_assert_eq(text == NULL, failed);
        free(text);
        if (!failed)
            break;
    }
    json_decref(list);
}
