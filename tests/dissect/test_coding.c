/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/coding.h"
#include "tests/support/cuts.h"
#include "tests/support/encode.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

static const enum coding CODINGS[] = {CODING_GZIP, CODING_DEFLATE, CODING_BR, CODING_ZSTD,
                                      CODING_RAW_DEFLATE};
enum { CODINGS_COUNT = sizeof(CODINGS) / sizeof(CODINGS[0]) };

static const char TEXT[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}"
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}";

static struct limits_hit hit;
static struct decoder_account account;

struct output {
    uint8_t bytes[65536];
    size_t n;
    uint64_t total;
    size_t largest;
};

static void collect(void *ctx, const uint8_t *bytes, size_t n)
{
    struct output *o = ctx;
    cr_assert_gt(n, 0);
    size_t room = sizeof(o->bytes) - o->n;
    memcpy(o->bytes + o->n, bytes, n < room ? n : room);
    o->n += n < room ? n : room;
    o->total += n;
    o->largest = n > o->largest ? n : o->largest;
}

static bool gave(const struct output *o, const char *text)
{
    return o->n == strlen(text) && memcmp(o->bytes, text, o->n) == 0;
}

/* Decodes it all at once. */
static enum decoder_result decode(enum coding coding, const void *bytes, size_t n, struct output *o)
{
    struct decoder_sink sink = {o, collect};
    *o = (struct output){0};
    struct decoder *d = decoder_new(coding, &account, &hit);
    cr_assert(d);
    enum decoder_result result = decoder_feed(d, &sink, bytes, n);
    decoder_free(d);
    cr_assert_eq(account.held, 0);
    return result;
}

static enum coding name(const char *value)
{
    return coding_from_name(value, strlen(value));
}

Test(coding, names)
{
    cr_assert_eq(name("gzip"), CODING_GZIP);
    cr_assert_eq(name("X-GZip"), CODING_GZIP);
    cr_assert_eq(name("deflate"), CODING_DEFLATE);
    cr_assert_eq(name("br"), CODING_BR);
    cr_assert_eq(name("zstd"), CODING_ZSTD);
    cr_assert_eq(name("compress"), CODING_UNKNOWN);
    cr_assert_eq(name("gzipped"), CODING_UNKNOWN);
    cr_assert_eq(name(""), CODING_NONE);
    cr_assert_eq(name("identity"), CODING_NONE);
    cr_assert_eq(name(" ,\tidentity , ,"), CODING_NONE);
}

Test(coding, lists)
{
    cr_assert_eq(name("gzip, chunked"), CODING_GZIP);
    cr_assert_eq(name("identity,gzip"), CODING_GZIP);
    cr_assert_eq(name("gzip \t,"), CODING_GZIP);
    cr_assert_eq(name("gzip, gzip"), CODING_UNKNOWN);
    cr_assert_eq(name("br, gzip"), CODING_UNKNOWN);
    cr_assert_eq(coding_combine(CODING_NONE, CODING_BR), CODING_BR);
    cr_assert_eq(coding_combine(CODING_BR, CODING_NONE), CODING_BR);
    cr_assert_eq(coding_combine(CODING_BR, CODING_BR), CODING_UNKNOWN);
}

static void run_decoder(const struct cuts_piece *pieces, size_t count, struct cuts_log *log,
                        void *ctx)
{
    static struct output o;
    struct decoder_sink sink = {&o, collect};
    struct decoder *d = decoder_new(*(const enum coding *)ctx, &account, &hit);
    enum decoder_result result = DECODER_MORE;
    o.n = 0;
    for (size_t i = 0; i < count; i++)
        result = decoder_feed(d, &sink, pieces[i].bytes, pieces[i].n);
    decoder_free(d);
    cuts_log(log, "%d %.*s", (int)result, (int)o.n, (const char *)o.bytes);
}

