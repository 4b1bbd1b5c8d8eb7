/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Puts the rooms together. Each declares the sink that it calls, so they are made from the right to
 * the left: monitor, tee, tracker, stages; and freed the other way round.
 *
 * One random key serves all hash tables: nothing that is printed depends on it.
 */
#include "run.h"
#include "base/heap.h"
#include "dissect/tracker.h"
#include "metrics/event_line.h"
#include "metrics/report.h"
#include "version.h"
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>

#define LINK_TYPES_SHOWN 16 /* a pcapng file may mix several; more than a few is a forgery */

struct run {
    struct stages *stages;
    struct tracker *tracker;
    struct monitor *monitor;
    const struct event_sink *to_monitor;
    const struct event_sink *to_listener; /* NULL: none */
    struct event_sink tee;
    struct record_sink records;
    struct limits_caps caps;
    struct limits_hit hit; /* of tracker and monitor */
    struct heap heap;
    /* Are asked for: memory is not limited, and one thread has all of the heap. With more it is
     * little faster, and takes more memory. */
    bool large_pages;
};

/* The tee: every event goes to the tables first, then to the front end's listener. */
#define TEE(member, type)                                                                          \
    static void tee_##member(void *ctx, const struct type *e)                                      \
    {                                                                                              \
        struct run *r = ctx;                                                                       \
        r->to_monitor->member(r->to_monitor->ctx, e);                                              \
        if (r->to_listener->member)                                                                \
            r->to_listener->member(r->to_listener->ctx, e);                                        \
    }
TEE(connection, event_connection)
TEE(session, event_session)
TEE(message, event_message)
TEE(exchange, event_exchange)
TEE(finding, event_finding)
TEE(operation, event_operation)

static const struct event_sink *make_sink(struct run *r, const struct run_config *config)
{
    r->to_monitor = monitor_event_sink(r->monitor);
    r->to_listener = config->listener;
    if (!config->listener)
        return r->to_monitor;
    r->tee = (struct event_sink){.ctx = r,
                                 .connection = tee_connection,
                                 .session = tee_session,
                                 .message = tee_message,
                                 .exchange = tee_exchange,
                                 .finding = tee_finding,
                                 .operation = tee_operation};
    return &r->tee;
}

static void take_record(void *ctx, struct record *record)
{
    struct run *r = ctx;
    const struct record_sink *tracker = tracker_record_sink(r->tracker);
    if (record->type == RECORD_CONN && r->large_pages)
        heap_look(&r->heap);
    tracker->record(tracker->ctx, record);
}

static void look_ahead(void *ctx, uint32_t slot)
{
    const struct run *r = ctx;
    monitor_ahead(r->monitor, slot);
    tracker_ahead(r->tracker, slot);
}

static bool build(struct run *r, const struct run_config *config)
{
    struct hash_key key;
    hash_key_random(&key);
    r->caps = limits_constants;
    r->large_pages = config->memory_bytes == 0 && stages_thread_count(config->threads) == 1;
    heap_init(&r->heap);
    if (config->memory_bytes > 0) {
        limits_within(config->memory_bytes, &r->caps);
#ifdef M_ARENA_MAX
        mallopt(M_ARENA_MAX, 1); /* what one thread freed serves all others */
#endif
    }
    struct monitor_config monitor = {.perspective = config->perspective,
                                     .mcp_only = config->mcp_only,
                                     .track_connections = config->track_connections,
                                     .caps = &r->caps,
                                     .max_message_types = config->max_message_types,
                                     .window_ns = config->window_ns};
    r->monitor = monitor_new(&monitor, &r->hit);
    if (!r->monitor)
        return false;
    struct tracker_config tracker = {
        .hash = key, .caps = &r->caps, .request_timeout_ns = config->request_timeout_ns};
    r->tracker = tracker_new(&tracker, make_sink(r, config), &r->hit);
    if (!r->tracker)
        return false;
    r->records = (struct record_sink){.ctx = r,
                                      .record = take_record,
                                      .packet = monitor_packet,
                                      .packet_ctx = r->monitor,
                                      .ahead = look_ahead,
                                      .ahead_ctx = r};
    struct stages_config stages = {.hash = key,
                                   .caps = &r->caps,
                                   .idle_timeout_ns = config->idle_timeout_ns,
                                   .threads = config->threads};
    r->stages = stages_new(&stages, &r->records);
    return r->stages != NULL;
}

