/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON-RPC envelope: what kind of message, which ids are equal, what is kept of a message. */
#include "dissect/capability.h"
#include "dissect/rpc.h"
#include "tests/support/cuts.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hash_key key = {5, 6};
static struct limits_hit hit;

/* ---- messages as text */

static size_t wanted_bytes; /* of the only message; 0: of several */

static void log_message(void *ctx, const struct message *m)
{
    static const char *const kind[] = {"request", "notification", "result", "error"};
    static const char *const id_type[] = {"-", "null", "int", "str", "other"};
    static const char letters[] = "BFVHIRxqMECT"; /* enum message_flag, bit by bit */
    static const char *const text[] = {"other", "id", "name", "version", "peer", "peer_version"};
    struct cuts_log *log = ctx;
    cuts_log(log, "%s %s %s", kind[m->kind], method_info(m->method)->text, id_type[m->id.type]);
    cr_expect(wanted_bytes == 0 || m->bytes == wanted_bytes);
    if (m->flags)
        cuts_log(log, " ");
    for (int i = 0; letters[i]; i++) {
        if (m->flags >> i & 1)
            cuts_log(log, "%c", letters[i]);
    }
    if (m->flags & MESSAGE_HAS_CODE)
        cuts_log(log, " code=%lld", (long long)m->error_code);
    if (m->cancels.type != RPC_ID_ABSENT)
        cuts_log(log, " cancels=%s", id_type[m->cancels.type]);
    if (m->capabilities)
        cuts_log(log, " can");
    cr_expect(m->capabilities == 0 || (m->capabilities & CAPABILITY_DECLARED));
    for (int i = 0; i < CAPABILITY_COUNT; i++) {
        if (m->capabilities >> i & 1)
            cuts_log(log, ",%s", i < CAPABILITY_OTHER ? capability_names[i] : "?");
    }
    size_t sum = 0;
    for (int i = 0; i < MESSAGE_TEXT_COUNT; i++) {
        size_t n;
        const char *p = message_text(m, i, &n);
        if (n > 0)
            cuts_log(log, " %s=%.*s", text[i], (int)n, p);
        sum += n;
    }
    cr_assert_eq(sum, m->text_used);
    cr_assert_leq(sum, sizeof(m->text));
    cuts_log(log, "; ");
}

struct options {
    bool hold, revoked;
};

static void run(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    const struct options *options = ctx;
    struct rpc_sink sink = {log, log_message};
    struct rpc r;
    memset(&r, 0x5a, sizeof(r));
    rpc_init(&r, DIR_S2C, options->hold, &key, &hit);
    bool alive = true;
    for (size_t i = 0; i < count; i++) {
        struct stream_pos at = {(int64_t)i, i};
        bool ok = rpc_feed(&r, &sink, pieces[i].bytes, pieces[i].n, &at);
        cr_assert(alive || !ok);
        alive = ok;
    }
    static const char *const end[] = {"complete", "empty", "cut", "bad", "limit"};
    bool complete = rpc_complete(&r);
    cuts_log(log, "%s", end[rpc_end(&r, &sink, options->revoked)]);
    cuts_log(log, " %u+%u%s%s", r.messages, r.not_rpc, r.empty_array ? " []" : "",
             complete ? " closed" : "");
}

static void check_with(struct options options, const char *input, const char *expected)
{
    static struct cuts_log log;
    wanted_bytes = *input == '{' ? strcspn(input, "\n") : 0;
    log.len = 0;
    log.text[0] = '\0';
    run(&(struct cuts_piece){(const uint8_t *)input, strlen(input)}, 1, &log, &options);
    cr_expect_str_eq(log.text, expected, "%s\n gives %s\n wanted %s", input, log.text, expected);
    const char *bad = cuts_check((const uint8_t *)input, strlen(input), run, &options);
    cr_expect_null(bad, "%s: %s", input, bad);
}

static void check(const char *input, const char *expected)
{
    check_with((struct options){false, false}, input, expected);
    check_with((struct options){true, false}, input, expected);
}

/* ---- kinds */

#define V "\"jsonrpc\":\"2.0\""

