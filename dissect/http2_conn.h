/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP2_CONN_H
#define DISSECT_HTTP2_CONN_H

#include "body.h"
#include "dissect/http2.h"
#include "dissect/transport.h"
#include "fields.h"

/*
 * The state of one HTTP/2 connection: its streams, which of them may still begin, and how they tell
 * their channels; private to transport_http2.c.
 */

/* A WebSocket on a stream (RFC 8441). */
struct http2_socket {
    struct transport_conn tc; /* of its records */
    struct websocket websocket;
};

struct http2_stream {
    uint32_t id;
    uint16_t pending[DIR_COUNT]; /* bits of enum finding, to be told once the channel has begun */
    struct record_begin begin;   /* the request head, for RECORD_BEGIN */
    uint64_t dir_hash;           /* struct target of the request */
    struct record_head head;     /* of the response; status 0: none yet, or not known */
    struct body body[DIR_COUNT];
    struct http2_socket *socket;
    uint8_t content[DIR_COUNT]; /* enum http_content of the heads */
    bool headed[DIR_COUNT];     /* request head; response head that is not 1xx; or they are lost */
    bool unknown[DIR_COUNT];    /* that head may hold what is not known: the body shows itself */
    bool looking[DIR_COUNT];    /* an unknown body waits for the first byte of this frame */
    bool broken;                /* an event stream that waits for a frame that begins a line */
    bool done[DIR_COUNT];
    bool begun;           /* RECORD_BEGIN was sent */
    bool head_told;       /* RECORD_HEAD, too */
    bool connects;        /* asks for a WebSocket */
    bool lossy;           /* something of it was lost */
    bool in_hole;         /* its response may be among frames that were lost */
    bool half_lost;       /* the end of the request may be among what was lost */
    bool torn[DIR_COUNT]; /* frames were lost that may have been its own */
};

/* Streams that were not seen, though later ones were: they may be open. */
struct http2_range {
    uint32_t from, to;
};

struct http2_message; /* a head under way */

struct http2_conn {
    const struct transport_conn *tc;
    const struct stream_pos *at; /* of the call under way */
    struct http2 parser[DIR_COUNT];
    struct http2_message *message; /* fields of the next head; during a call */
    struct http2_stream **list;    /* open streams by id */
    struct http2_stream *recent;
    struct http2_range *ranges; /* sorted, not overlapping */
    uint64_t gap_owed[DIR_COUNT];
    uint32_t count, cap;
    uint32_t highest; /* stream seen so far */
    uint32_t offset;  /* channel numbers in front of stream 1's */
    uint16_t range_count, range_room;
    uint8_t dir;    /* enum dir of the call under way */
    uint8_t ending; /* enum channel_end, while end() runs and after */
    bool over;      /* nothing comes from the server any more */
    bool touched;   /* bytes of the server were read or lost */
};

/* ---- streams */

/* The open stream; NULL: none. */
struct http2_stream *http2_conn_find(struct http2_conn *s, uint32_t id);

/* Opens a stream that was not seen before; NULL: it was, or cannot be, or out of memory. */
struct http2_stream *http2_conn_open(struct http2_conn *s, uint32_t id);

/* Takes note that a stream has been there and is over. */
void http2_conn_skip(struct http2_conn *s, uint32_t id);

/* Ends a stream, and frees it. */
void http2_conn_over(struct http2_conn *s, struct http2_stream *st, enum channel_end how);

void http2_conn_fini(struct http2_conn *s);

/* ---- telling */

/* RECORD_BEGIN; RECORD_HEAD where the status is known. */
void http2_conn_begin(struct http2_conn *s, struct http2_stream *st);
void http2_conn_head(struct http2_conn *s, struct http2_stream *st);

/* Lost bytes: on the stream if it has begun, else on any that has, or on the next. */
void http2_conn_gap(struct http2_conn *s, const struct http2_stream *st, uint64_t n);

void http2_conn_bad(struct http2_conn *s, struct http2_stream *st);

/* ---- bodies or a WebSocket, in the direction of the call under way */

void http2_conn_body_start(struct http2_conn *s, struct http2_stream *st, enum body_mode mode,
                           enum coding coding);

void http2_conn_body(struct http2_conn *s, struct http2_stream *st, const uint8_t *bytes, size_t n);
/* n as in http2_sink.data_gap; HTTP2_SOME: if any. */
void http2_conn_body_gap(struct http2_conn *s, struct http2_stream *st, uint64_t n);
void http2_conn_body_end(struct http2_conn *s, struct http2_stream *st, enum body_end how);

#endif
