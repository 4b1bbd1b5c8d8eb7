/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a connection costs in memory, for each transport of the registry: idle between messages, and
 * while a message is being read. Some thousand connections are brought to that point, and what the
 * heap holds for them is divided by their number. The flow of the capture room is added as it is;
 * the tracker is measured with its tables.
 *
 * usage: bench_memory; prints a table in Markdown, one row a sample, and a row without figures for
 * a transport that has no sample here.
 */
#include "capture/flow.h"
#include "dissect/dissector.h"
#include "dissect/event.h"
#include "dissect/tracker.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 4096
#define MOST_PIECES 10
#define PIECE_BYTES 1024

struct piece {
    enum dir dir;
    size_t n;
    char bytes[PIECE_BYTES];
};

/* A connection: the pieces until it is idle, and then those of a message that is not complete. */
struct sample {
    struct piece piece[MOST_PIECES];
    size_t count, idle;
};

static void add(struct sample *s, enum dir dir, const char *bytes, size_t n)
{
    struct piece *p = &s->piece[s->count++];
    if (s->count > MOST_PIECES || n > PIECE_BYTES)
        abort();
    p->dir = dir;
    p->n = n;
    memcpy(p->bytes, bytes, n);
}

static void say(struct sample *s, enum dir dir, const char *text)
{
    add(s, dir, text, strlen(text));
}

/* What follows is the message that is being read. */
static void idle(struct sample *s)
{
    s->idle = s->count;
}

#define INITIALIZE                                                                                 \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"     \
    "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}"
#define WELCOME                                                                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\",\"serverInfo\":" \
    "{\"name\":\"s\",\"version\":\"1\"}}}"
#define PART "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a"

/* ---- HTTP/1.1 and WebSocket */

static void http(struct sample *s, enum dir dir, const char *head, const char *body, size_t length)
{
    char text[PIECE_BYTES];
    snprintf(text, sizeof(text),
             "%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", head, length,
             body);
    say(s, dir, text);
}

#define POST "POST /mcp HTTP/1.1\r\nAccept: application/json, text/event-stream"

static void http_json(struct sample *s)
{
    http(s, DIR_C2S, POST, INITIALIZE, strlen(INITIALIZE));
    http(s, DIR_S2C, "HTTP/1.1 200 OK", WELCOME, strlen(WELCOME));
    idle(s);
    http(s, DIR_C2S, POST, PART, 500);
}

