/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_TASKS_H
#define DISSECT_TASKS_H

#include "operation.h"

/* Tasks: creation, polls, result and notifications of one, see tasks.c. */

/* True if an answer to that method with those links hands over a task. */
bool tasks_creation(uint8_t method, const struct record_links *l);

/* The same of the answer m to p, which is under way. */
bool tasks_creates(const struct tracker *t, const struct pending *p, const struct message *m);

/* An answer is a task. leg: the operation of its request, if it was asked again; NULL: none. */
void tasks_create(struct tracker *t, struct operation *leg, const struct fact *f);

/* The request p names a task. Returns the number of the operation that it asks for, or 0. */
uint64_t tasks_request(struct tracker *t, const struct pending *p, const struct record_links *l);

/* A request that asked for op ended. May remove op. */
void tasks_answer(struct tracker *t, struct operation *op, const struct fact *f);

/* A notification names a task. */
void tasks_notification(struct tracker *t, const struct fact *f);

#endif
