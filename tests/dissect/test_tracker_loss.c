/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker after losses: nobody is blamed, and only what is certain is paired. */
#include "tests/dissect/tracker_world.h"

Test(tracker_loss, loss_never_makes_a_request_unanswered)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    SSE_HEAD(w, 1, 2);
    world_finding(w, 1, 2, FINDING_GAP, 4000);
    END(w, 1, 2); /* waits on: a resumed stream may still bring it */
    BEGIN(w, 1, 3, .session = 5);
    SAY(w, 1, 3, "tools/call", "2");
    world_end(w, 1, 3, CHANNEL_END_LOST);
    world_open_get(w, 2, 1, 0);
    SAY(w, 2, 1, "roots/list", "3", DIR_S2C);
    world_finding(w, 3, 1, FINDING_LOST_MESSAGE, 1); /* perhaps the answer: the same client */
    BEGIN(w, 1, 4, .session = 5);
    SAY(w, 1, 4, "tools/call", "4");
    world_head(w, 1, 4, 200, HTTP_CONTENT_JSON, 0);
    world_finding(w, 1, 4, FINDING_UNDECODABLE, 1);
    END(w, 1, 4);
    BEGIN(w, 1, 5, .session = 5);
    SAY(w, 1, 5, "tools/call", "5");
    SSE_HEAD(w, 1, 5);
    END(w, 1, 5); /* all after the loss: this one is the server's fault */
    world_finish(w);
    cr_expect(world_count(w, "x tools/call 1 lost") == 1, "%s", w->log);
    cr_expect(world_count(w, "x tools/call 2 lost") == 1);
    cr_expect(world_count(w, "x roots/list 3 lost") == 1);
    cr_expect(world_count(w, "x tools/call 4 lost") == 1);
    cr_expect(world_count(w, "x tools/call 5 unanswered") == 1);
    cr_expect(world_count(w, "f tcp:gap\n") == 1, "%s", w->log);
    cr_expect(world_count(w, "f pair:") == 1);
    world_free(w);
}

Test(tracker_loss, an_answer_after_a_gap_in_its_own_stream)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    SSE_HEAD(w, 1, 2);
    world_finding(w, 1, 2, FINDING_GAP, 4000);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    cr_expect(world_count(w, "x tools/call 1 result") == 1);
    world_free(w);
}

/* The request that an uncertain response was put to may be another's, of another session. */
/* On a connection that the capture joined the response may be that of an earlier request, until
 * an exchange has answered its own. */
Test(tracker_loss, nobody_is_blamed_before_the_first_full_exchange)
{
    for (int proven = 0; proven < 2; proven++) {
        struct world *w = world_new(0, 0);
        if (proven) {
            BEGIN(w, 1, 1, .flags = POST_FLAGS | CHANNEL_JOINED);
            SAY(w, 1, 1, "tools/call", "2");
            JSON_HEAD(w, 1, 1);
            SAY(w, 1, 1, .id = "2", .dir = DIR_S2C);
            END(w, 1, 1);
        }
        BEGIN(w, 1, 2, .flags = POST_FLAGS | CHANNEL_JOINED);
        SAY(w, 1, 2, "tools/call", "3");
        JSON_HEAD(w, 1, 2);
        SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
        END(w, 1, 2);
        BEGIN(w, 1, 3, .flags = POST_FLAGS | CHANNEL_JOINED);
        SAY(w, 1, 3, "tools/call", "4");
        world_end(w, 1, 3, CHANNEL_END_CAPTURE);
        world_finish(w);
        cr_expect_eq(world_count(w, "f pair:unknown_id"), proven, "%s", w->log);
        cr_expect_eq(world_count(w, "x tools/call 3 unanswered"), proven, "%s", w->log);
        cr_expect_eq(world_count(w, "x tools/call 3 lost"), !proven, "%s", w->log);
        cr_expect_eq(world_count(w, "x tools/call 4 pending"), 1, "%s", w->log);
        world_free(w);
    }
}

