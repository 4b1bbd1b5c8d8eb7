/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_TRACKER_H
#define DISSECT_TRACKER_H

#include "base/hash.h"
#include "base/limits.h"
#include "dissect/event.h"
#include "dissect/record.h"

/*
 * From the records of all connections, in capture order, to events: decides what is MCP, follows
 * sessions over connections, pairs requests with responses.
 *
 * What is MCP. A channel is MCP when its request or response head has an Mcp-* field, or one of its
 * messages has a method that only MCP has or a shape that only MCP has (an `initialize` with
 * protocolVersion), or its server endpoint and path were found to be MCP before. Messages of other
 * channels are not MCP and give no events.
 *
 * Pairing. A response belongs, first, to the requests of its own channel (same HTTP exchange);
 * else to a request of the same session that was sent the other way (resumed streams, answers to
 * the server's requests); else, where no session id is in use, to the newest fitting request
 * between the same client address and server endpoint. Ids are compared by type and value and
 * belong to their sender. On a channel marked uncertain only certain pairs are made. A cancellation
 * ends the newest request of its session with that id; where no session id is in use, the only one
 * that was sent to the same target: if several may be meant, all go on waiting, and are lost if
 * nothing answers them.
 *
 * Redelivery. On a stream resumed with Last-Event-ID, an event id seen before in the session, or an
 * answer to a request that was answered already, is a copy.
 *
 * Between connections. A capture may misplace the packets of one connection against those of
 * another. In a session that was seen from its beginning and without loss, a response or
 * cancellation may therefore be up to 100 ms earlier than its request, by their times. Elsewhere it
 * then ends nothing, but the request is lost, not unanswered.
 *
 * Order. A hole in one connection holds its records back while others go on, so an answer may come
 * before its request and a loss may be known after its effect. A response that finds no request is
 * told up to eleven seconds of capture time later, at the latest by tracker_finish(): then it is an
 * orphan. What a session's end leaves unanswered is told after the same time.
 *
 * What is unanswered. A request whose channel ended waits on while its session can still bring the
 * answer (a resumable stream); it is unanswered when the session is closed, when its time-out
 * passed, or at the end of the capture if its connection ended. Losses make it lost, not
 * unanswered.
 */

struct tracker;

struct tracker_config {
    struct hash_key hash;
    int64_t request_timeout_ns;     /* 0: 300 s, counted from the request's last byte */
    const struct limits_caps *caps; /* NULL: limits_constants; outlives the tracker */
    uint32_t max_pending;           /* 0: as in caps */
    uint32_t max_sessions;          /* 0: as in caps */
};

struct tracker_counters {
    uint64_t sessions;       /* seen */
    uint64_t other_messages; /* JSON-RPC messages that were not MCP */
    uint64_t late_responses; /* to cancelled requests */
    uint32_t pending;        /* requests waiting now */
};

/* sink and hit must outlive the tracker. NULL: out of memory. */
struct tracker *tracker_new(const struct tracker_config *config, const struct event_sink *sink,
                            struct limits_hit *hit);

/* The sink for records; they must come in capture order. Valid as long as the tracker. */
const struct record_sink *tracker_record_sink(struct tracker *t);

/* Records of the connection with that slot may come soon: begins to bring what they need into the
 * caches, and goes on with that of the connection that was named before. */
void tracker_ahead(struct tracker *t, uint32_t slot);

/* Lets time pass without records (live). */
void tracker_tick(struct tracker *t, int64_t now_ns);

/* End of the capture: every waiting request gets its last event, oldest first, and every open
 * session is closed. */
void tracker_finish(struct tracker *t, const struct stream_pos *at);

void tracker_counters(const struct tracker *t, struct tracker_counters *ret_counters);
void tracker_free(struct tracker *t); /* NULL is allowed; does not call the sink */

#endif
