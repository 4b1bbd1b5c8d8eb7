/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Content codings: gzip (RFC 1952), deflate (RFC 1950, 1951), br (RFC 7932), zstd (RFC 8878, 9659)
 * and permessage-deflate (RFC 7692), by the libraries zlib, brotli and zstd.
 *
 * Theory of operation. A library is called until its input is used up and its output buffer, which
 * is on the stack, was not filled: then nothing is left in it that the input determines. Coded data
 * may consist of several parts one after the other (gzip members, zstd frames, final deflate blocks
 * inside a WebSocket message); between two parts it is complete if nothing follows. What follows
 * and is no such part is ignored, as curl and browsers do.
 *
 * State: FORMAT (deflate: the first byte is kept until the second tells zlib from raw), INSIDE,
 * BETWEEN (complete, unless another part follows), DONE, BAD, LIMIT. A decoder cannot go on behind
 * a gap: its owner ends it.
 *
 * Memory: the libraries allocate through take(), which counts. A decoder holds 7 KB before its
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
#define ZLIB_CONST
#define ZSTD_STATIC_LINKING_ONLY /* custom allocation */
#include "coding.h"
#include "ascii.h"
#include <assert.h>
#include <brotli/decode.h>
#include <stdalign.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define OUT_BYTES   16384u
#define OWN_BYTES   (2 * (size_t)LIMIT_CODING_WINDOW)
#define FED_AT_ONCE (UINT32_C(1) << 30) /* zlib counts in unsigned int */
#define WINDOW_LOG  23                  /* of LIMIT_CODING_WINDOW */
/* Bytes of output that a byte of input, and a body, account for: see LIMIT_DECODED_TOTAL. */
#define DECODED_FOR 64
#define FREE_BYTES  32768u

_Static_assert(1 << WINDOW_LOG == LIMIT_CODING_WINDOW, "its logarithm");

enum state { STATE_FORMAT, STATE_INSIDE, STATE_BETWEEN, STATE_DONE, STATE_BAD, STATE_LIMIT };

struct decoder {
    struct limits_hit *hit;
    struct decoder_account *account;
    size_t own_bytes; /* that the library holds for this one */
    uint64_t in, out; /* of the body or message */
    uint64_t part_at; /* `out` where the part began */
    uint8_t coding;   /* enum coding */
    uint8_t state;    /* enum state */
    uint8_t first;    /* STATE_FORMAT: the byte that is kept */
    bool has_first;
    bool parted; /* a part is complete already */
    union {
        z_stream z;
        BrotliDecoderState *br;
        ZSTD_DStream *zstd;
    } u;
};

/* ---- names */

