/* SPDX-License-Identifier: BSD-3-Clause */
#include "http2_world.h"
#include "tests/support/fail_alloc.h"

static struct world world, other;
static struct h2 h;

/* What the conversation gives, the same for every cut of every segment. */
static const char *talk(enum stream_end end)
{
    static struct segment cut[514];
    struct world_plan plan = {.segments = h.segments, .count = h.count, .end = end};
    for (size_t i = 0; i < h.count; i++)
        h.segments[i].ts_ns = 1001000 + (int64_t)i * 1000;
    world_run(&world, &plan);
    plan.byte_by_byte = true;
    world_run(&other, &plan);
    cr_assert_str_eq(other.log, world.log, "byte by byte");
    plan.byte_by_byte = false;
    plan.segments = cut;
    plan.count = h.count + 1;
    for (size_t i = 0; i < h.count; i++)
        for (size_t at = 1; at < h.segments[i].n; at++) {
            memcpy(cut, h.segments, (i + 1) * sizeof(*cut));
            memcpy(cut + i + 1, h.segments + i, (h.count - i) * sizeof(*cut));
            cut[i].n = at;
            cut[i + 1].text += at;
            cut[i + 1].n -= at;
            world_run(&other, &plan);
            cr_assert_str_eq(other.log, world.log, "segment %zu cut at %zu", i, at);
        }
    return world.log;
}

#define EXPECT(expected) cr_expect_str_eq(talk(STREAM_END_FIN), expected)

Test(transport_http2, interleaved_json)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0, H2_POST);
    h2_headers(&h, 3, 0, H2_POST);
    h2_data(&h, 3, 0, "{\"jsonrpc\":\"2.0\",\"id\":");
    h2_data(&h, 1, H2_END, h2_call(1));
    h2_data(&h, 3, H2_END, "33,\"method\":\"tools/list\"}");
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 3, 0, H2_OK);
    h2_data(&h, 3, H2_END, h2_result(33));
    h2_headers(&h, 1, 0, H2_OK);
    h2_data(&h, 1, 0, h2_result(1));
    h2_frame(&h, H2_DATA, H2_END, 1, NULL, 0);
    EXPECT("3 begin POST\n1 begin POST\n1 > request 1\n3 > request 33\n3 head 200 json\n"
           "3 < result 33\n3 end complete\n1 head 200 json\n1 < result 1\n1 end complete\n");
}

Test(transport_http2, interleaved_events)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    for (uint32_t id = 1; id <= 3; id += 2) {
        h2_headers(&h, id, 0, H2_POST H2_BOTH);
        h2_data(&h, id, H2_END, h2_call((int)id));
    }
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, H2_SSE);
    h2_headers(&h, 3, 0, H2_SSE);
    h2_data(&h, 1, 0, "event: message\ndata: {\"jsonrpc\":\"2.0\",");
    h2_segment(&h, DIR_S2C);
    h2_data(&h, 3, 0, h2_event(3));
    h2_data(&h, 1, 0, "\"id\":1,\"result\":{}}\n");
    h2_data(&h, 3, H2_END, ": comment\n\n");
    h2_data(&h, 1, H2_END, "\n");
    EXPECT("1 begin POST both sse\n1 > request 1\n3 begin POST both sse\n3 > request 3\n"
           "1 head 200 sse\n3 head 200 sse\n3 < result 3\n3 end complete\n1 < result 1\n"
           "1 end complete\n");
}

Test(transport_http2, fields)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, H2_END,
               ":method: GET\n:path: /mcp\naccept: text/event-stream\n"
               "mcp-session-id: abc\nlast-event-id: 7\n"
               "mcp-protocol-version: 2025-06-18\n");
    h2_headers(&h, 3, H2_END, ":method: DELETE\n:path: /mcp\nmcp-session-id: abc\n");
    h2_headers(&h, 5, H2_END, ":method: GET\n:path: /favicon.ico\naccept: */*\n");
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, H2_END, ":status: 405\nmcp-session-id: abc\n");
    h2_headers(&h, 3, H2_END, ":status: 204\n");
    h2_headers(&h, 5, 0, ":status: 200\ncontent-type: application/json\n");
    h2_data(&h, 5, H2_END, h2_result(5));
    EXPECT("1 begin GET mcp session resume sse 2025-06-18\n3 begin DELETE mcp session\n"
           "1 head 405 - session\n1 end complete\n3 head 204 -\n3 end complete\n");
    cr_expect_eq(world.channel[1].begin.path_hash, world.channel[3].begin.path_hash);
    cr_expect_eq(world.channel[1].begin.session_hash, world.channel[3].begin.session_hash);
}

