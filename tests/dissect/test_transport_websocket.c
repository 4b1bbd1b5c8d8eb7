/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_world.h"
#include "tests/support/fail_alloc.h"

/* The whole way, to events: what is told of a WebSocket, and what is not. */

static struct stream_world world;
static char arena[1 << 14];
static size_t used;

static void reset(void)
{
    used = 0;
    memset(&world, 0, sizeof(world));
}

/* One text message; the client's mask is zero. */
static struct piece text(enum dir dir, const char *json)
{
    size_t n = strlen(json), head = dir == DIR_C2S ? 8 : 4;
    char *p = arena + used;
    cr_assert(used + head + n < sizeof(arena));
    memcpy(p, dir == DIR_C2S ? "\x81\xfe" : "\x81\x7e", 2);
    p[2] = (char)(n >> 8);
    p[3] = (char)n;
    memset(p + 4, 0, head - 4);
    memcpy(p + head, json, n);
    used += head + n;
    return (struct piece){dir, p, head + n};
}

#define ASK                                                                                        \
    C2S("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                        \
        "Sec-WebSocket-Protocol: mcp\r\n\r\n")
#define AGREE S2C("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
#define AGREE_MCP                                                                                  \
    S2C("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"                               \
        "Sec-WebSocket-Protocol: mcp\r\n\r\n")
#define INITIALIZE                                                                                 \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"     \
    "\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}"
#define INITIALIZED                                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-06-18\","                \
    "\"capabilities\":{},\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}}"

Test(transport_websocket, a_session, .init = reset)
{
    const struct piece pieces[] = {
        ASK,
        AGREE,
        text(DIR_C2S, INITIALIZE),
        text(DIR_S2C, INITIALIZED),
        text(DIR_C2S, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"),
        text(DIR_S2C, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"),
        text(DIR_S2C,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603,\"message\":\"\"}}"),
        text(DIR_C2S, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}")};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, ">request initialize 0\n@2025-06-18\n<result initialize 0\n"
                   "=result initialize 0\n>request tools/list 1\n<request ping 1\n"
                   "<error tools/list 1\n!jsonrpc:-32603 1 <\n=error tools/list 1\n"
                   ">result ping 1\n=result ping 1\n");
    cr_expect_eq(world.sessions, 1);
}

/* Other protocols on WebSocket tell nothing, whatever they say; an agreement on `mcp` does. */
Test(transport_websocket, chat, .init = reset)
{
    const struct piece chat[] = {
        ASK,
        AGREE,
        text(DIR_C2S, "hello"),
        text(DIR_S2C, "{\"type\":\"message\",\"text\":\"hello\",\"id\":7}"),
        text(DIR_C2S, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_subscribe\",\"params\":[]}"),
        text(DIR_S2C, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x9\"}"),
        text(DIR_S2C, "{")};
    RUN_BOTH(&world, chat);
    EXPECT(&world, "");
    const struct piece agreed[] = {ASK, AGREE_MCP, text(DIR_C2S, "hello")};
    RUN_BOTH(&world, agreed);
    EXPECT(&world, "!parse:malformed_json 1 >\n");
    const struct piece refused[] = {ASK,
                                    S2C("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"),
                                    text(DIR_C2S, INITIALIZE)};
    RUN_BOTH(&world, refused);
    EXPECT(&world, "");
}

#define COMMAND(id) "{\"command\":\"subscribe\",\"id\":\"" id "\",\"params\":{}}"
#define DONE(id)    "{\"success\":true,\"event\":\"subscribed\",\"data\":{},\"id\":\"" id "\"}"

/* What the web UI of Squirrel says could be any chat's, until a message proves the dialect. */
Test(transport_websocket, squirrel, .init = reset)
{
    const struct piece pieces[] = {
        ASK,
        AGREE,
        text(DIR_C2S, COMMAND("c1")),
        text(DIR_C2S,
             "{\"header\":{\"messageId\":\"m1\",\"messageType\":\"request\"},\"payload\":{}}"),
        text(DIR_S2C, "{\"header\":{\"messageId\":\"m2\",\"messageType\":\"response\","
                      "\"requestId\":\"m1\"},\"payload\":{}}"),
        text(DIR_C2S, COMMAND("c2")),
        text(DIR_S2C, DONE("c2"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, ">request request \"m1\"\n<result response \"m2\"\n=result request \"m1\"\n"
                   ">request command \"c2\" (subscribe)\n<result response \"c2\" (subscribed)\n"
                   "=result command \"c2\"\n");
    const struct piece others[] = {ASK, AGREE, text(DIR_C2S, COMMAND("c1")),
                                   text(DIR_S2C, DONE("c1"))};
    RUN_BOTH(&world, others);
    EXPECT(&world, "");
}

/* Where the answers were not captured, that outweighs that the capture ended. */
Test(transport_websocket, one_way, .init = reset)
{
    const struct piece pieces[] = {text(DIR_C2S, INITIALIZE),
                                   text(DIR_C2S, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                                                 "\"tools/list\"}")};
    world.midstream = true;
    world.end = STREAM_END_CAPTURE;
    RUN(&world, pieces);
    EXPECT(&world, ">request initialize 0\n>request tools/list 1\n=pending initialize 0\n"
                   "=pending tools/list 1\n");
    world.one_way = true;
    RUN(&world, pieces);
    EXPECT(&world, ">request initialize 0\n>request tools/list 1\n=lost initialize 0\n"
                   "=lost tools/list 1\n");
}

Test(transport_websocket, every_allocation_fails, .init = reset)
{
    const struct piece pieces[] = {ASK, AGREE, text(DIR_C2S, INITIALIZE),
                                   text(DIR_S2C, INITIALIZED)};
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        RUN(&world, pieces);
        if (!fail_alloc_stop())
            break;
    }
    cr_expect(strstr(world.log, "=result initialize 0\n"), "%s", world.log);
}
