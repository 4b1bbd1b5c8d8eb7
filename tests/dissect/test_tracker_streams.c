/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: streams that break off and are resumed, cancellation, duplicates, blame. */
#include "tests/dissect/tracker_world.h"

/* With event ids the client may still resume the stream behind the end of the capture. */
Test(tracker_streams, a_resumable_stream_leaves_its_request_pending)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    SSE_HEAD(w, 1, 2);
    SAY(w, 1, 2, "notifications/progress", .dir = DIR_S2C, .event = 7);
    END(w, 1, 2);
    world_finish(w);
    cr_expect(world_count(w, "x tools/call 1 pending s1") == 1, "%s", w->log);
    world_free(w);
}

/* The client's answer to a server's request. */
static void answer(struct world *w, uint64_t conn, uint32_t channel, const char *id)
{
    BEGIN(w, conn, channel, .session = 5);
    SAY(w, conn, channel, .id = id);
    world_head(w, conn, channel, 202, HTTP_CONTENT_NONE, 0);
    END(w, conn, channel);
}

Test(tracker_streams, an_answer_on_a_resumed_stream)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1", .name = "slow");
    SSE_HEAD(w, 1, 2);
    world_end(w, 1, 2, CHANNEL_END_CLOSED);
    world_open_get(w, 2, 1, 100);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C, .event = 101);
    END(w, 2, 1);
    world_finish(w);
    EXPECT(w, "m c2s tools/call 1 s1 2025-06-18\n"
              "m s2c tools/call:result 1 s1 2025-06-18\n"
              "x tools/call 1 result s1 name=slow http=200 resumed 5ms\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

Test(tracker_streams, a_suspended_request_is_unanswered_at_the_end)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    SSE_HEAD(w, 1, 2);
    END(w, 1, 2);
    BEGIN(w, 1, 3, .session = 5);
    SAY(w, 1, 3, "tools/call", "2");
    SSE_HEAD(w, 1, 3);
    world_end(w, 1, 3, CHANNEL_END_CAPTURE);
    BEGIN(w, 1, 4, .session = 5);
    SAY(w, 1, 4, "tools/call", "3"); /* its channel never ends */
    world_clear(w);
    world_finish(w);
    EXPECT(w, "x tools/call 1 unanswered s1\n"
              "f pair:unanswered\n"
              "x tools/call 2 pending s1\n"
              "x tools/call 3 pending s1\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

Test(tracker_streams, a_connection_that_ends_before_any_response)
{
    struct world *w = world_ready();
    for (uint32_t i = 2; i < 4; i++) { /* with and without session id */
        BEGIN(w, 1, i, .session = i == 2 ? 5 : 0);
        SAY(w, 1, i, "tools/call", "1", .name = i == 2 ? "a" : "b");
        world_end(w, 1, i, CHANNEL_END_CLOSED);
    }
    BEGIN(w, 1, 4, .session = 5);
    SAY(w, 1, 4, "notifications/cancelled", .cancels = "1"); /* why the client hung up */
    world_finish(w);
    cr_expect(world_count(w, "x tools/call 1 cancelled s1 name=a\n") == 1, "%s", w->log);
    cr_expect(world_count(w, "x tools/call 1 unanswered s0 name=b\nf pair:unanswered\n") == 1);
    world_free(w);
}

Test(tracker_streams, copies_on_a_resumed_stream_count_once)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 0);
    SAY(w, 1, 2, "roots/list", "3", DIR_S2C, .event = 11);
    answer(w, 2, 1, "3");
    SAY(w, 1, 2, "notifications/message", .dir = DIR_S2C, .event = 12);
    BEGIN(w, 2, 2, .session = 5);
    SAY(w, 2, 2, "tools/list", "1");
    SSE_HEAD(w, 2, 2);
    SAY(w, 2, 2, .id = "1", .dir = DIR_S2C, .event = 13, .error = true, .code = -1);
    END(w, 2, 2);
    world_clear(w);
    world_open_get(w, 3, 1, 10);
    SAY(w, 3, 1, "roots/list", "3", DIR_S2C, .event = 11);
    SAY(w, 3, 1, "notifications/message", .dir = DIR_S2C, .event = 12);
    SAY(w, 3, 1, .id = "1", .dir = DIR_S2C, .event = 13, .error = true, .code = -1);
    SAY(w, 3, 1, "notifications/message", .dir = DIR_S2C, .event = 14);
    answer(w, 2, 3, "3"); /* once more: the server's own doing */
    world_wait(w);
    EXPECT(w, "m s2c roots/list 3 s1 2025-06-18 copy\n"
              "m s2c notifications/message  s1 2025-06-18 copy\n"
              "m s2c tools/list:error 1 s1 2025-06-18 copy\n"
              "m s2c notifications/message  s1 2025-06-18\n"
              "m c2s roots/list:result 3 s1 2025-06-18 orphan\n");
    world_free(w);
}

