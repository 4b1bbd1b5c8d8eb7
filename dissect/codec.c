/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zlib (gzip, RFC 1952; deflate, RFC 1950, 1951; permessage-deflate, RFC 7692), brotli (RFC 7932)
 * and zstd (RFC 8878, 9659).
 *
 * Any cut. zlib gives the same however it is fed. brotli and zstd drop the output of a call that
 * ends in damage, and zstd reads by other rules what it gets as a whole. So they are fed in bites:
 *  - zstd: never more than the rest of a block, which comes out at its end, as a whole. Only a raw
 *    block comes out byte by byte. Its last byte goes in alone, since it may show that the frame is
 *    not what its head has promised; and so does each that is beyond what the head has promised, or
 *    beyond the first window of the frame: there, libzstd may run out of room, or its memory may
 *    begin anew, which depends on how many bytes come at once. The head of a frame goes in in bites
 *    that are too small to be taken for a frame.
 *  - brotli does not tell where its blocks are. A second decoder, the scout, decodes every bite
 *    first, so br costs nearly twice what it could. If the scout fails, or there is no memory for
 *    it, the bytes go in one by one, which costs nine times as much.
 *
 * Memory: the libraries allocate through take(), which counts. A codec holds 40 KB (gzip, deflate);
 * 10 KB, then 37 KB and two windows that grow with the output up to what the head says (br); 96 KB,
 * then 2.6 MB for a stream as usual encoders send it, or less for a frame that says how small it
 * is (zstd). None may take more than twice LIMIT_CODING_WINDOW; a scout that is in the way goes.
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

#define OUT_BYTES  16384u
#define OWN_BYTES  (2 * (size_t)LIMIT_CODING_WINDOW)
#define WINDOW_LOG 23 /* of LIMIT_CODING_WINDOW */
/* While zstd reads a head, it looks for a frame, or for the four bytes that one of an old format
 * begins with, at the beginning of what it is given, wherever the head began. */
#define HEAD_BITE  3u
#define BLOCK_HEAD 3u /* RFC 8878 3.1.1.2 */

_Static_assert(1 << WINDOW_LOG == LIMIT_CODING_WINDOW, "its logarithm");
_Static_assert(CODEC_HEAD_BYTES == ZSTD_FRAMEHEADERSIZE_MAX, "the longest");

/* ---- memory */

struct block {
    alignas(max_align_t) size_t n;
};

static uint64_t most_held(const struct decoder_account *account)
{
    return account->max_held > 0 ? account->max_held : LIMIT_DECODER_BYTES;
}

static bool has_room(const struct codec *c, size_t n, enum limit_id *ret_id)
{
    if (n > OWN_BYTES || c->own_bytes + n > OWN_BYTES)
        *ret_id = LIMIT_ID_CODING_WINDOW;
    else if (c->account->held + n > codec_share(c->account, most_held(c->account)))
        *ret_id = LIMIT_ID_DECODER_BYTES;
    else
        return true;
    return false;
}

static void drop_scout(struct codec *c)
{
    if (c->scout)
        BrotliDecoderDestroyInstance(c->scout);
    c->scout = NULL;
}

static void *take_block(struct codec *c, size_t n)
{
    struct block *b = malloc(sizeof(*b) + n);
    if (!b)
        return NULL;
    b->n = n;
    c->own_bytes += n;
    c->account->held += n;
    return b + 1;
}

static void *take(void *codec, size_t n)
{
    struct codec *c = codec;
    enum limit_id id;
    if (!has_room(c, n, &id))
        drop_scout(c);
    if (has_room(c, n, &id))
        return take_block(c, n);
    limits_hit_add(c->hit, id);
    return NULL;
}

/* For the scout, which can be done without. */
static void *take_spare(void *codec, size_t n)
{
    enum limit_id id;
    return has_room(codec, n, &id) ? take_block(codec, n) : NULL;
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
    unsigned n = (unsigned)p->n;
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

static enum codec_result step_br(BrotliDecoderState *br, struct codec_piece *p)
{
    switch (BrotliDecoderDecompressStream(br, &p->n, &p->in, &p->room, &p->out, NULL)) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        return CODEC_END;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return step_on(p);
    case BROTLI_DECODER_RESULT_ERROR:
        break;
    }
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(br);
    bool memory = code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                  code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    return memory ? CODEC_LIMIT : CODEC_BAD;
}

