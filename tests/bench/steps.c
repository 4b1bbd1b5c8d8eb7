/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In place of base/crew.c: mcpmeter with this takes one thread, and tells how long each step of
 * each batch took: fill, work, settle; in the file that the environment variable BENCH_STEPS names.
 */
#include "steps.h"
#include "base/crew.h"

void crew_run(const struct crew_job *job, uint32_t threads)
{
    (void)threads;
    const char *name = getenv("BENCH_STEPS");
    FILE *to = fopen(name ? name : "/dev/null", "ab");
    if (!to) {
        perror(name);
        exit(1);
    }
    bool more = true;
    uint64_t since = steps_now();
    while (more && job->fill(job->ctx, 0) == CREW_FILLED) {
        steps_put(to, &since);
        for (uint32_t shard = 0; shard < job->shards; shard++)
            job->work(job->ctx, 0, shard);
        steps_put(to, &since);
        more = job->settle(job->ctx, 0);
        steps_put(to, &since);
    }
    fclose(to);
}

uint32_t crew_processors(void)
{
    return 1;
}
