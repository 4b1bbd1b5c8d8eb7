/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_OPERATIONS_H
#define DISSECT_OPERATIONS_H

#include "pairing.h"

/*
 * Exchanges that are one call for who made it: input_required and its retries, tasks. Fed by the
 * requests that begin to wait, by their ends and by notifications; tells the listener when an
 * operation is over. What may be wrong is not linked: see legs.c and tasks.c.
 */

/* p begins to wait, with the request m. */
void operations_request(struct tracker *t, struct pending *p, const struct message *m);

/* p is about to end. */
void operations_exchange(struct tracker *t, const struct pending *p,
                         const struct pairing_outcome *outcome);

/* A notification that is no copy. */
void operations_notification(struct tracker *t, const struct channel *ch, const struct message *m);

/* A response whose request was never seen. */
void operations_orphan(struct tracker *t, const struct channel *ch, const struct message *m);

/* What the request of an end was found to be. */
struct operations_leg {
    uint64_t request; /* key: number of its fact */
    uint64_t number;  /* of the operation, or OPERATION_LOOSE */
};

/* Takes and tells what is due by t->now_ns. */
void operations_expire(struct tracker *t);

/* End of the capture, after pairing_finish(): takes and tells all. */
void operations_finish(struct tracker *t);

/* Eviction from the table of facts. */
void operations_evict(void *tracker, void *entry);

#endif
