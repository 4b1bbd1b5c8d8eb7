/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker at its limits: full tables, time-outs, clocks, memory shortage, hostile order. */
#include "tests/dissect/tracker_world.h"
#include "tests/support/fail_alloc.h"

Test(tracker_limits, the_oldest_waiting_request_is_given_up_as_lost)
{
    struct world *w = world_new(2, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    SSE_HEAD(w, 1, 2);
    SAY(w, 1, 2, "tools/call", "1");
    SAY(w, 1, 2, "tools/call", "2");
    SAY(w, 1, 2, "tools/call", "3");
    cr_expect(world_count(w, "x tools/call 1 lost s1") == 1, "%s", w->log);
    cr_expect(w->hit.count[LIMIT_ID_PENDING] == 1);
    world_clear(w);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C); /* known, and not blamed */
    SAY(w, 1, 2, .id = "3", .dir = DIR_S2C);
    SAY(w, 1, 2, .id = "2", .dir = DIR_S2C);
    SAY(w, 1, 2, .id = "9", .dir = DIR_S2C);
    world_wait(w);
    EXPECT(w, "m s2c tools/call:result 1 s1 2025-06-18 orphan\n"
              "m s2c tools/call:result 3 s1 2025-06-18\n"
              "x tools/call 3 result s1 http=200 2ms\n"
              "m s2c tools/call:result 2 s1 2025-06-18\n"
              "x tools/call 2 result s1 http=200 4ms\n"
              "m s2c ?:result 9 s1 2025-06-18 orphan\n");
    world_free(w);
}

Test(tracker_limits, one_place_for_many_equal_ids)
{
    struct world *w = world_new(1, 1);
    for (uint32_t i = 1; i <= 300; i++) {
        BEGIN(w, i, 1, .session = 1 + i % 3);
        SAY(w, i, 1, "tools/call", "1");
        SAY(w, i, 1, "ping", "1", DIR_S2C);
        SSE_HEAD(w, i, 1);
    }
    for (uint32_t i = 1; i <= 300; i++) {
        SAY(w, i, 1, .id = "1", .dir = DIR_S2C);
        END(w, i, 1);
    }
    world_finish(w);
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect(c.pending == 0 && w->exchanges == 600);
    cr_expect(world_count(w, "s open") == world_count(w, "s close"));
    cr_expect(world_count(w, "unanswered") == 0 && world_count(w, "f pair") == 0);
    cr_expect(w->hit.count[LIMIT_ID_SESSIONS] > 0);
    world_free(w);
}

Test(tracker_limits, the_session_silent_for_longest_is_dropped)
{
    struct world *w = world_new(0, 2);
    world_initialize(w, 1, 1, 5); /* a draft needs a place, too */
    world_call(w, 1, 2, 6, "1");
    world_call(w, 1, 3, 5, "2");
    world_clear(w);
    world_call(w, 1, 4, 7, "3"); /* instead of 6 */
    cr_expect(world_count(w, "s close 2 ") == 1 && world_count(w, "s close") == 1, "%s", w->log);
    world_call(w, 1, 5, 5, "4");
    cr_expect(world_count(w, "m c2s tools/call 4 s1 ") == 1, "%s", w->log);
    world_free(w);
}

Test(tracker_limits, many_equal_ids_between_two_hosts)
{
    struct world *w = world_new(0, 0);
    for (uint32_t i = 1; i <= 500; i++) {
        BEGIN(w, i, 1, 0);
        SAY(w, i, 1, "tools/call", "1");
    }
    for (uint32_t i = 1; i <= 500; i++) {
        JSON_HEAD(w, i, 1);
        SAY(w, i, 1, .id = "1", .dir = DIR_S2C);
        END(w, i, 1);
    }
    cr_expect(w->exchanges == 500 && w->findings == 0);
    world_free(w);
}

