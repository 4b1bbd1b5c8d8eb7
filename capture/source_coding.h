/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_CODING_H
#define CAPTURE_SOURCE_CODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>
#include <zstd.h>

/*
 * Private to source*.c: takes the compression off a capture file. It is told by the file's first
 * bytes, and given the rest in an input buffer; it reads nothing itself.
 */

#define SOURCE_CODING_MAGIC_BYTES 4
#define SOURCE_CODING_INPUT_BYTES 65536 /* read at once: a few blocks of either coding */

enum source_coding_kind { SOURCE_CODING_NONE, SOURCE_CODING_GZIP, SOURCE_CODING_ZSTD };

/* Zeroed: not compressed. */
struct source_coding {
    enum source_coding_kind kind;
    bool inside;          /* a gzip member or zstd frame has begun and not ended */
    bool over;            /* nothing comes any more: padding, damage, or set at the input's end */
    bool damaged;         /* the input is not valid */
    uint8_t *in;          /* SOURCE_CODING_INPUT_BYTES, filled by the caller */
    size_t in_at, in_end; /* in it: what was not decoded yet */
    z_stream zlib;
    ZSTD_DCtx *zstd;
};

/* The name of a compression that this program does not take off, by the first n bytes; else NULL.
 */
const char *source_coding_foreign(const uint8_t *magic, size_t n);

/* Prepares to decode what begins with these n bytes, which then are the input, if it is compressed.
 * To be ended in any case. Returns 0 or ERR_NOMEM. */
int source_coding_begin(struct source_coding *c, const uint8_t *magic, size_t n);

/* Decodes some input to out; if that is full, there may be more without further input. There is
 * input, or was at the step before. Returns the bytes written. */
size_t source_coding_step(struct source_coding *c, uint8_t *out, size_t n);

void source_coding_end(struct source_coding *c);

/* "gzip", "zstd" or ""; static storage. */
const char *source_coding_name(const struct source_coding *c);

#endif
