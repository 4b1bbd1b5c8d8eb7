/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SESSION_H
#define DISSECT_SESSION_H

#include "names.h"
#include "pairing.h"

/*
 * A dialogue: the scope in which the ids of one sender mean something, and what is known of the two
 * that speak. It becomes a session of the report (gets a number, and the listener hears of it) once
 * the server accepted it; one that is refused never does.
 */

enum session_kind {
    SESSION_KIND_ID,       /* server endpoint and Mcp-Session-Id */
    SESSION_KIND_ENDPOINT, /* HTTP+SSE: server endpoint and the target that an event announced */
    SESSION_KIND_PEERS,    /* no session id in use: client address and server endpoint */
    SESSION_KIND_IDENTITY, /* revision 2026-07-28: the same, and the client's name and version */
    SESSION_KIND_DRAFT,    /* an `initialize` whose answer will say which session it begins */
    SESSION_KIND_CHANNEL   /* the channel is the session: no HTTP */
};

struct session_key {
    struct endpoint server;
    struct endpoint client; /* SESSION_KIND_PEERS and _IDENTITY, port zero; else zero */
    uint64_t value;         /* session id's, target's or identity's hash, or conn_id */
    uint32_t channel;       /* DRAFT and CHANNEL */
    uint32_t kind;          /* enum session_kind */
};

_Static_assert(sizeof(struct session_key) == 56, "no padding: compared as bytes");

struct channel;

struct session_tie;

#define SESSION_DRAFT 1u /* instead of a hash: none is looked up */

struct session {
    uint64_t key;     /* hash of its struct session_key; SESSION_DRAFT */
    uint64_t scope;   /* what ids are looked up with; never 0 */
    uint64_t number;  /* in events; 0 = not accepted yet */
    uint64_t conn_id; /* where it was first seen */
    struct endpoint client, server;
    struct channel *first, *last; /* its open channels, in order of appearance */
    struct pairing_list waiting;  /* requests whose channel is over */
    struct session_tie *tie;      /* endpoint.h; NULL: it never was without a stream */
    const struct names *names;
    uint16_t client_capabilities, server_capabilities; /* dissect/capability.h */
    uint8_t kind : 3;                                  /* enum session_kind */
    bool negotiated : 1;                               /* version is from an InitializeResult */
    bool from_start : 1;                               /* its `initialize` was captured */
    bool over : 1;     /* ended by DELETE, 404 or the end of its channel */
    bool closed : 1;   /* the listener knows */
    bool used : 1;     /* HTTP+SSE: something was sent to its target */
    uint8_t transport; /* enum record_transport */
};
_Static_assert(sizeof(struct session) == 128, "one for each connection, as a rule");

/* Of a session of HTTP+SSE whose announcement was not captured. */
struct session_tie {
    struct session *prev, *next; /* in the list of those without a stream */
    uint64_t target_hash;
    int64_t
        tied_ns; /* answers to what was asked before may have gone unheard; INT64_MIN: to none */
    bool untied; /* without a stream so far */
};

/* The protocol gave it a name, so that its messages are known wherever they come. */
static inline bool session_named(const struct session *s)
{
    return s->kind == SESSION_KIND_ID || s->kind == SESSION_KIND_ENDPOINT;
}

/* Two hosts share it: equal ids in it may be those of different clients. */
static inline bool session_shared(const struct session *s)
{
    return s->kind == SESSION_KIND_PEERS || s->kind == SESSION_KIND_IDENTITY;
}

/* The session for that key; NULL: there is none. */
struct session *session_find(const struct tracker *t, const struct session_key *key);

/* Removes its entry. */
void session_remove(struct tracker *t, struct session *s);

/* The session for that key, made when it is not there; ch says where it was first seen. Makes it
 * the newest. NULL: out of memory. */
struct session *session_get(struct tracker *t, const struct session_key *key,
                            const struct channel *ch);

/* The same as session_get() of session_key_id() if that session was the latest of its connection;
 * NULL: it was not. */
struct session *session_again(const struct tracker *t, const struct channel *ch,
                              uint64_t session_hash);

struct session_key session_key_id(const struct channel *ch, uint64_t session_hash);
struct session_key session_key_endpoint(const struct channel *ch, uint64_t target_hash);
struct session_key session_key_peers(const struct channel *ch);
struct session_key session_key_identity(const struct channel *ch, uint64_t identity_hash);
struct session_key session_key_channel(const struct channel *ch, enum session_kind kind);

/* Puts the channel and the requests that wait on it into s, out of the session it was in. A draft
 * that is left is gone afterwards. */
void session_enter(struct tracker *t, struct session *s, struct channel *ch);

/* Takes the channel out of its session. */
void session_leave(struct tracker *t, struct channel *ch);

/* An `initialize` begins on the channel. */
void session_draft(struct tracker *t, struct channel *ch);

/* The response head names the channel's session. */
void session_identify(struct tracker *t, struct channel *ch, uint64_t session_hash);

/* Version of the session from now on; NUL-terminated. */
void session_set_version(struct tracker *t, struct session *s, const char *version);

/* The `initialize` of the channel is of s: what it told of the client is. */
void session_adopt(struct tracker *t, struct session *s, const struct channel *ch);

/* What a message tells of the parties. answers: the method of the request that it answers, or
 * METHOD_NONE. The result of `initialize` decides the version, and opens the session. May change
 * ch->session. */
void session_learn(struct tracker *t, struct channel *ch, const struct message *m,
                   enum method answers);

/* The server accepted it: from now on it counts. */
void session_open(struct tracker *t, struct session *s);

/* It is over: what waits in it will not be answered any more. Requests on channels that are still
 * open wait for those. */
void session_close(struct tracker *t, struct session *s);

/* Only the event, at the end of the capture. */
void session_farewell(struct tracker *t, struct session *s);

/* Eviction from the table of sessions. */
void session_evict(void *tracker, void *entry);

#endif
