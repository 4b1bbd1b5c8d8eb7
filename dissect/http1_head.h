/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_HEAD_H
#define DISSECT_HTTP1_HEAD_H

#include "dissect/http1.h"

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

/* Without spaces and tabs around it. */
static inline struct http1_span http1_head_trim(struct http1_span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Parses a start line of that kind, whose end is missing if it is cut; false: it is none. */
bool http1_head_start(uint8_t kind, struct http1_span line, bool cut, struct http1_head *ret_head);

/* Notes a field that says something about the body. */
void http1_head_field(struct http1 *h, struct http1_span name, struct http1_span value);

/* The framing of the body by RFC 9112 6.3; negative: the message has no readable end. */
int http1_head_framing(const struct http1 *h);

#endif
