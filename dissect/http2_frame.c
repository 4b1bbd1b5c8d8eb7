/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frame heads (RFC 9113 4.1 and 6), and rows of them.
 *
 * A head among other bytes is known by several frames in a row, or by one that fills the segment to
 * the last byte, or that belongs to a stream near those that are known. Text never looks like one:
 * the first byte of a length is zero.
 */
#include "http2_frame.h"

#define USUAL_LONGEST 16384 /* RFC 9113 4.2: what every peer accepts */
#define ROW_LENGTH    4     /* plausible frames in a row that need no further proof */
#define STREAMS_AHEAD 2000  /* ids that a stream may be ahead of all seen so far */
#define STREAMS_NEAR  20    /* the same where little else speaks for it */
#define MAX_GOAWAY    4096  /* with its debug data */

struct http2_frame http2_frame_head(const uint8_t *p)
{
    uint32_t stream = (uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
    return (struct http2_frame){.length = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
                                .type = p[3],
                                .flags = p[4],
                                .stream = stream & 0x7fffffff,
                                .reserved = stream >> 31 != 0};
}

bool http2_frame_sound(const struct http2_frame *f)
{
    switch (f->type) {
    case HTTP2_DATA:
    case HTTP2_HEADERS:
    case HTTP2_CONTINUATION:
    case HTTP2_PUSH_PROMISE:
        return f->stream != 0 && f->length >= http2_frame_prefix(f);
    case HTTP2_PRIORITY:
        return f->stream != 0 && f->length == 5;
    case HTTP2_RST_STREAM:
        return f->stream != 0 && f->length == 4;
    case HTTP2_SETTINGS:
        return f->stream == 0 && f->length % 6 == 0 &&
               ((f->flags & HTTP2_ACK) == 0 || f->length == 0);
    case HTTP2_PING:
        return f->stream == 0 && f->length == 8;
    case HTTP2_GOAWAY:
        return f->stream == 0 && f->length >= 8;
    case HTTP2_WINDOW_UPDATE:
        return f->length == 4;
    default: /* an extension */
        return true;
    }
}

static uint8_t known_flags(uint8_t type)
{
    switch (type) {
    case HTTP2_DATA:
        return HTTP2_END_STREAM | HTTP2_PADDED;
    case HTTP2_HEADERS:
        return HTTP2_END_STREAM | HTTP2_END_HEADERS | HTTP2_PADDED | HTTP2_HAS_PRIORITY;
    case HTTP2_SETTINGS:
    case HTTP2_PING:
        return HTTP2_ACK;
    case HTTP2_PUSH_PROMISE:
        return HTTP2_END_HEADERS | HTTP2_PADDED;
    case HTTP2_CONTINUATION:
        return HTTP2_END_HEADERS;
    default: /* none */
        return 0;
    }
}

bool http2_frame_plausible(const struct http2_frame *f, const struct http2_frame_bounds *b)
{
    uint32_t longest = b->longest > USUAL_LONGEST ? b->longest : USUAL_LONGEST;
    if (f->reserved || f->length > longest || !http2_frame_sound(f) ||
        (f->flags & ~known_flags(f->type)) != 0)
        return false;
    if (b->highest != 0 && f->stream > b->highest + STREAMS_AHEAD)
        return false;
    switch (f->type) {
    case HTTP2_DATA:
    case HTTP2_HEADERS:
    case HTTP2_RST_STREAM:
    case HTTP2_PUSH_PROMISE:
    case HTTP2_CONTINUATION:
        return f->stream % 2 == 1; /* hardly any server pushes */
    case HTTP2_SETTINGS:
        return f->length <= 6 * HTTP2_MAX_SETTINGS;
    case HTTP2_GOAWAY:
        return f->length <= MAX_GOAWAY;
    default: /* an extension says nothing */
        return f->type <= HTTP2_CONTINUATION;
    }
}

bool http2_frame_row(const uint8_t *p, size_t n, const struct http2_frame_bounds *b)
{
    for (unsigned count = 0; count < ROW_LENGTH; count++) {
        bool certain = count >= 2 || (count == 1 && b->highest != 0);
        if (n < HTTP2_FRAME_HEAD)
            return certain || (n == 0 && count > 0);
        struct http2_frame f = http2_frame_head(p);
        if (!http2_frame_plausible(&f, b))
            return false;
        if (f.length > n - HTTP2_FRAME_HEAD)
            return count >= 1 || (b->highest != 0 && f.stream <= b->highest + STREAMS_NEAR);
        p += HTTP2_FRAME_HEAD + f.length;
        n -= HTTP2_FRAME_HEAD + f.length;
    }
    return true;
}

uint8_t http2_frame_prefix(const struct http2_frame *f)
{
    bool padded = (f->flags & HTTP2_PADDED) != 0;
    switch (f->type) {
    case HTTP2_DATA:
        return padded;
    case HTTP2_HEADERS:
        return (uint8_t)(padded + ((f->flags & HTTP2_HAS_PRIORITY) ? 5 : 0));
    case HTTP2_PUSH_PROMISE:
        return (uint8_t)(padded + 4);
    case HTTP2_RST_STREAM:
        return 4;
    case HTTP2_GOAWAY:
        return 8;
    default: /* content only */
        return 0;
    }
}
