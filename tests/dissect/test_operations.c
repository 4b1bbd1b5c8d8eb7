/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: calls in several rounds (MRTR). */
#include "tests/dissect/operations_world.h"

#define HOUR_NS INT64_C(3600000000000)

Test(operations, a_state_links_the_rounds)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    ask(w, 2, "deploy", state(5));
    answer(w, 2, REQUIRED, state(6));
    ask(w, 3, "deploy", state(6));
    EXPECT_OPERATIONS(w, "");
    answer(w, 3, 0, NOTHING);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy complete legs=3 rounds=2 "
                         "total=12ms server=6ms outside=6ms\n");
    world_finish(w);
    cr_expect(world_count(w, "o ") == 1);
    world_free(w);
}

Test(operations, a_single_exchange_is_none)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, 0, NOTHING);
    ask(w, 2, "deploy", state(5)); /* nobody gave out that state */
    answer(w, 2, 0, NOTHING);
    world_finish(w);
    EXPECT_OPERATIONS(w, "");
    world_free(w);
}

Test(operations, ends_as_its_last_exchange_did)
{
    static const struct {
        uint16_t flags;
        bool error;
        const char *line;
    } cases[] = {{MESSAGE_IS_ERROR, false, "tool_error"}, {0, true, "error"}};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new(0, 0);
        ask(w, 1, "t", NOTHING);
        answer(w, 1, REQUIRED, state(5));
        ask(w, 2, "t", state(5));
        JSON_HEAD(w, 1, 2);
        SAY(w, 1, 2, .id = "2", .dir = DIR_S2C, .flags = cases[i].flags, .error = cases[i].error);
        char wanted[128];
        snprintf(wanted, sizeof(wanted),
                 "o mrtr tools/call t %s legs=2 rounds=1 total=7ms server=4ms outside=3ms\n",
                 cases[i].line);
        EXPECT_OPERATIONS(w, wanted);
        world_free(w);
    }
}

Test(operations, state_name_and_method_must_be_the_same)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    ask(w, 2, "other", state(5));
    answer(w, 2, 0, NOTHING);
    ask(w, 3, "deploy", state(6));
    answer(w, 3, 0, NOTHING);
    BEGIN(w, 1, 4, 0);
    SAY(w, 1, 4, "prompts/get", "4", .name = "deploy", .links = state(5));
    answer(w, 4, 0, NOTHING);
    world_finish(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy pending legs=1 rounds=1\n");
    world_free(w);
}

Test(operations, another_connection_and_host_may_bring_the_state)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    w->client_host = 2;
    BEGIN(w, 9, 1, 0);
    SAY(w, 9, 1, "tools/call", "7", .name = "deploy", .links = state(5));
    JSON_HEAD(w, 9, 1);
    SAY(w, 9, 1, .id = "7", .dir = DIR_S2C);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy complete legs=2 rounds=1 "
                         "total=7ms server=4ms outside=3ms\n");
    world_free(w);
}

Test(operations, answered_keys_link_what_has_no_state)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, keys(7));
    ask(w, 2, "deploy", keys(8)); /* was not asked */
    answer(w, 2, 0, NOTHING);
    ask(w, 3, "deploy", keys(6)); /* not all, but what was asked */
    answer(w, 3, 0, NOTHING);
    EXPECT_OPERATIONS(w, ""); /* a loss may become known */
    world_wait(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy complete likely legs=2 rounds=1 "
                         "total=12ms server=4ms outside=8ms\n");
    world_finish(w);
    cr_expect(world_count(w, "o ") == 1);
    world_free(w);
}

Test(operations, several_rounds_may_look_the_same)
{
    for (int i = 0; i < 2; i++) {
        struct record_links l = i ? keys(1) : state(5);
        struct world *w = world_new(0, 0);
        ask(w, 1, "deploy", NOTHING);
        answer(w, 1, REQUIRED, l);
        ask(w, 2, "deploy", l);
        answer(w, 2, REQUIRED, l);
        ask(w, 3, "deploy", l);
        answer(w, 3, REQUIRED, l);
        ask(w, 4, "deploy", l);
        answer(w, 4, 0, NOTHING);
        world_finish(w);
        cr_expect(world_count(w, "legs=4 rounds=3 total=17ms server=8ms outside=9ms") == 1, "%s",
                  w->log);
        world_free(w);
    }
}

