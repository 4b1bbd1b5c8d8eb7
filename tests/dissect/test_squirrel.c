/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/squirrel.h"
#include "tests/support/cuts.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hash_key KEY = {3, 4};
static struct limits_hit hit;

static void log_text(struct cuts_log *log, const struct message *m, enum message_text which)
{
    size_t n;
    const char *text = message_text(m, which, &n);
    if (n > 0)
        cuts_log(log, " %.*s", (int)n, text);
}

/* One line a message: kind, type, id, operation, version; then what it names, and flags. */
static void on_message(void *ctx, const struct message *m)
{
    static const char *const kinds[] = {"request", "notification", "result", "error"};
    struct cuts_log *log = ctx;
    cr_assert_eq(m->method, METHOD_OTHER);
    cuts_log(log, "%s", kinds[m->kind]);
    log_text(log, m, MESSAGE_TEXT_METHOD);
    log_text(log, m, MESSAGE_TEXT_ID);
    log_text(log, m, MESSAGE_TEXT_NAME);
    log_text(log, m, MESSAGE_TEXT_VERSION);
    if (m->cancels.type == RPC_ID_STRING)
        cuts_log(log, " answers %d", m->cancels.hash == hash_bytes(&KEY, "q1", 2));
    if (m->event_id)
        cuts_log(log, " inside %d", m->event_id == hash_bytes(&KEY, "q1", 2));
    if (m->flags & MESSAGE_MCP_SHAPE)
        cuts_log(log, " proof");
    if (m->flags & MESSAGE_BAD_ID)
        cuts_log(log, " bad_id");
    if (m->flags & MESSAGE_INTERIM)
        cuts_log(log, " interim");
    if (m->kind == MESSAGE_ERROR)
        cuts_log(log, " %s", squirrel_error_name((uint8_t)m->error_code));
    cuts_log(log, "\n");
}

static void run(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    struct squirrel q;
    struct rpc_sink sink = {log, on_message};
    (void)ctx;
    squirrel_init(&q, DIR_C2S, false, &KEY, &hit);
    for (size_t i = 0; i < count; i++)
        (void)squirrel_feed(&q, &sink, pieces[i].bytes, pieces[i].n, &(struct stream_pos){0, 0});
    bool complete = squirrel_complete(&q);
    enum json_end end = squirrel_end(&q, &sink, false);
    if (q.messages != 1 || !complete || end != JSON_END_COMPLETE)
        cuts_log(log, "messages %u others %u end %d\n", q.messages, q.others, end);
}

/* Whole, and cut everywhere. */
static void check(const char *json, const char *expected)
{
    static struct cuts_log log;
    struct cuts_piece whole = {(const uint8_t *)json, strlen(json)};
    log.len = 0;
    log.text[0] = '\0';
    run(&whole, 1, &log, NULL);
    cr_expect_str_eq(log.text, expected, "%s:\n%s", json, log.text);
    const char *difference = cuts_check(whole.bytes, whole.n, run, NULL);
    cr_expect_null(difference, "%s: %s", json, difference);
}

