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

/* An answer that waits for its question finds no room, though nothing else is held: the question is
 * given up. */
Test(hold, without_room_what_is_next_in_order_does_not_wait)
{
    for (uint32_t before = 0; before < 2; before++) {
        world_finish(&w);
        world_init(&w, &(struct engine_config){.max_held_bytes = 1});
        world_handshake(&w);
        world_send(&w, CLIENT, 0, 0, "abc");
        world_clear(&w);
        world_send(&w, CLIENT, 3 - before, 5, before ? "cdef" : "def");
        expect_log("s:gap:5 c[def] ");
        cr_assert_eq(w.hit.count[LIMIT_ID_HELD_BYTES], 1);
    }
}

/* Joined in the middle: where the stream begins cannot be waited for. */
Test(hold, without_room_a_stream_begins_with_what_is_there)
{
    for (uint32_t quarter = 0; quarter < 4; quarter++) {
        world_finish(&w);
        world_init(&w, &(struct engine_config){.max_held_bytes = 1});
        w.isn[CLIENT] = 0x20000000 + quarter * 0x40000000;
        w.client_host = 11;
        world_send(&w, CLIENT, 0, 5, "abc");
        cr_assert_str_eq(strstr(w.log, "c["), "c[abc] ", "%s", w.log);
        cr_assert_gt(w.hit.count[LIMIT_ID_HELD_BYTES], 0);
    }
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

/* ---- the store alone */

/* What hold_find() promises, one segment after the other. */
static struct hold_segment *find_slowly(const struct hold *h, uint32_t seq)
{
    struct hold_segment *s = h->first;
    while (s && tcp_ahead(hold_end(s), seq) <= 0)
        s = s->next;
    return s;
}

#define STORED 4000
#define WRAPS  (UINT32_MAX - STORED) /* in the middle of what is stored */

/* Every second byte, in the order of a multiplication that visits all. */
static void store(struct reassembly *r, struct flow *f, uint32_t multiplier)
{
    for (uint32_t i = 0; i < STORED; i++) {
        uint32_t place = i * multiplier % STORED;
        struct tcp_segment seg = {
            .seq = WRAPS + 2 * place, .data = filler, .length_bytes = 1, .captured_bytes = 1};
        cr_assert_eq(hold_store(r, f, 0, &seg), HOLD_DONE);
    }
}

static void expect_found(const struct hold *h)
{
    for (uint32_t seq = WRAPS - 3; seq != WRAPS + 2 * STORED + 3; seq++)
        cr_assert_eq(hold_find(h, seq), find_slowly(h, seq));
}

Test(hold, segments_are_found_in_any_order)
{
    static const uint32_t multipliers[] = {1, 3, 1237, STORED - 1};
    for (size_t m = 0; m < sizeof(multipliers) / sizeof(*multipliers); m++) {
        struct limits_hit hit = {0};
        struct reassembly r = {.hit = &hit, .max_held_bytes = 1 << 20};
        struct flow f = {.hash = 12345};
        store(&r, &f, multipliers[m]);
        const struct hold *h = f.half[0].hold;
        cr_assert_eq(h->segments, STORED);
        cr_assert_not_null(h->lane[HOLD_LANES - 1]);
        expect_found(h);
        for (uint32_t i = 0; i < STORED / 2; i++)
            free(hold_pop(&r, f.half[0].hold));
        expect_found(h);
        hold_free(&r, &f, 0);
        cr_assert_eq(r.held_bytes, 0);
        deadline_fini(&r.deadlines);
    }
}

/* A lane that passes hardly anything, or everything, helps nobody: of 4000, about 250 and 16. */
Test(hold, lanes_thin_out)
{
    struct limits_hit hit = {0};
    struct reassembly r = {.hit = &hit, .max_held_bytes = 1 << 20};
    struct flow f = {.hash = 12345};
    uint32_t passes[HOLD_LANES] = {0};
    store(&r, &f, STORED - 1);
    for (int lane = 0; lane < HOLD_LANES; lane++) {
        for (const struct hold_segment *s = f.half[0].hold->lane[lane]; s; s = s->lane[lane])
            passes[lane]++;
    }
    cr_assert(passes[0] > 150 && passes[0] < 400, "%u", passes[0]);
    cr_assert(passes[1] > 4 && passes[1] < 40, "%u", passes[1]);
    hold_free(&r, &f, 0);
    deadline_fini(&r.deadlines);
}
