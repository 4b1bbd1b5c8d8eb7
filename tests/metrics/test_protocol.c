/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/protocol.h"
#include "scene.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct limits_hit hit;
static struct budget budget = {&hit, 10000, 10000};
static struct protocol p;
static struct conn conn;

static void setup(void)
{
    conn = scene_conn(1, 4000, 80);
    protocol_init(&p, 5, &budget);
}

static void teardown(void)
{
    protocol_fini(&p);
}

TestSuite(protocol, .init = setup, .fini = teardown);

static void say(enum message_kind kind, enum dir dir, const char *method, bool redelivered)
{
    struct message message = {.kind = (uint8_t)kind, .dir = (uint8_t)dir, .bytes = 10};
    struct event_message e = {.origin = scene_origin(&conn, 1, ""),
                              .message = &message,
                              .method = method,
                              .method_len = strlen(method),
                              .redelivered = redelivered,
                              .orphan = method[0] == '?'};
    protocol_message(&p, &e);
}

static const struct protocol_type *type(const char *text)
{
    for (uint32_t i = 0; i < p.types.count; i++) {
        if (strcmp(p.types.sorted[i]->text, text) == 0)
            return (const void *)p.types.sorted[i]->value;
    }
    static const struct protocol_type none;
    cr_assert_fail("no type %s", text);
    return &none;
}

Test(protocol, a_response_is_typed_by_what_it_answers)
{
    say(MESSAGE_REQUEST, DIR_C2S, "tools/call", false);
    say(MESSAGE_RESULT, DIR_S2C, "tools/call", false);
    say(MESSAGE_ERROR, DIR_S2C, "tools/call", false);
    say(MESSAGE_ERROR, DIR_S2C, "?", false);
    cr_assert_eq(type("tools/call")->at[MESSAGE_REQUEST][DIR_C2S].count, 1);
    cr_assert_eq(type("tools/call")->at[MESSAGE_REQUEST][DIR_C2S].bytes, 10);
    cr_assert_eq(type("tools/call:result")->at[MESSAGE_RESULT][DIR_S2C].count, 1);
    cr_assert_eq(type("tools/call:error")->at[MESSAGE_ERROR][DIR_S2C].count, 1);
    cr_assert_eq(type("?:error")->at[MESSAGE_ERROR][DIR_S2C].count, 1);
    cr_assert_eq(p.orphan_responses, 1);
    cr_assert_eq(p.transports[TRANSPORT_HTTP1].messages, 4);
}

Test(protocol, the_longest_method_keeps_its_kind)
{
    char method[600];
    memset(method, 'm', sizeof(method) - 1);
    method[sizeof(method) - 1] = '\0';
    say(MESSAGE_RESULT, DIR_S2C, method, false);
    say(MESSAGE_ERROR, DIR_S2C, method, false);
    cr_assert_eq(p.types.count, 2, "not cut to the same text");
}

Test(protocol, a_copy_is_a_duplicate_and_nothing_else)
{
    say(MESSAGE_RESULT, DIR_S2C, "ping", true);
    say(MESSAGE_NOTIFICATION, DIR_S2C, "notifications/progress", true);
    cr_assert_eq(p.duplicate_responses, 2);
    cr_assert_eq(p.types.count, 0);
    cr_assert_eq(p.transports[TRANSPORT_HTTP1].messages, 0);
}

Test(protocol, types_beyond_the_cap_are_other)
{
    char method[16];
    for (int i = 0; i < 9; i++) {
        snprintf(method, sizeof(method), "m%d", i);
        say(MESSAGE_REQUEST, DIR_C2S, method, false);
    }
    cr_assert_eq(p.types.count, 6);
    cr_assert_eq(type("other")->at[MESSAGE_REQUEST][DIR_C2S].count, 4);
    cr_assert_eq(hit.count[LIMIT_ID_MESSAGE_TYPES], 4);
}

