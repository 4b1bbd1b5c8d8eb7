/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_EMIT_H
#define DISSECT_EMIT_H

#include "channel.h"

/* How the tracker's listener is told. */

/* The revision spoken on a channel as far as its messages do not say it themselves: what the
 * session agreed on, else the request head; where several clients may share the session, the head
 * first. */
const char *emit_version(const struct channel *ch);

/* Where something on a channel happened. version: borrowed; NULL: that of session or channel.
 * Written in place: each message has one, and a copy would wait for what was stored just before. */
void emit_origin(const struct channel *ch, const char *version, struct event_origin *ret_origin);

/* Where a waiting request was sent. */
void emit_pending_origin(const struct pending *p, struct event_origin *ret_origin);

/* A protocol error on a channel. type: borrowed for the call. */
void emit_finding(struct tracker *t, const struct event_origin *origin, const char *type,
                  enum dir dir, const struct stream_pos *at);

/* The finding of an HTTP status of at least 400: "http:404". */
void emit_status(struct tracker *t, const struct channel *ch);

/* The findings of a counted message: "envelope:bad_id", "jsonrpc:-32602", "tool:is_error". */
void emit_failure(struct tracker *t, const struct event_origin *origin, const struct message *m);

/* Sends a message event, whose `speaker` is filled in. */
void emit_message(struct tracker *t, struct event_message *e);

/* A session was opened, changed or closed. */
void emit_session(struct tracker *t, struct session *s, enum session_event event);

/* The last event of a request. */
void emit_exchange(struct tracker *t, const struct pending *p,
                   const struct pairing_outcome *outcome);

#endif
