/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_CODEC_H
#define DISSECT_CODEC_H

#define ZLIB_CONST
#include "coding.h"
#include <brotli/decode.h>
#include <zlib.h>

/*
 * The libraries that take content codings off, zlib, brotli and zstd, behind one face, with their
 * memory counted; private to coding.h, which knows what a body is and what it may cost. Sources:
 * their headers.
 */

#define CODEC_HEAD_BYTES 18 /* of a zstd frame, at most: RFC 8878 3.1.1.1 */

struct codec {
    struct limits_hit *hit;
    struct decoder_account *account; /* `held` is counted here */
    size_t own_bytes;                /* that the library holds for this one */
    enum coding coding;
    union {
        z_stream z;
        BrotliDecoderState *br;
        struct ZSTD_DCtx_s *zstd;
    } u;
    BrotliDecoderState *scout; /* of u.br, see codec.c; NULL: its memory, or its way, ended */
    /* zstd, of the frame: */
    uint8_t head_bytes[CODEC_HEAD_BYTES]; /* its first `head` bytes */
    size_t head;
    size_t wanted;      /* what the library asks for, not to be read beyond */
    uint64_t given;     /* output */
    uint64_t raw_until; /* output up to which a raw block may come in pieces; any other: no end */
};

/* What a library is given, less than 1 GB; it moves all four on. */
struct codec_piece {
    const uint8_t *in;
    size_t n;
    uint8_t *out;
    size_t room;
};

enum codec_result {
    CODEC_AGAIN, /* there may be more to come out */
    CODEC_MORE,  /* all input is used, and all that it determines is out */
    CODEC_END,   /* a part is complete: the body, unless there are more of them */
    CODEC_BAD,
    CODEC_FOREIGN, /* not even the beginning of this coding */
    CODEC_LIMIT    /* no memory, or a cap was hit, and counted */
};

/* What of a cap is this owner's. */
static inline uint64_t codec_share(const struct decoder_account *account, uint64_t cap)
{
    return account->owners > 1 ? cap / account->owners : cap;
}

/* Any coding but NONE and UNKNOWN; hit and account must be set, all else zero. False: no memory, or
 * a cap was hit, and counted. Whatever it returns, codec_fini() follows. */
bool codec_init(struct codec *c);
void codec_fini(struct codec *c);

/* How many of n bytes, n > 0, are to be fed next, so that all comes out that they determine, even
 * if they end in damage; they must be fed, then. most: what may come out of them at all. */
size_t codec_bite(struct codec *c, const uint8_t *bytes, size_t n, uint64_t most);

/* Calls the library once. */
enum codec_result codec_step(struct codec *c, struct codec_piece *p);

/* Behind the end of a part: whether a byte begins another. That is what comes next, then. */
bool codec_next(struct codec *c, uint8_t byte);

/* Whether a byte can be the first of a zstd frame. */
bool codec_begins_frame(uint8_t byte);

/* CODING_DEFLATE, before anything went in: it is raw deflate. False: it cannot be had. */
bool codec_raw(struct codec *c);

/* CODING_RAW_DEFLATE: begins anew, without what was referred to. False: it cannot be had. */
bool codec_forget(struct codec *c);

/* CODING_RAW_DEFLATE: whether what went in ends where a block does. */
bool codec_at_block(const struct codec *c);

#endif