Test(tracker_streams, an_original_told_behind_its_copy)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 0);
    struct stream_pos sent = w->now;
    w->now.ts_ns += 5000000;
    world_open_get(w, 3, 1, 10);
    SAY(w, 3, 1, "notifications/message", .dir = DIR_S2C, .event = 11);
    SAY(w, 3, 1, "notifications/message", .dir = DIR_S2C, .event = 12);
    world_clear(w);
    struct stream_pos now = w->now;
    w->now.ts_ns = sent.ts_ns; /* a hole held it back */
    SAY(w, 1, 2, "notifications/message", .dir = DIR_S2C, .event = 11);
    w->now.ts_ns = now.ts_ns;
    SAY(w, 1, 2, "notifications/message", .dir = DIR_S2C, .event = 12); /* numbered anew */
    EXPECT(w, "m s2c notifications/message  s1 2025-06-18 copy\n"
              "m s2c notifications/message  s1 2025-06-18\n");
    world_free(w);
}

/* The resumption's request was lost: who resumed what is known by the connection. */
Test(tracker_streams, copies_on_a_stream_whose_request_was_lost)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/list", "1");
    SSE_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C, .event = 11);
    END(w, 1, 2);
    world_clear(w);
    BEGIN(w, 1, 3, .method = HTTP_METHOD_UNKNOWN, .flags = CHANNEL_STUB | CHANNEL_MCP_HEADER);
    SSE_HEAD(w, 1, 3);
    SAY(w, 1, 3, .id = "1", .dir = DIR_S2C, .event = 11);
    world_wait(w);
    cr_expect(world_count(w, "copy") == 1 && world_count(w, "orphan") == 0, "%s", w->log);
    world_free(w);
}

/* The original may have been sent before the capture, which the copy's time says nothing about. */
Test(tracker_streams, a_request_first_seen_as_a_copy_has_no_latency)
{
    for (int joined = 0; joined < 2; joined++) {
        struct world *w = joined ? world_new(0, 0) : world_ready();
        world_open_get(w, 1, 2, 10);
        SAY(w, 1, 2, "roots/list", "3", DIR_S2C, .event = 11);
        answer(w, 2, 1, "3");
        const char *want = joined ? "x roots/list 3 result s1\n" : "x roots/list 3 result s1 2ms\n";
        cr_expect(world_count(w, want) == 1, "%s", w->log);
        world_free(w);
    }
}

Test(tracker_streams, copies_without_event_ids_are_known_by_the_request)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 0);
    SAY(w, 1, 2, "roots/list", "3", DIR_S2C);
    world_call(w, 2, 1, 5, "1");
    world_clear(w);
    world_open_get(w, 3, 1, 10);
    SAY(w, 3, 1, "roots/list", "3", DIR_S2C);
    SAY(w, 3, 1, .id = "1", .dir = DIR_S2C);
    answer(w, 2, 2, "3");
    answer(w, 2, 3, "3");
    world_wait(w);
    EXPECT(w, "m s2c roots/list 3 s1 2025-06-18 copy\n"
              "m s2c tools/call:result 1 s1 2025-06-18 copy\n"
              "m c2s roots/list:result 3 s1 2025-06-18\n"
              "x roots/list 3 result s1 11ms\n"
              "m c2s roots/list:result 3 s1 2025-06-18 orphan\n");
    world_free(w);
}

