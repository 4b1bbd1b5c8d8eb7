/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP2_H
#define DISSECT_HTTP2_H

#include "base/buf.h"
#include "dissect/hpack.h"

/*
 * The frames of one direction of an HTTP/2 connection (RFC 9113 4 and 6): from bytes to header
 * fields and pieces of bodies by stream. Knows nothing of what streams mean.
 */

struct http2 {
    struct hpack hpack;
    struct buf block; /* of a header block that the input cut */
    struct limits_hit *hit;
    uint32_t left;         /* content bytes of the frame under way */
    uint32_t pad;          /* bytes behind the content */
    uint32_t stream;       /* of the frame under way */
    uint32_t block_stream; /* of the header block under way; 0: none */
    uint32_t longest;      /* frame so far */
    uint32_t highest;      /* stream id of the connection so far; the caller raises it, too */
    uint8_t state;
    uint8_t type, flags; /* of the frame under way */
    uint8_t small[9];    /* frame head, or what stands in front of the content */
    uint8_t small_len;
    uint8_t prefix;  /* bytes in front of the content */
    uint8_t doubted; /* frames to come that must look well: the framing was guessed */
    bool block_ends; /* END_STREAM of the header block under way */
    bool block_bad;  /* it cannot be read */
    bool promise;    /* it is one of PUSH_PROMISE */
    bool fresh;      /* nothing of the content was passed on */
    bool started;    /* the first frame was seen, or will never be */
};

enum http2_head {
    HTTP2_HEAD_WHOLE,  /* all fields that matter were told */
    HTTP2_HEAD_PARTLY, /* others may be there, which are not known */
    HTTP2_HEAD_LOST    /* nothing is known; what was told of it does not count */
};

struct http2_sink {
    void *ctx;
    /* A field of the next head, as hpack_sink.field. */
    void (*field)(void *ctx, const char *name, size_t name_len, const char *value,
                  size_t value_len);
    /* A request, a response of any status, or trailers. ends: nothing follows on the stream. */
    void (*head)(void *ctx, uint32_t stream, enum http2_head how, bool ends);
    /* n > 0. first: they begin a frame. */
    void (*data)(void *ctx, uint32_t stream, bool first, const uint8_t *bytes, size_t n);
    /* n bytes of it are missing here, or HTTP2_SOME. */
    void (*data_gap)(void *ctx, uint32_t stream, uint64_t n);
    void (*data_end)(void *ctx, uint32_t stream); /* nothing follows on the stream */
    void (*reset)(void *ctx, uint32_t stream, uint32_t code);
    void (*goaway)(void *ctx, uint32_t last); /* streams beyond are not served */
    void (*lost)(void *ctx); /* an unknown number of frames is missing, or unreadable */
    void (*bad)(void *ctx);  /* something is not HTTP/2 */
};

#define HTTP2_SOME UINT64_MAX /* nobody knows how many */

/* client: the direction begins with the preface. joined: it began before; frames are looked for at
 * the start of every feed, which should be the start of a segment. */
void http2_init(struct http2 *h, bool client, bool joined, struct limits_hit *hit);
void http2_fini(struct http2 *h); /* calls nothing */

/* The next bytes of the direction; n bytes of it that are lost. */
void http2_feed(struct http2 *h, const struct http2_sink *sink, const uint8_t *bytes, size_t n);
void http2_gap(struct http2 *h, const struct http2_sink *sink, uint64_t n);

/* Whether it is looking for frames. */
bool http2_looks(const struct http2 *h);

#endif