Test(operations, two_that_fit_are_not_linked)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, keys(1));
    ask(w, 2, "deploy", NOTHING);
    answer(w, 2, REQUIRED, keys(1));
    ask(w, 3, "deploy", keys(1));
    answer(w, 3, 0, NOTHING);
    ask(w, 4, "deploy", keys(1));
    answer(w, 4, 0, NOTHING);
    ask(w, 5, "deploy", NOTHING); /* the two have gone on: this one is alone */
    answer(w, 5, REQUIRED, keys(1));
    ask(w, 6, "deploy", keys(1));
    answer(w, 6, 0, NOTHING);
    world_finish(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy unknown legs=1 rounds=1\n"
                         "o mrtr tools/call deploy unknown legs=1 rounds=1\n"
                         "o mrtr tools/call deploy complete likely legs=2 rounds=1 "
                         "total=7ms server=4ms outside=3ms\n");
    world_free(w);
}

Test(operations, keys_or_hosts_tell_two_apart)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, keys(1));
    ask(w, 2, "deploy", NOTHING);
    answer(w, 2, REQUIRED, keys(2));
    w->client_host = 2;
    ask(w, 3, "deploy", NOTHING);
    answer(w, 3, REQUIRED, keys(1));
    ask(w, 4, "deploy", keys(1));
    answer(w, 4, 0, NOTHING);
    w->client_host = 1;
    ask(w, 5, "deploy", keys(1));
    answer(w, 5, MESSAGE_IS_ERROR, NOTHING);
    world_finish(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy complete likely legs=2 rounds=1 "
                         "total=7ms server=4ms outside=3ms\n"
                         "o mrtr tools/call deploy tool_error likely legs=2 rounds=1 "
                         "total=22ms server=4ms outside=18ms\n"
                         "o mrtr tools/call deploy pending legs=1 rounds=1\n");
    world_free(w);
}

Test(operations, a_state_of_two_calls_goes_to_the_own_host_or_nowhere)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    w->client_host = 2;
    ask(w, 2, "deploy", NOTHING);
    answer(w, 2, REQUIRED, state(5));
    ask(w, 3, "deploy", state(5));
    answer(w, 3, 0, NOTHING);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy complete legs=2 rounds=1 "
                         "total=7ms server=4ms outside=3ms\n");
    world_clear(w);
    ask(w, 4, "deploy", NOTHING);
    answer(w, 4, REQUIRED, state(5));
    ask(w, 5, "deploy", NOTHING);
    answer(w, 5, REQUIRED, state(5));
    ask(w, 6, "deploy", state(5));
    answer(w, 6, 0, NOTHING);
    world_finish(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy pending legs=1 rounds=1\n"
                         "o mrtr tools/call deploy unknown legs=1 rounds=1\n"
                         "o mrtr tools/call deploy unknown legs=1 rounds=1\n");
    world_free(w);
}

Test(operations, a_leg_without_answer_may_be_repeated)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    ask(w, 2, "deploy", state(5));
    END(w, 1, 2);
    world_wait(w);
    ask(w, 3, "deploy", state(5));
    answer(w, 3, 0, NOTHING);
    world_finish(w);
    cr_expect(world_count(w, "o mrtr tools/call deploy complete legs=3 rounds=1") == 1, "%s",
              w->log);
    world_free(w);
}

Test(operations, what_nobody_goes_on_with_ends_after_an_hour)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    world_wait(w);
    tracker_tick(w->tracker, w->now.ts_ns + HOUR_NS - 2000000);
    EXPECT_OPERATIONS(w, "");
    tracker_tick(w->tracker, w->now.ts_ns + HOUR_NS);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy unknown legs=1 rounds=1\n");
    world_finish(w);
    cr_expect(world_count(w, "o ") == 1);
    world_free(w);
}

/* A leg on connection 2 that is told before the answer on connection 1 that it goes on from. */
static void tell_early(struct world *w, struct record_links l, bool answered)
{
    ask(w, 1, "deploy", NOTHING);
    int64_t now_ns = w->now.ts_ns;
    w->now.ts_ns += 10000000;
    BEGIN(w, 2, 1, .version = "2026-07-28");
    SAY(w, 2, 1, "tools/call", "9", .name = "deploy", .links = l);
    if (answered)
        SAY(w, 2, 1, .id = "9", .dir = DIR_S2C);
    int64_t late_ns = w->now.ts_ns;
    w->now.ts_ns = now_ns;
    answer(w, 1, REQUIRED, l);
    w->now.ts_ns = late_ns;
    if (!answered)
        SAY(w, 2, 1, .id = "9", .dir = DIR_S2C);
}