static enum coding coding_of(const char *name, size_t n)
{
    if (ascii_is(name, n, "gzip") || ascii_is(name, n, "x-gzip"))
        return CODING_GZIP;
    if (ascii_is(name, n, "deflate"))
        return CODING_DEFLATE;
    if (ascii_is(name, n, "br"))
        return CODING_BR;
    if (ascii_is(name, n, "zstd"))
        return CODING_ZSTD;
    bool none = n == 0 || ascii_is(name, n, "identity") || ascii_is(name, n, "chunked");
    return none ? CODING_NONE : CODING_UNKNOWN;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

enum coding coding_from_name(const char *value, size_t n)
{
    enum coding all = CODING_NONE;
    for (size_t i = 0; i <= n;) {
        size_t end = i;
        while (end < n && value[end] != ',')
            end++;
        size_t last = end;
        while (i < last && is_blank(value[i]))
            i++;
        while (last > i && is_blank(value[last - 1]))
            last--;
        all = coding_combine(all, coding_of(value + i, last - i));
        i = end + 1;
    }
    return all;
}

enum coding coding_combine(enum coding first, enum coding second)
{
    if (first == CODING_NONE)
        return second;
    return second == CODING_NONE ? first : CODING_UNKNOWN;
}

/* ---- memory */

struct block {
    alignas(max_align_t) size_t n;
};

/* What of a cap is this owner's. */
static uint64_t share(const struct decoder_account *account, uint64_t cap)
{
    return account->owners > 1 ? cap / account->owners : cap;
}

static bool has_room(struct decoder *d, size_t n)
{
    enum limit_id id;
    if (n > OWN_BYTES || d->own_bytes + n > OWN_BYTES)
        id = LIMIT_ID_CODING_WINDOW;
    else if (d->account->held + n > share(d->account, LIMIT_DECODER_BYTES))
        id = LIMIT_ID_DECODER_BYTES;
    else
        return true;
    limits_hit_add(d->hit, id);
    return false;
}

static void *take(void *decoder, size_t n)
{
    struct decoder *d = decoder;
    if (!has_room(d, n))
        return NULL;
    struct block *b = malloc(sizeof(*b) + n);
    if (!b)
        return NULL;
    b->n = n;
    d->own_bytes += n;
    d->account->held += n;
    return b + 1;
}

static void *take_array(void *decoder, unsigned count, unsigned n)
{
    return take(decoder, (size_t)count * n);
}

static void give(void *decoder, void *p)
{
    struct decoder *d = decoder;
    if (!p)
        return;
    struct block *b = (struct block *)p - 1;
    d->own_bytes -= b->n;
    d->account->held -= b->n;
    free(b);
}

/* ---- one call of a library */

struct piece {
    const uint8_t *in;
    size_t n;
    uint8_t *out;
    size_t room;
};

enum step {
    STEP_AGAIN, /* there may be more to come out */
    STEP_MORE,
    STEP_END,
    STEP_BAD,
    STEP_FOREIGN, /* not even the beginning of this coding */
    STEP_LIMIT
};

static enum step step_on(const struct piece *p)
{
    return p->n > 0 || p->room == 0 ? STEP_AGAIN : STEP_MORE;
}

static enum step step_zlib(struct decoder *d, struct piece *p)
{
    z_stream *z = &d->u.z;
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
        return STEP_END;
    if (result == Z_OK || result == Z_BUF_ERROR)
        return step_on(p);
    return result == Z_MEM_ERROR ? STEP_LIMIT : STEP_BAD;
}

static enum step step_br(struct decoder *d, struct piece *p)
{
    switch (BrotliDecoderDecompressStream(d->u.br, &p->n, &p->in, &p->room, &p->out, NULL)) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        return STEP_END;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return step_on(p);
    case BROTLI_DECODER_RESULT_ERROR:
        break;
    }
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(d->u.br);
    bool memory = code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                  code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    return memory ? STEP_LIMIT : STEP_BAD;
}

static enum step step_zstd(struct decoder *d, struct piece *p)
{
    ZSTD_inBuffer in = {p->in, p->n, 0};
    ZSTD_outBuffer out = {p->out, p->room, 0};
    size_t result = ZSTD_decompressStream(d->u.zstd, &out, &in);
    p->in += in.pos;
    p->n -= in.pos;
    p->out += out.pos;
    p->room -= out.pos;
    if (result == 0)
        return STEP_END;
    if (!ZSTD_isError(result))
        return step_on(p);
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    if (code == ZSTD_error_frameParameter_windowTooLarge)
        limits_hit_add(d->hit, LIMIT_ID_CODING_WINDOW);
    else if (code != ZSTD_error_memory_allocation)
        return code == ZSTD_error_prefix_unknown ? STEP_FOREIGN : STEP_BAD;
    return STEP_LIMIT;
}

static enum step step(struct decoder *d, struct piece *p)
{
    switch ((enum coding)d->coding) {
    case CODING_BR:
        return step_br(d, p);
    case CODING_ZSTD:
        return step_zstd(d, p);
    case CODING_GZIP:
    case CODING_DEFLATE:
    case CODING_RAW_DEFLATE:
    case CODING_NONE:
    case CODING_UNKNOWN:
        break;
    }
    return step_zlib(d, p);
}

/* ---- parts */

/* zstd frames, also those to be skipped; older formats have other numbers. */
static bool begins_frame(uint8_t byte)
{
    return byte == 0x28 || (byte >= 0x50 && byte <= 0x5f);
}

