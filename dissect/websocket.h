/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_WEBSOCKET_H
#define DISSECT_WEBSOCKET_H

#include "coding.h"
#include "text.h"
#include "websocket_frame.h"

/*
 * One WebSocket (RFC 6455, RFC 7692), both directions: from its bytes to the messages of one
 * channel. Knows nothing of what carries it: a TCP connection (transport_websocket.c) or a stream
 * of HTTP/2 (RFC 8441).
 *
 * The caller tells BEGIN and END of the channel, and FINDING_GAP. The transport of the tc that it
 * gives must be TRANSPORT_WEBSOCKET, so that the tracker takes the channel for a session.
 */

/* What the handshake agreed on. */
struct websocket_options {
    bool deflate;                /* permessage-deflate */
    bool no_context_takeover[2]; /* by enum dir of the sender */
    bool joined;                 /* begun in the middle: no handshake was seen */
    bool client_joined;          /* bytes of the client may be missing before its first */
};

/* What a Sec-WebSocket-Extensions value of a response says. Zeroed memory is "none". */
void websocket_add_extensions(struct websocket_options *o, const char *value, size_t n);

/* One direction; private. */
struct websocket_side {
    struct text text;
    struct decoder *decoder;                  /* permessage-deflate; NULL: not needed, or not yet */
    uint64_t left;                            /* payload bytes of the frame under way */
    uint8_t head[WEBSOCKET_FRAME_HEAD_BYTES]; /* a frame head that the input cut */
    uint8_t head_len;
    uint8_t state;
    uint8_t mask[4];
    uint8_t mask_at; /* which of its bytes is next */
    uint8_t opcode;  /* of the frame under way */
    uint8_t message; /* opcode of the message under way; 0: none */
    bool fin, masked;
    bool coded;       /* the message is compressed */
    bool skip;        /* nothing of the message can be read, or is worth it */
    bool cut;         /* what compressed messages refer to may be missing */
    bool opaque_told; /* that they cannot be decoded, since the last message that could be read */
    bool mask_told;   /* FINDING_BAD_MASK */
    bool unsure;      /* frames were guessed; no message has confirmed that yet */
};

struct websocket {
    struct websocket_options options;
    struct websocket_side side[2]; /* by enum dir */
};

/* tc must outlive w. */
void websocket_init(struct websocket *w, const struct transport_conn *tc, uint32_t channel,
                    const struct websocket_options *options);

/* Bytes of one segment or, where something else carries them, of one frame of that. */
void websocket_feed(struct websocket *w, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at);

/* n bytes are missing here. */
void websocket_gap(struct websocket *w, enum dir dir, uint64_t n, const struct stream_pos *at);

/* The direction is over. capture: only for the capture. */
void websocket_end(struct websocket *w, enum dir dir, bool capture, const struct stream_pos *at);
void websocket_fini(struct websocket *w);

/* Whether a segment of a connection whose beginning is not known is surely one of a WebSocket: it
 * consists of whole frames with nothing odd about them, several, or one that is a JSON text, which
 * may be compressed as long as it refers to none before it.
 * *ret_sender: who sends such. */
bool websocket_recognise(const uint8_t *bytes, size_t n, enum dir *ret_sender);

#endif
