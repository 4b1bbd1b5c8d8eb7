/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"
#include "cli/exit.h"
#include <criterion/criterion.h>

Test(exit, every_error_has_its_code)
{
    cr_expect_eq(exit_from_err(ERR_NOMEM), 1);
    cr_expect_eq(exit_from_err(ERR_IO), 1);
    cr_expect_eq(exit_from_err(ERR_FORMAT), 1);
    cr_expect_eq(exit_from_err(ERR_ARGUMENT), 2);
    cr_expect_eq(exit_from_err(ERR_CUT), 3);
    cr_expect_eq(exit_from_err(ERR_PERMISSION), 4);
    cr_expect_eq(exit_from_err(ERR_NOT_FOUND), 5);
    for (int err = ERR_NOMEM; err >= ERR_INTERRUPTED; err--)
        cr_expect_neq(exit_from_err(err), EXIT_OK);
}
