/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zlib (gzip, RFC 1952; deflate, RFC 1950, 1951; permessage-deflate, RFC 7692), brotli (RFC 7932)
 * and zstd (RFC 8878, 9659).
 *
 * Memory: the libraries allocate through take(), which counts. One of them holds 7 KB before its
 * first byte and 40 KB then (gzip, deflate); 5 KB, then 19 KB and a window that grows with the
 * output up to what the head says (br); 96 KB, then 2.6 MB for a stream as usual encoders send it,
 * or less for a frame that says how small it is (zstd). None may take more than twice
 * LIMIT_CODING_WINDOW.
 *
 * Damage: br and zstd may keep back what came in the same call in front of it.
 *
 * Ignored on purpose: header fields of gzip; dictionaries; the formats of zstd before 1.0; window
 * sizes of br above the cap as long as its output stays below.
 */
#define ZSTD_STATIC_LINKING_ONLY /* custom allocation */
#include "codec.h"
#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define OWN_BYTES   (2 * (size_t)LIMIT_CODING_WINDOW)
#define FED_AT_ONCE (UINT32_C(1) << 30) /* zlib counts in unsigned int */
#define WINDOW_LOG  23                  /* of LIMIT_CODING_WINDOW */

_Static_assert(1 << WINDOW_LOG == LIMIT_CODING_WINDOW, "its logarithm");

/* ---- memory */

struct block {
    alignas(max_align_t) size_t n;
};

static bool has_room(struct codec *c, size_t n)
{
    enum limit_id id;
    if (n > OWN_BYTES || c->own_bytes + n > OWN_BYTES)
        id = LIMIT_ID_CODING_WINDOW;
    else if (c->account->held + n > codec_share(c->account, LIMIT_DECODER_BYTES))
        id = LIMIT_ID_DECODER_BYTES;
    else
        return true;
    limits_hit_add(c->hit, id);
    return false;
}

static void *take(void *codec, size_t n)
{
    struct codec *c = codec;
    if (!has_room(c, n))
        return NULL;
    struct block *b = malloc(sizeof(*b) + n);
    if (!b)
        return NULL;
    b->n = n;
    c->own_bytes += n;
    c->account->held += n;
    return b + 1;
}

static void *take_array(void *codec, unsigned count, unsigned n)
{
    return take(codec, (size_t)count * n);
}

static void give(void *codec, void *p)
{
    struct codec *c = codec;
    if (!p)
        return;
    struct block *b = (struct block *)p - 1;
    c->own_bytes -= b->n;
    c->account->held -= b->n;
    free(b);
}

/* ---- one call of a library */

static enum codec_result step_on(const struct codec_piece *p)
{
    return p->n > 0 || p->room == 0 ? CODEC_AGAIN : CODEC_MORE;
}

static enum codec_result step_zlib(struct codec *c, struct codec_piece *p)
{
    z_stream *z = &c->u.z;
    unsigned n = p->n > FED_AT_ONCE ? FED_AT_ONCE : (unsigned)p->n;
    z->next_in = p->in;
    z->avail_in = n;
    z->next_out = p->out;
    z->avail_out = (unsigned)p->room;
    int result = inflate(z, Z_SYNC_FLUSH);
    p->in += n - z->avail_in;
    p->n -= n - z->avail_in;
    p->out = z->next_out;
    p->room = z->avail_out;
    if (result == Z_STREAM_END)
        return CODEC_END;
    if (result == Z_OK || result == Z_BUF_ERROR)
        return step_on(p);
    return result == Z_MEM_ERROR ? CODEC_LIMIT : CODEC_BAD;
}

static enum codec_result step_br(struct codec *c, struct codec_piece *p)
{
    switch (BrotliDecoderDecompressStream(c->u.br, &p->n, &p->in, &p->room, &p->out, NULL)) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        return CODEC_END;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return step_on(p);
    case BROTLI_DECODER_RESULT_ERROR:
        break;
    }
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(c->u.br);
    bool memory = code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                  code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    return memory ? CODEC_LIMIT : CODEC_BAD;
}