/* Several sessions count alike on a connection whose responses are off by one. */
Test(tracker_loss, an_answer_in_the_wrong_exchange_makes_the_later_ones_uncertain)
{
    static const char *const answers[] = {"1", "2", "3"};
    struct world *w = world_new(0, 0);
    for (uint32_t i = 0; i < 3; i++) {
        BEGIN(w, 1, 1 + i, .flags = POST_FLAGS | CHANNEL_JOINED, .session = 5 + i);
        SAY(w, 1, 1 + i, "tools/call", i == 0 ? "2" : "3");
        JSON_HEAD(w, 1, 1 + i);
        SAY(w, 1, 1 + i, .id = answers[i], .dir = DIR_S2C); /* that of the session before */
        END(w, 1, 1 + i);
    }
    world_finish(w);
    cr_expect_eq(world_count(w, " lost "), 3, "%s", w->log);
    cr_expect_eq(world_count(w, " result s"), 0, "%s", w->log);
    cr_expect_eq(w->findings, 0, "%s", w->log);
    world_free(w);
}

/* After a loss a response may be put to another request for good reasons, and wrongly. */
Test(tracker_loss, an_answer_in_the_wrong_exchange_excuses_its_request)
{
    for (int loss = 0; loss < 2; loss++) {
        struct world *w = world_ready();
        if (loss)
            world_finding(w, 9, 1, FINDING_GAP, 100);
        BEGIN(w, 1, 2, .session = 5);
        SAY(w, 1, 2, "tools/call", "3");
        JSON_HEAD(w, 1, 2);
        SAY(w, 1, 2, .id = "2", .dir = DIR_S2C);
        END(w, 1, 2);
        cr_expect_eq(world_count(w, loss ? "call 3 lost" : "call 3 unanswered"), 1, "%s", w->log);
        world_free(w);
    }
}

Test(tracker_loss, an_uncertain_response_must_name_its_session)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "7", .name = "a");
    BEGIN(w, 2, 2, .session = 5, .flags = POST_FLAGS | CHANNEL_UNCERTAIN);
    SAY(w, 2, 2, "tools/call", "8", .name = "b");
    SSE_HEAD(w, 2, 2);
    SAY(w, 2, 2, .id = "7", .dir = DIR_S2C);
    cr_expect(world_count(w, "x tools/call 7") == 0, "%s", w->log);
    world_free(w);
}

/* Where only one session was ever seen on the connection, and no request is missing, it is it. */
Test(tracker_loss, a_connection_of_one_session_names_it)
{
    for (int missing = 0; missing < 2; missing++) {
        struct world *w = world_ready();
        uint16_t doubt = CHANNEL_UNCERTAIN | (missing ? CHANNEL_REQUEST_MISSING : 0);
        BEGIN(w, 1, 2, .session = 5, .flags = POST_FLAGS | doubt);
        SAY(w, 1, 2, "tools/call", "7", .name = "a");
        SSE_HEAD(w, 1, 2);
        SAY(w, 1, 2, .id = "7", .dir = DIR_S2C);
        cr_expect(world_count(w, "x tools/call 7 result") == !missing, "%s", w->log);
        world_free(w);
    }
}

