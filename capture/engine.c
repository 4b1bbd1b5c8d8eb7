/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shard of the connections: puts the flow table and the life of connections together, and keeps
 * their clock.
 */
#include "capture/engine.h"
#include "capture/lifecycle.h"
#include <assert.h>
#include <stdlib.h>

#define IDLE_TIMEOUT_NS INT64_C(3600000000000)

/* So many open ones of all engines together, with all that belongs to them, do not stay in the
 * caches by themselves. */
#define AHEAD_FLOWS 512

struct engine {
    struct lifecycle lifecycle;
    uint32_t ahead_flows; /* so many of this engine's */
};

/* The part of a cap for one of so many engines. */
static uint32_t share(uint32_t cap, uint32_t shards)
{
    return (cap + shards - 1) / shards;
}

struct engine *engine_new(const struct engine_config *config, const struct stream_sink *sink,
                          struct limits_hit *hit)
{
    assert(sink->conn && sink->data && sink->gap && sink->end && sink->packet);
    assert(config->shard < config->shards || config->shards == 0);
    struct engine *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    uint32_t shards = config->shards ? config->shards : 1;
    struct lifecycle *l = &e->lifecycle;
    l->sink = sink;
    l->hit = hit;
    l->shard = config->shard;
    l->shards = shards;
    l->idle_ns = config->idle_timeout_ns > 0 ? config->idle_timeout_ns : IDLE_TIMEOUT_NS;
    l->reassembly.max_held_bytes =
        config->max_held_bytes > 0 ? config->max_held_bytes : share(LIMIT_HELD_BYTES, shards);
    l->max_bytes = config->max_bytes;
    l->listener_bytes = config->listener_bytes;
    l->reassembly.now_ns = INT64_MIN;
    lifecycle_init(l);
    uint32_t max_flows = config->max_flows > 0 ? config->max_flows : share(LIMIT_FLOWS, shards);
    l->flows = flow_new(max_flows);
    if (!l->flows) {
        free(e);
        return NULL;
    }
    e->ahead_flows = share(AHEAD_FLOWS, shards);
    return e;
}

static inline void pass_time(struct lifecycle *l, int64_t now_ns, uint64_t packet)
{
    struct reassembly *clock = &l->reassembly;
    clock->packet = packet;
    if (now_ns > clock->now_ns)
        clock->now_ns = now_ns;
    if (lifecycle_is_due(l))
        lifecycle_expire(l);
}

void engine_segment(struct engine *e, const struct batch_segment *s)
{
    struct lifecycle *l = &e->lifecycle;
    switch ((enum batch_kind)s->kind) {
    case BATCH_NOTHING:
        break;
    case BATCH_SEGMENT:
        pass_time(l, s->now_ns, s->number);
        lifecycle_segment(l, &s->key, &s->segment);
        break;
    case BATCH_UNREACHABLE:
        pass_time(l, s->now_ns, s->number);
        lifecycle_unreachable(l, &s->key, s->segment.seq, s->segment.ts_ns);
        break;
    }
}

void engine_ahead(struct engine *e, const struct batch_segment *s)
{
    if (s->kind == BATCH_SEGMENT)
        lifecycle_ahead(&e->lifecycle, &s->key);
}

bool engine_wants_ahead(const struct engine *e)
{
    return flow_count(e->lifecycle.flows, FLOW_OPEN) >= e->ahead_flows;
}

void engine_tick(struct engine *e, int64_t now_ns, uint64_t packet)
{
    pass_time(&e->lifecycle, now_ns, packet);
}

void engine_allow(struct engine *e, uint64_t time_outs)
{
    e->lifecycle.time_outs_left = time_outs;
}

uint64_t engine_oldest(struct engine *e)
{
    return lifecycle_oldest(&e->lifecycle);
}

void engine_end_oldest(struct engine *e)
{
    lifecycle_end_oldest(&e->lifecycle);
}

uint32_t engine_milestones(struct engine *e, uint32_t least, uint64_t *ret_numbers, uint32_t room)
{
    const struct flow_table *flows = e->lifecycle.flows;
    const struct flow *f = flow_first(e->lifecycle.flows);
    uint32_t count = 0, each = flow_count_all(flows) / room + 1;
    each = each < least ? least : each;
    while (f && count < room && (f = flow_behind(flows, f, each)) != NULL)
        ret_numbers[count++] = f->conn.id;
    return count;
}

uint32_t engine_open_connections(const struct engine *e)
{
    return flow_count(e->lifecycle.flows, FLOW_OPEN);
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    lifecycle_fini(&e->lifecycle);
    free(e);
}