Test(rpc, kinds)
{
    check("{" V ",\"id\":1,\"method\":\"ping\"}", "request ping int id=1; complete 1+0 closed");
    check("{" V ",\"method\":\"notifications/initialized\"}",
          "notification notifications/initialized -; complete 1+0 closed");
    check("{\"result\":{}," V ",\"id\":\"a\"}\n", "result  str id=\"a\"; complete 1+0 closed");
    check("{" V ",\"id\":2,\"error\":{\"code\":-32601,\"message\":\"no\"}}",
          "error  int C code=-32601 id=2; complete 1+0 closed");
    check("{" V ",\"error\":{\"code\":-32700}}", "error  - C code=-32700; complete 1+0 closed");
    check("{" V ",\"id\":null,\"error\":{\"code\":1.5}}",
          "error  null id=null; complete 1+0 closed");
    check("{\"method\":\"ping\",\"id\":7}", "request ping int V id=7; complete 1+0 closed");
    check("{\"jsonrpc\":2.0,\"method\":\"ping\",\"id\":7}",
          "request ping int V id=7; complete 1+0 closed");
    check("{\"jsonrpc\":\"\\u0032.0\",\"\\u006dethod\":\"pin\\u0067\",\"id\":7}",
          "request ping int id=7; complete 1+0 closed");
}

Test(rpc, not_messages)
{
    check("{}", "complete 0+1 closed");
    check("{" V "}", "complete 0+1 closed");
    check("{" V ",\"id\":1}", "complete 0+1 closed");
    check("{\"error\":{\"code\":1}}", "complete 0+1 closed");
    check("{" V ",\"method\":null,\"id\":1}", "complete 0+1 closed");
    check("{\"id\":null,\"result\":{}}", "complete 0+1 closed");
    check("\"jsonrpc\"", "complete 0+1 closed");
    check("17", "complete 0+1");
    check("17 ", "complete 0+1 closed");
    check("[]", "complete 0+0 [] closed");
    check("", "empty 0+0");
    check("<html>", "bad 0+0");
    check("{" V ",\"id\":1,\"method\":\"ping\"", "cut 0+0");
}

Test(rpc, responses_without_version_need_an_id)
{
    check("{\"id\":1,\"result\":{}}", "result  int V id=1; complete 1+0 closed");
    check("{\"jsonrpc\":\"2.00\",\"id\":1,\"result\":0}",
          "result  int V id=1; complete 1+0 closed");
}

Test(rpc, hybrids)
{
    check("{" V ",\"id\":1,\"method\":\"ping\",\"result\":{}}",
          "request ping int H id=1; complete 1+0 closed");
    check("{" V ",\"method\":\"ping\",\"error\":null}",
          "notification ping - H; complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{},\"error\":{\"code\":5}}",
          "error  int HC code=5 id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{},\"error\":null}",
          "result  int H id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":4,\"result\":{}}", "result  int H id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"error\":null}", "error  int id=1; complete 1+0 closed");
}

Test(rpc, bad_ids)
{
    check("{" V ",\"id\":null,\"method\":\"ping\"}",
          "request ping null I id=null; complete 1+0 closed");
    check("{" V ",\"id\":1.5,\"method\":\"ping\"}",
          "request ping other I id=1.5; complete 1+0 closed");
    check("{" V ",\"id\":true,\"method\":\"ping\"}",
          "request ping other I id=true; complete 1+0 closed");
    check("{" V ",\"id\":false,\"method\":\"ping\"}",
          "request ping other I id=false; complete 1+0 closed");
    check("{" V ",\"id\":[1],\"method\":\"ping\"}", "request ping other I; complete 1+0 closed");
    check("{" V ",\"id\":{},\"result\":1}", "result  other I; complete 1+0 closed");
    check("{" V ",\"result\":1}", "result  -; complete 1+0 closed");
    check("{" V ",\"id\":1,\"id\":2,\"method\":\"ping\"}",
          "request ping int R id=2; complete 1+0 closed");
}

/* ---- what is kept */

