/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_world.h"
#include "tests/support/fail_alloc.h"

static struct stream_world world;

#define INIT_ASK                                                                                   \
    "{\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\",\"clientInfo\":"    \
    "{\"name\":\"c\",\"version\":\"1\"},\"capabilities\":{}},\"jsonrpc\":\"2.0\",\"id\":0}\n"
#define INIT_ANSWER                                                                                \
    "{\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\"serverInfo\":"          \
    "{\"name\":\"s\",\"version\":\"1\"}},\"jsonrpc\":\"2.0\",\"id\":0}\n"
#define CALL(id)                                                                                   \
    "{\"method\":\"tools/call\",\"params\":{\"name\":\"t\"},\"jsonrpc\":\"2.0\",\"id\":" id "}\n"
#define ANSWER(id)                                                                                 \
    "{\"result\":{\"content\":[],\"isError\":false},\"jsonrpc\":\"2.0\",\"id\":" id "}\n"
#define INIT_LOG     ">request initialize 0\n@2025-11-25\n<result initialize 0\n=result initialize 0\n"
#define CALL_LOG(id) ">request tools/call " id " (t)\n"
#define ANSWER_LOG(id)                                                                             \
    "<result tools/call " id "\n"                                                                  \
    "=result tools/call " id "\n"

static const struct piece dialogue[] = {
    C2S(INIT_ASK),
    S2C(INIT_ANSWER),
    C2S("{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}\r\n" CALL("1") CALL("2")),
    S2C("\n" ANSWER("2")),
    S2C("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"roots/list\"}\r\n  "),
    C2S("{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"roots\":[]}}\n"),
    S2C(ANSWER("1")),
};

static const char dialogue_log[] =
    INIT_LOG ">notification notifications/initialized\n" CALL_LOG("1") CALL_LOG("2") ANSWER_LOG(
        "2") "<request roots/list 0\n>result roots/list 0\n=result roots/list 0\n" ANSWER_LOG("1");

Test(transport_lines, dialogue)
{
    RUN_BOTH(&world, dialogue);
    EXPECT(&world, dialogue_log);
    cr_expect_eq(world.sessions, 1);
}

Test(transport_lines, every_cut)
{
    stream_every_cut(&world, dialogue, sizeof(dialogue) / sizeof(dialogue[0]));
}

/* A pair that is told is one of the dialogue, and a gap is told once the stream was recognised. */
static void check_gap(const struct stream_world *w)
{
    static const char *const pairs[] = {"=result initialize 0\n", "=result tools/call 1\n",
                                        "=result tools/call 2\n", "=result roots/list 0\n"};
    int known = 0;
    for (size_t i = 0; i < 4; i++) {
        cr_assert(stream_count(w, pairs[i]) <= 1);
        known += stream_count(w, pairs[i]);
    }
    int others = stream_count(w, "=lost") + stream_count(w, "=cancelled");
    cr_assert(stream_count(w, "=") == known + others, "%s", w->log);
    cr_assert(stream_count(w, "parse:malformed_json") == 0, "%s", w->log);
    cr_assert(stream_count(w, "parse:not_jsonrpc") == 0, "%s", w->log);
    cr_assert(stream_count(w, "parse:truncated") == 0, "%s", w->log);
    cr_assert(stream_count(w, "unanswered") == 0, "%s", w->log);
    cr_assert(stream_count(w, "pair:") == 0, "%s", w->log);
    bool recognised = stream_count(w, ">request initialize") > 0;
    cr_assert(!recognised || stream_count(w, "tcp:gap") == 1, "%s", w->log);
}

Test(transport_lines, every_gap)
{
    stream_every_gap(&world, dialogue, sizeof(dialogue) / sizeof(dialogue[0]), check_gap);
    world.byte_by_byte = true;
    stream_every_gap(&world, dialogue, sizeof(dialogue) / sizeof(dialogue[0]), check_gap);
}

Test(transport_lines, failing_allocations)
{
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        RUN(&world, dialogue);
        if (!fail_alloc_stop())
            break;
        cr_assert(stream_count(&world, "unanswered") == 0, "%s", world.log);
        cr_assert(stream_count(&world, "malformed") == 0, "%s", world.log);
    }
    EXPECT(&world, dialogue_log);
}

