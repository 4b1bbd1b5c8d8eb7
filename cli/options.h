/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/run.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The command line, from one table: it feeds getopt_long, prints --help, and the tests hold it
 * against the man page.
 */

enum command { COMMAND_REPORT, COMMAND_REPLAY, COMMAND_LIVE, COMMAND_INTERFACES, COMMAND_COUNT };

struct options {
    enum command command;
    bool json;
    bool messages;
    bool connections; /* with run.track_connections */
    bool quiet;
    double require_coverage; /* percent; 0: none */
    const char *output;      /* NULL: standard output */
    char *filter;            /* owned; NULL: none */
    char **paths;            /* borrowed from argv: the capture files */
    size_t path_count;
    struct run_config run;
    /* live */
    const char *interface;
    const char *user; /* to become after opening the interface; NULL: choose */
    int64_t interval_ns;
    int64_t duration_ns; /* 0: no limit */
    uint64_t count;      /* packets; 0: no limit */
    uint32_t snap_bytes;
    uint32_t buffer_bytes;
    uint32_t sockets; /* 0: 1 */
    bool promiscuous;
};

enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_BAD };

/*
 * Parses a command's arguments; argv[0] is the command's name. argv is borrowed for the life of
 * *ret_options and is reordered.
 * OPTIONS_RUN: go on, and call options_fini() in the end. OPTIONS_HELP, OPTIONS_VERSION: print that
 * instead. OPTIONS_BAD: a message was printed, the exit code is EXIT_USAGE.
 */
enum options_result options_parse(enum command command, int argc, char **argv,
                                  struct options *ret_options);
void options_fini(struct options *o);

/* The program's help, a command's help, and what --version prints. */
void options_help(FILE *stream);
void options_help_command(FILE *stream, enum command command);
void options_version(FILE *stream);

/* A command's name, as typed; static storage. */
const char *options_command_name(enum command command);

#endif
