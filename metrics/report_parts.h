/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_REPORT_PARTS_H
#define METRICS_REPORT_PARTS_H

#include "metric.h"
#include "tables.h"
#include <jansson.h>

/* What the files that build the report share. */

struct report_view {
    const struct monitor *m;
    int64_t now_ns;      /* end of the window of current rates */
    int64_t duration_ns; /* what average rates are taken over */
    bool any_packet;
    enum dir received, sent; /* what the words mean in this perspective */
    bool failed;             /* out of memory at some point: the result is void */
};

/* One number of the registry. */
struct report_value {
    bool known;
    bool real;
    uint64_t count; /* unless real */
    double number;  /* if real */
};

/* Computes the numbers of one set of tables. */
void report_values(const struct report_view *v, const struct tables *t,
                   struct report_value values[METRIC_COUNT]);

/* Sets a member; takes the reference; NULL means out of memory and marks the view. The key is valid
 * UTF-8, as all of our own words and all labels are. */
void report_put(struct report_view *v, json_t *object, const char *key, json_t *value);
void report_append(struct report_view *v, json_t *array, json_t *value);

json_t *report_count(uint64_t n);
json_t *report_seconds(int64_t ns);
json_t *report_time(int64_t ts_ns);                                        /* RFC 3339 */
json_t *report_endpoint(struct report_view *v, const struct endpoint *ep); /* {ip, port} */
json_t *report_latency(struct report_view *v, const struct histogram *h);  /* LATENCY */

/* connection_metrics, bandwidth_metrics, protocol_metrics as members of object. */
void report_tables(struct report_view *v, json_t *object, const struct tables *t);

/* Members of the report of that name; NULL: out of memory. */
json_t *report_coverage(struct report_view *v, const struct tables *t);
json_t *report_protocol_versions(struct report_view *v, const struct tables *t);
json_t *report_transports(struct report_view *v, const struct tables *t);

/* The rows of protocol_metrics.operations. */
json_t *report_operations(struct report_view *v, const struct tables *t);

/* The rows of the connections, by id. */
json_t *report_connections(struct report_view *v);

#endif
