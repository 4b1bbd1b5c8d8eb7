/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One direction of a connection against a model. The input describes segments of a known stream:
 * where, how long, how much the snap length left, when, whether the peer acknowledged. The model
 * knows which bytes were captured; whatever the engine delivers must be the stream's bytes at the
 * right place, and nothing that was captured before its place was given up may be missing.
 */
#define WORLD_CONNS 128
#include "tests/capture/engine_world.h"
#include "tests/support/packets.c" /* fuzz targets link with the rooms alone */

enum { MODEL_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct world w;
static uint8_t stream[MODEL_BYTES];
static bool seen[MODEL_BYTES];     /* captured, while it was not given up */
static bool seen_cut[MODEL_BYTES]; /* passed by, cut off by the snap length */
static uint32_t place;

static void on_data(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at)
{
    world_on_data(ctx, c, dir, bytes, n, at);
    require(dir == DIR_C2S && place + n <= MODEL_BYTES);
    require(memcmp(bytes, stream + place, n) == 0);
    for (size_t i = 0; i < n; i++)
        require(seen[place + i]);
    place += (uint32_t)n;
}

static void on_gap(void *ctx, struct conn *c, enum dir dir, uint64_t n, enum gap_reason reason,
                   const struct stream_pos *at)
{
    world_on_gap(ctx, c, dir, n, reason, at);
    require(dir == DIR_C2S && place + n <= MODEL_BYTES);
    for (size_t i = 0; i < n; i++) {
        if (reason == GAP_LOST)
            require(!seen[place + i] && !seen_cut[place + i]);
        else
            require(seen_cut[place + i]);
    }
    place += (uint32_t)n;
}

static void send_segment(struct cursor *in)
{
    uint16_t at = cursor_be16(in) % MODEL_BYTES;
    uint16_t length = cursor_u8(in);
    uint8_t how = cursor_u8(in);
    if (at + length > MODEL_BYTES)
        length = (uint16_t)(MODEL_BYTES - at);
    uint32_t captured = how & 1 ? length / 2u : length;
    if (how & 2)
        w.now_ns += (int64_t)(how >> 4) * SECOND / 4;
    world_tick(&w, w.now_ns); /* holes whose time is over go before the segment comes */
    for (uint32_t i = at < place ? place : at; i < (uint32_t)at + length; i++)
        *(i < at + captured ? &seen[i] : &seen_cut[i]) = true;
    w.snap_bytes = captured + 54;
    struct world_segment s = {.flags = TCP_ACK,
                              .seq = w.isn[CLIENT] + 1 + at,
                              .ack = w.isn[SERVER] + 1,
                              .data = stream + at,
                              .n = length};
    world_segment(&w, &s);
    w.snap_bytes = 0;
    if (how & 4)
        world_flags(&w, SERVER, 0, at, TCP_ACK);
    if (how & 8)
        world_tick(&w, w.now_ns + SECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cursor in = cursor_make(data, n);
    for (uint32_t i = 0; i < MODEL_BYTES; i++)
        stream[i] = (uint8_t)(i * 7 + i / 256);
    memset(seen, 0, sizeof(seen));
    memset(seen_cut, 0, sizeof(seen_cut));
    place = 0;
    world_init(&w, &(struct engine_config){.max_flows = 8, .max_held_bytes = cursor_u8(&in) * 64u});
    w.sink.data = on_data;
    w.sink.gap = on_gap;
    w.quiet = true;
    w.isn[CLIENT] = 0u - cursor_be16(&in) % MODEL_BYTES;
    world_handshake(&w);
    while (cursor_left(&in) > 0)
        send_segment(&in);
    world_finish(&w);
    for (uint32_t i = place; i < MODEL_BYTES; i++)
        require(!seen[i] && !seen_cut[i]);
    return 0;
}