Test(tracker_loss, uncertain_channels_make_certain_pairs_only)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5, .flags = POST_FLAGS | CHANNEL_UNCERTAIN);
    SAY(w, 1, 2, "tools/call", "1", .name = "a");
    BEGIN(w, 1, 3, .session = 5, .flags = POST_FLAGS | CHANNEL_UNCERTAIN);
    SAY(w, 1, 3, "tools/call", "2", .name = "b");
    world_head(w, 1, 2, 200, HTTP_CONTENT_SSE, 5);
    SAY(w, 1, 2, .id = "2", .dir = DIR_S2C); /* the response that came is that of the other */
    cr_expect(world_count(w, "x tools/call 2 result s1 name=b") == 1, "%s", w->log);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "tools/call", "1", .name = "c");
    world_clear(w);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C); /* of which of the two? */
    END(w, 1, 2);
    world_wait(w);
    EXPECT(w, "m s2c ?:result 1 s1 2025-06-18 orphan\n");
    world_call(w, 3, 2, 0, "1");
    BEGIN(w, 3, 3, .flags = POST_FLAGS | CHANNEL_UNCERTAIN | CHANNEL_MCP_HEADER);
    SAY(w, 3, 3, "tools/call", "1");
    world_clear(w);
    world_head(w, 3, 3, 404, HTTP_CONTENT_JSON, 0);
    SAY(w, 3, 3, .id = "1", .dir = DIR_S2C); /* without a session nothing is certain */
    END(w, 3, 3);
    EXPECT(w, "f http:404\nx tools/call 1 lost s0\n");
    world_clear(w);
    world_finish(w);
    EXPECT(w, "m s2c tools/call:result 1 s0 - orphan\n"
              "x tools/call 1 lost s1 name=a\n"
              "x tools/call 1 pending s1 name=c\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

Test(tracker_loss, a_stub_pairs_in_its_session)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    BEGIN(w, 7, 1, .method = HTTP_METHOD_UNKNOWN, .flags = CHANNEL_STUB);
    world_head(w, 7, 1, 200, HTTP_CONTENT_SSE, 5);
    SAY(w, 7, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 7, 1, .id = "2", .dir = DIR_S2C);
    SAY(w, 8, 4, "notifications/progress", .dir = DIR_S2C); /* not even a beginning */
    world_wait(w);
    cr_expect(world_count(w, "x tools/call 1 result s1 http=200") == 1, "%s", w->log);
    cr_expect(world_count(w, "?:result 2 s1 2025-06-18 orphan") == 1 && w->findings == 0);
    cr_expect(world_count(w, "notifications/progress  s0") == 1);
    world_free(w);
}

Test(tracker_loss, an_answer_that_could_not_be_read_excuses_the_repeated_id)
{
    struct world *w = world_ready();
    for (uint32_t i = 2; i < 4; i++) {
        BEGIN(w, 1, i, .session = 5);
        SAY(w, 1, i, "tools/call", "7");
        SSE_HEAD(w, 1, i);
        if (i == 2)
            world_finding(w, 1, i, FINDING_UNDECODABLE, 1);
        END(w, 1, i);
    }
    cr_expect(world_count(w, "duplicate_id") == 0, "%s", w->log);
    world_free(w);
}

/* The rest of a stream that became unreadable is told as losses of nothing. */
Test(tracker_loss, a_loss_of_nothing_excuses_and_is_not_counted)
{
    for (int amount = 0; amount < 2; amount++) {
        struct world *w = world_ready();
        BEGIN(w, 1, 2, .session = 5);
        SAY(w, 1, 2, "tools/call", "1");
        SSE_HEAD(w, 1, 2);
        world_finding(w, 1, 2, FINDING_LOST_MESSAGE, (uint64_t)amount);
        END(w, 1, 2);
        world_finish(w);
        cr_expect(world_count(w, "x tools/call 1 lost") == 1, "%s", w->log);
        cr_expect(world_count(w, "f parse:lost_message\n") == amount, "%s", w->log);
        world_free(w);
    }
}

