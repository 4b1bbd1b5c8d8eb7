/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/progress.h"
#include "cli/show.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

#define MS INT64_C(1000000)

Test(progress, text_names_share_and_speed)
{
    char text[PROGRESS_TEXT_BYTES];
    cr_expect_str_eq(progress_text(50000000, 200000000, 500 * MS, text), " 25 %  100 MB/s");
    cr_expect_str_eq(progress_text(200, 200, 1000 * MS, text), "100 %  200 B/s");
    /* a file that grows while it is read */
    cr_expect_str_eq(progress_text(300, 200, 1000 * MS, text), "100 %  300 B/s");
    /* standard input has no size */
    cr_expect_str_eq(progress_text(5000, 0, 1000 * MS, text), "5.00 kB  5.00 kB/s");
    cr_expect_lt(strlen(progress_text(UINT64_MAX, UINT64_MAX, 0, text)), PROGRESS_TEXT_BYTES);
}

Test(progress, silent_at_first_then_four_times_a_second, .init = cr_redirect_stderr)
{
    struct progress p;
    progress_init(&p, true, 1000 * MS);
    progress_update(&p, 1, 10, 1400 * MS);
    cr_expect_not(p.shown);
    progress_update(&p, 1, 10, 1500 * MS);
    cr_expect(p.shown);
    int64_t next = p.next_ns;
    cr_expect_eq(next, 1750 * MS);
    progress_update(&p, 2, 10, 1600 * MS);
    cr_expect_eq(p.next_ns, next);
    progress_update(&p, 2, 10, 1800 * MS);
    cr_expect_eq(p.next_ns, 2050 * MS);
}

Test(progress, never_writes_when_nobody_watches, .init = cr_redirect_stderr)
{
    struct progress p;
    progress_init(&p, false, 0);
    progress_update(&p, 1, 10, 100000 * MS);
    cr_expect_not(p.shown);
    progress_clear(&p);
    fputs("end", stderr);
    fflush(stderr);
    cr_expect_stderr_eq_str("end");
}
