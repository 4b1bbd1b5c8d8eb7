/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON texts one after the other, as transports have them: what is told of each is the same whether
 * it comes whole, in pieces of one packet, or byte by byte in as many packets. Texts are separated
 * by line feeds. Options, the first byte: the dialect, how texts end, whether messages are held
 * back, the size of pieces. */
#include "../../dissect/text.h"
#include "sequence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hash_key key = {3, 4};
static struct limits_hit hit;
static struct transport_spare spare;

static void on_record(void *ctx, struct record *r)
{
    uint64_t facts[] = {r->type, r->channel, (uint64_t)r->at.ts_ns};
    hash_stream_feed(ctx, facts, sizeof(facts));
    if (r->type == RECORD_MESSAGE)
        sequence_message(ctx, &r->u.message);
    if (r->type != RECORD_FINDING)
        return;
    uint64_t finding[] = {r->u.finding.amount, r->u.finding.finding, r->u.finding.dir};
    hash_stream_feed(ctx, finding, sizeof(finding));
}

struct way {
    uint8_t options;
    bool whole;   /* to text_whole() first */
    size_t piece; /* bytes; 0: all at once */
    bool apart;   /* each piece in a packet of its own */
};

static void read_text(struct text *t, const uint8_t *bytes, size_t n, const struct way *way,
                      struct hash_stream *seen)
{
    static const enum text_end ends[] = {TEXT_END_COMPLETE, TEXT_END_LENIENT, TEXT_END_CUT,
                                         TEXT_END_LOST};
    struct stream_pos at = {1, 1};
    enum text_end how = ends[way->options >> 1 & 3];
    uint32_t messages = 0;
    t->at = &at;
    t->lost = false;
    t->has_event_id = how == TEXT_END_LENIENT;
    bool whole = way->whole && how == TEXT_END_COMPLETE;
    if (n == 0 || (whole && text_whole(t, bytes, n) != TEXT_WHOLE_UNKNOWN))
        return;
    if (!text_begin(t, way->options & 8))
        abort();
    for (size_t i = 0, step; i < n; i += step) {
        step = way->piece > 0 && way->piece < n - i ? way->piece : n - i;
        text_feed(t, bytes + i, step);
        at.packet += way->apart;
    }
    enum json_end end = text_end(t, how, &messages);
    uint64_t facts[] = {end, messages, t->lost};
    if (how != TEXT_END_COMPLETE)
        hash_stream_feed(seen, facts, sizeof(facts));
}

static uint64_t read_all(const uint8_t *data, size_t size, const struct way *way)
{
    struct hash_stream seen;
    struct transport_env env = {.hash = key, .hit = &hit, .spare = &spare};
    static struct conn conn = {.id = 1};
    struct transport_conn tc = {.env = &env, .conn = &conn};
    struct text t = {.tc = &tc, .channel = 1, .dir = DIR_S2C};
    t.dialect = way->options & 1 ? TEXT_EITHER : TEXT_RPC;
    hit = (struct limits_hit){{0}};
    hash_stream_init(&seen, &key);
    env.sink = (struct record_sink){.ctx = &seen, .record = on_record};
    for (const uint8_t *end = data + size, *lf; data < end; data = lf + 1) {
        lf = memchr(data, '\n', (size_t)(end - data));
        lf = lf ? lf : end;
        read_text(&t, data, (size_t)(lf - data), way, &seen);
        hash_stream_feed(&seen, &t.dialect, 1);
    }
    hash_stream_feed(&seen, &hit, sizeof(hit));
    return hash_stream_end(&seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct way way = {.options = data[0], .piece = 1, .apart = true};
    uint64_t read = read_all(data + 1, size - 1, &way);
    way.apart = false;
    for (way.piece = 0; way.piece < 3; way.piece++)
        if (read_all(data + 1, size - 1, &way) != read)
            abort();
    way.piece = (size_t)(way.options >> 4);
    way.whole = true;
    if (read_all(data + 1, size - 1, &way) != read)
        abort();
    transport_spare_free(&spare);
    return 0;
}
