/* SPDX-License-Identifier: BSD-3-Clause */
/* The first byte names a coding, the second seeds the cuts and says how near to the cap of all
 * bodies this one begins; the rest is coded data. Whole and cut, it must decode to the same bytes,
 * with the same result, caps hit and account. A WebSocket message may end in the middle. */
#include "base/hash.h"
#include "dissect/coding.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CUTS = 32, LEFT_BYTES = 1 << 16 };
static const struct hash_key KEY = {1, 2};

struct outcome {
    uint64_t digest;
    enum decoder_result result;
    struct limits_hit hit;
    struct decoder_account account;
};

static void on_bytes(void *ctx, const uint8_t *bytes, size_t n)
{
    if (n == 0)
        abort();
    hash_stream_feed(ctx, bytes, n);
}

/* step: 0 = whole, 1 = byte by byte, otherwise up to that many bytes. */
static void run(enum coding coding, const uint8_t *data, size_t size, unsigned step,
                struct outcome *o)
{
    struct hash_stream digest;
    struct decoder_sink sink = {&digest, on_bytes};
    hash_stream_init(&digest, &KEY);
    struct decoder *d = decoder_new(coding, &o->account, &o->hit);
    for (size_t i = 0; d && i < size;) {
        size_t n = step ? 1 + (i * 7 + step - 1) % step : size - i;
        n = n > size - i ? size - i : n;
        if (coding == CODING_RAW_DEFLATE && i < size / 2 && i + n > size / 2)
            n = size / 2 - i;
        enum decoder_result before = o->result;
        o->result = decoder_feed(d, &sink, data + i, n);
        if ((before == DECODER_BAD || before == DECODER_LIMIT) && o->result != before)
            abort();
        i += n;
        if (i == size / 2 && coding == CODING_RAW_DEFLATE) {
            enum decoder_result message = decoder_message_end(d, &sink, size % 2);
            o->result = size % 2 ? DECODER_MORE : message; /* forgotten with the message */
        }
    }
    decoder_free(d);
    if (o->account.held != 0)
        abort();
    o->digest = hash_stream_end(&digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    enum coding coding = CODING_GZIP + data[0] % (CODING_UNKNOWN - CODING_GZIP);
    unsigned left = data[1] / CUTS;
    uint64_t excess = left ? LIMIT_DECODED_TOTAL - left * left * LEFT_BYTES : 0;
    struct outcome whole = {.account.excess = excess}, cut = whole;
    run(coding, data + 2, size - 2, 0, &whole);
    run(coding, data + 2, size - 2, 1 + data[1] % CUTS, &cut);
    if (whole.digest != cut.digest || whole.result != cut.result)
        abort();
    if (whole.account.excess != cut.account.excess ||
        memcmp(&whole.hit, &cut.hit, sizeof(cut.hit)) != 0)
        abort();
    return 0;
}