Test(transport_http2, relative_endpoints)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, H2_END, ":method: GET\n:path: /a/sse\naccept: text/event-stream\n");
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, H2_SSE);
    h2_data(&h, 1, H2_END, "event: endpoint\ndata: messages?sessionId=1\n\n");
    EXPECT("1 begin GET sse\n1 head 200 sse\n1 event endpoint\n1 end complete\n");
}

/* 1xx in front, trailers behind. */
Test(transport_http2, heads_that_say_nothing)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0, H2_POST "te: trailers\n");
    h2_data(&h, 1, 0, h2_call(1));
    h2_headers(&h, 1, H2_END, "mcp-session-id: trailer\n");
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, ":status: 100\n");
    h2_headers(&h, 1, 0, ":status: 103\nlink: x\n");
    h2_headers(&h, 1, 0, H2_OK);
    h2_data(&h, 1, 0, h2_result(1));
    h2_headers(&h, 1, H2_END, "checksum: 1\n");
    EXPECT("1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n1 end complete\n");
}

/* Padding, priority, a header block in many pieces. */
Test(transport_http2, frames_with_trimmings)
{
    uint8_t bytes[512];
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_deflate(&h, DIR_C2S, H2_POST H2_BOTH "mcp-session-id: a-session\n");
    memset(bytes, 0, sizeof(bytes));
    bytes[0] = 7;   /* padding */
    bytes[5] = 200; /* weight */
    memcpy(bytes + 6, h.block, 4);
    h2_frame(&h, H2_HEADERS, H2_PADDED | H2_PRIO, 1, bytes, 6 + 4 + 7);
    size_t at = 4;
    for (; at + 5 < h.block_len; at += 5)
        h2_frame(&h, H2_CONTINUATION, 0, 1, h.block + at, 5);
    h2_frame(&h, H2_CONTINUATION, 0, 1, NULL, 0);
    h2_frame(&h, H2_CONTINUATION, H2_HEADS, 1, h.block + at, h.block_len - at);
    h2_frame(&h, H2_PRIORITY, 0, 1, "\0\0\0\0\1", 5);
    h2_frame(&h, H2_WINDOW, 0, 0, "\0\0\1\0", 4);
    h2_frame(&h, 0xfa, 0xff, 77, "grease", 6);
    size_t n = strlen(h2_call(1));
    bytes[0] = 10;
    memcpy(bytes + 1, h2_call(1), n);
    memset(bytes + 1 + n, '}', 10);
    h2_frame(&h, H2_DATA, H2_PADDED | H2_END, 1, bytes, 1 + n + 10);
    h2_segment(&h, DIR_S2C);
    h2_frame(&h, H2_PING, 0, 0, "12345678", 8);
    h2_headers(&h, 1, 0, H2_OK);
    h2_data(&h, 1, H2_END, h2_result(1));
    EXPECT("1 begin POST mcp session both sse\n1 > request 1\n1 head 200 json\n1 < result 1\n"
           "1 end complete\n");
}

/* The table of the compression grows and shrinks, and a promised request takes part in it. */
Test(transport_http2, compression)
{
    h2_init(&h);
    for (uint32_t id = 1; id < 21; id += 2) {
        h2_segment(&h, DIR_C2S);
        if (id == 9)
            nghttp2_hd_deflate_change_table_size(h.deflater[DIR_C2S], 100);
        if (id == 13)
            nghttp2_hd_deflate_change_table_size(h.deflater[DIR_C2S], 4096);
        h2_headers(&h, id, 0, h2_text(H2_POST "mcp-session-id: session-%d\n", (int)id % 3));
        h2_data(&h, id, H2_END, h2_call((int)id));
        h2_segment(&h, DIR_S2C);
        if (id == 7) {
            h2_deflate(&h, DIR_S2C, ":method: GET\n:path: /pushed\nmcp-session-id: pushed\n");
            h2_head(&h, H2_PUSH, H2_HEADS, id, 4 + h.block_len);
            h2_raw(&h, "\0\0\0\2", 4);
            h2_raw(&h, h.block, h.block_len);
        }
        h2_headers(&h, id, 0, H2_OK "mcp-session-id: pushed\n");
        h2_data(&h, id, H2_END, h2_result((int)id));
    }
    const char *log = talk(STREAM_END_FIN);
    size_t doubt;
    cr_expect_eq(world_pairs(&world, "compression", &doubt), 10);
    cr_expect_null(strstr(log, "uncertain"));
    for (uint32_t id = 1; id < 21; id += 2) {
        const char *session = h2_text("session-%d", (int)id % 3);
        cr_expect_eq(world.channel[id].begin.session_hash,
                     hash_bytes(&WORLD_KEY, session, strlen(session)));
    }
}