Test(tracker_loss, a_gap_in_a_body_that_ends_well)
{
    struct world *w = world_ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    JSON_HEAD(w, 1, 2);
    world_finding(w, 1, 2, FINDING_GAP, 10);
    END(w, 1, 2);
    cr_expect(world_count(w, "x tools/call 1 lost s1") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_loss, an_answer_told_before_its_request)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 0);
    world_clear(w);
    int64_t asked = w->now.ts_ns;
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, .id = "1");
    world_head(w, 2, 1, 202, HTTP_CONTENT_NONE, 0);
    END(w, 2, 1);
    EXPECT(w, "");
    int64_t now = w->now.ts_ns;
    w->now.ts_ns = asked; /* a hole in its connection held the request back */
    SAY(w, 1, 2, "roots/list", "1", DIR_S2C);
    w->now.ts_ns = now;
    world_wait(w);
    EXPECT(w, "m s2c roots/list 1 s1 2025-06-18\n"
              "m c2s roots/list:result 1 s1 2025-06-18\n"
              "x roots/list 1 result s1 1ms\n");
    world_free(w);
}

/* The capture has the client's answer that much earlier than the server's request. */
static struct world *answered_before(int64_t by_ns, bool loss)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 0);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, .id = "1");
    world_head(w, 2, 1, 202, HTTP_CONTENT_NONE, 0);
    END(w, 2, 1);
    if (loss)
        world_finding(w, 9, 1, FINDING_GAP, 100);
    world_clear(w);
    w->now.ts_ns += by_ns - 3000000 - (loss ? 1000000 : 0); /* records since the answer and this */
    SAY(w, 1, 2, "roots/list", "1", DIR_S2C);
    return w;
}

Test(tracker_loss, an_answer_captured_before_its_request)
{
    for (int ms = 1; ms <= 101; ms += 50) {
        struct world *w = answered_before(ms * INT64_C(1000000), false);
        const char *want = "m s2c roots/list 1 s1 2025-06-18\n"
                           "m c2s roots/list:result 1 s1 2025-06-18\n"
                           "x roots/list 1 result s1\n"; /* no latency */
        if (ms < 100)
            EXPECT(w, want);
        else
            EXPECT(w, "m s2c roots/list 1 s1 2025-06-18\n");
        world_free(w);
    }
}

Test(tracker_loss, an_answer_from_before_a_request_that_may_not_be_its_own)
{
    struct world *w = answered_before(1000000, true); /* its own may have been lost */
    EXPECT(w, "m s2c roots/list 1 s1 2025-06-18\n");
    world_finish(w);
    cr_expect(world_count(w, "orphan") == 1 && w->findings == 0, "%s", w->log);
    world_free(w);
    w = world_new(0, 0); /* the session began before the capture: so may its own have been */
    world_call(w, 1, 1, 5, "7");
    world_open_get(w, 1, 2, 0);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, .id = "1");
    SAY(w, 1, 2, "roots/list", "1", DIR_S2C);
    cr_expect_eq(world_count(w, "x roots/list"), 0, "%s", w->log);
    world_free(w);
}

#define MS INT64_C(1000000)

/* A request 300 ms after the beginning, and by_ns before it a message with its id; told in that
 * order or in the other one. */
static struct world *ended_before(int64_t by_ns, bool cancelled, bool told_first)
{
    struct world *w = world_ready();
    world_finding(w, 9, 1, FINDING_GAP, 100);
    world_open_get(w, 1, 2, 0);
    BEGIN(w, 3, 1, .session = 5);
    BEGIN(w, 4, 1, .session = 5);
    int64_t asked_ns = w->now.ts_ns + 300 * MS;
    for (int step = 0; step < 2; step++) {
        bool request = (step == 0) == told_first;
        w->now.ts_ns = asked_ns - (request ? 0 : by_ns) - 1 * MS;
        if (request)
            SAY(w, 3, 1, "tools/call", "1");
        else if (cancelled)
            SAY(w, 4, 1, "notifications/cancelled", .cancels = "1");
        else
            SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    }
    world_head(w, 3, 1, 202, HTTP_CONTENT_NONE, 0);
    END(w, 3, 1);
    world_finish(w);
    return w;
}

/* Where something was lost nobody knows whether the two belong together: nobody is blamed for what
 * they may have done. */
