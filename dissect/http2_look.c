/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recognising HTTP/2: by the client's preface, by the SETTINGS that a server sends first, or in the
 * middle by a row of frames. There the first field of a header block tells requests from responses,
 * and what a body holds tells who sends it.
 */
#define _GNU_SOURCE /* memmem() */
#include "http2_look.h"
#include "body.h"
#include "http2_frame.h"
#include <string.h>

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LENGTH (sizeof(preface) - 1)
#define PREFACE_LINE   16 /* no other protocol begins like that */

bool http2_look_preface(const uint8_t *bytes, size_t n)
{
    return n >= PREFACE_LENGTH && memcmp(bytes, preface, PREFACE_LENGTH) == 0;
}

/* The SETTINGS that a server sends first. */
static enum http2_look look_for_settings(const uint8_t *p, size_t n)
{
    uint8_t whole[HTTP2_FRAME_HEAD] = {0, 0, 0, HTTP2_SETTINGS, 0, 0, 0, 0, 0};
    size_t have = n < sizeof(whole) ? n : sizeof(whole);
    if (have > 2 && (p[2] % 6 != 0 || p[2] > 6 * HTTP2_MAX_SETTINGS))
        return HTTP2_LOOK_NO;
    if (have > 2)
        whole[2] = p[2];
    if (memcmp(p, whole, have) != 0)
        return HTTP2_LOOK_NO;
    return n < sizeof(whole) ? HTTP2_LOOK_MORE : HTTP2_LOOK_SERVER;
}

/* Who begins a header block with that field: requests have :method, :path, :scheme, :authority in
 * front (static indices 1 to 7), responses :status (8 to 14). */
static enum http2_look look_at_block(const uint8_t *p, size_t n)
{
    while (n > 0 && (*p & 0xe0) == 0x20) { /* table size updates */
        bool more = (*p & 0x1f) == 0x1f;
        for (p++, n--; more && n > 0; p++, n--)
            more = (*p & 0x80) != 0;
    }
    if (n == 0)
        return HTTP2_LOOK_EITHER;
    uint8_t index = *p & 0x0f;
    if (*p & 0x80)
        index = *p & 0x7f;
    else if (*p & 0x40)
        index = *p & 0x3f;
    if (index == 0 || index > 14)
        return HTTP2_LOOK_EITHER;
    return index < 8 ? HTTP2_LOOK_CLIENT : HTTP2_LOOK_SERVER;
}

static bool contains(const uint8_t *p, size_t n, const char *word)
{
    return memmem(p, n, word, strlen(word)) != NULL;
}

/* Who sends such a body: in MCP, events come from the server. */
static enum http2_look look_at_data(const uint8_t *p, size_t n)
{
    if (contains(p, n < 64 ? n : 64, "data:"))
        return HTTP2_LOOK_SERVER;
    const uint8_t *body = p;
    size_t left = n;
    if (body_look(&body, &left) != BODY_LOOK_JSON)
        return HTTP2_LOOK_EITHER;
    if (contains(body, left, "\"method\""))
        return HTTP2_LOOK_CLIENT;
    bool answer = contains(body, left, "\"result\"") || contains(body, left, "\"error\"");
    return answer ? HTTP2_LOOK_SERVER : HTTP2_LOOK_EITHER;
}

/* Who sends the frames of a segment. Frames without a head or body tell nothing, and nothing is
 * missed if the connection is recognised only behind them. */
static enum http2_look look_at_row(const uint8_t *p, size_t n)
{
    enum http2_look look = HTTP2_LOOK_NO;
    while (n >= HTTP2_FRAME_HEAD) {
        struct http2_frame f = http2_frame_head(p);
        p += HTTP2_FRAME_HEAD;
        n -= HTTP2_FRAME_HEAD;
        size_t have = f.length < n ? f.length : n;
        size_t prefix = http2_frame_prefix(&f);
        enum http2_look one = HTTP2_LOOK_NO;
        if (f.type == HTTP2_HEADERS)
            one = have > prefix ? look_at_block(p + prefix, have - prefix) : HTTP2_LOOK_EITHER;
        else if (f.type == HTTP2_DATA)
            one = have > prefix ? look_at_data(p + prefix, have - prefix) : HTTP2_LOOK_EITHER;
        if (one == HTTP2_LOOK_CLIENT || one == HTTP2_LOOK_SERVER)
            return one;
        if (one == HTTP2_LOOK_EITHER)
            look = one;
        p += have;
        n -= have;
    }
    return look;
}

enum http2_look http2_look(const uint8_t *p, size_t n, bool joined)
{
    static const struct http2_frame_bounds unknown = {0, 0};
    size_t line = n < PREFACE_LINE ? n : PREFACE_LINE;
    if (memcmp(p, preface, line) == 0)
        return n < PREFACE_LINE ? HTTP2_LOOK_MORE : HTTP2_LOOK_CLIENT;
    if (!joined)
        return look_for_settings(p, n);
    return http2_frame_row(p, n, &unknown) ? look_at_row(p, n) : HTTP2_LOOK_NO;
}