struct run *run_new(const struct run_config *config)
{
    struct run *r = calloc(1, sizeof *r);
    if (r && !build(r, config)) {
        run_free(r);
        return NULL;
    }
    return r;
}

void run_free(struct run *r)
{
    if (!r)
        return;
    stages_free(r->stages);
    tracker_free(r->tracker);
    monitor_free(r->monitor);
    free(r);
}

int run_read(struct run *r, const struct stages_feed *feed)
{
    return stages_read(r->stages, feed);
}

void run_tick(struct run *r, int64_t now_ns)
{
    tracker_tick(r->tracker, now_ns);
}

void run_finish(struct run *r)
{
    stages_finish(r->stages);
    struct stream_pos latest = stages_latest(r->stages);
    tracker_finish(r->tracker, &latest);
}

int64_t run_last_ns(const struct run *r)
{
    struct stream_pos latest = stages_latest(r->stages);
    return latest.packet > 0 ? latest.ts_ns : EVENT_LINE_NO_TIME;
}

/* Fills in what the front and the source know; the arrays belong to the caller. */
struct capture_parts {
    struct source_status status;
    struct report_undecoded undecoded[UNDECODED_COUNT];
    const char *link_types[LINK_TYPES_SHOWN];
    char link_text[LINK_TYPES_SHOWN][32];
    const char *cut[2];
    char more_cut[64];
};

static void add_front(struct report_capture *capture, struct capture_parts *parts,
                      const struct stages *stages)
{
    struct front_counters counters;
    stages_counters(stages, &counters);
    capture->first_ns = counters.first_ns;
    capture->last_ns = counters.last_ns;
    capture->packets = counters.packets;
    capture->bytes = counters.wire_bytes;
    capture->truncated = counters.truncated_packets;
    for (int i = 0; i < UNDECODED_COUNT; i++) {
        if (counters.undecoded[i] == 0)
            continue;
        parts->undecoded[capture->undecoded_count++] = (struct report_undecoded){
            front_undecoded_name((enum undecoded)i), counters.undecoded[i]};
    }
    capture->undecoded = parts->undecoded;
}

static void add_source(struct report_capture *capture, struct capture_parts *parts,
                       struct source *source)
{
    int types[LINK_TYPES_SHOWN];
    source_status(source, &parts->status);
    capture->dropped_known = parts->status.dropped_known;
    capture->dropped = parts->status.dropped;
    capture->link_type_count = source_link_types(source, types, LINK_TYPES_SHOWN);
    for (size_t i = 0; i < capture->link_type_count; i++)
        parts->link_types[i] = source_link_type_name(types[i], parts->link_text[i]);
    capture->link_types = parts->link_types;
    if (parts->status.cut[0])
        parts->cut[capture->cut_input_count++] = parts->status.cut;
    if (parts->status.cut_files > 1) {
        snprintf(parts->more_cut, sizeof parts->more_cut, "and %u more files",
                 parts->status.cut_files - 1);
        parts->cut[capture->cut_input_count++] = parts->more_cut;
    }
    capture->cut_inputs = parts->cut;
}

json_t *run_report(struct run *r, const struct run_origin *origin)
{
    struct capture_parts parts = {0};
    struct limits_hit hit = r->hit;
    struct report_capture capture = {.version = version_program(),
                                     .live = origin->interface != NULL,
                                     .inputs = origin->inputs,
                                     .input_count = origin->input_count,
                                     .interface = origin->interface,
                                     .filter = origin->filter,
                                     .hit = &hit};
    stages_add_hits(r->stages, &hit);
    add_front(&capture, &parts, r->stages);
    add_source(&capture, &parts, origin->source);
    return report_build(r->monitor, &capture);
}

json_t *run_metrics(struct run *r, int64_t now_ns)
{
    return report_metrics(r->monitor, now_ns);
}
