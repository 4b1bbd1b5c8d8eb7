/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/limits.h"
#include "http_talk.h"

Test(transport_http1_events, events)
{
    static const struct segment segments[] = {
        C2S(POST(46, CALL("1"))),
        S2C(EVENTS "f\r\nid: 1\ndata: \n\n\r\n"),
        S2C("34\r\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"x\"}"),
        S2C("\r\n2\r\n\n\n\r\n"),
        S2C("2e\r\ndata: " RESULT("1") "\nid:\r\n4\r\n 2\n\n\r\n"),
        S2C("e\r\nretry: 1500\n\n\r\n3\r\n:\n\n\r\n0\r\n\r\n"),
    };
    EXPECT(segments, "1 begin POST\n1 > request 1\n1 head 200 sse\n1 event id\n1 < notification\n"
                     "1 < result 1 event\n1 event\n1 end complete\n");
}

Test(transport_http1_events, kinds_of_events)
{
    static const struct segment segments[] = {
        C2S("GET /sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
        S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        S2C("event: endpoint\ndata: /messages?sessionId=1\n\n"),
        S2C("event: ping\ndata: now\n\n"),
        S2C("id: 5\ndata: {}\n\n"),
        S2C("data: {}\n\n"),
        S2C("data: {\"jsonrpc\":\n\n"),
        S2C("data: nonsense\n\n"),
        S2C("data: " RESULT("1") "\nevent: other\n\n"),
        S2C("data: " RESULT("2") "\ndata:\ndata:\n\n"),
        S2C("data: " RESULT("3") "\n"),
    };
    EXPECT(segments, "1 begin GET sse\n1 head 200 sse\n1 event endpoint\n1 < sse:unknown_event\n"
                     "1 event id\n1 < parse:not_jsonrpc\n1 < parse:truncated_json\n"
                     "1 < parse:malformed_json\n1 < sse:unknown_event\n1 < result 2\n"
                     "1 < sse:unfinished_event\n1 end complete\n");
}

/* Texts that are told by their few bytes, and such as are like them. */
Test(transport_http1_events, events_of_few_bytes)
{
    static const char *const texts[] = {
        "1",
        "-0",
        "0",
        "01",
        "-",
        "12.5",
        "12.",
        "1e5",
        "123456789012345678",
        "true",
        "tru",
        "null",
        "nul",
        "nullx",
        "x",
        "}",
        "]",
        ":",
        ",",
        "'",
        "\"a\"",
        "\"",
        "1 ",
        "1 2",
        "1,",
        "{}",
        "[]",
        "[1]",
        "+1",
        "NaN",
        ".5",
        "-x",
        "\x7f",
        "\357\273\2771", /* a byte order mark; in octal, where the 1 is no digit of it */
        "\xc3\xa4",
        "false",
        "1.5e",
        "\t1",
        "{",
        "",
    };
    static char event[COUNT(texts)][64];
    for (size_t i = 0; i < COUNT(texts); i++) {
        snprintf(event[i], sizeof(event[i]), "data: %s\n\ndata:%s\r\n\r\nid: 7\ndata:%s\n\n",
                 texts[i], texts[i], texts[i]);
        struct segment segments[] = {
            C2S("GET /sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
            S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
            S2C("event: endpoint\ndata: /messages\n\n"),
            S2C(""),
        };
        segments[3].text = event[i];
        const char *log = talk(segments, COUNT(segments), false);
        bool number = strcmp(texts[i], "1") == 0, none = strcmp(texts[i], "x") == 0;
        if (number)
            cr_expect(strstr(log, "1 < parse:not_jsonrpc 2\n1 event id\n"), "%s", log);
        if (none)
            cr_expect(strstr(log, "1 < parse:malformed_json 3\n"), "%s", log);
    }
}

Test(transport_http1_events, relative_endpoints)
{
    static const struct segment segments[] = {
        C2S("GET /a/sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
        S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        S2C("event: endpoint\ndata: messages?sessionId=1\n\n"),
    };
    EXPECT(segments, "1 begin GET sse\n1 head 200 sse\n1 event endpoint\n1 end complete\n");
    static const struct segment up[] = {
        C2S("GET /a/sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
        S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        S2C("event: endpoint\ndata: ../messages?sessionId=1\n\n"),
    };
    EXPECT(up, "1 begin GET sse\n1 head 200 sse\n1 event\n1 end complete\n");
}

/* Other streams have events of that name, too: only the first one announces. */
Test(transport_http1_events, endpoints_that_are_not_first)
{
    static const struct segment twice[] = {
        C2S("GET /sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
        S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        S2C(": hello\n\nretry: 5\n\nevent: endpoint\ndata: /a\n\n"),
        S2C("event: endpoint\ndata: /b\n\n"),
    };
    EXPECT(twice, "1 begin GET sse\n1 head 200 sse\n1 event\n1 event endpoint\n1 event\n"
                  "1 end complete\n");
    static const struct segment late[] = {
        C2S("GET /sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
        S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        S2C("event: tick\ndata: 1\n\n"),
        S2C("event: endpoint\ndata: /a\n\n"),
    };
    EXPECT(late, "1 begin GET sse\n1 head 200 sse\n1 < sse:unknown_event\n1 event\n"
                 "1 end complete\n");
    static const struct segment behind[] = {
        C2S("GET /sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
        S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        S2C("data: " RESULT("1") "\n\n"),
        S2C("event: endpoint\ndata: /a\n\n"),
    };
    EXPECT(behind, "1 begin GET sse\n1 head 200 sse\n1 < result 1\n1 event\n1 end complete\n");
}

Test(transport_http1_events, an_endpoint_that_is_too_long)
{
    static char uri[LIMIT_ENDPOINT_URI + 200] = "event: endpoint\ndata: /m?";
    memset(uri + 24, 'a', LIMIT_ENDPOINT_URI);
    memcpy(uri + 24 + LIMIT_ENDPOINT_URI, "\n\n", 3);
    const struct segment segments[] = {
        C2S("GET /sse HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"),
        S2C("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
        S2C(uri),
    };
    EXPECT(segments, "1 begin GET sse\n1 head 200 sse\n1 end complete\n");
    cr_expect_gt(world_hit.count[LIMIT_ID_ENDPOINT_URI], 0);
}