Test(transport_http2, resets)
{
    static const uint8_t cancel[4] = {0, 0, 0, 8}, no_error[4] = {0, 0, 0, 0};
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    for (uint32_t id = 1; id <= 9; id += 2) {
        h2_headers(&h, id, 0, H2_POST);
        h2_data(&h, id, id == 5 ? 0 : H2_END, h2_call((int)id));
    }
    h2_frame(&h, H2_RST, 0, 1, cancel, 4); /* before any answer */
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, H2_OK); /* was on its way */
    h2_data(&h, 1, H2_END, h2_result(1));
    h2_headers(&h, 3, 0, H2_SSE);
    h2_data(&h, 3, 0, h2_event(3));
    h2_headers(&h, 5, 0, H2_OK);
    h2_data(&h, 5, H2_END, h2_result(5));
    h2_frame(&h, H2_RST, 0, 5, no_error, 4); /* it needs no more of the request */
    h2_headers(&h, 7, 0, H2_OK);
    h2_data(&h, 7, 0, "{\"jsonrpc\":");
    h2_frame(&h, H2_RST, 0, 7, cancel, 4);
    h2_frame(&h, H2_GOAWAY, 0, 0, "\0\0\0\7\0\0\0\0bye", 11);
    h2_segment(&h, DIR_C2S);
    h2_frame(&h, H2_RST, 0, 3, cancel, 4);
    EXPECT("1 begin POST\n1 > request 1\n3 begin POST\n3 > request 3\n5 begin POST\n"
           "5 > request 5\n7 begin POST\n7 > request 7\n9 begin POST\n9 > request 9\n"
           "1 end aborted\n3 head 200 sse\n3 < result 3\n5 head 200 json\n5 < result 5\n"
           "5 end complete\n7 head 200 json\n7 < parse:truncated_body\n7 end closed\n"
           "9 end closed\n3 end aborted\n");
}

Test(transport_http2, ends_of_the_connection)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0, H2_POST);
    h2_data(&h, 1, H2_END, h2_call(1));
    EXPECT("1 begin POST\n1 > request 1\n1 end closed\n");
    cr_expect_str_eq(talk(STREAM_END_CAPTURE), "1 begin POST\n1 > request 1\n1 end capture\n");
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, H2_OK);
    h2_data(&h, 1, 0, "{\"jsonrpc\":");
    EXPECT("1 begin POST\n1 > request 1\n1 head 200 json\n1 < parse:truncated_body\n"
           "1 end closed\n");
}

/* Nothing is told of gRPC, and of pages. */
Test(transport_http2, other_traffic)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0,
               ":method: POST\n:path: /pkg.Service/Call\ncontent-type: application/grpc\n");
    h2_frame(&h, H2_DATA, H2_END, 1, "\0\0\0\0\3abc", 8);
    h2_headers(&h, 3, H2_END, ":method: GET\n:path: /\naccept: text/html\n");
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, ":status: 200\ncontent-type: application/grpc\n");
    h2_frame(&h, H2_DATA, 0, 1, "\0\0\0\0\2{}", 7);
    h2_headers(&h, 1, H2_END, "grpc-status: 0\n");
    h2_headers(&h, 3, 0, ":status: 200\ncontent-type: text/html\n");
    h2_data(&h, 3, H2_END, "<html>");
    EXPECT("");
}