Test(coding, every_cut_of_each)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        enum coding coding = CODINGS[i];
        struct output o;
        size_t n;
        uint8_t *coded = encode_all(coding, TEXT, strlen(TEXT), &n);
        cr_assert_eq(decode(coding, coded, n, &o), DECODER_END, "coding %d", i);
        cr_assert(gave(&o, TEXT), "coding %d", i);
        const char *bad = cuts_check(coded, n, run_decoder, &coding);
        cr_assert_null(bad, "coding %d: %s", i, bad);
        free(coded);
    }
}

Test(coding, raw_deflate_under_the_name_of_deflate)
{
    enum coding coding = CODING_DEFLATE;
    struct output o;
    size_t n;
    uint8_t *coded = encode_all(CODING_RAW_DEFLATE, TEXT, strlen(TEXT), &n);
    cr_assert_eq(decode(coding, coded, n, &o), DECODER_END);
    cr_assert(gave(&o, TEXT));
    const char *bad = cuts_check(coded, n, run_decoder, &coding);
    cr_assert_null(bad, "%s", bad);
    free(coded);
}

/* What was flushed comes out of the very bytes that were flushed. */
Test(coding, flushed_pieces_come_out_at_once)
{
    static const char *const events[] = {"data: one\n\n", "data: two\n\n", ": ping\n\n",
                                         "data: two\n\n"};
    for (int i = 0; i < CODINGS_COUNT; i++) {
        static struct output o;
        struct decoder_sink sink = {&o, collect};
        struct encode e;
        encode_begin(&e, CODINGS[i], 0);
        struct decoder *d = decoder_new(CODINGS[i], &account, &hit);
        size_t fed = 0;
        for (int k = 0; k < 4; k++) {
            o.n = 0;
            encode_put(&e, events[k], strlen(events[k]), ENCODE_FLUSH);
            cr_assert_eq(decoder_feed(d, &sink, e.out + fed, e.n - fed), DECODER_MORE);
            cr_assert(gave(&o, events[k]), "coding %d event %d", i, k);
            fed = e.n;
        }
        encode_put(&e, "", 0, ENCODE_END);
        cr_assert_eq(decoder_feed(d, &sink, e.out + fed, e.n - fed), DECODER_END);
        decoder_free(d);
        encode_fini(&e);
        free(e.out);
    }
}

/* More than one output buffer, from one byte at a time: each byte brings all that it determines. */
Test(coding, large_output_in_pieces)
{
    enum { BYTES = 1000000 };
    char *text = malloc(BYTES);
    for (int i = 0; i < BYTES; i++)
        text[i] = (char)(i * 2654435761U >> 24);
    for (int i = 0; i < CODINGS_COUNT; i++) {
        static struct output o;
        size_t n;
        uint8_t *coded = encode_all(CODINGS[i], text, BYTES, &n);
        cr_assert_eq(decode(CODINGS[i], coded, n, &o), DECODER_END);
        cr_assert_eq(o.total, BYTES);
        cr_assert_leq(o.largest, 16384);
        cr_assert_eq(memcmp(o.bytes, text, sizeof(o.bytes)), 0);
        free(coded);
    }
    free(text);
}

Test(coding, empty_input)
{
    struct output o;
    for (int i = 0; i < CODINGS_COUNT; i++)
        cr_assert_eq(decode(CODINGS[i], "", 0, &o), DECODER_MORE);
}

Test(coding, empty_output)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct output o;
        size_t n;
        uint8_t *coded = encode_all(CODINGS[i], "", 0, &n);
        cr_assert_eq(decode(CODINGS[i], coded, n, &o), DECODER_END, "coding %d", i);
        cr_assert_eq(o.n, 0);
        free(coded);
    }
}

/* a, then b, as one input; every cut. */
static enum decoder_result decode_both(enum coding coding, const uint8_t *a, size_t a_n,
                                       const void *b, size_t b_n, struct output *o)
{
    uint8_t *both = malloc(a_n + b_n);
    memcpy(both, a, a_n);
    memcpy(both + a_n, b, b_n);
    enum decoder_result result = decode(coding, both, a_n + b_n, o);
    const char *bad = cuts_check(both, a_n + b_n, run_decoder, &coding);
    cr_assert_null(bad, "coding %d: %s", (int)coding, bad);
    free(both);
    return result;
}

