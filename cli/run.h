/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "capture/source.h"
#include "cli/stages.h"
#include "dissect/event.h"
#include "metrics/monitor.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The wiring of the rooms: packets go in, events come out, and the tables can be asked at any time.
 *
 *   source -> stages -> tracker -> tee -> monitor
 *                \_ every packet _______/  \-> a listener of the front end
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
    uint64_t memory_bytes;             /* limit on all memory; 0: none */
    uint32_t threads;                  /* 0: as many as are of use */
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

/* Takes all packets of a source; see stages_read(). The listener, and feed->pause, are called by
 * one thread at a time, which need not be the caller's. */
int run_read(struct run *r, const struct stages_feed *feed);

/* Lets time pass without packets (live); to be called in feed->pause. */
void run_tick(struct run *r, int64_t now_ns);

/* End of the capture: the listener gets its last events. Only reports may follow. */
void run_finish(struct run *r);

/* The time of the latest packet; EVENT_LINE_NO_TIME if there was none. */
int64_t run_last_ns(const struct run *r);

/* The report object, and the three metric objects as of now_ns: before and after run_read(), the
 * latter in feed->pause as well. The caller owns the reference. NULL: out of memory. */
struct json_t *run_report(struct run *r, const struct run_origin *origin);
struct json_t *run_metrics(struct run *r, int64_t now_ns);

#endif
