/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_H
#define DISSECT_HTTP1_H

#include "base/buf.h"
#include "base/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One direction of an HTTP/1.x connection, pushed in pieces of any size (RFC 9112).
 *
 * Start line and fields are handed over line by line, body bytes as they come with chunked framing
 * taken off; only a line that is cut by the input is copied, into a buffer of at most
 * LIMIT_HTTP_LINE. Body length follows RFC 9112 section 6.3. Bare LF line ends and empty lines
 * before a start line are accepted; the lines of a folded field are joined by a space each.
 */

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

enum http1_framing {
    HTTP1_BODY_NONE,
    HTTP1_BODY_LENGTH,
    HTTP1_BODY_CHUNKED,
    HTTP1_BODY_UNTIL_CLOSE,
    HTTP1_BODY_TUNNEL /* after 101 or a CONNECT that succeeded: no HTTP any more */
};

struct http1_head {
    const char *method; /* requests; borrowed for the call */
    size_t method_len;
    const char *target; /* requests; cut at LIMIT_HTTP_LINE */
    size_t target_len;
    int status;        /* responses: 100..999 */
    int minor_version; /* 0 or 1 */
};

struct http1_body_info {
    enum http1_framing framing;
    uint64_t length; /* HTTP1_BODY_LENGTH */
};

enum http1_anomaly {
    HTTP1_BAD_START_LINE,    /* neither request nor status line, or no memory to read it */
    HTTP1_BAD_FIELD,         /* a field line without a colon */
    HTTP1_BAD_LENGTH,        /* Content-Length is no number, or two differ */
    HTTP1_BAD_CHUNK,         /* chunk size is no hexadecimal number, or its end is missing */
    HTTP1_LENGTH_AND_CODING, /* Content-Length beside Transfer-Encoding: possible smuggling */
    HTTP1_LINE_TOO_LONG,
    HTTP1_HEAD_TOO_LARGE
};

enum http1_end {
    HTTP1_END_COMPLETE,
    HTTP1_END_CUT, /* connection ended inside the message */
    HTTP1_END_LOST /* a gap or unreadable bytes ended it */
};

/* What the listener knows about a response's request, see RFC 9112 6.3. */
enum http1_request_method { HTTP1_METHOD_OTHER, HTTP1_METHOD_HEAD, HTTP1_METHOD_CONNECT };

struct http1_sink {
    void *ctx;
    /* A start line. For a response the return value tells which kind of request it answers; a
     * request's return value is ignored. */
    enum http1_request_method (*start)(void *ctx, const struct http1_head *head);
    /* One field, name as sent, value without surrounding white space; also trailers. */
    void (*field)(void *ctx, const char *name, size_t name_len, const char *value,
                  size_t value_len);
    /* The empty line after the fields. */
    void (*head_end)(void *ctx, const struct http1_body_info *body);
    void (*body)(void *ctx, const uint8_t *bytes, size_t n); /* n > 0 */
    /* n body bytes are missing here, yet the framing is intact. */
    void (*body_gap)(void *ctx, uint64_t n);
    /* Every start is followed by exactly one message_end, except when a tunnel begins. */
    void (*message_end)(void *ctx, enum http1_end how);
    void (*anomaly)(void *ctx, enum http1_anomaly what);
    void (*tunnel)(void *ctx, const uint8_t *bytes, size_t n); /* bytes after HTTP1_BODY_TUNNEL */
    /* The fields that are handed over, others may be: for each first letter of a name, by its low
     * five bits, the lengths of such names; bit 31 is for all from 31 on. NULL: all fields. */
    const uint32_t *name_lengths;
};

/* The caller owns the memory and may move it between calls. Private but what stands first. */
struct http1 {
    bool lost_sync; /* looking for the next start line after a gap or unreadable bytes */
    bool body_ends; /* while `body` is called: no bytes of this one will follow, for sure */
    /* ---- private */
    uint8_t kind;
    uint8_t state;
    uint8_t framing;
    uint8_t request_method;
    uint8_t seen; /* which framing fields were seen, and whether they were bad */
    uint8_t digits;
    bool line_cut;
    uint8_t held;     /* whether `line` is a whole field that may be folded */
    bool tunnel_next; /* no HTTP behind the message under way */
    uint16_t status;
    uint32_t head_bytes;
    uint64_t left; /* body or chunk bytes still to come */
    uint64_t content_length;
    struct limits_hit *hit;
    struct buf line;
};

/* What a head says for the framing, for one that need not be read again. */
struct http1_known {
    struct http1_head head;
    uint64_t content_length;
    uint32_t head_bytes;
    uint8_t seen; /* as in struct http1 */
};

/* midstream: begin by looking for a start line at the beginning of a fed piece. */
void http1_init(struct http1 *h, enum http1_kind kind, bool midstream, struct limits_hit *hit);

/* The same in memory that is zeroed already. */
void http1_begin(struct http1 *h, enum http1_kind kind, bool midstream, struct limits_hit *hit);

void http1_fini(struct http1 *h);

/* Between messages, with nothing kept: as http1_init() leaves it, with `lost_sync` for midstream.
 */
bool http1_idle(const struct http1 *h);

/* Feeds the bytes of one segment. While lost_sync, a piece that does not begin like a start line of
 * this kind, or hold one after a line end, is skipped whole. Memory shortage ends the message as
 * lost. */
void http1_feed(struct http1 *h, const struct http1_sink *sink, const uint8_t *bytes, size_t n);

/* Whether the next byte surely is the first of a head, or of an empty line before it. */
bool http1_at_head(const struct http1 *h);

/* Instead of feeding the bytes of a head: its start line, and, when the listener has its fields,
 * its end. */
void http1_known_start(struct http1 *h, const struct http1_sink *sink,
                       const struct http1_known *known);
void http1_known_end(struct http1 *h, const struct http1_sink *sink);

/* n bytes are missing here. A body whose framing covers them goes on (body_gap); anything else ends
 * the message as lost and looks for the next start line. */
void http1_gap(struct http1 *h, const struct http1_sink *sink, uint64_t n);

/* The direction is over; orderly = by FIN (which completes a body that lasts until the close). */
void http1_end(struct http1 *h, const struct http1_sink *sink, bool orderly);

/* Enters the body of an unseen response head: a capture began inside a response. */
void http1_join_body(struct http1 *h, enum http1_framing framing);

/* No HTTP any more behind the message under way, or from now on when there is none. */
void http1_tunnel(struct http1 *h);

/* Whether that is so already. */
bool http1_tunnels(const struct http1 *h);

#endif
