/* SPDX-License-Identifier: BSD-3-Clause */
/* The method table. */
#include "dissect/method.h"
#include <criterion/criterion.h>
#include <string.h>

Test(method, every_method_finds_itself)
{
    for (enum method m = METHOD_NONE + 1; m < METHOD_OTHER; m++) {
        const struct method_info *info = method_info(m);
        cr_expect_eq(method_find(info->text, strlen(info->text)), m, "%s", info->text);
        bool notification = strncmp(info->text, "notifications/", 14) == 0;
        cr_expect_eq(info->kind == METHOD_KIND_N, notification, "%s", info->text);
        cr_expect_eq(info->wait == METHOD_WAIT_NOTHING, notification, "%s", info->text);
    }
}

Test(method, only_exact_texts)
{
    static const char *const others[] = {"",
                                         "tools/cal",
                                         "tools/calls",
                                         "Tools/Call",
                                         "tools/call ",
                                         "initialized",
                                         "pong",
                                         "notifications/initializee"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_eq(method_find(others[i], strlen(others[i])), METHOD_OTHER, "%s", others[i]);
    cr_expect_eq(method_find("tools/call\0", 11), METHOD_OTHER);
    cr_expect_eq(method_find("pingpong", 4), METHOD_PING);
}

Test(method, facts)
{
    cr_expect_eq(method_info(METHOD_TOOLS_CALL)->name, METHOD_NAME_TOOL);
    cr_expect_eq(method_info(METHOD_RESOURCES_READ)->name, METHOD_NAME_RESOURCE);
    cr_expect_eq(method_info(METHOD_SUBSCRIPTIONS_LISTEN)->wait, METHOD_WAIT_STREAM);
    cr_expect_eq(method_info(METHOD_SAMPLING_CREATEMESSAGE)->from, METHOD_FROM_S2C);
    cr_expect_eq(method_info(METHOD_TASKS_GET)->evidence, METHOD_EVIDENCE_WEAK);
    cr_expect_str_eq(method_info(METHOD_NONE)->text, "");
    cr_expect_str_eq(method_info(METHOD_OTHER)->text, "");
    cr_expect_eq(method_info(METHOD_OTHER)->wait, METHOD_WAIT_SERVICE);
    cr_expect_eq(method_info(METHOD_OTHER)->evidence, METHOD_EVIDENCE_WEAK);
}