Test(coding, concatenated_members_and_frames)
{
    static const enum coding several[] = {CODING_GZIP, CODING_ZSTD};
    for (int i = 0; i < 2; i++) {
        struct output o;
        size_t a, b;
        uint8_t *first = encode_all(several[i], "{\"a\":", 5, &a);
        uint8_t *second = encode_all(several[i], "1}", 2, &b);
        cr_assert_eq(decode_both(several[i], first, a, second, b, &o), DECODER_END);
        cr_assert(gave(&o, "{\"a\":1}"));
        free(first);
        free(second);
    }
}

Test(coding, zstd_frames_to_be_skipped)
{
    static const uint8_t skipped[] = {0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
    struct output o;
    size_t n;
    uint8_t *coded = encode_all(CODING_ZSTD, TEXT, strlen(TEXT), &n);
    cr_assert_eq(decode_both(CODING_ZSTD, skipped, sizeof(skipped), coded, n, &o), DECODER_END);
    cr_assert(gave(&o, TEXT));
    free(coded);
}

Test(coding, what_follows_is_ignored)
{
    static const char *const garbage[] = {"{}", "\037no gzip", "(no zstd", "Xyzzy, no zstd"};
    for (int i = 0; i < CODINGS_COUNT; i++) {
        if (CODINGS[i] == CODING_RAW_DEFLATE)
            continue; /* there another block follows */
        for (int k = 0; k < 4; k++) {
            struct output o;
            size_t n;
            uint8_t *coded = encode_all(CODINGS[i], TEXT, strlen(TEXT), &n);
            enum decoder_result result =
                decode_both(CODINGS[i], coded, n, garbage[k], strlen(garbage[k]), &o);
            cr_assert_eq(result, DECODER_END, "coding %d garbage %d", i, k);
            cr_assert(gave(&o, TEXT));
            free(coded);
        }
    }
}

Test(coding, what_is_not_coded_is_bad)
{
    struct output o;
    for (int i = 0; i < CODINGS_COUNT; i++)
        cr_assert_eq(decode(CODINGS[i], TEXT, strlen(TEXT), &o), DECODER_BAD, "coding %d", i);
}

Test(coding, a_dictionary_is_not_known)
{
    static const uint8_t zlib[] = {0x78, 0xbb, 1, 2, 3, 4, 0, 0};
    struct output o;
    cr_assert_eq(decode(CODING_DEFLATE, zlib, sizeof(zlib), &o), DECODER_BAD);
}

Test(coding, old_zstd_is_bad)
{
    static const uint8_t old[] = {0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0, 0, 0};
    struct output o;
    cr_assert_eq(decode(CODING_ZSTD, old, sizeof(old), &o), DECODER_BAD);
}

/* Each bit flipped: no crash, and a decoder that is bad stays bad. */
Test(coding, damaged)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        size_t n;
        int bad = 0;
        uint8_t *coded = encode_all(CODINGS[i], TEXT, strlen(TEXT), &n);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            static struct output o;
            struct decoder_sink sink = {&o, collect};
            o.n = 0;
            coded[bit / 8] ^= (uint8_t)(1 << bit % 8);
            struct decoder *d = decoder_new(CODINGS[i], &account, &hit);
            if (decoder_feed(d, &sink, coded, n) == DECODER_BAD) {
                bad++;
                size_t before = o.n;
                cr_assert_eq(decoder_feed(d, &sink, coded, n), DECODER_BAD);
                cr_assert_eq(o.n, before);
            }
            decoder_free(d);
            coded[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        cr_assert_gt(bad, 0, "coding %d", i);
        free(coded);
    }
}

/* ---- caps */

