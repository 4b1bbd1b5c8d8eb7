/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Skipping JSON values (RFC 8259) at vector speed.
 *
 * Theory of operation. 64 bytes at a time become four masks of 64 bits, one bit a byte: quotes,
 * backslashes, opening and closing brackets. The rest is arithmetic on masks:
 *
 * - A quote counts unless an odd run of backslashes stands before it (json_escape.h).
 * - Bytes inside strings: the exclusive or of all quote bits up to each place, which a carry-less
 *   multiplication by all ones computes at once, or six shifts do.
 * - Brackets inside strings are dropped, the others counted. Only when the block has at least as
 *   many closing brackets as containers are open can the value end in it; only then, and near the
 *   depth limit, is it walked bracket by bracket.
 *
 * No byte outside of a piece is read. Its last, incomplete block is the last 64 bytes once more, of
 * whose masks those are dropped that were taken already; a shorter piece is padded with spaces.
 *
 * Ignored on purpose: everything that is neither quote, backslash nor bracket.
 */
#include "json_skip.h"
#include "json_escape.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* ---- one byte at a time: the reference, and what processors without vectors use */

static size_t reference_container(struct json_skip *s, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c = bytes[i];
        if (s->escaped) {
            s->escaped = 0;
            if (c == '"' || c == '\\' || s->in_string)
                continue;
        }
        if (c == '\\')
            s->escaped = 1;
        else if (c == '"')
            s->in_string = ~s->in_string;
        else if (s->in_string)
            continue;
        else if ((c == '{' || c == '[') && ++s->depth > s->max_depth)
            return i;
        else if ((c == '}' || c == ']') && --s->depth == 0)
            return i + 1;
    }
    return n;
}

static size_t reference_string(struct json_skip *s, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c = bytes[i];
        if (s->escaped) {
            s->escaped = 0;
        } else if (c == '\\') {
            s->escaped = 1;
        } else if (c == '"') {
            s->in_string = 0;
            return i + 1;
        }
    }
    return n;
}

static const struct json_skip_ops reference = {"portable", reference_container, reference_string};

#if defined(__x86_64__)
#include <immintrin.h>

#define BLOCK  64
#define INLINE static inline __attribute__((always_inline))
#define AVX2   __attribute__((target("avx2,pclmul,popcnt,bmi")))

struct masks {
    uint64_t quote, backslash, open, close;
};

/* ---- arithmetic that all vector variants share */

INLINE uint64_t prefix_xor_shifts(uint64_t x)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        x ^= x << shift;
    return x;
}

/* Nothing is left of the value, or too deep. */
INLINE bool stopped(const struct json_skip *s)
{
    return s->depth - 1 >= s->max_depth; /* 0, or beyond the limit */
}

/* Walks the brackets of one block. Returns where the skip stops, or n. */
INLINE size_t walk(struct json_skip *s, uint64_t open, uint64_t close, size_t n)
{
    for (uint64_t both = open | close; both != 0; both &= both - 1) {
        size_t at = (size_t)__builtin_ctzll(both), closes = close >> at & 1;
        s->depth += 1 - 2 * closes; /* no branch: which kind comes next is not to be told */
        if (stopped(s))
            return at + closes;
    }
    return n;
}

/* Takes the n bytes of a block whose brackets outside strings are given. */
INLINE size_t count_brackets(struct json_skip *s, uint64_t open, uint64_t close, size_t n)
{
    if ((open | close) == 0)
        return n;
    uint64_t opened = (uint64_t)__builtin_popcountll(open);
    uint64_t closed = (uint64_t)__builtin_popcountll(close);
    if (closed >= s->depth || s->depth + opened > s->max_depth)
        return walk(s, open, close, n);
    s->depth += opened - closed;
    return n;
}

/* A whole block of a piece of n bytes, 0 < n < BLOCK. The copy is made of fixed sizes, which may
 * overlap: one of n bytes is a call, or a slow instruction. */
