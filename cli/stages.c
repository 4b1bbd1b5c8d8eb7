/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each batch goes through three steps (base/crew.h): it is read and decoded; each shard's engine
 * and dissector take the packets of their connections, and write what they have to say into a lane;
 * the lanes are played to the sink packet by packet. One thread does the same alone, since what a
 * step needs of code and memory stays in the caches from packet to packet.
 *
 * The sink is told the same as if each packet went all the way before the next. What an engine and
 * its dissector do depends on their packets and on the clock of the front alone; a lane keeps what
 * they say in steps, two for a packet: time passing for all shards, and the packet itself. The
 * packet as it is counted, which nearly every one is, lies beside the lane in a place of its own,
 * so that settling reads few bytes of those that other processors wrote. So no result depends on
 * how threads were scheduled, nor, below what is bounded by batch, on where a batch ended.
 *
 * At the end, a round of connections takes the place of a batch: each shard ends those of its own,
 * and what is said of them is told by when they appeared.
 *
 * What a shard tells of one batch is bounded: messages by the cap LANE_BYTES, since a packet may
 * set free a great many, by what it decompresses to; those beyond it are dropped and counted. The
 * ends of connections whose time is over by TIME_OUTS_OF_ONE: the others come later. All else by
 * what the packets hold.
 *
 * Connections get their numbers here (numbers.h), since only here their common order is known.
 */
#include "stages.h"
#include "base/crew.h"
#include "base/err.h"
#include "capture/engine.h"
#include "dissect/dissector.h"
#include "dissect/lane.h"
#include "numbers.h"
#include <stdlib.h>
#include <string.h>

#define SLOTS_PER_THREAD 2u
#define SLOTS_MAX        (STAGES_THREADS * SLOTS_PER_THREAD)

/* Packets of a shard: far enough that what one needs can be in the caches by then
 * (engine_ahead()). */
#define AHEAD 16

/* The same for what settling needs, whose connections are known by then; and so many of them do not
 * stay in the caches by themselves. */
#define AHEAD_OF_SETTLE 10
#define AHEAD_NUMBERS   1024

/* Connections of a shard that may end in a batch because their time is over: of all shards
 * together, as many as it has packets. */
#define TIME_OUTS_OF_ONE (BATCH_PACKETS / STAGES_SHARDS)

/* At the end: connections of a shard in a round, more if there are very many; and rounds. */
#define END_OF_ONE     128
#define END_ROUNDS_MAX 512

/* What settling needs of the packets of a batch, which others worked on: so much and no more. */
enum how {
    HOW_SHARD = 3,        /* the bits that are its number */
    HOW_TICK = 1 << 2,    /* all shards are told the time before */
    HOW_SEGMENT = 1 << 3, /* the shard may have said something */
    HOW_COUNTED = 1 << 4  /* `counted` is valid, and comes before all else that the shard said */
};
_Static_assert(STAGES_SHARDS <= HOW_SHARD + 1, "fits the bits");

struct tellings {
    uint8_t how[BATCH_PACKETS]; /* enum how */
    struct stream_packet counted[BATCH_PACKETS];
};

struct shard {
    struct stages *stages;
    struct engine *engine;
    struct dissector *dissector;
    struct lane *lane;         /* of the batch in hand; NULL: straight to the sink */
    struct tellings *tellings; /* with the lane */
    uint32_t packet;           /* that is worked on, in the batch */
    uint64_t batch_bytes;      /* of messages that it told of the batch */
    struct limits_hit hit;
};

struct slot {
    struct batch *batch;
    struct tellings *tellings;
    struct lane lanes[STAGES_SHARDS];
    struct stages_moment moment;
    uint64_t packets;   /* read so far */
    uint64_t end_up_to; /* at the end: connections that appeared up to that packet */
};

struct stages {
    const struct record_sink *sink;
    struct front *front;
    struct limits_hit front_hit;
    struct dissector_memo *memo; /* of all shards, with one thread; else NULL */
    struct shard shards[STAGES_SHARDS];
    struct slot slots[SLOTS_MAX];
    uint32_t threads, slot_count;
    uint32_t lane_bytes; /* cap on what a shard says about a batch */
    struct numbers numbers;
    struct stream_pos latest;
    /* while reading */
    const struct stages_feed *feed;
    uint64_t packets;
    int64_t read_ns; /* time of the latest packet read */
    int result;
    /* at the end */
    uint64_t milestones[STAGES_SHARDS * END_ROUNDS_MAX + 1]; /* of the rounds, a prefix */
    uint32_t rounds, round;
};

