/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly of whole conversations: any order, any loss, memory short at any time. */
#include "capture/reassembly.h"
#include "tests/capture/engine_world.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

static struct world w;

static void setup(void)
{
    world_init(&w, NULL);
}

static void teardown(void)
{
    world_finish(&w);
}

TestSuite(reassembly_random, .init = setup, .fini = teardown);

enum { STREAM_BYTES = 20000, SEGMENTS_MAX = 800 };

struct planned {
    struct world_segment segment;
    int64_t at_ns;
    bool lost;
};

static uint64_t random_state = 1;

static uint32_t next_random(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % below);
}

static uint8_t stream[2][STREAM_BYTES];
static struct planned plan[SEGMENTS_MAX];
static uint32_t plan_count;

static struct planned *add(int side, uint32_t seq, uint32_t ack, uint8_t flags)
{
    struct planned *p = &plan[plan_count];
    *p = (struct planned){.segment = {.side = side,
                                      .flags = flags,
                                      .seq = w.isn[side] + 1 + seq,
                                      .ack = (flags & TCP_ACK) ? w.isn[!side] + 1 + ack : 0},
                          .at_ns = 1000 * SECOND + plan_count * MS};
    plan_count++;
    return p;
}

/* A conversation: handshake, segments of any size in both directions, close. */
static void make_plan(void)
{
    uint32_t at[2] = {0, 0};
    plan_count = 0;
    w.isn[CLIENT] = 0u - next_random(STREAM_BYTES);
    w.isn[SERVER] = 0u - next_random(STREAM_BYTES);
    add(CLIENT, (uint32_t)-1, 0, TCP_SYN);
    add(SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    add(CLIENT, 0, 0, TCP_ACK);
    while (at[CLIENT] < STREAM_BYTES || at[SERVER] < STREAM_BYTES) {
        int side = next_random(2) ? CLIENT : SERVER;
        uint32_t n = 2 + next_random(200);
        if (n > STREAM_BYTES - at[side])
            n = STREAM_BYTES - at[side];
        struct planned *p = add(side, at[side], at[!side], TCP_ACK);
        p->segment.data = stream[side] + at[side];
        p->segment.n = n;
        at[side] += n;
    }
    add(CLIENT, STREAM_BYTES, STREAM_BYTES, TCP_FIN | TCP_ACK);
    add(SERVER, STREAM_BYTES, STREAM_BYTES + 1, TCP_FIN | TCP_ACK);
    add(CLIENT, STREAM_BYTES + 1, STREAM_BYTES + 1, TCP_ACK);
}

/* Moves a fifth of the segments by some places, duplicates some, after the first `fixed`. */
static void shuffle_plan(uint32_t fixed, bool duplicate)
{
    for (uint32_t i = fixed; i < plan_count; i++) {
        if (next_random(5) != 0)
            continue;
        uint32_t to = i + 1 + next_random(8);
        if (to >= plan_count)
            to = plan_count - 1;
        struct planned moved = plan[i];
        memmove(&plan[i], &plan[i + 1], (to - i) * sizeof(moved));
        plan[to] = moved;
    }
    for (uint32_t i = 0; duplicate && i < 30 && plan_count < SEGMENTS_MAX; i++) {
        uint32_t from = next_random(plan_count);
        memmove(&plan[from + 1], &plan[from], (plan_count - from) * sizeof(plan[0]));
        plan_count++;
    }
}

static void run_plan(void)
{
    for (uint32_t i = 0; i < plan_count; i++) {
        w.now_ns = plan[i].at_ns;
        if (!plan[i].lost)
            world_segment(&w, &plan[i].segment);
    }
    world_finish(&w);
}

static void renew(uint64_t seed)
{
    world_finish(&w);
    world_init(&w, NULL);
    w.quiet = true;
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 2 * STREAM_BYTES; i++)
        stream[i / STREAM_BYTES][i % STREAM_BYTES] = (uint8_t)(1 + next_random(255));
    make_plan();
}

Test(reassembly_random, shuffled_and_duplicated_is_the_same_stream)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        renew(seed);
        shuffle_plan(0, seed % 2);
        run_plan();
        cr_assert_eq(w.gone, 1, "seed %llu", (unsigned long long)seed);
        for (int side = 0; side < 2; side++) {
            cr_assert_eq(w.n[side], STREAM_BYTES, "seed %llu", (unsigned long long)seed);
            cr_assert_arr_eq(w.bytes[side], stream[side], STREAM_BYTES);
            cr_assert_eq(w.last.side[side].lost_bytes, 0);
            cr_assert_eq(w.last.side[side].overlap_conflicts, 0);
        }
        cr_assert(strstr(w.log, "c:end:fin") && strstr(w.log, "s:end:fin"));
    }
}

/* A lost segment is a gap of its size in its place, unless a copy of it was captured. */
Test(reassembly_random, loss_gives_exact_gaps_and_never_wrong_bytes)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        renew(seed);
        static uint8_t expected[2][STREAM_BYTES];
        memcpy(expected, stream, sizeof(stream));
        uint64_t lost[2] = {0, 0};
        for (uint32_t i = 3; i < plan_count - 3; i++) {
            const struct world_segment *s = &plan[i].segment;
            if (next_random(10) != 0)
                continue;
            plan[i].lost = true;
            lost[s->side] += s->n;
            memset(expected[s->side] + ((const uint8_t *)s->data - stream[s->side]), 0, s->n);
        }
        shuffle_plan(3, false);
        run_plan();
        cr_assert_eq(w.gone, 1);
        for (int side = 0; side < 2; side++) {
            cr_assert_eq(w.n[side], STREAM_BYTES);
            cr_assert_arr_eq(w.bytes[side], expected[side], STREAM_BYTES);
            cr_assert_eq(w.last.side[side].lost_bytes, lost[side]);
            cr_assert_eq(w.last.side[side].payload_bytes, STREAM_BYTES - lost[side]);
        }
    }
}

Test(reassembly_random, memory_short_at_any_time_gives_gaps_and_never_wrong_bytes)
{
    for (uint64_t n = 1;; n++) {
        renew(7);
        shuffle_plan(0, true);
        fail_alloc_at(n);
        for (uint32_t i = 0; i < plan_count; i++) {
            w.now_ns = plan[i].at_ns;
            world_segment(&w, &plan[i].segment);
        }
        world_finish(&w);
        bool failed = fail_alloc_stop();
        for (int side = 0; side < 2; side++)
            for (size_t i = 0; w.gone == 1 && i < w.n[side]; i++)
                cr_assert(w.bytes[side][i] == stream[side][i] || w.bytes[side][i] == 0);
        if (!failed)
            break;
        n += n / 8; /* every one at first, then ever fewer: most do the same */
    }
}
