/* SPDX-License-Identifier: BSD-3-Clause */
#include "tracker_world.h"

/* Without HTTP: the channel is a connection, and the session. */

#define SOCKET(w, conn, ...) BEGIN(w, conn, 1, .method = HTTP_METHOD_UNKNOWN, .flags = __VA_ARGS__)

Test(tracker_channels, equal_ids_are_answered_in_order)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_WEBSOCKET;
    BEGIN(w, 1, 1, .method = HTTP_METHOD_UNKNOWN, .flags = CHANNEL_ACCEPTS_SSE);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .version = "2025-06-18", .peer = "srv");
    SAY(w, 1, 1, "tools/call", "1", .name = "a");
    SAY(w, 1, 1, "ping", "1", DIR_S2C);
    SAY(w, 1, 1, "tools/call", "1", .name = "b");
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 1, 1, "tools/list", "2");
    world_end(w, 1, 1, CHANNEL_END_CLOSED);
    EXPECT(w, "m c2s initialize 0 s0 -\n"
              "s open 1 2025-06-18 cli/srv\n"
              "m s2c initialize:result 0 s1 2025-06-18\n"
              "x initialize 0 result s1 1ms\n"
              "m c2s tools/call 1 s1 2025-06-18\n"
              "m s2c ping 1 s1 2025-06-18\n"
              "m c2s tools/call 1 s1 2025-06-18\n"
              "f pair:duplicate_id\n"
              "m s2c tools/call:result 1 s1 2025-06-18\n"
              "x tools/call 1 result s1 name=a 3ms\n"
              "m s2c tools/call:result 1 s1 2025-06-18\n"
              "x tools/call 1 result s1 name=b 2ms\n"
              "m c2s tools/list 2 s1 2025-06-18\n"
              "x ping 1 unanswered s1\n"
              "f pair:unanswered\n"
              "x tools/list 2 unanswered s1\n"
              "f pair:unanswered\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

/* A server that refuses `initialize` has no session, until another attempt succeeds. */
Test(tracker_channels, a_channel_counts_when_it_is_accepted)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_WEBSOCKET;
    SOCKET(w, 1, CHANNEL_MCP_HEADER);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .error = true, .code = -32602);
    cr_expect_eq(world_count(w, "s open"), 0);
    SAY(w, 1, 1, "initialize", "1", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C, .version = "2025-06-18", .peer = "srv");
    world_end(w, 1, 1, CHANNEL_END_CLOSED);
    EXPECT(w, "m c2s initialize 0 s0 -\n"
              "m s2c initialize:error 0 s0 -\n"
              "f jsonrpc:-32602\n"
              "x initialize 0 error s0 code=-32602 1ms\n"
              "m c2s initialize 1 s0 -\n"
              "s open 1 2025-06-18 cli/srv\n"
              "m s2c initialize:result 1 s1 2025-06-18\n"
              "x initialize 1 result s1 1ms\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

/* Where the answer to `initialize` was lost, or was not captured, the client's use says so. */
Test(tracker_channels, a_channel_whose_initialize_result_is_missing)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_WEBSOCKET;
    SOCKET(w, 1, CHANNEL_MCP_HEADER);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    world_finding(w, 1, 1, FINDING_GAP, 10);
    SAY(w, 1, 1, "tools/list", "1");
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    cr_expect_eq(world_count(w, "s open 1 - cli/"), 1, "%s", w->log);
    world_end(w, 1, 1, CHANNEL_END_CLOSED);
    cr_expect_eq(world_count(w, "x initialize 0 lost s1"), 1, "%s", w->log);
    SOCKET(w, 2, CHANNEL_MCP_HEADER);
    SAY(w, 2, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    SAY(w, 2, 1, "tools/list", "1");
    cr_expect_eq(world_count(w, "s open 2"), 0, "%s", w->log);
    world_end(w, 2, 1, CHANNEL_END_LOST);
    cr_expect_eq(world_count(w, "x tools/list 1 lost s2"), 1, "%s", w->log);
    world_free(w);
}

/* Both sides ask, with equal ids; each answer finds its own. */
Test(tracker_channels, a_channel_goes_both_ways)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_WEBSOCKET;
    SOCKET(w, 1, CHANNEL_MCP_HEADER);
    SAY(w, 1, 1, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .peer = "cli");
    SAY(w, 1, 1, .id = "0", .dir = DIR_S2C, .version = "2025-06-18", .peer = "srv");
    world_clear(w);
    SAY(w, 1, 1, "tools/call", "1", .name = "a");
    SAY(w, 1, 1, "sampling/createMessage", "1", DIR_S2C);
    SAY(w, 1, 1, "tools/call", "2", .name = "b");
    SAY(w, 1, 1, .id = "1");
    SAY(w, 1, 1, "notifications/cancelled", .cancels = "2");
    SAY(w, 1, 1, .id = "2", .dir = DIR_S2C);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 1, 1, .id = "9", .dir = DIR_S2C);
    SAY(w, 1, 1, .id = "9");
    SAY(w, 1, 1, .id = "null", .dir = DIR_S2C, .error = true, .code = -32700);
    SAY(w, 1, 1, "roots/list", "2", DIR_S2C);
    world_end(w, 1, 1, CHANNEL_END_CLOSED);
    EXPECT(w, "m c2s tools/call 1 s1 2025-06-18\n"
              "m s2c sampling/createMessage 1 s1 2025-06-18\n"
              "m c2s tools/call 2 s1 2025-06-18\n"
              "m c2s sampling/createMessage:result 1 s1 2025-06-18\n"
              "x sampling/createMessage 1 result s1 2ms\n"
              "m c2s notifications/cancelled  s1 2025-06-18\n"
              "x tools/call 2 cancelled s1 name=b\n"
              "m s2c tools/call:result 2 s1 2025-06-18 late\n"
              "m s2c tools/call:result 1 s1 2025-06-18\n"
              "x tools/call 1 result s1 name=a 6ms\n"
              "m s2c tools/call:result 1 s1 2025-06-18 orphan\n"
              "f pair:duplicate_response\n"
              "m s2c ?:result 9 s1 2025-06-18 orphan\n"
              "f pair:unknown_id\n"
              "m c2s ?:result 9 s1 2025-06-18 orphan\n"
              "f pair:unknown_id\n"
              "m s2c ?:error null s1 2025-06-18 orphan\n"
              "f jsonrpc:-32700\n"
              "m s2c roots/list 2 s1 2025-06-18\n"
              "x roots/list 2 unanswered s1\n"
              "f pair:unanswered\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

/* Joined in the middle: nobody is blamed, and nothing is a copy. */
Test(tracker_channels, a_channel_joined_in_the_middle)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_WEBSOCKET;
    SOCKET(w, 1, CHANNEL_STUB);
    SAY(w, 1, 1, .id = "8", .dir = DIR_S2C);
    cr_expect_eq(w->messages, 0, "a response alone proves nothing");
    world_finding(w, 1, 1, FINDING_GAP, 10);
    SAY(w, 1, 1, "tools/call", "9", .name = "a");
    SAY(w, 1, 1, .id = "8", .dir = DIR_S2C);
    SAY(w, 1, 1, "roots/list", "9", DIR_S2C);
    SAY(w, 1, 1, .id = "9");
    SAY(w, 1, 1, .id = "9", .dir = DIR_S2C);
    world_end(w, 1, 1, CHANNEL_END_CAPTURE);
    world_finish(w);
    EXPECT(w, "s open 1 - /\n"
              "m c2s tools/call 9 s1 -\n"
              "m s2c ?:result 8 s1 - orphan\n"
              "m s2c roots/list 9 s1 -\n"
              "m c2s roots/list:result 9 s1 -\n"
              "x roots/list 9 result s1 1ms\n"
              "m s2c tools/call:result 9 s1 -\n"
              "x tools/call 9 result s1 name=a 4ms\n"
              "s close 1 - /\n");
    world_free(w);
}

