/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --help and --version. Everything that can be derived is: options from their table, exit codes
 * from theirs, so the help cannot forget one. Lines fit 80 columns.
 */
#include "capture/source.h"
#include "dissect/json.h"
#include "exit.h"
#include "options.h"
#include "options_table.h"
#include "version.h"
#include <string.h>

#define HELP_INDENT  30
#define HELP_COLUMNS 79

struct command_text {
    const char *name;
    const char *operands;
    const char *summary;
    const char *more; /* lines that end in a newline */
};

static const struct command_text texts[COMMAND_COUNT] = {
    [COMMAND_REPORT] =
        {"report", "[OPTION]... FILE... [FILTER]", "what capture files hold, as tables",
         "Reads pcap and pcapng files, plain or compressed with gzip or zstd; \"-\" is\n"
         "standard input. Several files are read as one capture, in order of time.\n"},
    [COMMAND_REPLAY] =
        {"replay", "[OPTION]... FILE... [FILTER]",
         "capture files as a log, one line per exchange as it ends",
         "Reads the same files as report. With --json, every line is one event as a JSON\n"
         "object; the last one holds the report.\n"},
    [COMMAND_LIVE] =
        {"live", "[OPTION]... -i IFACE [FILTER]",
         "the same log from a live interface, then the report",
         "Runs until Ctrl-C (SIGINT), SIGTERM, --duration or --count, then prints the\nreport.\n"},
    [COMMAND_INTERFACES] = {"interfaces", "[OPTION]...", "the interfaces of this machine", ""},
};

const char *options_command_name(enum command command)
{
    return texts[command].name;
}

static void print_exit_codes(FILE *stream)
{
    fputs("\nExit codes:\n", stream);
#define EXIT_CODE(name, value, meaning) fprintf(stream, "  %d  %s\n", value, meaning);
    EXIT_CODES
#undef EXIT_CODE
}

void options_help(FILE *stream)
{
    fputs("mcpmeter: measures Model Context Protocol (MCP) traffic from packets\n\nUsage:\n",
          stream);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  mcpmeter %-11s%s\n", texts[i].name, texts[i].operands);
    fputs("\nCommands:\n", stream);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %-12s%s\n", texts[i].name, texts[i].summary);
    fputs("\nmcpmeter COMMAND --help lists the options of a command, mcpmeter --version the\n"
          "versions of program and libraries. The manual is mcpmeter(1).\n",
          stream);
    print_exit_codes(stream);
}

/* Prints text in lines of at most HELP_COLUMNS, the first of which began with `used` columns. */
static void print_wrapped(FILE *stream, size_t used, const char *text)
{
    const char *space = "";
    while (*text) {
        size_t word = strcspn(text, " ");
        if (used + 1 + word > HELP_COLUMNS) {
            fprintf(stream, "\n%*s", HELP_INDENT, "");
            used = HELP_INDENT;
            space = "";
        }
        used += (size_t)fprintf(stream, "%s%.*s", space, (int)word, text);
        space = " ";
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

static void print_option(FILE *stream, const struct options_row *row)
{
    char head[64];
    char letter[5] = "    ";
    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    int used = snprintf(head, sizeof head, "  %s--%s%s%s", letter, row->name, row->value ? " " : "",
                        row->value ? row->value : "");
    fputs(head, stream);
    if (used >= HELP_INDENT) {
        fputc('\n', stream);
        used = 0;
    }
    fprintf(stream, "%*s", HELP_INDENT - used, "");
    print_wrapped(stream, HELP_INDENT, row->help);
}

void options_help_command(FILE *stream, enum command command)
{
    const struct command_text *text = &texts[command];
    fprintf(stream, "mcpmeter %s: %s\n\nUsage: mcpmeter %s %s\n", text->name, text->summary,
            text->name, text->operands);
    if (*text->more)
        fprintf(stream, "\n%s", text->more);
    if (COMMANDS_FILES & 1u << command)
        fputs("\nFILTER begins at the first word that names no file and begins like a filter\n"
              "expression (pcap-filter(7)), or behind \"--\".\n",
              stream);
    fputs("\nOptions:\n", stream);
    for (size_t i = 0; i < options_table_rows; i++)
        if (options_table[i].commands & 1u << command)
            print_option(stream, &options_table[i]);
    print_exit_codes(stream);
}

void options_version(FILE *stream)
{
    fprintf(stream, "mcpmeter %s\n%s\njansson %s\n%s\nJSON scanner: %s\n", version_program(),
            source_libraries(), version_jansson(), version_community_id(), json_simd_name());
}
