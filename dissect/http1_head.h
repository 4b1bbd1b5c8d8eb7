/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_HEAD_H
#define DISSECT_HTTP1_HEAD_H

#include "dissect/http1.h"
#include <assert.h>
#include <string.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/* What the lines of an HTTP/1.x head mean for the framing; private to http1.c. */

struct http1_span {
    const uint8_t *p;
    size_t n;
};

enum {                        /* http1.seen */
       HTTP1_HEAD_LENGTH = 1, /* Content-Length */
       HTTP1_HEAD_BAD_LENGTH = 2,
       HTTP1_HEAD_CODING = 4,
       HTTP1_HEAD_CHUNKED = 8, /* as the last coding */
       HTTP1_HEAD_LARGE = 16   /* the head is beyond its cap */
};

/* A chunk size or length beyond this is taken for an error, not for data. */
#define HTTP1_HEAD_LENGTH_MAX (UINT64_C(1) << 60)

#define HTTP1_HEAD_BLOCK 64

/* Where bytes of a block are: bit i is its byte i. */
struct http1_head_marks {
    uint64_t lfs, colons;
};

static inline struct http1_head_marks http1_head_mark_block(const uint8_t p[HTTP1_HEAD_BLOCK])
{
    struct http1_head_marks m = {0, 0};
#if defined(__x86_64__)
    const __m128i lf = _mm_set1_epi8('\n'), dots = _mm_set1_epi8(':');
    for (unsigned i = 0; i < HTTP1_HEAD_BLOCK; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        m.lfs |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, lf)) << i;
        m.colons |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, dots)) << i;
    }
#else
    for (unsigned i = 0; i < HTTP1_HEAD_BLOCK; i++) {
        m.lfs |= (uint64_t)(p[i] == '\n') << i;
        m.colons |= (uint64_t)(p[i] == ':') << i;
    }
#endif
    return m;
}

/* The block at p of an input that lasts from first to end; what is behind the end has no marks. */
static inline struct http1_head_marks http1_head_mark(const uint8_t *first, const uint8_t *p,
                                                      const uint8_t *end)
{
    assert(first && first <= p && p < end);
    size_t left = (size_t)(end - p);
    if (left >= HTTP1_HEAD_BLOCK)
        return http1_head_mark_block(p);
    unsigned missing = HTTP1_HEAD_BLOCK - (unsigned)left;
    if (end - first >= HTTP1_HEAD_BLOCK) {
        struct http1_head_marks m = http1_head_mark_block(end - HTTP1_HEAD_BLOCK);
        return (struct http1_head_marks){m.lfs >> missing, m.colons >> missing};
    }
    uint8_t copy[HTTP1_HEAD_BLOCK] = {0};
    memcpy(copy, p, left);
    return http1_head_mark_block(copy);
}

static inline bool http1_head_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Without spaces and tabs around it. */
static inline struct http1_span http1_head_trim(struct http1_span s)
{
    while (s.n > 0 && http1_head_is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && http1_head_is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Parses a start line of that kind, whose end is missing if it is cut; false: it is none. */
bool http1_head_start(uint8_t kind, struct http1_span line, bool cut, struct http1_head *ret_head);

/* May a field whose name begins with that letter and has n bytes say something about the body? */
static inline bool http1_head_may_frame(uint8_t initial, size_t n)
{
    return n == 14 ? (initial | 0x20) == 'c' : n == 17 && (initial | 0x20) == 't';
}

/* May the listener want a field of that name? */
static inline bool http1_head_is_wanted(const struct http1_sink *sink, struct http1_span name)
{
    if (!sink->name_lengths || name.n == 0)
        return true;
    return sink->name_lengths[name.p[0] & 31] >> (name.n < 31 ? name.n : 31) & 1;
}

/* Notes a field that says something about the body. */
void http1_head_field(struct http1 *h, struct http1_span name, struct http1_span value);

/* The framing of the body by RFC 9112 6.3; negative: the message has no readable end. */
int http1_head_framing(const struct http1 *h);

#endif
