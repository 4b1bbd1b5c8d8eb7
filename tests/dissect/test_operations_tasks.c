/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: tasks, and the bounds of all operations. */
#include "tests/dissect/operations_world.h"
#include "tests/support/fail_alloc.h"

Test(operations, creation_polls_and_result_are_one_task)
{
    struct world *w = world_new(0, 0);
    create(w, 1, 5);
    poll(w, 2, "tasks/get", 5, task(5, LINKS_STATUS_WORKING, 0));
    poll(w, 3, "tasks/get", 5, task(5, LINKS_STATUS_COMPLETED, 0));
    EXPECT_OPERATIONS(w, "");
    poll(w, 4, "tasks/result", 5, NOTHING);
    EXPECT_OPERATIONS(w, ""); /* other connections may still tell something */
    world_wait(w);
    EXPECT_OPERATIONS(w, "o task tools/call slow complete legs=1 rounds=0 polls=2 fetches=1 "
                         "total=12ms created=2ms wait=2ms\n");
    poll(w, 5, "tasks/get", 5, task(5, LINKS_STATUS_COMPLETED, 0)); /* it is told already */
    world_finish(w);
    cr_expect(world_count(w, "o ") == 1);
    world_free(w);
}

Test(operations, a_result_that_nobody_fetches_is_told_after_a_while)
{
    struct world *w = world_new(0, 0);
    create(w, 1, 5);
    poll(w, 2, "tasks/get", 5, task(5, LINKS_STATUS_FAILED, 0));
    EXPECT_OPERATIONS(w, "");
    world_wait(w);
    EXPECT_OPERATIONS(w, "o task tools/call slow failed legs=1 rounds=0 polls=1 "
                         "total=7ms created=2ms\n");
    world_free(w);
}

Test(operations, a_blocking_result_ends_the_task)
{
    static const struct {
        uint16_t flags;
        bool error;
        int64_t code;
        const char *line;
    } cases[] = {
        {0, false, 0, "complete legs=1 rounds=0 fetches=1 total=7ms created=2ms wait=2ms"},
        {MESSAGE_IS_ERROR, false, 0,
         "tool_error legs=1 rounds=0 fetches=1 total=7ms created=2ms wait=2ms"},
        {0, true, -32000, "error legs=1 rounds=0 fetches=1 total=7ms created=2ms wait=2ms"},
        {0, true, -32602, "unknown legs=1 rounds=0 created=2ms"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = world_new(0, 0);
        char wanted[160];
        create(w, 1, 5);
        BEGIN(w, 1, 2, 0);
        SAY(w, 1, 2, "tasks/result", "2", .links = task(5, LINKS_STATUS_NONE, 0));
        JSON_HEAD(w, 1, 2);
        SAY(w, 1, 2, .id = "2", .dir = DIR_S2C, .flags = cases[i].flags, .error = cases[i].error,
            .code = cases[i].code);
        world_wait(w);
        snprintf(wanted, sizeof(wanted), "o task tools/call slow %s\n", cases[i].line);
        EXPECT_OPERATIONS(w, wanted);
        world_free(w);
    }
}

Test(operations, the_extension_has_its_result_inside)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "slow", NOTHING);
    answer(w, 1, 0, task(5, LINKS_STATUS_WORKING, LINKS_CREATED | LINKS_EXTENSION));
    BEGIN(w, 1, 2, 0);
    SAY(w, 1, 2, "tasks/update", "2", .links = task(5, LINKS_STATUS_NONE, LINKS_KEYS));
    answer(w, 2, 0, NOTHING);
    poll(w, 3, "tasks/get", 5, task(5, LINKS_STATUS_COMPLETED, LINKS_RESULT | LINKS_IS_ERROR));
    world_wait(w);
    EXPECT_OPERATIONS(w, "o task tools/call slow tool_error legs=1 rounds=1 polls=1 "
                         "total=12ms created=2ms\n");
    world_free(w);
}

