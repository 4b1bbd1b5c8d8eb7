/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/exit.h"
#include "cli/lines.h"
#include "cli/show.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

#define S        INT64_C(1000000000)
#define START_NS (INT64_C(1767323045) * S) /* 2026-01-02T03:04:05Z */

/* Lines that go to memory. */
struct sheet {
    struct output out;
    struct lines lines;
    char *text;
    size_t n;
};

static struct sheet sheet;

static void setup(void)
{
    show_setup();
    memset(&sheet, 0, sizeof sheet);
    sheet.out.file = open_memstream(&sheet.text, &sheet.n);
    lines_init(&sheet.lines, &sheet.out);
}

static void quiet_setup(void)
{
    cr_redirect_stderr();
    setup();
}

static void teardown(void)
{
    fclose(sheet.out.file);
    free(sheet.text);
}
TestSuite(lines, .init = setup, .fini = teardown);

static const char *written(void)
{
    fflush(sheet.out.file);
    return sheet.text;
}

static struct event_origin origin(void)
{
    return (struct event_origin){.conn_id = 1,
                                 .client = {.addr = {10, 0, 0, 1}, .port = 40000, .family = 4},
                                 .server = {.addr = {10, 0, 0, 2}, .port = 3000, .family = 4},
                                 .transport = TRANSPORT_HTTP1,
                                 .session = 1,
                                 .version = "2025-11-25"};
}

static struct event_exchange exchange(void)
{
    return (struct event_exchange){.origin = origin(),
                                   .method = "tools/call",
                                   .method_len = 10,
                                   .id = "7",
                                   .id_len = 1,
                                   .name = "echo",
                                   .name_len = 4,
                                   .dir = DIR_C2S,
                                   .status = EXCHANGE_RESULT,
                                   .answered = true,
                                   .latency_ns = 1230000,
                                   .request_bytes = 153,
                                   .response_bytes = 2048,
                                   .at = {.ts_ns = START_NS, .packet = 9}};
}

static void tell(const struct event_exchange *e)
{
    const struct event_sink *sink = lines_sink(&sheet.lines);
    sink->exchange(sink->ctx, e);
}

/* The line behind the titles and the date. */
static const char *last_line(void)
{
    const char *text = written();
    const char *end = text + strlen(text) - 1;
    while (end > text && end[-1] != '\n')
        end--;
    return end;
}

Test(lines, time_of_day)
{
    char text[LINES_TIME_BYTES];
    cr_expect_str_eq(lines_time(START_NS + 123456789, text), "03:04:05.123456");
    cr_expect_str_eq(lines_time(0, text), "00:00:00.000000");
    cr_expect_str_eq(lines_time(-1, text), "23:59:59.999999");
    lines_time(INT64_MAX, text);
    lines_time(INT64_MIN, text);
}

Test(lines, titles_once_and_a_date_for_each_day)
{
    struct event_exchange e = exchange();
    tell(&e);
    tell(&e);
    e.at.ts_ns += 86400 * S;
    tell(&e);
    const char *text = written();
    cr_expect(strncmp(text, "TIME (UTC)", 10) == 0, "%s", text);
    cr_expect_null(strstr(text + 1, "TIME"));
    const char *first = strstr(text, "-- 2026-01-02\n");
    cr_assert_not_null(first);
    cr_expect_null(strstr(first + 1, "-- 2026-01-02\n"));
    cr_expect(strstr(first, "-- 2026-01-03\n"));
}

Test(lines, exchange_with_all_figures)
{
    struct event_exchange e = exchange();
    tell(&e);
    cr_expect_str_eq(last_line(), "03:04:05.000000  10.0.0.1:40000        > 10.0.0.2:3000          "
                                  "result          1.23 ms    153 B  2.05 kB  tools/call echo\n");
}

Test(lines, exchange_status_says_what_happened)
{
    struct event_exchange e = exchange();
    e.status = EXCHANGE_ERROR;
    e.has_code = true;
    e.error_code = -32602;
    tell(&e);
    cr_expect(strstr(last_line(), " error -32602 "), "%s", last_line());
    e.has_code = false;
    e.http_status = 404;
    tell(&e);
    cr_expect(strstr(last_line(), " http 404 "), "%s", last_line());
    e.status = EXCHANGE_UNANSWERED;
    e.answered = false;
    e.name = NULL;
    tell(&e);
    cr_expect(strstr(last_line(), " unanswered            -    153 B        -  tools/call\n"), "%s",
              last_line());
    e.dir = DIR_S2C;
    tell(&e);
    cr_expect(strstr(last_line(), "10.0.0.1:40000        < 10.0.0.2:3000"), "%s", last_line());
}

