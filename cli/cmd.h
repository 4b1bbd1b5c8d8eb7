/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "cli/options.h"

/* The commands, one file each, and the way to them. Each returns an exit code. */
int cmd_report(const struct options *options);
int cmd_replay(const struct options *options);
int cmd_live(const struct options *options);
int cmd_interfaces(const struct options *options);

/* Parses a command's arguments, argv[0] is its name, and does what they ask for. */
int cmd_run(enum command command, int argc, char **argv);

/* Prints the help of a command, of COMMAND_COUNT the program's; prints the versions. */
int cmd_help(enum command command);
int cmd_version(void);

#endif