/* ---- what a shard says ---- */

static void pass_record(void *ctx, struct record *r)
{
    struct stages *s = ctx;
    numbers_give(&s->numbers, r);
    s->sink->record(s->sink->ctx, r);
}

/* Records of the connection with that slot may come soon. */
static void look_ahead(const struct stages *s, uint32_t slot)
{
    numbers_ahead(&s->numbers, slot);
    if (s->sink->ahead)
        s->sink->ahead(s->sink->ahead_ctx, slot);
}

static struct record *say_room(void *ctx)
{
    const struct shard *h = ctx;
    return h->lane ? lane_room(h->lane) : NULL;
}

static void say_record(void *ctx, struct record *r)
{
    struct shard *h = ctx;
    if (r->type == RECORD_MESSAGE || r->type == RECORD_LINKS || r->type == RECORD_EVENT) {
        h->batch_bytes += lane_record_bytes(r);
        if (h->batch_bytes > h->stages->lane_bytes) {
            limits_hit_add(&h->hit, LIMIT_ID_LANE_BYTES);
            return;
        }
    }
    if (!h->lane)
        pass_record(h->stages, r);
    else if (lane_record(h->lane, r) != 0)
        limits_hit_add(&h->hit, LIMIT_ID_LANE_BYTES);
}

static void say_packet(void *ctx, const struct stream_packet *p)
{
    struct shard *h = ctx;
    if (!lane_has_step(h->lane)) {
        h->tellings->counted[h->packet] = *p;
        h->tellings->how[h->packet] |= HOW_COUNTED;
    } else if (lane_packet(h->lane, p) != 0) {
        limits_hit_add(&h->hit, LIMIT_ID_LANE_BYTES);
    }
}

/* ---- the steps of a batch ---- */

static uint32_t packets_left(const struct stages *s)
{
    if (s->feed->until_ns != 0 && s->packets > 0 && s->read_ns >= s->feed->until_ns)
        return 0;
    if (s->feed->max_packets == 0)
        return BATCH_PACKETS;
    uint64_t left = s->feed->max_packets - s->packets;
    return left < BATCH_PACKETS ? (uint32_t)left : BATCH_PACKETS;
}

static void prepare_tellings(struct tellings *t, const struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct batch_segment *segment = &b->segments[i];
        t->how[i] = (uint8_t)(segment->shard | (segment->tick ? HOW_TICK : 0) |
                              (segment->kind != BATCH_NOTHING ? HOW_SEGMENT : 0));
    }
}

static void prepare(void *ctx, uint32_t slot_number, uint64_t number)
{
    struct stages *s = ctx;
    source_prepare(s->feed->source, s->slots[slot_number].batch, number);
}

static enum crew_fill fill(void *ctx, uint32_t slot_number)
{
    struct stages *s = ctx;
    struct slot *slot = &s->slots[slot_number];
    uint32_t left = packets_left(s);
    if (left == 0)
        return CREW_END;
    int result = source_batch(s->feed->source, slot->batch, left);
    bool quiet = result == 0 && s->feed->clock;
    if (result < 0 || (result == 0 && !quiet)) {
        s->result = result;
        return CREW_END;
    }
    struct source_status status;
    source_status(s->feed->source, &status);
    slot->moment = (struct stages_moment){
        .quiet = quiet, .read_bytes = status.read_bytes, .total_bytes = status.total_bytes};
    if (quiet)
        slot->batch->count = 0;
    slot->packets = s->packets += slot->batch->count;
    if (quiet) {
        slot->moment.now_ns = s->feed->clock(s->feed->ctx);
        return CREW_FILLED;
    }
    front_batch(s->front, slot->batch);
    prepare_tellings(slot->tellings, slot->batch);
    s->read_ns = slot->moment.now_ns = slot->batch->segments[slot->batch->count - 1].now_ns;
    return CREW_FILLED;
}

static inline uint32_t tick_step(uint32_t i)
{
    return 2 * i;
}

static inline uint32_t packet_step(uint32_t i)
{
    return 2 * i + 1;
}

/* Time passes for one shard, behind the latest packet. */
static void quiet_tick(struct stages *s, const struct slot *slot, uint32_t shard)
{
    engine_tick(s->shards[shard].engine, slot->moment.now_ns, slot->packets);
}

