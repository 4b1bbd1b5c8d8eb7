/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP2_FRAME_H
#define DISSECT_HTTP2_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Heads of HTTP/2 frames (RFC 9113 4.1), and how to know them among other bytes; private to
 * http2.c and http2_look.c. */

#define HTTP2_FRAME_HEAD   9
#define HTTP2_MAX_SETTINGS 32 /* in one frame, as far as anybody goes */

enum http2_type {
    HTTP2_DATA,
    HTTP2_HEADERS,
    HTTP2_PRIORITY,
    HTTP2_RST_STREAM,
    HTTP2_SETTINGS,
    HTTP2_PUSH_PROMISE,
    HTTP2_PING,
    HTTP2_GOAWAY,
    HTTP2_WINDOW_UPDATE,
    HTTP2_CONTINUATION
};

enum http2_flag {
    HTTP2_END_STREAM = 0x01, /* DATA, HEADERS */
    HTTP2_ACK = 0x01,        /* SETTINGS, PING */
    HTTP2_END_HEADERS = 0x04,
    HTTP2_PADDED = 0x08,
    HTTP2_HAS_PRIORITY = 0x20
};

struct http2_frame {
    uint32_t length, stream;
    uint8_t type, flags;
    bool reserved; /* the bit that must be zero */
};

/* From HTTP2_FRAME_HEAD bytes. */
struct http2_frame http2_frame_head(const uint8_t *bytes);

/* No peer may send it otherwise: lengths and stream id fit the type. */
bool http2_frame_sound(const struct http2_frame *f);

/* What is known of a connection whose frames are looked for. */
struct http2_frame_bounds {
    uint32_t longest; /* frame so far */
    uint32_t highest; /* stream id so far; 0: not known */
};

/* A frame as real peers send it there. */
bool http2_frame_plausible(const struct http2_frame *f, const struct http2_frame_bounds *b);

/* Whether the bytes begin with a row of plausible frames that makes it certain. */
bool http2_frame_row(const uint8_t *bytes, size_t n, const struct http2_frame_bounds *b);

/* Bytes in front of the content: pad length, priority, promised stream, and all of the frames that
 * have no content worth the name. */
uint8_t http2_frame_prefix(const struct http2_frame *f);

#endif
