/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/report.h"
#include "scene.h"
#include "schema.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdlib.h>

static struct limits_hit hit;
static struct monitor *m;

static const char *const link_types[] = {"EN10MB"};
static const char *const inputs[] = {"a.pcap", "bad\xff.pcap"};
static const char *const cut[] = {"a.pcap ends inside a record"};
static const struct report_undecoded undecoded[] = {{"not_ip", 4}};

static struct report_capture capture(void)
{
    return (struct report_capture){.version = "1.2.3",
                                   .inputs = inputs,
                                   .input_count = 2,
                                   .link_types = link_types,
                                   .link_type_count = 1,
                                   .first_ns = SCENE_START_NS,
                                   .last_ns = SCENE_START_NS + 2 * SCENE_S,
                                   .packets = 20,
                                   .bytes = 3000,
                                   .undecoded = undecoded,
                                   .undecoded_count = 1,
                                   .cut_inputs = cut,
                                   .cut_input_count = 1,
                                   .hit = &hit};
}

static void start(struct monitor_config config)
{
    m = monitor_new(&config, &hit);
    cr_assert_not_null(m);
}

static void teardown(void)
{
    monitor_free(m);
}

TestSuite(report, .fini = teardown);

static void story(void)
{
    struct conn a = scene_conn(1, 4000, 3000), b = scene_conn(2, 4001, 80), c = b;
    scene_open(m, &a);
    scene_session(m, &a, SESSION_OPENED, 1, "");
    scene_session(m, &a, SESSION_UPDATED, 1, "2025-11-25");
    scene_packet(m, &a, DIR_C2S, 166, 100, 2 * SCENE_MS);
    scene_message(m, &a, MESSAGE_REQUEST, DIR_C2S, "tools/call", "");
    scene_packet(m, &a, DIR_S2C, 266, 200, 3 * SCENE_MS);
    scene_message(m, &a, MESSAGE_RESULT, DIR_S2C, "tools/call", "");
    scene_message(m, &a, MESSAGE_RESULT, DIR_S2C, "tools/call", "r");
    scene_message(m, &a, MESSAGE_ERROR, DIR_S2C, "?", "o");
    scene_message(m, &a, MESSAGE_REQUEST, DIR_S2C, "sampling/createMessage", "");
    static const enum exchange_status statuses[] = {EXCHANGE_RESULT, EXCHANGE_TOOL_ERROR,
                                                    EXCHANGE_UNANSWERED};
    for (size_t i = 0; i < 3; i++) {
        struct event_exchange e = scene_exchange(&a, "tools/call", "echo", statuses[i]);
        scene_ended(m, &e);
    }
    struct event_exchange e = scene_exchange(&a, "tools/call", NULL, EXCHANGE_ERROR);
    scene_ended(m, &e);
    e = scene_exchange(&a, "resources/read", "file:///\xff", EXCHANGE_RESULT);
    scene_ended(m, &e);
    scene_finding(m, &a, "http:404");
    scene_open(m, &b);
    c.id = 3;
    scene_event(m, &c, CONN_EVENT_OPENED, 0);
    scene_packet(m, &c, DIR_C2S, 74, 0, SCENE_MS);
    c.failure = CONN_FAILURE_REFUSED;
    c.state = CONN_SHUT;
    scene_event(m, &c, CONN_EVENT_FAILED, 2 * SCENE_MS);
    scene_event(m, &c, CONN_EVENT_GONE, 2 * SCENE_MS);
    scene_event(m, &b, CONN_EVENT_GONE, 2 * SCENE_S);
    scene_close(m, &a, CONN_CLOSE_FIN, 2 * SCENE_S);
}

static json_t *at(const json_t *value, const char *path)
{
    char name[64];
    while (value && *path) {
        size_t n = strcspn(path, "/");
        snprintf(name, sizeof(name), "%.*s", (int)n, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(name))
                                     : json_object_get(value, name);
        path += n + (path[n] == '/');
    }
    cr_assert_not_null(value, "%s", path);
    return (json_t *)(uintptr_t)value;
}

