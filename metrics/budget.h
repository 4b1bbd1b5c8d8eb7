/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_BUDGET_H
#define METRICS_BUDGET_H

#include "base/hash.h"
#include "base/limits.h"
#include <stdint.h>

struct histogram_queue; /* histogram.h */

/* What a group of tables may still allocate; every table of the group takes from the same one. */
struct budget {
    struct limits_hit *hit;
    uint32_t rows;                 /* named rows left, see labels.h */
    uint32_t pages;                /* histogram pages left */
    struct hash_key hash;          /* of texts */
    struct histogram_queue *queue; /* of all histograms of the group; NULL: they do not wait */
};

#endif
