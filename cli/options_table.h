/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_OPTIONS_TABLE_H
#define CLI_OPTIONS_TABLE_H

#include "options.h"

/* The option table: shared by the parser, the help and the tests. */

enum options_id {
    OPTION_FILTER,
    OPTION_PERSPECTIVE,
    OPTION_MCP_ONLY,
    OPTION_CONNECTIONS,
    OPTION_MESSAGES,
    OPTION_WINDOW,
    OPTION_REQUEST_TIMEOUT,
    OPTION_IDLE_TIMEOUT,
    OPTION_MAX_MESSAGE_TYPES,
    OPTION_REQUIRE_COVERAGE,
    OPTION_MEMORY_LIMIT,
    OPTION_THREADS,
    OPTION_INTERFACE,
    OPTION_INTERVAL,
    OPTION_DURATION,
    OPTION_COUNT,
    OPTION_SNAPSHOT_LENGTH,
    OPTION_BUFFER_SIZE,
    OPTION_SOCKETS,
    OPTION_PROMISCUOUS,
    OPTION_USER,
    OPTION_JSON,
    OPTION_OUTPUT,
    OPTION_QUIET,
    OPTION_HELP,
    OPTION_VERSION
};
#define OPTIONS_MAX_ROWS 64

/* Sets of commands, one bit each. */
#define COMMANDS_FILES   (1u << COMMAND_REPORT | 1u << COMMAND_REPLAY)
#define COMMANDS_LIVE    (1u << COMMAND_LIVE)
#define COMMANDS_LINES   (1u << COMMAND_REPLAY | 1u << COMMAND_LIVE)
#define COMMANDS_CAPTURE (COMMANDS_FILES | COMMANDS_LIVE)
#define COMMANDS_ALL     ((1u << COMMAND_COUNT) - 1)

struct options_row {
    enum options_id id;
    char letter;       /* 0: long form only */
    const char *name;  /* without dashes */
    const char *value; /* what its value is called in the help; NULL: takes none */
    unsigned commands; /* that know it */
    const char *help;
};

extern const struct options_row options_table[];
extern const size_t options_table_rows;

#endif