static void check_keys(const json_t *object, const char *want)
{
    char got[2048] = "";
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        strcat(got, *got ? " " : "");
        strcat(got, key);
    }
    cr_assert_str_eq(got, want);
}

#define LATENCY_KEYS "count avg min max stddev p50 p90 p95 p99 p999"
#define CONNECTION_KEYS                                                                            \
    "active_connections connection_attempts successful_connections failed_connections "            \
    "avg_connection_time error_rate pending_connections midstream_connections "                    \
    "peak_active_connections failures closed avg_connection_lifetime connection_time "             \
    "retransmitted_packets out_of_order_packets lost_bytes overlap_conflicts truncated_bytes "     \
    "abandoned_connections"
#define BANDWIDTH_KEYS                                                                             \
    "bytes_received bytes_transmitted current_rx_rate current_tx_rate avg_rx_rate avg_tx_rate "    \
    "peak_rx_rate peak_tx_rate window payload_bytes_received payload_bytes_transmitted "           \
    "packets_received packets_transmitted"
#define PROTOCOL_KEYS                                                                              \
    "protocol_version protocol_versions messages_received messages_sent protocol_errors "          \
    "message_latency first_byte messages exchanges tools resources prompts transports sessions "   \
    "orphan_responses duplicate_responses incomplete_messages late_responses operations"