INLINE void pad(uint8_t block[BLOCK], const uint8_t *bytes, size_t n)
{
    size_t at = 0;
    memset(block, ' ', BLOCK);
    for (; n - at >= 16; at += 16)
        memcpy(block + at, bytes + at, 16);
    if (n >= 16) {
        memcpy(block + n - 16, bytes + n - 16, 16);
        return;
    }
    for (size_t part = 8; part > 0; part /= 2) {
        if (n - at >= part) {
            memcpy(block + at, bytes + at, part);
            at += part;
        }
    }
}

/* A block of which, without the `drop` bytes at its front, the rest of a piece comes first. */
struct tail {
    const uint8_t *block;
    unsigned drop;
};

/* at is the whole blocks of the n bytes, and less than n. */
INLINE struct tail tail_of(uint8_t room[BLOCK], const uint8_t *bytes, size_t n, size_t at)
{
    if (n >= BLOCK)
        return (struct tail){bytes + n - BLOCK, (unsigned)(BLOCK - (n - at))};
    pad(room, bytes, n);
    return (struct tail){room, 0};
}

/* ---- SSE2: every x86-64 processor */

INLINE struct masks sse2_masks(const uint8_t *bytes)
{
    struct masks m = {0, 0, 0, 0};
    for (unsigned i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20)); /* [ ] become { } */
        __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        __m128i open = _mm_cmpeq_epi8(folded, _mm_set1_epi8('{'));
        __m128i close = _mm_cmpeq_epi8(folded, _mm_set1_epi8('}'));
        m.quote |= (uint64_t)(uint32_t)_mm_movemask_epi8(quote) << i;
        m.backslash |= (uint64_t)(uint32_t)_mm_movemask_epi8(backslash) << i;
        m.open |= (uint64_t)(uint32_t)_mm_movemask_epi8(open) << i;
        m.close |= (uint64_t)(uint32_t)_mm_movemask_epi8(close) << i;
    }
    return m;
}

INLINE size_t sse2_block(struct json_skip *s, const uint8_t *bytes, size_t n, unsigned drop)
{
    struct masks m = sse2_masks(bytes);
    uint64_t quote = m.quote >> drop & ~json_escape_mask(m.backslash >> drop, &s->escaped, n);
    uint64_t inside = prefix_xor_shifts(quote) ^ s->in_string;
    s->in_string = (uint64_t)((int64_t)inside >> 63);
    return count_brackets(s, m.open >> drop & ~inside, m.close >> drop & ~inside, n);
}

INLINE size_t sse2_string_block(struct json_skip *s, const uint8_t *bytes, size_t n, unsigned drop)
{
    uint64_t quote = 0, backslash = 0;
    for (unsigned i = 0; i < BLOCK; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
        __m128i is_quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
        __m128i is_backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
        quote |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_quote) << i;
        backslash |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_backslash) << i;
    }
    quote = quote >> drop & ~json_escape_mask(backslash >> drop, &s->escaped, n);
    if (quote == 0)
        return n;
    s->in_string = 0;
    s->escaped = 0;
    return (size_t)__builtin_ctzll(quote) + 1;
}

static size_t sse2_container(struct json_skip *skip, const uint8_t *bytes, size_t n)
{
    struct json_skip s = *skip; /* in registers */
    size_t at = 0;
    for (; n - at >= BLOCK; at += BLOCK) {
        size_t used = sse2_block(&s, bytes + at, BLOCK, 0);
        if (stopped(&s)) {
            *skip = s;
            return at + used;
        }
    }
    if (at < n) {
        uint8_t room[BLOCK];
        struct tail tail = tail_of(room, bytes, n, at);
        at += sse2_block(&s, tail.block, n - at, tail.drop);
    }
    *skip = s;
    return at;
}

static size_t sse2_string(struct json_skip *s, const uint8_t *bytes, size_t n)
{
    size_t at = 0;
    for (; n - at >= BLOCK; at += BLOCK) {
        size_t used = sse2_string_block(s, bytes + at, BLOCK, 0);
        if (!s->in_string)
            return at + used;
    }
    if (at == n)
        return n;
    uint8_t room[BLOCK];
    struct tail tail = tail_of(room, bytes, n, at);
    return at + sse2_string_block(s, tail.block, n - at, tail.drop);
}

