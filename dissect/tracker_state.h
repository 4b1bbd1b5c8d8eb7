/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_TRACKER_STATE_H
#define DISSECT_TRACKER_STATE_H

#include "base/table.h"
#include "dissect/ids.h"
#include "dissect/tracker.h"
#include <string.h>

/*
 * What the tracker's files share; private to them. tracker.c owns the tables and turns records into
 * calls, channel.c knows what is MCP, session.c who belongs together, pairing.c what waits for an
 * answer, dialogue.c what a message does to all of them, modern.c what revision 2026-07-28 does
 * differently, stray.c which answers wait for their request, endpoint.c which event stream they
 * belong to, operations.c which exchanges are one call, emit.c how the listener is told.
 *
 * Order. Records of one connection come in order, but a hole in one connection holds its records
 * back while others go on, until it is declared a gap (capture/stream.h: 10 s at most). So an
 * answer can come before its request, and a loss can become known after its effect. Verdicts that
 * depend on other connections therefore wait for TRACKER_GRACE_NS.
 *
 * Ownership: a waiting request is in the list of its channel, or, once that is over, in the list of
 * its session. Every table may drop its oldest entry at any insertion; its evict function then
 * clears all pointers to it. So a pointer is good until the next insertion into its own table, and
 * a waiting request until the next insertion into any of channels, sessions and pending.
 */

#define TRACKER_GRACE_NS INT64_C(11000000000) /* more than the age at which a hole is given up */

/* By how much a capture may misplace the packets of one connection against those of another: the
 * queues of a network card are emptied some milliseconds apart, and the clocks of two machines
 * whose captures were merged differ by some tens. */
#define TRACKER_SKEW_NS INT64_C(100000000)

struct answered_list;
struct channel;
struct pending;
struct session;

struct pairing_list {
    struct pending *first, *last;
};

struct tracker {
    struct tracker_config config;
    const struct event_sink *sink;
    struct limits_hit *hit;
    struct record_sink record_sink;
    struct table *channels;     /* struct channel */
    struct table *sessions;     /* struct session */
    struct table *names;        /* names.c */
    struct table *pending;      /* struct pending; a list without keys */
    struct ids ids;             /* of them */
    struct pairing_list doomed; /* requests whose session is over */
    struct answered_list *answered;
    struct table *strays;         /* struct stray, by sequence number */
    struct table *seen;           /* SSE event ids by scope */
    struct table *endpoints;      /* server endpoint and path that speak MCP */
    struct table *losses;         /* packet of the last loss between two hosts */
    struct table *operations;     /* struct operation, by sequence number */
    struct table *operation_keys; /* struct operation_slot */
    struct table *joined;         /* pairs of hosts whose dialogue began before the capture */
    struct table *facts;          /* struct fact, by sequence number */
    struct table *operation_legs; /* struct operations_leg */
    struct fact *facts_first, *facts_last;                /* in order of their time */
    struct operation *operations_first, *operations_last; /* over, but not told yet */
    int64_t operations_next_ns;                           /* when operations_expire() is due */
    const struct message *linked; /* the message under way that has links; NULL: it has none */
    const struct record_links *links_of_linked;
    struct record_links links_before; /* of the record before; valid with links_conn */
    uint64_t links_conn;              /* its connection; 0: the record before had no links */
    uint64_t latest_speaker; /* a connection whose link is marked as having spoken; 0: none */
    bool operations_forgot;  /* something that waits for input was dropped or is not known */
    void *names_idle, *names_first; /* names.c */
    uint32_t names_idle_count;
    struct session *untied;      /* HTTP+SSE targets without a stream (endpoint.h), newest first */
    uint32_t targets;            /* sessions of kind SESSION_KIND_ENDPOINT */
    struct tracker_near *near;   /* TRACKER_NEAR of them, by the low bits of conn_id */
    struct tracker_link **links; /* by slot, in slabs of TRACKER_LINKS; NULL: none spoke there */
    uint32_t link_slabs;
    struct stream_pos at; /* of the latest record */
    int64_t now_ns;       /* latest time so far: never runs backwards */
    int64_t due_ns;       /* before it nothing expires, if there are no doomed requests */
    uint64_t last_scope, last_seq;
    uint32_t ahead_slot; /* that tracker_ahead() was told last */
    bool forgot;         /* a waiting request or session was dropped for want of room or memory */
    struct tracker_counters counters;
};

/* What few connections have: bytes that are not MCP, or lost. */
struct tracker_odd {
    uint64_t told_bytes;     /* lost, as far as it is known here */
    uint64_t foreign_bytes;  /* of messages that are no MCP */
    uint64_t unproven_bytes; /* of messages that came before anything showed whether they are */
};

/* A connection that spoke JSON-RPC. Its slot is another one's when it is gone, so conn_id tells
 * whether it is that of the connection that is meant. */
