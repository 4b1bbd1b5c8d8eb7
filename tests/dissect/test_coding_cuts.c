/* SPDX-License-Identifier: BSD-3-Clause */
/* Coded data, good and damaged, in every cut: output, result, caps hit and account are the same. */
#include "base/hash.h"
#include "dissect/coding.h"
#include "tests/support/cuts.h"
#include "tests/support/encode.h"
#include <criterion/criterion.h>

#define TEXT                                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}"      \
    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}"
enum { TEXT_BYTES = sizeof(TEXT) - 1 };

static const enum coding CODINGS[] = {CODING_GZIP, CODING_DEFLATE, CODING_BR, CODING_ZSTD,
                                      CODING_RAW_DEFLATE};
enum { CODINGS_COUNT = sizeof(CODINGS) / sizeof(CODINGS[0]) };

/* ---- one run */

struct plan {
    enum coding coding;
    uint64_t excess, held; /* of the account, before */
    uint32_t owners;
};

struct output {
    struct hash_stream digest;
    uint64_t n;
    enum decoder_result result;
};

static const struct hash_key KEY = {1, 2};
static struct output output; /* of the last run */

static void collect(void *ctx, const uint8_t *bytes, size_t n)
{
    struct output *o = ctx;
    cr_assert_gt(n, 0);
    hash_stream_feed(&o->digest, bytes, n);
    o->n += n;
}

static void log_output(struct cuts_log *log, enum decoder_result result)
{
    cuts_log(log, "result %d, %llu bytes, digest %llx\n", (int)result, (unsigned long long)output.n,
             (unsigned long long)hash_stream_end(&output.digest));
}

