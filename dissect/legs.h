/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_LEGS_H
#define DISSECT_LEGS_H

#include "operation.h"

/* Multi round-trip requests: the exchanges ("legs") of one call, see legs.c. */

/* The request m of p answers what an operation waits for. */
void legs_request(struct tracker *t, struct pending *p, const struct message *m,
                  const struct record_links *l);

/* The answer to p asks for input. op: of p; NULL: p is its first. */
void legs_ask(struct tracker *t, struct operation *op, const struct pending *p,
              const struct pairing_outcome *o);

/* p, which belongs to op, ended in another way. May remove op. */
void legs_end(struct tracker *t, struct operation *op, const struct pending *p,
              const struct pairing_outcome *o);

/* Between the two, calls may be under way that were not seen. */
void legs_joined(struct tracker *t, const struct endpoint *client, const struct endpoint *server);

#endif
