/* SPDX-License-Identifier: BSD-3-Clause */
/* What ties a message to others: state, keys of the input, task ids; at every cut. */
#include "dissect/rpc.h"
#include "tests/support/cuts.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hash_key key = {5, 6};
static struct limits_hit hit;
static struct rpc rpc;
static struct record_links last;

/* A hash as the text that has it, of those that the tests use. */
static const char *text_of(uint64_t hash)
{
    static const char *const texts[] = {"", "s1", "t1", "a", "b", "gr\xc3\xbc\xc3\x9f"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (hash == hash_bytes(&key, texts[i], strlen(texts[i])))
            return texts[i];
    return hash == 0 ? "0" : "?";
}

static void log_message(void *ctx, const struct message *m)
{
    static const char *const flags[] = {"state",     "keys",   "task",     "created",
                                        "extension", "result", "is_error", "related"};
    static const char *const statuses[] = {"",          "working", "input_required",
                                           "completed", "failed",  "cancelled"};
    struct cuts_log *log = ctx;
    cuts_log(log, "%d", m->kind);
    if (!rpc.linked) {
        cuts_log(log, " none; ");
        return;
    }
    last = rpc.links;
    for (int i = 0; i < 8; i++)
        if (last.flags >> i & 1)
            cuts_log(log, " %s", flags[i]);
    if (last.flags & LINKS_STATE)
        cuts_log(log, " s=%s", text_of(last.state_hash));
    if (last.flags & LINKS_TASK)
        cuts_log(log, " t=%s", text_of(last.task_hash));
    if (last.flags & LINKS_KEYS)
        cuts_log(log, " %u:", last.key_count);
    for (unsigned i = 0; i < last.key_count && i < RECORD_LINKS_KEYS; i++)
        cuts_log(log, " %s", text_of(last.keys[i]));
    cuts_log(log, "%s%s; ", last.status ? " " : "", statuses[last.status]);
}

static void run(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    struct rpc_sink sink = {log, log_message};
    memset(&rpc, 0x5a, sizeof(rpc));
    rpc_init(&rpc, DIR_S2C, *(bool *)ctx, &key, &hit);
    for (size_t i = 0; i < count; i++) {
        struct stream_pos at = {(int64_t)i, i};
        (void)rpc_feed(&rpc, &sink, pieces[i].bytes, pieces[i].n, &at);
    }
    (void)rpc_end(&rpc, &sink, false);
}

static void check(const char *input, const char *expected)
{
    static struct cuts_log log;
    for (int i = 0; i < 2; i++) {
        bool hold = i;
        log.len = 0;
        log.text[0] = '\0';
        run(&(struct cuts_piece){(const uint8_t *)input, strlen(input)}, 1, &log, &hold);
        cr_expect_str_eq(log.text, expected, "%s\n gives %s\n wanted %s", input, log.text,
                         expected);
        const char *bad = cuts_check((const uint8_t *)input, strlen(input), run, &hold);
        cr_expect_null(bad, "%s: %s", input, bad);
    }
}

#define CALL(params)                                                                               \
    "{\"method\":\"tools/call\",\"params\":{" params "},\"jsonrpc\":\"2.0\",\"id\":1}"
#define RESULT(result) "{\"result\":{" result "},\"jsonrpc\":\"2.0\",\"id\":1}"

Test(rpc_links, most_messages_have_none)
{
    check(CALL("\"name\":\"a\",\"arguments\":{\"requestState\":\"s1\",\"taskId\":\"t1\"}"),
          "0 none; ");
    check(RESULT("\"content\":[{\"taskId\":\"t1\"}],\"status\":\"working\""), "2 none; ");
    check("{\"method\":\"notifications/initialized\"}", "1 none; ");
    check(CALL("\"requestState\":1,\"inputResponses\":[],\"taskId\":null"), "0 none; ");
}

Test(rpc_links, rounds)
{
    check(RESULT("\"resultType\":\"input_required\",\"inputRequests\":{\"a\":{\"b\":{}},\"b\":[1,{"
                 "\"a\":2}]},\"requestState\":\"s1\""),
          "2 state keys s=s1 2: a b; ");
    check(CALL("\"inputResponses\":{\"b\":{\"action\":\"accept\"} , \"a\" : null},"
               "\"requestState\":\"s\\u0031\",\"name\":\"x\""),
          "0 state keys s=s1 2: b a; ");
    check(CALL("\"inputResponses\":{},\"requestState\":\"\""), "0 state keys s= 0:; ");
    check(CALL("\"inputResponses\":{\"gr\\u00fc\\u00df\":1}"), "0 keys 1: gr\xc3\xbc\xc3\x9f; ");
}

Test(rpc_links, the_last_member_counts)
{
    check(CALL("\"inputResponses\":{\"a\":1,\"b\":2},\"inputResponses\":{\"b\":1},"
               "\"requestState\":\"x\",\"requestState\":\"s1\""),
          "0 state keys s=s1 1: b; ");
    check(CALL("\"inputResponses\":{\"a\":1,\"b\":2},\"inputResponses\":null"), "0 none; ");
}

Test(rpc_links, more_keys_than_are_kept)
{
    check(CALL("\"inputResponses\":{\"a\":1,\"b\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,"
               "\"8\":8,\"9\":9,\"10\":0}"),
          "0 keys 10: a b ? ? ? ? ? ?; ");
    check(CALL("\"inputResponses\":{\"12345678901234567890123456789012345678901234567890123456789"
               "01234567890\":1,\"a\":1}"),
          "0 keys 2: 0 a; ");
}

Test(rpc_links, long_states_are_told_apart)
{
    static char input[2][6000];
    static struct cuts_log log;
    uint64_t hash[2];
    bool hold = false;
    for (int i = 0; i < 2; i++) {
        char *p = input[i] + sprintf(input[i], "{\"method\":\"tools/call\",\"id\":1,\"params\":"
                                               "{\"requestState\":\"");
        memset(p, 'x', 5000);
        p[4999] = (char)('0' + i);
        strcpy(p + 5000, "\",\"name\":\"tool\"},\"jsonrpc\":\"2.0\"}");
        log.len = 0;
        run(&(struct cuts_piece){(const uint8_t *)input[i], strlen(input[i])}, 1, &log, &hold);
        hash[i] = last.state_hash;
        cr_expect_eq(hash[i], hash_bytes(&key, p, 5000));
        cr_expect_eq(hit.count[LIMIT_ID_JSON_VALUE] + hit.count[LIMIT_ID_JSON_TEXT], 0);
    }
    cr_expect_neq(hash[0], hash[1]);
}

Test(rpc_links, tasks_of_2025)
{
    check(RESULT("\"task\":{\"taskId\":\"t1\",\"status\":\"working\",\"ttl\":60000}"),
          "2 task created t=t1 working; ");
    check(CALL("\"taskId\":\"t1\""), "0 task t=t1; ");
    check(RESULT("\"taskId\":\"t1\",\"status\":\"input_required\""),
          "2 task t=t1 input_required; ");
    check("{\"method\":\"notifications/tasks/status\",\"params\":{\"status\":\"cancelled\","
          "\"taskId\":\"t1\"},\"jsonrpc\":\"2.0\"}",
          "1 task t=t1 cancelled; ");
    check(CALL("\"_meta\":{\"io.modelcontextprotocol/related-task\":{\"taskId\":\"t1\"}}"),
          "0 task related t=t1; ");
    check(RESULT("\"taskId\":\"t1\",\"status\":\"nearly\""), "2 task t=t1; ");
}

Test(rpc_links, tasks_of_the_extension)
{
    check(RESULT("\"resultType\":\"task\",\"taskId\":\"t1\",\"status\":\"working\",\"ttlMs\":1"),
          "2 task created extension t=t1 working; ");
    check(
        RESULT("\"resultType\":\"complete\",\"taskId\":\"t1\",\"status\":\"completed\",\"result\":"
               "{\"content\":[],\"isError\":true}"),
        "2 task result is_error t=t1 completed; ");
    check(RESULT("\"taskId\":\"t1\",\"status\":\"failed\",\"error\":{\"code\":-1}"),
          "2 task result t=t1 failed; ");
    check(CALL("\"taskId\":\"t1\",\"inputResponses\":{\"a\":{}}"), "0 keys task t=t1 1: a; ");
}

Test(rpc_links, each_of_a_batch_has_its_own)
{
    check("[" CALL("\"taskId\":\"t1\"") "," CALL("\"name\":\"x\"") "," CALL(
              "\"requestState\":\"s1\"") "]",
          "0 task t=t1; 0 none; 0 state s=s1; ");
}
