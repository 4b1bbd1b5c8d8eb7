/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_talk.h"
#include "tests/support/fail_alloc.h"

Test(transport_http1, json)
{
    static const struct segment segments[] = {
        C2S(POST(46, CALL("1"))),
        S2C(JSON(36, RESULT("1"))),
        C2S(POST(47, CALL("22"))),
        S2C(JSON(37, RESULT("22"))),
    };
    EXPECT(segments, "1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n1 end complete\n"
                     "2 begin POST\n2 > request 22\n2 head 200 json\n2 < result 22\n"
                     "2 end complete\n");
}

Test(transport_http1, fields_of_both_heads)
{
    static const struct segment segments[] = {
        C2S("POST /mcp HTTP/1.1\r\nACCEPT: application/json\r\naccept: text/event-stream;q=1\r\n"
            "mcp-session-id: abc\r\nMCP-Protocol-Version: 2025-06-18\r\nContent-Length: 0\r\n\r\n"),
        S2C("HTTP/1.1 202 Accepted\r\nMcp-Session-Id: abc\r\nContent-Length: 0\r\n\r\n"),
        C2S("GET /mcp HTTP/1.1\r\nAccept: text/event-stream\r\nLast-Event-ID: 7\r\n\r\n"),
        S2C("HTTP/1.1 405 No\r\nContent-Length: 2\r\n\r\nno"),
        C2S("DELETE /mcp HTTP/1.1\r\nMcp-Session-Id: abc\r\n\r\n"),
        S2C("HTTP/1.1 204 No Content\r\n\r\n"),
    };
    EXPECT(segments, "1 begin POST mcp session both sse 2025-06-18\n1 head 202 - session\n"
                     "1 end complete\n2 begin GET resume sse\n2 head 405 -\n2 end complete\n"
                     "3 begin DELETE mcp session\n3 head 204 -\n3 end complete\n");
}

