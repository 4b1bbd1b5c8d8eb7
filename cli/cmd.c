/* SPDX-License-Identifier: BSD-3-Clause */
/* From a command's arguments to the command. Help is output like any other: it may fail, too. */
#include "cmd.h"
#include "exit.h"
#include "output.h"

static int (*const commands[COMMAND_COUNT])(const struct options *options) = {
    [COMMAND_REPORT] = cmd_report,
    [COMMAND_REPLAY] = cmd_replay,
    [COMMAND_LIVE] = cmd_live,
    [COMMAND_INTERFACES] = cmd_interfaces,
};

int cmd_help(enum command command)
{
    struct output out;
    int result = output_open(&out, NULL, false);
    if (result < 0)
        return exit_from_err(result);
    if (command == COMMAND_COUNT)
        options_help(out.file);
    else
        options_help_command(out.file, command);
    return output_close(&out);
}

int cmd_version(void)
{
    struct output out;
    int result = output_open(&out, NULL, false);
    if (result < 0)
        return exit_from_err(result);
    options_version(out.file);
    return output_close(&out);
}

int cmd_run(enum command command, int argc, char **argv)
{
    struct options options;
    switch (options_parse(command, argc, argv, &options)) {
    case OPTIONS_RUN: {
        int code = commands[command](&options);
        options_fini(&options);
        return code;
    }
    case OPTIONS_HELP:
        return cmd_help(command);
    case OPTIONS_VERSION:
        return cmd_version();
    case OPTIONS_BAD:
        break;
    }
    return EXIT_USAGE;
}
