/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stdint.h>

/* The caps of limits.def as constants, and their counters. */

enum {
#define LIMIT(id, key, value, unit, reason) LIMIT_##id = (value),
#include "base/limits.def"
#undef LIMIT
};

enum limit_id {
#define LIMIT(id, key, value, unit, reason) LIMIT_ID_##id,
#include "base/limits.def"
#undef LIMIT
    LIMIT_ID_COUNT
};

/* How often each cap was hit. Each thread has its own; they are added up for a report. */
struct limits_hit {
    uint64_t count[LIMIT_ID_COUNT];
};

static inline void limits_hit_add(struct limits_hit *hit, enum limit_id id)
{
    hit->count[id]++;
}

/* The report's name, the unit and the reason of a cap; static storage. */
const char *limits_key(enum limit_id id);
const char *limits_unit(enum limit_id id);
const char *limits_reason(enum limit_id id);

#endif
