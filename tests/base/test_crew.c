/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/crew.h"
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define SHARDS 4
#define MOST   500

/* Each slot holds a number; each shard writes what it makes of that and of its own past; settle
 * adds all up in order. */
struct toy {
    uint32_t count, stop_at;
    uint32_t filled, settled;
    uint64_t number[CREW_SLOTS];
    uint64_t made[CREW_SLOTS][SHARDS];
    uint64_t past[SHARDS];
    uint64_t sum;
    bool in_slot[CREW_SLOTS];
    pthread_t preparer[MOST + CREW_SLOTS]; /* by number */
    atomic_bool prepared[MOST + CREW_SLOTS];
    atomic_uint preparing, most_preparing;
    bool prepares;
    atomic_int fillers, settlers, workers[SHARDS];
    pthread_t caller;
    bool by_caller, stranger;
};

/* The first stays until another one comes, for ten seconds at most. */
static void prepare(void *ctx, uint32_t slot, uint64_t number)
{
    struct toy *t = ctx;
    cr_assert_lt(number, MOST + CREW_SLOTS);
    cr_assert(!t->in_slot[slot], "a slot is not prepared before it was settled");
    t->preparer[number] = pthread_self();
    cr_assert_not(atomic_exchange(&t->prepared[number], true), "once");
    unsigned now = atomic_fetch_add(&t->preparing, 1) + 1;
    for (int i = 0; i < 10000 && atomic_load(&t->most_preparing) < 2; i++) {
        if (now > atomic_load(&t->most_preparing))
            atomic_store(&t->most_preparing, now);
        now = atomic_load(&t->preparing);
        if (now < 2)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    atomic_fetch_sub(&t->preparing, 1);
}

static enum crew_fill fill(void *ctx, uint32_t slot)
{
    struct toy *t = ctx;
    cr_assert_eq(atomic_fetch_add(&t->fillers, 1), 0, "one at a time");
    if (!pthread_equal(pthread_self(), t->caller))
        t->stranger = true;
    if (t->prepares) {
        cr_assert(atomic_load(&t->prepared[t->filled]));
        cr_assert(pthread_equal(pthread_self(), t->preparer[t->filled]), "by the same thread");
    }
    bool more = t->filled < t->count;
    if (more) {
        cr_assert(!t->in_slot[slot], "a slot is not filled before it was settled");
        t->in_slot[slot] = true;
        t->number[slot] = t->filled++;
    }
    atomic_fetch_sub(&t->fillers, 1);
    return more ? CREW_FILLED : CREW_END;
}

static void work(void *ctx, uint32_t slot, uint32_t shard)
{
    struct toy *t = ctx;
    cr_assert_eq(atomic_fetch_add(&t->workers[shard], 1), 0, "one at a time");
    t->past[shard] = t->past[shard] * 31 + t->number[slot] + shard;
    t->made[slot][shard] = t->past[shard];
    for (volatile int i = 0; i < (int)(t->number[slot] * (shard + 1) % 97) * 20; i++)
        continue;
    atomic_fetch_sub(&t->workers[shard], 1);
}

static bool settle(void *ctx, uint32_t slot)
{
    struct toy *t = ctx;
    cr_assert_eq(atomic_fetch_add(&t->settlers, 1), 0, "one at a time");
    cr_assert_eq(t->number[slot], t->settled, "in the order they were filled");
    for (uint32_t i = 0; i < SHARDS; i++)
        t->sum = t->sum * 7 + t->made[slot][i];
    t->in_slot[slot] = false;
    t->settled++;
    atomic_fetch_sub(&t->settlers, 1);
    return t->settled != t->stop_at;
}

static void run(struct toy *t, uint32_t threads, uint32_t slots)
{
    struct crew_job job = {.ctx = t,
                           .shards = SHARDS,
                           .slots = slots,
                           .caller_fills = t->by_caller,
                           .prepare = t->prepares ? prepare : NULL,
                           .fill = fill,
                           .work = work,
                           .settle = settle};
    t->caller = pthread_self();
    crew_run(&job, threads);
}

Test(crew, any_number_of_threads_does_the_same)
{
    static struct toy expected, t;
    expected.count = MOST;
    run(&expected, 1, 1);
    cr_assert_eq(expected.settled, MOST);
    for (uint32_t threads = 1; threads <= 9; threads++) {
        for (uint32_t slots = 1; slots <= 8; slots += 3) {
            memset(&t, 0, sizeof(t));
            t.count = MOST;
            run(&t, threads, slots);
            cr_assert_eq(t.settled, MOST);
            cr_assert_eq(t.sum, expected.sum);
        }
    }
}

Test(crew, slots_are_prepared_at_the_same_time)
{
    static struct toy expected, t;
    expected.count = MOST;
    run(&expected, 1, 1);
    for (uint32_t threads = 2; threads <= 6; threads++) {
        memset(&t, 0, sizeof(t));
        t.count = MOST;
        t.prepares = true;
        run(&t, threads, 2 * threads);
        cr_assert_eq(t.sum, expected.sum);
        cr_assert_geq(t.most_preparing, 2);
    }
}

Test(crew, nothing_to_do)
{
    for (uint32_t threads = 0; threads <= 3; threads++) {
        static struct toy t;
        run(&t, threads, 4);
        cr_assert_eq(t.settled, 0);
    }
}

Test(crew, whoever_settles_may_stop_it_and_nothing_that_was_filled_is_left)
{
    for (uint32_t threads = 1; threads <= 4; threads++) {
        static struct toy t;
        t = (struct toy){.count = MOST, .stop_at = 20, .prepares = threads > 1};
        run(&t, threads, 6);
        cr_assert_geq(t.settled, 20);
        cr_assert_leq(t.settled, 20 + 6);
        cr_assert_eq(t.settled, t.filled);
    }
}

Test(crew, only_the_caller_fills_if_asked_for)
{
    struct toy t = {.count = MOST, .by_caller = true};
    run(&t, 4, 6);
    cr_assert_eq(t.settled, MOST);
    cr_assert(!t.stranger);
}

Test(crew, there_is_a_processor)
{
    cr_assert_geq(crew_processors(), 1);
}
