/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/header_value.h"
#include <criterion/criterion.h>
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