/* Asks for what that packet needs. Returns the next one of the shard, or BATCH_END. */
static inline uint16_t go_ahead(const struct shard *h, const struct batch *b, uint16_t packet)
{
    engine_ahead(h->engine, &b->segments[packet]);
    return b->segments[packet].next;
}

static void work_packets(struct shard *h, const struct batch *b, uint32_t shard_number)
{
    uint16_t tick = b->first_tick, packet = b->first[shard_number];
    uint16_t ahead = engine_wants_ahead(h->engine) ? packet : (uint16_t)BATCH_END;
    for (uint32_t i = 0; i < AHEAD && ahead != BATCH_END; i++)
        ahead = go_ahead(h, b, ahead);
    while (tick != BATCH_END || packet != BATCH_END) {
        if (tick <= packet) {
            const struct batch_segment *segment = &b->segments[tick];
            lane_step(h->lane, tick_step(tick));
            engine_tick(h->engine, segment->now_ns, segment->number);
            tick = segment->next_tick;
            continue;
        }
        if (ahead != BATCH_END)
            ahead = go_ahead(h, b, ahead);
        lane_step(h->lane, packet_step(packet));
        h->packet = packet;
        engine_segment(h->engine, &b->segments[packet]);
        packet = b->segments[packet].next;
    }
}

/* One shard's part of a batch, into its lane. */
static void work(void *ctx, uint32_t slot_number, uint32_t shard_number)
{
    struct stages *s = ctx;
    struct slot *slot = &s->slots[slot_number];
    struct shard *h = &s->shards[shard_number];
    const struct batch *b = slot->batch;
    h->lane = &slot->lanes[shard_number];
    h->tellings = slot->tellings;
    h->batch_bytes = 0;
    engine_allow(h->engine, TIME_OUTS_OF_ONE);
    if (slot->moment.quiet)
        quiet_tick(s, slot, shard_number);
    else
        work_packets(h, b, shard_number);
    h->lane = NULL;
}

static void clear_lanes(struct slot *slot)
{
    for (uint32_t k = 0; k < STAGES_SHARDS; k++)
        lane_clear(&slot->lanes[k]);
}

/* Behind a batch. */
static bool pause_feed(struct stages *s, const struct slot *slot)
{
    const struct batch *b = slot->batch;
    if (b->count > 0)
        s->latest = (struct stream_pos){slot->moment.now_ns, b->segments[b->count - 1].number};
    return !s->feed->pause || s->feed->pause(s->feed->ctx, &slot->moment);
}

static bool settle(void *ctx, uint32_t slot_number)
{
    struct stages *s = ctx;
    struct slot *slot = &s->slots[slot_number];
    const struct batch *b = slot->batch;
    struct record_sink to = {.ctx = s,
                             .record = pass_record,
                             .packet = s->sink->packet,
                             .packet_ctx = s->sink->packet_ctx};
    for (uint32_t k = 0; slot->moment.quiet && k < STAGES_SHARDS; k++)
        lane_play(&slot->lanes[k], tick_step(0), &to);
    const struct tellings *t = slot->tellings;
    uint32_t ahead = s->numbers.room >= AHEAD_NUMBERS ? AHEAD_OF_SETTLE : b->count;
    uint32_t named = UINT32_MAX;
    for (uint32_t i = 0; i < b->count; i++, ahead++) {
        uint8_t how = t->how[i];
        if (ahead < b->count && (t->how[ahead] & HOW_COUNTED) && t->counted[ahead].slot != named) {
            named = t->counted[ahead].slot;
            look_ahead(s, named);
        }
        for (uint32_t k = 0; (how & HOW_TICK) && k < STAGES_SHARDS; k++)
            lane_play(&slot->lanes[k], tick_step(i), &to);
        if (how & HOW_COUNTED)
            to.packet(to.packet_ctx, &t->counted[i]);
        if (how & HOW_SEGMENT)
            lane_play(&slot->lanes[how & HOW_SHARD], packet_step(i), &to);
    }
    clear_lanes(slot);
    return pause_feed(s, slot);
}

