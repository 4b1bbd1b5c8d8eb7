/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

/*
 * The exit codes: EXIT_CODE(name, value, meaning). --help prints this table, and the tests hold it
 * against the man page. A signal that stops the reading of files gives 128 + its number on top.
 */
#define EXIT_CODES                                                                                 \
    EXIT_CODE(OK, 0, "success; also when the reader of the output closed its pipe")                \
    EXIT_CODE(FAILED, 1, "an input or output failed, a file is no capture file, or no memory")     \
    EXIT_CODE(USAGE, 2, "wrong command line, or a filter that does not compile")                   \
    EXIT_CODE(CUT, 3, "an input was cut or corrupt; what came before was reported")                \
    EXIT_CODE(PERMISSION, 4, "missing privileges")                                                 \
    EXIT_CODE(NOT_FOUND, 5, "no such file, interface or user")                                     \
    EXIT_CODE(COVERAGE, 6, "less of the traffic was decoded than was required")

enum exit_code {
#define EXIT_CODE(name, value, meaning) EXIT_##name = (value),
    EXIT_CODES
#undef EXIT_CODE
};

/* The code for a failure; err is a negative enum err. */
enum exit_code exit_from_err(int err);

#endif