/* Something follows a complete part. */
static void begin_part(struct decoder *d, uint8_t byte)
{
    bool another = false;
    if (d->coding == CODING_GZIP)
        another = byte == 0x1f && inflateReset(&d->u.z) == Z_OK;
    else if (d->coding == CODING_RAW_DEFLATE)
        another = inflateResetKeep(&d->u.z) == Z_OK; /* the window stays */
    else if (d->coding == CODING_ZSTD)
        another = begins_frame(byte);
    d->state = another ? STATE_INSIDE : STATE_DONE;
    d->part_at = d->out;
}

/* Damage in what only seemed to be another part is none. zstd tells what it does not know; zlib
 * gives all that stands in front of the damage, so a part without output was none. */
static void spoil(struct decoder *d, enum step why)
{
    bool nothing = d->coding == CODING_GZIP && d->out == d->part_at;
    bool garbage = d->parted && (nothing || why == STEP_FOREIGN);
    d->state = garbage ? STATE_DONE : STATE_BAD;
}

static void pay(struct decoder_account *account, uint64_t n)
{
    account->excess -= n < account->excess ? n : account->excess;
}

/* A body, or message, brings what its packets cost anyway. */
static void begin_body(struct decoder *d)
{
    d->in = d->out = d->part_at = 0;
    pay(d->account, FREE_BYTES);
}

static bool over_limit(struct decoder *d, uint64_t used, uint64_t produced)
{
    d->in += used;
    d->out += produced;
    d->account->excess += produced;
    pay(d->account, DECODED_FOR * used);
    uint64_t due = DECODED_FOR * d->in;
    enum limit_id id;
    if (d->out > due + LIMIT_DECODED_BYTES)
        id = LIMIT_ID_DECODED_BYTES;
    else if (d->out > due + FREE_BYTES &&
             d->account->excess > share(d->account, LIMIT_DECODED_TOTAL))
        id = LIMIT_ID_DECODED_TOTAL;
    else
        return false;
    limits_hit_add(d->hit, id);
    return true;
}

static void run(struct decoder *d, const struct decoder_sink *sink, const uint8_t *bytes, size_t n)
{
    uint8_t out[OUT_BYTES];
    struct piece p = {.in = bytes, .n = n};
    enum step s = STEP_AGAIN;
    while (s != STEP_MORE && (d->state == STATE_INSIDE || (d->state == STATE_BETWEEN && p.n > 0))) {
        if (d->state == STATE_BETWEEN) {
            begin_part(d, *p.in);
            continue;
        }
        size_t before = p.n;
        p.out = out;
        p.room = sizeof(out);
        s = step(d, &p);
        size_t produced = sizeof(out) - p.room;
        bool over = over_limit(d, before - p.n, produced);
        if (produced > 0)
            sink->bytes(sink->ctx, out, produced);
        if (over || s == STEP_LIMIT) {
            d->state = STATE_LIMIT;
        } else if (s == STEP_END) {
            d->state = STATE_BETWEEN;
            d->parted = true;
        } else if (s == STEP_BAD || s == STEP_FOREIGN ||
                   (s == STEP_AGAIN && produced == 0 && before == p.n)) {
            spoil(d, s);
        }
    }
}

static enum decoder_result result_of(const struct decoder *d)
{
    switch ((enum state)d->state) {
    case STATE_FORMAT:
    case STATE_INSIDE:
        break;
    case STATE_BETWEEN:
    case STATE_DONE:
        return DECODER_END;
    case STATE_BAD:
        return DECODER_BAD;
    case STATE_LIMIT:
        return DECODER_LIMIT;
    }
    return DECODER_MORE;
}

/* ---- the decoder */

static bool begin_zlib(struct decoder *d, int window_bits)
{
    z_stream *z = &d->u.z;
    z->zalloc = take_array;
    z->zfree = give;
    z->opaque = d;
    return inflateInit2(z, window_bits) == Z_OK;
}