Test(rpc, texts)
{
    check("{\"method\":\"tools/call\",\"params\":{\"name\":\"e\\u0063ho\",\"uri\":\"u\","
          "\"arguments\":{\"name\":\"not this\"}}," V ",\"id\":\"q\\\"\\n\\u0001\"}",
          "request tools/call str id=\"q\\\"\\n\\u0001\" name=echo; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"resources/subscribe\",\"params\":{\"uri\":\"file:///x\"}}",
          "request resources/subscribe int id=1 name=file:///x; complete 1+0 closed");
    check("{" V
          ",\"id\":1,\"method\":\"resources/read\",\"params\":{\"name\":\"n\",\"uri\":\"u\"}}",
          "request resources/read int id=1 name=u; complete 1+0 closed");
    check("{" V ",\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"m:1\"}}",
          "notification notifications/resources/updated - name=m:1; complete 1+0 closed");
    check("{" V ",\"method\":\"textDocument/hover\",\"id\":1,\"params\":{\"name\":\"n\"}}",
          "request  int other=textDocument/hover id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"prompts/get\",\"params\":{\"name\":5}}",
          "request prompts/get int id=1; complete 1+0 closed");
    check("{" V ",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"9\"}}",
          "notification notifications/cancelled - cancels=str; complete 1+0 closed");
    check("{" V ",\"method\":\"ping\",\"id\":3,\"params\":{\"requestId\":\"9\"}}",
          "request ping int id=3; complete 1+0 closed");
}

Test(rpc, peers_and_shape)
{
    check("{" V
          ",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-03-26\","
          "\"capabilities\":{},\"clientInfo\":{\"name\":\"cli\",\"version\":\"0.9\"}}}",
          "request initialize int M can id=0 version=2025-03-26 peer=cli peer_version=0.9; "
          "complete 1+0 closed");
    check("{" V ",\"id\":0,\"method\":\"initialize\",\"params\":{\"processId\":12,"
          "\"clientInfo\":{\"name\":\"an editor\"},\"rootUri\":null}}",
          "request initialize int id=0 peer=an editor; complete 1+0 closed");
    check("{\"result\":{\"protocolVersion\":\"2024-11-05\",\"serverInfo\":{\"version\":\"7\","
          "\"name\":\"srv\"}}," V ",\"id\":0}",
          "result  int M id=0 version=2024-11-05 peer=srv peer_version=7; complete 1+0 closed");
    check("{\"result\":{\"capabilities\":{},\"serverInfo\":{\"name\":\"lsp\"}}," V ",\"id\":0}",
          "result  int can id=0 peer=lsp; complete 1+0 closed");
    check("{\"method\":\"tools/call\",\"params\":{\"name\":\"t\",\"_meta\":{"
          "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
          "\"io.modelcontextprotocol/clientInfo\":{\"name\":\"c\",\"version\":\"2\"}}}," V
          ",\"id\":4}",
          "request tools/call int M id=4 name=t version=2026-07-28 peer=c peer_version=2; "
          "complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{\"resultType\":\"input_required\",\"_meta\":{"
          "\"io.modelcontextprotocol/serverInfo\":{\"name\":\"s\"}}}}",
          "result  int qM id=1 peer=s; complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{\"content\":[],\"isError\":true}}",
          "result  int xM id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{\"isError\":false}}",
          "result  int id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{\"tools\":[],\"content\":[]}}",
          "result  int id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"tasks/get\",\"params\":{\"taskId\":\"t\"}}",
          "request tasks/get int M id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"tasks/get\",\"params\":{\"id\":\"t\"}}",
          "request tasks/get int id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"ping\",\"params\":{\"_meta\":{\"progressToken\":1}}}",
          "request ping int M id=1; complete 1+0 closed");
}

#define CLIENT_CAN "\"_meta\":{\"io.modelcontextprotocol/clientCapabilities\":"