Test(protocol, only_answers_have_a_latency)
{
    for (int status = 0; status < EXCHANGE_STATUS_COUNT; status++) {
        struct event_exchange e =
            scene_exchange(&conn, "tools/call", "echo", (enum exchange_status)status);
        protocol_exchange(&p, &e);
        cr_assert_eq(p.exchanges[status], 1);
    }
    /* answered though cancelled: the answer came too late to count */
    struct event_exchange late = scene_exchange(&conn, "tools/call", "echo", EXCHANGE_CANCELLED);
    late.answered = true;
    protocol_exchange(&p, &late);
    /* an HTTP refusal without a JSON-RPC answer */
    struct event_exchange refused = scene_exchange(&conn, "tools/call", "echo", EXCHANGE_ERROR);
    refused.answered = false;
    protocol_exchange(&p, &refused);
    struct event_exchange stream =
        scene_exchange(&conn, "subscriptions/listen", NULL, EXCHANGE_RESULT);
    protocol_exchange(&p, &stream);
    struct event_exchange wait = scene_exchange(&conn, "tasks/result", NULL, EXCHANGE_RESULT);
    protocol_exchange(&p, &wait);
    cr_assert_eq(p.latencies.count, 1);
    const struct protocol_latency *row = (const void *)p.latencies.sorted[0]->value;
    cr_assert_eq(row->latency.count, 4);
    cr_assert_eq(row->latency.max, 3 * SCENE_MS);
    cr_assert_eq(row->first_byte.count, 4);
    cr_assert_eq(row->first_byte.max, 2 * SCENE_MS);
    const struct protocol_name *name = (const void *)p.names[PROTOCOL_TOOLS].sorted[0]->value;
    cr_assert_eq(name->latency.count, 3, "a request for input is no answer of the tool");
    cr_assert_eq(name->status[EXCHANGE_CANCELLED], 2);
    cr_assert_eq(name->status[EXCHANGE_LOST], 1);
    cr_assert_eq(name->request_bytes, 550);
    cr_assert_eq(name->response_bytes, 400);
}

/* The acknowledgement is what a request for a stream waits for, whatever ends the stream. */
Test(protocol, a_stream_has_the_latency_of_its_acknowledgement)
{
    static const enum exchange_status ends[] = {EXCHANGE_ACKNOWLEDGED, EXCHANGE_CANCELLED,
                                                EXCHANGE_RESULT};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct event_exchange e = scene_exchange(&conn, "subscriptions/listen", NULL, ends[i]);
        e.acknowledged = true;
        e.latency_ns = SCENE_MS;
        protocol_exchange(&p, &e);
    }
    cr_assert_eq(p.latencies.count, 1);
    const struct protocol_latency *row = (const void *)p.latencies.sorted[0]->value;
    cr_assert_eq(row->latency.count, 3);
    cr_assert_eq(row->latency.max, SCENE_MS);
}

Test(protocol, names_are_by_kind_and_may_be_missing)
{
    static const struct {
        const char *method, *name;
        enum protocol_names table;
    } cases[] = {{"tools/call", NULL, PROTOCOL_TOOLS},
                 {"resources/read", "file:///a", PROTOCOL_RESOURCES},
                 {"prompts/get", "hello", PROTOCOL_PROMPTS}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_exchange e =
            scene_exchange(&conn, cases[i].method, cases[i].name, EXCHANGE_RESULT);
        protocol_exchange(&p, &e);
        const struct labels *names = &p.names[cases[i].table];
        cr_assert_eq(names->count, 1);
        if (cases[i].name)
            cr_assert_str_eq(names->sorted[0]->text, cases[i].name);
        else
            cr_assert_null(names->sorted[0]->text);
    }
    struct event_exchange e = scene_exchange(&conn, "ping", "no name table", EXCHANGE_RESULT);
    protocol_exchange(&p, &e);
    cr_assert_eq(p.names[PROTOCOL_TOOLS].count, 1);
}

Test(protocol, findings_are_errors_and_some_are_incomplete_messages)
{
    static const char *const types[] = {"http:404", "jsonrpc:-32602", "tcp:gap"};
    struct event_finding e = {.amount = 2};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        e.type = types[i];
        protocol_finding(&p, &e);
    }
    cr_assert_eq(p.incomplete_messages, 0);
    for (int f = 0; f < FINDING_COUNT; f++) {
        e.type = finding_name((enum finding)f);
        e.amount = 1;
        protocol_finding(&p, &e);
    }
    cr_assert_eq(p.incomplete_messages, 4);
    cr_assert_geq(p.errors.count, 3);
}