/* The message ends, and one that refers to nothing follows. */
static void end_message(struct decoder *d, const struct decoder_sink *sink, struct cuts_log *log)
{
    static const uint8_t hello[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    output.result = decoder_message_end(d, sink, false);
    log_output(log, output.result);
    cuts_log(log, "fed %d\n", (int)decoder_feed(d, sink, hello, sizeof(hello)));
    log_output(log, decoder_message_end(d, sink, true));
    cuts_log(log, "fed %d\n", (int)decoder_feed(d, sink, hello, sizeof(hello)));
    log_output(log, decoder_message_end(d, sink, false));
}

static void run_plan(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    const struct plan *plan = ctx;
    struct limits_hit hit = {0};
    struct decoder_account account = {
        .held = plan->held, .excess = plan->excess, .owners = plan->owners};
    struct decoder_sink sink = {&output, collect};
    output = (struct output){.result = DECODER_MORE};
    hash_stream_init(&output.digest, &KEY);
    struct decoder *d = decoder_new(plan->coding, &account, &hit);
    for (size_t i = 0; d && i < count; i++)
        output.result = decoder_feed(d, &sink, pieces[i].bytes, pieces[i].n);
    log_output(log, output.result);
    if (d && plan->coding == CODING_RAW_DEFLATE)
        end_message(d, &sink, log);
    decoder_free(d);
    cr_assert_eq(account.held, plan->held);
    cuts_log(log, "%s, excess %llu", d ? "made" : "none", (unsigned long long)account.excess);
    for (int i = 0; i < LIMIT_ID_COUNT; i++)
        if (hit.count[i] > 0)
            cuts_log(log, ", %s %llu", limits_key(i), (unsigned long long)hit.count[i]);
}

static void whole(const struct plan *plan, const uint8_t *bytes, size_t n)
{
    static struct cuts_log log;
    struct cuts_piece piece = {bytes, n};
    log.len = 0;
    run_plan(&piece, 1, &log, (void *)(uintptr_t)plan);
}

/* ---- streams */

enum op { OP_NONE, OP_CODED, OP_FLUSHED, OP_BYTES, OP_CHOP, OP_FLIP };

struct part {
    enum op op;
    const char *bytes;
    size_t n;
};

#define CODED(text)                                                                                \
    {                                                                                              \
        OP_CODED, text, sizeof(text) - 1                                                           \
    }
#define FLUSHED(text)                                                                              \
    {                                                                                              \
        OP_FLUSHED, text, sizeof(text) - 1                                                         \
    } /* and not ended */
#define BYTES(bytes)                                                                               \
    {                                                                                              \
        OP_BYTES, bytes, sizeof(bytes) - 1                                                         \
    }
#define CHOP(n)                                                                                    \
    {                                                                                              \
        OP_CHOP, NULL, n                                                                           \
    } /* n bytes from the end */
#define FLIP(n)                                                                                    \
    {                                                                                              \
        OP_FLIP, NULL, n                                                                           \
    } /* the byte that is the n-th from the end */

/* zstd: the head of a frame with a window of 2 MB; its last block, without a byte; a block of three
 * bytes; one that repeats a byte 70000 times; one of a type that does not exist. */
#define FRAME "\x28\xb5\x2f\xfd\x00\x58"
#define LAST  "\x01\0\0"
#define RAW                                                                                        \
    "\x18\0\0"                                                                                     \
    "abc"
#define REPEAT                                                                                     \
    "\x82\x8b\x08"                                                                                 \
    "x"
#define RESERVED "\x06\0\0"
#define GZIP     "\x1f\x8b\x08\0\0\0\0\0\0\x03"
#define EMPTY    "\x03\0\0\0\0\0\0\0\0\0" /* of gzip, behind the head */
#define FIFTY    "01234567890123456789012345678901234567890123456789"
#define FOUR(x)  x x x x

static const struct stream {
    const char *name;
    enum coding coding;
    enum decoder_result result;
    uint64_t n; /* bytes that come out */
    struct part parts[4];
} STREAMS[] = {
    {"gzip", CODING_GZIP, DECODER_END, TEXT_BYTES, {CODED(TEXT)}},
    {"gzip of nothing", CODING_GZIP, DECODER_END, 0, {CODED("")}},
    {"gzip, no text", CODING_GZIP, DECODER_BAD, 0, {BYTES(TEXT)}},
    {"gzip, two members", CODING_GZIP, DECODER_END, TEXT_BYTES + 2, {CODED(TEXT), CODED("{}")}},
    {"gzip, an empty member", CODING_GZIP, DECODER_END, 4, {CODED("{}"), CODED(""), CODED("[]")}},
    {"gzip, cut in the checksum", CODING_GZIP, DECODER_MORE, TEXT_BYTES, {CODED(TEXT), CHOP(5)}},
    {"gzip, a wrong checksum", CODING_GZIP, DECODER_BAD, TEXT_BYTES, {CODED(TEXT), FLIP(8)}},
    {"gzip, a wrong length", CODING_GZIP, DECODER_BAD, TEXT_BYTES, {CODED(TEXT), FLIP(1)}},
    {"gzip, wrong checksum of the second",
     CODING_GZIP,
     DECODER_BAD,
     TEXT_BYTES + 2,
     {CODED("{}"), CODED(TEXT), FLIP(7)}},
    {"gzip, wrong checksum of an empty second",
     CODING_GZIP,
     DECODER_END,
     2,
     {CODED("{}"), CODED(""), FLIP(7)}},
    {"gzip, then garbage", CODING_GZIP, DECODER_END, 2, {CODED("{}"), BYTES("garbage")}},
    {"gzip, then a byte of gzip", CODING_GZIP, DECODER_MORE, 2, {CODED("{}"), BYTES("\x1f")}},
    {"gzip, then nearly gzip", CODING_GZIP, DECODER_END, 2, {CODED("{}"), BYTES("\x1f\x8b\x09\0")}},
    {"gzip, then a bad block", CODING_GZIP, DECODER_END, 2, {CODED("{}"), BYTES(GZIP "\x07")}},
    {"gzip, then a bad block behind a name",
     CODING_GZIP,
     DECODER_END,
     2,
     {CODED("{}"), BYTES("\x1f\x8b\x08\x08\0\0\0\0\0\x03" FOUR(FOUR(FIFTY)) "\0\x07 more")}},
    {"gzip, a name",
     CODING_GZIP,
     DECODER_END,
     0,
     {BYTES("\x1f\x8b\x08\x08\0\0\0\0\0\x03n\0" EMPTY)}},
    {"gzip, reserved flags",
     CODING_GZIP,
     DECODER_BAD,
     0,
     {BYTES("\x1f\x8b\x08\xe0\0\0\0\0\0\x03")}},
    {"gzip, bad block at the end",
     CODING_GZIP,
     DECODER_BAD,
     TEXT_BYTES,
     {FLUSHED(TEXT), BYTES("\x07")}},

    {"zlib", CODING_DEFLATE, DECODER_END, TEXT_BYTES, {CODED(TEXT)}},
    {"zlib, a wrong checksum", CODING_DEFLATE, DECODER_BAD, TEXT_BYTES, {CODED(TEXT), FLIP(1)}},
    {"zlib, a dictionary", CODING_DEFLATE, DECODER_BAD, 0, {BYTES("\x78\xbb\1\2\3\4")}},
    {"zlib, then garbage", CODING_DEFLATE, DECODER_END, 2, {CODED("{}"), CODED("{}")}},
    {"zlib, bad block", CODING_DEFLATE, DECODER_BAD, TEXT_BYTES, {FLUSHED(TEXT), BYTES("\x07")}},
    {"deflate, a byte", CODING_DEFLATE, DECODER_MORE, 0, {BYTES("\x78")}},
    {"deflate, raw", CODING_DEFLATE, DECODER_END, 5, {BYTES("\xf3\x48\xcd\xc9\xc9\x07\0 more")}},
    {"deflate, raw and stored", CODING_DEFLATE, DECODER_END, 2, {BYTES("\1\2\0\xfd\xff{}")}},
    {"deflate, raw, empty", CODING_DEFLATE, DECODER_END, 0, {BYTES("\3\0")}},
    {"deflate, nearly zlib", CODING_DEFLATE, DECODER_BAD, 0, {BYTES("\x78\x9d\0\0\0\0")}},
    {"deflate, too far back", CODING_DEFLATE, DECODER_BAD, 2, {BYTES("\0\2\0\xfd\xff{}\x03\x62")}},

    {"br", CODING_BR, DECODER_END, TEXT_BYTES, {CODED(TEXT)}},
    {"br of nothing", CODING_BR, DECODER_END, 0, {CODED("")}},
    {"br, cut", CODING_BR, DECODER_MORE, TEXT_BYTES, {FLUSHED(TEXT)}},
    {"br, no text", CODING_BR, DECODER_BAD, 0, {BYTES(TEXT)}},
    {"br, then garbage", CODING_BR, DECODER_END, 2, {CODED("{}"), CODED("{}")}},
    {"br, bad padding", CODING_BR, DECODER_BAD, TEXT_BYTES, {FLUSHED(TEXT), BYTES("\xff\xff")}},
    {"br, reserved bit", CODING_BR, DECODER_BAD, TEXT_BYTES, {FLUSHED(TEXT), BYTES("\x0e\0\0")}},
    {"br, a large window", CODING_BR, DECODER_BAD, 0, {BYTES("\x11\x1e\0\0")}},

    {"zstd", CODING_ZSTD, DECODER_END, TEXT_BYTES, {CODED(TEXT)}},
    {"zstd of nothing", CODING_ZSTD, DECODER_END, 0, {CODED("")}},
    {"zstd, no text", CODING_ZSTD, DECODER_BAD, 0, {BYTES(TEXT)}},
    {"zstd, two frames", CODING_ZSTD, DECODER_END, TEXT_BYTES + 2, {CODED(TEXT), CODED("{}")}},
    {"zstd, an empty frame",
     CODING_ZSTD,
     DECODER_END,
     4,
     {CODED("{}"), BYTES(FRAME LAST), CODED("[]")}},
    {"zstd, skipped frames",
     CODING_ZSTD,
     DECODER_END,
     2,
     {BYTES("\x50\x2a\x4d\x18\0\0\0\0"), CODED("{}"), BYTES("\x5f\x2a\x4d\x18\x03\0\0\0abc")}},
    {"zstd, cut in a skipped frame",
     CODING_ZSTD,
     DECODER_MORE,
     2,
     {CODED("{}"), BYTES("\x5f\x2a\x4d\x18\x32\0\0\0" FIFTY), CHOP(1)}},
    {"zstd, then garbage", CODING_ZSTD, DECODER_END, 2, {CODED("{}"), BYTES("(no zstd")}},
    {"zstd, then a byte of it", CODING_ZSTD, DECODER_MORE, 2, {CODED("{}"), BYTES("\x28")}},
    {"zstd, then nearly zstd",
     CODING_ZSTD,
     DECODER_END,
     2,
     {CODED("{}"), BYTES("\x28\xb5\x2f\xfc")}},
    {"zstd, then bad zstd", CODING_ZSTD, DECODER_BAD, 2, {CODED("{}"), BYTES(FRAME RESERVED)}},
    {"zstd, no such block", CODING_ZSTD, DECODER_BAD, 3, {BYTES(FRAME RAW RESERVED)}},
    {"zstd, no such block behind many",
     CODING_ZSTD,
     DECODER_BAD,
     140009,
     {BYTES(FRAME RAW REPEAT RAW REPEAT RAW RESERVED)}},
    {"zstd, a block that is too large",
     CODING_ZSTD,
     DECODER_BAD,
     3,
     {BYTES(FRAME RAW "\xff\xff\xff")}},
    {"zstd, a bad block of literals",
     CODING_ZSTD,
     DECODER_BAD,
     6,
     {BYTES(FRAME RAW RAW "\x5d\0\0"
                          "abcdefghijk")}},
    {"zstd, a wrong checksum",
     CODING_ZSTD,
     DECODER_BAD,
     3,
     {BYTES("\x28\xb5\x2f\xfd\x04\x58" RAW LAST "sum?")}},
    {"zstd, shorter than promised",
     CODING_ZSTD,
     DECODER_BAD,
     2,
     {BYTES("\x28\xb5\x2f\xfd\x20\x05\x19\0\0"
            "abc")}},
    {"zstd, longer than promised",
     CODING_ZSTD,
     DECODER_BAD,
     5,
     {BYTES("\x28\xb5\x2f\xfd\xc0\0\x05\0\0\0\0\0\0\0\x90\x01\0" FIFTY)}},
    {"zstd, a dictionary",
     CODING_ZSTD,
     DECODER_BAD,
     0,
     {BYTES("\x28\xb5\x2f\xfd\x01\x58\x07" RAW LAST)}},
    {"zstd, a large window",
     CODING_ZSTD,
     DECODER_LIMIT,
     0,
     {BYTES("\x28\xb5\x2f\xfd\0\x80" RAW LAST)}},
    {"zstd, a large window for little",
     CODING_ZSTD,
     DECODER_LIMIT,
     0,
     {BYTES("\x28\xb5\x2f\xfd\x40\x80\0\0\x01\x08\0" FOUR(FIFTY) FIFTY "abcdef")}},
    {"zstd, a frame in a head",
     CODING_ZSTD,
     DECODER_BAD,
     0,
     {BYTES("\x28\xb5\x2f\xfd\xc3\x58\x50\x2a\x4d\x18\0\0\0\0\0\0\0\0" RAW LAST)}},
    {"zstd, an old frame behind a byte",
     CODING_ZSTD,
     DECODER_END,
     2,
     {CODED("{}"), BYTES("\x28\x25\xb5\x2f\xfd\0\x40\0\x03"
                         "abc\xc0\0\0")}},

    {"message", CODING_RAW_DEFLATE, DECODER_END, TEXT_BYTES, {FLUSHED(TEXT), CHOP(4)}},
    {"message, final block", CODING_RAW_DEFLATE, DECODER_END, TEXT_BYTES, {CODED(TEXT)}},
    {"message, two final blocks",
     CODING_RAW_DEFLATE,
     DECODER_END,
     TEXT_BYTES + 2,
     {CODED(TEXT), CODED("{}")}},
    {"message, cut", CODING_RAW_DEFLATE, DECODER_BAD, 0, {BYTES("\x04")}},
    {"message, bad", CODING_RAW_DEFLATE, DECODER_BAD, TEXT_BYTES, {FLUSHED(TEXT), BYTES("\x07")}},
    {"message, no text", CODING_RAW_DEFLATE, DECODER_BAD, 0, {BYTES("\xff\xff\xff")}},
};
enum { STREAMS_COUNT = sizeof(STREAMS) / sizeof(STREAMS[0]) };

static struct {
    uint8_t bytes[65536];
    size_t n;
} script;

static void put(const void *bytes, size_t n)
{
    cr_assert_leq(n, sizeof(script.bytes) - script.n);
    memcpy(script.bytes + script.n, bytes, n);
    script.n += n;
}

static void put_coded(enum coding coding, const void *bytes, size_t n, enum encode_op op)
{
    struct encode e;
    encode_begin(&e, coding, 0);
    encode_put(&e, bytes, n, op);
    encode_fini(&e);
    put(e.out, e.n);
    free(e.out);
}

static void put_part(enum coding coding, const struct part *part)
{
    switch (part->op) {
    case OP_NONE:
        break;
    case OP_CODED:
        put_coded(coding, part->bytes, part->n, ENCODE_END);
        break;
    case OP_FLUSHED:
        put_coded(coding, part->bytes, part->n, ENCODE_FLUSH);
        break;
    case OP_BYTES:
        put(part->bytes, part->n);
        break;
    case OP_CHOP:
        script.n -= part->n;
        break;
    case OP_FLIP:
        script.bytes[script.n - part->n] ^= 0x10;
        break;
    }
}

static void make(const struct stream *s)
{
    script.n = 0;
    for (size_t i = 0; i < sizeof(s->parts) / sizeof(s->parts[0]); i++)
        put_part(s->coding, &s->parts[i]);
}

Test(coding_cuts, streams)
{
    for (int i = 0; i < STREAMS_COUNT; i++) {
        struct plan plan = {.coding = STREAMS[i].coding};
        make(&STREAMS[i]);
        whole(&plan, script.bytes, script.n);
        cr_expect_eq(output.result, STREAMS[i].result, "%s: %d", STREAMS[i].name, output.result);
        if (plan.coding != CODING_RAW_DEFLATE)
            cr_expect_eq(output.n, STREAMS[i].n, "%s: %d", STREAMS[i].name, (int)output.n);
        const char *bad = cuts_check(script.bytes, script.n, run_plan, &plan);
        cr_expect_null(bad, "%s: %s", STREAMS[i].name, bad);
    }
}

/* zstd: what a block refers to is far beyond a window of 1 KB, which libzstd allows as far as its
 * memory goes. It stands where that begins anew, which happens within the first of two raw blocks.
 */
Test(coding_cuts, a_reference_beyond_the_window)
{
    enum { REPEATS = 129, RAW_BYTES = 700, REFERRED_BYTES = 3 };
    /* one sequence without literals, each of its codes repeated: offset of 17 bits, match of 3 */
    static const char reference[] = "\x4d\0\0\0\x01\x54\0\x11\0\x46\x09\x02";
    struct plan plan = {.coding = CODING_ZSTD};
    script.n = 0;
    put("\x28\xb5\x2f\xfd\0\0", 6);
    for (int i = 0; i < REPEATS; i++)
        put("\x02\x20\0x", 4); /* 1 KB */
    for (unsigned i = 0; i < 2 * RAW_BYTES; i++) {
        if (i % RAW_BYTES == 0)
            put("\xe0\x15\0", 3);
        put(&(uint8_t){(uint8_t)(i * i >> 5)}, 1);
    }
    put(reference, sizeof(reference) - 1);
    whole(&plan, script.bytes, script.n);
    cr_expect_eq(output.result, DECODER_END);
    cr_expect_eq(output.n, 1024 * REPEATS + 2 * RAW_BYTES + REFERRED_BYTES);
    const char *bad = cuts_check(script.bytes, script.n, run_plan, &plan);
    cr_expect_null(bad, "%s", bad);
}

/* ---- the script with other accounts, in some cuts */

enum { BYTEWISE = 0 };

static void run_cut(const struct plan *plan, size_t at, struct cuts_log *log)
{
    static struct cuts_piece pieces[sizeof(script.bytes)];
    size_t count = 0;
    for (size_t from = 0; from < script.n;) {
        size_t n = at == BYTEWISE ? 1 : from == 0 && at < script.n ? at : script.n - from;
        pieces[count++] = (struct cuts_piece){script.bytes + from, n};
        from += n;
    }
    log->len = 0;
    log->text[0] = '\0';
    run_plan(pieces, count, log, (void *)(uintptr_t)plan);
}

/* Byte by byte, cut at each of count places, and whole, which is the last run. */
static void same(const struct plan *plan, const size_t *at, size_t count)
{
    static struct cuts_log bytewise, log;
    run_cut(plan, BYTEWISE, &bytewise);
    for (size_t i = 0; i < count; i++) {
        run_cut(plan, at[i], &log);
        cr_expect_str_eq(log.text, bytewise.text, "coding %d, excess %llu, held %llu, cut at %zu",
                         (int)plan->coding, (unsigned long long)plan->excess,
                         (unsigned long long)plan->held, at[i]);
    }
    run_cut(plan, script.n, &log);
    cr_expect_str_eq(log.text, bytewise.text, "coding %d, excess %llu, held %llu, whole",
                     (int)plan->coding, (unsigned long long)plan->excess,
                     (unsigned long long)plan->held);
}

Test(coding_cuts, a_bit_of_each_byte_flipped)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct plan plan = {.coding = CODINGS[i]};
        int bad = 0;
        script.n = 0;
        put_coded(CODINGS[i], TEXT, TEXT_BYTES, ENCODE_FLUSH);
        put_coded(CODINGS[i], TEXT, TEXT_BYTES, ENCODE_END);
        for (size_t at = 0; at < script.n; at++) {
            const size_t cuts[] = {at ? at : 1, at + 1, script.n / 2};
            script.bytes[at] ^= (uint8_t)(1 << at % 8);
            same(&plan, cuts, 3);
            bad += output.result == DECODER_BAD;
            script.bytes[at] ^= (uint8_t)(1 << at % 8);
        }
        cr_assert_gt(bad, 0);
    }
}

