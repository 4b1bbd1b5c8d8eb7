/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: HTTP+SSE without the announcement, streams and targets tied by ids. */
#include "tests/dissect/tracker_world.h"

/* The stream on a connection, joined after its announcement. */
static void stream(struct world *w, uint64_t conn)
{
    BEGIN(w, conn, 1, .stub = true);
    SAY(w, conn, 1, "notifications/message", .dir = DIR_S2C);
}

/* A request to a target, accepted with that status; each on connection 9. */
static void post_as(struct world *w, uint64_t target, const char *id, int status)
{
    static uint32_t channel;
    BEGIN(w, 9, ++channel, .path = 2, .target = target);
    SAY(w, 9, channel, "tools/call", id, .name = target == 41 ? "a" : "b");
    world_head(w, 9, channel, status, HTTP_CONTENT_OTHER, 0);
    END(w, 9, channel);
}

static void post(struct world *w, uint64_t target, const char *id)
{
    post_as(w, target, id, 202);
}

static void answer(struct world *w, uint64_t conn, const char *id)
{
    SAY(w, conn, 1, .id = id, .dir = DIR_S2C);
}

static struct world *joined(uint64_t streams)
{
    struct world *w = world_new(0, 0);
    for (uint64_t conn = 1; conn <= streams; conn++)
        stream(w, conn);
    world_clear(w);
    return w;
}

/* Two clients that count alike, each answered before the other one asks. */
static void ask_in_turn(struct world *w)
{
    static const char *const ids[] = {"1", "2", "3"};
    for (int i = 0; i < 3; i++) {
        post(w, 41, ids[i]);
        answer(w, 1, ids[i]);
        post(w, 42, ids[i]);
        answer(w, 2, ids[i]);
    }
}

/* The same, but both ask before any is answered. */
static void ask_at_once(struct world *w)
{
    static const char *const ids[] = {"1", "2", "3"};
    for (int i = 0; i < 3; i++) {
        post(w, 41, ids[i]);
        post(w, 42, ids[i]);
        answer(w, 1, ids[i]);
        answer(w, 2, ids[i]);
    }
}

Test(tracker_endpoint, two_answers_tie_a_stream)
{
    static const int statuses[] = {202, 204, 200};
    for (size_t i = 0; i < 3; i++) {
        struct world *w = joined(1);
        post_as(w, 41, "5", statuses[i]);
        answer(w, 1, "5");
        post_as(w, 41, "6", statuses[i]);
        answer(w, 1, "6");
        cr_expect_eq(world_count(w, "x "), 0, "%s", w->log);
        world_wait(w);
        cr_expect_eq(world_count(w, "x tools/call 5 result s1 name=a"), 1, "%s", w->log);
        cr_expect_eq(world_count(w, "x tools/call 6 result s1 name=a"), 1, "%s", w->log);
        world_clear(w);
        post_as(w, 41, "7", statuses[i]);
        answer(w, 1, "7"); /* at once from now on */
        cr_expect_eq(world_count(w, "x tools/call 7 result s1 name=a"), 1, "%s", w->log);
        post_as(w, 41, "8", statuses[i]);
        world_end(w, 1, 1, CHANNEL_END_CLOSED);
        world_wait(w);
        cr_expect_eq(world_count(w, "s close 1"), 1, "%s", w->log);
        cr_expect_eq(world_count(w, "x tools/call 8 unanswered s1"), 1, "%s", w->log);
        world_free(w);
    }
}

