/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_PAIRING_H
#define DISSECT_PAIRING_H

#include "answered.h"
#include "tracker_state.h"

/*
 * Requests that wait for an answer, found by their channel or by (scope, sender, id), and a memory
 * of those that wait no more. Several requests of one sender with one id are kept in order.
 */

struct channel;
struct session;

#define PAIRING_TEXT_BYTES 48

/* What is told of a request when it ends. */
enum pending_owes {
    PENDING_OWES_EXCHANGE,
    PENDING_OWES_IF_ANSWERED, /* an exchange, but only with an answer: it need not get one */
    PENDING_OWES_NOTHING      /* it waits so that its answer has something to belong to */
};

/* A waiting request; about 250 bytes. */
struct pending {
    uint64_t seq; /* order of appearance */
    uint64_t scope;
    uint64_t id_hash;
    struct channel *channel;     /* open channel it waits on; NULL: waits in the session */
    struct session *session;     /* with channel == NULL; NULL, too: it is doomed */
    struct pending *prev, *next; /* in the list of channel or session */
    struct ids_node by_id;       /* same scope, sender and id */
    struct endpoint client, server;
    uint64_t target_hash; /* that its channel had; 0: not known */
    uint64_t conn_id;
    uint64_t session_number; /* when doomed */
    uint64_t operation;      /* 0: none; see operation.h */
    struct stream_pos request;
    uint64_t bytes;
    int64_t deadline_ns;
    char *overflow; /* the texts when they do not fit into `text`: id, name, method */
    uint32_t channel_number;
    uint32_t conn_slot; /* as in struct conn */
    uint8_t dir, method, transport;
    uint8_t id_len, name_len, method_len;
    bool lossy;           /* losses may have swallowed its answer, or it may be over */
    bool over;            /* its channel ended */
    bool delivered_again; /* seen once more on a resumed stream: may be answered twice */
    bool acknowledged;    /* what it asked for is a stream, which is open: the next two are valid */
    int64_t ack_first_ns, ack_last_ns; /* first and last byte of the acknowledgement */
    bool broken;     /* its connection ended before a response began: it may be sent again */
    bool stub;       /* on a channel whose request was not seen */
    bool maybe_copy; /* first seen where copies come: when it was sent is not known */
    uint8_t owes;    /* enum pending_owes */
    char version[CHANNEL_VERSION_BYTES]; /* its own; "" = that of the session */
    char text[PAIRING_TEXT_BYTES];
};

/* How a request ended. */
struct pairing_outcome {
    enum exchange_status status;
    const struct message *answer;  /* NULL: none */
    const struct channel *channel; /* that brought the answer; NULL: none */
    uint16_t http_status;
    bool has_code;
    int64_t code;
    struct stream_pos at;
};

/* Only integers and strings can be paired. */
static inline bool pairing_usable_id(const struct rpc_id *id)
{
    return id->type == RPC_ID_INTEGER || id->type == RPC_ID_STRING;
}

/* Lets a request wait on ch. version: of the message itself, or "". Memory shortage forgets it. */
void pairing_add(struct tracker *t, struct channel *ch, const struct message *m,
                 const char *version);

/* The oldest request that waits on ch itself; NULL: none. */
struct pending *pairing_own(const struct tracker *t, const struct channel *ch, enum dir dir,
                            uint64_t id_hash);

/* A request of session s, sent in direction dir, that a response on channel ch may answer;
 * NULL: none. */
struct pending *pairing_elsewhere(const struct tracker *t, const struct session *s,
                                  const struct channel *ch, enum dir dir, uint64_t id_hash);

/* The request, if it is the only one with that id in the session; NULL: none or several. */
struct pending *pairing_only(const struct tracker *t, const struct session *s, enum dir dir,
                             uint64_t id_hash);

/* The latest request of session s with that id; NULL: none. */
struct pending *pairing_latest(const struct tracker *t, const struct session *s, enum dir dir,
                               uint64_t id_hash);

/* The request that its sender cancels on ch, which has a session: its own, else the latest one of
 * the session. Where equal ids may be those of different clients, the only one sent to the same
 * target, or in a session of one identity the only one whose stream was closed; if several may be
 * meant, none of them will be called unanswered. False: there is none; else *ret_p is NULL if
 * nobody knows which. */
bool pairing_meant(const struct tracker *t, const struct channel *ch, enum dir dir,
                   uint64_t id_hash, struct pending **ret_p);

/* The latest request with that id that waits in the session, as a duplicate of which a new one
 * on ch would be; NULL: none. */
struct pending *pairing_twin(const struct tracker *t, const struct session *s,
                             const struct channel *ch, enum dir dir, uint64_t id_hash);

/* An ended request that a response on ch fits; NULL: none known. */
struct answered *pairing_answered(const struct tracker *t, const struct session *s,
                                  const struct channel *ch, enum dir dir, uint64_t id_hash);

/* The method's number where the list has it; else METHOD_NONE. */
static inline uint8_t pairing_number(const struct pending *p)
{
    return p->method == METHOD_OTHER ? METHOD_NONE : p->method;
}

/* The method as text. */
const char *pairing_method(const struct pending *p, size_t *ret_len);

/* The name as text; its length is 0 if none was given. */
const char *pairing_name(const struct pending *p, size_t *ret_len);

/* The session it waits in; may be NULL. */
const struct session *pairing_session(const struct pending *p);

/* Ends a request: tells the listener, remembers it, frees the entry. */
void pairing_end(struct tracker *t, struct pending *p, const struct pairing_outcome *outcome);

/* Ends a request that got no answer: as lost if losses may have swallowed it, else as unanswered.
 * elsewhere: the answer could also have come on other connections. */
void pairing_give_up(struct tracker *t, struct pending *p, bool elsewhere);

/* Gives up a request whose session is over, after a time of grace: its answer, or a loss, may still
 * be held back on another connection. */
void pairing_doom(struct tracker *t, struct pending *p);

/* Lets a request go on waiting in s after its channel. */
void pairing_detach(struct tracker *t, struct pending *p, struct session *s);

/* Looks up what waits on ch with the session's scope from now on. */
void pairing_rescope(struct tracker *t, struct channel *ch, const struct session *s);

/* Ends what has waited too long by t->now_ns. */
void pairing_expire(struct tracker *t);

/* End of the capture: ends all, oldest first. */
void pairing_finish(struct tracker *t);

/* Eviction from the table of waiting requests. */
void pairing_evict(void *tracker, void *entry);

/* Frees what the entries own. */
void pairing_fini(struct tracker *t);

#endif