Test(tracker_limits, time_outs_are_counted_from_the_request)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "tools/call", "1");
    int64_t sent = w->now.ts_ns;
    SAY(w, 1, 2, "subscriptions/listen", "2"); /* stays open by design */
    tracker_tick(w->tracker, sent + INT64_C(299999999999));
    world_clear(w);
    tracker_tick(w->tracker, sent + INT64_C(400000000000));
    EXPECT(w, "x tools/call 1 unanswered s1\nf pair:unanswered\n");
    world_clear(w);
    w->now.ts_ns = sent + INT64_C(900000000000);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    SAY(w, 1, 2, .id = "2", .dir = DIR_S2C);
    cr_expect(world_count(w, "tools/call:result 1 s1 2025-06-18 orphan") == 1, "%s", w->log);
    cr_expect(world_count(w, "x subscriptions/listen 2 result") == 1);
    cr_expect(world_count(w, "f ") == 0);
    world_free(w);
}

Test(tracker_limits, a_clock_that_runs_backwards)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    w->now.ts_ns += INT64_C(3600000000000); /* one packet from the future */
    BEGIN(w, 1, 2, .session = 5);
    w->now.ts_ns -= INT64_C(3600000000000);
    SAY(w, 1, 2, "tools/call", "1");
    JSON_HEAD(w, 1, 2);
    w->now.ts_ns -= INT64_C(50000000);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    END(w, 1, 2);
    cr_expect(world_count(w, "x tools/call 1 result s1 http=200\n") == 1, "%s", w->log);
    cr_expect(w->findings == 0);
    w->now.ts_ns = INT64_MIN + 5000000;
    BEGIN(w, 1, 3, .session = 5);
    SAY(w, 1, 3, "tools/call", "2");
    w->now.ts_ns = INT64_MAX - 5000000;
    JSON_HEAD(w, 1, 3);
    SAY(w, 1, 3, .id = "2", .dir = DIR_S2C);
    SAY(w, 1, 3, "subscriptions/listen", "3");
    tracker_tick(w->tracker, INT64_MAX);
    tracker_tick(w->tracker, INT64_MAX);
    world_finish(w);
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect(c.pending == 0);
    world_free(w);
}

Test(tracker_limits, the_last_events_come_in_order_of_the_requests)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    BEGIN(w, 1, 2, .session = 5);
    SAY(w, 1, 2, "subscriptions/listen", "1");
    w->now.ts_ns += INT64_C(299000000000);
    SAY(w, 1, 2, "tools/call", "2");
    w->now.ts_ns += INT64_C(100000000000);
    SAY(w, 1, 2, "tools/call", "3");
    world_clear(w);
    world_finish(w);
    EXPECT(w, "x subscriptions/listen 1 pending s1\n"
              "x tools/call 2 pending s1\n"
              "x tools/call 3 pending s1\n"
              "s close 1 2025-06-18 cli/srv\n");
    world_free(w);
}

Test(tracker_limits, records_in_impossible_order)
{
    struct world *w = world_new(0, 0);
    END(w, 1, 1);
    SAY(w, 1, 1, .id = "1");
    world_head(w, 1, 1, 500, HTTP_CONTENT_JSON, 5);
    SAY(w, 1, 1, "tools/call", "1");
    BEGIN(w, 1, 1, .session = 5); /* begins twice */
    SAY(w, 1, 1, "initialize", "1", .flags = MESSAGE_MCP_SHAPE);
    SAY(w, 1, 1, "initialize", "2", .flags = MESSAGE_MCP_SHAPE, .dir = DIR_S2C);
    SAY(w, 1, 1, "tools/call", "{}");
    SAY(w, 1, 1, .id = "{}", .dir = DIR_S2C);
    world_head(w, 1, 1, 200, HTTP_CONTENT_SSE, 6);
    world_head(w, 1, 1, 404, HTTP_CONTENT_SSE, 7);
    BEGIN(w, 1, 2, 0);
    SAY(w, 1, 2, "initialize", "1", .flags = MESSAGE_MCP_SHAPE);
    SAY(w, 1, 2, "initialize", "1", .flags = MESSAGE_MCP_SHAPE);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    SAY(w, 1, 2, .id = "1", .dir = DIR_S2C);
    world_head(w, 1, 2, 202, HTTP_CONTENT_SSE, 0);
    world_head(w, 1, 2, 200, HTTP_CONTENT_SSE, 8);
    world_finding(w, 1, 2, FINDING_COUNT, 1);
    END(w, 1, 2);
    world_finish(w);
    END(w, 1, 1);
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_expect(c.pending == 0);
    cr_expect(world_count(w, "s open") == world_count(w, "s close"));
    world_free(w);
}