Test(transport_lines, the_server_dials)
{
    static const struct piece pieces[] = {S2C(INIT_ASK), C2S(INIT_ANSWER), S2C(CALL("1")),
                                          C2S(ANSWER("1"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, INIT_LOG CALL_LOG("1") ANSWER_LOG("1"));
}

/* The first message tells nothing of the roles, the second does. */
Test(transport_lines, roles_show_late)
{
    static const struct piece pieces[] = {
        S2C("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"ping\"}\n"), S2C(CALL("1")),
        C2S(ANSWER("1"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, CALL_LOG("1") ANSWER_LOG("1"));
}

Test(transport_lines, log_text_between)
{
    static const struct piece pieces[] = {
        S2C("Server is ready\n"), C2S(INIT_ASK),
        S2C("2026-01-01 a log line\n" INIT_ANSWER "and another {\"id\":1}\n"), C2S(CALL("1")),
        S2C(ANSWER("1"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world,
           ">request initialize 0\n!parse:malformed_json 1 <\n@2025-11-25\n"
           "<result initialize 0\n=result initialize 0\n!parse:malformed_json 1 <\n" CALL_LOG("1")
               ANSWER_LOG("1"));
}

/* Lines that need no parser, whole, and cut. */
Test(transport_lines, texts_of_few_bytes)
{
    static const struct piece pieces[] = {C2S(INIT_ASK), S2C(INIT_ANSWER),    C2S("{}\n"),
                                          S2C("[]\r\n"), C2S(" {\n"),         S2C("[1,2]\n"),
                                          C2S("1\n"),    C2S("{\"id\":1}\n"), S2C("\n"),
                                          C2S("{},\n"),  C2S(CALL("1")),      S2C(ANSWER("1"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, INIT_LOG "!parse:not_jsonrpc 1 >\n!parse:empty_batch 1 <\n"
                            "!parse:truncated_json 1 >\n!parse:not_jsonrpc 2 <\n"
                            "!parse:malformed_json 1 >\n!parse:not_jsonrpc 1 >\n"
                            "!parse:malformed_json 1 >\n" CALL_LOG("1") ANSWER_LOG("1"));
    stream_every_cut(&world, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

Test(transport_lines, broken_texts)
{
    static const struct piece pieces[] = {
        C2S(INIT_ASK "{\"jsonrpc\":\"2.0\",\"id\":5,\n" CALL("1") "{\"id\" 7}\n" CALL(
            "2") "{\"a\":1}\n[]\n{} x\n"),
        S2C(INIT_ANSWER ANSWER("1") ANSWER("2"))};
    RUN_BOTH(&world, pieces);
    EXPECT(
        &world,
        ">request initialize 0\n!parse:truncated_json 1 >\n" CALL_LOG(
            "1") "!parse:malformed_json 1 >\n" CALL_LOG("2") "!parse:not_jsonrpc 1 "
                                                             ">\n!parse:empty_batch 1 "
                                                             ">\n!parse:malformed_json 1 >\n"
                                                             "@2025-11-25\n<result initialize "
                                                             "0\n=result initialize 0\n" ANSWER_LOG(
                                                                 "1") ANSWER_LOG("2"));
}

Test(transport_lines, long_lines)
{
    static char bytes[3 * LIMIT_LINE];
    memset(bytes, 'x', sizeof(bytes));
    bytes[sizeof(bytes) - 1] = '\n';
    const struct piece pieces[] = {C2S(INIT_ASK),
                                   S2C(INIT_ANSWER),
                                   {DIR_S2C, bytes, sizeof(bytes)},
                                   C2S(CALL("1")),
                                   S2C(ANSWER("1"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, INIT_LOG "!frame:line_too_long 1 <\n" CALL_LOG("1") ANSWER_LOG("1"));
    cr_expect_eq(world.hit.count[LIMIT_ID_LINE], 2);
}

Test(transport_lines, ends)
{
    static const struct piece pieces[] = {C2S(INIT_ASK), S2C(INIT_ANSWER), C2S(CALL("1")),
                                          S2C("{\"result\":{\"content\":["), C2S("no line end")};
    RUN_BOTH(&world, pieces);
    EXPECT(&world,
           INIT_LOG CALL_LOG(
               "1") "!parse:truncated_body 1 <\n=unanswered tools/call 1\n!pair:unanswered 1 >\n");
    world.end = STREAM_END_CAPTURE;
    RUN_BOTH(&world, pieces);
    EXPECT(&world, INIT_LOG CALL_LOG("1") "=pending tools/call 1\n");
    world.end = STREAM_END_FIN;
    world.one_way = true;
    RUN_BOTH(&world, ((const struct piece[]){C2S(INIT_ASK), C2S(CALL("1"))}));
    EXPECT(&world,
           ">request initialize 0\n" CALL_LOG("1") "=lost initialize 0\n=lost tools/call 1\n");
}

/* The last line of a stream may lack its end. */
Test(transport_lines, last_line_without_end)
{
    static const struct piece pieces[] = {
        C2S(INIT_ASK), S2C("{\"jsonrpc\":\"2.0\",\"id\":0,\"error\":{\"code\":-32600}}")};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, ">request initialize 0\n<error initialize 0\n!jsonrpc:-32600 1 <\n"
                   "=error initialize 0\n");
}

Test(transport_lines, joined)
{
    static const struct piece pieces[] = {
        S2C("\"text\":\"the end of a "
            "result\"}],\"isError\":false},\"jsonrpc\":\"2.0\",\"id\":7}\n"),
        C2S(CALL("8")), S2C("{\"id\":1}]},\"jsonrpc\":\"2.0\",\"id\":99}\n" ANSWER("8")),
        C2S(CALL("9")), S2C(ANSWER("9"))};
    world.midstream = true;
    RUN(&world, pieces);
    EXPECT(&world, CALL_LOG("8") ANSWER_LOG("8") CALL_LOG("9") ANSWER_LOG("9"));
}

/* The presumed roles are wrong, and the first segment shows it. */
Test(transport_lines, joined_with_roles_swapped)
{
    static const struct piece pieces[] = {S2C(CALL("8")), C2S(ANSWER("8"))};
    world.midstream = true;
    RUN(&world, pieces);
    EXPECT(&world, CALL_LOG("8") ANSWER_LOG("8"));
}

/* Nor does a result say who sent it, unless it has the shape of one of MCP. */
Test(transport_lines, joined_at_a_result_with_roles_swapped)
{
    static const struct piece pieces[] = {C2S(ANSWER("7")), S2C(CALL("8")), C2S(ANSWER("8"))};
    world.midstream = true;
    RUN(&world, pieces);
    EXPECT(&world, "<result ? 7 orphan\n" CALL_LOG("8") ANSWER_LOG("8"));
}

/* Bodies and events of HTTP whose heads were not captured are no lines. */
Test(transport_lines, joined_bodies)
{
    static const struct piece bodies[] = {
        C2S("{\"method\":\"tools/call\",\"jsonrpc\":\"2.0\",\"id\":8}"),
        S2C("{\"result\":{},\"jsonrpc\":\"2.0\",\"id\":8}\r\n0\r\n\r\n"),
        S2C("2f\r\n{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{\"a\":1}}\r\n"),
        S2C("1}\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}\n\n"),
        S2C("\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}Content-Length: 7\r\n")};
    world.midstream = true;
    RUN(&world, bodies);
    EXPECT(&world, "");
}

Test(transport_lines, not_mcp)
{
    static const struct piece ethereum[] = {
        C2S("{\"jsonrpc\":\"2.0\",\"method\":\"eth_blockNumber\",\"params\":[],\"id\":83}\n"),
        S2C("{\"jsonrpc\":\"2.0\",\"id\":83,\"result\":\"0x4b7\"}\n{bad\nhello\n")};
    static const struct piece lsp[] = {
        C2S("Content-Length: 59\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}\n"),
        S2C("Content-Length: 5\r\n\r\n{}   ")};
    static const struct piece redis[] = {C2S("*1\r\n$4\r\nPING\r\n"), S2C("+PONG\r\n")};
    static const struct piece chat[] = {
        C2S("{\"type\":\"message\",\"text\":\"tools/call\"}\n"),
        S2C("{\"type\":\"message\",\"id\":\"7\",\"command\":\"hi\"}\n")};
    RUN_BOTH(&world, ethereum);
    EXPECT(&world, "");
    RUN_BOTH(&world, lsp);
    EXPECT(&world, "");
    RUN_BOTH(&world, redis);
    EXPECT(&world, "");
    RUN_BOTH(&world, chat);
    EXPECT(&world, "");
}

/* ---- the line form of Squirrel */

Test(transport_lines, squirrel)
{
    static const struct piece pieces[] = {
        C2S("{\"id\":\"x1\",\"type\":\"request\",\"command\":\"status\",\"payload\":{\"args\":[]}}"
            "\n"),
        S2C("{\"id\":\"x1\",\"type\":\"response\",\"command\":\"status\",\"payload\":"
            "{\"success\":true,\"output\":\"ok\"}}\n"),
        C2S("{\"id\":\"x2\",\"type\":\"notification\",\"command\":\"note\"}\n"),
        S2C("{\"id\":\"x2\",\"type\":\"response\",\"command\":\"note\",\"payload\":"
            "{\"received\":true}}\n"),
        C2S("nonsense\n"),
        S2C("{\"id\":\"unknown\",\"type\":\"error\",\"command\":\"unknown\",\"error\":"
            "\"Invalid message format: x\"}\n"),
        C2S("{\"id\":\"x3\",\"type\":\"request\",\"command\":\"none\"}\n"),
        S2C("{\"id\":\"x3\",\"type\":\"error\",\"command\":\"none\",\"error\":"
            "\"Command error: Command execution failed: none\"}\n"),
        C2S("{\"id\":\"x4\",\"type\":\"request\",\"command\":\"late\"}\n")};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, ">request request \"x1\" (status)\n<result response \"x1\" (status)\n"
                   "=result request \"x1\"\n"
                   ">notification notification \"x2\" (note)\n<result response \"x2\" (note)\n"
                   "!parse:malformed_json 1 >\n"
                   "<error error \"unknown\" (unknown)\n!squirrel:invalid_format 1 <\n"
                   ">request request \"x3\" (none)\n<error error \"x3\" (none)\n"
                   "!squirrel:command 1 <\n=error request \"x3\"\n"
                   ">request request \"x4\" (late)\n"
                   "=unanswered request \"x4\"\n!pair:unanswered 1 >\n");
    stream_every_cut(&world, pieces, sizeof(pieces) / sizeof(pieces[0]));
}
