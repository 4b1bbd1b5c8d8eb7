/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SUPPORT_ENCODE_H
#define TESTS_SUPPORT_ENCODE_H

#include "dissect/coding.h"
#include <assert.h>
#include <brotli/encode.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/*
 * Codes bytes for tests of what decodes them. A header, since only programs that include it are
 * linked with the encoders (tests/CMakeLists.txt). An encoder can be flushed, so that all that was
 * put in can be decoded, or ended.
 */

enum encode_op { ENCODE_MORE, ENCODE_FLUSH, ENCODE_END };

struct encode {
    enum coding coding;
    int window_bits; /* of zlib's; of br and zstd: the logarithm */
    z_stream z;
    BrotliEncoderState *br;
    ZSTD_CStream *zstd;
    uint8_t *out;
    size_t n, room;
};

/* window_bits: 0 = as usual. CODING_DEFLATE makes the zlib format. */
static inline void encode_begin(struct encode *e, enum coding coding, int window_bits)
{
    *e = (struct encode){.coding = coding, .window_bits = window_bits};
    int bits = window_bits ? window_bits : MAX_WBITS;
    if (coding == CODING_BR) {
        e->br = BrotliEncoderCreateInstance(NULL, NULL, NULL);
        assert(e->br);
        if (window_bits)
            BrotliEncoderSetParameter(e->br, BROTLI_PARAM_LGWIN, (uint32_t)window_bits);
        BrotliEncoderSetParameter(e->br, BROTLI_PARAM_QUALITY, 4);
        return;
    }
    if (coding == CODING_ZSTD) {
        e->zstd = ZSTD_createCStream();
        assert(e->zstd);
        if (window_bits)
            ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_windowLog, window_bits);
        return;
    }
    if (coding == CODING_GZIP)
        bits += 16;
    else if (coding == CODING_RAW_DEFLATE)
        bits = -bits;
    int result = deflateInit2(&e->z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);
    assert(result == Z_OK);
    (void)result;
}

static inline void encode_room(struct encode *e)
{
    if (e->room - e->n >= 4096)
        return;
    e->room = 2 * e->room + 65536;
    e->out = realloc(e->out, e->room);
    assert(e->out);
}

static inline void encode_put(struct encode *e, const void *bytes, size_t n, enum encode_op op)
{
    const uint8_t *p = bytes;
    bool more = true;
    if (!e->br && !e->zstd) {
        e->z.next_in = (Bytef *)(uintptr_t)p;
        e->z.avail_in = (unsigned)n;
    }
    ZSTD_inBuffer in = {p, n, 0};
    while (more) {
        encode_room(e);
        uint8_t *out = e->out + e->n;
        size_t room = e->room - e->n;
        if (e->br) {
            static const BrotliEncoderOperation ops[] = {
                BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH};
            BrotliEncoderCompressStream(e->br, ops[op], &n, &p, &room, &out, NULL);
            more = n > 0 || BrotliEncoderHasMoreOutput(e->br);
        } else if (e->zstd) {
            static const ZSTD_EndDirective ops[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
            ZSTD_outBuffer o = {out, room, 0};
            size_t left = ZSTD_compressStream2(e->zstd, &o, &in, ops[op]);
            assert(!ZSTD_isError(left));
            room -= o.pos;
            more = in.pos < in.size || (op != ENCODE_MORE && left > 0);
        } else {
            static const int ops[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
            e->z.next_out = out;
            e->z.avail_out = (unsigned)room;
            (void)deflate(&e->z, ops[op]);
            room = e->z.avail_out;
            more = room == 0 || e->z.avail_in > 0;
        }
        e->n = e->room - room;
    }
}

/* Frees the encoder; e->out stays, to be freed. */
static inline void encode_fini(struct encode *e)
{
    if (e->br)
        BrotliEncoderDestroyInstance(e->br);
    else if (e->zstd)
        (void)ZSTD_freeCStream(e->zstd);
    else
        (void)deflateEnd(&e->z);
}

/* Codes all at once: to be freed. */
static inline uint8_t *encode_all(enum coding coding, const void *bytes, size_t n, size_t *ret_n)
{
    struct encode e;
    encode_begin(&e, coding, 0);
    encode_put(&e, bytes, n, ENCODE_END);
    encode_fini(&e);
    *ret_n = e.n;
    return e.out;
}

#endif