/* Chat, and JSON-RPC of others, stay silent; so does everything before the first MCP method. */
Test(tracker_channels, channels_of_others)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_WEBSOCKET;
    SOCKET(w, 1, CHANNEL_HAS_LAST_EVENT); /* one that means nothing here */
    SAY(w, 1, 1, "eth_subscribe", "1");
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 1, 1, "tasks/get", "2");
    SAY(w, 1, 1, "tools/list", "3", .flags = MESSAGE_NO_VERSION);
    world_finding(w, 1, 1, FINDING_MALFORMED_JSON, 1);
    world_end(w, 1, 1, CHANNEL_END_CLOSED);
    EXPECT(w, "");
    world_free(w);
}

/* A wrong mask is told at the first frame, before a message can say that it is MCP. */
Test(tracker_channels, wrong_masks_before_the_first_message)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_WEBSOCKET;
    SOCKET(w, 1, 0);
    world_finding(w, 1, 1, FINDING_BAD_MASK, 1);
    SAY(w, 1, 1, "eth_subscribe", "1");
    world_end(w, 1, 1, CHANNEL_END_CLOSED);
    EXPECT(w, "");
    SOCKET(w, 2, 0);
    world_finding(w, 2, 1, FINDING_BAD_MASK, 1);
    SAY(w, 2, 1, "tools/list", "1");
    SAY(w, 2, 1, "tools/list", "2");
    world_end(w, 2, 1, CHANNEL_END_CAPTURE);
    cr_expect_eq(world_count(w, "f frame:bad_mask"), 1, "%s", w->log);
    world_free(w);
}

