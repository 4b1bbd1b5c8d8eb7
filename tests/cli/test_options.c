/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/options.h"
#include "cli/options_table.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WORDS 32

/* The words are kept until the next parse: options borrow them. */
static enum options_result parse(enum command command, const char *line, struct options *o)
{
    static char words[512];
    static char *argv[MOST_WORDS + 1];
    int argc = 0;
    strcpy(words, line);
    for (char *word = strtok(words, "|"); word && argc < MOST_WORDS; word = strtok(NULL, "|"))
        argv[argc++] = word;
    argv[argc] = NULL;
    return options_parse(command, argc, argv, o);
}

static void expect_bad(enum command command, const char *line)
{
    struct options o;
    cr_expect_eq(parse(command, line, &o), OPTIONS_BAD, "%s", line);
}

Test(options, defaults_are_left_to_the_rooms)
{
    struct options o;
    cr_assert_eq(parse(COMMAND_REPORT, "report|-", &o), OPTIONS_RUN);
    cr_expect_eq(o.path_count, 1);
    cr_expect_str_eq(o.paths[0], "-");
    cr_expect_null(o.filter);
    cr_expect_null(o.output);
    cr_expect_eq(o.run.window_ns, 0);
    cr_expect_eq(o.run.max_message_types, 0);
    cr_expect_eq(o.run.threads, 0);
    cr_expect_eq(o.run.perspective, PERSPECTIVE_SERVER);
    cr_expect_not(o.json || o.quiet || o.messages || o.connections);
    cr_expect_eq(o.interval_ns, INT64_C(5000000000));
    options_fini(&o);
}

Test(options, every_option_sets_its_field)
{
    struct options o;
    cr_assert_eq(parse(COMMAND_REPLAY,
                       "replay|-|--json|--messages|--connections|-q|-oout|--perspective|client|"
                       "--mcp-only|--window=0.5|--request-timeout|2|--idle-timeout|3",
                       &o),
                 OPTIONS_RUN);
    cr_expect(o.json && o.messages && o.connections && o.run.track_connections && o.quiet);
    cr_expect(o.run.mcp_only);
    cr_expect_str_eq(o.output, "out");
    cr_expect_eq(o.run.perspective, PERSPECTIVE_CLIENT);
    cr_expect_eq(o.run.window_ns, 500000000);
    cr_expect_eq(o.run.request_timeout_ns, INT64_C(2000000000));
    cr_expect_eq(o.run.idle_timeout_ns, INT64_C(3000000000));
    options_fini(&o);
    cr_assert_eq(parse(COMMAND_LIVE,
                       "live|-i|lo|-I|0.25|--duration|7|-c|9|-s|128|-B|4|--promiscuous|-Z|me|"
                       "--max-message-types|5|--threads|3|--memory-limit|64M|--sockets|4",
                       &o),
                 OPTIONS_RUN);
    cr_expect_str_eq(o.interface, "lo");
    cr_expect_str_eq(o.user, "me");
    cr_expect_eq(o.interval_ns, 250000000);
    cr_expect_eq(o.duration_ns, INT64_C(7000000000));
    cr_expect_eq(o.count, 9);
    cr_expect_eq(o.snap_bytes, 128);
    cr_expect_eq(o.buffer_bytes, 4096);
    cr_expect_eq(o.sockets, 4);
    cr_expect(o.promiscuous);
    cr_expect_eq(o.run.max_message_types, 5);
    cr_expect_eq(o.run.threads, 3);
    cr_expect_eq(o.run.memory_bytes, UINT64_C(64) << 20);
    options_fini(&o);
}

Test(options, filter_begins_where_no_file_is_named)
{
    struct options o;
    cr_assert_eq(parse(COMMAND_REPORT, "report|-|/dev/null|tcp|port|80|--json", &o), OPTIONS_RUN);
    cr_expect_eq(o.path_count, 2);
    cr_assert_not_null(o.filter);
    cr_expect_str_eq(o.filter, "tcp port 80");
    cr_expect(o.json);
    options_fini(&o);
    cr_assert_eq(parse(COMMAND_REPORT, "report|-|tcp port 80", &o), OPTIONS_RUN);
    cr_expect_eq(o.path_count, 1);
    cr_expect_str_eq(o.filter, "tcp port 80");
    options_fini(&o);
    /* neither a file nor a filter: a missing file */
    cr_assert_eq(parse(COMMAND_REPORT, "report|/no/such.pcap", &o), OPTIONS_RUN);
    cr_expect_eq(o.path_count, 1);
    cr_expect_null(o.filter);
    options_fini(&o);
}

Test(options, dashes_separate_explicitly)
{
    struct options o;
    cr_assert_eq(parse(COMMAND_REPORT, "report|tcp|--|port|80", &o), OPTIONS_RUN);
    cr_expect_eq(o.path_count, 1);
    cr_expect_str_eq(o.paths[0], "tcp");
    cr_expect_str_eq(o.filter, "port 80");
    options_fini(&o);
    /* no file before them: the usual meaning, what follows are no options */
    cr_assert_eq(parse(COMMAND_REPORT, "report|--json|--|-odd-name.pcap", &o), OPTIONS_RUN);
    cr_expect_str_eq(o.paths[0], "-odd-name.pcap");
    options_fini(&o);
    cr_assert_eq(parse(COMMAND_LIVE, "live|-ilo|--|port|80", &o), OPTIONS_RUN);
    cr_expect_str_eq(o.filter, "port 80");
    options_fini(&o);
}