static enum codec_result step_zstd(struct codec *c, struct codec_piece *p)
{
    const uint8_t *from = p->in;
    ZSTD_inBuffer in = {from, p->n, 0};
    ZSTD_outBuffer out = {p->out, p->room, 0};
    size_t result = ZSTD_decompressStream(c->u.zstd, &out, &in);
    p->in += in.pos;
    p->n -= in.pos;
    p->out += out.pos;
    p->room -= out.pos;
    c->given += out.pos;
    for (size_t i = 0; i < in.pos && c->head < CODEC_HEAD_BYTES; i++)
        c->head_bytes[c->head++] = from[i];
    if (result == 0)
        return CODEC_END;
    if (!ZSTD_isError(result)) {
        c->wanted = result;
        return step_on(p);
    }
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
        return step_br(c->u.br, p);
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

/* ---- bites */

/* Whether a bite can be decoded as a whole: no damage, no lack of memory, no cap. */
static bool scout_ahead(struct codec *c, const uint8_t *bytes, size_t n, uint64_t most)
{
    uint8_t out[OUT_BYTES];
    struct codec_piece p = {.in = bytes, .n = n};
    enum codec_result result = CODEC_AGAIN;
    uint64_t sum = 0;
    while (c->scout && result == CODEC_AGAIN && sum <= most) {
        p.out = out;
        p.room = sizeof(out);
        result = step_br(c->scout, &p);
        sum += sizeof(out) - p.room;
    }
    if (sum <= most && (result == CODEC_MORE || result == CODEC_END))
        return true;
    drop_scout(c);
    return false;
}

/* Bytes of output of the frame up to which it makes no difference how raw blocks come. */
static uint64_t harmless(const struct codec *c)
{
    ZSTD_frameHeader head;
    if (ZSTD_getFrameHeader(&head, c->head_bytes, c->head) != 0)
        return 0;
    return head.windowSize < head.frameContentSize ? head.windowSize : head.frameContentSize;
}

static size_t bite_zstd(struct codec *c, const uint8_t *bytes, size_t n)
{
    ZSTD_nextInputType_e next = ZSTD_nextInputType(c->u.zstd);
    if (next == ZSTDnit_blockHeader && c->wanted == BLOCK_HEAD)
        c->raw_until = (*bytes >> 1 & 3) == 0 ? harmless(c) : UINT64_MAX; /* by Block_Type */
    size_t most = c->wanted > BLOCK_HEAD ? c->wanted - BLOCK_HEAD : c->wanted;
    if (c->raw_until < UINT64_MAX && (next == ZSTDnit_block || next == ZSTDnit_lastBlock)) {
        uint64_t room = c->raw_until > c->given ? c->raw_until - c->given : 1;
        most = most > 1 ? most - 1 : 1;
        most = room < most ? (size_t)room : most;
    }
    if (c->head < CODEC_HEAD_BYTES && most > HEAD_BITE)
        most = HEAD_BITE;
    return n < most ? n : most;
}

size_t codec_bite(struct codec *c, const uint8_t *bytes, size_t n, uint64_t most)
{
    switch (c->coding) {
    case CODING_BR:
        return scout_ahead(c, bytes, n, most) ? n : 1;
    case CODING_ZSTD:
        return bite_zstd(c, bytes, n);
    case CODING_GZIP:
    case CODING_DEFLATE:
    case CODING_RAW_DEFLATE:
    case CODING_NONE:
    case CODING_UNKNOWN:
        break;
    }
    return n;
}

/* ---- begin and end */

/* With the window, which zlib else takes in the first call that has output, if that does not end in
 * damage. Only as raw deflate it can be had at once. */
static bool begin_zlib(struct codec *c, int window_bits)
{
    z_stream *z = &c->u.z;
    z->zalloc = take_array;
    z->zfree = give;
    z->opaque = c;
    return inflateInit2(z, -MAX_WBITS) == Z_OK &&
           inflateSetDictionary(z, (const Bytef *)"", 0) == Z_OK &&
           inflateReset2(z, window_bits) == Z_OK;
}

static bool begin_br(struct codec *c)
{
    c->u.br = BrotliDecoderCreateInstance(take, give, c);
    if (c->u.br)
        c->scout = BrotliDecoderCreateInstance(take_spare, give, c);
    return c->u.br != NULL;
}

static void expect_frame(struct codec *c)
{
    c->head = 0;
    c->wanted = HEAD_BITE;
    c->given = 0;
    c->raw_until = UINT64_MAX;
}

static bool begin_zstd(struct codec *c)
{
    ZSTD_customMem memory = {take, give, c};
    c->u.zstd = ZSTD_createDStream_advanced(memory);
    if (!c->u.zstd)
        return false;
    expect_frame(c);
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
        return begin_br(c);
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
    drop_scout(c);
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
        expect_frame(c);
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
