/* SPDX-License-Identifier: BSD-3-Clause */
/* The phrases of err.h. */
#include "base/err.h"

const char *err_text(int err)
{
    switch ((enum err)err) {
    case ERR_NOMEM:
        return "out of memory";
    case ERR_IO:
        return "input or output failed";
    case ERR_FORMAT:
        return "not the expected format";
    case ERR_CUT:
        return "cut off in the middle";
    case ERR_LIMIT:
        return "a limit was reached";
    case ERR_UNSUPPORTED:
        return "not supported";
    case ERR_ARGUMENT:
        return "bad argument";
    case ERR_PERMISSION:
        return "permission denied";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_INTERRUPTED:
        return "interrupted";
    }
    return "unknown error";
}