Test(report, keys_come_in_the_order_of_the_contract)
{
    start((struct monitor_config){.track_connections = true});
    story();
    struct report_capture c = capture();
    json_t *report = report_build(m, &c);
    static const struct {
        const char *path, *keys;
    } cases[] = {
        {"", "report generator capture coverage connection_metrics bandwidth_metrics "
             "protocol_metrics servers connections"},
        {"generator", "name version"},
        {"coverage", "percent bytes connections"},
        {"coverage/bytes", "mcp other encrypted lost undecodable ambiguous"},
        {"servers/0/coverage/connections", "mcp other encrypted lost undecodable ambiguous"},
        {"capture", "source inputs interface filter link_types first_packet last_packet duration "
                    "packets bytes packets_dropped packets_truncated packets_undecoded sampling "
                    "detail_level cut_inputs limits_hit"},
        {"connection_metrics", CONNECTION_KEYS},
        {"connection_metrics/failures", "refused timed_out reset_in_handshake unreachable"},
        {"connection_metrics/closed", "fin reset idle pruned"},
        {"connection_metrics/connection_time", LATENCY_KEYS},
        {"bandwidth_metrics", BANDWIDTH_KEYS},
        {"protocol_metrics", PROTOCOL_KEYS},
        {"protocol_metrics/exchanges",
         "total result error tool_error cancelled input_required unanswered lost pending "
         "acknowledged"},
        {"protocol_metrics/messages/0", "type kind direction count bytes"},
        {"protocol_metrics/tools/0",
         "name calls results tool_errors errors unanswered latency request_bytes response_bytes "
         "cancelled input_required lost pending"},
        {"protocol_metrics/transports/http", "connections messages"},
        {"servers/0", "endpoint transports server_info protocol_versions coverage "
                      "connection_metrics bandwidth_metrics protocol_metrics"},
        {"servers/1/connection_metrics", CONNECTION_KEYS},
        {"servers/1/bandwidth_metrics", BANDWIDTH_KEYS},
        {"servers/1/protocol_metrics", PROTOCOL_KEYS},
        {"connections/0", "id client server community_id transport state reason midstream opened "
                          "established closed last_packet connection_time lifetime received sent "
                          "messages_received messages_sent"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_keys(at(report, cases[i].path), cases[i].keys);
    json_decref(report);
}

static json_t *load_schema(void)
{
    char path[512];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof(path), "%.*s/../../docs/report.schema.json", (int)(slash - __FILE__),
             __FILE__);
    json_t *schema = json_load_file(path, 0, NULL);
    cr_assert_not_null(schema, "%s", path);
    return schema;
}

static void check_schema(const json_t *schema, const json_t *report)
{
    struct schema s = {.root = schema, .strict = true};
    bool fits = schema_check(&s, schema, report, "");
    cr_assert(fits, "%s", s.error);
}

Test(report, conforms_to_its_schema)
{
    json_t *schema = load_schema();
    struct report_capture c = capture();
    start((struct monitor_config){.track_connections = true});
    json_t *empty = report_build(m, &c);
    check_schema(schema, empty);
    story();
    json_t *report = report_build(m, &c);
    check_schema(schema, report);
    /* what is read back from the text is the same report */
    char *text = document_text(report, true);
    json_t *again = json_loads(text, 0, NULL);
    check_schema(schema, again);
    /* and the check can fail */
    struct schema s = {.root = schema, .strict = true};
    json_object_set_new(at(again, "connection_metrics"), "lost_bytes", json_string("many"));
    cr_assert_not(schema_check(&s, schema, again, ""));
    json_object_del(empty, "servers");
    cr_assert_not(schema_check(&s, schema, empty, ""));
    json_object_set_new(report, "extra", json_true());
    cr_assert_not(schema_check(&s, schema, report, ""));
    free(text);
    json_decref(again);
    json_decref(empty);
    json_decref(report);
    json_decref(schema);
}

Test(report, what_cannot_be_known_is_null)
{
    struct report_capture c = {.version = "1"};
    start((struct monitor_config){0});
    json_t *report = report_build(m, &c);
    static const char *const nulls[] = {"capture/interface",
                                        "capture/filter",
                                        "capture/first_packet",
                                        "capture/last_packet",
                                        "capture/duration",
                                        "capture/packets_dropped",
                                        "connection_metrics/avg_connection_time",
                                        "connection_metrics/error_rate",
                                        "connection_metrics/avg_connection_lifetime",
                                        "connection_metrics/connection_time/avg",
                                        "connection_metrics/connection_time/stddev",
                                        "connection_metrics/connection_time/p999",
                                        "bandwidth_metrics/current_rx_rate",
                                        "bandwidth_metrics/avg_tx_rate",
                                        "bandwidth_metrics/peak_rx_rate",
                                        "protocol_metrics/protocol_version"};
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        cr_assert(json_is_null(at(report, nulls[i])), "%s", nulls[i]);
    cr_assert_eq(json_integer_value(at(report, "connection_metrics/lost_bytes")), 0);
    cr_assert_null(json_object_get(report, "connections"), "a table that is off is absent");
    json_decref(report);
    c.packets = 1; /* one packet: known when, but no time passed */
    c.first_ns = c.last_ns = 5;
    c.dropped_known = true;
    report = report_build(m, &c);
    cr_assert(json_is_null(at(report, "bandwidth_metrics/avg_rx_rate")));
    cr_assert_eq(json_real_value(at(report, "capture/duration")), 0);
    cr_assert_eq(json_integer_value(at(report, "capture/packets_dropped")), 0);
    json_decref(report);
}

static void check_number(const json_t *report, const char *path, double want)
{
    double got = json_number_value(at(report, path));
    cr_assert_float_eq(got, want, 1e-9, "%s is %.10f", path, got);
}

Test(report, figures)
{
    start((struct monitor_config){.track_connections = true});
    story();
    struct report_capture c = capture();
    json_t *r = report_build(m, &c);
    check_number(r, "connection_metrics/connection_attempts", 3);
    check_number(r, "connection_metrics/successful_connections", 2);
    check_number(r, "connection_metrics/error_rate", 100.0 / 3);
    check_number(r, "connection_metrics/active_connections", 1);
    check_number(r, "connection_metrics/avg_connection_time", 0.001);
    check_number(r, "connection_metrics/connection_time/p50", 0.001);
    check_number(r, "connection_metrics/avg_connection_lifetime", 2);
    check_number(r, "bandwidth_metrics/bytes_received", 74 + 66 + 166 + 74 + 66 + 74);
    check_number(r, "bandwidth_metrics/bytes_transmitted", 74 + 266 + 74);
    check_number(r, "bandwidth_metrics/avg_tx_rate", 207);
    check_number(r, "bandwidth_metrics/window", 1);
    check_number(r, "bandwidth_metrics/payload_bytes_received", 100);
    cr_assert_str_eq(json_string_value(at(r, "protocol_metrics/protocol_version")), "2025-11-25");
    check_number(r, "protocol_metrics/protocol_versions/2025-11-25", 1);
    json_decref(r);
}

Test(report, maps_lists_and_names)
{
    start((struct monitor_config){0});
    story();
    struct report_capture c = capture();
    json_t *r = report_build(m, &c);
    json_t *received = at(r, "protocol_metrics/messages_received");
    json_t *sent = at(r, "protocol_metrics/messages_sent");
    check_keys(received, "tools/call");
    check_keys(sent, "?:error sampling/createMessage tools/call:result");
    cr_assert_eq(json_integer_value(json_object_get(sent, "tools/call:result")), 1);
    check_keys(at(r, "protocol_metrics/message_latency"), "resources/read tools/call");
    check_number(r, "protocol_metrics/exchanges/total", 5);
    check_number(r, "protocol_metrics/duplicate_responses", 1);
    check_number(r, "protocol_metrics/orphan_responses", 1);
    json_t *tools = at(r, "protocol_metrics/tools");
    cr_assert_eq(json_array_size(tools), 2);
    cr_assert(json_is_null(at(tools, "0/name")));
    check_number(tools, "0/errors", 1);
    cr_assert_str_eq(json_string_value(at(tools, "1/name")), "echo");
    check_number(tools, "1/calls", 3);
    check_number(tools, "1/tool_errors", 1);
    check_number(tools, "1/unanswered", 1);
    check_number(tools, "1/latency/count", 2);
    check_number(tools, "1/latency/max", 0.003);
    cr_assert_str_eq(json_string_value(at(r, "protocol_metrics/resources/0/name")),
                     "file:///\xef\xbf\xbd");
    cr_assert_eq(json_array_size(at(r, "servers")), 2);
    cr_assert_str_eq(json_string_value(at(r, "servers/0/endpoint")), "10.0.0.2:80");
    cr_assert(json_is_null(at(r, "servers/0/server_info")));
    cr_assert_str_eq(json_string_value(at(r, "servers/1/server_info/name")), "everything");
    cr_assert_str_eq(json_string_value(at(r, "capture/inputs/1")), "bad\xef\xbf\xbd.pcap");
    json_decref(r);
}

Test(report, the_clients_perspective_turns_everything_around)
{
    json_t *r[2];
    for (int i = 0; i < 2; i++) {
        struct report_capture c = capture();
        start((struct monitor_config){.perspective = i ? PERSPECTIVE_CLIENT : PERSPECTIVE_SERVER,
                                      .track_connections = true});
        story();
        r[i] = report_build(m, &c);
        monitor_free(m);
        m = NULL;
    }
    static const char *const pairs[][2] = {
        {"bandwidth_metrics/bytes_received", "bandwidth_metrics/bytes_transmitted"},
        {"bandwidth_metrics/payload_bytes_received", "bandwidth_metrics/payload_bytes_transmitted"},
        {"bandwidth_metrics/peak_rx_rate", "bandwidth_metrics/peak_tx_rate"},
        {"bandwidth_metrics/avg_rx_rate", "bandwidth_metrics/avg_tx_rate"},
        {"protocol_metrics/messages_received", "protocol_metrics/messages_sent"},
        {"servers/1/bandwidth_metrics/bytes_received",
         "servers/1/bandwidth_metrics/bytes_transmitted"},
        {"connections/0/received", "connections/0/sent"},
        {"connections/0/messages_received", "connections/0/messages_sent"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        cr_assert(json_equal(at(r[0], pairs[i][0]), at(r[1], pairs[i][1])), "%s", pairs[i][0]);
        cr_assert(json_equal(at(r[0], pairs[i][1]), at(r[1], pairs[i][0])), "%s", pairs[i][1]);
        cr_assert_not(json_equal(at(r[0], pairs[i][0]), at(r[0], pairs[i][1])));
    }
    cr_assert_str_eq(json_string_value(at(r[0], "protocol_metrics/messages/2/type")), "tools/call");
    cr_assert_str_eq(json_string_value(at(r[0], "protocol_metrics/messages/2/direction")),
                     "received");
    cr_assert_str_eq(json_string_value(at(r[1], "protocol_metrics/messages/2/direction")), "sent");
    json_decref(r[0]);
    json_decref(r[1]);
}

Test(report, connections_are_listed_by_id)
{
    start((struct monitor_config){.track_connections = true});
    story();
    struct report_capture c = capture();
    json_t *r = report_build(m, &c);
    json_t *list = at(r, "connections");
    cr_assert_eq(json_array_size(list), 3);
    cr_assert_str_eq(json_string_value(at(list, "0/state")), "closed");
    cr_assert_str_eq(json_string_value(at(list, "0/reason")), "fin");
    check_number(list, "0/lifetime", 2);
    check_number(list, "0/received/bytes", 306);
    cr_assert_str_eq(json_string_value(at(list, "1/state")), "open");
    cr_assert(json_is_null(at(list, "1/closed")));
    cr_assert(json_is_null(at(list, "1/lifetime")));
    cr_assert_str_eq(json_string_value(at(list, "2/state")), "failed");
    cr_assert_str_eq(json_string_value(at(list, "2/reason")), "refused");
    cr_assert(json_is_null(at(list, "2/connection_time")));
    json_decref(r);
}

Test(report, mcp_only_lists_mcp_servers_and_their_connections)
{
    start((struct monitor_config){.mcp_only = true, .track_connections = true});
    story();
    struct report_capture c = capture();
    json_t *r = report_build(m, &c);
    cr_assert_eq(json_array_size(at(r, "servers")), 1);
    cr_assert_eq(json_array_size(at(r, "connections")), 1);
    check_number(r, "connection_metrics/connection_attempts", 1);
    cr_assert(json_equal(at(r, "bandwidth_metrics/bytes_received"),
                         at(r, "servers/0/bandwidth_metrics/bytes_received")));
    json_decref(r);
}

Test(report, metrics_of_an_interval)
{
    start((struct monitor_config){0});
    json_t *r = report_metrics(m, SCENE_START_NS);
    cr_assert(json_is_null(at(r, "bandwidth_metrics/avg_rx_rate")));
    json_decref(r);
    story();
    r = report_metrics(m, SCENE_START_NS + 4 * SCENE_S);
    check_keys(r, "connection_metrics bandwidth_metrics protocol_metrics");
    check_number(r, "bandwidth_metrics/avg_tx_rate", 414.0 / 4);
    check_number(r, "bandwidth_metrics/current_tx_rate", 0);
    json_decref(r);
}

Test(report, text_is_the_same_every_time)
{
    char *text[2];
    for (int i = 0; i < 2; i++) { /* each monitor keys its hash tables anew */
        struct report_capture c = capture();
        start((struct monitor_config){.track_connections = true});
        story();
        json_t *r = report_build(m, &c);
        text[i] = document_text(r, true);
        json_decref(r);
        monitor_free(m);
        m = NULL;
    }
    cr_assert_str_eq(text[0], text[1]);
    cr_assert_null(strstr(text[0], "e-"));
    cr_assert_null(strstr(text[0], "0000001,"));
    free(text[0]);
    free(text[1]);
}

static void *counted_malloc(size_t n)
{
    return malloc(n); /* wrapped: fails when told to */
}

Test(report, every_failing_allocation_gives_null)
{
    struct report_capture c = capture();
    start((struct monitor_config){.track_connections = true});
    story();
    json_set_alloc_funcs(counted_malloc, free);
    for (uint64_t n = 1;; n += 1 + n / 50) { /* each of the first, then some of the thousands */
        fail_alloc_at(n);
        json_t *r = report_build(m, &c);
        bool failed = fail_alloc_stop();
        cr_assert_eq(r == NULL, failed, "allocation %d", (int)n);
        json_decref(r);
        if (!failed)
            break;
    }
}
