/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"
#include "cli/render.h"
#include "cli/render_json.h"
#include "cli/show.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void setup(void)
{
    show_setup();
    unsetenv("COLUMNS");
}
TestSuite(render, .init = setup);

#define LATENCY(ms)                                                                                \
    "{'count': 7, 'avg': " #ms "e-3, 'p50': " #ms "e-3, 'p95': " #ms "e-3, 'p99': " #ms            \
    "e-3, 'max': " #ms "e-3}"

static const char full[] =
    "{'report': 'mcpmeter.report/1', 'capture': {'source': 'file', 'inputs': ['a.pcap'],"
    " 'interface': null, 'filter': null, 'link_types': ['EN10MB'],"
    " 'first_packet': '2026-01-02T03:04:05.123456789Z',"
    " 'last_packet': '2026-01-02T03:04:15.123456789Z', 'duration': 10.0,"
    " 'packets': 100, 'bytes': 12345, 'packets_dropped': 3, 'packets_truncated': 0,"
    " 'packets_undecoded': {'not_ip': 2}},"
    " 'connection_metrics': {'active_connections': 1, 'connection_attempts': 11,"
    " 'successful_connections': 9, 'failed_connections': 2, 'error_rate': 18.2,"
    " 'failures': {'refused': 2, 'timed_out': 0}, 'avg_connection_lifetime': null,"
    " 'connection_time': " LATENCY(
        1.5) "},"
             " 'bandwidth_metrics': {'bytes_received': 1000, 'bytes_transmitted': 2000,"
             " 'avg_rx_rate': 100, 'avg_tx_rate': null},"
             " 'protocol_metrics': {'protocol_versions': {'2025-11-25': 1}, 'sessions': 1,"
             " 'messages': [{'type': 'tools/call', 'kind': 'request', 'direction': 'received',"
             "   'count': 7, 'bytes': 700}],"
             " 'message_latency': {'tools/call': " LATENCY(
                 2.5) "},"
                      " 'tools': [{'name': 'x\\u001b[31m', 'calls': 7, 'results': 6, "
                      "'tool_errors': 1, 'errors': 0,"
                      "   'unanswered': 0, 'latency': " LATENCY(
                          2.5) "}],"
                               " 'protocol_errors': {'jsonrpc:-32602': 4}, 'exchanges': {'total': "
                               "7, 'result': 7}},"
                               " 'servers': [{'endpoint': '127.0.0.1:3001'}]}";

/* JSON with single quotes. */
static json_t *parse(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t error;
    json_t *value = json_loads(copy, 0, &error);
    cr_assert(value, "%s", error.text);
    free(copy);
    return value;
}

static char *rendered(const json_t *report, size_t width)
{
    struct render_style style = {.width = width};
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    cr_expect_eq(render_report(stream, report, &style), 0);
    fclose(stream);
    return text;
}

static void expect_in(const char *text, const char *wanted)
{
    cr_expect(strstr(text, wanted), "\"%s\" is not in:\n%s", wanted, text);
}

Test(render, shows_what_the_report_holds)
{
    json_t *report = parse(full);
    char *text = rendered(report, 80);
    expect_in(text, "a.pcap");
    expect_in(text, "2026-01-02 03:04:05.123456 to 03:04:15.123456, 10.0 s");
    expect_in(text, "100 (12.3 kB), EN10MB");
    expect_in(text, "not_ip: 2");
    expect_in(text, "dropped        3");
    expect_in(text, "refused: 2\n");
    expect_in(text, "avg 1.50 ms, p50 1.50 ms");
    expect_in(text, "2025-11-25: 1");
    expect_in(text, "2.50 ms");
    expect_in(text, "jsonrpc:-32602      4");
    expect_in(text, "127.0.0.1:3001");
    cr_expect_null(strstr(text, "No MCP"));
    cr_expect_null(strstr(text, "lifetime"), "null must not be shown");
    cr_expect_null(strstr(text, "nan"));
    free(text);
    json_decref(report);
}

Test(render, is_safe_and_fits_the_terminal)
{
    json_t *report = parse(full);
    char *text = rendered(report, 80);
    cr_expect_null(strchr(text, '\033'));
    expect_in(text, "x\\x1b[31m");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_expect_leq(show_columns(line), 80, "%s", line);
    free(text);
    json_decref(report);
}

