/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_WEBSOCKET_WORLD_H
#define TESTS_DISSECT_WEBSOCKET_WORLD_H

#include "http_world.h"
#include "tests/support/encode.h"

/* Writes conversations over WebSocket: the handshake, then frames, one a segment unless they are
 * joined. Text lives as long as the script. */

#define SCRIPT_SEGMENTS 96

struct script {
    struct segment segment[SCRIPT_SEGMENTS];
    size_t count;
    char bytes[1 << 18];
    size_t used;
    struct encode encode[DIR_COUNT]; /* permessage-deflate */
    bool encodes[DIR_COUNT];
};

enum {
    FIN = 0x80,
    RSV1 = 0x40,
    TEXT = FIN | 1,
    BINARY = FIN | 2,
    CODED = TEXT | RSV1,
    PING = FIN | 9
};

static inline void script_forget(struct script *s, enum dir dir)
{
    if (!s->encodes[dir])
        return;
    encode_fini(&s->encode[dir]);
    free(s->encode[dir].out);
    s->encodes[dir] = false;
}

static inline void script_init(struct script *s)
{
    script_forget(s, DIR_C2S);
    script_forget(s, DIR_S2C);
    s->count = s->used = 0;
}

static inline void script_bytes(struct script *s, enum dir dir, const void *bytes, size_t n)
{
    cr_assert(s->count < SCRIPT_SEGMENTS && s->used + n <= sizeof(s->bytes));
    memcpy(s->bytes + s->used, bytes, n);
    s->segment[s->count++] = (struct segment){dir, s->bytes + s->used, n, 0};
    s->used += n;
}

static inline void script_text(struct script *s, enum dir dir, const char *text)
{
    script_bytes(s, dir, text, strlen(text));
}

/* The last two segments, of one direction, become one. */
static inline void script_join(struct script *s)
{
    cr_assert(s->count > 1 && s->segment[s->count - 2].dir == s->segment[s->count - 1].dir);
    s->segment[s->count - 2].n += s->segment[s->count - 1].n;
    s->count--;
}

/* extra: header lines of the response, each with its end. */
static inline void script_handshake(struct script *s, const char *extra)
{
    char head[512];
    script_text(s, DIR_C2S,
                "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
    snprintf(head, sizeof(head),
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\n%s\r\n",
             extra);
    script_text(s, DIR_S2C, head);
}

struct script_frame {
    uint8_t first;    /* FIN, RSV and opcode */
    bool swap_mask;   /* masked by the server, or not by the client */
    int length_bytes; /* 0: as few as possible; 1, 2, 8 */
};

static inline void script_frame(struct script *s, enum dir dir, struct script_frame f,
                                const void *payload, size_t n)
{
    static uint8_t frame[1 << 17];
    bool masked = (dir == DIR_C2S) != f.swap_mask;
    uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 0;
    int wide = f.length_bytes ? f.length_bytes : n < 126 ? 1 : n < 65536 ? 2 : 8;
    cr_assert(n + 14 <= sizeof(frame));
    frame[at++] = f.first;
    frame[at++] = (uint8_t)((masked ? 0x80 : 0) | (wide == 1 ? n : wide == 2 ? 126 : 127));
    for (int i = wide; wide > 1 && i-- > 0;)
        frame[at++] = (uint8_t)((uint64_t)n >> (8 * i));
    for (int i = 0; masked && i < 4; i++)
        frame[at++] = mask[i];
    for (size_t i = 0; i < n; i++)
        frame[at++] = ((const uint8_t *)payload)[i] ^ (masked ? mask[i % 4] : 0);
    script_bytes(s, dir, frame, at);
}

static inline void script_say(struct script *s, enum dir dir, uint8_t first, const char *text)
{
    script_frame(s, dir, (struct script_frame){.first = first}, text, strlen(text));
}

/* A compressed message as bytes, without the end that RFC 7692 takes off. forget: without context
 * takeover. Valid until the next call. */
static inline size_t script_deflate(struct script *s, enum dir dir, const char *text, bool forget,
                                    const uint8_t **ret_bytes)
{
    struct encode *e = &s->encode[dir];
    if (forget)
        script_forget(s, dir);
    if (!s->encodes[dir])
        encode_begin(e, CODING_RAW_DEFLATE, 0);
    s->encodes[dir] = true;
    e->n = 0;
    encode_put(e, text, strlen(text), ENCODE_FLUSH);
    cr_assert(e->n > 4 && memcmp(e->out + e->n - 4, "\x00\x00\xff\xff", 4) == 0);
    *ret_bytes = e->out;
    return e->n - 4;
}

static inline void script_say_coded(struct script *s, enum dir dir, const char *text, bool forget)
{
    const uint8_t *bytes;
    size_t n = script_deflate(s, dir, text, forget, &bytes);
    script_frame(s, dir, (struct script_frame){.first = CODED}, bytes, n);
}

#define CALL(id)                                                                                   \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"add\"}}"
#define RESULT(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{\"content\":[]}}"

#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n"
#define DEFLATE_EACH                                                                               \
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "                   \
    "client_no_context_takeover\r\n"
#define MCP "Sec-WebSocket-Protocol: mcp\r\n"

/* Nothing is made up whatever is lost: only what was sent, each at most once, in order. */
static inline void check_order(const char *log, const char *what, size_t from, size_t to)
{
    int last = -1;
    for (const char *p = strstr(log, what); p; p = strstr(p + 1, what)) {
        int id = atoi(p + strlen(what));
        cr_assert(id > last && id < 8, "%zu..%zu: %s", from, to, log);
        last = id;
    }
}

/* The conversation that a test writes, and what comes of it. */

static struct world world;
static struct script script;

static inline void begin(const char *extra)
{
    script_init(&script);
    script_handshake(&script, extra);
}

static inline struct world_plan plan(enum stream_end end)
{
    return (struct world_plan){.segments = script.segment, .count = script.count, .end = end};
}

static inline const char *run(enum stream_end end)
{
    struct world_plan p = plan(end);
    world_run(&world, &p);
    return world.log;
}

static inline void call(const char *id)
{
    char text[160];
    snprintf(text, sizeof(text), CALL("%s"), id);
    script_say(&script, DIR_C2S, TEXT, text);
}

static inline void result(const char *id)
{
    char text[160];
    snprintf(text, sizeof(text), RESULT("%s"), id);
    script_say(&script, DIR_S2C, TEXT, text);
}

#endif
