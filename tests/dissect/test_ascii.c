/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/ascii.h"
#include "dissect/same.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

Test(ascii, lowers_the_letters_and_nothing_else)
{
    for (int c = 0; c < 256; c++) {
        for (int at = 0; at < 8; at++) {
            unsigned char bytes[8] = "aZ-\x80@[`{", expected[8];
            bytes[at] = (unsigned char)c;
            for (int i = 0; i < 8; i++)
                expected[i] = bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] | 0x20 : bytes[i];
            uint64_t word, lower;
            memcpy(&word, bytes, 8);
            word = ascii_lower8(word);
            memcpy(&lower, expected, 8);
            cr_assert_eq(word, lower, "byte %d at %d", c, at);
        }
    }
}

Test(ascii, compares_words_of_any_length)
{
    cr_assert(ascii_is("CONTENT-Length", 14, "content-length"));
    cr_assert(ascii_is("Accept", 6, "accept"));
    cr_assert(ascii_is("", 0, ""));
    cr_assert_not(ascii_is("content-lengt", 13, "content-length"));
    cr_assert_not(ascii_is("content\rlength", 14, "content-length"));
    cr_assert_not(ascii_is("content-lengtH ", 15, "content-length"));
    cr_assert_not(ascii_is("mcp_session-id", 14, "mcp-session-id"));
}

/* Any number of bytes, and any one of them another one; bytes behind them do not matter. */
Test(same, every_byte)
{
    uint8_t a[100], b[100];
    for (size_t i = 0; i < sizeof(a); i++)
        a[i] = b[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n < sizeof(a); n++) {
        cr_assert(same_bytes(a, b, n), "%zu", n);
        for (size_t i = 0; i < sizeof(a); i++) {
            b[i] ^= 0x80;
            cr_assert_eq(same_bytes(a, b, n), i >= n, "%zu of %zu", i, n);
            b[i] ^= 0x80;
        }
    }
}
