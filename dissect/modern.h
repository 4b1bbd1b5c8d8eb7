/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_MODERN_H
#define DISSECT_MODERN_H

#include "channel.h"

/*
 * What revision 2026-07-28 changes for the tracker: no sessions, the exchange as the only scope of
 * an id, a closed stream as cancellation, and header fields that repeat what the body says. Decided
 * request by request, since one endpoint may serve several revisions.
 */

/* Whether the request head alone says so; of HTTP only. */
bool modern_head(const struct channel *ch);

/* A request or notification of the client begins: decides whether its exchange is modern, and then
 * which client it is of. May change ch->session. */
void modern_sort(struct tracker *t, struct channel *ch, const struct message *m);

/* Tells where the header fields contradict the request m, or lack. */
void modern_check(struct tracker *t, const struct channel *ch, const struct message *m,
                  const struct event_origin *origin);

/* The server says m on ch: does it show that it takes part in the revision? p: the request that it
 * answers; NULL: it is a notification. */
void modern_accept(struct tracker *t, struct channel *ch, const struct message *m,
                   const struct pending *p);

/* The server acknowledges a `subscriptions/listen`, on any transport. */
void modern_acknowledge(struct tracker *t, const struct channel *ch, const struct message *m);

/* What becomes of a request of the client when its HTTP exchange is over without an answer. */
void modern_end(struct tracker *t, const struct channel *ch, struct pending *p,
                enum channel_end how);

#endif
