/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket frames: their heads, the mask, and how to find one again (RFC 6455 section 5).
 *
 * Senders write a frame with one call, so most segments begin with a head. It has little that can
 * be checked: what makes a guess sure is that the next head stands where the length says, or that
 * the segment ends there.
 */
#include "websocket_frame.h"
#include "base/cursor.h"
#include "dissect/rpc.h"
#include "websocket.h"
#include <string.h>

#define ENOUGH_FRAMES 8    /* in a row, to believe the rest of a segment */
#define CODED_BYTES   2048 /* that are decompressed on trial, to a thousand times as many at most */

static uint64_t read_length(struct cursor *c, uint8_t seven_bits, bool *ret_minimal)
{
    uint64_t length = seven_bits;
    *ret_minimal = true;
    if (seven_bits == 126) {
        length = cursor_be16(c);
        *ret_minimal = length > 125;
    } else if (seven_bits == 127) {
        uint64_t high = cursor_be32(c);
        length = high << 32 | cursor_be32(c);
        *ret_minimal = length > 0xffff;
    }
    return length;
}

bool websocket_frame_read(const uint8_t *bytes, size_t n, struct websocket_frame *ret_frame)
{
    struct cursor c = cursor_make(bytes, n);
    uint8_t first = cursor_u8(&c), second = cursor_u8(&c);
    bool masked = (second & 0x80) != 0, minimal;
    uint64_t length = read_length(&c, second & 0x7f, &minimal);
    const uint8_t *mask = masked ? cursor_take(&c, sizeof(ret_frame->mask)) : NULL;
    if (c.short_read)
        return false;
    struct websocket_frame *f = ret_frame; /* not copied: it is read right behind */
    f->length = length;
    f->minimal = minimal;
    f->opcode = first & 0x0f;
    f->fin = (first & 0x80) != 0;
    f->rsv1 = (first & 0x40) != 0;
    f->rsv23 = (first & 0x30) != 0;
    f->masked = masked;
    memset(f->mask, 0, sizeof(f->mask));
    if (mask)
        memcpy(f->mask, mask, sizeof(f->mask));
    f->head_bytes = (uint8_t)(n - cursor_left(&c));
    return true;
}

bool websocket_frame_valid(const struct websocket_frame *f)
{
    if (f->rsv23 || f->length >> 63 != 0)
        return false;
    switch (f->opcode) {
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY:
        return true;
    case WEBSOCKET_CONTINUATION:
        return !f->rsv1;
    case WEBSOCKET_CLOSE:
        return !f->rsv1 && f->fin && f->length <= 125 && f->length != 1;
    case WEBSOCKET_PING:
    case WEBSOCKET_PONG:
        return !f->rsv1 && f->fin && f->length <= 125;
    default: /* reserved */
        return false;
    }
}

void websocket_frame_unmask(uint8_t *out, const uint8_t *in, size_t n, const uint8_t mask[4],
                            unsigned first)
{
    uint8_t key[8];
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = mask[(first + i) % 4];
    uint64_t wide, word;
    memcpy(&wide, key, sizeof(wide));
    size_t i = 0;
    for (; n - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, in + i, sizeof(word));
        word ^= wide;
        memcpy(out + i, &word, sizeof(word));
    }
    for (; i < n; i++)
        out[i] = in[i] ^ key[i % 4];
}

/* ---- looks */

/* A frame as real senders write them. */
static bool is_plausible(const struct websocket_frame *f, bool masked, bool deflate)
{
    return websocket_frame_valid(f) && f->minimal && f->masked == masked && (deflate || !f->rsv1);
}

static bool is_data(const struct websocket_frame *f)
{
    return f->opcode == WEBSOCKET_TEXT || f->opcode == WEBSOCKET_BINARY;
}

/* Whether the payload, of which n bytes are there, begins like a JSON text. */
static bool begins_json(const struct websocket_frame *f, const uint8_t *payload, size_t n)
{
    if (f->rsv1 || n == 0 || !is_data(f))
        return false;
    uint8_t c = f->masked ? payload[0] ^ f->mask[0] : payload[0];
    return c == '{' || c == '[';
}

bool websocket_frame_resumes(const uint8_t *bytes, size_t n, bool masked, bool deflate)
{
    for (unsigned frames = 0; n > 0 && frames < ENOUGH_FRAMES; frames++) {
        struct websocket_frame f;
        if (!websocket_frame_read(bytes, n, &f))
            return frames > 0;
        if (!is_plausible(&f, masked, deflate))
            return false;
        bytes += f.head_bytes;
        n -= f.head_bytes;
        if (f.length > n)
            return frames > 0 || begins_json(&f, bytes, n);
        bytes += f.length;
        n -= (size_t)f.length;
    }
    return true;
}

static void ignore(void *ctx, const struct message *m)
{
    (void)ctx;
    (void)m;
}

static void read_json(void *ctx, const uint8_t *bytes, size_t n)
{
    static const struct stream_pos at;
    const struct rpc_sink sink = {NULL, ignore};
    (void)rpc_feed(ctx, &sink, bytes, n, &at);
}

/* Feeds the payload of a whole frame to a parser. False: it cannot be decompressed. */
static bool read_payload(const struct websocket_frame *f, const uint8_t *payload, struct rpc *rpc,
                         struct limits_hit *hit)
{
    struct decoder_account account = {0};
    struct decoder *d = f->rsv1 ? decoder_new(CODING_RAW_DEFLATE, &account, hit) : NULL;
    const struct decoder_sink sink = {rpc, read_json};
    uint8_t plain[1024];
    for (size_t i = 0, n; i < f->length && (d || !f->rsv1); i += n) {
        n = f->length - i < sizeof(plain) ? (size_t)f->length - i : sizeof(plain);
        websocket_frame_unmask(plain, payload + i, n, f->mask, 0); /* without a mask it is zero */
        if (d)
            (void)decoder_feed(d, &sink, plain, n);
        else
            read_json(rpc, plain, n);
    }
    bool whole = !f->rsv1 || (d && decoder_message_end(d, &sink, true) == DECODER_END);
    decoder_free(d);
    return whole;
}

/* Whether a whole frame's payload is one JSON text, an object or array. */
static bool is_json(const struct websocket_frame *f, const uint8_t *payload)
{
    if (!f->fin || f->length == 0 || !is_data(f))
        return false;
    if (f->rsv1 ? f->length > CODED_BYTES : !begins_json(f, payload, 1))
        return false;
    static const struct hash_key key;
    const struct rpc_sink sink = {NULL, ignore};
    struct limits_hit hit = {0};
    struct rpc rpc;
    rpc_init(&rpc, DIR_C2S, false, &key, &hit);
    return read_payload(f, payload, &rpc, &hit) && rpc_complete(&rpc) &&
           rpc_end(&rpc, &sink, false) == JSON_END_COMPLETE;
}

bool websocket_recognise(const uint8_t *bytes, size_t n, enum dir *ret_sender)
{
    struct websocket_frame f;
    bool masked = n > 1 && (bytes[1] & 0x80) != 0;
    bool json = false;
    unsigned frames = 0;
    for (; n > 0; frames++) {
        if (!websocket_frame_read(bytes, n, &f) || !is_plausible(&f, masked, true))
            return false;
        bytes += f.head_bytes;
        n -= f.head_bytes;
        if (f.length > n)
            return false;
        json = json || is_json(&f, bytes);
        bytes += f.length;
        n -= (size_t)f.length;
    }
    *ret_sender = masked ? DIR_C2S : DIR_S2C;
    return json || frames > 1;
}