Test(transport_http2, server_speaks_first)
{
    h2_new(&h);
    h2_segment(&h, DIR_S2C);
    h2_frame(&h, H2_SETTINGS, 0, 0, "\0\3\0\0\0\x64", 6);
    h2_segment(&h, DIR_C2S);
    h2_raw(&h, H2_PREFACE, 24);
    h2_frame(&h, H2_SETTINGS, 0, 0, NULL, 0);
    h2_headers(&h, 1, 0, H2_POST);
    h2_data(&h, 1, H2_END, h2_call(1));
    EXPECT("1 begin POST\n1 > request 1\n1 end closed\n");
}

/* Stream 1 is the exchange that asked; the channels behind it are counted on. */
Test(transport_http2, upgrade)
{
    const char *ask =
        "POST /mcp HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 46\r\n\r\n";
    h2_new(&h);
    h2_segment(&h, DIR_C2S);
    h2_raw(&h, ask, strlen(ask));
    h2_raw(&h, h2_call(1), strlen(h2_call(1)));
    h2_segment(&h, DIR_S2C);
    const char *answer =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        "\r\n";
    h2_raw(&h, answer, strlen(answer));
    h2_frame(&h, H2_SETTINGS, 0, 0, NULL, 0);
    h2_headers(&h, 1, 0, H2_OK);
    h2_data(&h, 1, H2_END, h2_result(1));
    h2_segment(&h, DIR_C2S);
    h2_raw(&h, H2_PREFACE, 24);
    h2_frame(&h, H2_SETTINGS, 0, 0, NULL, 0);
    h2_headers(&h, 3, 0, H2_POST);
    h2_data(&h, 3, H2_END, h2_call(3));
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 3, 0, H2_OK);
    h2_data(&h, 3, H2_END, h2_result(3));
    EXPECT("1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n1 end complete\n"
           "3 begin POST\n3 > request 3\n3 head 200 json\n3 < result 3\n3 end complete\n");
}

/* RFC 8441: one stream of many is a WebSocket, and a session of its own. */
Test(transport_http2, websocket)
{
    static const uint8_t masked[6] = {0x81, 0x80 | 46, 0, 0, 0, 0}; /* with a mask of zeros */
    static const uint8_t plain[2] = {0x81, 36};
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0,
               ":method: CONNECT\n:protocol: websocket\n:path: /mcp\n"
               "sec-websocket-protocol: mcp\n");
    h2_headers(&h, 3, 0, H2_POST);
    h2_data(&h, 3, H2_END, h2_call(3));
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, ":status: 200\nsec-websocket-protocol: mcp\n");
    h2_segment(&h, DIR_C2S);
    h2_head(&h, H2_DATA, 0, 1, 6 + 46);
    h2_raw(&h, masked, 6);
    h2_raw(&h, h2_call(1), 46);
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 3, 0, H2_OK);
    h2_data(&h, 3, H2_END, h2_result(3));
    h2_head(&h, H2_DATA, H2_END, 1, 2 + 36);
    h2_raw(&h, plain, 2);
    h2_raw(&h, h2_result(1), 36);
    h2_segment(&h, DIR_C2S);
    h2_frame(&h, H2_DATA, H2_END, 1, "\x88\x80\0\0\0\0", 6);
    EXPECT("3 begin POST\n3 > request 3\n1 begin ? mcp\n1 > request 1\n3 head 200 json\n"
           "3 < result 3\n3 end complete\n1 < result 1\n1 end complete\n");
}

/* ---- limits */

Test(transport_http2, too_many_streams)
{
    static const uint8_t first[] = "\0\0\x16\1\5\0\0\0\1\x82\x84\x0f\x04\x11text/event-stream";
    static struct segment segments[2];
    static uint8_t frames[24 + 9 + sizeof(first) + (LIMIT_HTTP2_STREAMS + 9) * (9 + 2)];
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    size_t n = 0;
    memcpy(frames, H2_PREFACE, 24);
    memcpy(frames + 24, "\0\0\0\4\0\0\0\0\0", 9);
    n = 33;
    memcpy(frames + n, first, sizeof(first) - 1);
    n += sizeof(first) - 1;
    for (uint32_t i = 1; i < LIMIT_HTTP2_STREAMS + 10; i++) {
        uint32_t id = 2 * i + 1;
        const uint8_t frame[] = {0, 0, 2, 1, 5, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0x82, 0x84};
        memcpy(frames + n, frame, sizeof(frame));
        n += sizeof(frame);
    }
    segments[0] = (struct segment){DIR_C2S, (const char *)frames, n, 0};
    struct world_plan plan = {.segments = segments, .count = 1, .end = STREAM_END_FIN};
    uint64_t before = world_hit.count[LIMIT_ID_HTTP2_STREAMS];
    world_run(&world, &plan);
    cr_expect_eq(world_hit.count[LIMIT_ID_HTTP2_STREAMS], before + 10);
    cr_expect_str_eq(world.log,
                     "1 begin GET sse\n1 end lost\n"); /* not what the FIN would make of it */
}