Test(tracker_loss, a_request_right_behind_its_possible_end_is_not_unanswered)
{
    static const struct {
        bool cancelled, told_first;
    } cases[] = {{false, false}, {false, true}, {true, false}};
    for (size_t i = 0; i < 3; i++) {
        for (int ms = 99; ms <= 101; ms++) {
            struct world *w = ended_before(ms * MS, cases[i].cancelled, cases[i].told_first);
            cr_expect_eq(world_count(w, "x tools/call 1 lost s1"), ms <= 100, "%s", w->log);
            cr_expect_eq(world_count(w, "x tools/call 1 unanswered"), ms > 100, "%s", w->log);
            cr_expect_eq(w->findings, ms > 100);
            world_free(w);
        }
    }
}

Test(tracker_loss, a_cancellation_captured_before_its_request)
{
    for (int ms = 50; ms <= 150; ms += 50) {
        struct world *w = world_ready();
        BEGIN(w, 2, 1, .session = 5);
        SAY(w, 2, 1, "notifications/cancelled", .cancels = "1");
        world_head(w, 2, 1, 202, HTTP_CONTENT_NONE, 0);
        END(w, 2, 1);
        w->now.ts_ns += (ms - 4) * INT64_C(1000000);
        BEGIN(w, 1, 2, .session = 5);
        SAY(w, 1, 2, "tools/call", "1");
        cr_expect(world_count(w, "x tools/call 1 cancelled s1") == (ms <= 100), "%s", w->log);
        world_free(w);
    }
}

Test(tracker_loss, a_cancellation_told_before_its_request)
{
    struct world *w = world_ready();
    int64_t asked = w->now.ts_ns;
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "notifications/cancelled", .cancels = "1");
    END(w, 2, 1);
    w->now.ts_ns = asked;
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    cr_expect(world_count(w, "x tools/call 1 cancelled s1") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_loss, an_answer_or_loss_told_after_the_end_of_the_session)
{
    for (int answered = 0; answered < 2; answered++) {
        struct world *w = world_ready();
        world_open_get(w, 1, 2, 0);
        SAY(w, 1, 2, "roots/list", "1", DIR_S2C);
        BEGIN(w, 2, 1, .session = 5);
        BEGIN(w, 3, 1, .method = HTTP_METHOD_DELETE, .session = 5);
        world_head(w, 3, 1, 200, HTTP_CONTENT_NONE, 0);
        if (answered)
            SAY(w, 2, 1, .id = "1");
        else
            world_finding(w, 2, 1, FINDING_GAP, 100);
        world_wait(w);
        const char *want = answered ? "x roots/list 1 result s1" : "x roots/list 1 lost s1";
        cr_expect(world_count(w, want) == 1 && world_count(w, "unanswered") == 0, "%s", w->log);
        world_free(w);
    }
}