/* Connections that are over leave no session behind that would push out others. */
Test(tracker_channels, many_channels_after_each_other)
{
    struct world *w = world_new(0, 4);
    w->transport = TRANSPORT_WEBSOCKET;
    for (uint32_t conn = 1; conn < 20; conn++) {
        SOCKET(w, conn, CHANNEL_MCP_HEADER);
        SAY(w, conn, 1, "tools/list", "1");
        world_end(w, conn, 1, CHANNEL_END_CLOSED);
    }
    world_finish(w);
    cr_expect_eq(w->hit.count[LIMIT_ID_SESSIONS], 0);
    cr_expect_eq(world_count(w, "s close"), 19);
    world_free(w);
}

/* Without a session, equal ids may be those of several clients. */
Test(tracker_channels, a_cancellation_that_may_mean_several_means_none)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 0);
    for (uint32_t conn = 2; conn < 5; conn++) {
        BEGIN(w, conn, 1, 0);
        SAY(w, conn, 1, "tools/call", conn == 4 ? "8" : "7");
    }
    BEGIN(w, 5, 1, 0);
    world_clear(w);
    SAY(w, 5, 1, "notifications/cancelled", .cancels = "7");
    SAY(w, 5, 1, "notifications/cancelled", .cancels = "8");
    EXPECT(w, "m c2s notifications/cancelled  s1 2025-06-18\n"
              "m c2s notifications/cancelled  s1 2025-06-18\n"
              "x tools/call 8 cancelled s1\n");
    JSON_HEAD(w, 2, 1);
    SAY(w, 2, 1, .id = "7", .dir = DIR_S2C);
    END(w, 2, 1);
    world_end(w, 3, 1, CHANNEL_END_CLOSED); /* it was this one, then; but that proves nothing */
    world_finish(w);
    cr_expect_eq(world_count(w, "x tools/call 7 result s1"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x tools/call 7 lost s1"), 1, "%s", w->log);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

/* The one of another target may be behind more of them than are looked at. */
Test(tracker_channels, a_cancellation_among_very_many_means_none)
{
    for (uint64_t count = 63; count < 66; count++) {
        struct world *w = world_new(0, 0);
        world_initialize(w, 1, 1, 0);
        for (uint64_t conn = 0; conn < count; conn++) {
            BEGIN(w, 10 + conn, 1, .target = conn == count - 1 ? 5 : 6);
            SAY(w, 10 + conn, 1, "tools/call", "7");
        }
        BEGIN(w, 2, 1, .target = 5);
        SAY(w, 2, 1, "notifications/cancelled", .cancels = "7");
        cr_expect_eq(world_count(w, "x tools/call 7 cancelled s1"), count <= 64, "%s", w->log);
        world_free(w);
    }
}

/* Nor are all streams of a server those of one client, unless it resumes them. */
Test(tracker_channels, a_server_cancels_on_the_stream_that_asked_or_a_resumed_one)
{
    static const struct {
        uint32_t channel;
        uint64_t last_event;
        bool cancelled;
    } cases[] = {{2, 0, true}, {3, 0, false}, {3, 9, true}};
    for (size_t i = 0; i < 3; i++) {
        struct world *w = world_new(0, 0);
        world_initialize(w, 1, 1, 0);
        for (uint32_t channel = 2; channel < 4; channel++) {
            BEGIN(w, channel, channel, .method = HTTP_METHOD_GET, .flags = CHANNEL_ACCEPTS_SSE,
                  .last_event = channel == 3 ? cases[i].last_event : 0);
            SSE_HEAD(w, channel, channel);
        }
        SAY(w, 2, 2, "ping", "7", DIR_S2C);
        SAY(w, cases[i].channel, cases[i].channel, "notifications/cancelled", .dir = DIR_S2C,
            .cancels = "7");
        world_finish(w);
        cr_expect_eq(world_count(w, "x ping 7 cancelled s1"), cases[i].cancelled, "%s", w->log);
        cr_expect_eq(world_count(w, "x ping 7 lost s1"), !cases[i].cancelled, "%s", w->log);
        world_free(w);
    }
}