static void http_events(struct sample *s)
{
    say(s, DIR_C2S, "GET /mcp HTTP/1.1\r\nAccept: text/event-stream\r\nMcp-Session-Id: a\r\n\r\n");
    say(s, DIR_S2C,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Transfer-Encoding: chunked\r\n\r\n7\r\nid: 1\n\n\r\n");
    idle(s);
    say(s, DIR_S2C, "200\r\nid: 2\ndata: " PART);
}

static void http_other(struct sample *s)
{
    say(s, DIR_C2S, "GET / HTTP/1.1\r\n\r\n");
    say(s, DIR_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    idle(s);
    say(s, DIR_C2S, "GET / HTTP/1.1\r\n\r\n");
    say(s, DIR_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok");
}

static void open_socket(struct sample *s, const char *extension)
{
    char text[PIECE_BYTES];
    say(s, DIR_C2S,
        "GET /mcp HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Protocol: mcp\r\n\r\n");
    snprintf(text, sizeof(text),
             "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
             "Upgrade: websocket\r\nSec-WebSocket-Protocol: mcp\r\n%s\r\n",
             extension);
    say(s, DIR_S2C, text);
}

/* A frame of the server; `length` may be more than there is. */
static void frame(struct sample *s, uint8_t first, const char *bytes, size_t n, size_t length)
{
    char text[PIECE_BYTES] = {(char)first, 126, (char)(length >> 8), (char)length};
    memcpy(text + 4, bytes, n);
    add(s, DIR_S2C, text, 4 + n);
}

static void socket_plain(struct sample *s)
{
    open_socket(s, "");
    frame(s, 0x81, WELCOME, strlen(WELCOME), strlen(WELCOME));
    idle(s);
    frame(s, 0x81, PART, strlen(PART), 500);
}

/* Blocks that are stored, not compressed: 0, length, its complement, bytes; and an empty one. */
static void socket_deflate(struct sample *s)
{
    static const char notification[] =
        "\0\x2c\0\xd3\xff{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\0";
    open_socket(s, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    frame(s, 0xc1, notification, sizeof(notification) - 1, sizeof(notification) - 1);
    idle(s);
    frame(s, 0xc1, notification, 20, 500);
}

/* ---- HTTP/2 */

/* A frame with n bytes of its payload, which may be longer. */
static void h2_frame(struct sample *s, enum dir dir, const char *head, const char *bytes, size_t n,
                     size_t length)
{
    char text[PIECE_BYTES] = {0, (char)(length >> 8), (char)length};
    memcpy(text + 3, head, 6); /* type, flags, stream */
    memcpy(text + 9, bytes, n);
    add(s, dir, text, 9 + n);
}

#define H2_HEADERS   "\x01\x04\0\0\0"
#define H2_DATA      "\x00\x00\0\0\0"
#define H2_LAST_DATA "\x00\x01\0\0\0"
/* HPACK: POST /mcp with both types accepted; 200; each with a type of JSON; all put into its table.
 */
#define H2_JSON                                                                                    \
    "\x5f\x10"                                                                                     \
    "application/json"
#define H2_POST                                                                                    \
    "\x83\x86\x44\x04/mcp\x41\x01"                                                                 \
    "a\x53\x23"                                                                                    \
    "application/json, text/event-stream" H2_JSON
#define H2_OK "\x88" H2_JSON

static void http2(struct sample *s)
{
    add(s, DIR_C2S, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 33);
    h2_frame(s, DIR_C2S, H2_HEADERS "\x01", H2_POST, sizeof(H2_POST) - 1, sizeof(H2_POST) - 1);
    h2_frame(s, DIR_C2S, H2_LAST_DATA "\x01", INITIALIZE, strlen(INITIALIZE), strlen(INITIALIZE));
    add(s, DIR_S2C, "\0\0\0\x04\0\0\0\0\0", 9);
    h2_frame(s, DIR_S2C, H2_HEADERS "\x01", H2_OK, sizeof(H2_OK) - 1, sizeof(H2_OK) - 1);
    h2_frame(s, DIR_S2C, H2_LAST_DATA "\x01", WELCOME, strlen(WELCOME), strlen(WELCOME));
    idle(s);
    h2_frame(s, DIR_C2S, H2_HEADERS "\x03", H2_POST, sizeof(H2_POST) - 1, sizeof(H2_POST) - 1);
    h2_frame(s, DIR_C2S, H2_DATA "\x03", PART, strlen(PART), 500);
}

/* ---- lines, and the frames of the Squirrel dialect */

static void lines(struct sample *s)
{
    say(s, DIR_C2S, INITIALIZE "\n");
    say(s, DIR_S2C, WELCOME "\n");
    idle(s);
    say(s, DIR_C2S, PART);
}

static void squirrel_frame(struct sample *s, enum dir dir, const char *json, size_t length)
{
    char text[PIECE_BYTES] = {'M', 'C', 'P', 0, 0, 0, (char)(length >> 8), (char)length};
    memcpy(text + 8, json, strlen(json));
    add(s, dir, text, 8 + strlen(json));
}

#define COMMAND "{\"id\":\"c1\",\"message_type\":\"Command\",\"payload\":{\"command\":\"get\"}}"
#define DONE    "{\"id\":\"r1\",\"message_type\":\"Response\",\"payload\":{\"message_id\":\"c1\"}}"

static void squirrel(struct sample *s)
{
    squirrel_frame(s, DIR_C2S, COMMAND, strlen(COMMAND));
    squirrel_frame(s, DIR_S2C, DONE, strlen(DONE));
    idle(s);
    squirrel_frame(s, DIR_C2S, "{\"id\":\"c2\",\"message_type\":\"Comm", 500);
}

/* ---- without state */

static void tls(struct sample *s)
{
    add(s, DIR_C2S, "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 10);
    idle(s);
    add(s, DIR_S2C, "\x16\x03\x01\x00\x05\x02", 6);
}

static void ssh(struct sample *s)
{
    say(s, DIR_S2C, "SSH-2.0-x\r\n");
    idle(s);
    say(s, DIR_C2S, "SSH-2.0-y\r\n");
}

static void other(struct sample *s)
{
    say(s, DIR_C2S, "*1\r\n$4\r\nPING\r\n");
    idle(s);
    say(s, DIR_S2C, "+PONG\r\n");
}

static const struct {
    const char *transport; /* "": not recognised */
    const char *what;
    void (*make)(struct sample *s);
} samples[] = {
    {"http", "answers as JSON", http_json},
    {"http", "the event stream of a session", http_events},
    {"http", "not MCP", http_other},
    {"websocket", "uncompressed", socket_plain},
    {"websocket", "permessage-deflate with context takeover, one side", socket_deflate},
    {"http2", "answers as JSON", http2},
    {"lines", "", lines},
    {"squirrel", "with magic", squirrel},
    {"tls", "", tls},
    {"ssh", "", ssh},
    {"", "not recognised", other},
};

/* ---- measuring */

static void on_connection(void *ctx, const struct event_connection *e)
{
    *(uint8_t *)ctx = e->transport;
}
static void on_session(void *ctx, const struct event_session *e)
{
    (void)ctx, (void)e;
}
static void on_message(void *ctx, const struct event_message *e)
{
    (void)ctx, (void)e;
}
static void on_exchange(void *ctx, const struct event_exchange *e)
{
    (void)ctx, (void)e;
}
static void on_finding(void *ctx, const struct event_finding *e)
{
    (void)ctx, (void)e;
}
static void on_record(void *ctx, struct record *r)
{
    if (r->type == RECORD_CONN)
        *(uint8_t *)ctx = r->transport;
}

static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct measured {
    size_t idle, reading; /* bytes of all connections */
    uint8_t transport;
};

static void feed_all(const struct stream_sink *sink, struct conn *conns, const struct sample *s,
                     size_t from, size_t to)
{
    struct stream_pos at = {.ts_ns = (int64_t)from, .packet = from + 1};
    for (size_t i = 0; i < CONNECTIONS; i++)
        for (size_t j = from; j < to; j++)
            sink->data(sink->ctx, &conns[i], s->piece[j].dir, (const uint8_t *)s->piece[j].bytes,
                       s->piece[j].n, &at);
}

/* Brings all connections to both points; with_tracker: records are followed up. */
static struct measured measure(const struct sample *s, bool with_tracker)
{
    static struct limits_hit hit;
    struct measured m = {0};
    struct event_sink events = {&m.transport, on_connection, on_session,
                                on_message,   on_exchange,   on_finding};
    struct record_sink records = {&m.transport, on_record, NULL};
    struct tracker *tracker = tracker_new(&(struct tracker_config){{1, 2}}, &events, &hit);
    const struct record_sink *to =
        with_tracker && tracker ? tracker_record_sink(tracker) : &records;
    struct dissector *d = dissector_new(&(struct dissector_config){.hash = {1, 2}}, to, &hit);
    struct conn *conns = calloc(CONNECTIONS, sizeof(*conns));
    if (!tracker || !d || !conns)
        abort();
    const struct stream_sink *sink = dissector_stream_sink(d);
    struct stream_pos at = {.packet = 1};
    size_t before = heap();
    for (size_t i = 0; i < CONNECTIONS; i++) {
        conns[i] = (struct conn){
            .id = i + 1,
            .endpoint = {{.family = 4, .port = (uint16_t)(i % 60000)}, {.family = 4, .port = 80}},
            .side = {{.packets = 1}, {.packets = 1}},
            .roles_known = true};
        memcpy(conns[i].endpoint[0].addr, &i, sizeof(uint32_t)); /* a client each */
        sink->conn(sink->ctx, &conns[i], CONN_EVENT_OPENED, &at);
    }
    feed_all(sink, conns, s, 0, s->idle);
    m.idle = heap() - before;
    feed_all(sink, conns, s, s->idle, s->count);
    m.reading = heap() - before;
    for (size_t i = 0; i < CONNECTIONS; i++)
        sink->conn(sink->ctx, &conns[i], CONN_EVENT_GONE, &at);
    dissector_free(d);
    tracker_free(tracker);
    free(conns);
    return m;
}

static bool print_sample(size_t i)
{
    static struct sample s;
    s = (struct sample){0};
    samples[i].make(&s);
    struct measured alone = measure(&s, false), all = measure(&s, true);
    const char *name = event_transport_name(alone.transport);
    if (strcmp(name, samples[i].transport) != 0) {
        fprintf(stderr, "bench_memory: %s %s was recognised as \"%s\"\n", samples[i].transport,
                samples[i].what, name);
        return false;
    }
    size_t flow = sizeof(struct flow);
    printf("| %s | %s | %zu | %zu | %zu | %zu |\n", *name ? name : "none", samples[i].what,
           alone.idle / CONNECTIONS, alone.reading / CONNECTIONS, all.idle / CONNECTIONS + flow,
           all.reading / CONNECTIONS + flow);
    return true;
}

int main(void)
{
    bool right = true;
    puts("| transport | | state, idle | while a message is read | whole connection, idle "
         "| while a message is read |\n| --- | --- | ---: | ---: | ---: | ---: |");
    for (uint8_t id = TRANSPORT_NONE + 1; id < TRANSPORT_COUNT; id++) {
        bool found = false;
        for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
            if (strcmp(samples[i].transport, event_transport_name(id)) != 0)
                continue;
            right &= print_sample(i);
            found = true;
        }
        if (!found)
            printf("| %s | no sample | | | | |\n", event_transport_name(id));
    }
    right &= print_sample(sizeof(samples) / sizeof(samples[0]) - 1);
    return right ? 0 : 1;
}