Test(operations, a_notification_shows_the_end)
{
    struct world *w = world_new(0, 0);
    create(w, 1, 5);
    BEGIN(w, 1, 2, .method = HTTP_METHOD_GET, .version = "2026-07-28");
    SAY(w, 1, 2, "notifications/tasks/status", .dir = DIR_S2C,
        .links = task(5, LINKS_STATUS_CANCELLED, 0));
    world_finish(w);
    EXPECT_OPERATIONS(w, "o task tools/call slow cancelled legs=1 rounds=0 "
                         "total=5ms created=2ms\n");
    world_free(w);
}

Test(operations, a_cancellation_by_its_status_only)
{
    struct world *w = world_new(0, 0);
    create(w, 1, 5);
    poll(w, 2, "tasks/cancel", 5, NOTHING); /* the extension: a mere acknowledgement */
    world_wait(w);
    EXPECT_OPERATIONS(w, "");
    poll(w, 3, "tasks/cancel", 5, task(5, LINKS_STATUS_CANCELLED, 0));
    world_wait(w);
    world_wait(w);
    cr_expect(world_count(w, "o task tools/call slow cancelled legs=1 rounds=0 total=") == 1, "%s",
              w->log);
    world_free(w);
}

Test(operations, a_task_whose_creation_was_not_seen_has_no_duration)
{
    struct world *w = world_new(0, 0);
    poll(w, 1, "tasks/get", 5, task(5, LINKS_STATUS_WORKING, 0));
    poll(w, 2, "tasks/get", 5, task(5, LINKS_STATUS_COMPLETED, 0));
    poll(w, 3, "tasks/get", 6, task(6, LINKS_STATUS_WORKING, 0));
    world_finish(w);
    EXPECT_OPERATIONS(w, "o task ? - complete legs=0 rounds=0 polls=2\n"
                         "o task ? - pending legs=0 rounds=0 polls=1\n");
    world_free(w);
}

Test(operations, a_task_that_nobody_knows_is_none)
{
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .session = 1);
    SAY(w, 1, 1, "tasks/get", "1", .links = task(5, LINKS_STATUS_NONE, 0));
    JSON_HEAD(w, 1, 1);
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C, .error = true, .code = -32602);
    END(w, 1, 1);
    BEGIN(w, 1, 2, .session = 1);
    SAY(w, 1, 2, "tasks/get", "2", .links = task(6, LINKS_STATUS_NONE, 0));
    world_finish(w);
    EXPECT_OPERATIONS(w, "");
    world_free(w);
}

Test(operations, a_question_about_a_task_is_a_round)
{
    struct world *w = world_new(0, 0);
    create(w, 1, 5);
    BEGIN(w, 1, 2, .method = HTTP_METHOD_GET, .version = "2025-11-25");
    SAY(w, 1, 2, "elicitation/create", "e", .dir = DIR_S2C,
        .links = task(5, LINKS_STATUS_NONE, LINKS_RELATED));
    poll(w, 3, "tasks/get", 5, task(5, LINKS_STATUS_COMPLETED, LINKS_RESULT));
    world_wait(w);
    world_wait(w);
    cr_expect(world_count(w, "o task tools/call slow complete legs=1 rounds=1 polls=1") == 1, "%s",
              w->log);
    world_free(w);
}

