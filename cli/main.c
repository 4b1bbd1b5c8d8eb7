/* SPDX-License-Identifier: BSD-3-Clause */
/* The first word of the command line; everything else is behind it. */
#include "cmd.h"
#include "exit.h"
#include "message.h"
#include "options.h"
#include "show.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int find_command(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, options_command_name((enum command)i)) == 0)
            return i;
    return -1;
}

static int is(const char *word, const char *letter, const char *name)
{
    return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

/* `mcpmeter help [COMMAND]` and the options that need no command. */
static int help(const char *topic)
{
    int which = topic ? find_command(topic) : -1;
    if (topic && which < 0) {
        message_error("%s: no such command: see mcpmeter --help", topic);
        return EXIT_USAGE;
    }
    return cmd_help(topic ? (enum command)which : COMMAND_COUNT);
}

static int no_command(const char *word)
{
    if (word[0] == '-' && word[1] != '\0')
        message_error("%s: no such option before a command: see mcpmeter --help", word);
    else if (access(word, F_OK) == 0)
        message_error("%s: a file, not a command: try mcpmeter report %s", word, word);
    else
        message_error("%s: no such command: see mcpmeter --help", word);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, see output.c */
    show_setup();
    if (argc < 2) {
        options_help(stderr);
        return EXIT_USAGE;
    }
    if (is(argv[1], "-h", "--help") || strcmp(argv[1], "help") == 0)
        return help(argv[2]);
    if (is(argv[1], "-V", "--version"))
        return cmd_version();
    int which = find_command(argv[1]);
    return which < 0 ? no_command(argv[1]) : cmd_run((enum command)which, argc - 1, argv + 1);
}
