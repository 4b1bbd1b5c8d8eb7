/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: revision 2026-07-28, where every request stands alone. */
#include "tests/dissect/tracker_world.h"

#define NOW "2026-07-28"

/* The head and the request, as the revision wants them. */
#define ASK(w, conn, channel, ...) ask(w, conn, channel, (struct say){__VA_ARGS__})
static void ask(struct world *w, uint64_t conn, uint32_t channel, struct say s)
{
    BEGIN(w, conn, channel, .version = NOW, .mcp_method = s.method, .mcp_name = s.name);
    if (!s.version)
        s.version = NOW;
    if (!s.peer)
        s.peer = "cli";
    world_say(w, conn, channel, s);
}

/* A whole exchange. */
static void call(struct world *w, uint64_t conn, uint32_t channel, const char *id)
{
    ASK(w, conn, channel, "tools/call", id, .name = "t");
    JSON_HEAD(w, conn, channel);
    SAY(w, conn, channel, .id = id, .dir = DIR_S2C, .peer = "srv");
    END(w, conn, channel);
}

static struct world *ready(void)
{
    struct world *w = world_new(0, 0);
    call(w, 1, 1, "0");
    world_clear(w);
    return w;
}

static void acknowledge(struct world *w, uint64_t conn, uint32_t channel, const char *id)
{
    SSE_HEAD(w, conn, channel);
    SAY(w, conn, channel, "notifications/subscriptions/acknowledged", .dir = DIR_S2C,
        .cancels = id);
}

/* An acknowledged stream on connection 2, with the log cleared. */
static struct world *listening(void)
{
    struct world *w = ready();
    ASK(w, 2, 1, "subscriptions/listen", "\"l\"");
    acknowledge(w, 2, 1, "\"l\"");
    SAY(w, 2, 1, "notifications/tools/list_changed", .dir = DIR_S2C);
    world_clear(w);
    return w;
}

Test(tracker_modern, a_client_identity_is_a_session)
{
    struct world *w = world_new(0, 0);
    call(w, 1, 1, "0");
    call(w, 2, 1, "0"); /* any connection */
    ASK(w, 2, 2, "tools/list", "1", .peer = "other");
    JSON_HEAD(w, 2, 2);
    SAY(w, 2, 2, .id = "1", .dir = DIR_S2C, .peer = "srv");
    END(w, 2, 2);
    ASK(w, 2, 3, "tools/list", "1", .peer = "cli", .peer_version = "2");
    JSON_HEAD(w, 2, 3);
    SAY(w, 2, 3, .id = "1", .dir = DIR_S2C, .peer = "srv");
    END(w, 2, 3);
    w->client_host = 2;
    call(w, 3, 1, "0");
    w->server_port = 81;
    call(w, 4, 1, "0");
    world_finish(w);
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect_eq(c.sessions, 5);
    cr_expect_eq(world_count(w, "s close"), 5);
    cr_expect_eq(w->findings, 0);
    cr_expect_eq(world_count(w, " result s"), 6, "%s", w->log);
    cr_expect_eq(world_count(w, "s open 1 2026-07-28 cli/srv"), 1, "%s", w->log);
    world_free(w);
}