Test(rpc, capabilities)
{
    check("{" V ",\"id\":0,\"method\":\"initialize\",\"params\":{\"capabilities\":{\"roots\":{"
          "\"listChanged\":true},\"sampling\":{},\"elicitation\":{\"form\":{},\"url\":{}},"
          "\"experimental\":null},\"protocolVersion\":\"2025-11-25\"}}",
          "request initialize int M can,elicitation,roots,sampling id=0 version=2025-11-25; "
          "complete 1+0 closed");
    check("{" V ",\"id\":0,\"result\":{\"capabilities\":{\"completions\":{},\"logging\":{},"
          "\"prompts\":{},\"resources\":{\"subscribe\":true},\"tasks\":{\"list\":{}},"
          "\"tools\":{},\"extensions\":{\"io.modelcontextprotocol/tasks\":{}},\"Tools\":{}}}}",
          "result  int can,completions,extensions,logging,prompts,resources,tasks,tools,? id=0; "
          "complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"," CLIENT_CAN
          "{\"experimental\":{\"x\":{}},\"vendor\":{}}}}}",
          "request tools/call int can,experimental,? id=1 name=t; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"ping\",\"params\":{" CLIENT_CAN "{}}}}",
          "request ping int can id=1; complete 1+0 closed");
    /* the place of the one is not that of the other */
    check("{" V ",\"id\":1,\"method\":\"ping\",\"params\":{\"capabilities\":{\"roots\":{}}}}",
          "request ping int id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"method\":\"initialize\",\"params\":{" CLIENT_CAN "{}}}}",
          "request initialize int id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{\"capabilities\":[\"tools\"]}}",
          "result  int id=1; complete 1+0 closed");
    check("{" V ",\"id\":1,\"result\":{\"x\":{\"capabilities\":{\"tools\":{}}}}}",
          "result  int id=1; complete 1+0 closed");
    /* of a batch, each its own */
    check("[{" V ",\"id\":1,\"method\":\"ping\",\"params\":{" CLIENT_CAN "{\"roots\":{}}}}},{" V
          ",\"id\":2,\"method\":\"ping\"}]",
          "request ping int BF can,roots id=1; request ping int B id=2; complete 2+0 closed");
}

static const char *repeated(const char *unit, size_t count)
{
    static char text[4096];
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        strcat(text, unit);
    return text;
}

static void one_message(const char *input, struct message *ret_message);

static void expect_text(const char *input, enum message_text which, const char *wanted, bool is_cut)
{
    struct message m;
    size_t n;
    one_message(input, &m);
    const char *text = message_text(&m, which, &n);
    cr_expect(n == strlen(wanted) && memcmp(text, wanted, n) == 0, "%.*s, wanted %s", (int)n, text,
              wanted);
    cr_expect_eq((m.flags & MESSAGE_TEXT_CUT) != 0, is_cut, "%s", input);
    cr_expect(m.flags & MESSAGE_NO_VERSION, "%s", input); /* what else was found stays */
}

Test(rpc, cuts_fall_between_characters)
{
    char input[4096], wanted[256];
    /* 96 bytes of method: 31 letters of three bytes behind one of one byte make 94 */
    snprintf(input, sizeof(input), "{\"method\":\"m%s\"}", repeated("\xe2\x82\xac", 60));
    snprintf(wanted, sizeof(wanted), "m%s", repeated("\xe2\x82\xac", 31));
    expect_text(input, MESSAGE_TEXT_METHOD, wanted, true);
    snprintf(input, sizeof(input), "{\"method\":\"%s\"}", repeated("x", 96));
    expect_text(input, MESSAGE_TEXT_METHOD, repeated("x", 96), false);
    /* the scanner's own cap falls into a character */
    snprintf(input, sizeof(input), "{\"method\":\"%s\"}", repeated("\xf0\x9f\x98\x80", 300));
    expect_text(input, MESSAGE_TEXT_METHOD, repeated("\xf0\x9f\x98\x80", 24), true);
    /* so does the end of the arena: 12 bytes are left for a method of one and four times three */
    size_t at =
        (size_t)snprintf(input, sizeof(input), "{\"params\":{\"name\":\"%s\",", repeated("n", 512));
    at += (size_t)snprintf(input + at, sizeof(input) - at, "\"uri\":\"%s\",", repeated("u", 512));
    at += (size_t)snprintf(input + at, sizeof(input) - at, "\"protocolVersion\":\"%s\"},",
                           repeated("v", 500));
    snprintf(input + at, sizeof(input) - at, "\"method\":\"m%s\"}", repeated("\xe2\x82\xac", 4));
    expect_text(input, MESSAGE_TEXT_METHOD, "m\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", true);
    /* ids stay JSON: 62 bytes between the quotes, no half escape */
    snprintf(input, sizeof(input), "{\"method\":\"ping\",\"id\":\"x%s\"}", repeated("\\n", 60));
    snprintf(wanted, sizeof(wanted), "\"x%s\"", repeated("\\n", 30));
    expect_text(input, MESSAGE_TEXT_ID, wanted, true);
    snprintf(input, sizeof(input), "{\"method\":\"ping\",\"id\":\"%s\"}", repeated("y", 62));
    snprintf(wanted, sizeof(wanted), "\"%s\"", repeated("y", 62));
    expect_text(input, MESSAGE_TEXT_ID, wanted, false);
    snprintf(input, sizeof(input), "{\"method\":\"ping\",\"id\":%s.5e7}", repeated("1", 63));
    expect_text(input, MESSAGE_TEXT_ID, repeated("1", 63), true);
    snprintf(input, sizeof(input), "{\"method\":\"ping\",\"id\":%s}", repeated("1", 64));
    expect_text(input, MESSAGE_TEXT_ID, repeated("1", 64), false);
}

