/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: what is MCP, sessions, pairing within an exchange. */
#include "tests/dissect/tracker_world.h"

Test(tracker, initialize_binds_to_the_session_of_the_response_head)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, 0);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .version = "2025-11-25",
        .peer = "cli");
    world_head(w, 1, 1, 200, HTTP_CONTENT_SSE, 5);
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .version = "2025-06-18", .peer = "srv");
    END(w, 1, 1);
    BEGIN(w, 2, 1, .session = 5, .version = "2025-06-18");
    SAY(w, 2, 1, "notifications/initialized");
    world_head(w, 2, 1, 202, HTTP_CONTENT_NONE, 0);
    END(w, 2, 1);
    world_call(w, 2, 2, 5, "1");
    world_finish(w);
    EXPECT(w, "m c2s initialize 0 s0 -\n"
              "s open 1 2025-06-18 cli/srv\n"
              "m s2c initialize:result 0 s1 2025-06-18\n"
              "x initialize 0 result s1 http=200 2ms\n"
              "m c2s notifications/initialized  s1 2025-06-18\n"
              "m c2s tools/call 1 s1 2025-06-18\n"
              "m s2c tools/call:result 1 s1 2025-06-18\n"
              "x tools/call 1 result s1 name=t http=200 2ms\n"
              "s close 1 2025-06-18 cli/srv\n");
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect(c.sessions == 1 && c.pending == 0 && c.other_messages == 0);
    world_free(w);
}

Test(tracker, servers_without_session_ids_open_one_session_per_initialize)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 0);
    BEGIN(w, 1, 2, 0);
    SAY(w, 1, 2, "ping", "1");
    JSON_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    END(w, 1, 2);
    world_initialize(w, 2, 1, 0);
    world_finish(w);
    EXPECT(w, "m c2s initialize 0 s0 -\n"
              "s open 1 2025-06-18 cli/srv\n"
              "m s2c initialize:result 0 s1 2025-06-18\n"
              "x initialize 0 result s1 http=200 2ms\n"
              "m c2s ping 1 s1 2025-06-18\n"
              "m s2c ping:result 1 s1 2025-06-18\n"
              "x ping 1 result s1 http=200 2ms\n"
              "m c2s initialize 0 s0 -\n"
              "s close 1 2025-06-18 cli/srv\n"
              "s open 2 2025-06-18 cli/srv\n"
              "m s2c initialize:result 0 s2 2025-06-18\n"
              "x initialize 0 result s2 http=200 2ms\n"
              "s close 2 2025-06-18 cli/srv\n");
    world_free(w);
}

Test(tracker, a_session_joined_midstream_takes_its_version_from_the_header)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .session = 9, .version = "2025-03-26");
    SAY(w, 1, 1, "tools/list", "8");
    JSON_HEAD(w, 1, 1);
    SAY(w, 1, 1, .id = "8", .dir = DIR_S2C);
    END(w, 1, 1);
    world_call(w, 1, 2, 10, "1"); /* another one, without the header */
    EXPECT(w, "m c2s tools/list 8 s0 2025-03-26\n"
              "s open 1 2025-03-26 /\n"
              "m s2c tools/list:result 8 s1 2025-03-26\n"
              "x tools/list 8 result s1 http=200 2ms\n"
              "m c2s tools/call 1 s0 -\n"
              "s open 2 - /\n"
              "m s2c tools/call:result 1 s2 -\n"
              "x tools/call 1 result s2 name=t http=200 2ms\n");
    world_free(w);
}

Test(tracker, a_version_in_the_message_goes_before_that_of_the_session)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    world_clear(w);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/list", "1", .version = "2025-11-25");
    JSON_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    END(w, 1, 2);
    EXPECT(w, "m c2s tools/list 1 s1 2025-11-25\n"
              "m s2c tools/list:result 1 s1 2025-11-25\n"
              "x tools/list 1 result s1 http=200 2ms\n");
    world_free(w);
}