Test(tracker_modern, a_probe_that_is_declined_is_no_session)
{
    static const struct {
        int status;
        int64_t code;
        bool counts;
    } cases[] = {{404, -32601, false}, {400, -32022, false}, {400, -32000, false},
                 {200, -32601, false}, {200, -32022, false}, {200, -32602, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = world_new(0, 0);
        ASK(w, 1, 1, "server/discover", "\"p\"");
        world_head(w, 1, 1, cases[i].status, HTTP_CONTENT_JSON, 0);
        SAY(w, 1, 1, .id = "\"p\"", .dir = DIR_S2C, .error = true, .code = cases[i].code);
        END(w, 1, 1);
        struct tracker_counters c;
        tracker_counters(w->tracker, &c);
        cr_expect_eq(c.sessions, cases[i].counts, "%zu", i);
        cr_expect_eq(world_count(w, "x server/discover \"p\" error"), 1, "%s", w->log);
        cr_expect_eq(w->exchanges, 1);
        world_free(w);
    }
}

/* The client asks for a version first that is not served. */
Test(tracker_modern, a_session_has_the_version_that_was_accepted)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .version = "2027-01-01", .mcp_method = "server/discover");
    SAY(w, 1, 1, "server/discover", "1", .version = "2027-01-01", .peer = "cli");
    world_head(w, 1, 1, 400, HTTP_CONTENT_JSON, 0);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C, .error = true, .code = -32022);
    END(w, 1, 1);
    call(w, 1, 2, "2");
    EXPECT(w, "m c2s server/discover 1 s0 2027-01-01\n"
              "f http:400\n"
              "m s2c server/discover:error 1 s0 2027-01-01\n"
              "f jsonrpc:-32022\n"
              "x server/discover 1 error s0 code=-32022 http=400 2ms\n"
              "m c2s tools/call 2 s0 2026-07-28\n"
              "s open 1 2026-07-28 cli/srv\n"
              "m s2c tools/call:result 2 s1 2026-07-28\n"
              "x tools/call 2 result s1 name=t http=200 2ms\n");
    world_free(w);
}

/* A dual-era client falls back on the same connection; a dual-era server serves both at once. */
Test(tracker_modern, each_request_decides_for_itself)
{
    struct world *w = world_new(0, 0);
    ASK(w, 1, 1, "server/discover", "\"p\"");
    world_head(w, 1, 1, 400, HTTP_CONTENT_JSON, 0);
    SAY(w, 1, 1, .id = "null", .dir = DIR_S2C, .error = true, .code = -32000);
    END(w, 1, 1);
    world_initialize(w, 1, 2, 5);
    call(w, 2, 1, "0");
    world_call(w, 1, 3, 5, "1");
    call(w, 2, 2, "1");
    world_finish(w);
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect_eq(c.sessions, 2, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 1 result s1"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 1 result s2"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "s close 1 2025-06-18"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "s close 2 2026-07-28"), 1, "%s", w->log);
    world_free(w);
}

Test(tracker_modern, a_session_id_means_nothing)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .version = NOW, .mcp_method = "tools/list", .session = 9);
    SAY(w, 1, 1, "tools/list", "1", .version = NOW, .peer = "cli");
    world_head(w, 1, 1, 200, HTTP_CONTENT_JSON, 10);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C, .peer = "srv");
    END(w, 1, 1);
    call(w, 1, 2, "2");
    world_finish(w);
    cr_expect_eq(world_count(w, "s open"), 1, "%s", w->log);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

/* ---- ends */

Test(tracker_modern, the_client_leaving_cancels)
{
    struct world *w = ready();
    ASK(w, 2, 1, "tools/call", "7", .name = "slow");
    SSE_HEAD(w, 2, 1);
    SAY(w, 2, 1, "notifications/progress", .dir = DIR_S2C);
    world_end(w, 2, 1, CHANNEL_END_ABORTED);
    ASK(w, 3, 1, "tools/call", "8", .name = "slow");
    world_end(w, 3, 1, CHANNEL_END_ABORTED);
    world_finish(w);
    EXPECT(w, "m c2s tools/call 7 s1 2026-07-28\n"
              "m s2c notifications/progress  s1 2026-07-28\n"
              "x tools/call 7 cancelled s1 name=slow\n"
              "m c2s tools/call 8 s1 2026-07-28\n"
              "x tools/call 8 cancelled s1 name=slow\n"
              "s close 1 2026-07-28 cli/srv\n");
    world_free(w);
}

Test(tracker_modern, the_server_leaving_loses_the_request)
{
    struct world *w = ready();
    ASK(w, 2, 1, "tools/call", "7", .name = "slow");
    SSE_HEAD(w, 2, 1);
    world_end(w, 2, 1, CHANNEL_END_CLOSED);
    EXPECT(w, "m c2s tools/call 7 s1 2026-07-28\n"
              "x tools/call 7 unanswered s1 name=slow\n"
              "f pair:unanswered\n");
    world_clear(w);
    ASK(w, 2, 2, "tools/call", "8", .name = "slow");
    SSE_HEAD(w, 2, 2);
    END(w, 2, 2);
    EXPECT(w, "m c2s tools/call 8 s1 2026-07-28\n"
              "x tools/call 8 unanswered s1 name=slow\n"
              "f pair:unanswered\n");
    world_free(w);
}

