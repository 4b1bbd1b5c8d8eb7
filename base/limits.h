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

/* The caps of one run. */
struct limits_caps {
    uint32_t of[LIMIT_ID_COUNT];
    uint64_t connection_bytes; /* of connections and what is under way on them; 0: no such cap */
    uint32_t batches;          /* of packets, with what they tell, under way among threads */
};

/* The constants. */
extern const struct limits_caps limits_constants;

/* Caps with which the whole program stays within so many bytes of memory, LIMITS_MEMORY_LEAST or
 * more: no cap is above its constant. limits.c has how the memory is split; it is the same for any
 * number of threads, so that the output is. */
void limits_within(uint64_t memory_bytes, struct limits_caps *ret_caps);

#define LIMITS_MEMORY_LEAST (UINT64_C(32) << 20)

/* What a connection takes: its flow, and its entries in the tables by connection. */
#define LIMITS_FLOW_BYTES 420

/* The report's name, the unit and the reason of a cap; static storage. */
const char *limits_key(enum limit_id id);
const char *limits_unit(enum limit_id id);
const char *limits_reason(enum limit_id id);

#endif