static uint8_t *bomb(enum coding coding, size_t megabytes, size_t *ret_n)
{
    static const uint8_t zeros[1 << 20];
    struct encode e;
    encode_begin(&e, coding, 0);
    for (size_t i = 0; i < megabytes; i++)
        encode_put(&e, zeros, sizeof(zeros), ENCODE_MORE);
    encode_put(&e, "", 0, ENCODE_END);
    encode_fini(&e);
    *ret_n = e.n;
    return e.out;
}

Test(coding, a_bomb_ends)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct output o;
        size_t n;
        hit = (struct limits_hit){0};
        uint8_t *coded = bomb(CODINGS[i], 40, &n);
        cr_assert_eq(decode(CODINGS[i], coded, n, &o), DECODER_LIMIT, "coding %d", i);
        cr_assert_eq(hit.count[LIMIT_ID_DECODED_BYTES], 1);
        cr_assert_leq(o.total, LIMIT_DECODED_BYTES + 64 * n + 16384);
        free(coded);
    }
}

/* Bodies below the cap of one: all together are capped, and usual ones are read on. */
Test(coding, many_bombs_end)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct output o;
        size_t n, text_n;
        uint64_t total = 0, bodies = 0;
        hit = (struct limits_hit){0};
        account = (struct decoder_account){.excess = LIMIT_DECODED_TOTAL - (16u << 20)};
        uint8_t *coded = bomb(CODINGS[i], 6, &n);
        uint8_t *text = encode_all(CODINGS[i], TEXT, strlen(TEXT), &text_n);
        while (hit.count[LIMIT_ID_DECODED_TOTAL] < 3 && ++bodies < 100) {
            (void)decode(CODINGS[i], coded, n, &o);
            total += o.total;
        }
        cr_assert_eq(hit.count[LIMIT_ID_DECODED_TOTAL], 3, "coding %d", i);
        cr_assert_eq(hit.count[LIMIT_ID_DECODED_BYTES], 0);
        cr_assert_leq(total, (16u << 20) + bodies * (64 * n + 32768 + 16384));
        cr_assert_eq(decode(CODINGS[i], text, text_n, &o), DECODER_END);
        free(coded);
        free(text);
    }
}

/* What falls short of its due makes room again. */
Test(coding, usual_bodies_pay_for_others)
{
    struct output o;
    size_t n, text_n;
    hit = (struct limits_hit){0};
    account = (struct decoder_account){.excess = LIMIT_DECODED_TOTAL};
    uint8_t *coded = bomb(CODING_GZIP, 1, &n);
    uint8_t *text = encode_all(CODING_GZIP, TEXT, strlen(TEXT), &text_n);
    cr_assert_eq(decode(CODING_GZIP, coded, n, &o), DECODER_LIMIT);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(decode(CODING_GZIP, text, text_n, &o), DECODER_END);
    cr_assert_eq(decode(CODING_GZIP, coded, n, &o), DECODER_END);
    free(coded);
    free(text);
}

Test(coding, much_output_is_no_bomb_if_much_was_put_in)
{
    enum { BYTES = 1 << 20, TIMES = 40 };
    uint32_t *text = malloc(BYTES);
    for (uint32_t i = 0, x = 1; i < BYTES / 4; i++)
        text[i] = x = x * 1664525 + 1013904223;
    struct encode e;
    encode_begin(&e, CODING_GZIP, 0);
    for (int i = 0; i < TIMES; i++)
        encode_put(&e, text, BYTES, ENCODE_MORE);
    encode_put(&e, "", 0, ENCODE_END);
    encode_fini(&e);
    struct output o;
    cr_assert_eq(decode(CODING_GZIP, e.out, e.n, &o), DECODER_END);
    cr_assert_eq(o.total, (uint64_t)BYTES * TIMES);
    free(e.out);
    free(text);
}