Test(squirrel, shapes)
{
    static const struct {
        const char *json, *expected;
    } shapes[] = {
        {"{\"id\":\"a\",\"message_type\":\"Command\",\"payload\":{\"command\":\"get\"}}",
         "request command \"a\" get\n"},
        {"{\"version\":\"1.0\",\"message_type\":\"Event\",\"payload\":null}",
         "notification event 1.0\n"},
        {"{\"id\":\"a\",\"type_\":\"Response\",\"payload\":{\"message_id\":\"q1\"},"
         "\"timestamp\":\"2031\"}",
         "result response \"a\" inside 1\n"},
        {"{\"id\":\"a\",\"version\":{\"major\":1,\"minor\":2,\"patch\":3},\"message_type\":"
         "{\"Query\":{}}}",
         "request query \"a\" 1.2\n"},
        {"{\"id\":\"a\",\"type\":\"request\",\"command\":\"status\"}",
         "request request \"a\" status proof\n"},
        {"{\"id\":\"a\",\"type\":\"error\",\"command\":\"s\",\"error\":\"Message timeout: 5\"}",
         "error error \"a\" s proof squirrel:timeout\n"},
        {"{\"header\":{\"version\":\"1.0\",\"messageId\":\"m\",\"messageType\":\"request\"},"
         "\"payload\":{\"tool\":{\"id\":\"calc\",\"capability\":\"add\"},\"security\":"
         "{\"token\":\"t\"}}}",
         "request request \"m\" calc.add 1.0 proof\n"},
        {"{\"header\":{\"messageId\":\"m\",\"messageType\":\"error\",\"requestId\":\"q1\"},"
         "\"error\":{\"code\":\"SECURITY_ERROR\",\"message\":\"Token expired\"}}",
         "error error \"m\" answers 1 proof squirrel:security\n"},
        {"{\"message_id\":\"m\",\"version\":\"1.0.7\",\"message_type\":\"response\",\"metadata\":"
         "{\"correlation_id\":\"q1\"}}",
         "result response \"m\" 1.0 answers 1\n"},
        {"{\"protocol_version\":\"1.0\",\"message_id\":\"q1\",\"status\":\"Pending\"}",
         "result response 1.0 answers 1 interim\n"},
        {"{\"id\":\"a\",\"command_id\":\"q1\",\"message_id\":\"x\",\"status\":\"Error\"}",
         "error response \"a\" answers 1 squirrel:error\n"},
        {"{\"id\":\"a\",\"success\":false,\"event\":\"e\",\"error\":\"Token expired\"}",
         "error response \"a\" e squirrel:token_expired\n"},
        {"{\"id\":\"h\",\"version\":{\"major\":1,\"minor\":0},\"capabilities\":[]}",
         "request handshake \"h\" 1.0\n"},
        {"{\"event_type\":\"e\",\"data\":1,\"id\":7}", "notification event 7 e bad_id\n"},
        {"{\"message_type\":\"auth-request\",\"id\":\"\",\"payload\":{\"command\":\"c\"}}",
         "request authrequest \"\" bad_id\n"},
        {"{\"kind\":\"Something\",\"id\":\"a\"}", "notification something \"a\"\n"},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        check(shapes[i].json, shapes[i].expected);
}

Test(squirrel, no_messages)
{
    check("{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"type\":\"request\",\"command\":\"c\"}",
          "messages 0 others 1 end 0\n");
    check("{\"method\":\"m\",\"id\":\"a\",\"type\":\"request\"}", "messages 0 others 1 end 0\n");
    check("{\"id\":\"a\"}", "messages 0 others 1 end 0\n");
    check("{\"id\":\"a\",\"type\":\"\"}", "messages 0 others 1 end 0\n");
    check("[{\"id\":\"a\",\"type\":\"request\"}]", "messages 0 others 1 end 0\n");
    check("\"text\"", "messages 0 others 1 end 0\n");
    check("{\"id\":\"a\",", "messages 0 others 0 end 2\n");
    check("{\"id\" 1}", "messages 0 others 0 end 3\n");
}

/* A message whose payload is those bytes, as numbers. */
static char *with_bytes(const char *bytes, size_t n)
{
    char *json = malloc(5 * n + 100);
    int used = sprintf(json, "{\"x\":\"payload\",\"y\":[9],\"payload\" : [");
    for (size_t i = 0; i < n; i++)
        used += sprintf(json + used, "%s%d", i ? "," : "", (uint8_t)bytes[i]);
    sprintf(json + used, " ],\"id\":\"a\",\"message_type\":\"Response\"}");
    return json;
}

Test(squirrel, byte_arrays)
{
    static const char inner[] = "{\"message_id\":\"q1\",\"command\":\"c\xc3\xa9\",\"token\":\"t\"}";
    char *json = with_bytes(inner, sizeof(inner) - 1);
    check(json, "result response \"a\" c\xc3\xa9 inside 1\n");
    free(json);
    check("{\"payload\":[123,300,125],\"id\":\"a\",\"message_type\":\"Response\"}",
          "result response \"a\"\n");
    check("{\"payload\":[123,34],\"id\":\"a\",\"message_type\":\"Response\"}",
          "result response \"a\"\n");
    check("{\"payload\":[[123]],\"id\":\"a\",\"message_type\":\"Response\"}",
          "result response \"a\"\n");
    check("{\"metadata\":{\"payload\":[123,125]},\"id\":\"a\",\"message_type\":\"Response\"}",
          "result response \"a\"\n");
}

/* The cap is the last size that is read. */
Test(squirrel, byte_array_too_large)
{
    static const char inner[] = "{\"message_id\":\"q1\"}";
    for (size_t over = 0; over < 2; over++) {
        size_t n = LIMIT_BYTE_PAYLOAD + over;
        char *bytes = malloc(n);
        memset(bytes, ' ', n);
        memcpy(bytes + n - (sizeof(inner) - 1), inner, sizeof(inner) - 1);
        char *json = with_bytes(bytes, n);
        static struct cuts_log log;
        log.len = 0;
        hit = (struct limits_hit){{0}};
        run(&(struct cuts_piece){(const uint8_t *)json, strlen(json)}, 1, &log, NULL);
        cr_expect_str_eq(log.text,
                         over ? "result response \"a\"\n" : "result response \"a\" inside 1\n");
        cr_expect_eq(hit.count[LIMIT_ID_BYTE_PAYLOAD], over);
        free(json);
        free(bytes);
    }
}

/* Short of memory a message is told without what its bytes say. */
Test(squirrel, failing_allocation)
{
    static const char inner[] = "{\"message_id\":\"q1\"}";
    static struct cuts_log log;
    char *json = with_bytes(inner, sizeof(inner) - 1);
    fail_alloc_at(1);
    run(&(struct cuts_piece){(const uint8_t *)json, strlen(json)}, 1, &log, NULL);
    cr_expect(fail_alloc_stop());
    cr_expect_str_eq(log.text, "result response \"a\"\n");
    free(json);
}
