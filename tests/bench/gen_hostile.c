/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic that is made to be expensive: each shape repeats one round until the file is as large as
 * asked. All but `tuples` and `idle` are rounds on connections that have begun as proper MCP, so
 * that they are looked at; most rounds end with a call that has to be found.
 */
#include "gen.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MANY       1000000
#define IN_FLIGHT  100000
#define BOMB_BYTES (64 << 20) /* decoded */
#define HOLES      4000       /* under way at once */
#define HALF_FIELD 12000

struct hostile {
    struct gen_net *net;
    struct gen_mcp *mcp;
    struct gen_session session;
    struct gen_conn conn;
    struct gen_buf bomb;
    uint32_t connections;
    uint32_t stream; /* of HTTP/2 */
};

/* Sends what was written. */
static void flush(struct hostile *h)
{
    while (gen_net_step(h->net, &h->conn))
        ;
    gen_truth_answered(h->mcp->truth, &h->session.exchange, &h->conn);
}

static void open_conn(struct hostile *h)
{
    uint32_t n = h->connections++;
    gen_net_rest(&h->conn);
    h->conn = (struct gen_conn){.ip = {0x0a010000 + n, 0x0a000001}, .port = {40000, 3000}};
    h->session.exchange.method = GEN_METHODS;
    gen_net_open(h->net, &h->conn);
}

/* A session that speaks MCP over HTTP. */
static void open_http(struct hostile *h)
{
    open_conn(h);
    gen_mcp_session(h->mcp, &h->session);
    gen_mcp_initialize(h->mcp, &h->session, &h->conn);
    flush(h);
    gen_mcp_initialized(h->mcp, &h->session, &h->conn);
    flush(h);
}

static void repeat(struct gen_buf *b, const char *text, size_t times)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < times; i++)
        gen_buf_add(b, text, n);
}

/* The next exchange: its request is in the body after begin(), its answer after end(). */
static void begin(struct hostile *h, enum gen_method method)
{
    h->session.exchange = (struct gen_exchange){method, GEN_OK, 0, h->session.next_id};
    gen_truth_asked(h->mcp->truth, &h->session.exchange);
    gen_mcp_request(h->mcp, &h->session, &(struct gen_call){.method = method}, 0);
}

static void end(struct hostile *h)
{
    const struct gen_call call = {.method = h->session.exchange.method};
    gen_mcp_response(h->mcp, &h->session, &call, GEN_OK);
    h->session.next_id++;
}

/* A request, and the beginning of its answer. */
static void ask(struct hostile *h, const char *fields)
{
    begin(h, GEN_PING);
    gen_mcp_post(h->mcp, &h->session, &h->conn);
    end(h);
    gen_buf_printf(&h->conn.bytes, "HTTP/1.1 200 OK\r\n%s", fields);
}

/* What is in the body. */
static void add_body(struct hostile *h)
{
    gen_buf_add(&h->conn.bytes, h->mcp->body.data, h->mcp->body.len);
    h->conn.watch.end[GEN_S2C] = h->conn.bytes.len;
}

static void answered(struct hostile *h)
{
    gen_net_write(&h->conn, GEN_S2C);
    flush(h);
}

/* ---- rounds on a connection of HTTP/1.1 ---- */

static void headers(struct hostile *h)
{
    ask(h, "content-type: application/json\r\n");
    gen_buf_printf(&h->conn.bytes, "content-length: %zu\r\n", h->mcp->body.len);
    repeat(&h->conn.bytes, "a:b\r\n", MANY);
    gen_buf_text(&h->conn.bytes, "\r\n");
    add_body(h);
    answered(h);
}