Test(lines, names_are_escaped)
{
    struct event_exchange e = exchange();
    e.name = "\033[2J\n";
    e.name_len = 5;
    e.method = "a\rb";
    e.method_len = 3;
    tell(&e);
    cr_expect(strstr(last_line(), "  a\\rb \\x1b[2J\\n\n"), "%s", last_line());
}

static void tell_connection(struct conn *c, enum conn_event event)
{
    const struct event_sink *sink = lines_sink(&sheet.lines);
    struct event_connection e = {.event = event, .conn = c, .at = {.ts_ns = START_NS}};
    sink->connection(sink->ctx, &e);
}

Test(lines, connections_when_asked_for)
{
    struct event_origin o = origin();
    struct conn c = {.id = 1,
                     .endpoint = {o.client, o.server},
                     .opened_ns = START_NS,
                     .established_ns = START_NS + 45000,
                     .closed_ns = START_NS + 2 * S,
                     .close = CONN_CLOSE_RESET};
    tell_connection(&c, CONN_EVENT_ESTABLISHED);
    cr_expect_str_eq(written(), "");
    sheet.lines.connections = true;
    tell_connection(&c, CONN_EVENT_OPENED);
    tell_connection(&c, CONN_EVENT_GONE);
    cr_expect_str_eq(written(), "");
    tell_connection(&c, CONN_EVENT_ESTABLISHED);
    cr_expect(strstr(last_line(), "  connected       45.0 us"), "%s", last_line());
    tell_connection(&c, CONN_EVENT_CLOSED);
    cr_expect(strstr(last_line(), "  closed           2.00 s      0 B      0 B  connection: reset"),
              "%s", last_line());
    c.failure = CONN_FAILURE_TIMED_OUT;
    tell_connection(&c, CONN_EVENT_FAILED);
    cr_expect(strstr(last_line(), "  not connected "), "%s", last_line());
    cr_expect(strstr(last_line(), "connection: timed_out\n"), "%s", last_line());
}

Test(lines, json_is_one_object_a_line)
{
    struct event_exchange e = exchange();
    struct event_origin o = origin();
    struct conn c = {.id = 1, .endpoint = {o.client, o.server}};
    sheet.lines.json = true;
    tell(&e);
    tell_connection(&c, CONN_EVENT_OPENED);
    tell_connection(&c, CONN_EVENT_GONE);
    int lines = 0;
    (void)written();
    for (char *line = strtok(sheet.text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        json_t *object = json_loads(line, 0, NULL);
        cr_expect(json_is_object(object), "%s", line);
        cr_expect_str_eq(json_string_value(json_object_get(object, "event")),
                         lines == 0 ? "exchange" : "connection");
        json_decref(object);
    }
    cr_expect_eq(lines, 2);
}

Test(lines, perspective_turns_json)
{
    struct event_exchange e = exchange();
    sheet.lines.json = true;
    sheet.lines.perspective = PERSPECTIVE_CLIENT;
    tell(&e);
    cr_expect(strstr(written(), "\"sent\""), "%s", written());
    cr_expect_null(strstr(written(), "\"received\""));
}

Test(lines, memory_shortage_stops_the_lines)
{
    struct event_exchange e = exchange();
    sheet.lines.json = true;
    tell(&e); /* what the stream allocates once is there now */
    for (uint64_t n = 1;; n++) {
        (void)written();
        fail_alloc_at(n);
        tell(&e);
        bool failed = fail_alloc_stop();
        cr_expect_eq(sheet.lines.no_memory, sheet.lines.failed);
        if (!failed)
            break;
        sheet.lines.failed = sheet.lines.no_memory = false;
        cr_assert_lt(n, 1000);
    }
    cr_expect_not(sheet.lines.failed);
}

Test(lines, a_failed_output_stops_the_lines, .init = quiet_setup)
{
    struct event_exchange e = exchange();
    struct output full;
    cr_assert_eq(output_open(&full, "/dev/full", true), 0);
    sheet.lines.out = &full;
    tell(&e);
    cr_expect(sheet.lines.failed);
    cr_expect_not(sheet.lines.no_memory);
    tell(&e);
    cr_expect_neq(full.error, 0);
    cr_expect_eq(output_close(&full), EXIT_FAILED);
}
