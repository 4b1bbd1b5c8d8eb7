/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/header_value.h"
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

/* NULL: it cannot be known. */
static const char *of(const char *value)
{
    static char text[16 + 1];
    size_t n = 0;
    if (!header_value_decode(value, strlen(value), text, 16, &n))
        return NULL;
    text[n] = '\0';
    return text;
}

Test(header_value, stands_for_itself)
{
    static const char *const plain[] = {"",
                                        "a",
                                        "file:///a?b",
                                        "=?base64?",
                                        "?=",
                                        "=?base64?=",
                                        "=?BASE64?YQ==?=",
                                        "=?base64?!!?=",
                                        "=?base64?Y?=",
                                        "=?base64?YQ=?=",
                                        "=?base64?YQ==",
                                        "YQ==?="};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        cr_expect_str_eq(of(plain[i]), plain[i], "%zu", i);
}

Test(header_value, base64)
{
    cr_expect_str_eq(of("=?base64?YQ==?="), "a");
    cr_expect_str_eq(of("=?base64?YWI=?="), "ab");
    cr_expect_str_eq(of("=?base64?YWJj?="), "abc");
    cr_expect_str_eq(of("=?base64?YWI?="), "ab");
    cr_expect_str_eq(of("=?base64?"
                        "?="),
                     "");
    cr_expect_str_eq(of("=?base64?w7/Dvg==?="), "\u00ff\u00fe");
    cr_expect_str_eq(of("=?base64?Pz8/+/+/?="), "???\xfb\xff\xbf");
    cr_expect_str_eq(of("=?base64?PT9iYXNlNjQ/Pz0=?="), "=?base64?"
                                                        "?=");
}

Test(header_value, cannot_be_known)
{
    cr_expect_null(of("12345678901234567"));
    cr_expect_null(of("gr\xc3\xbc\xc3\x9f"));
    cr_expect_null(of("=?base64?QUFBQUFBQUFBQUFBQUFBQUFBQUE=?="));
    cr_expect_str_eq(of("1234567890123456"), "1234567890123456");
}

static bool malformed(const char *value)
{
    return header_value_malformed(value, strlen(value));
}

Test(header_value, well_formed)
{
    static const char *const good[] = {"",
                                       "a b\tc~",
                                       "=?base64?",
                                       "=?base64?=",
                                       "=?BASE64?!!?=",
                                       "=?base64?!!",
                                       "!!?=",
                                       "=?base64?\?=",
                                       "=?base64?YQ==?=",
                                       "=?base64?YQ?=",
                                       "=?base64?8J+YgA==?="};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_not(malformed(good[i]), "%s", good[i]);
}

Test(header_value, malformed)
{
    static const char *const bad[] = {"\x01",
                                      "a\nb",
                                      "\x7f",
                                      "gr\xc3\xbc\xc3\x9f",
                                      "\xe9",
                                      "=?base64?!!?=",
                                      "=?base64?Y?=",
                                      "=?base64?YQ=?=",
                                      "=?base64?YQ==YQ==?=",
                                      "=?base64?Y-_?=",
                                      "=?base64?/w==?=", /* ff */
                                      "=?base64?w7zD?=", /* a character and half of one */
                                      "=?base64?7aCA?=", /* a surrogate */
                                      "=?base64?YWL CoA==?="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(malformed(bad[i]), "%s", bad[i]);
}

/* Base64 of n bytes that repeat. */
static size_t encode(const char *unit, size_t n, char *dst)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(unit), out = 0;
    unsigned bits = 0, have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | (uint8_t)unit[i % length];
        for (have += 8; have >= 6; have -= 6)
            dst[out++] = digits[bits >> (have - 6) & 63];
    }
    if (have > 0)
        dst[out++] = digits[bits << (6 - have) & 63];
    while (out % 4 != 0)
        dst[out++] = '=';
    return out;
}

/* It is decoded in pieces: characters across their borders, and texts that end on them. */
Test(header_value, of_every_length)
{
    static const char *const units[] = {
        "x",          "\u00fc",  "\u20ac",
        "\U0001f600", "a\u20ac", "a\U0001f600"}; /* carries up to three bytes on */
    char value[512] = "=?base64?", wrong[512];
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        for (size_t n = 0; n < 200; n++) {
            size_t inner = encode(units[u], n, value + 9), at = n % strlen(units[u]);
            memcpy(value + 9 + inner, "?=", 2);
            bool whole = at == 0 || (units[u][0] == 'a' && at == 1);
            cr_assert_eq(header_value_malformed(value, 9 + inner + 2), !whole, "%zu %zu", u, n);
            for (size_t i = 0; i + 2 < inner && n % 16 == 0; i++) {
                memcpy(wrong, value, sizeof(wrong));
                wrong[9 + i] = i & 1 ? '=' : '*';
                cr_assert(header_value_malformed(wrong, 9 + inner + 2), "%zu %zu", n, i);
            }
        }
    }
}