Test(operations, a_leg_may_be_told_before_the_answer_that_it_goes_on_from)
{
    for (int i = 0; i < 4; i++) {
        struct world *w = world_new(0, 0);
        tell_early(w, i & 1 ? keys(1) : state(5), i & 2);
        world_finish(w);
        char wanted[128];
        snprintf(wanted, sizeof(wanted),
                 "o mrtr tools/call deploy complete%s legs=2 rounds=1 total=13ms server=3ms "
                 "outside=10ms\n",
                 i & 1 ? " likely" : "");
        EXPECT_OPERATIONS(w, wanted);
        world_free(w);
    }
}

Test(operations, a_rival_that_is_told_late_is_one)
{
    for (int answered = 0; answered < 2; answered++) {
        struct world *w = world_new(0, 0);
        ask(w, 3, "deploy", NOTHING);
        answer(w, 3, REQUIRED, keys(1));
        tell_early(w, keys(1), answered);
        ask(w, 4, "deploy", keys(1));
        answer(w, 4, 0, NOTHING);
        world_finish(w);
        EXPECT_OPERATIONS(w, "o mrtr tools/call deploy unknown legs=1 rounds=1\n"
                             "o mrtr tools/call deploy unknown legs=1 rounds=1\n");
        world_free(w);
    }
}

/* ---- MRTR and losses */

Test(operations, after_a_loss_only_a_state_links)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 2, 1, .version = "2026-07-28");
    world_finding(w, 2, 1, FINDING_GAP, 100);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, keys(1));
    ask(w, 2, "deploy", keys(1)); /* perhaps of a call whose question was lost */
    answer(w, 2, 0, NOTHING);
    ask(w, 3, "review", NOTHING);
    answer(w, 3, REQUIRED, state(5));
    ask(w, 4, "review", state(5));
    answer(w, 4, 0, NOTHING);
    world_finish(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call review complete legs=2 rounds=1 "
                         "total=7ms server=4ms outside=3ms\n"
                         "o mrtr tools/call deploy unknown legs=1 rounds=1\n");
    world_free(w);
}

Test(operations, a_loss_that_is_told_later_prevents_a_likely_link)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, keys(1));
    ask(w, 2, "deploy", keys(1));
    answer(w, 2, 0, NOTHING);
    BEGIN(w, 2, 1, .version = "2026-07-28");
    world_finding(w, 2, 1, FINDING_GAP, 100);
    world_finish(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy unknown legs=1 rounds=1\n");
    world_free(w);
}

Test(operations, what_began_before_the_capture_takes_no_likely_link)
{
    for (int whole = 0; whole < 2; whole++) {
        struct world *w = world_new(0, 0);
        struct record r = world_record(w, RECORD_CONN, 7, 0);
        memset(&r.u, 0, sizeof(r.u));
        r.conn_event = CONN_EVENT_OPENED;
        r.u.conn.midstream = true;
        world_send(w, &r);
        ask(w, 1, "deploy", NOTHING);
        answer(w, 1, REQUIRED, keys(1));
        ask(w, 2, "deploy", keys(1));
        answer(w, 2, 0, NOTHING);
        r.at = w->now;
        r.conn_event = CONN_EVENT_GONE;
        r.u.conn.whole = whole; /* its packets were out of order, no more */
        world_send(w, &r);
        world_finish(w);
        EXPECT_OPERATIONS(w, whole ? "o mrtr tools/call deploy complete likely legs=2 rounds=1 "
                                     "total=7ms server=4ms outside=3ms\n"
                                   : "o mrtr tools/call deploy unknown legs=1 rounds=1\n");
        world_free(w);
    }
}

Test(operations, a_lost_leg_ends_it_as_unknown)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "deploy", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    ask(w, 2, "deploy", state(5));
    world_finding(w, 1, 2, FINDING_LOST_MESSAGE, 1);
    world_end(w, 1, 2, CHANNEL_END_LOST);
    world_finish(w);
    EXPECT_OPERATIONS(w, "o mrtr tools/call deploy unknown legs=2 rounds=1\n");
    world_free(w);
}
