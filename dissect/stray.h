/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_STRAY_H
#define DISSECT_STRAY_H

#include "channel.h"

/*
 * Responses and cancellations whose request was not seen yet. The request may be held back by a
 * hole in another connection (see tracker_state.h), so they wait for it; only then a response
 * counts as an orphan. A kept cancellation was told already, a kept response was not.
 */

struct stray {
    uint64_t seq; /* key */
    int64_t deadline_ns;
    uint64_t scope;
    uint64_t session;       /* its key */
    struct channel channel; /* a copy without what links it to others */
    bool seen;              /* its SSE event id was seen before */
    bool linked;            /* links is valid */
    struct record_links links;
    bool busy;  /* it is being judged */
    bool spent; /* endpoint.h: it was compared, and does not count any more */
    struct message message;
};

/* Keeps a message of ch for a while. False: it must be judged now. */
bool stray_keep(struct tracker *t, const struct channel *ch, const struct message *m, bool seen);

/* The request m on ch waits from now on: was it answered already? */
void stray_request(struct tracker *t, const struct channel *ch, const struct message *m);

/* The stream ch was found to be that of s: judges what waited on it, or in s. */
void stray_tied(struct tracker *t, const struct channel *ch, const struct session *s);

/* Judges those that waited long enough by t->now_ns. */
void stray_expire(struct tracker *t);

/* End of the capture: judges all. */
void stray_finish(struct tracker *t);

/* Eviction from the table. */
void stray_evict(void *tracker, void *entry);

#endif
