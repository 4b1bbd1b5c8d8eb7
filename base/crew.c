/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One lock guards what is done and what is under way; it is taken twice for each piece of work, of
 * which there are a few in a batch, never for a packet. Slots are numbered on and on; slot n lies
 * in place n % slots.
 *
 * Who finds nothing to do looks for a moment whether somebody finishes a piece, since to sleep and
 * be woken takes longer than most pieces do, and then sleeps until then.
 */
#define _GNU_SOURCE
#include "crew.h"
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

/* Slots that a thread filled and that are not worked on yet, or not wholly: one in hand, and one
 * ahead for the time when the other has to wait. */
#define OWN_SLOTS 2u

/* This thread settles, or who has nothing else to do while it fills: what settling needs of all
 * slots stays in one processor's caches. */
#define SETTLER 0u

#define NO_SLOT UINT64_MAX

#define GLANCES 5000 /* 50 to 250 microseconds: processors differ in what a pause is */

struct crew {
    const struct crew_job *job;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_uint changes; /* pieces finished */
    uint32_t idle;       /* threads that sleep */
    uint64_t begun, filled, settled;
    uint64_t worked[CREW_SHARDS]; /* slots that a shard is done with */
    bool busy[CREW_SHARDS];
    uint32_t filler[CREW_SLOTS]; /* the thread that filled it */
    uint32_t left[CREW_SLOTS];   /* shards still to be worked on */
    uint32_t own[CREW_THREADS];  /* slots it filled with shards left */
    uint64_t held[CREW_THREADS]; /* the slot that it prepared and will fill; NO_SLOT: none */
    bool filling, settling, ended;
    bool away; /* SETTLER prepares or fills */
};

enum step { STEP_NONE, STEP_PREPARE, STEP_FILL, STEP_WORK, STEP_SETTLE };

struct piece {
    enum step step;
    uint32_t shard;
    uint64_t number; /* of the slot */
};

static uint32_t place(const struct crew *c, uint64_t number)
{
    return (uint32_t)(number % c->job->slots);
}

static bool settle_ready(const struct crew *c)
{
    return !c->settling && c->settled < c->filled && c->left[place(c, c->settled)] == 0;
}

/* Whether the thread may take another slot. */
static bool begin_ready(const struct crew *c, uint32_t thread)
{
    return !c->ended && c->begun - c->settled < c->job->slots && c->held[thread] == NO_SLOT &&
           (thread == 0 || !c->job->caller_fills) && c->own[thread] < OWN_SLOTS;
}

static bool fill_ready(const struct crew *c, uint32_t thread)
{
    return !c->ended && c->held[thread] == c->filled;
}

/* The shard with the oldest slot to work on that the thread filled (own) or another one did (not
 * own); of equals, the first. -1: none. */
static int next_shard(const struct crew *c, uint32_t thread, bool own)
{
    int best = -1;
    for (uint32_t shard = 0; shard < c->job->shards; shard++) {
        uint64_t number = c->worked[shard];
        if (c->busy[shard] || number == c->filled || (c->filler[place(c, number)] == thread) != own)
            continue;
        if (best < 0 || number < c->worked[best])
            best = (int)shard;
    }
    return best;
}

static struct piece work_piece(struct crew *c, int shard)
{
    c->busy[shard] = true;
    return (struct piece){STEP_WORK, (uint32_t)shard, c->worked[shard]};
}

static struct piece prepare_piece(struct crew *c, uint32_t thread)
{
    c->away = c->away || thread == SETTLER;
    return (struct piece){STEP_PREPARE, 0, c->begun++};
}

static struct piece fill_piece(struct crew *c, uint32_t thread)
{
    c->filling = true;
    c->away = c->away || thread == SETTLER;
    return (struct piece){STEP_FILL, 0, c->filled};
}

static struct piece settle_piece(struct crew *c)
{
    c->settling = true;
    return (struct piece){STEP_SETTLE, 0, c->settled};
}

/* Takes what the thread with that number can do next. */
static struct piece take(struct crew *c, uint32_t thread)
{
    if (fill_ready(c, thread)) /* short, and others wait for it */
        return fill_piece(c, thread);
    if (thread == SETTLER && settle_ready(c))
        return settle_piece(c);
    int shard = next_shard(c, thread, true);
    if (shard >= 0)
        return work_piece(c, shard);
    if (begin_ready(c, thread))
        return prepare_piece(c, thread);
    shard = next_shard(c, thread, false);
    if (shard >= 0)
        return work_piece(c, shard);
    return c->away && settle_ready(c) ? settle_piece(c) : (struct piece){STEP_NONE, 0, 0};
}