Test(tracker_modern, after_losses_nothing_is_claimed)
{
    struct world *w = ready();
    ASK(w, 2, 1, "tools/call", "1", .name = "t");
    world_finding(w, 2, 1, FINDING_LOST_MESSAGE, 1);
    world_end(w, 2, 1, CHANNEL_END_ABORTED);
    ASK(w, 2, 2, "tools/call", "2", .name = "t");
    world_end(w, 2, 2, CHANNEL_END_LOST);
    ASK(w, 2, 3, "tools/call", "3", .name = "t");
    world_finding(w, 3, 1, FINDING_LOST_MESSAGE, 1); /* elsewhere between the two hosts */
    world_end(w, 2, 3, CHANNEL_END_ABORTED);
    ASK(w, 2, 4, "tools/call", "4", .name = "t");
    world_end(w, 2, 4, CHANNEL_END_CAPTURE);
    world_finish(w);
    cr_expect_eq(world_count(w, "x tools/call 1 lost"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 2 lost"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 3 lost"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 4 pending"), 1, "%s", w->log);
    world_free(w);
}

Test(tracker_modern, an_answer_never_comes_elsewhere)
{
    struct world *w = ready();
    ASK(w, 2, 1, "tools/call", "7", .name = "t");
    BEGIN(w, 3, 1, .method = HTTP_METHOD_GET, .version = NOW, .last_event = 4);
    SSE_HEAD(w, 3, 1);
    SAY(w, 3, 1, .id = "7", .dir = DIR_S2C);
    ASK(w, 3, 2, "tools/call", "8", .name = "t");
    JSON_HEAD(w, 3, 2);
    SAY(w, 3, 2, .id = "7", .dir = DIR_S2C);
    END(w, 3, 2);
    world_wait(w);
    cr_expect_eq(world_count(w, "x tools/call 7"), 0, "%s", w->log);
    cr_expect_eq(world_count(w, "2026-07-28 orphan"), 2, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 8 unanswered"), 1, "%s", w->log);
    JSON_HEAD(w, 2, 1);
    SAY(w, 2, 1, .id = "7", .dir = DIR_S2C);
    END(w, 2, 1);
    cr_expect_eq(world_count(w, "x tools/call 7 result"), 1, "%s", w->log);
    world_free(w);
}

/* Two processes of one client use the same ids. */
Test(tracker_modern, equal_ids_of_one_identity)
{
    struct world *w = ready();
    ASK(w, 2, 1, "tools/call", "1", .name = "a");
    ASK(w, 3, 1, "tools/call", "1", .name = "b");
    JSON_HEAD(w, 3, 1);
    SAY(w, 3, 1, .id = "1", .dir = DIR_S2C);
    END(w, 3, 1);
    JSON_HEAD(w, 2, 1);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C);
    END(w, 2, 1);
    cr_expect_eq(w->findings, 0, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 1 result s1 name=b"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 1 result s1 name=a"), 1, "%s", w->log);
    world_free(w);
}

Test(tracker_modern, an_error_with_a_status_is_one_exchange)
{
    struct world *w = ready();
    ASK(w, 1, 2, "example/unknown", "1");
    world_head(w, 1, 2, 404, HTTP_CONTENT_JSON, 0);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C, .error = true, .code = -32601);
    END(w, 1, 2);
    BEGIN(w, 1, 3, .version = NOW, .mcp_method = "tools/list");
    SAY(w, 1, 3, "tools/call", "2", .version = NOW, .peer = "cli", .name = "t");
    world_head(w, 1, 3, 400, HTTP_CONTENT_JSON, 0);
    SAY(w, 1, 3, .id = "null", .dir = DIR_S2C, .error = true, .code = -32020);
    END(w, 1, 3);
    EXPECT(w, "m c2s example/unknown 1 s1 2026-07-28\n"
              "f http:404\n"
              "m s2c example/unknown:error 1 s1 2026-07-28\n"
              "f jsonrpc:-32601\n"
              "x example/unknown 1 error s1 code=-32601 http=404 2ms\n"
              "m c2s tools/call 2 s1 2026-07-28\n"
              "f header:method_mismatch\n"
              "f header:missing_name\n"
              "f http:400\n"
              "m s2c tools/call:error null s1 2026-07-28\n"
              "f jsonrpc:-32020\n"
              "x tools/call 2 error s1 name=t code=-32020 http=400 2ms\n");
    world_free(w);
}

