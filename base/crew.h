/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_CREW_H
#define BASE_CREW_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Threads that share work which comes in slots (batches) and has four steps:
 *
 *   prepare different slots at the same time, begun one after the other: what can be done before it
 *           is known what the slots before it hold
 *   fill    one slot after the other, one thread at a time, by the thread that prepared it
 *   work    each shard of a slot by itself, a shard's slots one after the other; the shards of a
 *           slot, and different slots of different shards, at the same time
 *   settle  one slot after the other, one thread at a time, when all its shards are done
 *
 * A thread works on the slots that it filled, which are in its processor's caches, one shard behind
 * the thread that filled the slot before; while it cannot, it fills another slot, or works on one
 * that another thread filled. The caller settles, whose caches then hold what settling needs;
 * another thread does while the caller fills, if there is nothing else. So no thread waits for
 * longer than a piece takes while anything can be done, and no more slots are under way than there
 * are. What a step wrote is seen by the steps that follow it. No order
 * among threads reaches the results, as long as fill, work of a shard, and settle share nothing but
 * the slot, and what a slot is filled with does not depend on whether it was prepared.
 */

enum crew_fill {
    CREW_FILLED,
    CREW_END /* the slot stays unused: there will be no more */
};

struct crew_job {
    void *ctx;
    uint32_t shards;   /* at most CREW_SHARDS */
    uint32_t slots;    /* at most CREW_SLOTS; more than one, for threads to be of use */
    bool caller_fills; /* no other thread does: it may wait for long, and be interrupted */
    /* NULL: nothing can be. number: of the slot, counted on from 0. A slot that was prepared may
     * never be filled: behind the end. With one thread it is not called. */
    void (*prepare)(void *ctx, uint32_t slot, uint64_t number);
    enum crew_fill (*fill)(void *ctx, uint32_t slot);
    void (*work)(void *ctx, uint32_t slot, uint32_t shard);
    bool (*settle)(void *ctx, uint32_t slot); /* false: fill no more; what is filled is done */
};

#define CREW_SHARDS  64
#define CREW_SLOTS   64
#define CREW_THREADS 64

/* Does the job with that many threads, the caller being one of them, and returns when all that was
 * filled is settled. Threads that cannot be had are done without; signals go to the caller. */
void crew_run(const struct crew_job *job, uint32_t threads);

/* The processors that this process may use; at least 1. */
uint32_t crew_processors(void);

#endif
