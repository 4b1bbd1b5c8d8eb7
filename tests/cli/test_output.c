/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"
#include "cli/exit.h"
#include "cli/output.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void setup(void)
{
    cr_redirect_stderr();
    signal(SIGPIPE, SIG_IGN);
}
TestSuite(output, .init = setup);

Test(output, a_full_disk_is_told_once)
{
    struct output o;
    cr_assert_eq(output_open(&o, "/dev/full", true), 0);
    fputs("a line\n", o.file);
    cr_expect_not(output_ok(&o));
    cr_expect_eq(o.error, ENOSPC);
    cr_expect_eq(output_close(&o), EXIT_FAILED);
    fflush(stderr);
    cr_expect_stderr_eq_str(
        "mcpmeter: /dev/full: No space left on device: the result is incomplete\n");
}

Test(output, a_full_disk_is_noticed_at_the_end)
{
    struct output o;
    cr_assert_eq(output_open(&o, "/dev/full", false), 0);
    fputs("buffered", o.file);
    cr_expect(output_ok(&o));
    errno = 0;
    cr_expect_eq(output_close(&o), EXIT_FAILED);
}

Test(output, a_closed_pipe_is_no_failure)
{
    int ends[2];
    struct output o;
    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    cr_assert_eq(output_open(&o, "/dev/null", true), 0);
    cr_assert_geq(dup2(ends[1], o.fd), 0);
    close(ends[1]);
    fputs("a line\n", o.file);
    cr_expect_not(output_ok(&o));
    cr_expect_eq(output_close(&o), EXIT_OK);
    fputs("end", stderr);
    fflush(stderr);
    cr_expect_stderr_eq_str("end");
}

Test(output, unwritable_places_are_refused)
{
    struct output o;
    cr_expect_eq(output_open(&o, "/no/such/directory/file", false), ERR_NOT_FOUND);
    cr_expect_eq(output_open(&o, "/dev", false), ERR_IO);
    fflush(stderr);
    cr_expect_stderr_eq_str(
        "mcpmeter: /no/such/directory/file: cannot write: No such file or directory\n"
        "mcpmeter: /dev: cannot write: Is a directory\n");
}

/* stdio forgets why a write failed; what comes between must not matter. */
Test(output, the_reason_is_not_forgotten)
{
    struct output o;
    cr_assert_eq(output_open(&o, "/dev/full", true), 0);
    fputs("a line\n", o.file);
    errno = EPIPE;
    fputs("another\n", o.file);
    errno = 0;
    cr_expect_eq(output_close(&o), EXIT_FAILED);
    cr_expect_eq(o.error, ENOSPC);
}