Test(options, bad_command_lines_are_refused, .init = cr_redirect_stderr)
{
    expect_bad(COMMAND_REPORT, "report");
    expect_bad(COMMAND_REPORT, "report|tcp");
    expect_bad(COMMAND_REPORT, "report|-|--nonsense");
    expect_bad(COMMAND_REPORT, "report|-|-i|lo");
    expect_bad(COMMAND_REPORT, "report|-|--messages");
    expect_bad(COMMAND_REPORT, "report|-|--output");
    expect_bad(COMMAND_REPORT, "report|-|--perspective|observer");
    expect_bad(COMMAND_REPORT, "report|-|-f|tcp|udp");
    expect_bad(COMMAND_LIVE, "live");
    expect_bad(COMMAND_LIVE, "live|-i|lo|-f|tcp|udp");
    expect_bad(COMMAND_LIVE, "live|-i|lo|tcp|--|udp");
    expect_bad(COMMAND_INTERFACES, "interfaces|lo");
    expect_bad(COMMAND_INTERFACES, "interfaces|--|lo");
}

Test(options, bad_numbers_are_refused, .init = cr_redirect_stderr)
{
    static const char *const seconds[] = {"0", "-1",  "x",    "1x",  "nan", "inf",
                                          "",  "1e5", "0x10", "1 s", ".",   "99999999999"};
    static const char *const counts[] = {"0", "-1", "x", "1.5", "99999999999999999999999", " 1"};
    char line[64];
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        snprintf(line, sizeof line, "report|-|--window=%s", seconds[i]);
        expect_bad(COMMAND_REPORT, line);
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        snprintf(line, sizeof line, "live|-ilo|--count=%s", counts[i]);
        expect_bad(COMMAND_LIVE, line);
        snprintf(line, sizeof line, "report|-|--threads=%s", counts[i]);
        expect_bad(COMMAND_REPORT, line);
    }
    expect_bad(COMMAND_LIVE, "live|-ilo|--sockets=5");
}

Test(options, memory_in_units)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"33554432", 1 << 25}, {"32768k", 1 << 25}, {"1G", 1 << 30}, {"100m", 100 << 20}};
    static const char *const bad[] = {"",   "0",    "31M", "33554431", "64T",   "64MB",
                                      "-1", "1.5G", "M",   " 64M",     "0x64M", "99999999999G"};
    char line[64];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct options o;
        snprintf(line, sizeof line, "report|-|--memory-limit=%s", good[i].text);
        cr_assert_eq(parse(COMMAND_REPORT, line, &o), OPTIONS_RUN);
        cr_expect_eq(o.run.memory_bytes, good[i].bytes);
        options_fini(&o);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(line, sizeof line, "report|-|--memory-limit=%s", bad[i]);
        expect_bad(COMMAND_REPORT, line);
    }
}

Test(options, one_line_and_what_to_do, .init = cr_redirect_stderr)
{
    expect_bad(COMMAND_REPORT, "report|-|-x");
    fflush(stderr);
    cr_expect_stderr_eq_str("mcpmeter: report: -x: no such option: see mcpmeter report --help\n");
}

/* The text of a command's help; the caller frees it. */
static char *help_of(enum command command)
{
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    options_help_command(stream, command);
    fclose(stream);
    return text;
}

Test(options, help_names_every_option_and_fits)
{
    for (int c = 0; c < COMMAND_COUNT; c++) {
        char *text = help_of((enum command)c);
        char name[64];
        for (size_t i = 0; i < options_table_rows; i++) {
            const struct options_row *row = &options_table[i];
            snprintf(name, sizeof name, "--%s%s", row->name, row->value ? " " : "");
            bool listed = strstr(text, name) != NULL;
            cr_expect_eq(listed, (row->commands & 1u << c) != 0, "%s in %s", name,
                         options_command_name((enum command)c));
        }
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            cr_expect_leq(strlen(line), 80, "%s", line);
            cr_expect(*line && line[strlen(line) - 1] != ' ', "blank at the end: %s", line);
        }
        free(text);
    }
}

Test(options, table_is_sound)
{
    cr_assert_leq(options_table_rows, OPTIONS_MAX_ROWS);
    for (size_t i = 0; i < options_table_rows; i++)
        for (size_t k = i + 1; k < options_table_rows; k++) {
            cr_expect_str_neq(options_table[i].name, options_table[k].name);
            cr_expect(options_table[i].letter == 0 ||
                      options_table[i].letter != options_table[k].letter);
        }
}

Test(options, memory_shortage_is_an_error, .init = cr_redirect_stderr)
{
    struct options o;
    fail_alloc_at(1);
    enum options_result result = parse(COMMAND_REPORT, "report|-|tcp|port|80", &o);
    cr_expect(fail_alloc_stop());
    cr_expect_eq(result, OPTIONS_BAD);
}
