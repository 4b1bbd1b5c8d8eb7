/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "capture/source.h"
#include "dissect/event.h"
#include "metrics/monitor.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The wiring of the rooms: packets go in, events come out, and the tables can be asked at any time.
 *
 *   batch -> front -> engine -> dissector -> tracker -> tee -> monitor
 *                                 \_ every packet _________/    \-> a listener of the front end
 */

struct run;
struct json_t; /* of jansson.h, which is not needed to know this header */

struct run_config {
    enum monitor_perspective perspective;
    bool mcp_only;
    bool track_connections;
    uint32_t max_message_types;        /* 0: default */
    int64_t window_ns;                 /* 0: default */
    int64_t request_timeout_ns;        /* 0: default */
    int64_t idle_timeout_ns;           /* 0: default */
    const struct event_sink *listener; /* NULL: none; members may be NULL; outlives the run */
};

/* What a report says about where the packets came from. Borrowed for the call. */
struct run_origin {
    struct source *source;
    const char *const *inputs;
    size_t input_count;
    const char *interface; /* NULL: files */
    const char *filter;    /* NULL: none */
};

/* NULL: out of memory. */
struct run *run_new(const struct run_config *config);
void run_free(struct run *r); /* NULL is allowed */

/* Reads the headers of all packets of a batch; then run_packet() is called for each of them, in
 * order: i is its index. */
void run_batch(struct run *r, struct batch *b);
void run_packet(struct run *r, const struct batch *b, uint32_t i);

/* Lets time pass without packets (live). */
void run_tick(struct run *r, int64_t now_ns);

/* End of the capture: the listener gets its last events. Only reports may follow. */
void run_finish(struct run *r);

/* The time of the latest packet; EVENT_LINE_NO_TIME if there was none. */
int64_t run_last_ns(const struct run *r);

/* The report object, and the three metric objects as of now_ns. The caller owns the reference.
 * NULL: out of memory. */
struct json_t *run_report(struct run *r, const struct run_origin *origin);
struct json_t *run_metrics(struct run *r, int64_t now_ns);

#endif
