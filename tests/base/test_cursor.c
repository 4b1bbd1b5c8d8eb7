/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/cursor.h"
#include <criterion/criterion.h>

Test(cursor, reads_big_endian)
{
    const uint8_t bytes[] = {1, 2, 3, 0xff, 0xfe, 0xfd, 0xfc, 9};
    struct cursor c = cursor_make(bytes, sizeof(bytes));
    cr_assert_eq(cursor_u8(&c), 1);
    cr_assert_eq(cursor_be16(&c), 0x0203);
    cr_assert_eq(cursor_be32(&c), 0xfffefdfcu);
    cr_assert_eq(cursor_left(&c), 1);
    cr_assert_not(c.short_read);
}

Test(cursor, a_short_read_sticks)
{
    const uint8_t bytes[] = {1, 2, 3};
    struct cursor c = cursor_make(bytes, sizeof(bytes));
    cr_assert_eq(cursor_be32(&c), 0);
    cr_assert(c.short_read);
    cr_assert_eq(cursor_u8(&c), 0);
    cr_assert_eq(cursor_left(&c), 0);
    cr_assert_null(cursor_take(&c, 1));
}
