/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_REPORT_H
#define METRICS_REPORT_H

#include "base/limits.h"
#include "metrics/document.h"
#include "metrics/monitor.h"
#include <stdint.h>

/*
 * The report object, "mcpmeter.report/1": the one form that every front end draws from. Its schema
 * is docs/report.schema.json, its words are docs/report.md.
 */

struct report_undecoded {
    const char *reason;
    uint64_t packets;
};

/* What the tables cannot know by themselves. Pointers are borrowed for the call. */
struct report_capture {
    const char *version; /* of the program */
    bool live;
    const char *const *inputs; /* file names as given */
    size_t input_count;
    const char *interface;         /* NULL: none */
    const char *filter;            /* NULL: none */
    const char *const *link_types; /* names */
    size_t link_type_count;
    int64_t first_ns, last_ns; /* 0 packets: both 0 */
    uint64_t packets, bytes;
    bool dropped_known;
    uint64_t dropped;
    uint64_t truncated;
    const struct report_undecoded *undecoded;
    size_t undecoded_count;
    const char *const *cut_inputs; /* sentences about inputs that ended inside a record */
    size_t cut_input_count;
    const struct limits_hit *hit; /* may be NULL */
};

/* The whole report; the caller owns the reference. NULL: out of memory. Times are those of the last
 * packet in capture. */
json_t *report_build(const struct monitor *m, const struct report_capture *capture);

/* {connection_metrics, bandwidth_metrics, protocol_metrics} as of now_ns, for the interval event.
 * NULL: out of memory. */
json_t *report_metrics(const struct monitor *m, int64_t now_ns);

/* The report as text, in pieces: keys in the contract's order, numbers in plain decimal, newline at
 * the end. */
void report_write(const json_t *report, document_take *take, void *ctx);

#endif
