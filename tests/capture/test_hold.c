/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/hold.h"
#include "tests/capture/engine_world.h"
#include <criterion/criterion.h>

static struct world w;

static void setup(void)
{
    world_init(&w, NULL);
    world_handshake(&w);
    world_clear(&w);
}

static void teardown(void)
{
    world_finish(&w);
}

TestSuite(hold, .init = setup, .fini = teardown);

#define expect_log(text) cr_assert_str_eq(w.log, text)

static uint8_t filler[60000];

static void send_filler(uint32_t seq, size_t n)
{
    world_segment(&w, &(struct world_segment){.flags = TCP_ACK,
                                              .seq = CLIENT_ISN + 1 + seq,
                                              .ack = SERVER_ISN + 1,
                                              .data = filler,
                                              .n = n});
}

Test(hold, held_bytes_of_a_direction_are_capped)
{
    w.quiet = true;
    for (uint32_t i = 0; i < 17; i++)
        send_filler(1 + i * 60000, 60000);
    expect_log("");
    send_filler(1 + 17 * 60000, 60000);
    expect_log("c:gap:1 ");
    cr_assert_eq(w.hit.count[LIMIT_ID_HELD_CONNECTION_BYTES], 1);
    cr_assert_eq(w.n[CLIENT], 1 + 18 * 60000);
}

Test(hold, held_segments_of_a_direction_are_capped)
{
    w.quiet = true;
    for (uint32_t i = 0; i < LIMIT_HELD_SEGMENTS; i++)
        send_filler(1 + 2 * i, 1);
    expect_log("");
    send_filler(1 + 2 * LIMIT_HELD_SEGMENTS, 1);
    expect_log("c:gap:1 ");
    cr_assert_eq(w.hit.count[LIMIT_ID_HELD_SEGMENTS], 1);
    world_finish(&w);
    cr_assert_eq(w.n[CLIENT], 2 * (LIMIT_HELD_SEGMENTS + 1));
}

Test(hold, held_bytes_of_all_are_capped_and_the_oldest_hole_goes)
{
    world_finish(&w);
    world_init(&w, &(struct engine_config){.max_held_bytes = 100000});
    w.client_host = 11;
    world_handshake(&w);
    send_filler(1, 50000);
    w.client_host = 12;
    world_handshake(&w);
    world_clear(&w);
    w.quiet = true;
    send_filler(2, 40000);
    send_filler(2 + 40000, 40000);
    expect_log("c:gap:1 ");
    cr_assert_eq(w.n[CLIENT], 50001);
    cr_assert_eq(w.hit.count[LIMIT_ID_HELD_BYTES], 1);
    send_filler(2 + 80000, 40000);
    expect_log("c:gap:1 c:gap:2 ");
    cr_assert_eq(w.n[CLIENT], 50001 + 2 + 120000);
}

Test(hold, segment_larger_than_all_memory)
{
    world_finish(&w);
    world_init(&w, &(struct engine_config){.max_held_bytes = 1000});
    world_handshake(&w);
    world_clear(&w);
    w.quiet = true;
    send_filler(5, 2000);
    expect_log("c:gap:5 ");
    cr_assert_eq(w.n[CLIENT], 2005);
}