Test(tracker_loss, bytes_lost_at_the_end_of_a_connection)
{
    struct world *w = world_ready();
    world_open_get(w, 1, 2, 0);
    SAY(w, 1, 2, "roots/list", "1", DIR_S2C);
    END(w, 1, 2);
    struct record r = world_record(w, RECORD_CONN, 7, 0);
    r.conn_event = CONN_EVENT_CLOSED;
    memset(&r.u.conn, 0, sizeof(r.u.conn));
    r.u.conn.side[0].lost_bytes = 300; /* told by nobody: nothing was read after them */
    world_send(w, &r);
    world_finish(w);
    cr_expect(world_count(w, "x roots/list 1 lost s1") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_loss, the_strays_are_few)
{
    struct world *w = world_ready();
    char id[16];
    for (int i = 0; i < LIMIT_STRAYS + 5; i++) {
        snprintf(id, sizeof(id), "%d", i);
        BEGIN(w, 2, 1 + (uint32_t)i, .session = 5);
        SAY(w, 2, 1 + (uint32_t)i, .id = id);
        END(w, 2, 1 + (uint32_t)i);
    }
    cr_expect(world_count(w, "orphan") == 5 && w->hit.count[LIMIT_ID_STRAYS] == 5);
    world_finish(w);
    cr_expect(world_count(w, "orphan") == LIMIT_STRAYS + 5 && w->findings == 0);
    world_free(w);
}

/* A response whose request was not seen, as HTTP shows it. */
static void stub_answer(struct world *w, uint64_t conn, uint32_t channel, int status,
                        const char *id)
{
    BEGIN(w, conn, channel, .stub = true);
    world_head(w, conn, channel, status, HTTP_CONTENT_JSON, 0);
    SAY(w, conn, channel, .id = id, .dir = DIR_S2C, .error = status >= 400);
    END(w, conn, channel);
}

/* The request was lost, on a connection that spoke nothing but MCP. */
Test(tracker_loss, responses_without_their_requests)
{
    struct world *w = world_ready();
    stub_answer(w, 1, 2, 200, "1");
    stub_answer(w, 1, 3, 404, "2");
    world_wait(w);
    EXPECT(w, "f http:404\n"
              "m s2c ?:result 1 s0 - orphan\n"
              "m s2c ?:error 2 s0 - orphan\n"
              "f jsonrpc:no_code\n");
    world_clear(w);
    BEGIN(w, 1, 4, .stub = true);
    SSE_HEAD(w, 1, 4);
    SAY(w, 1, 4, .id = "3", .dir = DIR_S2C);
    SAY(w, 1, 4, "roots/list", "1", DIR_S2C);
    END(w, 1, 4);
    world_finish(w);
    cr_expect_eq(world_count(w, "m s2c ?:result 3 s0 - orphan"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "m s2c roots/list 1"), 1, "%s", w->log);
    cr_expect_eq(w->findings, 2, "%s", w->log);
    world_gone(w, 1);
    cr_expect(w->gone.mcp && w->gone.foreign_bytes == 0 && w->gone.unproven_bytes == 0);
    world_free(w);
}

/* Nothing showed what they are; where their connection speaks MCP later, their bytes are known. */
Test(tracker_loss, responses_before_the_first_proof)
{
    struct world *w = world_new(0, 0);
    stub_answer(w, 1, 1, 200, "1");
    BEGIN(w, 1, 2, .stub = true);
    SSE_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "2", .dir = DIR_S2C);
    SAY(w, 1, 2, "custom/news", .dir = DIR_S2C); /* nor does it show that there is something else */
    END(w, 1, 2);
    BEGIN(w, 1, 3, .stub = true);
    JSON_HEAD(w, 1, 3);
    SAY(w, 1, 3, .id = "3", .dir = DIR_S2C, .flags = MESSAGE_CODED); /* how many, nobody knows */
    END(w, 1, 3);
    stub_answer(w, 2, 1, 200, "1");
    EXPECT(w, "");
    world_call(w, 1, 4, 5, "4");
    stub_answer(w, 1, 5, 200, "5");
    world_finish(w);
    cr_expect_eq(world_count(w, "orphan"), 1, "%s", w->log);
    cr_expect_eq(w->findings, 0, "%s", w->log);
    world_gone(w, 1);
    cr_expect(w->gone.mcp && w->gone.spoke && w->gone.foreign_bytes == 0);
    cr_expect_eq(w->gone.unproven_bytes, 300);
    world_gone(w, 2);
    cr_expect(!w->gone.mcp && !w->gone.spoke);
    world_gone(w, 1);
    cr_expect(!w->gone.mcp && w->gone.unproven_bytes == 0, "it was forgotten");
    world_free(w);
}

/* An exchange of other JSON-RPC, on another path. */
static void foreign_call(struct world *w, uint64_t conn, uint32_t channel, const char *id)
{
    BEGIN(w, conn, channel, .path = 99, .flags = CHANNEL_ACCEPTS_SSE);
    SAY(w, conn, channel, "eth_call", id);
    JSON_HEAD(w, conn, channel);
    SAY(w, conn, channel, .id = id, .dir = DIR_S2C);
    END(w, conn, channel);
}

