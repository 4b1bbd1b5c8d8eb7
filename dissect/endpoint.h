/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_ENDPOINT_H
#define DISSECT_ENDPOINT_H

#include "channel.h"

/*
 * HTTP+SSE sessions whose announcement was not captured, or names another target than the one that
 * the client's messages are seen to be sent to: which stream brings the answers to what is sent to
 * which target.
 */

/* The request on ch was accepted, and its own response will not answer it: an answer can only come
 * on a stream. Makes ch one of the session that its target names. */
void endpoint_infer(struct tracker *t, struct channel *ch);

/* The stream of that session is known. */
void endpoint_bind(struct tracker *t, struct session *s);

/* A response came on a stream that belongs to no session: what does it tell? True if the message is
 * to be kept, since more will be known later. */
bool endpoint_hear(struct tracker *t, struct channel *ch, const struct message *m);

/* A stream announced its target, but nothing was sent there: requests may have gone elsewhere. */
bool endpoint_unused(const struct session *s);

/* Whether endpoint_hear() knows a request for it. */
bool endpoint_fits(const struct tracker *t, const struct channel *ch, const struct message *m);

/* More will not be heard in time: ties ch to a session if what was suffices. */
void endpoint_decide(struct tracker *t, struct channel *ch);

/* s is dropped. */
void endpoint_forget(struct tracker *t, struct session *s);

#endif