Test(rpc, bytes_that_are_no_utf8_are_replaced)
{
    expect_text("{\"method\":\"a\xff"
                "b\"}",
                MESSAGE_TEXT_METHOD,
                "a\xef\xbf\xbd"
                "b",
                false);
    expect_text("{\"method\":\"\xc0\xaf\xed\xa0\x80\"}", MESSAGE_TEXT_METHOD,
                repeated("\xef\xbf\xbd", 5), false);
    expect_text("{\"method\":\"\xe2\"}", MESSAGE_TEXT_METHOD, "\xef\xbf\xbd", false);
    expect_text("{\"method\":\"\xe2\x82x\"}", MESSAGE_TEXT_METHOD, "\xef\xbf\xbd\xef\xbf\xbdx",
                false);
    expect_text("{\"method\":\"\xe2\x82\"}", MESSAGE_TEXT_METHOD, repeated("\xef\xbf\xbd", 2),
                false);
    expect_text("{\"method\":\"ping\",\"id\":\"\xf4\x90\x80\x80\"}", MESSAGE_TEXT_ID,
                "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", false);
}

/* ---- ids */

static void take_message(void *ctx, const struct message *m)
{
    *(struct message *)ctx = *m;
}

static void one_message(const char *input, struct message *ret_message)
{
    struct rpc_sink sink = {ret_message, take_message};
    struct rpc r;
    rpc_init(&r, DIR_C2S, false, &key, &hit);
    rpc_feed(&r, &sink, (const uint8_t *)input, strlen(input), &(struct stream_pos){0, 1});
    cr_assert_eq(rpc_end(&r, &sink, false), JSON_END_COMPLETE, "%s", input);
    cr_assert_eq(r.messages, 1, "%s", input);
}

static struct rpc_id id_of(const char *text)
{
    struct message m;
    char input[4096];
    snprintf(input, sizeof(input),
             "{\"method\":\"notifications/cancelled\",\"id\":%s,"
             "\"params\":{\"requestId\":%s}}",
             text, text);
    one_message(input, &m);
    cr_assert_eq(m.id.type, m.cancels.type);
    cr_assert_eq(m.id.hash, m.cancels.hash);
    return m.id;
}

