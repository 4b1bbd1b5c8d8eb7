/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole capture file through the whole program: source, front, engine, dissector, tracker,
 * monitor, report. The tables are small, so that full ones are common. */
#include "capture/engine.h"
#include "capture/front.h"
#include "capture/source_internal.h"
#include "dissect/dissector.h"
#include "dissect/tracker.h"
#include "metrics/monitor.h"
#include "metrics/report.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void on_record(void *tracker, struct record *r)
{
    const struct record_sink *sink = tracker_record_sink(tracker);
    sink->record(sink->ctx, r);
}

static void feed(struct source *source, struct front *front, struct engine *engine)
{
    struct batch *b = batch_new();
    while (source_batch(source, b, 0) == 1) {
        front_batch(front, b);
        for (uint32_t i = 0; i < b->count; i++) {
            engine_ahead(engine, &b->segments[b->count - i > 8 ? i + 8 : i]);
            if (b->segments[i].tick)
                engine_tick(engine, b->segments[i].now_ns, b->segments[i].number);
            engine_segment(engine, &b->segments[i]);
        }
    }
    front_finish(front);
    batch_free(b);
}

static void run(struct source *source)
{
    static const struct hash_key key = {1, 2};
    struct limits_hit hit = {{0}};
    struct monitor *monitor = monitor_new(
        &(struct monitor_config){.track_connections = true, .max_message_types = 4}, &hit);
    struct tracker_config tracker_config = {.hash = key, .max_pending = 8, .max_sessions = 4};
    struct tracker *tracker = tracker_new(&tracker_config, monitor_event_sink(monitor), &hit);
    const struct dissector_config dissector_config = {.hash = key};
    struct record_sink to = {tracker, on_record, monitor_packet, monitor};
    struct dissector *dissector = dissector_new(&dissector_config, &to, &hit);
    struct engine_config engine_config = {.max_flows = 8, .max_held_bytes = 16384};
    struct engine *engine = engine_new(&engine_config, dissector_stream_sink(dissector), &hit);
    struct front *front = front_new(&(struct front_config){key, 1}, &hit);
    feed(source, front, engine);
    struct front_counters counters;
    front_counters(front, &counters);
    while (engine_oldest(engine))
        engine_end_oldest(engine);
    tracker_finish(tracker, &(struct stream_pos){counters.last_ns, counters.packets});
    struct report_capture capture = {.version = "0",
                                     .first_ns = counters.first_ns,
                                     .last_ns = counters.last_ns,
                                     .packets = counters.packets,
                                     .bytes = counters.wire_bytes,
                                     .hit = &hit};
    json_t *report = report_build(monitor, &capture);
    char *text = document_text(report, true);
    assert(text);
    free(text);
    json_decref(report);
    front_free(front);
    engine_free(engine);
    dissector_free(dissector);
    tracker_free(tracker);
    monitor_free(monitor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char error[SOURCE_ERROR_BYTES];
    struct source *source;
    FILE *file = n ? fmemopen((void *)(uintptr_t)data, n, "r") : NULL;
    if (file && source_open_stream(file, error, &source) == 0) {
        run(source);
        source_close(source);
    }
    return 0;
}