Test(operations, either_party_may_run_a_task)
{
    struct world *w = world_new(0, 0);
    w->transport = TRANSPORT_NONE; /* one channel, both ways */
    BEGIN(w, 1, 1, .version = "2025-11-25");
    SAY(w, 1, 1, "sampling/createMessage", "1", .dir = DIR_S2C);
    SAY(w, 1, 1, .id = "1", .links = task(5, LINKS_STATUS_WORKING, LINKS_CREATED));
    SAY(w, 1, 1, "tools/call", "1", .name = "slow");
    SAY(w, 1, 1, .id = "1", .dir = DIR_S2C, .links = task(5, LINKS_STATUS_WORKING, LINKS_CREATED));
    SAY(w, 1, 1, "tasks/get", "2", .dir = DIR_S2C, .links = task(5, LINKS_STATUS_NONE, 0));
    SAY(w, 1, 1, .id = "2", .links = task(5, LINKS_STATUS_COMPLETED, LINKS_RESULT));
    SAY(w, 1, 1, "notifications/tasks/status", .dir = DIR_S2C,
        .links = task(5, LINKS_STATUS_FAILED, 0));
    world_finish(w);
    EXPECT_OPERATIONS(w, "o task sampling/createMessage - complete legs=1 rounds=0 polls=1 "
                         "total=5ms created=1ms\n"
                         "o task tools/call slow failed legs=1 rounds=0 total=4ms created=1ms\n");
    world_free(w);
}

Test(operations, rounds_may_end_in_a_task)
{
    struct world *w = world_new(0, 0);
    ask(w, 1, "slow", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    ask(w, 2, "slow", state(5));
    answer(w, 2, 0, task(7, LINKS_STATUS_WORKING, LINKS_CREATED | LINKS_EXTENSION));
    poll(w, 3, "tasks/get", 7, task(7, LINKS_STATUS_COMPLETED, LINKS_RESULT));
    world_finish(w);
    EXPECT_OPERATIONS(w, "o task tools/call slow complete legs=2 rounds=1 polls=1 "
                         "total=12ms created=2ms\n");
    world_free(w);
}

/* ---- bounds */

Test(operations, the_oldest_makes_room)
{
    struct world *w = world_new(0, 0);
    for (uint32_t i = 1; i <= LIMIT_OPERATIONS + 2; i++) {
        w->len = 0;
        create(w, i, i);
    }
    w->len = 0;
    world_wait(w);
    cr_expect(world_count(w, "o task tools/call slow unknown legs=1 rounds=0 created=2ms") == 2,
              "%s", w->log);
    cr_expect_eq(w->hit.count[LIMIT_ID_OPERATION_FACTS], 0);
    cr_expect_eq(w->hit.count[LIMIT_ID_OPERATIONS], 2);
    world_free(w);
}

static void everything(struct world *w)
{
    ask(w, 1, "a", NOTHING);
    answer(w, 1, REQUIRED, state(5));
    ask(w, 2, "a", state(5));
    answer(w, 2, 0, NOTHING);
    ask(w, 3, "b", NOTHING);
    answer(w, 3, REQUIRED, keys(1));
    ask(w, 4, "b", keys(1));
    answer(w, 4, 0, task(7, LINKS_STATUS_WORKING, LINKS_CREATED));
    poll(w, 5, "tasks/get", 7, task(7, LINKS_STATUS_COMPLETED, 0));
    poll(w, 6, "tasks/result", 7, NOTHING);
    poll(w, 7, "tasks/get", 8, task(8, LINKS_STATUS_COMPLETED, 0));
    world_finish(w);
}

Test(operations, short_of_memory_nothing_wrong_is_told)
{
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        struct world *w = world_new(0, 0);
        if (w)
            everything(w);
        bool failed = fail_alloc_stop();
        if (w)
            cr_expect(world_count(w, "total=") ==
                          world_count(w, "total=7ms") + world_count(w, "b complete likely legs=2"),
                      "%s", w->log);
        if (!failed) {
            EXPECT_OPERATIONS(w, "o mrtr tools/call a complete legs=2 rounds=1 "
                                 "total=7ms server=4ms outside=3ms\n"
                                 "o task tools/call b complete likely legs=2 rounds=1 polls=1 "
                                 "fetches=1 total=12ms created=2ms wait=2ms\n"
                                 "o task ? - complete legs=0 rounds=0 polls=1\n");
            world_free(w);
            return;
        }
        if (w)
            world_free(w);
    }
}
