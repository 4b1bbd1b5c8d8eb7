/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/endpoint.h"
#include <criterion/criterion.h>
#include <string.h>

Test(endpoint, formats_both_families)
{
    char text[ENDPOINT_TEXT_BYTES];
    struct endpoint v4 = {.addr = {192, 0, 2, 1}, .port = 65535, .family = 4};
    cr_assert_str_eq(endpoint_format(&v4, text), "192.0.2.1:65535");
    cr_assert_str_eq(endpoint_format_ip(&v4, text), "192.0.2.1");
    struct endpoint v6 = {.addr = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .port = 80, .family = 6};
    cr_assert_str_eq(endpoint_format(&v6, text), "[2001:db8::1]:80");
    memset(v6.addr, 0xff, sizeof(v6.addr));
    v6.port = 65535;
    cr_assert_str_eq(endpoint_format(&v6, text), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

Test(endpoint, order_is_total)
{
    struct endpoint a = {.addr = {10, 0, 0, 1}, .port = 1, .family = 4};
    struct endpoint b = a;
    cr_assert_eq(endpoint_compare(&a, &b), 0);
    b.port = 2;
    cr_assert_lt(endpoint_compare(&a, &b), 0);
    cr_assert_gt(endpoint_compare(&b, &a), 0);
    b.addr[0] = 9;
    cr_assert_gt(endpoint_compare(&a, &b), 0);
    b.family = 6;
    cr_assert_lt(endpoint_compare(&a, &b), 0);
    cr_assert_gt(endpoint_compare(&b, &a), 0);
}

Test(endpoint, directions_are_each_others_other)
{
    cr_assert_eq(dir_other(DIR_C2S), DIR_S2C);
    cr_assert_eq(dir_other(DIR_S2C), DIR_C2S);
}
