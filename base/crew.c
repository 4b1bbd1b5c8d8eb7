/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One lock guards what is done and what is under way; it is taken twice for each piece of work, of
 * which there are a few in a batch, never for a packet. Slots are numbered on and on; slot n lies
 * in place n % slots.
 *
 * Who finds nothing to do waits until somebody has finished a piece.
 */
#define _GNU_SOURCE
#include "crew.h"
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

struct crew {
    const struct crew_job *job;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t idle; /* threads that wait */
    uint64_t filled, settled;
    uint64_t worked[CREW_SHARDS]; /* slots that a shard is done with */
    bool busy[CREW_SHARDS];
    bool filling, settling, ended;
};

enum step { STEP_NONE, STEP_FILL, STEP_WORK, STEP_SETTLE };

struct piece {
    enum step step;
    uint32_t shard;
    uint64_t number; /* of the slot */
};

static bool settle_ready(const struct crew *c)
{
    if (c->settling || c->settled == c->filled)
        return false;
    for (uint32_t i = 0; i < c->job->shards; i++) {
        if (c->worked[i] <= c->settled)
            return false;
    }
    return true;
}

/* The shard with the oldest slot to work on; of equals, the first from `from` on. -1: none. */
static int next_shard(const struct crew *c, uint32_t from)
{
    int best = -1;
    for (uint32_t i = 0; i < c->job->shards; i++) {
        uint32_t shard = (from + i) % c->job->shards;
        if (c->busy[shard] || c->worked[shard] == c->filled)
            continue;
        if (best < 0 || c->worked[shard] < c->worked[best])
            best = (int)shard;
    }
    return best;
}

/* Takes what the thread with that number can do next. */
static struct piece take(struct crew *c, uint32_t thread, uint32_t threads)
{
    if (settle_ready(c)) {
        c->settling = true;
        return (struct piece){STEP_SETTLE, 0, c->settled};
    }
    int shard = next_shard(c, thread * c->job->shards / threads);
    if (shard >= 0) {
        c->busy[shard] = true;
        return (struct piece){STEP_WORK, (uint32_t)shard, c->worked[shard]};
    }
    if (!c->filling && !c->ended && c->filled - c->settled < c->job->slots &&
        (thread == 0 || !c->job->caller_fills)) {
        c->filling = true;
        return (struct piece){STEP_FILL, 0, c->filled};
    }
    return (struct piece){STEP_NONE, 0, 0};
}

/* Does a piece, without the lock, and notes it. */
static void finish(struct crew *c, const struct piece *p)
{
    const struct crew_job *job = c->job;
    uint32_t slot = (uint32_t)(p->number % job->slots);
    bool more = true;
    pthread_mutex_unlock(&c->lock);
    if (p->step == STEP_FILL)
        more = job->fill(job->ctx, slot) == CREW_FILLED;
    else if (p->step == STEP_WORK)
        job->work(job->ctx, slot, p->shard);
    else
        more = job->settle(job->ctx, slot);
    pthread_mutex_lock(&c->lock);
    if (!more)
        c->ended = true;
    if (p->step == STEP_FILL) {
        c->filling = false;
        c->filled += more;
    } else if (p->step == STEP_WORK) {
        c->busy[p->shard] = false;
        c->worked[p->shard]++;
    } else {
        c->settling = false;
        c->settled++;
    }
    if (c->idle > 0)
        pthread_cond_broadcast(&c->changed);
}

static bool all_done(const struct crew *c)
{
    return c->ended && !c->filling && c->settled == c->filled;
}

static void toil(struct crew *c, uint32_t thread, uint32_t threads)
{
    pthread_mutex_lock(&c->lock);
    while (!all_done(c)) {
        struct piece p = take(c, thread, threads);
        if (p.step != STEP_NONE) {
            finish(c, &p);
            continue;
        }
        c->idle++;
        pthread_cond_wait(&c->changed, &c->lock);
        c->idle--;
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

struct hand {
    struct crew *crew;
    uint32_t number, threads;
    pthread_t thread;
};

static void *hand_main(void *hand)
{
    const struct hand *h = hand;
    toil(h->crew, h->number, h->threads);
    return NULL;
}

static void run_alone(const struct crew_job *job)
{
    while (job->fill(job->ctx, 0) == CREW_FILLED && job->alone(job->ctx, 0))
        continue;
}

void crew_run(const struct crew_job *job, uint32_t threads)
{
    assert(job->shards > 0 && job->shards <= CREW_SHARDS && job->slots <= CREW_SLOTS);
    if (threads > CREW_THREADS)
        threads = CREW_THREADS;
    if (threads <= 1) {
        run_alone(job);
        return;
    }
    struct crew crew = {.job = job};
    struct hand hands[CREW_THREADS];
    pthread_mutex_init(&crew.lock, NULL);
    pthread_cond_init(&crew.changed, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    uint32_t started = 1;
    for (uint32_t i = 1; i < threads; i++) {
        hands[started] = (struct hand){.crew = &crew, .number = started, .threads = threads};
        if (pthread_create(&hands[started].thread, NULL, hand_main, &hands[started]) == 0)
            started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    toil(&crew, 0, threads);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(hands[i].thread, NULL);
    pthread_cond_destroy(&crew.changed);
    pthread_mutex_destroy(&crew.lock);
}

uint32_t crew_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (uint32_t)n : 1;
}
