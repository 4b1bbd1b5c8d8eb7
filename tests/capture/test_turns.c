/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of several buffers come in the order of time: by cases, and by a model of a kernel that
 * hands over blocks late. */
#include "capture/turns.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(turns, .timeout = 60);

#define HOLD 80

Test(turns, one_buffer_waits_for_nobody)
{
    struct turns t;
    turns_init(&t, 1, HOLD);
    cr_assert_eq(turns_next(&t), -1);
    turns_clock(&t, 1000);
    turns_ready(&t, 0, 999);
    cr_assert_eq(turns_next(&t), 0);
    turns_empty(&t, 0);
    cr_assert_eq(turns_next(&t), -1);
    cr_assert_eq(turns_due_in_ns(&t), INT64_MAX);
}

Test(turns, the_earliest_is_first)
{
    struct turns t;
    turns_init(&t, 4, HOLD);
    turns_clock(&t, 1000);
    turns_ready(&t, 0, 900);
    turns_ready(&t, 1, 850);
    turns_ready(&t, 2, 950);
    turns_ready(&t, 3, 850);
    cr_assert_eq(turns_next(&t), 1);
    turns_ready(&t, 1, 901);
    cr_assert_eq(turns_next(&t), 3);
    turns_ready(&t, 3, 902);
    cr_assert_eq(turns_next(&t), 0);
}

Test(turns, a_packet_is_kept_until_none_before_it_can_come)
{
    struct turns t;
    turns_init(&t, 2, HOLD);
    turns_clock(&t, 1000);
    turns_ready(&t, 0, 1000);
    cr_assert_eq(turns_next(&t), -1, "1 was not asked yet");
    cr_assert_eq(turns_due_in_ns(&t), HOLD);
    turns_empty(&t, 1);
    cr_assert_eq(turns_next(&t), -1);
    turns_clock(&t, 1000 + HOLD - 1);
    turns_empty(&t, 1);
    cr_assert_eq(turns_next(&t), -1);
    cr_assert_eq(turns_due_in_ns(&t), 1);
    turns_clock(&t, 1000 + HOLD);
    cr_assert_eq(turns_next(&t), -1, "1 was not asked again");
    cr_assert_eq(turns_due_in_ns(&t), 0);
    turns_empty(&t, 1);
    cr_assert_eq(turns_next(&t), 0);
}

Test(turns, a_packet_is_kept_until_a_later_one_shows)
{
    struct turns t;
    turns_init(&t, 2, HOLD);
    turns_clock(&t, 1000);
    turns_ready(&t, 0, 1000);
    turns_empty(&t, 1);
    cr_assert_eq(turns_next(&t), -1);
    turns_clock(&t, 1001);
    turns_ready(&t, 1, 1001);
    cr_assert_eq(turns_next(&t), 0);
}

Test(turns, nothing_is_kept_when_buffers_come_to_an_end)
{
    struct turns t;
    turns_init(&t, 2, HOLD);
    turns_clock(&t, 1000);
    turns_ready(&t, 0, 1000);
    turns_hurry(&t);
    turns_empty(&t, 1);
    cr_assert_eq(turns_next(&t), 0);
}

/* What was stamped before the clock was set back neither waits until the clock is there again, nor
 * behind all that comes meanwhile. */
Test(turns, the_clock_is_set_back)
{
    struct turns t;
    turns_init(&t, 2, HOLD);
    turns_clock(&t, 1000000);
    turns_ready(&t, 0, 1000000);
    turns_empty(&t, 1);
    turns_clock(&t, 5000);
    turns_empty(&t, 1);
    cr_assert_eq(turns_due_in_ns(&t), HOLD);
    turns_clock(&t, 5000 + HOLD);
    turns_ready(&t, 1, 5000 + HOLD);
    cr_assert_eq(turns_next(&t), 0);
    turns_ready(&t, 0, 1000001); /* seen only now */
    cr_assert_eq(t.of[0].at_ns, 5000 + HOLD);
    cr_assert_eq(turns_next(&t), 0);
}