int stages_read(struct stages *s, const struct stages_feed *feed)
{
    struct source_status status;
    source_status(feed->source, &status);
    struct crew_job job = {.ctx = s,
                           .shards = STAGES_SHARDS,
                           .slots = s->slot_count,
                           .caller_fills = status.total_bytes == 0,
                           .prepare = prepare,
                           .fill = fill,
                           .work = work,
                           .settle = settle};
    s->feed = feed;
    s->packets = 0;
    s->result = 0;
    crew_run(&job, s->threads);
    s->feed = NULL;
    return s->result;
}

/* ---- the end ---- */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Divides the connections that are left into rounds of some hundred, by when they appeared: each
 * round ends with one of the numbers, the last with none. */
static void plan_end(struct stages *s)
{
    uint64_t *numbers = s->milestones;
    uint32_t count = 0;
    for (uint32_t k = 0; k < STAGES_SHARDS; k++)
        count +=
            engine_milestones(s->shards[k].engine, END_OF_ONE, numbers + count, END_ROUNDS_MAX);
    qsort(numbers, count, sizeof(*numbers), by_number);
    s->rounds = count / STAGES_SHARDS;
    for (uint32_t i = 0; i < s->rounds; i++)
        numbers[i] = numbers[(i + 1) * STAGES_SHARDS - 1];
    numbers[s->rounds++] = UINT64_MAX;
    s->round = 0;
}

static enum crew_fill fill_end(void *ctx, uint32_t slot_number)
{
    struct stages *s = ctx;
    if (s->round == s->rounds)
        return CREW_END;
    s->slots[slot_number].end_up_to = s->milestones[s->round++];
    return CREW_FILLED;
}

/* A step for each connection. */
static void work_end(void *ctx, uint32_t slot_number, uint32_t shard_number)
{
    struct stages *s = ctx;
    struct slot *slot = &s->slots[slot_number];
    struct shard *h = &s->shards[shard_number];
    uint64_t number;
    h->lane = &slot->lanes[shard_number];
    h->batch_bytes = 0;
    for (uint32_t step = 0; (number = engine_oldest(h->engine)) != 0 && number <= slot->end_up_to;
         step++) {
        lane_step(h->lane, step);
        engine_end_oldest(h->engine);
    }
    h->lane = NULL;
}

/* The lane whose next connection appeared first; STAGES_SHARDS: nothing is left. */
static uint32_t oldest_lane(const struct record *const next[STAGES_SHARDS])
{
    uint32_t first = STAGES_SHARDS;
    for (uint32_t k = 0; k < STAGES_SHARDS; k++) {
        if (next[k] && (first == STAGES_SHARDS || next[k]->conn_id < next[first]->conn_id))
            first = k;
    }
    return first;
}

static bool settle_end(void *ctx, uint32_t slot_number)
{
    struct stages *s = ctx;
    struct lane *lanes = s->slots[slot_number].lanes;
    struct record_sink to = {.ctx = s, .record = pass_record};
    const struct record *next[STAGES_SHARDS];
    uint32_t step[STAGES_SHARDS] = {0}, k;
    for (k = 0; k < STAGES_SHARDS; k++)
        next[k] = lane_next(&lanes[k]);
    while ((k = oldest_lane(next)) < STAGES_SHARDS) {
        lane_play_step(&lanes[k], step[k]++, &to);
        next[k] = lane_next(&lanes[k]);
        if (next[k])
            look_ahead(s, next[k]->slot);
    }
    clear_lanes(&s->slots[slot_number]);
    return true;
}

/* Ends all connections in order of appearance. */
static void end_by_age(struct stages *s)
{
    struct crew_job job = {.ctx = s,
                           .shards = STAGES_SHARDS,
                           .slots = s->slot_count,
                           .fill = fill_end,
                           .work = work_end,
                           .settle = settle_end};
    plan_end(s);
    crew_run(&job, s->rounds > 1 ? s->threads : 1);
}

/* What only reading needs. */
static void free_reading(struct stages *s)
{
    for (uint32_t k = 0; k < STAGES_SHARDS; k++) {
        engine_free(s->shards[k].engine);
        dissector_free(s->shards[k].dissector);
        s->shards[k].engine = NULL;
        s->shards[k].dissector = NULL;
    }
    dissector_memo_free(s->memo);
    s->memo = NULL;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        batch_free(s->slots[i].batch);
        free(s->slots[i].tellings);
        for (uint32_t k = 0; k < STAGES_SHARDS; k++)
            lane_fini(&s->slots[i].lanes[k]);
    }
    s->slot_count = 0;
    numbers_fini(&s->numbers);
}

