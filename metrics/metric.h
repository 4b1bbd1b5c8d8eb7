/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_METRIC_H
#define METRICS_METRIC_H

/* The lines of metrics.def as data. */

enum metric {
#define METRIC(table, id, name, kind, unit, key, help) METRIC_##id,
#include "metrics/metrics.def"
#undef METRIC
    METRIC_COUNT
};

enum metric_table { METRIC_TABLE_CONNECTION, METRIC_TABLE_BANDWIDTH, METRIC_TABLE_PROTOCOL };

enum metric_kind {
    METRIC_KIND_COUNTER,
    METRIC_KIND_GAUGE,
    METRIC_KIND_TEXT,
    METRIC_KIND_LATENCY, /* the report's LATENCY object */
    METRIC_KIND_MAP,     /* object with one member for each label */
    METRIC_KIND_LIST     /* array of objects */
};

enum metric_unit {
    METRIC_UNIT_NOTHING,
    METRIC_UNIT_CONNECTIONS,
    METRIC_UNIT_PACKETS,
    METRIC_UNIT_BYTES,
    METRIC_UNIT_BYTES_PER_SECOND,
    METRIC_UNIT_SECONDS,
    METRIC_UNIT_PERCENT,
    METRIC_UNIT_MESSAGES,
    METRIC_UNIT_EXCHANGES,
    METRIC_UNIT_CALLS,
    METRIC_UNIT_ERRORS,
    METRIC_UNIT_SESSIONS,
    METRIC_UNIT_OPERATIONS
};

struct metric_info {
    const char *name, *key, *help;
    enum metric_table table;
    enum metric_kind kind;
    enum metric_unit unit;
};

/* Static storage. */
const struct metric_info *metric_info(enum metric metric);

#endif
