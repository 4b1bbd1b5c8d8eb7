/* SPDX-License-Identifier: BSD-3-Clause */
/* The first byte is the handshake, the second the cuts; then pieces: a byte of direction and gap, a
 * length, and bytes. As long as no framing is lost it must give the same records whole and cut. */
#include "dissect/websocket.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct limits_hit hit;

struct outcome {
    struct hash_stream records;
    bool lost; /* its framing */
};

static void on_record(void *ctx, struct record *r)
{
    struct outcome *o = ctx;
    if (r->channel != 7 || (r->type != RECORD_MESSAGE && r->type != RECORD_FINDING))
        abort();
    uint8_t what[3] = {r->type, r->u.finding.finding, r->u.finding.dir};
    if (r->type == RECORD_FINDING) {
        o->lost |= what[1] == FINDING_BAD_FRAME || what[1] == FINDING_LOST_MESSAGE;
        hash_stream_feed(&o->records, what, sizeof(what));
        return;
    }
    const struct message *m = &r->u.message;
    what[1] = m->kind;
    what[2] = m->dir;
    hash_stream_feed(&o->records, what, sizeof(what));
    hash_stream_feed(&o->records, m->text, m->text_used);
}

static uint64_t run(const uint8_t *data, size_t size, bool cut, bool *ret_lost)
{
    static const struct hash_key key = {1, 2};
    struct outcome o = {.lost = data[0] & 1};
    struct transport_spare spare = {0};
    struct decoder_account decoders = {0};
    struct transport_env env = {key, &hit, {&o, on_record, NULL}, &spare, &decoders};
    struct conn conn = {.id = 1};
    struct transport_conn tc = {.env = &env, .conn = &conn, .transport = TRANSPORT_WEBSOCKET};
    struct stream_pos at = {1, 1};
    struct websocket_options options = {
        (data[0] & 2) != 0, {(data[0] & 4) != 0, (data[0] & 8) != 0}, data[0] & 1};
    struct websocket w;
    hash_stream_init(&o.records, &key);
    websocket_init(&w, &tc, 7, &options);
    for (size_t i = 2; i + 2 <= size;) {
        enum dir dir = data[i] & 1;
        bool gap = (data[i] & 0x30) == 0x30;
        size_t n = data[i + 1] + (data[i] & 0x40 ? 256U : 0U);
        i += 2;
        if (gap) {
            websocket_gap(&w, dir, n + 1, &at);
            o.lost = true;
            continue;
        }
        n = n < size - i ? n : size - i;
        size_t step = cut ? 1 + data[1] % 16 : n;
        for (size_t k = 0; k < n; k += step)
            websocket_feed(&w, dir, data + i + k, step < n - k ? step : n - k, &at);
        i += n;
    }
    for (int dir = 0; dir < DIR_COUNT; dir++)
        websocket_end(&w, (enum dir)dir, data[0] & 16, &at);
    websocket_fini(&w);
    transport_spare_free(&spare);
    if (decoders.held != 0)
        abort();
    *ret_lost = o.lost;
    return hash_stream_end(&o.records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    bool lost, lost_cut;
    uint64_t whole = run(data, size, false, &lost);
    uint64_t cut = run(data, size, true, &lost_cut);
    if (!lost && (lost_cut || cut != whole))
        abort();
    return 0;
}
