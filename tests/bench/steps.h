/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_STEPS_H
#define BENCH_STEPS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * Times of small pieces of work, appended to a file as they come: uint32_t nanoseconds in this
 * machine's byte order. Most of them take less than a millisecond, so that of some runs one was
 * disturbed by nobody, in each piece.
 */

static inline uint64_t steps_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* What passed since *since, which becomes now. */
static inline void steps_put(FILE *to, uint64_t *since)
{
    uint64_t now = steps_now();
    uint32_t ns = (uint32_t)(now - *since);
    if (fwrite(&ns, sizeof(ns), 1, to) != 1) {
        perror("steps");
        exit(1);
    }
    *since = now;
}

#endif
