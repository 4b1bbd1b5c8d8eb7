/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole commands inside the test, where memory can be made to run out. */
#include "cli/cmd.h"
#include "cli/exit.h"
#include "cli/show.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

TestSuite(cmd, .init = show_setup);

/* A recording that lies in the source tree, beside this file's directory. */
static const char *sample(char path[512])
{
    const char *end = strstr(__FILE__, "tests/cli/");
    int n = end ? (int)(end - __FILE__) : 0;
    snprintf(path, 512, "%.*spcaps/json-mode.pcap", n, __FILE__);
    return path;
}

static int run(enum command command, const char *option)
{
    char path[512], name[] = "command", out[] = "-o/dev/null", word[32];
    snprintf(word, sizeof word, "%s", option);
    char *argv[] = {name, out, word, (char *)sample(path), NULL};
    return cmd_run(command, 4, argv);
}

/* Fails ever later allocations, one a run, until a run gets by with fewer. */
static void starve(enum command command, const char *option)
{
    bool failed = true;
    for (uint64_t n = 1; failed; n += 1 + n / 8) {
        fail_alloc_at(n);
        int code = run(command, option);
        failed = fail_alloc_stop();
        /* Traffic tables make do with less memory; all else says so. */
        cr_expect(code == EXIT_OK || (failed && (code == EXIT_FAILED || code == EXIT_USAGE)),
                  "allocation %llu: exit code %d", (unsigned long long)n, code);
    }
}

Test(cmd, report_without_memory, .init = cr_redirect_stderr)
{
    starve(COMMAND_REPORT, "-q");
}

Test(cmd, report_json_without_memory, .init = cr_redirect_stderr)
{
    starve(COMMAND_REPORT, "--json");
}

Test(cmd, replay_without_memory, .init = cr_redirect_stderr)
{
    starve(COMMAND_REPLAY, "--connections");
}

Test(cmd, replay_json_without_memory, .init = cr_redirect_stderr)
{
    starve(COMMAND_REPLAY, "--json");
}

Test(cmd, again_and_again)
{
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(run(COMMAND_REPORT, "-q"), EXIT_OK);
        cr_expect_eq(run(COMMAND_REPLAY, "-q"), EXIT_OK);
    }
}
