/* SPDX-License-Identifier: BSD-3-Clause */
/* From the errors of the lower rooms to the few exit codes that a script can act on. */
#include "exit.h"
#include "base/err.h"

enum exit_code exit_from_err(int err)
{
    switch ((enum err)err) {
    case ERR_ARGUMENT:
        return EXIT_USAGE;
    case ERR_PERMISSION:
        return EXIT_PERMISSION;
    case ERR_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case ERR_CUT:
        return EXIT_CUT;
    case ERR_NOMEM:
    case ERR_IO:
    case ERR_FORMAT:
    case ERR_LIMIT:
    case ERR_UNSUPPORTED:
    case ERR_INTERRUPTED:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}