/* ---- listening */

Test(tracker_modern, listening_is_answered_by_the_acknowledgement)
{
    struct world *w = ready();
    ASK(w, 2, 1, "subscriptions/listen", "\"l\"");
    acknowledge(w, 2, 1, "\"l\"");
    w->now.ts_ns += INT64_C(3600000000000);
    SAY(w, 2, 1, "notifications/tools/list_changed", .dir = DIR_S2C);
    world_end(w, 2, 1, CHANNEL_END_ABORTED);
    world_wait(w);
    EXPECT(w, "m c2s subscriptions/listen \"l\" s1 2026-07-28\n"
              "m s2c notifications/subscriptions/acknowledged  s1 2026-07-28\n"
              "m s2c notifications/tools/list_changed  s1 2026-07-28\n"
              "x subscriptions/listen \"l\" acknowledged s1 2ms\n");
    world_free(w);
}

Test(tracker_modern, listening_ended_by_a_cancellation)
{
    struct world *w = listening();
    world_end(w, 2, 1, CHANNEL_END_ABORTED);
    ASK(w, 3, 1, "notifications/cancelled", .cancels = "\"l\"");
    EXPECT(w, "m c2s notifications/cancelled  s1 2026-07-28\n"
              "x subscriptions/listen \"l\" cancelled s1 2ms\n");
    world_free(w);
}

Test(tracker_modern, listening_ended_by_a_result)
{
    struct world *w = listening();
    SAY(w, 2, 1, .id = "\"l\"", .dir = DIR_S2C);
    END(w, 2, 1);
    EXPECT(w, "m s2c subscriptions/listen:result \"l\" s1 2026-07-28\n"
              "x subscriptions/listen \"l\" result s1 http=200 2ms\n");
    world_free(w);
}

Test(tracker_modern, listening_ended_by_the_server)
{
    struct world *w = listening();
    world_end(w, 2, 1, CHANNEL_END_CLOSED);
    EXPECT(w, "f stream:dropped\n"
              "x subscriptions/listen \"l\" acknowledged s1 2ms\n");
    world_free(w);
    w = listening();
    END(w, 2, 1);
    EXPECT(w, "x subscriptions/listen \"l\" acknowledged s1 2ms\n");
    world_free(w);
    w = listening();
    world_finding(w, 2, 1, FINDING_LOST_MESSAGE, 1);
    world_end(w, 2, 1, CHANNEL_END_LOST);
    EXPECT(w, "f parse:lost_message\n"
              "x subscriptions/listen \"l\" acknowledged s1 2ms\n");
    world_free(w);
}

Test(tracker_modern, listening_when_the_capture_ends)
{
    struct world *w = listening();
    world_end(w, 2, 1, CHANNEL_END_CAPTURE);
    world_finish(w);
    EXPECT(w, "x subscriptions/listen \"l\" acknowledged s1 2ms\n"
              "s close 1 2026-07-28 cli/srv\n");
    world_free(w);
    w = listening();
    world_finish(w);
    cr_expect_eq(world_count(w, "x subscriptions/listen \"l\" acknowledged s1 2ms"), 1);
    world_free(w);
}