Test(protocol, version_of_most_sessions_and_of_ties_the_newest)
{
    static const struct {
        const char *version;
        uint64_t sessions;
    } cases[] = {{"2025-03-26", 3}, {"2024-11-05", 3}, {"2025-11-25", 0}, {"2026-07-28", 2}};
    cr_assert_null(protocol_version(&p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct label *label = labels_get(&p.versions, cases[i].version, strlen(cases[i].version));
        ((struct protocol_count *)label->value)->count = cases[i].sessions;
    }
    cr_assert_str_eq(protocol_version(&p), "2025-03-26");
}

Test(protocol, without_memory_a_row_may_be_missing_and_nothing_else)
{
    for (uint64_t n = 1;; n++) {
        struct event_exchange e = scene_exchange(&conn, "tools/call", "echo", EXCHANGE_RESULT);
        struct event_finding f = {.type = "http:404", .amount = 1};
        fail_alloc_at(n);
        say(MESSAGE_REQUEST, DIR_C2S, "tools/call", false);
        protocol_exchange(&p, &e);
        protocol_finding(&p, &f);
        bool failed = fail_alloc_stop();
        cr_assert_eq(p.exchanges[EXCHANGE_RESULT], 1);
        cr_assert_eq(p.transports[TRANSPORT_HTTP1].messages, 1);
        if (!failed)
            cr_assert_eq(p.types.count + p.latencies.count + p.errors.count, 3);
        teardown();
        setup();
        if (!failed)
            break;
    }
}

Test(protocol, the_creation_of_a_task_is_no_latency_of_its_tool)
{
    struct event_exchange e = scene_exchange(&conn, "tools/call", "slow", EXCHANGE_RESULT);
    e.task = true;
    protocol_exchange(&p, &e);
    const struct protocol_name *name = (const void *)p.names[PROTOCOL_TOOLS].sorted[0]->value;
    cr_expect_eq(name->status[EXCHANGE_RESULT], 1);
    cr_expect_eq(name->latency.count, 0);
    cr_expect_eq(p.latencies.count, 0);
}

static struct event_operation operation(enum operation_kind kind, enum operation_status status)
{
    return (struct event_operation){.origin = {.version = ""},
                                    .kind = kind,
                                    .method = "tools/call",
                                    .method_len = 10,
                                    .name = "deploy now",
                                    .name_len = 10,
                                    .status = status,
                                    .legs = 2,
                                    .rounds = 1,
                                    .timed = status == OPERATION_COMPLETE,
                                    .duration_ns = 5 * SCENE_MS,
                                    .server_ns = 2 * SCENE_MS,
                                    .outside_ns = 3 * SCENE_MS};
}

Test(protocol, operations_count_by_kind_method_and_name)
{
    for (int status = 0; status < OPERATION_STATUS_COUNT; status++) {
        struct event_operation e = operation(OPERATION_MRTR, (enum operation_status)status);
        protocol_operation(&p, &e);
    }
    struct event_operation task = operation(OPERATION_TASK, OPERATION_COMPLETE);
    task.created = task.fetched = task.likely = true;
    task.creation_ns = SCENE_MS;
    task.wait_ns = 4 * SCENE_MS;
    task.polls = 3;
    protocol_operation(&p, &task);
    struct event_operation nameless = operation(OPERATION_TASK, OPERATION_UNKNOWN);
    nameless.method = "?";
    nameless.method_len = 1;
    nameless.name = NULL;
    protocol_operation(&p, &nameless);
    cr_assert_eq(p.operations[OPERATION_MRTR].count, 1);
    cr_assert_str_eq(p.operations[OPERATION_MRTR].sorted[0]->text, "tools/call deploy now");
    const struct protocol_operation *row =
        (const void *)p.operations[OPERATION_MRTR].sorted[0]->value;
    cr_expect_eq(row->status[OPERATION_UNKNOWN], 1);
    cr_expect_eq(row->legs, 2 * OPERATION_STATUS_COUNT);
    cr_expect_eq(row->total.count, 1);
    cr_expect_eq(row->total.max, 5 * SCENE_MS);
    cr_expect_eq(row->server.max, 2 * SCENE_MS);
    cr_expect_eq(row->outside.max, 3 * SCENE_MS);
    cr_expect_eq(row->creation.count, 0);
    cr_assert_eq(p.operations[OPERATION_TASK].count, 2);
    cr_expect_str_eq(p.operations[OPERATION_TASK].sorted[0]->text, "?");
    row = (const void *)p.operations[OPERATION_TASK].sorted[1]->value;
    cr_expect_eq(row->server.count, 0, "a task's exchanges are not what it took");
    cr_expect_eq(row->creation.max, SCENE_MS);
    cr_expect_eq(row->wait.max, 4 * SCENE_MS);
    cr_expect_eq(row->polls, 3);
    cr_expect_eq(row->likely, 1);
}

/* ---- parts of a whole */

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % n;
}

static void same_histogram(const struct histogram *a, const struct histogram *b)
{
    cr_assert_eq(a->count, b->count);
    cr_assert_eq(a->missed, b->missed);
    cr_assert(a->sum == b->sum && a->squares == b->squares);
    cr_assert(a->min == b->min && a->max == b->max);
    for (uint32_t per_mille = 100; per_mille <= 1000; per_mille += 300) {
        int64_t x = 0, y = 0;
        cr_assert_eq(histogram_percentile(a, per_mille, &x),
                     histogram_percentile(b, per_mille, &y));
        cr_assert_eq(x, y);
    }
}

static void same_texts(const struct labels *a, const struct labels *b)
{
    cr_assert_eq(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        cr_assert_eq(!a->sorted[i]->text, !b->sorted[i]->text);
        if (a->sorted[i]->text)
            cr_assert_str_eq(a->sorted[i]->text, b->sorted[i]->text);
    }
}

