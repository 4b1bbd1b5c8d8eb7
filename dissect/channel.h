/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_CHANNEL_H
#define DISSECT_CHANNEL_H

#include "pairing.h"
#include "session.h"

/*
 * An open channel (see dissect/record.h) as the tracker sees it: whether it is MCP, which session
 * it belongs to, which requests wait on it.
 */

struct channel_key {
    uint64_t conn_id;
    uint32_t number;
    uint32_t zero;
};

struct channel {
    struct channel_key key;
    struct session *session;     /* NULL: not known yet, or it was dropped */
    struct channel *prev, *next; /* in session->channels */
    struct pairing_list waiting; /* of waiting_count */
    struct endpoint client, server;
    uint64_t path_hash;
    uint64_t target_hash;
    uint64_t session_hash;        /* of the request head; valid with CHANNEL_HAS_SESSION */
    uint64_t answer_session_hash; /* of the response head; valid with answer_named */
    uint64_t event_id;            /* of the latest SSE event with a message */
    uint64_t method_hash;         /* Mcp-Method and Mcp-Name, as in struct record_begin */
    uint64_t name_hash;
    uint64_t identity_hash; /* of the client, as its latest modern request names it */
    uint32_t slot;          /* of its connection: as in struct conn */
    uint32_t waiting_count;
    char version[CHANNEL_VERSION_BYTES];
    uint16_t flags;    /* enum channel_flag, of the request head */
    uint16_t status;   /* 0: no response head yet */
    uint8_t method;    /* enum http_method */
    uint8_t transport; /* enum record_transport */
    uint8_t content;   /* enum http_content */
    uint8_t fits;      /* answers on it that fit a request of an untied session (endpoint.h) */
    bool mcp;
    bool modern;       /* an exchange of revision 2026-07-28: see modern.h */
    bool answer_named; /* the response head names a session */
    bool kept;         /* a copy that waits with a stray message (stray.h) */
    bool announced;    /* an HTTP+SSE stream named its target for messages */
    bool known_path;   /* its endpoint and path spoke MCP before */
    bool initializing; /* an `initialize` was sent on it */
    bool event_ids;    /* its stream carries event ids: it can be resumed */
    bool event_seen;   /* event_id was seen before in the session */
    bool event_copied; /* by a copy that was sent later: a hole held this one back */
    bool lossy;        /* bytes of it were lost */
    bool opaque;       /* its body cannot be decoded */
    /* A wrong mask was told, by direction, before it was known to be MCP. */
    bool masks[DIR_COUNT];
    bool dropped; /* messages came before it was known to be MCP and were not counted */
    bool foreign; /* and its own request is among them */
};

/* Key of the endpoints that speak MCP; without a path, of those that speak other JSON-RPC, too, on
 * one connection with it. */
struct channel_path {
    struct endpoint server;
    uint32_t shared; /* 1: without a path */
    uint64_t path_hash;
};

_Static_assert(sizeof(struct channel_path) == 32, "no padding: compared as bytes");

static inline bool channel_is_http(const struct channel *ch)
{
    return ch->transport == TRANSPORT_HTTP1 || ch->transport == TRANSPORT_HTTP2;
}

/* What is known of its connection; NULL: it did not speak JSON-RPC, or is gone. */
static inline struct tracker_link *channel_link(const struct tracker *t, const struct channel *ch)
{
    return tracker_link_find(t, ch->key.conn_id, ch->slot);
}

/* A stream that goes on where another one broke off. */
static inline bool channel_resumed(const struct channel *ch)
{
    return (ch->flags & CHANNEL_HAS_LAST_EVENT) != 0 && ch->method == HTTP_METHOD_GET &&
           !ch->modern;
}

/* It may be one: its request was not seen, or not as a whole. */
static inline bool channel_maybe_resumed(const struct channel *ch)
{
    const uint16_t unknown = CHANNEL_STUB | CHANNEL_UNCERTAIN | CHANNEL_HEADER_UNKNOWN;
    return channel_resumed(ch) || (channel_is_http(ch) && (ch->flags & unknown) != 0);
}

/* Request and response belong together for sure, and the request was seen. */
static inline bool channel_certain(const struct channel *ch)
{
    return (ch->flags & (CHANNEL_STUB | CHANNEL_UNCERTAIN)) == 0;
}

/* Its response may answer another request: the capture joined its connection, on which no exchange
 * answered its own request so far. */
bool channel_unproven(const struct tracker *t, const struct channel *ch);

/* The exchange answered its own request; or it brought the answer to another one: then it is
 * uncertain, and so are the later ones of a connection that the capture joined. */
void channel_prove(struct tracker *t, const struct channel *ch);
void channel_refute(struct tracker *t, struct channel *ch);

/* NULL: no such channel. */
struct channel *channel_find(struct tracker *t, const struct record *r);

/* Removes its entry, after channel_end(). */
void channel_remove(struct tracker *t, struct channel *ch);

/* RECORD_BEGIN. */
void channel_begin(struct tracker *t, const struct record *r);

/* The channel of a record; one whose beginning was dropped comes back as a stub. NULL: out of
 * memory. */
struct channel *channel_of(struct tracker *t, const struct record *r);

/* Whether the message shows that its channel, which is none so far, is MCP: it is from now on. */
bool channel_prove_mcp(struct tracker *t, struct channel *ch, const struct message *m);

/* Whether the message belongs to an MCP channel; the first that proves it makes it one. */
static inline bool channel_admits(struct tracker *t, struct channel *ch, const struct message *m)
{
    return ch->mcp || channel_prove_mcp(t, ch, m);
}

/* The stream on ch announces where the client is to send messages (HTTP+SSE). */
void channel_announce(struct tracker *t, struct channel *ch, uint64_t target_hash);

/* RECORD_HEAD. */
void channel_head(struct tracker *t, struct channel *ch, const struct record *r);

/* The session, looked up or made when first asked for; NULL: out of memory. */
struct session *channel_session(struct tracker *t, struct channel *ch);

/* RECORD_END, or the channel is dropped: decides what becomes of the requests that wait on it and
 * takes it out of its session. The entry itself stays. */
void channel_end(struct tracker *t, struct channel *ch, enum channel_end how);

/* Eviction from the table of channels. */
void channel_evict(void *tracker, void *entry);

#endif
