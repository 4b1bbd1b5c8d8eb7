/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON-RPC envelope: the same messages however the text is cut, held back or not, and nothing
 * in them that the rest of the program may not rely on. */
#include "dissect/capability.h"
#include "dissect/rpc_memo.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CUTS 4
static const struct hash_key key = {3, 4};

static void require(int truth)
{
    if (!truth)
        abort();
}

static void take(void *ctx, const struct message *m)
{
    require(m->text_used <= sizeof(m->text) && m->kind <= MESSAGE_ERROR);
    require((m->method == METHOD_NONE) == (m->kind >= MESSAGE_RESULT));
    require(m->bytes >= 2 && m->first.packet <= m->last.packet);
    require(m->capabilities == 0 || (m->capabilities & CAPABILITY_DECLARED));
    require((m->capabilities & ~CAPABILITY_DECLARED) >> CAPABILITY_COUNT == 0);
    uint64_t facts[] = {m->bytes,        m->id.type,   m->id.hash,     m->cancels.type,
                        m->cancels.hash, m->flags,     m->error_code,  m->kind,
                        m->method,       m->text_used, m->capabilities};
    hash_stream_feed(ctx, facts, sizeof(facts));
    for (int i = 0; i < MESSAGE_TEXT_COUNT; i++) {
        size_t n;
        const char *text = message_text(m, i, &n);
        require(text + n <= m->text + m->text_used);
        require(i != MESSAGE_TEXT_ID || n == 0 || *text != '"' || (n > 1 && text[n - 1] == '"'));
        for (size_t k = 0; i != MESSAGE_TEXT_ID && k < n; k++)
            require((uint8_t)text[k] < 0xf5);
        hash_stream_feed(ctx, text, n);
    }
}

static struct rpc_memo memo;

static uint64_t read_text(const uint8_t *bytes, size_t n, const uint8_t *lengths, bool hold,
                          bool remember)
{
    struct limits_hit hit = {{0}};
    struct hash_stream seen;
    struct rpc_sink sink = {&seen, take};
    struct rpc r;
    hash_stream_init(&seen, &key);
    rpc_init(&r, DIR_C2S, hold, &key, &hit);
    rpc_remember(&r, remember ? &memo : NULL);
    bool alive = true;
    for (size_t i = 0, piece; n > 0; i++, n -= piece, bytes += piece) {
        uint8_t length = lengths ? lengths[i % CUTS] : 255;
        piece = lengths && length < n ? length + (size_t)(length == 0) : n;
        bool ok = rpc_feed(&r, &sink, bytes, piece, &(struct stream_pos){(int64_t)i, i});
        require(alive || !ok);
        alive = ok;
    }
    bool closed = rpc_complete(&r);
    enum json_end end = rpc_end(&r, &sink, false);
    uint64_t facts[] = {closed, end, r.messages, r.not_rpc, r.empty_array};
    hash_stream_feed(&seen, facts, sizeof(facts));
    hash_stream_feed(&seen, &hit, sizeof(hit));
    return hash_stream_end(&seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CUTS)
        return 0;
    uint64_t whole = read_text(data + CUTS, size - CUTS, NULL, false, false);
    require(whole == read_text(data + CUTS, size - CUTS, data, false, false));
    require(whole == read_text(data + CUTS, size - CUTS, data, true, false));
    memset(&memo, 0, sizeof(memo));
    for (int i = 0; i < 2; i++)
        require(whole == read_text(data + CUTS, size - CUTS, NULL, false, true));
    return 0;
}
