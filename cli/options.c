/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command-line options: the table, its reading with getopt_long, and the operands behind it. The
 * help text that is made from the table is in options_help.c.
 *
 * Where files end and a filter begins: behind `--` if files stand before it; else at the first
 * word that names no existing file and begins like a filter expression. A word that is neither is
 * taken for a file, so that a mistyped name is reported as missing and not as a bad filter.
 */
#include "options.h"
#include "base/limits.h"
#include "capture/source.h"
#include "message.h"
#include "options_table.h"
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S           1e9
#define DEFAULT_INTERVAL_S 5
#define LONGEST_S          (366.0 * 86400) /* far beyond any use, far below the end of int64_t */
#define SHORTEST_S         0.001
#define MOST_MESSAGE_TYPES 100000 /* about 10 MB of tables for every server */
#define MOST_THREADS       64
#define LARGEST_SNAP_BYTES 262144     /* what libpcap takes */
#define LARGEST_BUFFER_KIB (1u << 20) /* 1 GiB */
#define GETOPT_LONG_BASE   256        /* values of long options: beyond every letter */

const struct options_row options_table[] = {
    {OPTION_FILTER, 'f', "filter", "EXPR", COMMANDS_CAPTURE,
     "look at packets that match this filter (pcap-filter(7)) only"},
    {OPTION_PERSPECTIVE, 0, "perspective", "SIDE", COMMANDS_CAPTURE,
     "whose view \"received\" and \"sent\" take: server (default) or client"},
    {OPTION_MCP_ONLY, 0, "mcp-only", NULL, COMMANDS_CAPTURE,
     "count connections and bytes of servers that spoke MCP only"},
    {OPTION_CONNECTIONS, 0, "connections", NULL, COMMANDS_CAPTURE,
     "list the connections one by one, too"},
    {OPTION_MESSAGES, 0, "messages", NULL, COMMANDS_LINES, "a line for every message, too"},
    {OPTION_WINDOW, 0, "window", "SEC", COMMANDS_CAPTURE,
     "length of the sliding window of current and peak rates (default 1)"},
    {OPTION_REQUEST_TIMEOUT, 0, "request-timeout", "SEC", COMMANDS_CAPTURE,
     "a request without an answer for longer is unanswered (default 300)"},
    {OPTION_IDLE_TIMEOUT, 0, "idle-timeout", "SEC", COMMANDS_CAPTURE,
     "a connection silent for longer counts as closed (default 3600)"},
    {OPTION_MAX_MESSAGE_TYPES, 0, "max-message-types", "N", COMMANDS_CAPTURE,
     "message types with a row of their own, the rest are \"other\" (default 100)"},
    {OPTION_REQUIRE_COVERAGE, 0, "require-coverage", "PCT", COMMANDS_CAPTURE,
     "exit with 6 if less than PCT percent of the bytes that may be MCP were decoded"},
    {OPTION_MEMORY_LIMIT, 0, "memory-limit", "SIZE", COMMANDS_CAPTURE,
     "stay within so much memory, such as 64M: drop the oldest connections, sessions, requests"},
    {OPTION_THREADS, 0, "threads", "N", COMMANDS_CAPTURE,
     "threads to work with, or auto: as many as there are processors for (default auto)"},
    {OPTION_INTERFACE, 'i', "interface", "IFACE", COMMANDS_LIVE,
     "the interface to listen on; needed (see mcpmeter interfaces)"},
    {OPTION_INTERVAL, 'I', "interval", "SEC", COMMANDS_LIVE,
     "time between two tables of the current figures (default 5)"},
    {OPTION_DURATION, 0, "duration", "SEC", COMMANDS_LIVE, "stop after this time"},
    {OPTION_COUNT, 'c', "count", "N", COMMANDS_LIVE, "stop after this many packets"},
    {OPTION_SNAPSHOT_LENGTH, 's', "snapshot-length", "BYTES", COMMANDS_LIVE,
     "capture no more of each packet (default 262144)"},
    {OPTION_BUFFER_SIZE, 'B', "buffer-size", "KIB", COMMANDS_LIVE,
     "size of the kernel's capture buffer, of each socket (default 16384)"},
    {OPTION_SOCKETS, 0, "sockets", "N", COMMANDS_LIVE,
     "capture by N sockets, among which the kernel shares the connections out (default 1)"},
    {OPTION_PROMISCUOUS, 0, "promiscuous", NULL, COMMANDS_LIVE,
     "capture what is addressed to other hosts, too"},
    {OPTION_USER, 'Z', "user", "USER", COMMANDS_LIVE,
     "started as root: become USER once the interface is open (default: who called sudo, "
     "else nobody)"},
    {OPTION_JSON, 0, "json", NULL, COMMANDS_ALL, "machine-readable output"},
    {OPTION_OUTPUT, 'o', "output", "FILE", COMMANDS_ALL,
     "write the result to FILE instead of standard output"},
    {OPTION_QUIET, 'q', "quiet", NULL, COMMANDS_ALL,
     "no progress and no notes on standard error, errors only"},
    {OPTION_HELP, 'h', "help", NULL, COMMANDS_ALL, "print this help and exit"},
    {OPTION_VERSION, 'V', "version", NULL, COMMANDS_ALL,
     "print the versions of program and libraries and exit"},
};
const size_t options_table_rows = sizeof options_table / sizeof options_table[0];

