/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_HTTP1_DIGEST_H
#define TESTS_FUZZ_HTTP1_DIGEST_H

#include "base/hash.h"
#include "dissect/http1.h"
#include <stdlib.h>

/* Feeds an HTTP/1.x parser and hashes its events up to the first loss of sync, behind which they
 * may depend on the cuts. Checks that messages begin and end in turn. */

static const struct hash_key DIGEST_KEY = {1, 2};
static struct limits_hit digest_hit;

struct digest {
    struct hash_stream hash;
    enum http1_request_method request;
    bool open, lost;
};

static inline void digest_add(struct digest *d, const void *data, size_t n)
{
    if (!d->lost)
        hash_stream_feed(&d->hash, data, n);
}

static inline enum http1_request_method digest_start(void *ctx, const struct http1_head *h)
{
    struct digest *d = ctx;
    if (d->open)
        abort();
    d->open = true;
    digest_add(d, &h->status, sizeof(h->status));
    digest_add(d, h->method, h->method_len);
    digest_add(d, h->target, h->target_len);
    return d->request;
}

static inline void digest_field(void *ctx, const char *name, size_t name_len, const char *value,
                                size_t value_len)
{
    digest_add(ctx, name, name_len);
    digest_add(ctx, ":", 1);
    digest_add(ctx, value, value_len);
}

static inline void digest_head_end(void *ctx, const struct http1_body_info *body)
{
    struct digest *d = ctx;
    uint64_t facts[] = {body->framing, body->length};
    digest_add(d, facts, sizeof(facts));
    if (body->framing == HTTP1_BODY_TUNNEL)
        d->open = false;
}

static inline void digest_body(void *ctx, const uint8_t *bytes, size_t n)
{
    struct digest *d = ctx;
    if (n == 0 || !d->open)
        abort();
    digest_add(d, bytes, n);
}

static inline void digest_gap(void *ctx, uint64_t n)
{
    digest_add(ctx, &n, sizeof(n));
}

static inline void digest_end(void *ctx, enum http1_end how)
{
    struct digest *d = ctx;
    if (!d->open)
        abort();
    d->open = false;
    digest_add(d, &how, sizeof(how));
    d->lost |= how == HTTP1_END_LOST;
}

static inline void digest_anomaly(void *ctx, enum http1_anomaly what)
{
    struct digest *d = ctx;
    digest_add(d, &what, sizeof(what));
    d->lost |= what == HTTP1_BAD_START_LINE;
}

static inline void digest_tunnel(void *ctx, const uint8_t *bytes, size_t n)
{
    digest_add(ctx, bytes, n);
}

struct digest_input {
    enum http1_kind kind;
    enum http1_request_method request;
    bool midstream, join;
    unsigned step;  /* 0: whole, else the largest piece */
    size_t gap;     /* place of a gap, 0: none */
    uint64_t bytes; /* that it takes */
};

static inline uint64_t digest_run(const struct digest_input *in, const uint8_t *data, size_t size)
{
    struct digest d = {.request = in->request, .open = in->join};
    struct http1_sink sink = {&d,           digest_start, digest_field, digest_head_end,
                              digest_body,  digest_gap,   digest_end,   digest_anomaly,
                              digest_tunnel};
    struct http1 h;
    hash_stream_init(&d.hash, &DIGEST_KEY);
    http1_init(&h, in->kind, in->midstream, &digest_hit);
    if (in->join)
        http1_join_body(&h, HTTP1_BODY_CHUNKED);
    for (size_t i = 0; i < size;) {
        size_t n = in->step ? 1 + (i * 7 + in->step) % (in->step + 1) : size - i;
        n = n > size - i ? size - i : n;
        if (i < in->gap && i + n > in->gap)
            n = in->gap - i;
        if (in->gap > 0 && i == in->gap) {
            http1_gap(&h, &sink, in->bytes);
            d.lost |= h.lost_sync;
        }
        http1_feed(&h, &sink, data + i, n);
        i += n;
    }
    http1_end(&h, &sink, true);
    http1_fini(&h);
    if (d.open)
        abort();
    return hash_stream_end(&d.hash);
}

#endif