Test(rpc, equal_ids)
{
    static const char *const equal[][6] = {
        {"1", "1.0", "10e-1", "0.1E1", "1e0", "1.000e+0"},
        {"0", "-0", "0.0", "0e7", "-0.00", "0e999999999999"},
        {"-120", "-12e1", "-1.2e2", "-120.0", "-0.12e3", "-1200e-1"},
        {"12345678901234567890123", "12345678901234567890123.0", "1234567890123456789012.3e1"},
        {"123456789012345678", "1234567890123456780e-1", "123456789012345678.0"},
        {"1234567890123456789", "1234567890123456789.00", "12345678901234567890e-1"},
        {"1e30", "1000000000000000000000000000000", "10e29"},
        {"100000000000000000", "1e17", "1.0e17"},
        {"1000000000000000000", "1e18", "0.1e19"},
        {"\"a/b\"", "\"a\\/b\"", "\"\\u0061/b\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
    };
    size_t count = sizeof(equal) / sizeof(equal[0]);
    for (size_t i = 0; i < count; i++) {
        struct rpc_id first = id_of(equal[i][0]);
        cr_expect(first.type == RPC_ID_INTEGER || first.type == RPC_ID_STRING);
        for (size_t k = 1; k < 6 && equal[i][k]; k++) {
            struct rpc_id id = id_of(equal[i][k]);
            cr_expect(id.type == first.type && id.hash == first.hash, "%s and %s", equal[i][0],
                      equal[i][k]);
        }
        for (size_t k = 0; k < i; k++)
            cr_expect_neq(id_of(equal[k][0]).hash, first.hash, "%s and %s", equal[k][0],
                          equal[i][0]);
    }
}

Test(rpc, different_ids)
{
    static const char *const all[] = {"1",
                                      "\"1\"",
                                      "-1",
                                      "10",
                                      "100",
                                      "\"1.0\"",
                                      "\"\"",
                                      "\"null\"",
                                      "9007199254740992",
                                      "9007199254740993",
                                      "18446744073709551616",
                                      "18446744073709551617",
                                      "1e40",
                                      "1e41",
                                      "\"A\"",
                                      "\"a\"",
                                      "\"a\\u0000\"",
                                      "1e-0002000001",
                                      "\" a\""};
    size_t count = sizeof(all) / sizeof(all[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            struct rpc_id a = id_of(all[i]), b = id_of(all[k]);
            cr_expect(a.type != b.type || a.hash != b.hash, "%s and %s", all[i], all[k]);
        }
    }
    /* a string of the bytes that an integer is hashed by, whatever their order */
    uint64_t one = id_of("1").hash;
    cr_expect_neq(one, id_of("\"\\u0001\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\"").hash);
    cr_expect_neq(one, id_of("\"\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0001\"").hash);
    cr_expect_eq(id_of("1e-1").type, RPC_ID_OTHER);
    cr_expect_eq(id_of("1e2000001").type, RPC_ID_OTHER);
    cr_expect_eq(id_of("0.5").type, RPC_ID_OTHER);
}

Test(rpc, long_ids)
{
    char text[2048], other[2048];
    for (size_t n = 500; n < 540; n++) {
        snprintf(text, sizeof(text), "\"%s\"", repeated("z", n));
        snprintf(other, sizeof(other), "\"%s\\u007a\"", repeated("z", n - 1));
        cr_expect_eq(id_of(text).hash, id_of(other).hash, "%zu", n);
        cr_expect_eq(id_of(text).hash, hash_bytes(&key, repeated("z", n), n));
        snprintf(other, sizeof(other), "\"%sy\"", repeated("z", n - 1));
        cr_expect_neq(id_of(text).hash, id_of(other).hash, "%zu", n);
        snprintf(text, sizeof(text), "%s", repeated("7", n));
        cr_expect_eq(id_of(text).type, RPC_ID_INTEGER);
        snprintf(other, sizeof(other), "%s8", repeated("7", n - 1));
        cr_expect_neq(id_of(text).hash, id_of(other).hash, "%zu", n);
    }
}

/* ---- batches, holding, places */

Test(rpc, batches)
{
    check("[{" V ",\"id\":1,\"method\":\"ping\"},3,{" V ",\"method\":\"x\"},{" V
          ",\"id\":1,\"result\":{}}]",
          "request ping int BF id=1; notification  - B other=x; result  int B id=1; "
          "complete 3+1 closed");
    check("[1,{\"method\":\"ping\"}", "notification ping - BFV; cut 1+1");
    check("{" V ",\"method\":\"ping\"}\nx", "notification ping -; bad 1+0");
}

Test(rpc, batch_cap)
{
    size_t n = 0, extra = 3;
    uint8_t *text = malloc(40 * (LIMIT_BATCH + extra));
    text[n++] = '[';
    for (size_t i = 0; i < LIMIT_BATCH + extra; i++)
        n += (size_t)sprintf((char *)text + n, "%s{\"method\":\"ping\",\"id\":%zu}", i ? "," : "",
                             i);
    text[n++] = ']';
    struct message last;
    struct rpc_sink sink = {&last, take_message};
    struct rpc r;
    memset(&hit, 0, sizeof(hit));
    rpc_init(&r, DIR_C2S, false, &key, &hit);
    cr_assert(rpc_feed(&r, &sink, text, n, &(struct stream_pos){0, 1}));
    cr_assert_eq(rpc_end(&r, &sink, false), JSON_END_COMPLETE);
    cr_assert_eq(r.messages, LIMIT_BATCH);
    cr_assert_eq(hit.count[LIMIT_ID_BATCH], extra);
    free(text);
}

static void count_message(void *ctx, const struct message *m)
{
    (void)m;
    ++*(int *)ctx;
}

Test(rpc, holding)
{
    static const char text[] = "[{\"method\":\"ping\"},{\"method\":\"pong\"}]";
    struct stream_pos at = {0, 1};
    struct rpc r;
    int count = 0;
    struct rpc_sink sink = {&count, count_message};
    rpc_init(&r, DIR_C2S, true, &key, &hit);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        rpc_feed(&r, &sink, (const uint8_t *)text + i, 1, &at);
        cr_expect_eq(count, i >= sizeof(text) - 3, "%zu", i);
        cr_expect_eq(rpc_complete(&r), i == sizeof(text) - 2);
    }
    rpc_end(&r, &sink, false);
    cr_expect_eq(count, 2);
    cr_expect_eq(r.messages, 2);

    struct options revoked = {true, true}, open = {false, true};
    check_with(revoked, "{\"method\":\"ping\"}", "complete 0+0 closed");
    check_with(revoked, "[{\"method\":\"ping\"},{\"method\":\"x\"}]",
               "notification ping - BFV; complete 1+0 closed");
    check_with(open, "{\"method\":\"ping\"}", "notification ping - V; complete 1+0 closed");
}