void stages_finish(struct stages *s)
{
    front_finish(s->front);
    for (uint32_t k = 0; k < STAGES_SHARDS; k++) {
        s->shards[k].batch_bytes = 0;
        engine_allow(s->shards[k].engine, UINT64_MAX);
        if (s->latest.packet > 0)
            engine_tick(s->shards[k].engine, s->latest.ts_ns, s->latest.packet);
    }
    end_by_age(s);
    free_reading(s);
}

struct stream_pos stages_latest(const struct stages *s)
{
    return s->latest;
}

void stages_counters(const struct stages *s, struct front_counters *ret_counters)
{
    front_counters(s->front, ret_counters);
}

static void add_hits(struct limits_hit *sum, const struct limits_hit *hit)
{
    for (int i = 0; i < LIMIT_ID_COUNT; i++)
        sum->count[i] += hit->count[i];
}

void stages_add_hits(const struct stages *s, struct limits_hit *sum)
{
    add_hits(sum, &s->front_hit);
    for (uint32_t k = 0; k < STAGES_SHARDS; k++)
        add_hits(sum, &s->shards[k].hit);
}

/* ---- life and death ---- */

/* One shard's part of a cap. */
static uint32_t share(uint32_t cap)
{
    return (cap + STAGES_SHARDS - 1) / STAGES_SHARDS;
}

static bool make_shard(struct stages *s, const struct stages_config *config, uint32_t k)
{
    const struct limits_caps *caps = config->caps ? config->caps : &limits_constants;
    struct shard *h = &s->shards[k];
    h->stages = s;
    struct record_sink sink = {.ctx = h, .record = say_record, .room = say_room};
    if (s->sink->packet) {
        sink.packet = say_packet;
        sink.packet_ctx = h;
    }
    struct dissector_config dissector = {
        .hash = config->hash, .memo = s->memo, .shards = STAGES_SHARDS, .caps = caps};
    h->dissector = dissector_new(&dissector, &sink, &h->hit);
    if (!h->dissector)
        return false;
    struct engine_config engine = {.shard = k,
                                   .shards = STAGES_SHARDS,
                                   .max_flows = share(caps->of[LIMIT_ID_FLOWS]),
                                   .max_held_bytes = share(caps->of[LIMIT_ID_HELD_BYTES]),
                                   .max_bytes = caps->connection_bytes / STAGES_SHARDS,
                                   .listener_bytes = dissector_state_bytes(h->dissector),
                                   .idle_timeout_ns = config->idle_timeout_ns};
    h->engine = engine_new(&engine, dissector_stream_sink(h->dissector), &h->hit);
    return h->engine != NULL;
}

uint32_t stages_thread_count(uint32_t wanted)
{
    uint32_t n = wanted ? wanted : crew_processors();
    return n < STAGES_THREADS ? n : STAGES_THREADS;
}

static bool build(struct stages *s, const struct stages_config *config)
{
    const struct limits_caps *caps = config->caps ? config->caps : &limits_constants;
    struct front_config front = {.hash = config->hash, .shards = STAGES_SHARDS};
    s->front = front_new(&front, &s->front_hit);
    if (!s->front)
        return false;
    s->threads = stages_thread_count(config->threads);
    s->slot_count = s->threads > 1 ? s->threads * SLOTS_PER_THREAD : 1;
    if (s->slot_count > caps->batches)
        s->slot_count = caps->batches;
    s->lane_bytes = caps->of[LIMIT_ID_LANE_BYTES];
    for (uint32_t i = 0; i < s->slot_count; i++) {
        s->slots[i].batch = batch_new();
        s->slots[i].tellings = malloc(sizeof(*s->slots[i].tellings));
        if (!s->slots[i].batch || !s->slots[i].tellings)
            return false;
    }
    if (s->threads == 1)
        s->memo = dissector_memo_new();
    for (uint32_t k = 0; k < STAGES_SHARDS; k++) {
        if (!make_shard(s, config, k))
            return false;
    }
    return true;
}

struct stages *stages_new(const struct stages_config *config, const struct record_sink *sink)
{
    struct stages *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->sink = sink;
    if (!build(s, config)) {
        stages_free(s);
        return NULL;
    }
    return s;
}

void stages_free(struct stages *s)
{
    if (!s)
        return;
    free_reading(s);
    front_free(s->front);
    free(s);
}