Test(turns, any_time_is_taken)
{
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    struct turns t;
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < 7; k++) {
            turns_init(&t, 2, HOLD);
            turns_clock(&t, times[i]);
            turns_empty(&t, 1);
            turns_ready(&t, 0, times[k]);
            cr_assert(turns_due_in_ns(&t) >= 0);
            cr_assert_lt(turns_next(&t), 1);
        }
    }
}

/* ---- the model ---- */

#define PACKETS 400
#define LATE    50 /* a block is handed over that much after its first packet at the latest */

struct model {
    struct {
        int64_t at, shown; /* stamped; handed over */
        uint32_t buffer;
    } packets[PACKETS];
    uint32_t read[TURNS_MAX]; /* the next packet to look at */
    unsigned seed;
};

static uint32_t draw(struct model *m, uint32_t below)
{
    return (uint32_t)rand_r(&m->seed) % below;
}

/* Packets in order of time, with pauses, shared out unevenly; and blocks that end when they are
 * full, or late. */
static void make(struct model *m, uint32_t count)
{
    int64_t now = 1000, ends[TURNS_MAX] = {0};
    uint32_t left[TURNS_MAX] = {0}, favourite = draw(m, count);
    for (uint32_t i = 0; i < PACKETS; i++) {
        now += draw(m, 20) == 0 ? draw(m, 300) : draw(m, 4);
        uint32_t b = draw(m, 3) ? favourite : draw(m, count);
        m->packets[i].at = now;
        m->packets[i].buffer = b;
        if (left[b] == 0 || ends[b] <= now) {
            left[b] = 1 + draw(m, 6);
            ends[b] = now + 1 + draw(m, LATE);
        }
        left[b]--;
        m->packets[i].shown = ends[b];
        for (uint32_t k = i; left[b] == 0 && k-- > 0;) { /* full: the block is handed over now */
            if (m->packets[k].buffer == b && m->packets[k].shown == ends[b])
                m->packets[k].shown = now;
        }
        if (left[b] == 0)
            m->packets[i].shown = ends[b] = now;
    }
}

/* Shows turns what a buffer has now; returns the packet or -1. */
static int ask(struct model *m, struct turns *t, uint32_t b, int64_t now)
{
    uint32_t i = m->read[b];
    while (i < PACKETS && m->packets[i].buffer != b)
        i++;
    m->read[b] = i;
    if (i < PACKETS && m->packets[i].shown <= now) {
        turns_ready(t, b, m->packets[i].at);
        return (int)i;
    }
    turns_empty(t, b);
    return -1;
}

/* Looks from time to time, and takes what it may: all packets come, in order, and in time. */
static void run(struct model *m, uint32_t count)
{
    struct turns t;
    turns_init(&t, count, LATE);
    int64_t now = 0;
    uint32_t seen = 0;
    for (; seen < PACKETS && now < 100000; now += 1 + draw(m, 40)) {
        turns_clock(&t, now);
        for (uint32_t b = 0; b < count; b++) {
            if (!t.of[b].ready)
                ask(m, &t, b, now);
        }
        int b;
        while ((b = turns_next(&t)) >= 0) {
            uint32_t i = m->read[b]++;
            cr_assert_eq(m->packets[i].at, m->packets[seen].at, "%u before %u", i, seen);
            cr_assert_leq(now - m->packets[i].at, LATE + 40 + 1);
            seen++;
            ask(m, &t, (uint32_t)b, now);
        }
        cr_assert(seen == PACKETS || turns_due_in_ns(&t) > 0, "kept for nothing");
    }
    cr_assert_eq(seen, PACKETS);
}

Test(turns, late_blocks_come_in_order)
{
    static struct model m;
    for (unsigned seed = 0; seed < 2000; seed++) {
        memset(&m, 0, sizeof(m));
        m.seed = seed;
        uint32_t count = 1 + seed % TURNS_MAX;
        make(&m, count);
        run(&m, count);
    }
}