Test(tracker_streams, event_ids_counted_anew_by_each_stream_are_no_copies)
{
    struct world *w = world_ready();
    for (uint32_t i = 2; i < 5; i++) {
        BEGIN(w, 1, i, .session = 5);
        SAY(w, 1, i, "tools/call", &"abc"[i - 2]);
        SSE_HEAD(w, 1, i);
        SAY(w, 1, i, .id = &"abc"[i - 2], .dir = DIR_S2C, .event = 1);
        END(w, 1, i);
    }
    cr_expect(world_count(w, "copy") == 0 && w->exchanges == 4 && w->findings == 0);
    world_free(w);
}

Test(tracker_streams, messages_of_one_batch_share_an_event_id)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 10);
    uint16_t first = MESSAGE_IN_BATCH | MESSAGE_FIRST_IN_BATCH;
    SAY(w, 1, 2, "notifications/message", .dir = DIR_S2C, .event = 12, .flags = first);
    SAY(w, 1, 2, "notifications/progress", .dir = DIR_S2C, .event = 12, .flags = MESSAGE_IN_BATCH);
    cr_expect(world_count(w, "copy") == 0);
    world_open_get(w, 1, 3, 10);
    SAY(w, 1, 3, "notifications/message", .dir = DIR_S2C, .event = 12, .flags = first);
    SAY(w, 1, 3, "notifications/progress", .dir = DIR_S2C, .event = 12, .flags = MESSAGE_IN_BATCH);
    cr_expect(world_count(w, "copy") == 2);
    world_free(w);
}

Test(tracker_streams, a_stream_without_session_can_be_resumed_by_event_ids_only)
{
    struct world *w = world_new(0, 0);
    for (uint32_t i = 0; i < 2; i++) {
        BEGIN(w, 1, i + 1, 0);
        SAY(w, 1, i + 1, "tools/call", i ? "2" : "1");
        SSE_HEAD(w, 1, i + 1);
        struct record r = world_record(w, RECORD_EVENT, 1, i + 1);
        r.u.event = (struct record_event){.event_id = 9, .has_event_id = i != 0};
        world_send(w, &r);
        END(w, 1, i + 1);
    }
    cr_expect(world_count(w, "x tools/call 1 unanswered") == 1 && w->exchanges == 1);
    BEGIN(w, 2, 1, .method = HTTP_METHOD_GET, .last_event = 9);
    SSE_HEAD(w, 2, 1);
    SAY(w, 2, 1, .id = "2", .dir = DIR_S2C, .event = 10);
    cr_expect(world_count(w, "x tools/call 2 result s0 http=200 resumed") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_streams, cancellation_ends_the_sender_own_request)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "7");
    SSE_HEAD(w, 1, 2);
    SAY(w, 1, 2, "sampling/createMessage", "7", DIR_S2C);
    world_clear(w);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "notifications/cancelled", .cancels = "7");
    EXPECT(w, "m c2s notifications/cancelled  s1 2025-06-18\nx tools/call 7 cancelled s1\n");
    world_clear(w);
    SAY(w, 1, 2, .id = "7", .dir = DIR_S2C); /* crossed it */
    SAY(w, 1, 2, "notifications/cancelled", .dir = DIR_S2C, .cancels = "7");
    SAY(w, 1, 2, "notifications/cancelled", .dir = DIR_S2C, .cancels = "99");
    SAY(w, 2, 1, "notifications/cancelled", .cancels = "{}");
    END(w, 1, 2);
    END(w, 2, 1);
    EXPECT(w, "m s2c tools/call:result 7 s1 2025-06-18 late\n"
              "m s2c notifications/cancelled  s1 2025-06-18\n"
              "x sampling/createMessage 7 cancelled s1\n"
              "m s2c notifications/cancelled  s1 2025-06-18\n"
              "m c2s notifications/cancelled  s1 2025-06-18\n");
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect(c.late_responses == 1 && c.pending == 0);
    world_free(w);
}