static bool begin_zstd(struct decoder *d)
{
    ZSTD_customMem memory = {take, give, d};
    d->u.zstd = ZSTD_createDStream_advanced(memory);
    if (!d->u.zstd)
        return false;
    return !ZSTD_isError(ZSTD_DCtx_setParameter(d->u.zstd, ZSTD_d_windowLogMax, WINDOW_LOG));
}

static bool begin(struct decoder *d)
{
    switch ((enum coding)d->coding) {
    case CODING_GZIP:
        return begin_zlib(d, 16 + MAX_WBITS);
    case CODING_DEFLATE:
        return begin_zlib(d, MAX_WBITS);
    case CODING_RAW_DEFLATE:
        return begin_zlib(d, -MAX_WBITS);
    case CODING_BR:
        d->u.br = BrotliDecoderCreateInstance(take, give, d);
        return d->u.br != NULL;
    case CODING_ZSTD:
        return begin_zstd(d);
    case CODING_NONE:
    case CODING_UNKNOWN:
        break;
    }
    return false;
}

struct decoder *decoder_new(enum coding coding, struct decoder_account *account,
                            struct limits_hit *hit)
{
    assert(coding != CODING_NONE && coding != CODING_UNKNOWN);
    struct decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->coding = (uint8_t)coding;
    d->account = account;
    d->hit = hit;
    d->state = coding == CODING_DEFLATE || coding == CODING_ZSTD ? STATE_FORMAT : STATE_INSIDE;
    account->held += sizeof(*d);
    begin_body(d);
    if (begin(d))
        return d;
    decoder_free(d);
    return NULL;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    if (d->coding == CODING_BR && d->u.br)
        BrotliDecoderDestroyInstance(d->u.br);
    else if (d->coding == CODING_ZSTD)
        (void)ZSTD_freeDStream(d->u.zstd);
    else if (d->coding != CODING_BR)
        (void)inflateEnd(&d->u.z);
    assert(d->own_bytes == 0);
    d->account->held -= sizeof(*d);
    free(d);
}

/* Whether two bytes are the head of the zlib format: its method, window and check bits. */
static bool is_zlib_head(uint8_t first, uint8_t second)
{
    return (first & 0x0f) == Z_DEFLATED && first >> 4 <= 7 && (first * 256 + second) % 31 == 0;
}

/* What tells the format: a byte of zstd, two of deflate. */
static void look(struct decoder *d, const struct decoder_sink *sink, const uint8_t **bytes,
                 size_t *n)
{
    if (d->coding == CODING_ZSTD) {
        d->state = begins_frame(**bytes) ? STATE_INSIDE : STATE_BAD;
        return;
    }
    if (!d->has_first) {
        d->first = **bytes;
        d->has_first = true;
        ++*bytes;
        --*n;
    }
    if (*n == 0)
        return;
    d->state = STATE_INSIDE;
    if (!is_zlib_head(d->first, **bytes) && inflateReset2(&d->u.z, -MAX_WBITS) != Z_OK)
        d->state = STATE_BAD;
    run(d, sink, &d->first, 1);
}

enum decoder_result decoder_feed(struct decoder *d, const struct decoder_sink *sink,
                                 const uint8_t *bytes, size_t n)
{
    if (d->state == STATE_FORMAT && n > 0)
        look(d, sink, &bytes, &n);
    if (n > 0)
        run(d, sink, bytes, n);
    return result_of(d);
}

enum decoder_result decoder_message_end(struct decoder *d, const struct decoder_sink *sink,
                                        bool forget)
{
    static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};
    enum { AT_BLOCK = 128 }; /* in data_type, see inflate() in zlib.h */
    assert(d->coding == CODING_RAW_DEFLATE);
    if (d->state == STATE_INSIDE) {
        run(d, sink, tail, sizeof(tail));
        if (d->state == STATE_INSIDE && (d->u.z.data_type & AT_BLOCK) == 0)
            d->state = STATE_BAD; /* the tail was needed for something else */
    }
    enum decoder_result result = result_of(d);
    begin_body(d);
    if (forget)
        d->state = inflateReset(&d->u.z) == Z_OK ? STATE_INSIDE : STATE_BAD;
    return result == DECODER_MORE ? DECODER_END : result;
}
