/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of any kind through link, ip, fragment, tcp and the rest of the engine. The input is a row
 * of frames: link type, length, snap length, time step, bytes. Besides not crashing, every
 * connection must be told of in the order that stream.h promises.
 */
#define WORLD_CONNS 128
#include "tests/capture/engine_world.h"
#include "tests/support/packets.c" /* fuzz targets link with the rooms alone */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int link_types[] = {LINK_ETHERNET, LINK_RAW,  LINK_SLL,  LINK_SLL2,
                                 LINK_NULL,     LINK_LOOP, LINK_IPV4, LINK_IPV6};

static struct world w;

static void feed(struct cursor *in)
{
    uint8_t kind = cursor_u8(in);
    uint16_t length = cursor_be16(in) & 0x3ff;
    uint8_t beyond = cursor_u8(in);
    uint8_t step = cursor_u8(in);
    if (length > cursor_left(in))
        length = (uint16_t)cursor_left(in);
    const uint8_t *bytes = cursor_take(in, length);
    uint8_t *exact = malloc(length + 1u);
    memcpy(exact, bytes, length);
    w.now_ns += (int64_t)(int8_t)step * (kind & 8 ? SECOND : MS);
    uint32_t wire = length + (kind & 16 ? (uint32_t)beyond << 24 : kind & 32 ? beyond : 0u);
    struct packet p = {exact, length, wire, w.now_ns, ++w.number, link_types[kind & 7]};
    world_packet(&w, &p);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cursor in = cursor_make(data, n);
    world_init(&w, &(struct engine_config){.max_flows = 8, .max_held_bytes = 4096});
    w.beyond_end = true;
    w.snap_bytes = 1; /* frames may claim any length */
    while (cursor_left(&in) > 0 && w.number < WORLD_CONNS - 2)
        feed(&in);
    world_finish(&w);
    return 0;
}
