/* SPDX-License-Identifier: BSD-3-Clause */
/* The first byte seeds the cuts, the second places a gap or none; the rest is an event stream. It
 * must give the same events whole and cut. */
#include "dissect/sse.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash_key KEY = {1, 2};
static struct limits_hit hit;

static void on_data(void *ctx, const struct sse_event *e, const uint8_t *bytes, size_t n)
{
    if (n == 0 || !e->has_data)
        abort();
    hash_stream_feed(ctx, bytes, n);
}

static void on_event(void *ctx, const struct sse_event *e)
{
    uint64_t facts[] = {e->type_len, e->type_bytes, e->has_data,  e->data_bytes, e->has_id,
                        e->id_hash,  e->id_bytes,   e->has_retry, e->retry_ms};
    hash_stream_feed(ctx, facts, sizeof(facts));
    hash_stream_feed(ctx, e->type, e->type_len);
}

/* Takes some of them. */
static bool on_whole(void *ctx, const struct sse_event *e, const uint8_t *bytes, size_t n)
{
    if (n % 3 == 0)
        return false;
    on_data(ctx, e, bytes, n);
    on_event(ctx, e);
    return true;
}

static void on_discard(void *ctx)
{
    hash_stream_feed(ctx, "discard", 7);
}

static uint64_t run(const uint8_t *data, size_t size, unsigned step, size_t gap)
{
    struct hash_stream digest;
    struct sse_sink sink = {&digest, on_data, on_event, on_discard, on_whole};
    struct sse s;
    hash_stream_init(&digest, &KEY);
    sse_init(&s, &KEY, &hit);
    for (size_t i = 0; i < size;) {
        size_t n = step ? 1 + (i * 7 + step) % (step + 1) : size - i;
        n = n > size - i ? size - i : n;
        if (i < gap && i + n > gap)
            n = gap - i;
        if (i == gap && gap > 0)
            sse_gap(&s, &sink, gap % 2);
        sse_feed(&s, &sink, data + i, n);
        i += n;
    }
    sse_end(&s, &sink);
    return hash_stream_end(&digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t gap = data[1] < 128 ? 0 : data[1] - 127U;
    if (run(data + 2, size - 2, 0, gap) != run(data + 2, size - 2, 1 + data[0] % 32, gap))
        abort();
    return 0;
}
