/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_TASKS_H
#define DISSECT_TASKS_H

#include "operation.h"

/* Tasks: creation, polls, result and notifications of one, see tasks.c. */

/* True if the answer m to p hands over a task. */
bool tasks_creates(const struct tracker *t, const struct pending *p, const struct message *m);

/* The answer to p is a task. leg: the operation of p, if it was asked again; NULL: none. */
void tasks_create(struct tracker *t, struct operation *leg, const struct pending *p,
                  const struct pairing_outcome *o);

/* The request m of p names a task. */
void tasks_request(struct tracker *t, struct pending *p, const struct message *m,
                   const struct record_links *l);

/* p, which asked for op, ended. May remove op. */
void tasks_answer(struct tracker *t, struct operation *op, const struct pending *p,
                  const struct pairing_outcome *o);

/* The notification m on ch names a task. */
void tasks_notification(struct tracker *t, const struct channel *ch, const struct message *m,
                        const struct record_links *l);

#endif
