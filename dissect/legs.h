/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_LEGS_H
#define DISSECT_LEGS_H

#include "operation.h"

/* Multi round-trip requests: the exchanges ("legs") of one call, see legs.c. */

/* The request p answers what an operation waits for. Returns the number of the operation, or
 * OPERATION_LOOSE. */
uint64_t legs_request(struct tracker *t, const struct pending *p, const struct record_links *l);

/* An answer asks for input. op: of its request; NULL: the request is its first. */
void legs_ask(struct tracker *t, struct operation *op, const struct fact *f);

/* An exchange of op ended in another way. May remove op. */
void legs_end(struct tracker *t, struct operation *op, const struct fact *f);

/* Calls between two hosts that may be under way although they were not seen. */
struct legs_joined {
    struct tracker_peers peers; /* key */
    uint32_t count;             /* what began before the capture */
};

/* A connection between the two was joined after its beginning, or an answer was seen without its
 * request. */
void legs_missed(struct tracker *t, const struct endpoint *client, const struct endpoint *server);

/* Such a connection turned out to be seen whole. */
void legs_whole(struct tracker *t, const struct endpoint *client, const struct endpoint *server);

/* A call between the two may be under way of which nothing is known. */
bool legs_may_have_missed(const struct tracker *t, const struct endpoint *client,
                          const struct endpoint *server);

#endif