/* A flood of CONTINUATION: the head is not read, and what comes behind it is. */
Test(transport_http2, endless_head)
{
    static const char junk[16384];
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_deflate(&h, DIR_C2S, H2_POST);
    h2_frame(&h, H2_HEADERS, 0, 1, h.block, h.block_len);
    for (int i = 0; i < 20; i++)
        h2_frame(&h, H2_CONTINUATION, i == 19 ? H2_HEADS : 0, 1, junk, sizeof(junk));
    h2_data(&h, 1, H2_END, h2_call(1));
    h2_headers(&h, 3, 0, H2_POST "mcp-session-id: known\n");
    h2_data(&h, 3, H2_END, h2_call(3));
    struct world_plan plan = {.segments = h.segments, .count = h.count, .end = STREAM_END_FIN};
    uint64_t before = world_hit.count[LIMIT_ID_HTTP2_HEAD];
    world_run(&world, &plan);
    cr_expect_eq(world_hit.count[LIMIT_ID_HTTP2_HEAD], before + 1);
    cr_expect_str_eq(world.log, "1 begin ? unknown\n1 > request 1\n"
                                "3 begin POST mcp session unknown\n3 > request 3\n"
                                "1 end closed\n3 end closed\n");
}

/* What is no HTTP/2 any more. */
Test(transport_http2, nonsense)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0, H2_POST);
    h2_data(&h, 1, H2_END, h2_call(1));
    h2_frame(&h, H2_PING, 0, 5, "1234567", 7);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 3, 0, H2_POST "mcp-session-id: x\n");
    h2_data(&h, 3, H2_END, h2_call(3));
    struct world_plan plan = {.segments = h.segments, .count = h.count, .end = STREAM_END_FIN};
    world_run(&world, &plan);
    cr_expect_str_eq(world.log, "1 begin POST\n1 > request 1\n1 > frame:malformed\n"
                                "3 begin POST mcp session unknown\n3 > request 3\n"
                                "1 end closed\n3 end closed\n");
}

Test(transport_http2, every_allocation_fails)
{
    h2_init(&h);
    for (uint32_t id = 1; id < 12; id += 2) {
        h2_segment(&h, DIR_C2S);
        h2_headers(&h, id, 0, h2_text(H2_POST H2_BOTH "mcp-session-id: session-%d\n", (int)id));
        h2_data(&h, id, H2_END, h2_call((int)id));
    }
    for (uint32_t id = 1; id < 12; id += 2) {
        h2_segment(&h, DIR_S2C);
        h2_headers(&h, id, 0, id % 3 ? H2_OK : H2_SSE);
        h2_data(&h, id, H2_END, id % 3 ? h2_result((int)id) : h2_event((int)id));
    }
    struct world_plan plan = {.segments = h.segments, .count = h.count, .end = STREAM_END_FIN};
    for (int bytes = 0; bytes < 2; bytes++) {
        plan.byte_by_byte = bytes;
        for (uint64_t n = 1;; n++) {
            size_t doubt;
            fail_alloc_at(n);
            world_run(&world, &plan);
            bool failed = fail_alloc_stop();
            world_pairs(&world, "out of memory", &doubt);
            for (uint32_t id = 1; id < 12; id += 2) {
                const char *session = h2_text("session-%d", (int)id);
                const struct record_begin *b = &world.channel[id].begin;
                cr_assert(!(b->flags & CHANNEL_HAS_SESSION) ||
                          b->session_hash == hash_bytes(&WORLD_KEY, session, strlen(session)));
            }
            if (!failed)
                break;
        }
    }
}
