/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "cli/output.h"
#include "dissect/event.h"
#include "metrics/monitor.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The listener of replay and live: one line per event, as text or as JSON. It stops writing after
 * the first failure; `failed` then tells the loop that feeds it to stop, too.
 */
struct lines {
    struct output *out; /* borrowed */
    /* ---- set by the caller after lines_init() */
    bool json;
    enum monitor_perspective perspective; /* of JSON lines */
    bool messages;                        /* also a line for every message */
    bool connections; /* text: also lines for connections (JSON always has them) */
    /* ---- read by others */
    bool failed;    /* the output, or memory */
    bool no_memory; /* why */
    /* ---- private */
    struct event_sink sink;
    int64_t day; /* of the last line, in days since the epoch */
    bool titled;
};

/* out must outlive l. */
void lines_init(struct lines *l, struct output *out);

/* The sink for run_config.listener; valid as long as *l stays where it is. */
const struct event_sink *lines_sink(struct lines *l);

/* Writes one JSON object as a line; steals the reference; NULL counts as out of memory. */
void lines_json(struct lines *l, json_t *object);

/* Text of a time of day, "03:04:05.123456" (UTC). Returns text. */
#define LINES_TIME_BYTES 32
const char *lines_time(int64_t ts_ns, char text[LINES_TIME_BYTES]);

#endif