Test(tracker_streams, a_cancelled_request_is_not_unanswered)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "7");
    answer(w, 3, 1, "55");
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "notifications/cancelled", .cancels = "7");
    world_end(w, 1, 2, CHANNEL_END_CLOSED);
    world_finish(w);
    cr_expect(world_count(w, "unanswered") == 0 && world_count(w, " cancelled s1") == 1);
    world_free(w);
}

Test(tracker_streams, initialize_cannot_be_cancelled)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, 0);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE);
    SAY(w, 1, 1, "notifications/cancelled", .cancels = "0");
    cr_expect(w->exchanges == 0);
    world_free(w);
}

Test(tracker_streams, second_answers)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "7");
    SSE_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "7", .dir = DIR_S2C);
    world_clear(w);
    SAY(w, 1, 2, .id = "7", .dir = DIR_S2C);
    EXPECT(w, "m s2c tools/call:result 7 s1 2025-06-18 orphan\nf pair:duplicate_response\n");
    world_free(w);
}

Test(tracker_streams, unknown_ids_are_blamed_only_when_all_was_seen)
{
    struct world *w = world_ready();
    answer(w, 1, 2, "9");
    world_wait(w);
    cr_expect(world_count(w, "orphan\nf pair:unknown_id") == 1, "%s", w->log);
    world_clear(w);
    world_call(w, 1, 3, 6, "1"); /* another session, joined midstream */
    BEGIN(w, 1, 4, .session = 6);
    SAY(w, 1, 4, .id = "9");
    world_wait(w);
    world_finding(w, 9, 1, FINDING_GAP, 100); /* a loss between the same hosts */
    answer(w, 1, 5, "10");
    world_wait(w);
    cr_expect(world_count(w, "orphan") == 2 && world_count(w, "f ") == 0, "%s", w->log);
    world_free(w);
}

Test(tracker_streams, an_answer_in_another_session_never_pairs)
{
    struct world *w = world_ready();
    world_initialize(w, 1, 2, 6);
    world_open_get(w, 1, 3, 0);
    SAY(w, 1, 3, "roots/list", "1", DIR_S2C);
    world_clear(w);
    BEGIN(w, 2, 1, .session = 6);
    SAY(w, 2, 1, .id = "1");
    world_wait(w);
    EXPECT(w, "m c2s ?:result 1 s2 2025-06-18 orphan\nf pair:unknown_id\n");
    world_free(w);
}

Test(tracker_streams, a_repeated_id_is_answered_in_its_own_exchange)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "7", .name = "a");
    SSE_HEAD(w, 1, 2);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "tools/call", "7", .name = "b");
    cr_expect(world_count(w, "f pair:duplicate_id") == 1);
    SSE_HEAD(w, 2, 1);
    world_clear(w);
    SAY(w, 2, 1, .id = "7", .dir = DIR_S2C);
    SAY(w, 1, 2, .id = "7", .dir = DIR_S2C);
    cr_expect(world_count(w, "x tools/call 7 result s1 name=b") == 1);
    cr_expect(world_count(w, "x tools/call 7 result s1 name=a") == 1 && world_count(w, "f ") == 0);
    cr_expect(strstr(w->log, "name=b") < strstr(w->log, "name=a"));
    world_free(w);
}

Test(tracker_streams, answers_without_session_id_stay_in_their_exchange)
{
    struct world *w = world_new(0, 0);
    for (uint32_t conn = 1; conn <= 3; conn++) {
        BEGIN(w, conn, 1, 0);
        SAY(w, conn, 1, "tools/call", "1");
        SSE_HEAD(w, conn, 1);
    }
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C); /* not that of another client */
    cr_expect(w->exchanges == 1 && world_count(w, "f pair:duplicate_response") == 1, "%s", w->log);
    SAY(w, 3, 1, .id = "9", .dir = DIR_S2C);
    world_wait(w);
    cr_expect(w->exchanges == 1 && world_count(w, "f pair:unknown_id") == 1);
    SAY(w, 1, 1, "elicitation/create", "5", DIR_S2C);
    SAY(w, 3, 1, "sampling/createMessage", "5", DIR_S2C);
    BEGIN(w, 4, 1, 0);
    SAY(w, 4, 1, .id = "5");
    cr_expect(world_count(w, "x sampling/createMessage 5 result") == 1, "%s", w->log);
    world_free(w);
}