Test(coding, a_large_window_is_refused)
{
    struct encode e;
    struct output o;
    hit = (struct limits_hit){0};
    encode_begin(&e, CODING_ZSTD, 24);
    encode_put(&e, TEXT, strlen(TEXT), ENCODE_FLUSH); /* of unknown size: the whole window */
    encode_fini(&e);
    cr_assert_eq(decode(CODING_ZSTD, e.out, e.n, &o), DECODER_LIMIT);
    cr_assert_eq(hit.count[LIMIT_ID_CODING_WINDOW], 1);
    free(e.out);
}

/* br takes as much as its output needs. */
Test(coding, a_large_window_that_is_not_used_is_none)
{
    struct encode e;
    struct output o;
    hit = (struct limits_hit){0};
    encode_begin(&e, CODING_BR, 24);
    encode_put(&e, TEXT, strlen(TEXT), ENCODE_FLUSH);
    cr_assert_eq(decode(CODING_BR, e.out, e.n, &o), DECODER_MORE);
    cr_assert(gave(&o, TEXT));
    cr_assert_eq(hit.count[LIMIT_ID_CODING_WINDOW], 0);
    uint32_t *noise = malloc(1 << 24);
    for (uint32_t i = 0, x = 1; i < 1 << 22; i++)
        noise[i] = x = x * 1664525 + 1013904223;
    encode_put(&e, noise, 1 << 24, ENCODE_FLUSH);
    encode_fini(&e);
    cr_assert_eq(decode(CODING_BR, e.out, e.n, &o), DECODER_LIMIT);
    cr_assert_eq(hit.count[LIMIT_ID_CODING_WINDOW], 1);
    free(e.out);
    free(noise);
}

Test(coding, all_decoders_together_are_capped)
{
    hit = (struct limits_hit){0};
    account.held = LIMIT_DECODER_BYTES - 2000;
    for (int i = 0; i < CODINGS_COUNT; i++) {
        cr_assert_null(decoder_new(CODINGS[i], &account, &hit));
        cr_assert_eq(hit.count[LIMIT_ID_DECODER_BYTES], (uint64_t)i + 1);
        cr_assert_eq(account.held, LIMIT_DECODER_BYTES - 2000);
    }
}

/* Every allocation of this file and of the libraries fails once. That br decodes twice to decode
 * faster can be done without. */
Test(coding, every_allocation_fails)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        size_t n;
        uint8_t *coded = encode_all(CODINGS[i], TEXT, strlen(TEXT), &n);
        uint64_t fails = 0;
        for (uint64_t at = 1;; at++) {
            static struct output o;
            struct decoder_sink sink = {&o, collect};
            o.n = 0;
            fail_alloc_at(at);
            struct decoder *d = decoder_new(CODINGS[i], &account, &hit);
            enum decoder_result result = d ? decoder_feed(d, &sink, coded, n / 2) : DECODER_LIMIT;
            if (d)
                result = decoder_feed(d, &sink, coded + n / 2, n - n / 2);
            decoder_free(d);
            bool failed = fail_alloc_stop();
            cr_assert_eq(account.held, 0);
            if (!failed) {
                cr_assert_eq(result, DECODER_END);
                break;
            }
            bool spared = CODINGS[i] == CODING_BR && result == DECODER_END && gave(&o, TEXT);
            cr_assert(spared || result == DECODER_LIMIT, "coding %d allocation %d", i, (int)at);
            fails += !spared;
        }
        cr_assert_geq(fails, 2, "coding %d", i);
        free(coded);
    }
}

/* ---- WebSocket messages */

struct messages {
    struct decoder *d;
    struct encode e;
    struct output o;
    size_t fed;
};

static void messages_begin(struct messages *m)
{
    *m = (struct messages){0};
    encode_begin(&m->e, CODING_RAW_DEFLATE, 0);
    m->d = decoder_new(CODING_RAW_DEFLATE, &account, &hit);
}

static void messages_end(struct messages *m)
{
    decoder_free(m->d);
    encode_fini(&m->e);
    free(m->e.out);
}