Test(rpc, places)
{
    static const char text[] = "\xef\xbb\xbf [ {\"method\":\"ping\"} , {\"method\":\"ping\"}]";
    const uint8_t *p = (const uint8_t *)text;
    size_t begin = (size_t)(strchr(text, '{') - text), end = (size_t)(strchr(text, '}') - text);
    for (size_t size = 1; size < sizeof(text); size++) {
        struct message m = {.bytes = 0};
        struct rpc_sink sink = {&m, take_message};
        struct rpc r;
        rpc_init(&r, DIR_C2S, false, &key, &hit);
        for (size_t i = 0; i < sizeof(text) - 1 && m.bytes == 0; i += size) {
            struct stream_pos at = {(int64_t)(i / size) * 10, i / size};
            size_t n = sizeof(text) - 1 - i;
            n = n < size ? n : size;
            n = i + n > end + 1 && i <= end ? end + 1 - i : n; /* only the first message */
            rpc_feed(&r, &sink, p + i, n, &at);
        }
        cr_assert_eq(m.bytes, 17);
        cr_expect_eq(m.dir, DIR_C2S);
        cr_expect_eq(m.first.packet, begin / size, "pieces of %zu", size);
        cr_expect_eq(m.last.packet, end / size, "pieces of %zu", size);
        cr_expect_eq(m.first.ts_ns, (int64_t)(begin / size) * 10);
    }
}

Test(rpc, place_of_the_second_message)
{
    static const char *const pieces[] = {"[{\"method\":\"ping\"}", ",",
                                         "{\"method\":", "\"ping\"}"};
    struct message m;
    struct rpc_sink sink = {&m, take_message};
    struct rpc r;
    rpc_init(&r, DIR_S2C, false, &key, &hit);
    for (size_t i = 0; i < 4; i++)
        rpc_feed(&r, &sink, (const uint8_t *)pieces[i], strlen(pieces[i]),
                 &(struct stream_pos){0, i});
    cr_expect_eq(r.messages, 2);
    cr_expect_eq(m.dir, DIR_S2C);
    cr_expect_eq(m.first.packet, 2);
    cr_expect_eq(m.last.packet, 3);
}
