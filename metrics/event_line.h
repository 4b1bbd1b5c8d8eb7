/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_EVENT_LINE_H
#define METRICS_EVENT_LINE_H

#include "dissect/event.h"
#include "metrics/monitor.h"
#include <jansson.h>

/*
 * Events as objects of the newline-delimited form of `replay --json` and `live --json`. The caller
 * owns the reference; NULL: out of memory. No payload, credential or session id is in them.
 */
json_t *event_line_connection(const struct event_connection *e);
json_t *event_line_session(const struct event_session *e);
json_t *event_line_message(const struct event_message *e);
json_t *event_line_exchange(const struct event_exchange *e);
json_t *event_line_operation(const struct event_operation *e);

/* Lines speak as a server sees it; this makes the line speak as the client does, or leaves it as it
 * is. Returns line; NULL is allowed. */
json_t *event_line_perspective(json_t *line, enum monitor_perspective perspective);

/* The line as compact text with a newline at the end, written like the report (report_write). The
 * caller frees it. NULL: out of memory. */
char *event_line_text(const json_t *line);

/* Why a connection failed or was closed: "refused", "fin", ...; "" if neither; static storage. */
const char *event_line_reason(enum conn_failure failure, enum conn_close close);

/* {"ts", "event": name} with the members of body added; steals body. EVENT_LINE_NO_TIME: "ts" is
 * null. */
#define EVENT_LINE_NO_TIME INT64_MIN
json_t *event_line_object(int64_t ts_ns, const char *name, json_t *body);

/* RFC 3339 in UTC with nine decimals, e.g. 2026-01-02T03:04:05.000000006Z. */
#define EVENT_LINE_TIME_BYTES 36
const char *event_line_time(int64_t ts_ns, char text[EVENT_LINE_TIME_BYTES]);

/* Community ID flow hash, version 1, seed 0, of a TCP connection: "1:" and base64. */
#define COMMUNITY_ID_BYTES 32
const char *community_id(const struct endpoint *a, const struct endpoint *b,
                         char text[COMMUNITY_ID_BYTES]);

/* The library that hashes it, with its version; static storage. */
const char *community_id_library(void);

#endif
