/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts one after the other (sequence.h): a parser that remembers those before must say the same
 * of each as one that reads it. Options: the direction, whether messages are held back, and the
 * size of pieces; 0: the text comes whole and is revoked. */
#include "dissect/rpc_memo.h"
#include "sequence.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash_key key = {3, 4};

struct seen {
    struct rpc *rpc;
    struct hash_stream stream;
};

static void take(void *ctx, const struct message *m)
{
    struct seen *seen = ctx;
    uint64_t places[] = {m->first.packet, m->last.packet, seen->rpc->linked};
    hash_stream_feed(&seen->stream, places, sizeof(places));
    sequence_message(&seen->stream, m);
    if (seen->rpc->linked)
        sequence_links(&seen->stream, &seen->rpc->links);
}

static uint64_t read_text(const struct sequence *s, struct rpc_memo *memo)
{
    static struct rpc r;
    struct limits_hit hit = {{0}};
    struct seen seen = {.rpc = &r};
    struct rpc_sink sink = {&seen, take};
    bool revoked = s->options & 4 && s->options >> 3 == 0;
    size_t piece = s->options & 4 && !revoked ? s->n * (s->options >> 3) / 32 : s->n;
    hash_stream_init(&seen.stream, &key);
    rpc_init(&r, s->options & 1 ? DIR_S2C : DIR_C2S, (s->options & 2) != 0, &key, &hit);
    rpc_remember(&r, memo);
    bool alive = true;
    for (size_t at = 0, n; at < s->n; at += n) {
        n = piece > 0 && piece < s->n - at ? piece : s->n - at;
        uint8_t *copy = sequence_copy(s->text + at, n);
        alive = rpc_feed(&r, &sink, copy, n, &(struct stream_pos){(int64_t)at, at + 1});
        free(copy);
    }
    bool complete = rpc_complete(&r), proves = rpc_proves(&r);
    enum json_end end = rpc_end(&r, &sink, revoked);
    uint64_t facts[] = {alive,      complete,  proves,        end,
                        r.messages, r.not_rpc, r.empty_array, r.json.elements};
    hash_stream_feed(&seen.stream, facts, sizeof(facts));
    hash_stream_feed(&seen.stream, &hit, sizeof(hit));
    return hash_stream_end(&seen.stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rpc_memo memo;
    static struct sequence s;
    memset(&memo, 0, sizeof(memo));
    s = (struct sequence){.at = data, .end = data + size};
    while (sequence_next(&s))
        if (read_text(&s, NULL) != read_text(&s, &memo))
            abort();
    return 0;
}