/* Behind a gateway, a response without its request may be anything; whatever came first. */
Test(tracker_loss, responses_of_a_gateway)
{
    for (int first = 0; first < 2; first++) {
        struct world *w = world_new(0, 0);
        if (first == 0)
            foreign_call(w, 1, 1, "1");
        world_initialize(w, 1, 2, 5);
        if (first == 1)
            foreign_call(w, 1, 3, "1");
        world_call(w, 2, 1, 5, "1");
        world_clear(w);
        stub_answer(w, 1, 4, 200, "2");
        stub_answer(w, 2, 2, 200, "2");
        w->server_port = 81;
        world_call(w, 3, 1, 6, "1");
        stub_answer(w, 3, 2, 200, "2");
        world_finish(w);
        cr_expect_eq(world_count(w, "orphan"), 1, "another server: %s", w->log);
        world_gone(w, 1);
        cr_expect(w->gone.mcp && w->gone.foreign_bytes == 200 && w->gone.unproven_bytes == 100);
        world_gone(w, 2);
        cr_expect(w->gone.mcp && w->gone.foreign_bytes == 0 && w->gone.unproven_bytes == 100);
        world_free(w);
    }
}

/* What is told late of one that is gone says nothing about the one that has its slot now. */
Test(tracker_loss, the_slot_of_a_connection_that_is_gone)
{
    struct world *w = world_new(0, 0);
    w->slots = 4;
    world_initialize(w, 1, 1, 5);
    foreign_call(w, 1, 2, "1");
    world_gone(w, 1);
    cr_expect(w->gone.mcp && w->gone.spoke && w->gone.foreign_bytes > 0);
    foreign_call(w, 5, 1, "1");
    foreign_call(w, 1, 3, "2");
    world_call(w, 1, 4, 5, "3");
    world_gone(w, 5);
    cr_expect(!w->gone.mcp && !w->gone.spoke && w->gone.foreign_bytes > 0);
    world_call(w, 9, 1, 5, "4");
    world_gone(w, 9);
    cr_expect(w->gone.mcp && w->gone.spoke && w->gone.foreign_bytes == 0);
    world_gone(w, 9);
    cr_expect(!w->gone.mcp && !w->gone.spoke, "it was forgotten");
    cr_expect_eq(world_count(w, "s open"), 1, "the session is found by any: %s", w->log);
    world_free(w);
}

/* On a connection of their own they say nothing about the server. */
Test(tracker_loss, other_protocols_beside_mcp)
{
    struct world *w = world_ready();
    foreign_call(w, 2, 1, "1");
    stub_answer(w, 2, 2, 200, "2");
    EXPECT(w, "");
    stub_answer(w, 1, 2, 200, "2");
    world_finish(w);
    cr_expect_eq(world_count(w, "orphan"), 1, "%s", w->log);
    world_gone(w, 2);
    cr_expect(!w->gone.mcp && w->gone.foreign_bytes == 200);
    world_free(w);
}

/* What is wrong between two messages belongs to none of them. */
Test(tracker_loss, bad_http_in_front_of_a_response_without_its_request)
{
    struct world *w = world_ready();
    for (uint64_t conn = 1; conn < 3; conn++) {
        BEGIN(w, conn, 2, .stub = true);
        world_finding(w, conn, 2, FINDING_BAD_HTTP, 1);
        world_finding(w, conn, 2, FINDING_MALFORMED_JSON, 1);
        END(w, conn, 2);
    }
    foreign_call(w, 2, 3, "1");
    world_finding(w, 2, 4, FINDING_BAD_HTTP, 1);
    EXPECT(w, "f http:malformed\n");
    world_free(w);
}