/* Codes a message as RFC 7692 7.2.1 has it and decodes it. */
static enum decoder_result message(struct messages *m, const char *text, bool forget)
{
    struct decoder_sink sink = {&m->o, collect};
    m->o.n = 0;
    encode_put(&m->e, text, strlen(text), ENCODE_FLUSH);
    cr_assert_eq(memcmp(m->e.out + m->e.n - 4, "\0\0\377\377", 4), 0);
    decoder_feed(m->d, &sink, m->e.out + m->fed, m->e.n - 4 - m->fed);
    m->fed = m->e.n;
    if (forget)
        deflateReset(&m->e.z);
    return decoder_message_end(m->d, &sink, forget);
}

Test(coding, messages_with_and_without_context)
{
    for (int forget = 0; forget < 2; forget++) {
        static struct messages m;
        messages_begin(&m);
        for (int i = 0; i < 3; i++) {
            cr_assert_eq(message(&m, TEXT, forget), DECODER_END);
            cr_assert(gave(&m.o, TEXT));
        }
        messages_end(&m);
    }
}

static enum decoder_result raw(struct messages *m, const void *bytes, size_t n, bool forget)
{
    struct decoder_sink sink = {&m->o, collect};
    m->o.n = 0;
    decoder_feed(m->d, &sink, bytes, n);
    return decoder_message_end(m->d, &sink, forget);
}

/* The examples of RFC 7692 7.2.3, by their bytes. */
Test(coding, messages_of_the_standard)
{
    static const struct {
        uint8_t bytes[16];
        size_t n;
    } examples[] = {
        {{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, 7},                          /* one block */
        {{0xf2, 0x00, 0x11, 0x00, 0x00}, 5},                                      /* refers back */
        {{0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}, 11}, /* stored */
        {{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}, 8},                    /* final block */
        {{0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}, 7}, /* without the byte that belongs there */
        {{0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}, 13},
    };
    static struct messages m;
    messages_begin(&m);
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        cr_assert_eq(raw(&m, examples[i].bytes, examples[i].n, false), DECODER_END, "%zu", i);
        cr_assert(gave(&m.o, "Hello"), "%zu", i);
    }
    cr_assert_eq(raw(&m, "", 1, false), DECODER_END);
    cr_assert_eq(m.o.n, 0);
    messages_end(&m);
}

Test(coding, a_message_that_is_cut_is_bad)
{
    static const uint8_t hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    for (size_t n = 1; n < sizeof(hello) - 1; n++) {
        static struct messages m;
        messages_begin(&m);
        enum decoder_result result = raw(&m, hello, n, false);
        cr_assert(result == DECODER_BAD || !gave(&m.o, "Hello"), "%zu", n);
        messages_end(&m);
    }
}

Test(coding, a_message_behind_a_bad_one)
{
    static const uint8_t bad[] = {0xff, 0xff, 0xff};
    for (int forget = 0; forget < 2; forget++) {
        static struct messages m;
        messages_begin(&m);
        cr_assert_eq(raw(&m, bad, sizeof(bad), forget), DECODER_BAD);
        cr_assert_eq(message(&m, TEXT, forget), forget ? DECODER_END : DECODER_BAD);
        cr_assert_eq(gave(&m.o, TEXT), forget);
        messages_end(&m);
    }
}

Test(coding, a_message_that_is_a_bomb)
{
    for (int forget = 0; forget < 2; forget++) {
        static struct messages m;
        size_t n;
        hit = (struct limits_hit){0};
        uint8_t *coded = bomb(CODING_RAW_DEFLATE, 40, &n);
        messages_begin(&m);
        cr_assert_eq(raw(&m, coded, n, forget), DECODER_LIMIT);
        cr_assert_eq(hit.count[LIMIT_ID_DECODED_BYTES], 1);
        cr_assert_eq(message(&m, TEXT, forget), forget ? DECODER_END : DECODER_LIMIT);
        messages_end(&m);
        free(coded);
    }
}