Test(tracker, a_refused_session_is_none)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .session = 4);
    SAY(w, 1, 1, "tools/list", "1");
    world_head(w, 1, 1, 404, HTTP_CONTENT_JSON, 0);
    SAY(w, 1, 1, .id = "null", .dir = DIR_S2C, .error = true, .code = -32001);
    END(w, 1, 1);
    BEGIN(w, 1, 2, 0);
    SAY(w, 1, 2, "initialize", "2", .flags = MESSAGE_MCP_SHAPE);
    world_head(w, 1, 2, 401, HTTP_CONTENT_NONE, 0);
    END(w, 1, 2);
    world_finish(w);
    EXPECT(w, "m c2s tools/list 1 s0 -\n"
              "f http:404\n"
              "m s2c tools/list:error null s0 -\n"
              "f jsonrpc:-32001\n"
              "x tools/list 1 error s0 code=-32001 http=404 2ms\n"
              "m c2s initialize 2 s0 -\n"
              "f http:401\n"
              "x initialize 2 error s0 http=401\n");
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect(c.sessions == 0 && c.pending == 0);
    world_free(w);
}

Test(tracker, a_known_session_answered_404_is_over)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/list", "1");
    SSE_HEAD(w, 1, 2);
    END(w, 1, 2); /* suspended */
    world_clear(w);
    BEGIN(w, 1, 3, .session = 5);
    SAY(w, 1, 3, "ping", "2");
    world_head(w, 1, 3, 404, HTTP_CONTENT_OTHER, 0);
    END(w, 1, 3);
    world_finish(w);
    EXPECT(w, "m c2s ping 2 s1 2025-06-18\n"
              "f http:404\n"
              "s close 1 2025-06-18 cli/srv\n"
              "x ping 2 error s1 http=404\n"
              "x tools/list 1 unanswered s1\n"
              "f pair:unanswered\n");
    world_free(w);
}

Test(tracker, delete_closes_the_session_unless_refused)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1", .name = "slow");
    SSE_HEAD(w, 1, 2);
    world_end(w, 1, 2, CHANNEL_END_CLOSED); /* no cancellation */
    world_clear(w);
    BEGIN(w, 2, 1, .method = HTTP_METHOD_DELETE, .session = 5);
    world_head(w, 2, 1, 405, HTTP_CONTENT_NONE, 0);
    END(w, 2, 1);
    EXPECT(w, "f http:405\n");
    world_clear(w);
    BEGIN(w, 2, 2, .method = HTTP_METHOD_DELETE, .session = 5);
    world_head(w, 2, 2, 204, HTTP_CONTENT_NONE, 0);
    world_wait(w);
    EXPECT(w, "s close 1 2025-06-18 cli/srv\n"
              "x tools/call 1 unanswered s1 name=slow\n"
              "f pair:unanswered\n");
    END(w, 2, 2);
    world_finish(w);
    cr_expect(world_count(w, "close") == 1);
    world_free(w);
}

Test(tracker, a_session_id_given_again_after_its_end_is_another_session)
{
    struct world *w = world_new(0, 0);
    for (uint32_t i = 0; i < 3; i++) {
        world_initialize(w, 1, 3 * i + 1, 5);
        world_call(w, 1, 3 * i + 2, 5, "1");
        if (i == 1)
            continue; /* not ended: the third initialize is of the same session */
        BEGIN(w, 1, 3 * i + 3, .method = HTTP_METHOD_DELETE, .session = 5);
        world_head(w, 1, 3 * i + 3, 200, HTTP_CONTENT_NONE, 0);
        END(w, 1, 3 * i + 3);
    }
    world_finish(w);
    cr_expect(world_count(w, "s open") == 2 && world_count(w, "s close") == 2, "%s", w->log);
    cr_expect(w->findings == 0 && world_count(w, "orphan") == 0);
    world_free(w);
}

Test(tracker, two_hops_of_a_proxy_do_not_mix)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .session = 5);
    SAY(w, 1, 1, "tools/list", "1");
    w->server_port = 8080;
    world_call(w, 2, 1, 5, "1");
    w->server_port = 80;
    JSON_HEAD(w, 1, 1);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    END(w, 1, 1);
    EXPECT(w, "m c2s tools/list 1 s0 -\n"
              "m c2s tools/call 1 s0 -\n"
              "s open 1 - /\n"
              "m s2c tools/call:result 1 s1 -\n"
              "x tools/call 1 result s1 name=t http=200 2ms\n"
              "s open 2 - /\n"
              "m s2c tools/list:result 1 s2 -\n"
              "x tools/list 1 result s2 http=200 7ms\n");
    world_free(w);
}