Test(tracker_modern, listening_without_acknowledgement)
{
    static const struct {
        enum channel_end how;
        const char *status;
    } ends[] = {{CHANNEL_END_ABORTED, "cancelled"},
                {CHANNEL_END_CLOSED, "unanswered"},
                {CHANNEL_END_COMPLETE, "unanswered"},
                {CHANNEL_END_LOST, "lost"},
                {CHANNEL_END_CAPTURE, "pending"}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct world *w = ready();
        ASK(w, 2, 1, "subscriptions/listen", "1");
        SSE_HEAD(w, 2, 1);
        acknowledge(w, 2, 1, "2"); /* of another */
        world_end(w, 2, 1, ends[i].how);
        world_finish(w);
        char expected[64];
        snprintf(expected, sizeof(expected), "x subscriptions/listen 1 %s s1\n", ends[i].status);
        cr_expect_eq(world_count(w, expected), 1, "%s", w->log);
        world_free(w);
    }
}

Test(tracker_modern, several_listen_at_once)
{
    struct world *w = ready();
    for (uint64_t conn = 2; conn < 6; conn++)
        ASK(w, conn, 1, "subscriptions/listen", conn < 4 ? "\"l\"" : "\"m\"");
    for (uint64_t conn = 2; conn < 6; conn++)
        acknowledge(w, conn, 1, conn < 4 ? "\"l\"" : NULL); /* an old server names no id */
    world_end(w, 2, 1, CHANNEL_END_ABORTED);
    ASK(w, 6, 1, "notifications/cancelled", .cancels = "\"l\""); /* the one that was closed */
    ASK(w, 6, 2, "notifications/cancelled", .cancels = "\"m\""); /* nobody knows which */
    cr_expect_eq(world_count(w, "x "), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x subscriptions/listen \"l\" cancelled s1 7ms"), 0, "%s", w->log);
    world_finish(w);
    cr_expect_eq(world_count(w, " cancelled s1"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, " acknowledged s1"), 3, "%s", w->log);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

/* On a connection that carries all messages, the acknowledgement names its request. */
Test(tracker_modern, listening_on_a_byte_stream)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_NONE + 200; /* any that is not HTTP */
    BEGIN(w, 1, 1, .method = HTTP_METHOD_UNKNOWN);
    SAY(w, 1, 1, "subscriptions/listen", "1", .version = NOW, .peer = "cli");
    SAY(w, 1, 1, "subscriptions/listen", "2", .version = NOW, .peer = "cli");
    SAY(w, 1, 1, "tools/list", "3", .version = NOW, .peer = "cli");
    SAY(w, 1, 1, "notifications/subscriptions/acknowledged", .dir = DIR_S2C, .cancels = "2");
    SAY(w, 1, 1, .id = "3", .dir = DIR_S2C);
    world_finish(w);
    cr_expect_eq(world_count(w, "x subscriptions/listen 2 acknowledged s1 2ms"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x subscriptions/listen 1 pending"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/list 3 result s1"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "s close 1 2026-07-28 cli/"), 1, "%s", w->log);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

/* ---- header fields */

struct heads {
    struct begin begin;
    struct say say;
    const char *findings;
};

static void check(const struct heads *h)
{
    struct world *w = world_new(0, 0);
    world_begin(w, 1, 1, h->begin);
    world_say(w, 1, 1, h->say);
    char got[256] = "";
    for (const char *p = w->log; (p = strstr(p, "f header:")); p++) {
        size_t n = strcspn(p + 9, "\n");
        strncat(got, p + 9, n);
        strcat(got, " ");
    }
    cr_expect_str_eq(got, h->findings, "%s: %s", h->say.name ? h->say.name : h->say.method, got);
    world_free(w);
}