Test(tracker_limits, long_texts_are_kept)
{
    char id[64], name[120];
    memset(id, '7', sizeof(id) - 1);
    memset(name, 'n', sizeof(name) - 1);
    id[sizeof(id) - 1] = name[sizeof(name) - 1] = '\0';
    struct world *w = world_new(0, 0);
    BEGIN(w, 1, 1, .session = 5);
    SAY(w, 1, 1, "vendor/a-method-with-a-rather-long-name-of-its-own", id, .name = name);
    JSON_HEAD(w, 1, 1);
    SAY(w, 1, 1, .id = id, .dir = DIR_S2C);
    SAY(w, 1, 1, .id = id, .dir = DIR_S2C);
    char line[512];
    snprintf(line, sizeof(line),
             "x vendor/a-method-with-a-rather-long-name-of-its-own %s result s1 name=%s http", id,
             name);
    cr_expect(world_count(w, line) == 1, "%s", w->log);
    cr_expect(world_count(w, "m s2c ?:result") == 1, "too long to be remembered: unknown");
    world_free(w);
}

/* Something of everything. */
static void scenario(struct world *w)
{
    world_initialize(w, 1, 1, 5);
    world_initialize(w, 2, 1, 0);
    world_call(w, 1, 2, 5, "1");
    world_call(w, 2, 2, 0, "1");
    BEGIN(w, 1, 3, .session = 5);
    SAY(w, 1, 3, "a/method/that/does/not/fit/into/the/entry", "\"a long id, rather long\"",
        .name = "a name");
    SSE_HEAD(w, 1, 3);
    SAY(w, 1, 3, "roots/list", "1", DIR_S2C, .event = 3);
    BEGIN(w, 3, 1, .session = 5);
    SAY(w, 3, 1, .id = "1");
    world_finding(w, 3, 1, FINDING_LOST_MESSAGE, 1);
    END(w, 1, 3);
    BEGIN(w, 3, 2, .method = HTTP_METHOD_GET, .session = 5, .last_event = 3);
    SSE_HEAD(w, 3, 2);
    SAY(w, 3, 2, "roots/list", "1", DIR_S2C, .event = 3);
    SAY(w, 3, 2, .id = "\"a long id, rather long\"", .dir = DIR_S2C, .event = 4);
    BEGIN(w, 3, 3, .session = 5);
    SAY(w, 3, 3, "tools/call", "4");
    SAY(w, 3, 3, "notifications/cancelled", .cancels = "4");
    BEGIN(w, 3, 4, .method = HTTP_METHOD_DELETE, .session = 5);
    world_head(w, 3, 4, 200, HTTP_CONTENT_NONE, 0);
    END(w, 3, 4);
    world_finish(w);
}

Test(tracker_limits, every_allocation_may_fail)
{
    uint64_t n = 1;
    for (;; n++) {
        fail_alloc_at(n + 1); /* the first is the test's own */
        struct world *w = world_new(0, 0);
        if (w) {
            scenario(w);
            struct tracker_counters c;
            tracker_counters(w->tracker, &c);
            cr_expect(c.pending == 0);
            cr_expect(world_count(w, "unknown_id") == 0, "%s", w->log);
            cr_expect(world_count(w, "s open") == world_count(w, "s close"));
        }
        bool failed = fail_alloc_stop();
        if (w)
            world_free(w);
        if (!failed)
            break;
    }
    cr_expect(n > 20, "%d", (int)n);
}