struct tracker_link {
    uint64_t conn_id;        /* 0: nobody's */
    struct tracker_odd *odd; /* NULL: nothing */
    struct session *session; /* the latest of kind SESSION_KIND_ID, of which the next two are: as */
    uint64_t session_value;  /* long as it is in the table (its key is not 0) and its scope is */
    uint64_t session_scope;  /* the same it is what a look-up of session_value would find */
    uint64_t scope : 57;     /* of the first session on it that has a name; 0: none yet */
    bool mcp : 1;
    bool foreign : 1; /* it carries requests that are no MCP */
    bool mixed : 1;   /* another session was seen on it */
    bool spoke : 1;   /* it had a message event */
    bool proven : 1;  /* a request's own exchange answered it: see channel_unproven() */
    bool refuted : 1; /* an exchange brought another one's answer */
    bool closed : 1;  /* by FIN or RST; its channels may end later */
};
_Static_assert(sizeof(struct tracker_link) == 48, "one for each connection that speaks MCP");

#define TRACKER_LINKS 64u /* in a slab; a power of two */

/* Where the entries of a connection were found last, so that most records need no look into the
 * tables. Each is compared by its key before it is used, because it may be another one by now, of
 * another connection, too; a removed one has no key (base/table.h). */
struct tracker_near {
    struct channel *channel;
    struct channel_path *path;
};

#define TRACKER_NEAR                                                                               \
    1024 /* a power of two: more connections are hardly in the middle of something */

static inline struct tracker_near *tracker_near(const struct tracker *t, uint64_t conn_id)
{
    return &t->near[conn_id & (TRACKER_NEAR - 1)];
}

/* The place of whoever has that slot; NULL: there is none yet. */
static inline struct tracker_link *tracker_link_at(const struct tracker *t, uint32_t slot)
{
    uint32_t slab = slot / TRACKER_LINKS;
    if (slab >= t->link_slabs || !t->links[slab])
        return NULL;
    return &t->links[slab][slot % TRACKER_LINKS];
}

/* What is known of a connection that spoke MCP; NULL: it did not, or was forgotten. */
static inline struct tracker_link *tracker_link_find(const struct tracker *t, uint64_t conn_id,
                                                     uint32_t slot)
{
    struct tracker_link *link = tracker_link_at(t, slot);
    return link && link->conn_id == conn_id ? link : NULL;
}

/* That of a connection that has none yet. NULL: out of memory, or it is gone and a later one has
 * its slot. */
struct tracker_link *tracker_link_add(struct tracker *t, uint64_t conn_id, uint32_t slot);

/* For writing; NULL: out of memory. */
struct tracker_odd *tracker_odd(struct tracker *t, struct tracker_link *link);

/* Two hosts: a client's address, its port zero, and a server endpoint. */
struct tracker_peers {
    struct endpoint client, server;
};

static inline struct tracker_peers tracker_peers(const struct endpoint *client,
                                                 const struct endpoint *server)
{
    struct tracker_peers peers = {*client, *server};
    peers.client.port = 0;
    return peers;
}

/* What ties m to others; NULL: nothing. m may be NULL. */
static inline const struct record_links *tracker_links_of(const struct tracker *t,
                                                          const struct message *m)
{
    return m && m == t->linked ? t->links_of_linked : NULL;
}

/* Packets of a connection between the two were lost: what is missing cannot be told any more. */
void tracker_note_loss(struct tracker *t, const struct endpoint *client,
                       const struct endpoint *server);

/* True if there was a loss in packet number `packet` or later. */
bool tracker_lost_since(const struct tracker *t, const struct endpoint *client,
                        const struct endpoint *server, uint64_t packet);

/* A time by_ns after another one, as far as times go. */
static inline int64_t tracker_later(int64_t ns, int64_t by_ns)
{
    int64_t sum;
    return __builtin_add_overflow(ns, by_ns, &sum) ? INT64_MAX : sum;
}

/* Something expires at that time. */
static inline void tracker_due(struct tracker *t, int64_t ns)
{
    if (ns < t->due_ns)
        t->due_ns = ns;
}

/* From one time to another one, never negative; 0 too if that cannot be said. */
static inline int64_t tracker_between(int64_t from_ns, int64_t to_ns)
{
    int64_t ns;
    return to_ns < from_ns || __builtin_sub_overflow(to_ns, from_ns, &ns) ? 0 : ns;
}

/* Copies text of n bytes, cut to room - 1, and terminates it. Returns whether dst changed. */
static inline bool tracker_copy_text(char *dst, size_t room, const char *text, size_t n)
{
    if (n >= room)
        n = room - 1;
    if (strlen(dst) == n && memcmp(dst, text, n) == 0)
        return false;
    memcpy(dst, text, n);
    dst[n] = '\0';
    return true;
}

#endif
