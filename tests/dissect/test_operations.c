/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: calls in several rounds (MRTR), and tasks. */
#include "tests/dissect/tracker_world.h"
#include "tests/support/fail_alloc.h"

#define HOUR_NS INT64_C(3600000000000)

/* Only the operations of the log. */
static const char *operations(struct world *w)
{
    static char text[1 << 14];
    size_t n = 0;
    text[0] = '\0';
    for (const char *p = w->log; *p;) {
        const char *end = strchr(p, '\n') + 1;
        if (*p == 'o') {
            memcpy(text + n, p, (size_t)(end - p));
            n += (size_t)(end - p);
        }
        p = end;
    }
    text[n] = '\0';
    return text;
}

#define EXPECT_OPERATIONS(w, wanted)                                                               \
    do {                                                                                           \
        if ((wanted)[0])                                                                           \
            world_wait(w);                                                                         \
        const char *got = operations(w);                                                           \
        cr_expect(strcmp(got, (wanted)) == 0, "got\n%s\ninstead of\n%s\nof\n%s", got, wanted,      \
                  (w)->log);                                                                       \
    } while (0)

static struct record_links state(uint64_t hash)
{
    return (struct record_links){.state_hash = hash, .flags = LINKS_STATE};
}

/* Keys as bits. */
static struct record_links keys(unsigned set)
{
    struct record_links l = {.flags = LINKS_KEYS};
    for (unsigned i = 0; i < RECORD_LINKS_KEYS; i++)
        if (set >> i & 1)
            l.keys[l.key_count++] = i + 1;
    return l;
}

static struct record_links task(uint64_t hash, enum links_status status, unsigned flags)
{
    return (struct record_links){
        .task_hash = hash, .flags = (uint8_t)(LINKS_TASK | flags), .status = (uint8_t)status};
}

/* A request on a channel of its own. */
static void ask(struct world *w, uint32_t channel, const char *name, struct record_links l)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", channel);
    BEGIN(w, 1, channel, .version = "2026-07-28");
    SAY(w, 1, channel, "tools/call", id, .name = name, .version = "2026-07-28", .links = l);
}

static void answer(struct world *w, uint32_t channel, uint16_t flags, struct record_links l)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", channel);
    JSON_HEAD(w, 1, channel);
    SAY(w, 1, channel, .id = id, .dir = DIR_S2C, .flags = flags, .links = l);
    END(w, 1, channel);
}

#define NOTHING  ((struct record_links){.flags = 0})
#define REQUIRED MESSAGE_INPUT_REQUIRED

/* ---- MRTR */

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

/* ---- tasks */

static void poll(struct world *w, uint32_t channel, const char *method, uint64_t hash,
                 struct record_links answer_links)
{
    char id[16];
    snprintf(id, sizeof(id), "%u", channel);
    BEGIN(w, 1, channel, .session = 1);
    SAY(w, 1, channel, method, id, .links = task(hash, LINKS_STATUS_NONE, 0));
    answer(w, channel, 0, answer_links);
}

static void create(struct world *w, uint32_t channel, uint64_t hash)
{
    ask(w, channel, "slow", NOTHING);
    answer(w, channel, 0, task(hash, LINKS_STATUS_WORKING, LINKS_CREATED));
}

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
