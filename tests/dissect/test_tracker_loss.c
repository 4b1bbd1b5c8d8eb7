/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker after losses: nobody is blamed, and only what is certain is paired. */
#include "tests/dissect/tracker_world.h"

/* Session 1 (id 5) is open, its initialize was captured; the log is empty. */
static struct world *ready(void)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    world_clear(w);
    return w;
}

static void open_get(struct world *w, uint64_t conn, uint32_t channel, uint64_t last_event)
{
    BEGIN(w, conn, channel, .method = HTTP_METHOD_GET, .flags = CHANNEL_ACCEPTS_SSE, .session = 5,
          .last_event = last_event);
    SSE_HEAD(w, conn, channel);
}

Test(tracker_loss, loss_never_makes_a_request_unanswered)
{
    struct world *w = ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    SSE_HEAD(w, 1, 2);
    world_finding(w, 1, 2, FINDING_GAP, 4000);
    END(w, 1, 2); /* waits on: a resumed stream may still bring it */
    BEGIN(w, 1, 3, .session = 5);
    SAY(w, 1, 3, "tools/call", "2");
    world_end(w, 1, 3, CHANNEL_END_LOST);
    open_get(w, 2, 1, 0);
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
    struct world *w = ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    SSE_HEAD(w, 1, 2);
    world_finding(w, 1, 2, FINDING_GAP, 4000);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    cr_expect(world_count(w, "x tools/call 1 result") == 1);
    world_free(w);
}

Test(tracker_loss, uncertain_channels_make_certain_pairs_only)
{
    struct world *w = ready();
    BEGIN(w, 1, 2, .session = 5, .flags = POST_FLAGS | CHANNEL_UNCERTAIN);
    SAY(w, 1, 2, "tools/call", "1", .name = "a");
    BEGIN(w, 1, 3, .session = 5, .flags = POST_FLAGS | CHANNEL_UNCERTAIN);
    SAY(w, 1, 3, "tools/call", "2", .name = "b");
    SSE_HEAD(w, 1, 2);
    SAY(w, 1, 2, .id = "2", .dir = DIR_S2C); /* the response that came is that of the other */
    cr_expect(world_count(w, "x tools/call 2 result s1 name=b") == 1, "%s", w->log);
    BEGIN(w, 2, 1, .session = 5);
    SAY(w, 2, 1, "tools/call", "1", .name = "c");
    world_clear(w);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C); /* of which of the two? */
    END(w, 1, 2);
    EXPECT(w, "m s2c ?:result 1 s1 2025-06-18 orphan\n");
    world_call(w, 3, 2, 0, "1");
    BEGIN(w, 3, 3, .flags = POST_FLAGS | CHANNEL_UNCERTAIN | CHANNEL_MCP_HEADER);
    SAY(w, 3, 3, "tools/call", "1");
    world_clear(w);
    world_head(w, 3, 3, 404, HTTP_CONTENT_JSON, 0);
    SAY(w, 3, 3, .id = "1", .dir = DIR_S2C); /* without a session nothing is certain */
    END(w, 3, 3);
    EXPECT(w, "f http:404\nm s2c ?:result 1 s0 - orphan\nx tools/call 1 lost s0\n");
    world_clear(w);
    world_finish(w);
    EXPECT(w, "x tools/call 1 lost s1 name=a\n"
              "x tools/call 1 pending s1 name=c\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

Test(tracker_loss, a_stub_pairs_in_its_session)
{
    struct world *w = ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    BEGIN(w, 7, 1, .method = HTTP_METHOD_UNKNOWN, .flags = CHANNEL_STUB);
    world_head(w, 7, 1, 200, HTTP_CONTENT_SSE, 5);
    SAY(w, 7, 1, .id = "1", .dir = DIR_S2C);
    SAY(w, 7, 1, .id = "2", .dir = DIR_S2C);
    SAY(w, 8, 4, "notifications/progress", .dir = DIR_S2C); /* not even a beginning */
    cr_expect(world_count(w, "x tools/call 1 result s1 http=200") == 1, "%s", w->log);
    cr_expect(world_count(w, "?:result 2 s1 2025-06-18 orphan") == 1 && w->findings == 0);
    cr_expect(world_count(w, "notifications/progress  s0") == 1);
    world_free(w);
}

Test(tracker_loss, an_answer_that_could_not_be_read_excuses_the_repeated_id)
{
    struct world *w = ready();
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

Test(tracker_loss, a_gap_in_a_body_that_ends_well)
{
    struct world *w = ready();
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    JSON_HEAD(w, 1, 2);
    world_finding(w, 1, 2, FINDING_GAP, 10);
    END(w, 1, 2);
    cr_expect(world_count(w, "x tools/call 1 lost s1") == 1, "%s", w->log);
    world_free(w);
}