Test(tracker, what_is_not_mcp_gives_no_events)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .flags = CHANNEL_ACCEPTS_BOTH);
    SAY(w, 1, 1, "eth_blockNumber", "1");
    JSON_HEAD(w, 1, 1);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    END(w, 1, 1);
    BEGIN(w, 1, 2, .path = 3);
    SAY(w, 1, 2, "initialize", "1"); /* that of LSP: another shape */
    JSON_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C, .error = true, .code = -32601);
    world_finding(w, 1, 2, FINDING_MALFORMED_JSON, 1);
    world_finding(w, 1, 2, FINDING_GAP, 1000);
    END(w, 1, 2);
    BEGIN(w, 2, 1, .path = 4);
    SAY(w, 2, 1, "message/send", "1");
    SAY(w, 2, 1, "tasks/get", "2", .flags = MESSAGE_IN_BATCH);
    world_head(w, 2, 1, 404, HTTP_CONTENT_SSE, 0);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C);
    END(w, 2, 1);
    world_finish(w);
    EXPECT(w, "");
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect(c.other_messages == 7, "%d", (int)c.other_messages);
    world_free(w);
}

Test(tracker, other_protocols_on_a_path_that_speaks_mcp_too)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 0);
    world_clear(w);
    BEGIN(w, 2, 1, .flags = CHANNEL_ACCEPTS_SSE);
    SAY(w, 2, 1, "tasks/get", "1");
    JSON_HEAD(w, 2, 1);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C);
    END(w, 2, 1);
    BEGIN(w, 2, 2, .flags = CHANNEL_ACCEPTS_SSE);
    SAY(w, 2, 2, "message/stream", "2");
    SSE_HEAD(w, 2, 2);
    SAY(w, 2, 2, .id = "2", .dir = DIR_S2C);
    END(w, 2, 2);
    world_wait(w);
    EXPECT(w, "");
    BEGIN(w, 2, 3, 0);
    SAY(w, 2, 3, "vendor/own", "3"); /* accepts both kinds of answer: an MCP client */
    cr_expect(world_count(w, "m c2s vendor/own 3") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker, evidence_can_come_with_the_response)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .path = 5);
    SAY(w, 1, 1, "vendor/own", "1");
    world_head(w, 1, 1, 200, HTTP_CONTENT_JSON, 6);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    END(w, 1, 1);
    world_wait(w);
    /* its request was dropped: an orphan, and nobody's fault */
    EXPECT(w, "s open 1 - /\nm s2c ?:result 1 s1 - orphan\n");
    world_free(w);
}

Test(tracker, an_oauth_metadata_fetch_is_not_mcp)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .method = HTTP_METHOD_GET, .flags = CHANNEL_MCP_HEADER, .version = "2025-06-18",
          .path = 8);
    world_head(w, 1, 1, 404, HTTP_CONTENT_OTHER, 0);
    END(w, 1, 1);
    EXPECT(w, "");
    world_free(w);
}

Test(tracker, ids_differ_by_type_and_belong_to_their_sender)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    SSE_HEAD(w, 1, 2);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "prompts/list", "\"1\"");
    SSE_HEAD(w, 2, 1);
    SAY(w, 1, 2, "roots/list", "1", DIR_S2C);
    world_clear(w);
    BEGIN(w, 3, 1, .session = 5);
    SAY(w, 3, 1, .id = "1"); /* the client answers roots/list, not its own call */
    world_head(w, 3, 1, 202, HTTP_CONTENT_NONE, 0);
    END(w, 3, 1);
    SAY(w, 2, 1, .id = "\"1\"", .dir = DIR_S2C);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    EXPECT(w, "m c2s roots/list:result 1 s1 2025-06-18\n"
              "x roots/list 1 result s1 2ms\n"
              "m s2c prompts/list:result \"1\" s1 2025-06-18\n"
              "x prompts/list \"1\" result s1 http=200 7ms\n"
              "m s2c tools/call:result 1 s1 2025-06-18\n"
              "x tools/call 1 result s1 http=200 11ms\n");
    world_free(w);
}

