/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_TABLES_H
#define METRICS_TABLES_H

#include "bandwidth.h"
#include "base/table.h"
#include "connections.h"
#include "coverage.h"
#include "metrics/monitor.h"
#include "protocol.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * What a monitor holds, for those who fill it (monitor.c) and those who print it (report*.c).
 */

struct tables {
    struct bandwidth bandwidth; /* first: every packet changes it */
    struct connections connections;
    struct protocol protocol;
    struct coverage coverage;
};

#define TABLES_INFO_BYTES 64 /* a server's own name or version, cut; message.h keeps 48 */

/* One server endpoint. */
struct tables_server {
    bool shared;  /* the one for all endpoints beyond the cap */
    bool mcp;     /* spoke MCP */
    bool counted; /* its connections and bytes are in the total: false until mcp under mcp_only */
    struct tables t;
    struct endpoint endpoint;
    char info_name[TABLES_INFO_BYTES], info_version[TABLES_INFO_BYTES]; /* "" = not known */
};

/* Index of `shared` in monitor.servers; index 0 means that no server is known. */
#define TABLES_SHARED 1u

/* A row of monitor.rows, by connection id. */
struct tables_connection {
    uint64_t id;
    struct conn conn; /* as its last event told */
    uint64_t messages[DIR_COUNT];
    uint32_t server; /* index */
    uint8_t transport;
};

#define MONITOR_LATEST 32u

struct monitor {
    struct monitor_config config; /* zeros replaced by the defaults */
    struct event_sink sink;
    struct limits_hit *hit;
    struct budget total_budget;   /* of `total` */
    struct budget server_budget;  /* of all servers together */
    struct histogram_queue queue; /* of both */
    int64_t width_ns;             /* of a bandwidth bucket */
    int64_t bucket;               /* of the latest packet, and the time where it begins */
    int64_t bucket_ns;
    int64_t first_ns, last_ns; /* of all packets; first > last: none yet */
    struct tables_server **servers;
    uint32_t *conns; /* by conn.slot: index of its server; 0: none */
    uint32_t conn_room;
    uint32_t server_count, server_room; /* including index 0 */
    uint32_t max_servers;               /* LIMIT_SERVERS */
    struct tables total;                /* its protocol: what was not counted at a server for it */
    struct table *by_endpoint;          /* struct endpoint to index */
    struct table *past_speakers;        /* connections that carried MCP and are over, by id */
    struct labels_ahead ahead;          /* of all names of servers */
    void *latest_servers[MONITOR_LATEST]; /* entries of by_endpoint that were found last, or NULL */
    struct table *rows;                   /* NULL: connections are not tracked */
};

#endif
