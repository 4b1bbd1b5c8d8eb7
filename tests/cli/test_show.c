/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/show.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(show, .init = show_setup);

static const char *duration(double seconds)
{
    static char text[SHOW_VALUE_BYTES];
    return show_duration(seconds, text);
}

static const char *size(double bytes)
{
    static char text[SHOW_VALUE_BYTES];
    return show_size(bytes, text);
}

Test(show, durations_have_three_digits)
{
    cr_expect_str_eq(duration(0), "0 s");
    cr_expect_str_eq(duration(1e-9), "1 ns");
    cr_expect_str_eq(duration(812e-9), "812 ns");
    cr_expect_str_eq(duration(1.5e-6), "1.50 us");
    cr_expect_str_eq(duration(0.00123), "1.23 ms");
    cr_expect_str_eq(duration(0.0999), "99.9 ms");
    cr_expect_str_eq(duration(0.9994), "999 ms");
    cr_expect_str_eq(duration(12.345), "12.3 s");
    cr_expect_str_eq(duration(-0.002), "-2.00 ms");
}

Test(show, durations_round_into_the_next_unit)
{
    cr_expect_str_eq(duration(0.9996), "1.00 s");
    cr_expect_str_eq(duration(9.996), "10.0 s");
    cr_expect_str_eq(duration(99.96), "1m40s");
    cr_expect_str_eq(duration(119.7), "2m00s");
    cr_expect_str_eq(duration(3599.4), "59m59s");
    cr_expect_str_eq(duration(3599.6), "1h00m");
    cr_expect_str_eq(duration(86399), "1d00h");
    cr_expect_str_eq(duration(3 * 86400.0 + 4 * 3600), "3d04h");
}

Test(show, unknown_values_are_a_dash)
{
    char text[SHOW_VALUE_BYTES];
    cr_expect_str_eq(duration(NAN), "-");
    cr_expect_str_eq(duration(INFINITY), "-");
    cr_expect_str_eq(size(NAN), "-");
    cr_expect_str_eq(show_rate(NAN, text), "-");
}

Test(show, extreme_values_fit)
{
    cr_expect_lt(strlen(duration(1e18)), SHOW_VALUE_BYTES);
    cr_expect_lt(strlen(size(1.8e19)), SHOW_VALUE_BYTES);
    cr_expect_str_eq(size(1.8e19), "18.0 EB");
}

Test(show, sizes_are_decimal)
{
    char text[SHOW_VALUE_BYTES];
    cr_expect_str_eq(size(0), "0 B");
    cr_expect_str_eq(size(999), "999 B");
    cr_expect_str_eq(size(1000), "1.00 kB");
    cr_expect_str_eq(size(12345), "12.3 kB");
    cr_expect_str_eq(size(999600), "1.00 MB");
    cr_expect_str_eq(show_rate(1234567, text), "1.23 MB/s");
}

static void expect_escaped(const char *bytes, size_t n, const char *wanted, size_t columns)
{
    char text[256];
    size_t written = show_escape(text, sizeof text, bytes, n);
    cr_expect_str_eq(text, wanted);
    cr_expect_eq(written, columns, "%s: %zu columns", wanted, written);
    cr_expect_eq(show_columns(text), columns);
}

Test(show, control_characters_are_escaped)
{
    expect_escaped("plain", 5, "plain", 5);
    expect_escaped("\033[2J", 4, "\\x1b[2J", 7);
    expect_escaped("a\nb\tc\rd", 7, "a\\nb\\tc\\rd", 10);
    expect_escaped("\0x", 2, "\\x00x", 5);
    expect_escaped("\x7f", 1, "\\x7f", 4);
    expect_escaped("back\\slash", 10, "back\\\\slash", 11);
    /* C1 controls: a terminal may take U+009B for ESC [ */
    expect_escaped("\xc2\x9b", 2, "\\xc2\\x9b", 8);
}

Test(show, utf8_is_kept_where_it_is_valid_and_visible)
{
    expect_escaped("caf\xc3\xa9", 5, "caf\xc3\xa9", 4);
    expect_escaped("\xe5\xa4\xa9", 3, "\xe5\xa4\xa9", 2);
    expect_escaped("\xc3", 1, "\\xc3", 4);                    /* cut */
    expect_escaped("\xc0\xaf", 2, "\\xc0\\xaf", 8);           /* overlong */
    expect_escaped("\xed\xa0\x80", 3, "\\xed\\xa0\\x80", 12); /* surrogate */
    expect_escaped("\xe2\x80\xae", 3, "\\xe2\\x80\\xae", 12); /* right-to-left override */
    expect_escaped("\xe2\x80\x8b", 3, "\\xe2\\x80\\x8b", 12); /* zero width space */
}

Test(show, escaping_stops_at_the_size_and_at_a_character)
{
    for (size_t room = 1; room < 16; room++) {
        char text[16];
        memset(text, '#', sizeof text);
        show_escape(text, room, "\xe5\xa4\xa9\x01\xe5\xa4\xa9", 7);
        cr_expect_lt(strlen(text), room);
        for (size_t i = room; i < sizeof text; i++)
            cr_expect_eq(text[i], '#');
        cr_expect(strlen(text) == 0 || strlen(text) == 3 || strlen(text) == 7 ||
                  strlen(text) == 10);
    }
}

Test(show, shortening_keeps_the_columns)
{
    char text[64];
    strcpy(text, "a_long_tool_name");
    show_shorten(text, 16);
    cr_expect_str_eq(text, "a_long_tool_name");
    show_shorten(text, 10);
    cr_expect_str_eq(text, "a_long_...");
    for (size_t columns = 4; columns < 12; columns++) {
        strcpy(text, "\xe5\xa4\xa9\xe5\xa4\xa9\xe5\xa4\xa9\xe5\xa4\xa9\xe5\xa4\xa9\xe5\xa4\xa9");
        show_shorten(text, columns);
        cr_expect_leq(show_columns(text), columns);
        cr_expect(strstr(text, "...") != NULL);
    }
}
