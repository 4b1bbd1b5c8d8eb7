/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_HTTP2_WORLD_H
#define TESTS_DISSECT_HTTP2_WORLD_H

#include "http_world.h"
#include <nghttp2/nghttp2.h>

/*
 * Forges HTTP/2 conversations: frames of our own making, header blocks by nghttp2's deflater, cut
 * into segments as a test wants them.
 */

enum { H2_DATA, H2_HEADERS, H2_PRIORITY, H2_RST, H2_SETTINGS, H2_PUSH, H2_PING, H2_GOAWAY };
enum { H2_WINDOW = 8, H2_CONTINUATION = 9 };
enum { H2_END = 1, H2_HEADS = 4, H2_PADDED = 8, H2_PRIO = 32 }; /* flags */

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct h2 {
    struct segment segments[512];
    size_t count;
    nghttp2_hd_deflater *deflater[DIR_COUNT];
    uint8_t block[1 << 16]; /* the latest header block */
    size_t block_len;
    uint8_t bytes[1 << 20];
    size_t used;
};

/* Bytes go to a new segment from now on. */
static inline void h2_segment(struct h2 *h, enum dir dir)
{
    cr_assert(h->count < 512);
    h->segments[h->count++] = (struct segment){dir, (const char *)h->bytes + h->used, 0, 0};
}

static inline void h2_raw(struct h2 *h, const void *bytes, size_t n)
{
    cr_assert(h->used + n <= sizeof(h->bytes));
    if (n > 0)
        memcpy(h->bytes + h->used, bytes, n);
    h->used += n;
    h->segments[h->count - 1].n += n;
}

static inline void h2_head(struct h2 *h, int type, int flags, uint32_t stream, size_t n)
{
    uint8_t head[9] = {(uint8_t)(n >> 16),      (uint8_t)(n >> 8),      (uint8_t)n,
                       (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    h2_raw(h, head, 9);
}

static inline void h2_frame(struct h2 *h, int type, int flags, uint32_t stream, const void *bytes,
                            size_t n)
{
    h2_head(h, type, flags, stream, n);
    h2_raw(h, bytes, n);
}

static inline void h2_data(struct h2 *h, uint32_t stream, int flags, const char *text)
{
    h2_frame(h, H2_DATA, flags, stream, text, strlen(text));
}

/* Deflates `name: value` lines, each ended by a LF. */
static inline void h2_deflate(struct h2 *h, enum dir dir, const char *fields)
{
    nghttp2_nv nv[32];
    static char copy[1 << 16];
    size_t count = 0;
    snprintf(copy, sizeof(copy), "%s", fields);
    for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
        char *colon = strstr(line, ": ");
        cr_assert(colon && count < 32);
        nv[count++] = (nghttp2_nv){(uint8_t *)line, (uint8_t *)colon + 2, (size_t)(colon - line),
                                   strlen(colon + 2), NGHTTP2_NV_FLAG_NONE};
    }
    ssize_t n = nghttp2_hd_deflate_hd(h->deflater[dir], h->block, sizeof(h->block), nv, count);
    cr_assert_geq(n, 0);
    h->block_len = (size_t)n;
}

static inline enum dir h2_dir(const struct h2 *h)
{
    return h->segments[h->count - 1].dir;
}

static inline void h2_headers(struct h2 *h, uint32_t stream, int flags, const char *fields)
{
    h2_deflate(h, h2_dir(h), fields);
    h2_frame(h, H2_HEADERS, flags | H2_HEADS, stream, h->block, h->block_len);
}

/* Nothing said yet. */
static inline void h2_new(struct h2 *h)
{
    h->count = 0;
    h->used = 0;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        if (h->deflater[dir])
            nghttp2_hd_deflate_del(h->deflater[dir]);
        cr_assert_eq(nghttp2_hd_deflate_new(&h->deflater[dir], 4096), 0);
    }
}

/* Prefaces of both sides. */
static inline void h2_greet(struct h2 *h)
{
    static const uint8_t settings[6] = {0, 3, 0, 0, 0, 100};
    h2_segment(h, DIR_C2S);
    h2_raw(h, H2_PREFACE, 24);
    h2_frame(h, H2_SETTINGS, 0, 0, NULL, 0);
    h2_segment(h, DIR_S2C);
    h2_frame(h, H2_SETTINGS, 0, 0, settings, 6);
    h2_frame(h, H2_SETTINGS, 1, 0, NULL, 0);
    h2_segment(h, DIR_C2S);
    h2_frame(h, H2_SETTINGS, 1, 0, NULL, 0);
}

static inline void h2_init(struct h2 *h)
{
    h2_new(h);
    h2_greet(h);
}

#define H2_POST                                                                                    \
    ":method: POST\n:scheme: http\n:path: /mcp\n:authority: localhost:80\n"                        \
    "content-type: application/json\n"
#define H2_BOTH "accept: application/json, text/event-stream\n"
#define H2_OK   ":status: 200\ncontent-type: application/json\n"
#define H2_SSE  ":status: 200\ncontent-type: text/event-stream\n"

static inline const char *h2_text(const char *format, int id)
{
    static char text[4][512];
    static int next;
    next = (next + 1) % 4;
    snprintf(text[next], sizeof(text[next]), format, id);
    return text[next];
}

static inline const char *h2_call(int id)
{
    return h2_text("{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"tools/list\"}", id);
}

static inline const char *h2_result(int id)
{
    return h2_text("{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{}}", id);
}

static inline const char *h2_event(int id)
{
    return h2_text("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{}}\n\n", id);
}

#endif
