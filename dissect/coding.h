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
 * stream that is flushed event by event is decoded event by event.
 *
 * Caps: LIMIT_DECODERS at once; LIMIT_DECODED_BYTES of output for one body or message, so that a
 * decompression bomb ends; the windows of br and zstd are at most LIMIT_CODING_WINDOW.
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

/* What a Content-Encoding value names; "identity" and an empty one are CODING_NONE. */
enum coding coding_from_name(const char *value, size_t n);

/* Two fields, or a list, name codings one after the other. */
enum coding coding_combine(enum coding first, enum coding second);

struct decoder;

struct decoder_sink {
    void *ctx;
    void (*bytes)(void *ctx, const uint8_t *bytes, size_t n); /* n > 0; borrowed for the call */
};

enum decoder_result {
    DECODER_MORE, /* all input used, more may follow */
    DECODER_END,  /* the coded data is complete; what follows is ignored */
    DECODER_BAD,  /* no such coding, or damaged: nothing more can be decoded */
    DECODER_LIMIT /* a cap was hit, and counted: nothing more is decoded */
};

/* Any coding but NONE and UNKNOWN. live: how many decoders its owner has, counted up by this and
 * down by decoder_free(). NULL: no memory, or LIMIT_DECODERS are in use (counted). */
struct decoder *decoder_new(enum coding coding, uint32_t *live, struct limits_hit *hit);
void decoder_free(struct decoder *d); /* NULL is allowed */

enum decoder_result decoder_feed(struct decoder *d, const struct decoder_sink *sink,
                                 const uint8_t *bytes, size_t n);

/* CODING_RAW_DEFLATE: a message is over; its tail is supplied, and the output cap begins anew.
 * forget: the next one does not refer to it (no context takeover). */
enum decoder_result decoder_message_end(struct decoder *d, const struct decoder_sink *sink,
                                        bool forget);

#endif