static void events(struct hostile *h, const char *text, size_t times)
{
    ask(h, "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    gen_buf_printf(&h->conn.bytes, "%zx\r\n", strlen(text) * times + 8 + h->mcp->body.len + 2);
    repeat(&h->conn.bytes, text, times);
    gen_buf_text(&h->conn.bytes, "\n\ndata: ");
    add_body(h);
    gen_buf_text(&h->conn.bytes, "\n\n\r\n0\r\n\r\n");
    answered(h);
}

static void sse_comments(struct hostile *h)
{
    events(h, ":\n", MANY);
}

static void sse_lines(struct hostile *h)
{
    events(h, "data:\n", MANY);
}

static void sse_events(struct hostile *h)
{
    events(h, "data:1\n\n", MANY);
}

static void sse_objects(struct hostile *h)
{
    events(h, "data:{}\n\n", MANY);
}

/* No two that follow each other lack the same, and some are cut over lines. */
static void sse_texts(struct hostile *h)
{
    events(h, "data:{\n\ndata:-\r\rdata:[]\n\ndata:1\ndata:1\n\ndata:\"\n\n", MANY / 5);
}

/* A call whose answer is nested as deep as it has brackets. */
static void nesting(struct hostile *h)
{
    static const char *const brackets[2][2] = {{"[", "]"}, {"{\"a\":", "}"}};
    const char *const *pair = brackets[h->session.next_id % 2];
    struct gen_buf *body = &h->mcp->body;
    begin(h, GEN_PING);
    gen_mcp_post(h->mcp, &h->session, &h->conn);
    body->len = 0;
    gen_buf_printf(body, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"result\":{\"deep\":",
                   (unsigned long long)h->session.next_id++);
    repeat(body, pair[0], MANY);
    gen_buf_text(body, "1");
    repeat(body, pair[1], MANY);
    gen_buf_text(body, "}}");
    gen_mcp_answer(h->mcp, &h->session, &h->conn);
    gen_truth_message(h->mcp->truth, GEN_PING, GEN_RESULT, GEN_S2C, body->len);
    flush(h);
}

/* White space and the answer in chunks of one byte. */
static void chunks(struct hostile *h)
{
    ask(h, "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    repeat(&h->conn.bytes, "1\r\n \r\n", MANY);
    for (size_t i = 0; i < h->mcp->body.len; i++)
        gen_buf_printf(&h->conn.bytes, "1\r\n%c\r\n", h->mcp->body.data[i]);
    h->conn.watch.end[GEN_S2C] = h->conn.bytes.len - 2;
    gen_buf_text(&h->conn.bytes, "0\r\n\r\n");
    answered(h);
}

/* Compresses what was put together. */
static void press(struct hostile *h, struct gen_buf *plain)
{
    z_stream z = {.next_in = plain->data, .avail_in = (uInt)plain->len};
    h->bomb.data = malloc(h->bomb.cap = plain->len / 100);
    z.next_out = h->bomb.data;
    z.avail_out = (uInt)h->bomb.cap;
    if (!h->bomb.data || deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    h->bomb.len = z.total_out;
    deflateEnd(&z);
    free(plain->data);
}

/* The answer to a notification, compressed. */
static void answer_coded(struct hostile *h, const char *type)
{
    gen_mcp_initialized(h->mcp, &h->session, &h->conn);
    h->conn.bytes.len -= h->conn.piece[--h->conn.pieces].len; /* another answer */
    gen_buf_printf(&h->conn.bytes,
                   "HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"
                   "content-encoding: gzip\r\ncontent-length: %zu\r\n\r\n",
                   type, h->bomb.len);
    gen_buf_add(&h->conn.bytes, h->bomb.data, h->bomb.len);
    answered(h);
}

/* 64 KB that decode to 64 MB. */
static void bomb(struct hostile *h)
{
    if (h->bomb.len == 0) {
        struct gen_buf plain = {0};
        repeat(&plain, "\"", 1);
        repeat(&plain, "aaaaaaaaaaaaaaaa", BOMB_BYTES / 16 - 1);
        press(h, &plain);
    }
    answer_coded(h, "application/json");
}

/* A few packets, a great many messages, on a connection of its own. */
static void flood(struct hostile *h)
{
    open_http(h);
    if (h->bomb.len == 0) {
        struct gen_buf plain = {0};
        repeat(&plain, "data:{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n",
               MANY / 20);
        press(h, &plain);
    }
    answer_coded(h, "text/event-stream");
}

/* One byte, one missing, and so on; the window is sent from its end to its beginning. */
static void holes(struct hostile *h)
{
    uint32_t first = h->conn.seq[GEN_S2C];
    for (uint32_t i = HOLES; i > 0; i--)
        gen_net_segment(h->net, &h->conn, GEN_S2C, first + 2 * i, "a", 1);
    h->conn.seq[GEN_S2C] = first + 2 * HOLES + 1;
}

/* ---- other transports ---- */

/* What is in the body as a line. */
static void line(struct hostile *h, int dir)
{
    gen_buf_add(&h->conn.bytes, h->mcp->body.data, h->mcp->body.len);
    h->conn.watch.end[dir] = h->conn.bytes.len;
    gen_buf_text(&h->conn.bytes, "\n");
}

static void open_lines(struct hostile *h)
{
    open_conn(h);
    gen_mcp_session(h->mcp, &h->session);
    begin(h, GEN_INITIALIZE);
    line(h, GEN_C2S);
    gen_net_write(&h->conn, GEN_C2S);
    end(h);
    line(h, GEN_S2C);
    gen_net_write(&h->conn, GEN_S2C);
    flush(h);
}

/* The answer to a ping stands behind a great many texts that are no messages. */
static void lines(struct hostile *h)
{
    begin(h, GEN_PING);
    line(h, GEN_C2S);
    gen_net_write(&h->conn, GEN_C2S);
    end(h);
    repeat(&h->conn.bytes, "{\n{}\n[]\n[1]\n1\n", MANY / 5);
    line(h, GEN_S2C);
    gen_net_write(&h->conn, GEN_S2C);
    flush(h);
}

/* What is in the body as a WebSocket message, masked with zeros if it has to be. */
static void message(struct hostile *h, int dir)
{
    const struct gen_buf *body = &h->mcp->body;
    uint8_t head[8] = {0x81, 126, (uint8_t)(body->len >> 8), (uint8_t)body->len};
    head[1] |= dir == GEN_C2S ? 0x80 : 0;
    gen_buf_add(&h->conn.bytes, head, dir == GEN_C2S ? 8 : 4);
    gen_buf_add(&h->conn.bytes, body->data, body->len);
    h->conn.watch.end[dir] = h->conn.bytes.len;
    gen_net_write(&h->conn, dir);
}

static void open_websocket(struct hostile *h)
{
    static const char fields[] = "connection: upgrade\r\nupgrade: websocket\r\n"
                                 "sec-websocket-protocol: mcp\r\n";
    open_conn(h);
    gen_mcp_session(h->mcp, &h->session);
    h->mcp->truth->http_requests++;
    gen_buf_printf(&h->conn.bytes,
                   "GET /mcp HTTP/1.1\r\nhost: a\r\n%ssec-websocket-version: 13\r\n"
                   "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                   fields);
    gen_net_write(&h->conn, GEN_C2S);
    gen_buf_printf(&h->conn.bytes,
                   "HTTP/1.1 101 Switching Protocols\r\n%s"
                   "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                   fields);
    gen_net_write(&h->conn, GEN_S2C);
    begin(h, GEN_INITIALIZE);
    message(h, GEN_C2S);
    end(h);
    message(h, GEN_S2C);
    flush(h);
}

/* The same in messages, in one frame and in two. */
static void messages(struct hostile *h)
{
    static const uint8_t frames[] = {0x81, 1, '{', 0x81, 2,    '[', ']', 0x81, 1,
                                     '1',  1, 1,   '{',  0x80, 1,   '}', 0x82, 0};
    begin(h, GEN_PING);
    message(h, GEN_C2S);
    end(h);
    for (size_t i = 0; i < MANY / 4; i++)
        gen_buf_add(&h->conn.bytes, frames, sizeof(frames));
    message(h, GEN_S2C);
    flush(h);
}

/* All answers come after all requests, the last first. */
static void ids(struct hostile *h)
{
    uint64_t first = h->session.next_id;
    for (; h->session.next_id < first + IN_FLIGHT; h->session.next_id++) {
        begin(h, GEN_PING);
        line(h, GEN_C2S);
    }
    gen_net_write(&h->conn, GEN_C2S);
    while (h->session.next_id > first) {
        h->session.next_id--;
        gen_mcp_response(h->mcp, &h->session, &(struct gen_call){.method = GEN_PING}, GEN_OK);
        line(h, GEN_S2C);
    }
    gen_net_write(&h->conn, GEN_S2C);
    h->session.next_id += IN_FLIGHT;
    h->session.exchange.method = GEN_METHODS; /* their latencies are not known here */
    flush(h);
}

static void frame_head(struct hostile *h, size_t n, int type, int flags, uint32_t stream)
{
    uint8_t head[9] = {(uint8_t)(n >> 16),      (uint8_t)(n >> 8),      (uint8_t)n,
                       (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    gen_buf_add(&h->conn.bytes, head, sizeof(head));
}

enum { H2_DATA = 0, H2_HEADERS = 1, H2_SETTINGS = 4, H2_END_STREAM = 1, H2_END_HEADERS = 4 };

/* What is in the body, in frames of one byte, each after an empty one. */
static void frame_body(struct hostile *h, int dir)
{
    const struct gen_buf *body = &h->mcp->body;
    for (size_t i = 0; i < body->len; i++) {
        frame_head(h, 0, H2_DATA, 0, h->stream);
        frame_head(h, 1, H2_DATA, i + 1 == body->len ? H2_END_STREAM : 0, h->stream);
        gen_buf_add(&h->conn.bytes, body->data + i, 1);
    }
    h->conn.watch.end[dir] = h->conn.bytes.len;
    gen_net_write(&h->conn, dir);
}

/* Sends the exchange whose request is in the body. */
static void frame_exchange(struct hostile *h)
{
    /* POST /mcp, and 200; both with content-type: application/json */
    static const char post[] = "\x83\x86\x04\x04/mcp\x0f\x10\x10"
                               "application/json";
    static const char ok[] = "\x88\x0f\x10\x10"
                             "application/json";
    frame_head(h, sizeof(post) - 1, H2_HEADERS, H2_END_HEADERS, h->stream);
    gen_buf_add(&h->conn.bytes, post, sizeof(post) - 1);
    frame_body(h, GEN_C2S);
    end(h);
    frame_head(h, sizeof(ok) - 1, H2_HEADERS, H2_END_HEADERS, h->stream);
    gen_buf_add(&h->conn.bytes, ok, sizeof(ok) - 1);
    frame_body(h, GEN_S2C);
    flush(h);
    h->stream += 2;
}

static void open_frames(struct hostile *h)
{
    open_conn(h);
    gen_mcp_session(h->mcp, &h->session);
    gen_buf_text(&h->conn.bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    frame_head(h, 0, H2_SETTINGS, 0, 0);
    gen_net_write(&h->conn, GEN_C2S);
    frame_head(h, 0, H2_SETTINGS, 0, 0);
    gen_net_write(&h->conn, GEN_S2C);
    flush(h);
    h->stream = 1;
    begin(h, GEN_INITIALIZE);
    frame_exchange(h);
}

static void frames(struct hostile *h)
{
    begin(h, GEN_PING);
    frame_exchange(h);
}

/* ---- connections ---- */

/* Handshakes whose addresses and ports have the same sum and the same exclusive or: what a hash
 * without a key would put into the same place. */
static void tuples(struct hostile *h)
{
    uint32_t n = h->connections++;
    uint32_t high = n >> 12 & 0xfff, low = n & 0xfff;
    struct gen_conn c = {
        .ip = {0x0a000000 | high << 12 | low, 0x0a000000 | (high ^ 0xfff) << 12 | (low ^ 0xfff)},
        .port = {(uint16_t)(0x8000 | low), (uint16_t)(0x9000 | (low ^ 0xfff))}};
    gen_net_open(h->net, &c);
}

/* Handshakes, and then nothing for so long that all of them are over with the next packet. */
static void idle_end(struct hostile *h)
{
    h->net->clock_ns += UINT64_C(7200000000000);
    tuples(h);
}

/* Connections that stay in the middle of a header field. */
static void halves(struct hostile *h)
{
    open_conn(h);
    gen_buf_text(&h->conn.bytes, "POST /mcp HTTP/1.1\r\ncookie: ");
    repeat(&h->conn.bytes, "0123456789abcdef", HALF_FIELD / 16);
    gen_net_write(&h->conn, GEN_C2S);
    while (gen_net_step(h->net, &h->conn))
        ;
}

static const struct shape {
    const char *name;
    void (*open)(struct hostile *h);
    void (*round)(struct hostile *h);
    void (*end)(struct hostile *h);
} shapes[] = {
    {"headers", open_http, headers},
    {"sse-comments", open_http, sse_comments},
    {"sse-lines", open_http, sse_lines},
    {"sse-events", open_http, sse_events},
    {"sse-objects", open_http, sse_objects},
    {"sse-texts", open_http, sse_texts},
    {"nesting", open_http, nesting},
    {"chunks", open_http, chunks},
    {"bomb", open_http, bomb},
    {"flood", NULL, flood},
    {"holes", open_http, holes},
    {"ids", open_lines, ids},
    {"lines", open_lines, lines},
    {"messages", open_websocket, messages},
    {"frames", open_frames, frames},
    {"tuples", NULL, tuples},
    {"idle", NULL, tuples, idle_end},
    {"halves", NULL, halves},
};

bool gen_hostile(const char *name, struct gen_net *net, struct gen_mcp *mcp, uint64_t bytes)
{
    struct hostile h = {.net = net, .mcp = mcp};
    const struct shape *shape = NULL;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        if (strcmp(shapes[i].name, name) == 0)
            shape = &shapes[i];
    }
    if (!shape || bytes == 0)
        return shape;
    if (shape->open)
        shape->open(&h);
    while (net->file_bytes < bytes)
        shape->round(&h);
    if (shape->end)
        shape->end(&h);
    free(h.bomb.data);
    gen_net_rest(&h.conn);
    return true;
}
