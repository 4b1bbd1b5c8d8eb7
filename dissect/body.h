/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_BODY_H
#define DISSECT_BODY_H

#include "coding.h"
#include "target.h"
#include "text.h"

/*
 * One message body of an HTTP exchange, framing taken off: from its bytes to the records of a
 * channel. A JSON body is one JSON-RPC text; an event stream is one text an event, told event by
 * event. A body that is neither is skipped. A content coding is taken off first.
 *
 * A JSON-RPC parser is held only while a text is being read, the stream state only for an event
 * stream, a decoder only for a coded body. The caller owns struct body, which is small.
 */

enum body_mode {
    BODY_SKIP,  /* not looked at */
    BODY_SNIFF, /* waits for its first byte that is no white space: see body_look() */
    BODY_JSON,
    BODY_SSE,
    BODY_LOST /* the rest of a coded event stream that cannot be decoded any more */
};

enum body_end {
    BODY_END_COMPLETE,
    BODY_END_CUT,     /* the connection ended inside */
    BODY_END_CAPTURE, /* the capture ended inside */
    BODY_END_LOST     /* a gap or unreadable framing ended it */
};

struct body {
    struct text text;           /* channel, direction, and the JSON text being read */
    struct body_stream *stream; /* with BODY_SSE */
    struct decoder *decoder;    /* of a coded body, from its first byte on */
    uint8_t mode;               /* enum body_mode */
    bool unread;                /* with BODY_SKIP: it could have been MCP */
    uint8_t coding;             /* enum coding */
    bool unfinished;            /* the coded data is not complete */
};

/* A body at rest, in zeroed memory. */
void body_init(struct body *b, const struct transport_conn *tc, enum dir dir);

/* Begins a body in that mode. The channel must have begun before any mode but BODY_SKIP and
 * BODY_SNIFF is fed. */
void body_start(struct body *b, enum body_mode mode, uint32_t channel, const struct stream_pos *at);

/* Right behind body_start(): what is fed is under that coding. */
void body_set_coding(struct body *b, enum coding coding);

/* Right behind body_start(): the target of the request that the body answers, so far as known; what
 * an `endpoint` event announces may be relative to it. */
void body_set_base(struct body *b, const struct target *base);

/* Instead of feeding n > 0 bytes of a body that has a coding: what they hold goes to the sink,
 * which treats it like a body without one. False: it cannot be decoded, and nothing more will be;
 * the caller tells FINDING_UNDECODABLE if the channel has begun. */
bool body_decode(struct body *b, const struct decoder_sink *sink, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at);

/* It is an event stream, be it readable or not. */
bool body_is_stream(const struct body *b);

/* An event stream that begins in the middle; at_line: its first byte begins a line. */
void body_join(struct body *b, uint32_t channel, bool at_line, const struct stream_pos *at);

enum body_look { BODY_LOOK_BLANK, BODY_LOOK_JSON, BODY_LOOK_OTHER };

/* Skips white space and a byte order mark in *bytes, *n and says what follows. */
enum body_look body_look(const uint8_t **bytes, size_t *n);

/* Instead of body_feed(), when the n > 0 bytes are the last of the body: true if they are a text
 * that came before, whose message was told. False: nothing was done. */
bool body_whole(struct body *b, const uint8_t *bytes, size_t n, const struct stream_pos *at);

/* Feeds n > 0 bytes, without a coding; must not be in BODY_SNIFF. What is skipped is noted
 * (transport_note()). */
void body_feed(struct body *b, const uint8_t *bytes, size_t n, const struct stream_pos *at);

/* Bytes are missing here. at_line: what follows begins a line of an event stream. */
void body_gap(struct body *b, bool at_line, const struct stream_pos *at);

/* The body is over; the mode is BODY_SKIP afterwards and nothing is held. */
void body_end(struct body *b, enum body_end how, const struct stream_pos *at);

/* Frees what is held without a word. */
void body_fini(struct body *b);

#endif