/* ---- caps */

static const uint8_t ZEROS[1 << 20];

/* What cannot be made smaller, between what nearly vanishes. */
static void put_mixture(enum coding coding, size_t noise_bytes, size_t zero_bytes)
{
    uint8_t noise[1024];
    uint32_t x = 1;
    cr_assert_leq(noise_bytes, sizeof(noise));
    struct encode e;
    encode_begin(&e, coding, 0);
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < noise_bytes; k++) {
            x = x * 1664525 + 1013904223;
            noise[k] = (uint8_t)(x >> 24);
        }
        encode_put(&e, noise, noise_bytes, ENCODE_MORE);
        encode_put(&e, ZEROS, zero_bytes, ENCODE_FLUSH);
    }
    encode_put(&e, TEXT, TEXT_BYTES, ENCODE_END);
    encode_fini(&e);
    script.n = 0;
    put(e.out, e.n);
    free(e.out);
}

static const size_t PLACES[] = {1, 2, 511, 512, 513, 600, 700, 800, 1023, 1024, 1025, 1400};
enum { PLACES_COUNT = sizeof(PLACES) / sizeof(PLACES[0]) };

/* Anywhere in a body: its first byte, the end of a step of input, what a small bite brings. */
Test(coding_cuts, the_cap_of_all_bodies)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        int ends = 0, limits = 0;
        put_mixture(CODINGS[i], 700, 100000);
        cr_assert_gt(script.n, PLACES[PLACES_COUNT - 1]);
        for (uint64_t left = 0; left < 250000; left += 7499) {
            struct plan plan = {.coding = CODINGS[i], .excess = LIMIT_DECODED_TOTAL - left};
            same(&plan, PLACES, PLACES_COUNT);
            ends += output.result == DECODER_END;
            limits += output.result == DECODER_LIMIT || CODINGS[i] == CODING_RAW_DEFLATE;
        }
        cr_assert(ends > 0 && limits > 0, "coding %d: %d, %d", i, ends, limits);
    }
}

