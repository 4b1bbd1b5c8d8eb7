/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_WEBSOCKET_FRAME_H
#define DISSECT_WEBSOCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Heads of WebSocket frames (RFC 6455 5.2), and what bytes look like some; private to websocket.h.
 */

#define WEBSOCKET_FRAME_HEAD_BYTES 14 /* the longest */

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10
};

struct websocket_frame {
    uint64_t length; /* of the payload */
    uint8_t head_bytes;
    uint8_t opcode; /* enum websocket_opcode, or a reserved one */
    bool fin, rsv1, rsv23, masked;
    bool minimal; /* the length takes no more bytes than it needs */
    uint8_t mask[4];
};

static inline bool websocket_frame_is_control(uint8_t opcode)
{
    return opcode >= 8;
}

/* Reads a head; false: n bytes do not hold all of it. */
bool websocket_frame_read(const uint8_t *bytes, size_t n, struct websocket_frame *ret_frame);

/* False: every receiver fails the connection. Neither mask nor permission for rsv1 is looked at. */
bool websocket_frame_valid(const struct websocket_frame *f);

/* Copies n bytes with the mask taken off (5.3); first: which byte of the mask is for the first. */
void websocket_frame_unmask(uint8_t *out, const uint8_t *in, size_t n, const uint8_t mask[4],
                            unsigned first);

/* Whether a segment behind a loss begins with a frame: whole frames of this kind up to its end, or
 * some and the beginning of another, or the beginning of a large one that is JSON. */
bool websocket_frame_resumes(const uint8_t *bytes, size_t n, bool masked, bool deflate);

#endif
