/* SPDX-License-Identifier: BSD-3-Clause */
/* An HTTP/2 connection of pieces: each is a frame, bytes as they come, or a gap, in one of the
 * directions. Records must keep to the life of a channel. */
#include "channel_life.h"
#include "dissect/dissector.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct limits_hit hit;

struct world {
    const struct stream_sink *s;
    struct conn c;
    struct stream_pos at;
};

static void feed(struct world *w, int dir, const uint8_t *bytes, size_t n, bool cut)
{
    dir ^= w->c.swapped;
    for (size_t k = 0, step = cut ? 1 : n; k < n; k += step)
        w->s->data(w->s->ctx, &w->c, (enum dir)dir, bytes + k, step, &w->at);
}

/* Op: direction, cut, two bits of what, flags and type follow. Returns how many bytes were used. */
static size_t piece(struct world *w, const uint8_t *p, size_t size)
{
    uint8_t op = p[0];
    size_t n = p[1];
    int dir = op & 1;
    w->at.packet++;
    w->at.ts_ns += op >> 6;
    if ((op & 0x0c) == 0x0c) {
        w->s->gap(w->s->ctx, &w->c, (enum dir)(dir ^ w->c.swapped), n + 1, GAP_LOST, &w->at);
        return 2;
    }
    bool frame = (op & 0x0c) != 0;
    size_t head = frame ? 5 : 2;
    if (size < head)
        return size;
    n = n < size - head ? n : size - head;
    uint8_t bytes[9 + 255] = {0, 0, (uint8_t)n};
    if (frame) {
        bytes[3] = p[2];
        bytes[4] = p[3];
        bytes[8] = p[4];
    }
    memcpy(bytes + (frame ? 9 : 0), p + head, n);
    if (frame || n > 0)
        feed(w, dir, bytes, n + (frame ? 9 : 0), op & 2);
    return head + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dissector_config config = {.hash = {1, 2}};
    static const struct record_sink records = {NULL, channel_life_record, NULL};
    static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    static const uint8_t settings[9] = {0, 0, 0, 4};
    channel_life_begin();
    struct dissector *d = dissector_new(&config, &records, &hit);
    struct world w = {.s = dissector_stream_sink(d), .c = {.id = 1}, .at = {1000, 1}};
    uint8_t how = size > 0 ? data[0] : 0;
    w.c.midstream = how & 1;
    w.c.roles_known = !w.c.midstream;
    w.c.side[0].packets = w.c.side[1].packets = 1;
    w.s->conn(w.s->ctx, &w.c, CONN_EVENT_OPENED, &w.at);
    if (!w.c.midstream) {
        feed(&w, DIR_C2S, preface, sizeof(preface) - 1, false);
        feed(&w, DIR_S2C, settings, sizeof(settings), false);
    }
    for (size_t i = 1; i + 2 <= size;)
        i += piece(&w, data + i, size - i);
    for (int dir = 0; dir < DIR_COUNT; dir++)
        w.s->end(w.s->ctx, &w.c, (enum dir)dir, (enum stream_end)(how >> 1 & 3), &w.at);
    w.s->conn(w.s->ctx, &w.c, CONN_EVENT_GONE, &w.at);
    dissector_free(d);
    channel_life_finish();
    return 0;
}