Test(tracker_modern, header_fields_and_body)
{
    static const char call[] = "tools/call", list[] = "tools/list", read[] = "resources/read";
    static const struct heads cases[] = {
        {{.version = NOW, .mcp_method = call, .mcp_name = "t"},
         {call, "1", .version = NOW, .name = "t"},
         ""},
        {{.version = NOW, .mcp_method = list}, {list, "1", .version = NOW}, ""},
        {{.version = NOW, .mcp_method = "x/y"}, {"x/y", "1", .version = NOW}, ""},
        {{.version = NOW, .mcp_method = list}, {"x/y", "1", .version = NOW}, "method_mismatch "},
        {{.version = NOW, .mcp_method = "Tools/list"},
         {list, "1", .version = NOW},
         "method_mismatch "},
        {{.version = NOW, .mcp_method = read, .mcp_name = "file:///a"},
         {read, "1", .version = NOW, .name = "file:///b"},
         "name_mismatch "},
        {{.version = "2025-11-25", .mcp_method = list},
         {list, "1", .version = NOW},
         "version_mismatch "},
        {{.version = NOW, .mcp_method = list},
         {list, "1", .version = "2027-01-01"},
         "version_mismatch "},
        {{.flags = POST_FLAGS}, {list, "1", .version = NOW}, "missing_version missing_method "},
        {{.version = NOW, .mcp_method = call},
         {call, "1", .version = NOW, .name = "t"},
         "missing_name "},
        /* nothing is demanded of a body that does not tell its version, */
        {{.version = NOW}, {call, "1", .name = "t"}, ""},
        /* of one that names no tool, */
        {{.version = NOW, .mcp_method = call}, {call, "1", .version = NOW}, ""},
        /* of another revision, */
        {{.flags = POST_FLAGS}, {list, "1", .version = "2025-11-25"}, ""},
        {{.version = "2025-06-18"}, {"initialize", "1", .version = "2025-11-25"}, ""},
        /* of notifications, of batches */
        {{.version = NOW}, {"notifications/cancelled", .version = NOW, .cancels = "1"}, ""},
        {{.version = NOW}, {list, "1", .version = NOW, .flags = MESSAGE_IN_BATCH}, ""},
        /* or where something was cut, repaired or lost */
        {{.version = NOW, .mcp_method = call, .mcp_name = "t"},
         {call, "1", .version = NOW, .name = "u", .flags = MESSAGE_TEXT_CUT},
         ""},
        {{.version = NOW, .mcp_method = call, .mcp_name = "t"},
         {call, "1", .version = NOW, .name = "\xef\xbf\xbd"},
         ""},
        {{.version = "2026-07-28-long", .mcp_method = list}, {list, "1", .version = NOW}, ""},
        {{.flags = POST_FLAGS | CHANNEL_HEADER_UNKNOWN},
         {call, "1", .version = NOW, .name = "t"},
         ""},
        {{.flags = POST_FLAGS | CHANNEL_HEADER_UNKNOWN, .mcp_method = list},
         {call, "1", .version = NOW, .name = "t"},
         "method_mismatch "},
        /* a value in neither form may be that of the name */
        {{.flags = POST_FLAGS | CHANNEL_BAD_VALUE, .version = NOW, .mcp_method = call},
         {call, "1", .version = NOW, .name = "t"},
         "malformed "},
        {{.flags = POST_FLAGS | CHANNEL_BAD_VALUE,
          .version = NOW,
          .mcp_method = call,
          .mcp_name = "u"},
         {call, "1", .version = NOW, .name = "t"},
         "malformed name_mismatch "},
        {{.flags = POST_FLAGS | CHANNEL_BAD_VALUE, .version = "2025-11-25"},
         {call, "1", .version = "2025-11-25", .name = "t"},
         ""},
        {{.flags = CHANNEL_STUB | CHANNEL_BAD_VALUE, .method = HTTP_METHOD_UNKNOWN},
         {list, "1", .version = NOW},
         ""},
        {{.flags = CHANNEL_STUB, .method = HTTP_METHOD_UNKNOWN}, {list, "1", .version = NOW}, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

Test(tracker_modern, the_name_of_a_task_request_is_the_task)
{
    static const struct {
        const char *name;
        const char *findings;
    } cases[] = {{"t-1", ""}, {"t-2", "name_mismatch "}, {NULL, "missing_name "}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct heads h = {{.version = NOW, .mcp_method = "tasks/get", .mcp_name = cases[i].name},
                          {"tasks/get", "1", .version = NOW, .flags = MESSAGE_MCP_SHAPE},
                          cases[i].findings};
        h.say.links.flags = LINKS_TASK;
        h.say.links.task_hash = hash_bytes(&world_key, "t-1", 3);
        check(&h);
    }
}
