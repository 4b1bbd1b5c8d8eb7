/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_COVERAGE_H
#define METRICS_COVERAGE_H

#include "dissect/event.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * What share of the traffic was understood: every payload byte of a TCP connection, and every byte
 * that is known to be lost, is counted in one class; every connection that has such bytes, too.
 * Counted when a connection goes. docs/report.md has the definition.
 */

/* COVERAGE_CLASS(ID, key): the classes in the order of the report. */
#define COVERAGE_CLASSES                                                                           \
    COVERAGE_CLASS(MCP, "mcp")                                                                     \
    COVERAGE_CLASS(OTHER, "other")                                                                 \
    COVERAGE_CLASS(ENCRYPTED, "encrypted")                                                         \
    COVERAGE_CLASS(LOST, "lost")                                                                   \
    COVERAGE_CLASS(UNDECODABLE, "undecodable")                                                     \
    COVERAGE_CLASS(AMBIGUOUS, "ambiguous")

enum coverage_class {
#define COVERAGE_CLASS(id, key) COVERAGE_##id,
    COVERAGE_CLASSES
#undef COVERAGE_CLASS
        COVERAGE_CLASS_COUNT
};

struct coverage {
    uint64_t bytes[COVERAGE_CLASS_COUNT];
    uint64_t connections[COVERAGE_CLASS_COUNT];
};

/* Counts a connection that goes. One without payload or loss counts nothing. */
void coverage_add(struct coverage *t, const struct event_connection *e);

/* Adds all of `from`. */
void coverage_merge(struct coverage *t, const struct coverage *from);

/* Of the bytes that may be MCP, all but COVERAGE_OTHER, the percentage that was decoded as MCP.
 * False: there are none. */
bool coverage_percent(const struct coverage *t, double *ret_percent);

/* The name of a class in reports; static storage. */
const char *coverage_key(enum coverage_class class);

#endif