/* ------------------------------------------------------------------------- values */

static bool bad_value(const struct options_row *row, const char *text, const char *wanted)
{
    message_error("--%s %s: not %s", row->name, text, wanted);
    return false;
}

static bool read_seconds(const struct options_row *row, const char *text, int64_t *ret_ns)
{
    char *end;
    double seconds = strtod(text, &end);
    /* Written so that "nan" fails too; hexadecimal and "inf" are no figures that people type. */
    if (*end != '\0' || end == text || strspn(text, "0123456789.") != strlen(text) ||
        !(seconds >= SHORTEST_S && seconds <= LONGEST_S))
        return bad_value(row, text, "a number of seconds from 0.001 to 31622400");
    *ret_ns = (int64_t)(seconds * NS_PER_S + 0.5);
    return true;
}

static bool read_number(const struct options_row *row, const char *text, uint64_t most,
                        uint64_t *ret_value)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "a whole number from 1 to %llu", (unsigned long long)most);
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0' || errno != 0 || value < 1 ||
        value > most)
        return bad_value(row, text, wanted);
    *ret_value = value;
    return true;
}

static bool read_number32(const struct options_row *row, const char *text, uint32_t most,
                          uint32_t *ret_value)
{
    uint64_t value;
    if (!read_number(row, text, most, &value))
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

static bool read_threads(const struct options_row *row, const char *text, uint32_t *ret_threads)
{
    *ret_threads = 0;
    return strcmp(text, "auto") == 0 || read_number32(row, text, MOST_THREADS, ret_threads);
}

/* A number of bytes, or of units of 1024: K, M, G. */
static bool read_memory(const struct options_row *row, const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    bool whole = *end == '\0' || (unit && end[1] == '\0');
    if (!isdigit((unsigned char)*text) || errno != 0 || !whole || value > UINT64_MAX >> shift ||
        value << shift < LIMITS_MEMORY_LEAST)
        return bad_value(row, text, "bytes, or a number with K, M or G; 32M or more");
    *ret_bytes = (uint64_t)value << shift;
    return true;
}

static bool read_percent(const struct options_row *row, const char *text, double *ret_percent)
{
    char *end;
    double percent = strtod(text, &end);
    if (*end != '\0' || end == text || strspn(text, "0123456789.") != strlen(text) ||
        !(percent >= 0 && percent <= 100))
        return bad_value(row, text, "a percentage from 0 to 100");
    *ret_percent = percent;
    return true;
}

static bool read_perspective(const struct options_row *row, const char *text, struct options *o)
{
    if (strcmp(text, "server") == 0)
        o->run.perspective = PERSPECTIVE_SERVER;
    else if (strcmp(text, "client") == 0)
        o->run.perspective = PERSPECTIVE_CLIENT;
    else
        return bad_value(row, text, "server or client");
    return true;
}

static bool set_filter(struct options *o, const char *text)
{
    free(o->filter);
    o->filter = strdup(text);
    if (!o->filter)
        message_error("out of memory");
    return o->filter != NULL;
}

static bool set_buffer(const struct options_row *row, const char *text, struct options *o)
{
    uint32_t kib;
    if (!read_number32(row, text, LARGEST_BUFFER_KIB, &kib))
        return false;
    /* libpcap takes an int of bytes. */
    uint64_t bytes = (uint64_t)kib * 1024;
    o->buffer_bytes = bytes > INT32_MAX ? INT32_MAX : (uint32_t)bytes;
    return true;
}

/* Sets one option. Help and version are seen to by the caller. */
static bool apply(struct options *o, const struct options_row *row, const char *value)
{
    switch (row->id) {
    case OPTION_FILTER:
        return set_filter(o, value);
    case OPTION_PERSPECTIVE:
        return read_perspective(row, value, o);
    case OPTION_MCP_ONLY:
        return o->run.mcp_only = true;
    case OPTION_CONNECTIONS:
        return o->connections = o->run.track_connections = true;
    case OPTION_MESSAGES:
        return o->messages = true;
    case OPTION_WINDOW:
        return read_seconds(row, value, &o->run.window_ns);
    case OPTION_REQUEST_TIMEOUT:
        return read_seconds(row, value, &o->run.request_timeout_ns);
    case OPTION_IDLE_TIMEOUT:
        return read_seconds(row, value, &o->run.idle_timeout_ns);
    case OPTION_MAX_MESSAGE_TYPES:
        return read_number32(row, value, MOST_MESSAGE_TYPES, &o->run.max_message_types);
    case OPTION_REQUIRE_COVERAGE:
        return read_percent(row, value, &o->require_coverage);
    case OPTION_MEMORY_LIMIT:
        return read_memory(row, value, &o->run.memory_bytes);
    case OPTION_THREADS:
        return read_threads(row, value, &o->run.threads);
    case OPTION_INTERFACE:
        o->interface = value;
        return true;
    case OPTION_INTERVAL:
        return read_seconds(row, value, &o->interval_ns);
    case OPTION_DURATION:
        return read_seconds(row, value, &o->duration_ns);
    case OPTION_COUNT:
        return read_number(row, value, UINT64_MAX, &o->count);
    case OPTION_SNAPSHOT_LENGTH:
        return read_number32(row, value, LARGEST_SNAP_BYTES, &o->snap_bytes);
    case OPTION_BUFFER_SIZE:
        return set_buffer(row, value, o);
    case OPTION_SOCKETS:
        return read_number32(row, value, SOURCE_LIVE_SOCKETS_MAX, &o->sockets);
    case OPTION_PROMISCUOUS:
        return o->promiscuous = true;
    case OPTION_USER:
        o->user = value;
        return true;
    case OPTION_JSON:
        return o->json = true;
    case OPTION_OUTPUT:
        o->output = value;
        return true;
    case OPTION_QUIET:
        return o->quiet = true;
    case OPTION_HELP:
    case OPTION_VERSION:
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------------- operands */

/* The words with blanks between them, as the filter. */
static bool join_filter(struct options *o, char **words, size_t count)
{
    if (o->filter) {
        message_error("%s: a second filter: give it with --filter or behind the files, not both",
                      words[0]);
        return false;
    }
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(words[i]) + 1;
    char *at = o->filter = malloc(bytes);
    if (!at) {
        message_error("out of memory");
        return false;
    }
    *at = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *at++ = ' ';
        at = stpcpy(at, words[i]);
    }
    return true;
}

static bool is_file(const char *word)
{
    return strcmp(word, "-") == 0 || access(word, F_OK) == 0;
}

/* Files and perhaps a filter. behind: the words after `--`, if files stood before it. */
static bool take_files(struct options *o, char **words, size_t count, char **behind,
                       size_t behind_count)
{
    size_t files = 0;
    if (behind_count > 0)
        files = count;
    while (files < count && (is_file(words[files]) || !source_looks_like_filter(words[files])))
        files++;
    o->paths = words;
    o->path_count = files;
    if (files == 0) {
        message_error("%s: no capture file named: try mcpmeter %s FILE (\"-\" reads standard "
                      "input)",
                      options_command_name(o->command), options_command_name(o->command));
        return false;
    }
    if (behind_count > 0)
        return join_filter(o, behind, behind_count);
    return files == count || join_filter(o, words + files, count - files);
}

static bool take_operands(struct options *o, char **words, size_t count, char **behind,
                          size_t behind_count)
{
    switch (o->command) {
    case COMMAND_REPORT:
    case COMMAND_REPLAY:
        if (count == 0) {
            words = behind;
            count = behind_count;
            behind_count = 0;
        }
        return take_files(o, words, count, behind, behind_count);
    case COMMAND_LIVE:
        if (!o->interface) {
            message_error("live: no interface named: give one with -i (mcpmeter interfaces lists "
                          "them)");
            return false;
        }
        return (count == 0 || join_filter(o, words, count)) &&
               (behind_count == 0 || join_filter(o, behind, behind_count));
    case COMMAND_INTERFACES:
        if (count + behind_count > 0) {
            message_error("interfaces: %s: takes no operands", count ? words[0] : behind[0]);
            return false;
        }
        return true;
    case COMMAND_COUNT:
        break;
    }
    return false;
}

/* ------------------------------------------------------------------------- getopt */

struct getopt_tables {
    char letters[2 + 2 * OPTIONS_MAX_ROWS];
    struct option names[OPTIONS_MAX_ROWS + 1];
};

static void make_tables(enum command command, struct getopt_tables *t)
{
    size_t letters = 0, names = 0;
    t->letters[letters++] = ':'; /* tell a missing value from an unknown option */
    for (size_t i = 0; i < options_table_rows; i++) {
        const struct options_row *row = &options_table[i];
        if (!(row->commands & 1u << command))
            continue;
        t->names[names++] = (struct option){row->name, row->value ? required_argument : no_argument,
                                            NULL, GETOPT_LONG_BASE + (int)i};
        if (row->letter) {
            t->letters[letters++] = row->letter;
            if (row->value)
                t->letters[letters++] = ':';
        }
    }
    t->letters[letters] = '\0';
    t->names[names] = (struct option){0};
}

static const struct options_row *row_of(int found)
{
    if (found >= GETOPT_LONG_BASE)
        return &options_table[found - GETOPT_LONG_BASE];
    for (size_t i = 0; i < options_table_rows; i++)
        if (options_table[i].letter == found)
            return &options_table[i];
    return NULL;
}

static void complain(enum command command, int found, char **argv)
{
    const char *name = options_command_name(command);
    const char *word = argv[optind - 1];
    /* A letter inside a cluster (-qx) is named alone; a long option as it was typed. */
    char letter[3] = {'-', (char)optopt, '\0'};
    if (optopt > 0 && optopt < GETOPT_LONG_BASE)
        word = letter;
    if (found == ':')
        message_error("%s: %s: needs a value: see mcpmeter %s --help", name, word, name);
    else if (optopt >= GETOPT_LONG_BASE)
        message_error("%s: %s: takes no value: see mcpmeter %s --help", name, word, name);
    else
        message_error("%s: %s: no such option: see mcpmeter %s --help", name, word, name);
}

/* Reads the options of argv[0 .. argc). */
static enum options_result read_options(struct options *o, int argc, char **argv)
{
    struct getopt_tables tables;
    make_tables(o->command, &tables);
    opterr = 0;
    optind = 0; /* glibc: start anew */
    for (int found; (found = getopt_long(argc, argv, tables.letters, tables.names, NULL)) != -1;) {
        const struct options_row *row = found == '?' || found == ':' ? NULL : row_of(found);
        if (!row) {
            complain(o->command, found, argv);
            return OPTIONS_BAD;
        }
        if (row->id == OPTION_HELP)
            return OPTIONS_HELP;
        if (row->id == OPTION_VERSION)
            return OPTIONS_VERSION;
        if (!apply(o, row, optarg))
            return OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}

enum options_result options_parse(enum command command, int argc, char **argv,
                                  struct options *ret_options)
{
    struct options o = {.command = command,
                        .interval_ns = (int64_t)(DEFAULT_INTERVAL_S * NS_PER_S)};
    int border = 1; /* index of `--`, or argc */
    while (border < argc && strcmp(argv[border], "--") != 0)
        border++;
    enum options_result result = read_options(&o, border, argv);
    int behind = border < argc ? border + 1 : argc;
    if (result == OPTIONS_RUN && !take_operands(&o, argv + optind, (size_t)(border - optind),
                                                argv + behind, (size_t)(argc - behind)))
        result = OPTIONS_BAD;
    if (result != OPTIONS_RUN) {
        options_fini(&o);
        return result;
    }
    message_be_quiet(o.quiet);
    *ret_options = o;
    return OPTIONS_RUN;
}

void options_fini(struct options *o)
{
    free(o->filter);
    o->filter = NULL;
}