static void same_protocol(const struct protocol *a, const struct protocol *b)
{
    cr_assert_arr_eq(a->exchanges, b->exchanges, sizeof(a->exchanges));
    cr_assert_eq(a->orphan_responses, b->orphan_responses);
    cr_assert_eq(a->transports[TRANSPORT_HTTP1].messages, b->transports[TRANSPORT_HTTP1].messages);
    same_texts(&a->types, &b->types);
    for (uint32_t i = 0; i < a->types.count; i++)
        cr_assert_arr_eq(a->types.sorted[i]->value, b->types.sorted[i]->value,
                         sizeof(struct protocol_type));
    same_texts(&a->latencies, &b->latencies);
    for (uint32_t i = 0; i < a->latencies.count; i++) {
        const struct protocol_latency *x = a->latencies.sorted[i]->value;
        const struct protocol_latency *y = b->latencies.sorted[i]->value;
        same_histogram(&x->latency, &y->latency);
        same_histogram(&x->first_byte, &y->first_byte);
    }
    same_texts(&a->names[PROTOCOL_TOOLS], &b->names[PROTOCOL_TOOLS]);
    for (uint32_t i = 0; i < a->names[PROTOCOL_TOOLS].count; i++) {
        const struct protocol_name *x = a->names[PROTOCOL_TOOLS].sorted[i]->value;
        const struct protocol_name *y = b->names[PROTOCOL_TOOLS].sorted[i]->value;
        cr_assert_arr_eq(x->status, y->status, sizeof(x->status));
        cr_assert_eq(x->request_bytes, y->request_bytes);
        same_histogram(&x->latency, &y->latency);
    }
}

/* Counts something at random in a part, and the same in a table that knows nothing of parts. */
static void count_something(struct protocol *part, struct protocol *direct)
{
    static const char *const methods[] = {"tools/call", "other", "a", "b", "c", "d", "e", "f"};
    static const char *const tools[] = {"x", "other", NULL, "y", "z", "\xff", "w", "v"};
    struct message message = {.kind = (uint8_t)random_below(PROTOCOL_KINDS),
                              .dir = (uint8_t)random_below(DIR_COUNT),
                              .bytes = random_below(1000)};
    const char *method = methods[random_below(8)];
    struct event_message e = {.origin = scene_origin(&conn, 1, ""),
                              .message = &message,
                              .method = method,
                              .method_len = strlen(method),
                              .orphan = random_below(9) == 0};
    protocol_message(part, &e);
    protocol_message(direct, &e);
    struct event_exchange x =
        scene_exchange(&conn, "tools/call", tools[random_below(8)], EXCHANGE_RESULT);
    x.method = method;
    x.method_len = strlen(method);
    x.name_kind = METHOD_NAME_TOOL;
    x.latency_ns = INT64_C(1) << random_below(12);
    x.first_byte_ns = x.latency_ns / 2;
    protocol_exchange(part, &x);
    protocol_exchange(direct, &x);
}

/* Whatever cap is reached where: the sum is what counting everything twice would have given. */
Test(protocol, parts_and_whole_add_up_to_what_was_counted)
{
    enum { PARTS = 3 };
    for (random_state = 1; random_state < 200; random_state++) {
        uint32_t state = random_state;
        struct limits_hit part_hit = {0}, whole_hit = {0}, direct_hit = {0}, sum_hit = {0};
        uint32_t types = 1 + random_below(30), pages = random_below(600);
        struct budget of_parts = {&part_hit, random_below(60), random_below(60)};
        struct budget of_whole = {&whole_hit, 10000, pages};
        struct budget of_direct = {&direct_hit, 10000, pages};
        struct budget of_sum = {&sum_hit, UINT32_MAX, UINT32_MAX};
        struct protocol part[PARTS], whole, direct, sum;
        protocol_init(&whole, types, &of_whole);
        protocol_init(&direct, types, &of_direct);
        for (int i = 0; i < PARTS; i++) {
            protocol_init(&part[i], types, &of_parts);
            protocol_join(&part[i], &whole);
        }
        for (int i = 0; i < 300; i++)
            count_something(&part[random_below(PARTS)], &direct);
        protocol_init_sum(&sum, &of_sum);
        cr_assert(protocol_add_whole(&sum, &whole));
        for (int i = 0; i < PARTS; i++)
            cr_assert(protocol_add_part(&sum, &part[i]));
        if (direct_hit.count[LIMIT_ID_HISTOGRAM_PAGES] == 0) /* else the sum knows more */
            same_protocol(&sum, &direct);
        cr_assert_eq(whole_hit.count[LIMIT_ID_MESSAGE_TYPES],
                     direct_hit.count[LIMIT_ID_MESSAGE_TYPES]);
        for (int i = 0; i < PARTS; i++)
            protocol_fini(&part[i]);
        protocol_fini(&sum);
        protocol_fini(&whole);
        protocol_fini(&direct);
        random_state = state;
    }
}