/* Random records in a small world: nothing may crash, leak or depend on the order of buckets. */
static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void random_record(struct world *w, uint32_t *state)
{
    static const char *const methods[] = {"initialize",
                                          "tools/call",
                                          "tools/list",
                                          "roots/list",
                                          "notifications/cancelled",
                                          "ping",
                                          "vendor/mine",
                                          "tasks/get",
                                          "notifications/progress"};
    static const char *const ids[] = {"0", "1", "\"1\"", "2", "null", "{}"};
    uint32_t a = random_next(state), b = random_next(state), c = random_next(state);
    uint64_t conn = 1 + a % 4;
    uint32_t channel = 1 + (a >> 2) % 4;
    w->client_host = 1 + (a >> 4) % 2;
    w->transport = conn == 4 ? TRANSPORT_NONE : TRANSPORT_HTTP1;
    switch (b % 10) {
    case 0:
    case 1:
        BEGIN(w, conn, channel, .method = (uint8_t)(b >> 4) % 5, .session = (b >> 7) % 4,
              .last_event = (b >> 9) % 3, .flags = (uint16_t)((c & 127) | 1));
        break;
    case 2:
        world_head(w, conn, channel, (int)(c % 6) * 101 + 100, c % HTTP_CONTENT_OTHER,
                   (c >> 4) % 4);
        break;
    case 3:
        world_end(w, conn, channel, c % 4);
        break;
    case 4:
        if (c % 8 == 0)
            world_finding(w, conn, channel, (c >> 4) % (FINDING_COUNT + 1), (c >> 8) % 3);
        if (c % 16 == 1)
            tracker_tick(w->tracker, w->now.ts_ns + (int64_t)(c >> 4) * 100000000);
        break;
    case 5:
    case 6:
        SAY(w, conn, channel, .id = ids[c % 6], .dir = (c >> 4) % 2, .error = (c >> 5) % 2,
            .event = (c >> 6) % 5, .code = (int64_t)((c >> 9) % 2));
        break;
    default:
        SAY(w, conn, channel, methods[c % 9], (c >> 14) % 4 ? ids[(c >> 4) % 6] : NULL,
            .dir = (c >> 7) % 2, .event = (c >> 8) % 5, .cancels = ids[(c >> 4) % 4],
            .flags = (c >> 12) % 2 ? MESSAGE_MCP_SHAPE : MESSAGE_IN_BATCH);
        break;
    }
}

static struct world *random_world(uint32_t seed, const struct hash_key *key)
{
    struct world *w = calloc(1, sizeof(*w));
    w->sink = (struct event_sink){w,
                                  world_on_connection,
                                  world_on_session,
                                  world_on_message,
                                  world_on_exchange,
                                  world_on_finding};
    w->now.ts_ns = 1;
    w->server_port = 80;
    struct tracker_config config = {
        .hash = *key, .max_pending = 1 + seed % 5, .max_sessions = 1 + seed % 4};
    w->tracker = tracker_new(&config, &w->sink, &w->hit);
    uint32_t state = seed;
    for (int i = 0; i < 300; i++)
        random_record(w, &state);
    world_finish(w);
    struct tracker_counters c;
    tracker_counters(w->tracker, &c);
    cr_assert(c.pending == 0, "seed %u", seed);
    cr_assert(world_count(w, "s open") == world_count(w, "s close"), "seed %u\n%s", seed, w->log);
    return w;
}

Test(tracker_limits, random_records_do_no_harm_and_hashing_does_not_show)
{
    for (uint32_t seed = 0; seed < 1500; seed++) {
        struct world *a = random_world(seed, &world_key);
        struct world *b =
            random_world(seed, &(struct hash_key){0x123456789abcdef1, 0xfedcba9876543217});
        cr_assert(strcmp(a->log, b->log) == 0, "seed %u:\n%s\nand\n%s", seed, a->log, b->log);
        world_free(a);
        world_free(b);
    }
}
