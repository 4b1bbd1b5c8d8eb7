/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_CODING_H
#define DISSECT_CODING_H

#include "base/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Content codings (RFC 9110 8.4.1) and the deflate of WebSocket (RFC 7692), taken off piece by
 * piece in bounded memory: what a piece holds is handed over before the call returns, so an event
 * stream that is flushed event by event is decoded event by event. Whatever the pieces, output,
 * result, caps hit and account are the same, also in front of damage.
 *
 * Caps: LIMIT_DECODER_BYTES of memory for all decoders of an owner; LIMIT_CODING_WINDOW for the
 * window of br and zstd; LIMIT_DECODED_BYTES of output for one body or message, so that a
 * decompression bomb ends; LIMIT_DECODED_TOTAL for all of an owner, so that many bombs do.
 */

enum coding {
    CODING_NONE, /* identity */
    CODING_GZIP,
    CODING_DEFLATE, /* zlib format; raw deflate, which some send under this name, is recognised */
    CODING_BR,
    CODING_ZSTD,
    CODING_RAW_DEFLATE, /* WebSocket messages, without the four bytes that end each of them */
    CODING_UNKNOWN      /* one that is not taken off here, or several on top of each other */
};

/* What a Content-Encoding or Transfer-Encoding value names; "identity", "chunked" (which is
 * framing) and an empty value are CODING_NONE. */
enum coding coding_from_name(const char *value, size_t n);

/* Two fields, or a list, name codings one after the other. */
enum coding coding_combine(enum coding first, enum coding second);

/* What all decoders of an owner share. Zeroed memory is a good beginning. */
struct decoder_account {
    uint64_t held;     /* bytes of memory */
    uint64_t excess;   /* of output, see LIMIT_DECODED_TOTAL; what others fall short pays for it */
    uint32_t max_held; /* of all owners; 0: LIMIT_DECODER_BYTES */
    uint32_t owners;   /* who have an equal share of those caps each; 0: it is the only one */
};

struct decoder;

struct decoder_sink {
    void *ctx;
    void (*bytes)(void *ctx, const uint8_t *bytes, size_t n); /* n > 0; borrowed for the call */
};

enum decoder_result {
    DECODER_MORE, /* all input used, more must follow */
    DECODER_END,  /* the coded data is complete; what follows is ignored, unless it is more gzip or
                     zstd: it may be fed without looking */
    DECODER_BAD,  /* damaged: nothing more can be decoded */
    DECODER_LIMIT /* a cap was hit, and counted, or out of memory: nothing more is decoded */
};

/* Any coding but NONE and UNKNOWN. The account must live longer than the decoder. NULL: no memory,
 * or LIMIT_DECODER_BYTES are in use (counted). */
struct decoder *decoder_new(enum coding coding, struct decoder_account *account,
                            struct limits_hit *hit);
void decoder_free(struct decoder *d); /* NULL is allowed */

/* Once BAD or LIMIT it stays so, and nothing is handed over any more. */
enum decoder_result decoder_feed(struct decoder *d, const struct decoder_sink *sink,
                                 const uint8_t *bytes, size_t n);

/* CODING_RAW_DEFLATE: a message is over; its tail is supplied, and the output cap begins anew.
 * forget: the next one does not refer to it (no context takeover), and can be decoded whatever
 * became of this one. DECODER_END: the message was complete; BAD or LIMIT: it was not. */
enum decoder_result decoder_message_end(struct decoder *d, const struct decoder_sink *sink,
                                        bool forget);

#endif