static void note_filled(struct crew *c, uint32_t thread)
{
    c->held[thread] = NO_SLOT;
    uint32_t slot = place(c, c->filled++);
    c->filler[slot] = thread;
    c->left[slot] = c->job->shards;
    c->own[thread]++;
}

static void note_worked(struct crew *c, const struct piece *p)
{
    uint32_t slot = place(c, p->number);
    c->busy[p->shard] = false;
    c->worked[p->shard]++;
    if (--c->left[slot] == 0)
        c->own[c->filler[slot]]--;
}

/* Does a piece, without the lock. Returns false if nothing is to follow. */
static bool perform(const struct crew *c, const struct piece *p)
{
    const struct crew_job *job = c->job;
    uint32_t slot = place(c, p->number);
    switch (p->step) {
    case STEP_PREPARE:
        if (job->prepare)
            job->prepare(job->ctx, slot, p->number);
        return true;
    case STEP_FILL:
        return job->fill(job->ctx, slot) == CREW_FILLED;
    case STEP_WORK:
        job->work(job->ctx, slot, p->shard);
        return true;
    case STEP_SETTLE:
        return job->settle(job->ctx, slot);
    case STEP_NONE:
        break;
    }
    return true;
}

static void note(struct crew *c, uint32_t thread, const struct piece *p, bool more)
{
    if (!more)
        c->ended = true;
    if ((p->step == STEP_PREPARE || p->step == STEP_FILL) && thread == SETTLER)
        c->away = false;
    switch (p->step) {
    case STEP_PREPARE:
        c->held[thread] = p->number;
        break;
    case STEP_FILL:
        c->filling = false;
        if (more)
            note_filled(c, thread);
        break;
    case STEP_WORK:
        note_worked(c, p);
        break;
    case STEP_SETTLE:
        c->settling = false;
        c->settled++;
        break;
    case STEP_NONE:
        break;
    }
}

static void finish(struct crew *c, uint32_t thread, const struct piece *p)
{
    pthread_mutex_unlock(&c->lock);
    bool more = perform(c, p);
    pthread_mutex_lock(&c->lock);
    note(c, thread, p, more);
    atomic_fetch_add_explicit(&c->changes, 1, memory_order_relaxed);
    if (c->idle > 0)
        pthread_cond_broadcast(&c->changed);
}

static bool all_done(const struct crew *c)
{
    return c->ended && !c->filling && c->settled == c->filled;
}

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* Until a piece is finished, or for a while only: who calls looks again. */
static void wait_for_change(struct crew *c)
{
    unsigned seen = atomic_load_explicit(&c->changes, memory_order_relaxed);
    pthread_mutex_unlock(&c->lock);
    int glances = 0;
    while (glances < GLANCES && atomic_load_explicit(&c->changes, memory_order_relaxed) == seen) {
        relax();
        glances++;
    }
    pthread_mutex_lock(&c->lock);
    if (atomic_load_explicit(&c->changes, memory_order_relaxed) != seen)
        return;
    c->idle++;
    pthread_cond_wait(&c->changed, &c->lock);
    c->idle--;
}

static void toil(struct crew *c, uint32_t thread)
{
    pthread_mutex_lock(&c->lock);
    while (!all_done(c)) {
        struct piece p = take(c, thread);
        if (p.step != STEP_NONE)
            finish(c, thread, &p);
        else
            wait_for_change(c);
    }
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

struct hand {
    struct crew *crew;
    uint32_t number;
    pthread_t thread;
};

static void *hand_main(void *hand)
{
    const struct hand *h = hand;
    toil(h->crew, h->number);
    return NULL;
}

static void run_alone(const struct crew_job *job)
{
    bool more = true;
    while (more && job->fill(job->ctx, 0) == CREW_FILLED) {
        for (uint32_t shard = 0; shard < job->shards; shard++)
            job->work(job->ctx, 0, shard);
        more = job->settle(job->ctx, 0);
    }
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
    for (uint32_t i = 0; i < threads; i++)
        crew.held[i] = NO_SLOT;
    struct hand hands[CREW_THREADS];
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP); /* it is held for very short */
    pthread_mutex_init(&crew.lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_cond_init(&crew.changed, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    uint32_t started = 1;
    for (uint32_t i = 1; i < threads; i++) {
        hands[started] = (struct hand){.crew = &crew, .number = started};
        if (pthread_create(&hands[started].thread, NULL, hand_main, &hands[started]) == 0)
            started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    toil(&crew, 0);
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
