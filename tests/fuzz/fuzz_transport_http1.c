/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection of pieces: each has a byte of direction, gap and time, a length, and bytes. Records
 * must keep to the life of a channel. */
#include "channel_life.h"
#include "dissect/dissector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct limits_hit hit;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dissector_config config = {.hash = {1, 2}};
    static const struct record_sink records = {NULL, channel_life_record, NULL};
    channel_life_begin();
    struct dissector *d = dissector_new(&config, &records, &hit);
    const struct stream_sink *s = dissector_stream_sink(d);
    struct conn c = {.id = 1};
    struct stream_pos at = {1000, 1};
    if (size > 0) {
        c.midstream = data[0] & 1;
        c.roles_known = !c.midstream;
        c.side[data[0] >> 1 & 1].payload_bytes = data[0] & 4 ? UINT64_MAX / 2 : 0;
    }
    s->conn(s->ctx, &c, CONN_EVENT_OPENED, &at);
    for (size_t i = 1; i + 2 <= size;) {
        uint8_t op = data[i];
        size_t n = data[i + 1] + (op & 0x40 ? 64U : 0U);
        i += 2;
        at.packet++;
        at.ts_ns += (op >> 2) & 3;
        if (op & 0x10) {
            s->gap(s->ctx, &c, op & 1, n + 1, GAP_LOST, &at);
            continue;
        }
        n = n < size - i ? n : size - i;
        for (size_t k = 0, step = op & 0x20 ? 1 : n; k < n; k += step)
            s->data(s->ctx, &c, op & 1, data + i + k, step, &at);
        i += n;
    }
    for (int dir = 0; dir < DIR_COUNT; dir++)
        s->end(s->ctx, &c, (enum dir)dir, size ? data[0] % 4U : STREAM_END_FIN, &at);
    s->conn(s->ctx, &c, CONN_EVENT_GONE, &at);
    dissector_free(d);
    channel_life_finish();
    return 0;
}
