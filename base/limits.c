/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The words of limits.def, and how a limit on memory is split.
 *
 * FIXED_BYTES are the program, its libraries, the first batches that are read ahead, and the report
 * while it is written. The rest is given to the tables in thousandths, 30 of them to more batches;
 * an entry counts with its share of the table around it. Half goes to connections: those that are
 * idle take LIMITS_FLOW_BYTES and a hundred more, those that are in the middle of a message ten
 * times that, so both are counted, and the oldest connection goes when it is too much.
 */
#include "base/limits.h"
#include <stddef.h>

static const struct {
    const char *key, *unit, *reason;
} words[LIMIT_ID_COUNT] = {
#define LIMIT(id, key, value, unit, reason) {#key, unit, reason},
#include "base/limits.def"
#undef LIMIT
};

const char *limits_key(enum limit_id id)
{
    return words[id].key;
}

const char *limits_unit(enum limit_id id)
{
    return words[id].unit;
}

const char *limits_reason(enum limit_id id)
{
    return words[id].reason;
}

const struct limits_caps limits_constants = {
    .batches = UINT32_MAX,
    .of =
        {
#define LIMIT(id, key, value, unit, reason) [LIMIT_ID_##id] = (value),
#include "base/limits.def"
#undef LIMIT
        },
};

#define FIXED_BYTES       (UINT64_C(22) << 20)
#define CONNECTIONS_SHARE 480
#define BATCHES_SHARE     30
#define BATCHES_LEAST     4u       /* in FIXED_BYTES */
#define BATCHES_MOST      16u      /* more are of no use */
#define BATCH_BYTES       4000000u /* 2.4 MB while a connection goes with every packet; messages */
#define MESSAGES_SHARE    10u      /* of it on each shard: one part of so many */
#define LEAST_OF_ANY      16u

static const struct {
    enum limit_id id;
    uint32_t each_bytes;
    uint32_t share; /* thousandths */
} plan[] = {
    {LIMIT_ID_FLOWS, LIMITS_FLOW_BYTES, CONNECTIONS_SHARE},
    {LIMIT_ID_SESSIONS, 185, 170},
    {LIMIT_ID_EXCHANGES, 260, 60},
    {LIMIT_ID_PENDING, 390, 50},
    {LIMIT_ID_PARSERS, 4300, 50},
    {LIMIT_ID_HELD_BYTES, 1, 30},
    {LIMIT_ID_DECODER_BYTES, 1, 40},
    {LIMIT_ID_ANSWERED, 100, 10},
    {LIMIT_ID_SEEN_EVENTS, 70, 10},
    {LIMIT_ID_OPERATIONS, 800, 10},
    {LIMIT_ID_OPERATION_FACTS, 850, 10},
    {LIMIT_ID_ENDPOINTS, 260, 5},
    {LIMIT_ID_STRAYS, 1400, 5},
    {LIMIT_ID_SERVERS, 6000, 10},
    {LIMIT_ID_TABLE_ROWS, 300, 10},
    {LIMIT_ID_HISTOGRAM_PAGES, 580, 10}, /* twice: in total, and of the servers */
    {LIMIT_ID_CONNECTION_ROWS, 320, 10},
};

/* With so many bytes for batches beyond the fixed ones. What messages one of them tells is bounded
 * so that they fit whatever that is. */
static void set_batches(struct limits_caps *caps, uint64_t more_bytes)
{
    uint64_t bytes = (uint64_t)BATCHES_LEAST * BATCH_BYTES + more_bytes;
    uint64_t batches = bytes / BATCH_BYTES;
    if (batches > BATCHES_MOST)
        batches = BATCHES_MOST;
    uint64_t lane_bytes = bytes / batches / MESSAGES_SHARE;
    caps->batches = (uint32_t)batches;
    if (lane_bytes < caps->of[LIMIT_ID_LANE_BYTES])
        caps->of[LIMIT_ID_LANE_BYTES] = (uint32_t)lane_bytes;
}

void limits_within(uint64_t memory_bytes, struct limits_caps *ret_caps)
{
    uint64_t bytes = memory_bytes > LIMITS_MEMORY_LEAST ? memory_bytes : LIMITS_MEMORY_LEAST;
    uint64_t part = (bytes - FIXED_BYTES) / 1000;
    *ret_caps = limits_constants;
    ret_caps->connection_bytes = part * CONNECTIONS_SHARE;
    set_batches(ret_caps, part * BATCHES_SHARE);
    for (size_t i = 0; i < sizeof(plan) / sizeof(plan[0]); i++) {
        uint32_t *cap = &ret_caps->of[plan[i].id];
        uint64_t most = part * plan[i].share / plan[i].each_bytes;
        if (most < LEAST_OF_ANY)
            most = LEAST_OF_ANY;
        *cap = most < *cap ? (uint32_t)most : *cap;
    }
}