Test(tracker_endpoint, the_end_of_the_stream_decides)
{
    struct world *w = joined(1);
    for (int i = 0; i < 4; i++) {
        char id[] = {(char)('1' + i), '\0'};
        post(w, 41, id);
        if (i != 2)
            answer(w, 1, id);
    }
    world_end(w, 1, 1, CHANNEL_END_CLOSED);
    world_wait(w);
    cr_expect_eq(world_count(w, " result s1 name=a"), 3, "%s", w->log);
    /* sent before the stream was known: its answer may have been there */
    cr_expect_eq(world_count(w, "x tools/call 3 lost s1"), 1, "%s", w->log);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

Test(tracker_endpoint, one_answer_proves_nothing)
{
    struct world *w = joined(1);
    post(w, 41, "5");
    answer(w, 1, "5");
    world_finish(w);
    cr_expect_eq(world_count(w, "x tools/call 5 lost"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "?:result 5"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "orphan"), 1);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

/* Two sessions count alike; what was answered before it was asked tells them apart. */
Test(tracker_endpoint, a_response_before_its_request_refutes)
{
    struct world *w = joined(2);
    ask_in_turn(w);
    world_wait(w);
    cr_expect_eq(world_count(w, " result s"), 6, "%s", w->log);
    cr_expect_eq(world_count(w, "name=a http=0"), 0);
    for (const char *p = w->log; (p = strstr(p, "\nx tools/call")); p++)
        cr_expect(strstr(p, " 3ms") || strstr(p, " 2ms") || strstr(p, " 4ms"), "%s", p);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

/* Both are asked before any answers: nobody can say whose the answers are. */
Test(tracker_endpoint, two_that_fit_are_not_tied)
{
    struct world *w = joined(2);
    ask_at_once(w);
    world_finish(w);
    cr_expect_eq(world_count(w, " result s"), 0, "%s", w->log);
    cr_expect_eq(world_count(w, " lost"), 6, "%s", w->log);
    cr_expect_eq(world_count(w, "orphan"), 6);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

/* The answers of a session whose requests were sent before the capture fit another one's. */
Test(tracker_endpoint, answers_from_before_the_capture)
{
    struct world *w = joined(2);
    post(w, 42, "9");
    post(w, 42, "10");
    answer(w, 1, "9");
    answer(w, 1, "10");
    answer(w, 2, "10");
    answer(w, 2, "9");
    world_finish(w);
    cr_expect_eq(world_count(w, " result s"), 0, "%s", w->log);
    world_free(w);
}

Test(tracker_endpoint, losses_ask_for_more)
{
    for (int n = 2; n <= 5; n += 3) {
        struct world *w = joined(1);
        world_finding(w, 1, 1, FINDING_GAP, 10);
        for (int i = 0; i < n; i++) {
            char id[] = {(char)('1' + i), '\0'};
            post(w, 41, id);
            answer(w, 1, id);
        }
        world_finish(w);
        cr_expect_eq(world_count(w, " result s1 name=a"), n == 5 ? 5 : 0, "%s", w->log);
        world_free(w);
    }
}

/* The server's requests on the stream, answered by POSTs, are tied with it. */
Test(tracker_endpoint, requests_of_the_server)
{
    struct world *w = joined(2);
    SAY(w, 1, 1, "sampling/createMessage", "0", .dir = DIR_S2C);
    SAY(w, 2, 1, "roots/list", "0", .dir = DIR_S2C);
    post(w, 41, "1");
    answer(w, 1, "1");
    BEGIN(w, 8, 1, .path = 2, .target = 41);
    SAY(w, 8, 1, .id = "0"); /* of one of the two */
    world_head(w, 8, 1, 202, HTTP_CONTENT_OTHER, 0);
    END(w, 8, 1);
    cr_expect_eq(world_count(w, "x "), 0, "%s", w->log);
    post(w, 41, "2");
    answer(w, 1, "2");
    world_wait(w);
    cr_expect_eq(world_count(w, "x sampling/createMessage 0 result s1"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, "x roots/list"), 0, "%s", w->log);
    world_free(w);
}

/* Streams that announced targets which nothing is sent to, as behind a proxy that changes them. */
static struct world *announced(uint64_t streams)
{
    struct world *w = world_new(0, 0);
    for (uint64_t conn = 1; conn <= streams; conn++) {
        BEGIN(w, conn, 1, .method = HTTP_METHOD_GET, .flags = CHANNEL_ACCEPTS_SSE, .path = 1);
        SSE_HEAD(w, conn, 1);
        struct record r = world_record(w, RECORD_EVENT, conn, 1);
        r.u.event = (struct record_event){.endpoint_hash = 90 + conn, .has_endpoint = true};
        world_send(w, &r);
    }
    return w;
}

Test(tracker_endpoint, another_target_than_the_announced)
{
    struct world *w = announced(2);
    ask_in_turn(w);
    world_wait(w);
    cr_expect_eq(world_count(w, " result s1 name=a"), 3, "%s", w->log);
    cr_expect_eq(world_count(w, " result s2 name=b"), 3, "%s", w->log);
    cr_expect_eq(w->findings, 0);
    world_free(w);
}

Test(tracker_endpoint, two_announced_that_fit_are_not_tied)
{
    struct world *w = announced(2);
    ask_at_once(w);
    world_finish(w);
    cr_expect_eq(world_count(w, " result s"), 0, "%s", w->log);
    cr_expect_eq(world_count(w, "orphan"), 6);
    cr_expect_eq(w->findings, 0, "%s", w->log);
    world_free(w);
}

/* A stream whose own target is used is nobody else's. */
Test(tracker_endpoint, an_announced_target_in_use)
{
    struct world *w = announced(1);
    post(w, 91, "0");
    answer(w, 1, "0");
    post(w, 41, "1");
    answer(w, 1, "1");
    post(w, 41, "2");
    answer(w, 1, "2");
    world_finish(w);
    cr_expect_eq(world_count(w, " result s"), 1, "%s", w->log);
    cr_expect_eq(world_count(w, " lost"), 2, "%s", w->log);
    cr_expect_eq(world_count(w, "f pair:unknown_id"), 2, "%s", w->log);
    world_free(w);
}

Test(tracker_endpoint, dropped_sessions_and_channels)
{
    struct world *w = world_new(0, 4);
    stream(w, 1);
    for (uint64_t target = 41; target < 60; target++) {
        post(w, target, "1");
        answer(w, 1, "1");
    }
    world_end(w, 1, 1, CHANNEL_END_LOST);
    world_finish(w);
    cr_expect_eq(world_count(w, " result s"), 0, "%s", w->log);
    world_free(w);
}

/* Before the answer to a POST shows that its target names a session, nothing but the target tells
 * its client from others. */
Test(tracker_endpoint, a_cancellation_to_another_target_means_another_request)
{
    for (uint64_t target = 41; target < 43; target++) {
        for (int order = 0; order < 2; order++) {
            struct world *w = world_new(0, 0);
            struct stream_pos asked = w->now;
            if (order == 1) { /* it is told first, and its request before it was sent */
                BEGIN(w, 8, 1, .path = 2, .target = target);
                SAY(w, 8, 1, "notifications/cancelled", .cancels = "1");
                w->now.ts_ns = asked.ts_ns - 5000000;
            }
            BEGIN(w, 9, 1, .path = 2, .target = 41);
            SAY(w, 9, 1, "tools/call", "1", .name = "a");
            if (order == 0) {
                BEGIN(w, 8, 1, .path = 2, .target = target);
                SAY(w, 8, 1, "notifications/cancelled", .cancels = "1");
            }
            world_head(w, 9, 1, 202, HTTP_CONTENT_NONE, 0);
            END(w, 9, 1);
            world_finish(w);
            cr_expect_eq(world_count(w, "x tools/call 1 cancelled"), target == 41, "%s", w->log);
            cr_expect_eq(world_count(w, "x tools/call 1 lost"), target == 42, "%s", w->log);
            cr_expect_eq(w->findings, 0);
            world_free(w);
        }
    }
}
