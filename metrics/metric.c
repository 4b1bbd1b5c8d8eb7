/* SPDX-License-Identifier: BSD-3-Clause */
/* The registry of metrics as an array. */
#include "metric.h"

static const struct metric_info infos[METRIC_COUNT] = {
#define METRIC(table, id, name, kind, unit, key, help)                                             \
    {name, key, help, METRIC_TABLE_##table, METRIC_KIND_##kind, METRIC_UNIT_##unit},
#include "metrics/metrics.def"
#undef METRIC
};

const struct metric_info *metric_info(enum metric metric)
{
    return &infos[metric];
}