static void announce(struct world *w, uint64_t conn, uint32_t channel, uint64_t target)
{
    struct record r = world_record(w, RECORD_EVENT, conn, channel);
    r.u.event = (struct record_event){.endpoint_hash = target, .has_endpoint = true};
    world_send(w, &r);
}

/* The same request on another connection after the first one broke: no second use of its id. */
Test(tracker_streams, a_request_sent_again_after_a_broken_connection)
{
    for (int i = 0; i < 6; i++) {
        bool ended = i == 0, closed = i == 1 || i >= 3, head = i == 3;
        struct world *w = world_ready();
        BEGIN(w, 1, 2, .session = 5);
        SAY(w, 1, 2, "tools/call", "7", .name = "a");
        if (head)
            SSE_HEAD(w, 1, 2);
        struct record r = world_record(w, RECORD_CONN, 1, 0);
        r.conn_event = CONN_EVENT_CLOSED;
        if (closed)
            world_send(w, &r);
        if (ended)
            world_end(w, 1, 2, CHANNEL_END_CLOSED);
        BEGIN(w, 2, 1, .session = 5);
        SAY(w, 2, 1, i == 4 ? "prompts/get" : "tools/call", "7", .name = i == 5 ? "b" : "a");
        cr_expect_eq(world_count(w, "f pair:duplicate_id"), i < 2 ? 0 : 1, "%d: %s", i, w->log);
        world_free(w);
    }
}

Test(tracker_streams, http_sse_sessions_are_told_apart_by_their_targets)
{
    struct world *w = world_new(0, 0);
    for (uint32_t i = 1; i <= 2; i++) {
        BEGIN(w, i, 1, .method = HTTP_METHOD_GET, .flags = CHANNEL_ACCEPTS_SSE, .path = 1);
        SSE_HEAD(w, i, 1);
        announce(w, i, 1, 40 + i);
    }
    for (uint32_t i = 1; i <= 2; i++) {
        BEGIN(w, 3, i, .path = 2, .target = 40 + i);
        SAY(w, 3, i, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
        world_head(w, 3, i, 202, HTTP_CONTENT_OTHER, 0);
        END(w, 3, i);
    }
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .version = "2024-11-05");
    SAY(w, 2, 1, .id = "0", .dir = DIR_S2C, .version = "2025-03-26");
    BEGIN(w, 3, 3, .path = 2, .target = 41);
    SAY(w, 3, 3, "ping", "1");
    world_head(w, 3, 3, 202, HTTP_CONTENT_OTHER, 0);
    END(w, 3, 3);
    world_clear(w);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C);
    world_end(w, 1, 1, CHANNEL_END_CLOSED); /* the session lives as long as its stream */
    world_wait(w);
    EXPECT(w, "s close 1 2024-11-05 cli/\n"
              "x ping 1 unanswered s1\n"
              "f pair:unanswered\n"
              "m s2c ?:result 1 s2 2025-03-26 orphan\n"
              "f pair:unknown_id\n");
    world_free(w);
}

Test(tracker_streams, an_http_sse_answer_captured_before_its_request)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .method = HTTP_METHOD_GET, .flags = CHANNEL_ACCEPTS_SSE, .path = 1);
    SSE_HEAD(w, 1, 1);
    announce(w, 1, 1, 41);
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .version = "2024-11-05");
    BEGIN(w, 2, 1, .path = 2, .target = 41);
    SAY(w, 2, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    world_head(w, 2, 1, 202, HTTP_CONTENT_OTHER, 0);
    END(w, 2, 1);
    cr_expect_eq(world_count(w, "x initialize 0 result s1 http=200\n"), 1, "%s", w->log);
    BEGIN(w, 2, 2, .path = 2, .target = 41);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 2, 2, "ping", "1");
    world_finish(w);
    cr_expect_eq(world_count(w, "x ping 1 result s1 http=200\n"), 1, "%s", w->log);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

