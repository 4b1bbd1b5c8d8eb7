/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/event_line.h"
#include "scene.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdlib.h>

#define CONNECTION                                                                                 \
    "\"connection\":{\"id\":5,\"client\":{\"ip\":\"10.0.0.1\",\"port\":4000},"                     \
    "\"server\":{\"ip\":\"10.0.0.2\",\"port\":80},"                                                \
    "\"community_id\":\"1:7ZhQSud9D8YGcE//fM9wM4/3mq8=\"}"

static struct conn conn;

static void setup(void)
{
    conn = scene_conn(5, 4000, 80);
}

TestSuite(event_line, .init = setup);

static void check(json_t *line, const char *want)
{
    char *text = event_line_text(line);
    cr_assert_not_null(text);
    cr_assert_str_eq(text, want);
    free(text);
    json_decref(line);
}

Test(event_line, time_is_rfc_3339)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.000000000Z"},
                 {-1, "1969-12-31T23:59:59.999999999Z"},
                 {INT64_C(1767323045000000006), "2026-01-02T03:04:05.000000006Z"},
                 {INT64_C(951782400999999999), "2000-02-29T00:00:00.999999999Z"},
                 {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
                 {INT64_MIN, "1677-09-21T00:12:43.145224192Z"}};
    char text[EVENT_LINE_TIME_BYTES];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_str_eq(event_line_time(cases[i].ns, text), cases[i].text);
}

Test(event_line, connection)
{
    conn.side[0] = (struct conn_counters){.packets = 3, .wire_bytes = 300, .payload_bytes = 100};
    conn.side[1] = (struct conn_counters){.packets = 2, .wire_bytes = 200, .payload_bytes = 50};
    struct event_connection e = {
        .event = CONN_EVENT_FAILED, .conn = &conn, .at = {.ts_ns = SCENE_START_NS + 1}};
    conn.failure = CONN_FAILURE_REFUSED;
    check(event_line_connection(&e),
          "{\"ts\":\"2023-11-14T22:13:20.000000001Z\",\"event\":\"connection\"," CONNECTION
          ",\"transport\":null,\"state\":\"failed\",\"reason\":\"refused\",\"midstream\":false,"
          "\"connection_time\":null,\"lifetime\":null,"
          "\"received\":{\"packets\":3,\"bytes\":300,\"payload_bytes\":100},"
          "\"sent\":{\"packets\":2,\"bytes\":200,\"payload_bytes\":50}}\n");
    conn.failure = CONN_FAILURE_NONE;
    conn.established_ns = conn.opened_ns + 1500000;
    conn.close = CONN_CLOSE_RESET;
    conn.closed_ns = conn.opened_ns + 2 * SCENE_S;
    e.event = CONN_EVENT_CLOSED;
    e.transport = TRANSPORT_HTTP1;
    check(event_line_perspective(event_line_connection(&e), PERSPECTIVE_CLIENT),
          "{\"ts\":\"2023-11-14T22:13:20.000000001Z\",\"event\":\"connection\"," CONNECTION
          ",\"transport\":\"http\",\"state\":\"closed\",\"reason\":\"reset\",\"midstream\":false,"
          "\"connection_time\":0.0015,\"lifetime\":2,"
          "\"received\":{\"packets\":2,\"bytes\":200,\"payload_bytes\":50},"
          "\"sent\":{\"packets\":3,\"bytes\":300,\"payload_bytes\":100}}\n");
}

Test(event_line, session)
{
    struct event_session e = {.event = SESSION_OPENED,
                              .origin = scene_origin(&conn, 4, ""),
                              .client_name = "probe",
                              .client_version = "",
                              .server_name = "",
                              .server_version = "",
                              .at = {.ts_ns = 0}};
    check(event_line_session(&e),
          "{\"ts\":\"1970-01-01T00:00:00.000000000Z\",\"event\":\"session\"," CONNECTION
          ",\"transport\":\"http\",\"session\":4,\"protocol_version\":null,\"state\":\"opened\","
          "\"client_info\":{\"name\":\"probe\",\"version\":null},\"server_info\":null,"
          "\"capabilities\":null}\n");
}