Test(render, long_lines_of_counts_are_wrapped)
{
    json_t *report =
        parse("{'capture': {'packets': 5, 'bytes': 300, 'inputs': ['a', 'b', 'c'],"
              " 'limits_hit': {'aaaaaaaaaaaaaaaaaaaaaaaaaaaa': 1, 'bbbbbbbbbbbbbbbbbbbbbbb': 22,"
              " 'c': 3, 'dddddddddddddddddddd': 4, 'zero': 0, 'e': 123456}}}");
    char *text = rendered(report, 80);
    expect_in(text, "input          a, b, c\n");
    expect_in(text, "limits hit     aaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1, bbbbbbbbbbbbbbbbbbbbbbb: 22,\n"
                    "                 c: 3, dddddddddddddddddddd: 4, e: 123456\n");
    free(text);
    json_array_append_new(json_object_get(json_object_get(report, "capture"), "inputs"),
                          json_string("x\033"));
    text = rendered(report, 80);
    expect_in(text, "input          4 files: a ... x\\x1b\n");
    free(text);
    json_decref(report);
}

Test(render, says_when_there_is_nothing)
{
    json_t *report = parse("{'capture': {'packets': 0, 'bytes': 0, 'filter': null}}");
    char *text = rendered(report, 80);
    expect_in(text, "\nNo packets.\n");
    free(text);
    json_decref(report);
    report = parse("{'capture': {'packets': 0, 'bytes': 0, 'filter': 'udp'}}");
    text = rendered(report, 80);
    expect_in(text, "No packet matched the filter.");
    free(text);
    json_decref(report);
    report = parse("{'capture': {'packets': 5, 'bytes': 300}, 'connection_metrics': {},"
                   " 'protocol_metrics': {'messages': [], 'sessions': 0}}");
    text = rendered(report, 80);
    expect_in(text, "No MCP traffic was recognised.");
    cr_expect_null(strstr(text, "PROTOCOL"));
    free(text);
    json_decref(report);
}

/* A member of another type than expected, or none at all, is shown as unknown and nothing worse. */
Test(render, survives_any_object)
{
    static const char *const odd[] = {
        "{}", "{'capture': []}", "{'capture': {'packets': 'x', 'inputs': [1, null]}}",
        "{'capture': {'packets': 1, 'first_packet': '', 'last_packet': 5},"
        " 'protocol_metrics': {'messages': [1, {}], 'tools': [[]], 'protocol_errors': {'a': null},"
        " 'message_latency': {'a': 1}, 'transports': {'http': 3}, 'exchanges': {'total': null}},"
        " 'servers': [null, 3], 'connections': [null]}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        json_t *report = parse(odd[i]);
        free(rendered(report, 80));
        json_decref(report);
    }
}

Test(render, width_comes_from_the_environment)
{
    struct render_style style;
    FILE *file = tmpfile();
    render_style_init(&style, fileno(file));
    cr_expect_eq(style.width, 80);
    cr_expect_not(style.bold);
    setenv("COLUMNS", "132", 1);
    render_style_init(&style, fileno(file));
    cr_expect_eq(style.width, 132);
    setenv("COLUMNS", "20", 1);
    render_style_init(&style, fileno(file));
    cr_expect_eq(style.width, 80);
    setenv("COLUMNS", "nonsense", 1);
    render_style_init(&style, fileno(file));
    cr_expect_eq(style.width, 80);
    fclose(file);
}

Test(render, json_paths)
{
    json_t *o = parse("{'a': {'b': {'c': 5, 's': 'x', 'n': null}}}");
    cr_expect_eq(render_json_number(o, "a.b.c"), 5);
    cr_expect(isnan(render_json_number(o, "a.b.n")));
    cr_expect(isnan(render_json_number(o, "a.x.c")));
    cr_expect(isnan(render_json_number(NULL, "a")));
    cr_expect_str_eq(render_json_string(o, "a.b.s"), "x");
    cr_expect_str_eq(render_json_string(o, "a.b.c"), "");
    json_decref(o);
}

Test(render, memory_shortage_is_told)
{
    json_t *report = parse(full);
    struct render_style style = {.width = 80};
    FILE *null = fopen("/dev/null", "w");
    cr_assert_not_null(null);
    cr_assert_eq(render_report(null, report, &style), 0); /* the stream has its buffer now */
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        int result = render_report(null, report, &style);
        if (!fail_alloc_stop()) {
            cr_expect_eq(result, 0);
            break;
        }
        cr_expect_eq(result, ERR_NOMEM, "allocation %llu", (unsigned long long)n);
        cr_assert_lt(n, 1000);
    }
    fclose(null);
    json_decref(report);
}
