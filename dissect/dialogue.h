/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_DIALOGUE_H
#define DISSECT_DIALOGUE_H

#include "channel.h"

/* Key of the event ids that were seen. */
struct dialogue_seen_key {
    uint64_t scope;
    uint64_t event_id;
};

_Static_assert(sizeof(struct dialogue_seen_key) == 16, "no padding: compared as bytes");

struct dialogue_seen {
    struct dialogue_seen_key key;
    int64_t copied_ns; /* first told where copies come, at that time; INT64_MIN: elsewhere */
};

/* What one message of an MCP channel does: counts, waits, answers, cancels. */
void dialogue_message(struct tracker *t, struct channel *ch, const struct message *m);

/* Everything that could explain an odd message on ch was seen. */
bool dialogue_nothing_missed(const struct tracker *t, const struct channel *ch);

/* Whether m, a response or a cancellation on ch, was sent after the request that ended at
 * request_ns. By the times of their bytes; but where the session was seen from its beginning and
 * without loss, no other request can be meant, and TRACKER_SKEW_NS is allowed for. */
bool dialogue_follows(const struct tracker *t, const struct channel *ch, const struct message *m,
                      int64_t request_ns);

/* The id of the request that a response or cancellation means. */
const struct rpc_id *dialogue_meant(const struct message *m);

/* m, a response or a cancellation in s, is not known to follow its request. One with that id that
 * was captured later by TRACKER_SKEW_NS at most may be its own all the same: then it is not called
 * unanswered. */
void dialogue_doubt(const struct tracker *t, const struct session *s, const struct message *m);

/* A message that was kept for its request, see stray.h: ch is a copy of its channel. Pairs it if
 * that can be done now; else judges it if final. False: it is to be kept. */
bool dialogue_stray(struct tracker *t, struct channel *ch, const struct message *m, bool seen,
                    bool final);

#endif