/* The last byte of output is the last that is allowed, or the first that is not; every cut. */
Test(coding_cuts, the_cap_at_the_last_byte)
{
    enum { N = 100000, FREE = 32768 };
    for (int i = 0; i < CODINGS_COUNT; i++) {
        script.n = 0;
        put_coded(CODINGS[i], ZEROS, N, ENCODE_END);
        cr_assert_lt(script.n, 512, "no step of input is complete");
        for (uint64_t k = 0; k < 4; k++) {
            uint64_t short_of = k % 2;
            uint32_t owners = k < 2 ? 1 : 4;
            uint64_t total = LIMIT_DECODED_TOTAL / owners;
            struct plan plan = {CODINGS[i], total - (N - FREE) + short_of, 0, owners};
            whole(&plan, script.bytes, script.n);
            if (CODINGS[i] != CODING_RAW_DEFLATE) {
                cr_expect_eq(output.result, short_of ? DECODER_LIMIT : DECODER_END);
                cr_expect_eq(output.n, N - short_of);
            }
            const char *bad = cuts_check(script.bytes, script.n, run_plan, &plan);
            cr_expect_null(bad, "coding %d: %s", i, bad);
        }
    }
}

Test(coding_cuts, the_cap_of_one_body)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct plan plan = {.coding = CODINGS[i]};
        struct encode e;
        encode_begin(&e, CODINGS[i], 0);
        for (int k = 0; k < 20; k++)
            encode_put(&e, ZEROS, sizeof(ZEROS), ENCODE_MORE);
        encode_put(&e, TEXT, TEXT_BYTES, ENCODE_END);
        encode_fini(&e);
        script.n = 0;
        put(e.out, e.n);
        free(e.out);
        const size_t cuts[] = {script.n / 2, script.n - 1};
        same(&plan, cuts, 2);
        if (CODINGS[i] == CODING_RAW_DEFLATE)
            continue;
        cr_expect_eq(output.result, DECODER_LIMIT);
        cr_expect_eq((output.n - LIMIT_DECODED_BYTES) % (64 * 512), 0, "whole steps only");
    }
}

