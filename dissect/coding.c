/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Content codings: gzip (RFC 1952), deflate (RFC 1950, 1951), br (RFC 7932), zstd (RFC 8878, 9659)
 * and permessage-deflate (RFC 7692), by the libraries behind codec.h.
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
 * Any cut. Whatever pieces the input comes in, output, result and accounts are those of one byte at
 * a time. The libraries are fed in bites, see codec.h. Caps cut the output at the very byte. Input
 * counts against them when a step of it is complete, so that no bite has an influence.
 *
 * Ignored on purpose: what codec.c ignores.
 */
#include "coding.h"
#include "ascii.h"
#include "codec.h"
#include <assert.h>
#include <stdlib.h>

#define OUT_BYTES 16384u
/* Bytes of output that a byte of input, and a body, account for: see LIMIT_DECODED_TOTAL. Free is
 * what the input of a step accounts for, so an ordinary body never has to wait for its steps. */
#define DECODED_FOR 64
#define FREE_BYTES  32768u
#define STEP_BYTES  (FREE_BYTES / DECODED_FOR)

enum state { STATE_FORMAT, STATE_INSIDE, STATE_BETWEEN, STATE_DONE, STATE_BAD, STATE_LIMIT };

struct decoder {
    struct codec codec;
    uint64_t out;     /* of the body or message */
    uint64_t due;     /* what of it the steps of its input account for */
    uint64_t part_at; /* `out` where the part began */
    uint32_t fresh;   /* bytes of input in the step that is not complete */
    uint8_t state;    /* enum state */
    uint8_t first;    /* STATE_FORMAT: the byte that is kept */
    bool has_first;
    bool parted; /* a part is complete already */
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

/* ---- parts */

/* Something follows a complete part. */
static void begin_part(struct decoder *d, uint8_t byte)
{
    d->state = codec_next(&d->codec, byte) ? STATE_INSIDE : STATE_DONE;
    d->part_at = d->out;
}

/* Damage in what only seemed to be another part is none. zstd tells what it does not know; zlib
 * gives all that stands in front of the damage, so a part without output was none. How much of the
 * bite that is damaged was read is not told: its step accounts for nothing. */
static void spoil(struct decoder *d, enum codec_result why)
{
    bool nothing = d->codec.coding == CODING_GZIP && d->out == d->part_at;
    bool garbage = d->parted && (nothing || why == CODEC_FOREIGN);
    d->state = garbage ? STATE_DONE : STATE_BAD;
    d->fresh = 0;
}

/* ---- caps on the output */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void pay(struct decoder_account *account, uint64_t n)
{
    account->excess = less(account->excess, n);
}

/* All is out that the input of the step determines. */
static void settle(struct decoder *d)
{
    uint64_t n = (uint64_t)DECODED_FOR * d->fresh;
    d->due += n;
    d->fresh = 0;
    pay(d->codec.account, n);
}

/* A body, or message, brings what its packets cost anyway. */
static void begin_body(struct decoder *d)
{
    d->out = d->due = d->part_at = 0;
    pay(d->codec.account, FREE_BYTES);
}

/* How much more may come out, and which cap says so. */
static uint64_t allowed(const struct decoder *d, enum limit_id *ret_id)
{
    uint64_t own = less(d->due + LIMIT_DECODED_BYTES, d->out);
    uint64_t usual = less(d->due + FREE_BYTES, d->out);
    uint64_t total = codec_share(d->codec.account, LIMIT_DECODED_TOTAL);
    uint64_t all = less(total, d->codec.account->excess);
    uint64_t shared = usual > all ? usual : all;
    *ret_id = own <= shared ? LIMIT_ID_DECODED_BYTES : LIMIT_ID_DECODED_TOTAL;
    return own <= shared ? own : shared;
}

/* Hands over what is allowed of n bytes. False: that is not all, and was counted. */
static bool deliver(struct decoder *d, const struct decoder_sink *sink, const uint8_t *out,
                    size_t n)
{
    enum limit_id id;
    uint64_t most = allowed(d, &id);
    bool over = n > most;
    if (over) {
        limits_hit_add(d->codec.hit, id);
        n = (size_t)most;
    }
    d->out += n;
    d->codec.account->excess += n;
    if (n > 0)
        sink->bytes(sink->ctx, out, n);
    return !over;
}

/* ---- decoding */

/* Feeds a bite and hands over all that it determines. Returns how much of it was used: the rest is
 * behind the end of a part, or of everything. */
static size_t chew(struct decoder *d, const struct decoder_sink *sink, const uint8_t *bytes,
                   size_t n)
{
    uint8_t out[OUT_BYTES];
    struct codec_piece p = {.in = bytes, .n = n};
    enum codec_result result = CODEC_AGAIN;
    while (result == CODEC_AGAIN) {
        size_t before = p.n;
        p.out = out;
        p.room = sizeof(out);
        result = codec_step(&d->codec, &p);
        size_t produced = sizeof(out) - p.room;
        if (!deliver(d, sink, out, produced))
            result = CODEC_LIMIT;
        else if (result == CODEC_AGAIN && produced == 0 && before == p.n)
            result = CODEC_BAD;
    }
    d->fresh += (uint32_t)(n - p.n);
    if (result == CODEC_LIMIT) {
        d->state = STATE_LIMIT;
        d->fresh = 0;
    } else if (result == CODEC_END) {
        d->state = STATE_BETWEEN;
        d->parted = true;
    } else if (result != CODEC_MORE) {
        spoil(d, result);
    }
    if (d->fresh == STEP_BYTES)
        settle(d);
    return n - p.n;
}

static void run(struct decoder *d, const struct decoder_sink *sink, const uint8_t *bytes, size_t n)
{
    while (n > 0 && (d->state == STATE_INSIDE || d->state == STATE_BETWEEN)) {
        if (d->state == STATE_BETWEEN) {
            begin_part(d, *bytes);
            continue;
        }
        enum limit_id id;
        size_t step = STEP_BYTES - d->fresh;
        step = codec_bite(&d->codec, bytes, n < step ? n : step, allowed(d, &id));
        step = chew(d, sink, bytes, step);
        bytes += step;
        n -= step;
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

struct decoder *decoder_new(enum coding coding, struct decoder_account *account,
                            struct limits_hit *hit)
{
    assert(coding != CODING_NONE && coding != CODING_UNKNOWN);
    struct decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->codec = (struct codec){.hit = hit, .account = account, .coding = coding};
    d->state = coding == CODING_DEFLATE || coding == CODING_ZSTD ? STATE_FORMAT : STATE_INSIDE;
    account->held += sizeof(*d);
    begin_body(d);
    if (codec_init(&d->codec))
        return d;
    decoder_free(d);
    return NULL;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    settle(d);
    codec_fini(&d->codec);
    d->codec.account->held -= sizeof(*d);
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
    if (d->codec.coding == CODING_ZSTD) {
        d->state = codec_begins_frame(**bytes) ? STATE_INSIDE : STATE_BAD;
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
    if (!is_zlib_head(d->first, **bytes) && !codec_raw(&d->codec))
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
    assert(d->codec.coding == CODING_RAW_DEFLATE);
    if (d->state == STATE_INSIDE) {
        run(d, sink, tail, sizeof(tail));
        if (d->state == STATE_INSIDE && !codec_at_block(&d->codec))
            d->state = STATE_BAD; /* the tail was needed for something else */
    }
    enum decoder_result result = result_of(d);
    settle(d);
    begin_body(d);
    if (forget)
        d->state = codec_forget(&d->codec) ? STATE_INSIDE : STATE_BAD;
    return result == DECODER_MORE ? DECODER_END : result;
}