static const struct json_skip_ops sse2 = {"sse2", sse2_container, sse2_string};

/* ---- AVX2 with carry-less multiplication */

AVX2 INLINE uint64_t avx2_equal(__m256i low, __m256i high, char c)
{
    __m256i wanted = _mm256_set1_epi8(c);
    uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));
    return (uint64_t)b << 32 | a;
}

AVX2 INLINE size_t avx2_block(struct json_skip *s, const uint8_t *bytes, size_t n, unsigned drop)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    uint64_t quote = avx2_equal(low, high, '"') >> drop;
    uint64_t backslash = avx2_equal(low, high, '\\') >> drop;
    quote &= ~json_escape_mask(backslash, &s->escaped, n);
    if (quote == 0 && s->in_string)
        return n;                          /* the middle of a long string */
    __m256i fold = _mm256_set1_epi8(0x20); /* [ ] become { } */
    low = _mm256_or_si256(low, fold);
    high = _mm256_or_si256(high, fold);
    uint64_t open = avx2_equal(low, high, '{') >> drop;
    uint64_t close = avx2_equal(low, high, '}') >> drop;
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)quote), _mm_set1_epi8((char)0xff), 0);
    uint64_t inside = (uint64_t)_mm_cvtsi128_si64(product) ^ s->in_string;
    s->in_string = (uint64_t)((int64_t)inside >> 63);
    return count_brackets(s, open & ~inside, close & ~inside, n);
}

AVX2 INLINE size_t avx2_string_block(struct json_skip *s, const uint8_t *bytes, size_t n,
                                     unsigned drop)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    uint64_t quote = avx2_equal(low, high, '"') >> drop;
    quote &= ~json_escape_mask(avx2_equal(low, high, '\\') >> drop, &s->escaped, n);
    if (quote == 0)
        return n;
    s->in_string = 0;
    s->escaped = 0;
    return (size_t)__builtin_ctzll(quote) + 1;
}

AVX2 static size_t avx2_container(struct json_skip *skip, const uint8_t *bytes, size_t n)
{
    struct json_skip s = *skip; /* in registers */
    size_t at = 0;
    for (; n - at >= BLOCK; at += BLOCK) {
        size_t used = avx2_block(&s, bytes + at, BLOCK, 0);
        if (stopped(&s)) {
            *skip = s;
            return at + used;
        }
    }
    if (at < n) {
        uint8_t room[BLOCK];
        struct tail tail = tail_of(room, bytes, n, at);
        at += avx2_block(&s, tail.block, n - at, tail.drop);
    }
    *skip = s;
    return at;
}

AVX2 static size_t avx2_string(struct json_skip *s, const uint8_t *bytes, size_t n)
{
    size_t at = 0;
    for (; n - at >= BLOCK; at += BLOCK) {
        size_t used = avx2_string_block(s, bytes + at, BLOCK, 0);
        if (!s->in_string)
            return at + used;
    }
    if (at == n)
        return n;
    uint8_t room[BLOCK];
    struct tail tail = tail_of(room, bytes, n, at);
    return at + avx2_string_block(s, tail.block, n - at, tail.drop);
}

static const struct json_skip_ops avx2 = {"avx2", avx2_container, avx2_string};

const struct json_skip_ops *json_skip_variant(size_t number)
{
    if (number == 0)
        return &reference;
    if (number == 1)
        return &sse2;
    if (number == 2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
        __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi"))
        return &avx2;
    return NULL;
}

#else

const struct json_skip_ops *json_skip_variant(size_t number)
{
    return number == 0 ? &reference : NULL;
}

#endif

const struct json_skip_ops *json_skip_best(void)
{
    static _Atomic(const struct json_skip_ops *) best; /* every thread would find the same */
    const struct json_skip_ops *ops = atomic_load_explicit(&best, memory_order_relaxed);
    if (ops)
        return ops;
    const struct json_skip_ops *next = &reference;
    for (size_t i = 0; next; next = json_skip_variant(++i))
        ops = next;
    atomic_store_explicit(&best, ops, memory_order_relaxed);
    return ops;
}