Test(event_line, capabilities)
{
    struct event_session e = {.origin = scene_origin(&conn, 1, ""),
                              .client_name = "",
                              .client_version = "",
                              .server_name = "",
                              .server_version = ""};
    static const struct {
        uint16_t client, server;
        const char *text;
    } cases[] = {
        {0, 0, "null}\n"},
        {CAPABILITY_DECLARED, 0, "{\"client\":[],\"server\":null}}\n"},
        {0, CAPABILITY_DECLARED | 1 << CAPABILITY_TOOLS | 1 << CAPABILITY_COMPLETIONS,
         "{\"client\":null,\"server\":[\"completions\",\"tools\"]}}\n"},
        {CAPABILITY_DECLARED | 1 << CAPABILITY_OTHER | 1 << CAPABILITY_ROOTS, CAPABILITY_DECLARED,
         "{\"client\":[\"roots\",\"other\"],\"server\":[]}}\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        e.client_capabilities = cases[i].client;
        e.server_capabilities = cases[i].server;
        json_t *line = event_line_session(&e);
        char *text = event_line_text(line);
        const char *found = strstr(text, "\"capabilities\":");
        cr_assert_not_null(found);
        cr_expect_str_eq(found + strlen("\"capabilities\":"), cases[i].text, "%zu", i);
        free(text);
        json_decref(line);
    }
}

Test(event_line, message)
{
    static const char text[] = "\"seven\"echo";
    struct message message = {.kind = MESSAGE_REQUEST, .dir = DIR_C2S, .bytes = 123};
    memcpy(message.text, text, sizeof(text));
    message.text_len[MESSAGE_TEXT_ID] = 7;
    message.text_off[MESSAGE_TEXT_NAME] = 7;
    message.text_len[MESSAGE_TEXT_NAME] = 4;
    struct event_message e = {.origin = scene_origin(&conn, 0, "2025-11-25"),
                              .message = &message,
                              .method = "tools/call",
                              .method_len = 10};
    check(event_line_message(&e),
          "{\"ts\":\"1970-01-01T00:00:00.000000000Z\",\"event\":\"message\"," CONNECTION
          ",\"transport\":\"http\",\"session\":null,\"protocol_version\":\"2025-11-25\","
          "\"direction\":\"received\",\"kind\":\"request\",\"method\":\"tools/call\","
          "\"id\":\"seven\",\"name\":\"echo\",\"bytes\":123,\"error_code\":null,"
          "\"orphan\":false,\"late\":false,\"redelivered\":false}\n");
    message.kind = MESSAGE_ERROR;
    message.dir = DIR_S2C;
    message.flags = MESSAGE_HAS_CODE;
    message.error_code = -32601;
    e.method = "?";
    e.method_len = 1;
    e.orphan = true;
    json_t *line = event_line_perspective(event_line_message(&e), PERSPECTIVE_CLIENT);
    cr_assert_str_eq(json_string_value(json_object_get(line, "direction")), "received");
    cr_assert(json_is_null(json_object_get(line, "method")));
    cr_assert_eq(json_integer_value(json_object_get(line, "error_code")), -32601);
    cr_assert(json_is_true(json_object_get(line, "orphan")));
    json_decref(line);
}

Test(event_line, exchange)
{
    struct event_exchange e = scene_exchange(&conn, "tools/call", "echo", EXCHANGE_TOOL_ERROR);
    e.http_status = 200;
    e.response_conn_id = 6;
    e.at.ts_ns = 0;
    check(event_line_exchange(&e),
          "{\"ts\":\"1970-01-01T00:00:00.000000000Z\",\"event\":\"exchange\"," CONNECTION
          ",\"transport\":\"http\",\"session\":1,\"protocol_version\":\"2025-11-25\","
          "\"method\":\"tools/call\",\"id\":7,\"name\":\"echo\",\"direction\":\"received\","
          "\"status\":\"tool_error\",\"error_code\":null,\"latency\":0.003,\"first_byte\":0.002,"
          "\"request_bytes\":50,\"response_bytes\":80,\"http_status\":200,"
          "\"response_connection\":6,\"resumed\":false}\n");
    struct event_exchange none = scene_exchange(&conn, "tools/call", NULL, EXCHANGE_UNANSWERED);
    json_t *line = event_line_exchange(&none);
    static const char *const nulls[] = {"name",           "latency",     "first_byte",
                                        "response_bytes", "http_status", "response_connection"};
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        cr_assert(json_is_null(json_object_get(line, nulls[i])), "%s", nulls[i]);
    json_decref(line);
}

Test(event_line, ids_are_json_where_they_can_be)
{
    static const struct {
        const char *id, *want;
    } cases[] = {{"7", "7"},
                 {"-9007199254740993", "-9007199254740993"},
                 {"\"a\\u00e9\"", "\"a\xc3\xa9\""},
                 {"null", "null"},
                 {"1.5", "1.5"},
                 {"\"cut", "\"\\\"cut\""},
                 {"99999999999999999999", "\"99999999999999999999\""},
                 {"\xff", "\"\xef\xbf\xbd\""},
                 {"[[[[", "\"[[[[\""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_exchange e = scene_exchange(&conn, "ping", NULL, EXCHANGE_RESULT);
        e.id = cases[i].id;
        e.id_len = strlen(cases[i].id);
        json_t *line = event_line_exchange(&e);
        char *text = event_line_text(json_object_get(line, "id"));
        cr_assert_eq(strncmp(text, cases[i].want, strlen(cases[i].want)), 0, "%s", text);
        free(text);
        json_decref(line);
    }
}

Test(event_line, operations_tell_what_they_know)
{
    struct event_operation e = {.origin = scene_origin(&conn, 1, "2026-07-28"),
                                .kind = OPERATION_MRTR,
                                .method = "tools/call",
                                .method_len = 10,
                                .name = "deploy",
                                .name_len = 6,
                                .status = OPERATION_COMPLETE,
                                .likely = true,
                                .legs = 3,
                                .timed = true,
                                .duration_ns = 3 * SCENE_MS,
                                .server_ns = SCENE_MS,
                                .outside_ns = 2 * SCENE_MS};
    json_t *line = event_line_operation(&e);
    cr_expect_str_eq(json_string_value(json_object_get(line, "kind")), "mrtr");
    cr_expect_str_eq(json_string_value(json_object_get(line, "certainty")), "likely");
    cr_expect_str_eq(json_string_value(json_object_get(line, "direction")), "received");
    cr_expect_eq(json_integer_value(json_object_get(line, "exchanges")), 3);
    cr_expect_eq(json_real_value(json_object_get(line, "outside_time")), 0.002);
    cr_expect(json_is_null(json_object_get(line, "creation_time")));
    cr_expect(json_is_null(json_object_get(line, "result_wait")));
    json_decref(line);
    e.kind = OPERATION_TASK;
    e.status = OPERATION_UNKNOWN;
    e.method = "?";
    e.method_len = 1;
    e.name = NULL;
    e.timed = false;
    line = event_line_operation(&e);
    cr_expect(json_is_null(json_object_get(line, "method")));
    cr_expect(json_is_null(json_object_get(line, "name")));
    cr_expect(json_is_null(json_object_get(line, "total_time")));
    cr_expect(json_is_null(json_object_get(line, "server_time")));
    cr_expect_str_eq(json_string_value(json_object_get(line, "status")), "unknown");
    json_decref(line);
    for (int i = 0; i < OPERATION_STATUS_COUNT; i++)
        cr_expect_neq(*event_operation_status_name((enum operation_status)i), '\0');
}

Test(event_line, reasons_are_all_named)
{
    for (int failure = 1; failure <= CONN_FAILURE_UNREACHABLE; failure++)
        cr_assert_neq(*event_line_reason((enum conn_failure)failure, CONN_CLOSE_FIN), '\0');
    for (int close = 1; close <= CONN_CLOSE_PRUNED; close++)
        cr_assert_neq(*event_line_reason(CONN_FAILURE_NONE, (enum conn_close)close), '\0');
    cr_assert_str_eq(event_line_reason(CONN_FAILURE_NONE, CONN_CLOSE_NONE), "");
}

static void *counted_malloc(size_t n)
{
    return malloc(n); /* wrapped: fails when told to */
}

Test(event_line, every_failing_allocation_gives_null_or_the_line)
{
    struct message message = {.kind = MESSAGE_REQUEST};
    struct event_message said = {.origin = scene_origin(&conn, 1, "x"),
                                 .message = &message,
                                 .method = "m\xff",
                                 .method_len = 2};
    struct event_exchange ended = scene_exchange(&conn, "tools/call", "a\xff", EXCHANGE_RESULT);
    struct event_connection c = {.event = CONN_EVENT_CLOSED, .conn = &conn};
    struct event_session s = {.origin = scene_origin(&conn, 1, "x"),
                              .client_name = "n",
                              .client_capabilities = CAPABILITY_DECLARED | 3,
                              .server_capabilities = CAPABILITY_DECLARED};
    struct event_operation o = {
        .origin = scene_origin(&conn, 1, "x"), .method = "?", .method_len = 1};
    json_set_alloc_funcs(counted_malloc, free);
    for (int which = 0; which < 5; which++) {
        for (uint64_t n = 1;; n++) {
            fail_alloc_at(n);
            json_t *line = which == 0   ? event_line_message(&said)
                           : which == 1 ? event_line_exchange(&ended)
                           : which == 2 ? event_line_connection(&c)
                           : which == 3 ? event_line_operation(&o)
                                        : event_line_session(&s);
            line = event_line_perspective(line, PERSPECTIVE_CLIENT);
            char *text = line ? event_line_text(line) : NULL;
            bool failed = fail_alloc_stop();
            if (!failed)
                cr_assert_not_null(text);
            free(text);
            json_decref(line);
            if (!failed)
                break;
        }
    }
    cr_assert_null(event_line_object(0, "interval", NULL));
}