Test(tracker_streams, an_http_sse_target_used_before_its_announcement_was_told)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .method = HTTP_METHOD_GET, .flags = CHANNEL_ACCEPTS_SSE, .path = 1);
    BEGIN(w, 2, 1, .path = 2, .target = 41);
    SAY(w, 2, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    world_head(w, 2, 1, 202, HTTP_CONTENT_OTHER, 0);
    END(w, 2, 1);
    SSE_HEAD(w, 1, 1);
    announce(w, 1, 1, 41);
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .version = "2024-11-05");
    cr_expect(world_count(w, "x initialize 0 result s1 http=200") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_streams, a_session_that_was_not_gone_after_all)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    world_head(w, 1, 2, 404, HTTP_CONTENT_NONE, 0); /* a gateway that did not know better */
    END(w, 1, 2);
    BEGIN(w, 1, 3, .session = 5);
    SAY(w, 1, 3, "tools/call", "1");
    SSE_HEAD(w, 1, 3);
    END(w, 1, 3);
    world_wait(w);
    world_open_get(w, 2, 1, 9);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C);
    world_finish(w);
    cr_expect(world_count(w, "x tools/call 1 result s1 http=200 resumed") == 1, "%s", w->log);
    cr_expect(world_count(w, "s close") == 1 && world_count(w, "s open") == 0);
    world_free(w);
}

Test(tracker_streams, the_end_of_a_session_ends_the_servers_requests)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 0);
    SAY(w, 1, 2, "roots/list", "1", DIR_S2C);
    BEGIN(w, 2, 1, .method = HTTP_METHOD_DELETE, .session = 5);
    world_clear(w);
    world_head(w, 2, 1, 200, HTTP_CONTENT_NONE, 0);
    world_wait(w);
    EXPECT(w, "s close 1 2025-06-18 cli/srv\nx roots/list 1 unanswered s1\nf pair:unanswered\n");
    world_free(w);
}

Test(tracker_streams, a_resumed_stream_answers_what_was_suspended)
{
    struct world *w = world_ready();
    for (uint32_t i = 2; i < 4; i++) {
        BEGIN(w, 1, i, .session = 5);
        SAY(w, 1, i, "tools/call", "7", .name = i == 2 ? "open" : "suspended");
        SSE_HEAD(w, 1, i);
    }
    world_end(w, 1, 3, CHANNEL_END_CLOSED);
    world_open_get(w, 2, 1, 9);
    SAY(w, 2, 1, .id = "7", .dir = DIR_S2C);
    cr_expect(world_count(w, "x tools/call 7 result s1 name=suspended") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_streams, a_post_of_another_client_is_not_answered)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, 0);
    SAY(w, 1, 1, "tools/call", "1");
    BEGIN(w, 2, 1, 0);
    SAY(w, 2, 1, "tools/call", "2");
    SSE_HEAD(w, 2, 1);
    SAY(w, 2, 1, .id = "1", .dir = DIR_S2C);
    world_wait(w);
    cr_expect(w->exchanges == 0 && world_count(w, "?:result 1 s0 - orphan") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_streams, notifications_are_copies_on_resumed_streams_only)
{
    struct world *w = world_ready();
    for (uint32_t i = 2; i < 4; i++) {
        BEGIN(w, 1, i, .session = 5);
        SSE_HEAD(w, 1, i);
        SAY(w, 1, i, "notifications/progress", .dir = DIR_S2C, .event = 1);
    }
    cr_expect(world_count(w, "copy") == 0);
    world_free(w);
}

Test(tracker_streams, an_error_without_id_in_an_accepted_exchange)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    JSON_HEAD(w, 1, 2);
    world_clear(w);
    SAY(w, 1, 2, .id = "null", .dir = DIR_S2C, .error = true, .code = -32700);
    SAY(w, 1, 2, .id = "null", .dir = DIR_S2C, .error = true); /* once more, for nothing */
    EXPECT(w, "m s2c tools/call:error null s1 2025-06-18\n"
              "f jsonrpc:-32700\n"
              "x tools/call 1 error s1 code=-32700 http=200 2ms\n"
              "m s2c ?:error null s1 2025-06-18 orphan\n"
              "f jsonrpc:no_code\n");
    world_free(w);
}