Test(tracker, outcomes_and_their_findings)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    world_clear(w);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1", .name = "a");
    SAY(w, 1, 2, "tools/call", "2", .name = "b");
    SAY(w, 1, 2, "vendor/own", "3");
    SAY(w, 1, 2, "tools/call", "4");
    JSON_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "2", .dir = DIR_S2C, .flags = MESSAGE_IS_ERROR);
    SAY(w, 1, 2, .id = "3", .dir = DIR_S2C, .error = true, .code = -32601);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C, .flags = MESSAGE_INPUT_REQUIRED);
    END(w, 1, 2); /* a complete answer without number 4 */
    EXPECT(w, "m c2s tools/call 1 s1 2025-06-18\n"
              "m c2s tools/call 2 s1 2025-06-18\n"
              "m c2s vendor/own 3 s1 2025-06-18\n"
              "m c2s tools/call 4 s1 2025-06-18\n"
              "m s2c tools/call:result 2 s1 2025-06-18\n"
              "f tool:is_error\n"
              "x tools/call 2 tool_error s1 name=b http=200 4ms\n"
              "m s2c vendor/own:error 3 s1 2025-06-18\n"
              "f jsonrpc:-32601\n"
              "x vendor/own 3 error s1 code=-32601 http=200 4ms\n"
              "m s2c tools/call:result 1 s1 2025-06-18\n"
              "x tools/call 1 input_required s1 name=a http=200 7ms\n"
              "x tools/call 4 unanswered s1\n"
              "f pair:unanswered\n");
    world_free(w);
}

Test(tracker, errors_that_name_no_request_refuse_the_whole_exchange)
{
    static const char *const ids[] = {"null", "", "\"server-error\""};
    for (int i = 0; i < 3; i++) {
        struct world *w = world_new(0, 0);
        world_initialize(w, 1, 1, 5);
        BEGIN(w, 1, 2, .session = 5);
        SAY(w, 1, 2, "tools/call", "1");
        SAY(w, 1, 2, "tools/list", "2");
        world_clear(w);
        world_head(w, 1, 2, 400, HTTP_CONTENT_JSON, 0);
        SAY(w, 1, 2, .id = ids[i], .dir = DIR_S2C, .error = true, .code = -32600);
        END(w, 1, 2);
        cr_expect(world_count(w, "x tools/call 1 error s1 code=-32600 http=400") == 1, "%s",
                  w->log);
        cr_expect(world_count(w, "x tools/list 2 error s1 code=-32600 http=400") == 1, "%s",
                  w->log);
        cr_expect(world_count(w, "jsonrpc:-32600") == 1 && world_count(w, "orphan") == 0);
        cr_expect(world_count(w, "f http:400\n") == 1 && world_count(w, "f ") == 2, "%s", w->log);
        world_free(w);
    }
}

Test(tracker, a_refusal_does_not_answer_another_exchange)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "7");
    SSE_HEAD(w, 1, 2);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "tools/call", "8");
    world_clear(w);
    world_head(w, 2, 1, 429, HTTP_CONTENT_JSON, 0);
    SAY(w, 2, 1, .id = "7", .dir = DIR_S2C, .error = true, .code = -1); /* made up, but in use */
    END(w, 2, 1);
    SAY(w, 1, 2, .id = "7", .dir = DIR_S2C);
    EXPECT(w, "f http:429\n"
              "m s2c tools/call:error 7 s1 2025-06-18\n"
              "f jsonrpc:-1\n"
              "x tools/call 8 error s1 code=-1 http=429 2ms\n"
              "m s2c tools/call:result 7 s1 2025-06-18\n"
              "x tools/call 7 result s1 http=200 7ms\n");
    world_free(w);
}

