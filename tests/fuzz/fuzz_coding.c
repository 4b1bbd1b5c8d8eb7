/* SPDX-License-Identifier: BSD-3-Clause */
/* The first byte names a coding, the second seeds the cuts; the rest is coded data. It must decode
 * to the same bytes and with the same result whole and cut; in front of damage or at a cap it
 * may be less. A WebSocket message may end in the middle. */
#include "base/hash.h"
#include "dissect/coding.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash_key KEY = {1, 2};
static struct limits_hit hit;
static struct decoder_account account;

struct outcome {
    uint64_t digest;
    enum decoder_result result;
};

static void on_bytes(void *ctx, const uint8_t *bytes, size_t n)
{
    if (n == 0)
        abort();
    hash_stream_feed(ctx, bytes, n);
}

static struct outcome run(enum coding coding, const uint8_t *data, size_t size, unsigned step)
{
    struct hash_stream digest;
    struct decoder_sink sink = {&digest, on_bytes};
    struct outcome o = {0, DECODER_MORE};
    hash_stream_init(&digest, &KEY);
    struct decoder *d = decoder_new(coding, &account, &hit);
    for (size_t i = 0; d && i < size;) {
        size_t n = step ? 1 + (i * 7 + step) % (step + 1) : size - i;
        n = n > size - i ? size - i : n;
        if (i < size / 2 && i + n > size / 2)
            n = size / 2 - i;
        enum decoder_result before = o.result;
        o.result = decoder_feed(d, &sink, data + i, n);
        if ((before == DECODER_BAD || before == DECODER_LIMIT) && o.result != before)
            abort();
        i += n;
        if (i == size / 2 && coding == CODING_RAW_DEFLATE) {
            enum decoder_result message = decoder_message_end(d, &sink, size % 2);
            o.result = size % 2 ? DECODER_MORE : message; /* forgotten with the message */
        }
    }
    decoder_free(d);
    if (account.held != 0)
        abort();
    o.digest = hash_stream_end(&digest);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    enum coding coding = CODING_GZIP + data[0] % (CODING_UNKNOWN - CODING_GZIP);
    struct outcome whole = run(coding, data + 2, size - 2, 0);
    struct outcome cut = run(coding, data + 2, size - 2, 1 + data[1] % 32);
    if (whole.result != cut.result)
        abort();
    bool all = whole.result == DECODER_MORE || whole.result == DECODER_END;
    if (all && whole.digest != cut.digest)
        abort();
    return 0;
}