Test(transport_http1, other_http_is_not_told)
{
    static const struct segment segments[] = {
        C2S("GET /index.html HTTP/1.1\r\nAccept: */*\r\n\r\n"),
        S2C("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
        C2S("POST /form HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b"),
        S2C(JSON(36, RESULT("1"))),
        C2S("HEAD / HTTP/1.1\r\n\r\n"),
        S2C("HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n"),
        C2S("GET /api HTTP/1.1\r\n\r\n"),
        S2C(JSON(36, RESULT("1"))),
        C2S(POST(46, CALL("5"))),
        S2C(JSON(36, RESULT("5"))),
    };
    EXPECT(segments,
           "5 begin POST\n5 > request 5\n5 head 200 json\n5 < result 5\n5 end complete\n");
}

Test(transport_http1, late_begin)
{
    static const struct segment segments[] = {
        C2S("GET /a HTTP/1.1\r\n\r\n"),
        S2C("HTTP/1.1 200 OK\r\nMcp-Session-Id: x\r\nContent-Length: 2\r\n\r\nok"),
        C2S("GET /b HTTP/1.1\r\n\r\n"),
        S2C(EVENTS "f\r\ndata: [1, 2]\n\n\r\n0\r\n\r\n"),
    };
    EXPECT(segments, "1 begin GET\n1 head 200 - session\n1 end complete\n"
                     "2 begin GET\n2 head 200 sse\n2 < parse:not_jsonrpc 2\n2 end complete\n");
}

Test(transport_http1, interim_and_expect)
{
    static const struct segment segments[] = {
        C2S("POST /mcp HTTP/1.1\r\nContent-Length: 46\r\nExpect: 100-continue\r\n\r\n"),
        S2C("HTTP/1.1 100 Continue\r\n\r\n"),
        C2S(CALL("1")),
        S2C("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" JSON(36, RESULT("1"))),
    };
    EXPECT(segments,
           "1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n1 end complete\n");
}

Test(transport_http1, pipelined)
{
    static const struct segment segments[] = {
        C2S(POST(46, CALL("1")) POST(46, CALL("2")) "GET /x HTTP/1.1\r\n\r\n" POST(46, CALL("3"))),
        S2C(JSON(36, RESULT("1")) JSON(
            36, RESULT("2")) "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" JSON(36, RESULT("3"))),
    };
    EXPECT(segments, "1 begin POST\n1 > request 1\n2 begin POST\n2 > request 2\n"
                     "4 begin POST\n4 > request 3\n"
                     "1 head 200 json\n1 < result 1\n1 end complete\n"
                     "2 head 200 json\n2 < result 2\n2 end complete\n"
                     "4 head 200 json\n4 < result 3\n4 end complete\n");
}

Test(transport_http1, early_response)
{
    static const struct segment segments[] = {
        C2S("POST /mcp HTTP/1.1\r\nContent-Length: 49\r\n\r\n{\"json"),
        S2C("HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n"),
        C2S("rpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}   "
            "GET / HTTP/1.1\r\nMcp-Method: x\r\n\r\n"),
        S2C("HTTP/1.1 204 x\r\n\r\n"),
    };
    EXPECT(segments, "1 begin POST\n1 head 413 -\n1 > request 1\n1 end complete\n"
                     "2 begin GET mcp\n2 head 204 -\n2 end complete\n");
}

Test(transport_http1, response_before_the_request_head_ends)
{
    static const struct segment segments[] = {
        C2S("GET /mcp HTTP/1.1\r\nMcp-Method: x\r\n"),
        S2C("HTTP/1.1 431 x\r\nMcp-Session-Id: a\r\nContent-Length: 0\r\n\r\n"),
        C2S("Accept: text/event-stream\r\n\r\n"),
    };
    EXPECT(segments, "1 begin GET\n1 head 431 - session\n1 end complete\n");
}

Test(transport_http1, bodies_that_are_no_json)
{
    static const struct segment segments[] = {
        C2S(POST(46, CALL("1"))),
        S2C("HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\nAccepted"),
        C2S(POST(46, CALL("2"))),
        S2C("HTTP/1.1 500 x\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
        C2S(POST(46, CALL("3"))),
        S2C(JSON(6, "<html>")),
        C2S(POST(46, CALL("4"))),
        S2C(JSON(5, "{\"a\":")),
        C2S(POST(46, CALL("5"))),
        S2C("HTTP/1.1 200 x\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\n"
            "Content-Length: 3\r\n\r\n\x1f\x8b\x08"),
        C2S(POST(46, CALL("6"))),
        S2C("HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n"),
        C2S(POST(2, "[]")),
        S2C("HTTP/1.1 202 x\r\nContent-Length: 0\r\n\r\n"),
    };
    EXPECT(segments, "1 begin POST\n1 > request 1\n1 head 202 -\n1 end complete\n"
                     "2 begin POST\n2 > request 2\n2 head 500 other\n2 end complete\n"
                     "3 begin POST\n3 > request 3\n3 head 200 json\n3 < parse:malformed_json\n"
                     "3 end complete\n"
                     "4 begin POST\n4 > request 4\n4 head 200 json\n4 < parse:truncated_json\n"
                     "4 end complete\n"
                     "5 begin POST\n5 > request 5\n5 head 200 json\n5 < parse:undecodable\n"
                     "5 end complete\n"
                     "6 begin POST\n6 > request 6\n6 head 401 -\n6 end complete\n"
                     "7 begin POST\n7 > parse:empty_batch\n7 head 202 -\n7 end complete\n");
}

/* Read on at the next start line; what belongs to what is not certain any more. */
Test(transport_http1, lengths_that_are_wrong)
{
    static const struct segment too_short[] = {
        C2S(POST(46, CALL("1"))),   S2C(JSON(20, RESULT("1"))), C2S(POST(46, CALL("2"))),
        S2C(JSON(36, RESULT("2"))), C2S(POST(46, CALL("3"))),   S2C(JSON(36, RESULT("3"))),
    };
    EXPECT(too_short, "1 begin POST\n"
                      "1 > request 1\n"
                      "1 head 200 json\n"
                      "1 < parse:truncated_json\n"
                      "1 end complete\n"
                      "2 begin POST\n"
                      "2 > request 2\n"
                      "2 < http:malformed\n"
                      "3 begin POST\n"
                      "3 > request 3\n"
                      "2 end lost\n"
                      "3 head 200 json uncertain\n"
                      "3 < result 3\n"
                      "3 end complete\n");
    static const struct segment too_long[] = {
        C2S(POST(46, CALL("1"))),   S2C(JSON(40, RESULT("1"))), C2S(POST(46, CALL("2"))),
        S2C(JSON(36, RESULT("2"))), C2S(POST(46, CALL("3"))),   S2C(JSON(36, RESULT("3"))),
    };
    EXPECT(too_long, "1 begin POST\n"
                     "1 > request 1\n"
                     "1 head 200 json\n"
                     "1 < result 1\n"
                     "2 begin POST\n"
                     "2 > request 2\n"
                     "1 < parse:malformed_json\n"
                     "1 end complete\n"
                     "2 < http:malformed\n"
                     "3 begin POST\n"
                     "3 > request 3\n"
                     "2 end lost\n"
                     "3 head 200 json uncertain\n"
                     "3 < result 3\n"
                     "3 end complete\n");
    static const struct segment too_long_question[] = {
        C2S(POST(50, CALL("1"))),   S2C(JSON(36, RESULT("1"))), C2S(POST(46, CALL("2"))),
        S2C(JSON(36, RESULT("2"))), C2S(POST(46, CALL("3"))),   S2C(JSON(36, RESULT("3"))),
    };
    EXPECT(too_long_question, "1 begin POST\n"
                              "1 > request 1\n"
                              "1 head 200 json\n"
                              "1 < result 1\n"
                              "1 > parse:malformed_json\n"
                              "1 end complete\n"
                              "2 begin ? stub uncertain\n"
                              "2 > http:malformed\n"
                              "2 head 200 json uncertain\n"
                              "2 < result 2\n"
                              "2 end complete\n"
                              "3 begin POST\n"
                              "3 > request 3\n"
                              "3 head 200 json uncertain\n"
                              "3 < result 3\n"
                              "3 end complete\n");
    static const struct segment too_short_question[] = {
        C2S(POST(20, CALL("1"))),   S2C(JSON(36, RESULT("1"))), C2S(POST(46, CALL("2"))),
        S2C(JSON(36, RESULT("2"))), C2S(POST(46, CALL("3"))),   S2C(JSON(36, RESULT("3"))),
    };
    EXPECT(too_short_question, "1 begin POST\n"
                               "1 > parse:truncated_json\n"
                               "1 head 200 json\n"
                               "1 < result 1\n"
                               "1 end complete\n"
                               "2 begin ? stub uncertain\n"
                               "2 > http:malformed\n"
                               "2 head 200 json uncertain\n"
                               "2 < result 2\n"
                               "2 end complete\n"
                               "3 begin POST\n"
                               "3 > request 3\n"
                               "3 head 200 json uncertain\n"
                               "3 < result 3\n"
                               "3 end complete\n");
}

/* Where anything was missed, what is no request may have been agreed on in it. */
Test(transport_http1, what_is_no_request_after_a_loss)
{
    static const struct segment segments[] = {
        C2S(POST(46, CALL("1"))),   S2C(JSON(36, RESULT("1"))),    C2S(POST(46, CALL("2"))),
        S2C(JSON(36, RESULT("2"))), C2S("}}" POST(46, CALL("3"))), S2C(JSON(36, RESULT("3"))),
        C2S(POST(46, CALL("4"))),   S2C(JSON(36, RESULT("4"))),
    };
    struct world_plan plan = {.segments = segments, .count = COUNT(segments)};
    plan.end = STREAM_END_FIN;
    world_run(&world, &plan);
    cr_expect(strstr(world.log, "> http:malformed"), "%s", world.log);
    plan.midstream = true;
    world_run(&world, &plan);
    cr_expect_null(strstr(world.log, "malformed"), "%s", world.log);
    plan.midstream = false;
    plan.loss_count = 1;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        struct world_loss loss = {(enum dir)dir, 0, 0};
        size_t n = strlen(segments[dir].text);
        plan.losses = &loss;
        for (loss.to = 1; loss.to <= 2 * n; loss.to++) {
            loss.from = loss.to > n ? loss.to - n : loss.to - 1;
            world_run(&world, &plan);
            cr_assert_null(strstr(world.log, "> http:malformed"), "%d %zu: %s", dir, loss.to,
                           world.log);
        }
    }
}

Test(transport_http1, http_that_is_bad)
{
    static const struct segment segments[] = {
        C2S("POST /mcp HTTP/1.1\r\nMcp-Method: x\r\nno colon\r\nContent-Length: 3\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        S2C("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n"),
    };
    EXPECT(segments,
           "1 begin POST mcp unknown\n1 > http:malformed\n1 > frame:bad_length\n1 head 200 -\n"
           "1 < http:malformed\n1 < parse:lost_message\n1 end lost\n");
}

Test(transport_http1, connection_ends_inside)
{
    static const struct segment request[] = {
        C2S("POST /mcp HTTP/1.1\r\nContent-Length: 46\r\n\r\n{\"js")};
    EXPECT(request, "1 begin POST\n1 > parse:truncated_body\n1 end closed\n");
    static const struct segment response[] = {C2S(POST(46, CALL("1"))),
                                              S2C(JSON(36, "{\"jsonrpc\""))};
    EXPECT(response, "1 begin POST\n1 > request 1\n1 head 200 json\n1 < parse:truncated_body\n"
                     "1 end closed\n");
    static const struct segment none[] = {C2S(POST(46, CALL("1")))};
    EXPECT(none, "1 begin POST\n1 > request 1\n1 end closed\n");
    struct world_plan plan = {response, COUNT(response), .end = STREAM_END_CAPTURE};
    world_run(&world, &plan);
    cr_expect_str_eq(world.log, "1 begin POST\n1 > request 1\n1 head 200 json\n1 end capture\n");
}

/* How each channel of a conversation ends when both directions ended and the client left first. */
static const char *left(const struct segment *segments, size_t count, enum conn_leaver leaver,
                        enum stream_end end)
{
    struct world_plan plan = {segments, count, .end = end, .leaver = leaver};
    world_run(&world, &plan);
    const char *last = strstr(world.log, " end ");
    return last ? last + 1 : world.log;
}

Test(transport_http1, client_leaves_first)
{
    static const struct segment none[] = {C2S(POST(46, CALL("1")))};
    static const struct segment half[] = {C2S(POST(46, CALL("1"))), S2C(JSON(36, "{\"jsonrpc\""))};
    static const struct segment whole[] = {C2S(POST(46, CALL("1"))), S2C(JSON(36, RESULT("1")))};
    static const struct segment stream[] = {C2S(POST(46, CALL("1"))), S2C(EVENTS "3\r\n:\n\n\r\n")};
    static const struct segment until_close[] = {
        C2S(POST(46, CALL("1"))),
        S2C("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n\n")};
    static const struct segment answer_until_close[] = {
        C2S(POST(46, CALL("1"))),
        S2C("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" RESULT("1"))};
    static const enum stream_end ends[] = {STREAM_END_FIN, STREAM_END_RESET, STREAM_END_IDLE};
    for (size_t i = 0; i < COUNT(ends); i++) {
        cr_expect_str_eq(left(none, 1, CONN_LEAVER_SIDE0, ends[i]), "end aborted\n");
        cr_expect_str_eq(left(none, 1, CONN_LEAVER_SIDE1, ends[i]), "end closed\n");
        cr_expect_str_eq(left(none, 1, CONN_LEAVER_NONE, ends[i]), "end closed\n");
        cr_expect_str_eq(left(half, 2, CONN_LEAVER_SIDE0, ends[i]), "end aborted\n");
        cr_expect_str_eq(left(half, 2, CONN_LEAVER_SIDE1, ends[i]), "end closed\n");
        cr_expect_str_eq(left(stream, 2, CONN_LEAVER_SIDE0, ends[i]), "end aborted\n");
        cr_expect_str_eq(left(stream, 2, CONN_LEAVER_SIDE1, ends[i]), "end closed\n");
        cr_expect_str_eq(left(whole, 2, CONN_LEAVER_SIDE0, ends[i]), "end complete\n");
    }
    cr_expect_str_eq(left(until_close, 2, CONN_LEAVER_SIDE0, STREAM_END_FIN), "end aborted\n");
    cr_expect_str_eq(left(until_close, 2, CONN_LEAVER_SIDE1, STREAM_END_FIN), "end complete\n");
    cr_expect_str_eq(left(answer_until_close, 2, CONN_LEAVER_SIDE0, STREAM_END_FIN),
                     "end complete\n");
    cr_expect_str_eq(left(none, 1, CONN_LEAVER_SIDE0, STREAM_END_CAPTURE), "end capture\n");
}

/* A hole counts for more than who left. */
Test(transport_http1, client_leaves_after_a_loss)
{
    static const struct segment segments[] = {C2S(POST(46, CALL("1"))),
                                              S2C(JSON(36, "{\"jsonrpc\":\"2.0\""))};
    struct world_loss loss = {DIR_S2C, 40, 60};
    struct world_plan plan = {
        segments, 2, &loss, 1, .end = STREAM_END_FIN, .leaver = CONN_LEAVER_SIDE0};
    world_run(&world, &plan);
    cr_expect(strstr(world.log, "1 end lost\n"), "%s", world.log);
}

Test(transport_http1, tunnels_are_quiet)
{
    static const struct segment segments[] = {
        C2S("GET /ws HTTP/1.1\r\nMcp-Method: x\r\nUpgrade: socks\r\n\r\n"),
        S2C("HTTP/1.1 101 Switching\r\nUpgrade: socks\r\n\r\n\x81\x05hello"),
        C2S("\x81\x85 mask GET / HTTP/1.1\r\nMcp-Method: x\r\n\r\n"),
        S2C(JSON(36, RESULT("1"))),
    };
    EXPECT(segments, "1 begin GET mcp\n1 head 101 -\n1 end complete\n");
}

#define SWITCH "HTTP/1.1 101 Switching\r\nUpgrade: foo/1, WebSocket/13\r\n\r\n"

Test(transport_http1, upgrades_hand_the_channel_over)
{
    static const struct segment quiet[] = {
        C2S("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: a, mcp\r\n\r\n"),
        S2C(SWITCH),
    };
    EXPECT(quiet, "1 begin ?\n1 end closed\n");
    static const struct segment begun[] = {
        C2S(POST(46, CALL("1"))),
        S2C(JSON(36, RESULT("1"))),
        C2S("GET /ws HTTP/1.1\r\nMcp-Method: x\r\nUpgrade: websocket\r\n\r\n"),
        S2C("HTTP/1.1 100 Continue\r\n\r\n"),
        S2C("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mcp\r\n\r\n"),
    };
    EXPECT(begun, "1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n1 end complete\n"
                  "2 begin GET mcp\n3 begin ? mcp\n2 end complete\n3 end closed\n");
    struct world_plan plan = {quiet, COUNT(quiet), .end = STREAM_END_CAPTURE};
    world_run(&world, &plan);
    cr_expect_str_eq(world.log, "1 begin ?\n1 end capture\n");
}

/* The request's body is still HTTP, whatever the response says; gaps go where they are. */
Test(transport_http1, upgrade_before_the_request_ends)
{
    static const struct segment segments[] = {
        C2S("POST /mcp HTTP/1.1\r\nUpgrade: websocket\r\nContent-Length: 46\r\n\r\n{"),
        S2C(SWITCH),
        C2S("\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"),
        C2S("\x82\x80 mask"),
    };
    static const char begins[] = "1 begin POST\n2 begin ?\n1 > request 1\n";
    cr_expect(strncmp(talk(segments, COUNT(segments), false), begins, sizeof(begins) - 1) == 0,
              "%s", world.log);
    size_t body = strlen(segments[0].text);
    struct world_loss losses[] = {{DIR_C2S, body, body + 10}, {DIR_C2S, body + 45, body + 46}};
    struct world_plan plan = {segments, COUNT(segments), losses, 2, .end = STREAM_END_FIN};
    world_run(&world, &plan);
    cr_expect(strstr(world.log, "2 > tcp:gap"), "%s", world.log);
}

Test(transport_http1, upgrade_of_an_unseen_request)
{
    static const struct segment segments[] = {S2C(SWITCH)};
    EXPECT(segments, "1 begin ?\n1 end closed\n");
    cr_expect_str_eq(talk(segments, COUNT(segments), true), "1 begin ?\n1 end closed\n");
}

Test(transport_http1, upgrade_without_memory)
{
    static const struct segment segments[] = {C2S("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
                                              S2C(SWITCH), S2C("\x81\x02{}")};
    struct world_plan plan = {segments, COUNT(segments), .end = STREAM_END_FIN};
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        world_run(&world, &plan);
        if (!fail_alloc_stop())
            break;
    }
    cr_expect(strstr(world.log, "1 begin ?"), "%s", world.log);
}
