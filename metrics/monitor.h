/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_MONITOR_H
#define METRICS_MONITOR_H

#include "base/limits.h"
#include "dissect/event.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * The tables: connections, bandwidth and protocol, in total and per server endpoint, fed by events
 * and by a call for every packet. Time comes with the events.
 */

struct monitor;

enum monitor_perspective { PERSPECTIVE_SERVER, PERSPECTIVE_CLIENT };

struct monitor_config {
    enum monitor_perspective perspective; /* who "received" speaks of; server by default */
    bool mcp_only;                  /* count connections and bytes of MCP server endpoints only */
    bool track_connections;         /* keep a row per connection */
    const struct limits_caps *caps; /* NULL: limits_constants; looked at by monitor_new() only */
    uint32_t max_message_types;     /* 0: LIMIT_MESSAGE_TYPES */
    int64_t window_ns;              /* sliding window of the current and peak rates; 0: 1 s */
};

/* hit must outlive the monitor. NULL: out of memory. */
struct monitor *monitor_new(const struct monitor_config *config, struct limits_hit *hit);
void monitor_free(struct monitor *m); /* NULL is allowed */

/* The listener to hand to tracker_new(); valid as long as the monitor. */
const struct event_sink *monitor_event_sink(struct monitor *m);

/* One packet of a connection, to be called in order with the events; ctx is the monitor. Bytes are
 * attributed at once by the presumed roles, and moved when these are corrected, so that at any time
 * the servers add up to the total. */
void monitor_packet(void *ctx, const struct stream_packet *p);

/* A packet of the connection with that slot may come soon: what monitor_packet() needs for it may
 * be brought into the caches. */
void monitor_ahead(const struct monitor *m, uint32_t slot);

#endif
