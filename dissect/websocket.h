/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_WEBSOCKET_H
#define DISSECT_WEBSOCKET_H

#include "coding.h"
#include "text.h"

/*
 * One WebSocket (RFC 6455), both directions: from its bytes to the messages of one channel. Knows
 * nothing of what carries it: a TCP connection (transport_websocket.c) or a stream of HTTP/2
 * (RFC 8441).
 *
 * The caller tells BEGIN and END of the channel.
 */

/* What the handshake agreed on. */
struct websocket_options {
    bool deflate;                /* permessage-deflate */
    bool no_context_takeover[2]; /* by enum dir of the sender */
    bool joined;                 /* begun in the middle: no handshake was seen */
};

/* What a Sec-WebSocket-Extensions value of a response says. Zeroed memory is "none". */
void websocket_add_extensions(struct websocket_options *o, const char *value, size_t n);

/* One direction. */
struct websocket_side {
    struct text text;
    struct decoder *decoder; /* permessage-deflate; NULL: not needed yet */
    uint64_t left;           /* payload bytes of the frame under way */
    uint64_t message_bytes;
    uint8_t head[14]; /* a frame head that the input cut */
    uint8_t head_len;
    uint8_t mask_at;
    uint8_t mask[4];
    uint8_t opcode;  /* of the frame under way */
    uint8_t message; /* opcode of the message under way; 0: none */
    uint8_t state;
    bool fin, coded, masked, lost_sync, closed;
};

struct websocket {
    struct websocket_options options;
    struct websocket_side side[2]; /* by enum dir */
};

void websocket_init(struct websocket *w, const struct transport_conn *tc, uint32_t channel,
                    const struct websocket_options *options);
void websocket_feed(struct websocket *w, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at);
void websocket_gap(struct websocket *w, enum dir dir, uint64_t n, const struct stream_pos *at);
void websocket_end(struct websocket *w, enum dir dir, bool capture, const struct stream_pos *at);
void websocket_fini(struct websocket *w);

#endif