static enum codec_result step_zstd(struct codec *c, struct codec_piece *p)
{
    ZSTD_inBuffer in = {p->in, p->n, 0};
    ZSTD_outBuffer out = {p->out, p->room, 0};
    size_t result = ZSTD_decompressStream(c->u.zstd, &out, &in);
    p->in += in.pos;
    p->n -= in.pos;
    p->out += out.pos;
    p->room -= out.pos;
    if (result == 0)
        return CODEC_END;
    if (!ZSTD_isError(result))
        return step_on(p);
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_frameParameter_windowTooLarge)
        limits_hit_add(c->hit, LIMIT_ID_CODING_WINDOW);
    else if (code != ZSTD_error_memory_allocation)
        return code == ZSTD_error_prefix_unknown ? CODEC_FOREIGN : CODEC_BAD;
    return CODEC_LIMIT;
}

enum codec_result codec_step(struct codec *c, struct codec_piece *p)
{
    switch (c->coding) {
    case CODING_BR:
        return step_br(c, p);
    case CODING_ZSTD:
        return step_zstd(c, p);
    case CODING_GZIP:
    case CODING_DEFLATE:
    case CODING_RAW_DEFLATE:
    case CODING_NONE:
    case CODING_UNKNOWN:
        break;
    }
    return step_zlib(c, p);
}

/* ---- begin and end */

static bool begin_zlib(struct codec *c, int window_bits)
{
    z_stream *z = &c->u.z;
    z->zalloc = take_array;
    z->zfree = give;
    z->opaque = c;
    return inflateInit2(z, window_bits) == Z_OK;
}

static bool begin_zstd(struct codec *c)
{
    ZSTD_customMem memory = {take, give, c};
    c->u.zstd = ZSTD_createDStream_advanced(memory);
    if (!c->u.zstd)
        return false;
    return !ZSTD_isError(ZSTD_DCtx_setParameter(c->u.zstd, ZSTD_d_windowLogMax, WINDOW_LOG));
}

bool codec_init(struct codec *c)
{
    switch (c->coding) {
    case CODING_GZIP:
        return begin_zlib(c, 16 + MAX_WBITS);
    case CODING_DEFLATE:
        return begin_zlib(c, MAX_WBITS);
    case CODING_RAW_DEFLATE:
        return begin_zlib(c, -MAX_WBITS);
    case CODING_BR:
        c->u.br = BrotliDecoderCreateInstance(take, give, c);
        return c->u.br != NULL;
    case CODING_ZSTD:
        return begin_zstd(c);
    case CODING_NONE:
    case CODING_UNKNOWN:
        break;
    }
    return false;
}

void codec_fini(struct codec *c)
{
    if (c->coding == CODING_BR && c->u.br)
        BrotliDecoderDestroyInstance(c->u.br);
    else if (c->coding == CODING_ZSTD)
        (void)ZSTD_freeDStream(c->u.zstd);
    else if (c->coding != CODING_BR)
        (void)inflateEnd(&c->u.z);
    assert(c->own_bytes == 0);
}

/* ---- parts */

bool codec_begins_frame(uint8_t byte)
{
    /* also of one to be skipped; older formats have other numbers */
    return byte == 0x28 || (byte >= 0x50 && byte <= 0x5f);
}

bool codec_next(struct codec *c, uint8_t byte)
{
    switch (c->coding) {
    case CODING_GZIP:
        return byte == 0x1f && inflateReset(&c->u.z) == Z_OK;
    case CODING_RAW_DEFLATE:
        return inflateResetKeep(&c->u.z) == Z_OK; /* the window stays */
    case CODING_ZSTD:
        return codec_begins_frame(byte);
    case CODING_DEFLATE:
    case CODING_BR:
    case CODING_NONE:
    case CODING_UNKNOWN:
        break;
    }
    return false;
}

bool codec_raw(struct codec *c)
{
    return inflateReset2(&c->u.z, -MAX_WBITS) == Z_OK;
}

bool codec_forget(struct codec *c)
{
    return inflateReset(&c->u.z) == Z_OK;
}

bool codec_at_block(const struct codec *c)
{
    enum { AT_BLOCK = 128 }; /* in data_type, see inflate() in zlib.h */
    return (c->u.z.data_type & AT_BLOCK) != 0;
}