/* ---- memory */

/* From none that is left to enough for all, so that each allocation is the first that is refused.
 */
Test(coding_cuts, little_memory)
{
    static const uint64_t strides[] = {1999, 49999};
    for (int i = 0; i < CODINGS_COUNT; i++) {
        int ends = 0, others = 0;
        put_mixture(CODINGS[i], 700, 100000);
        for (int k = 0; k < 2; k++)
            for (uint64_t left = 0; left < 80 * strides[k]; left += strides[k]) {
                struct plan plan = {.coding = CODINGS[i], .held = LIMIT_DECODER_BYTES - left};
                same(&plan, PLACES, 3);
                ends += output.result == DECODER_END;
                others += output.result != DECODER_END;
            }
        cr_assert(ends > 0 && others > 0, "coding %d: %d, %d", i, ends, others);
    }
}

/* The scout of br goes in front of damage, and when it is in the way. */
Test(coding_cuts, a_window_that_has_no_room_for_two)
{
    struct plan plan = {.coding = CODING_BR};
    struct encode e;
    encode_begin(&e, CODING_BR, 24);
    for (int k = 0; k < 6; k++)
        encode_put(&e, ZEROS, sizeof(ZEROS), ENCODE_FLUSH);
    encode_put(&e, TEXT, TEXT_BYTES, ENCODE_END);
    encode_fini(&e);
    script.n = 0;
    put(e.out, e.n);
    free(e.out);
    const size_t cuts[] = {script.n / 2, script.n - 1};
    same(&plan, cuts, 2);
    cr_expect_eq(output.result, DECODER_END);
    cr_expect_eq(output.n, 6 * sizeof(ZEROS) + TEXT_BYTES);
}