Test(tracker, a_get_refused_with_an_error_is_no_orphan)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    world_clear(w);
    BEGIN(w, 1, 2, .method = HTTP_METHOD_GET, .session = 5);
    world_head(w, 1, 2, 405, HTTP_CONTENT_JSON, 0);
    SAY(w, 1, 2, .id = "null", .dir = DIR_S2C, .error = true, .code = -32000);
    END(w, 1, 2);
    EXPECT(w, "f http:405\nm s2c ?:error null s1 2025-06-18\nf jsonrpc:-32000\n");
    world_free(w);
}

Test(tracker, batches_are_answered_in_any_order)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    char id[16];
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof(id), "%d", i);
        SAY(w, 1, 2, "tools/call", id, .flags = MESSAGE_IN_BATCH);
    }
    JSON_HEAD(w, 1, 2);
    for (int i = 199; i >= 0; i--) {
        snprintf(id, sizeof(id), "%d", i);
        SAY(w, 1, 2, .id = id, .dir = DIR_S2C, .flags = MESSAGE_IN_BATCH);
    }
    END(w, 1, 2);
    cr_expect(w->exchanges == 201 && w->findings == 0 && world_count(w, "orphan") == 0);
    world_free(w);
}

Test(tracker, fifty_sessions_with_equal_ids_share_one_connection)
{
    struct world *w = world_new(0, 0);
    for (uint32_t i = 1; i <= 50; i++)
        world_initialize(w, 1, i, 1000 + i);
    world_clear(w);
    for (uint32_t i = 1; i <= 50; i++) { /* all at once, pipelined */
        BEGIN(w, 1, 100 + i, .session = 1000 + i);
        SAY(w, 1, 100 + i, "tools/call", "1", .name = "t");
    }
    for (uint32_t i = 1; i <= 50; i++) {
        JSON_HEAD(w, 1, 100 + i);
        SAY(w, 1, 100 + i, .id = "1", .dir = DIR_S2C);
        END(w, 1, 100 + i);
    }
    for (uint32_t i = 1; i <= 50; i++) {
        char line[64];
        snprintf(line, sizeof(line), "x tools/call 1 result s%u name=t http=200 ", i);
        cr_expect(world_count(w, line) == 1, "%s", line);
    }
    cr_expect(w->findings == 0);
    world_free(w);
}

Test(tracker, one_session_over_seventeen_connections)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    char id[16];
    for (uint32_t conn = 1; conn <= 17; conn++) {
        snprintf(id, sizeof(id), "%u", conn);
        BEGIN(w, conn, 2, .session = 5);
        SAY(w, conn, 2, "tools/call", id);
        SSE_HEAD(w, conn, 2);
        SAY(w, conn, 2, "elicitation/create", id, DIR_S2C);
    }
    for (uint32_t conn = 17; conn >= 1; conn--) {
        uint32_t other = 18 - conn;
        snprintf(id, sizeof(id), "%u", conn);
        BEGIN(w, 100 + other, 3, .session = 5);
        SAY(w, 100 + other, 3, .id = id);
        world_head(w, 100 + other, 3, 202, HTTP_CONTENT_NONE, 0);
        END(w, 100 + other, 3);
        SAY(w, conn, 2, .id = id, .dir = DIR_S2C);
        END(w, conn, 2);
    }
    world_finish(w);
    cr_expect(w->exchanges == 35 && w->findings == 0, "%s", w->log);
    cr_expect(world_count(w, "s open") == 1 && world_count(w, " result s1") == 35);
    world_free(w);
}

Test(tracker, names_of_events)
{
    cr_expect_str_eq(event_transport_name(TRANSPORT_HTTP1), "http");
    cr_expect_str_eq(event_transport_name(TRANSPORT_NONE), "");
    cr_expect_str_eq(event_transport_name(200), "");
    cr_expect_str_eq(event_status_name(EXCHANGE_TOOL_ERROR), "tool_error");
    cr_expect_str_eq(event_status_name(EXCHANGE_UNANSWERED), "unanswered");
    for (int i = 0; i < EXCHANGE_STATUS_COUNT; i++)
        cr_expect(event_status_name(i)[0] != '\0');
}
