/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_TRANSPORT_H
#define DISSECT_TRANSPORT_H

#include "base/hash.h"
#include "base/limits.h"
#include "capture/stream.h"
#include "dissect/record.h"

/*
 * A transport: how MCP messages lie in the byte streams of one connection. One file each,
 * registered in transports.def.
 *
 * State is allocated when a probe recognises the transport and freed with the connection. What is
 * needed only while a message is being read is allocated for that time, through the environment. A
 * transport may do without its state between messages: see rest.
 */

struct rpc;
struct squirrel;

/* Parsers: those of JSON-RPC texts that are not in use at the moment, at most LIMIT_SPARE_PARSERS,
 * and how many of any kind are, at most LIMIT_PARSERS, or an equal share where there are several
 * owners. Zeroed memory is an empty list of the only owner. */
struct transport_spare {
    struct transport_spare_node *first;
    uint32_t count;
    uint32_t in_use;
    uint32_t owners;
    uint32_t max_parsers; /* of all owners; 0: LIMIT_PARSERS */
};

struct decoder_account; /* coding.h */
struct findings;        /* findings.h */
struct http1_memo;      /* http1_memo.h */
struct rpc_memo;        /* rpc_memo.h */

/* What all transports of a dissector share. */
struct transport_env {
    struct hash_key hash;
    struct limits_hit *hit;
    struct record_sink sink;
    struct transport_spare *spare;
    struct decoder_account *decoders; /* of all content codings */
    struct http1_memo *heads;         /* NULL: every head is read */
    struct rpc_memo *texts;           /* NULL: every text is read */
    struct findings *findings;        /* that wait; NULL: each is told at once */
    uint64_t *state_bytes;            /* of memory that connections hold, parsers and decoders
                                         aside: see base/counted.h; NULL: nobody counts */
};

/* What few connections have: bytes of theirs by what they are, if not what the connection is. */
struct noted {
    uint64_t bytes[RECORD_NOTED_COUNT];
};

/* One connection as its transport sees it. Lives as long as the state, while that is not at rest.
 */
struct transport_conn {
    const struct transport_env *env;
    const struct conn *conn;
    struct noted **noted; /* see transport_note(); NULL: nobody counts */
    bool *turned;         /* set to ask for a call of release; NULL: nobody will */
    uint8_t transport;    /* enum record_transport */
};

enum probe_result {
    PROBE_NO,     /* not this transport, whatever follows */
    PROBE_MORE,   /* could be, when more bytes are there */
    PROBE_YES,    /* this direction's bytes are those of a client/server as presumed */
    PROBE_SWAPPED /* it is, but the roles are the other way round (only if they are not known) */
};

struct probe {
    enum dir dir;
    const uint8_t *bytes; /* start of the stream, or of a segment when joined is set */
    size_t n;
    bool joined;      /* the stream began before these bytes: midstream or after a gap */
    bool roles_known; /* who is the client is no guess: PROBE_SWAPPED will not be believed */
};

struct fields;  /* dissect/fields.h */
struct upgrade; /* dissect/upgrade.h */

/* An HTTP/1.1 connection that turns into another transport (101 Switching Protocols). */
struct transport_upgrade {
    uint32_t channel;          /* of the exchange that asked for it; higher numbers are free */
    struct record_begin begin; /* its request head */
    bool begun;                /* RECORD_BEGIN of that channel was told */
    bool joined;               /* the response was lost, with what followed it: see probe() */
    bool request_lost;         /* bytes of the request were, and perhaps of what followed it */
    const struct fields *request, *response; /* the heads, empty if lost; borrowed for the call */
    const struct stream_pos *at;
};

#define TRANSPORT_REST_ALIGN 4 /* bytes */

struct transport {
    const char *name;
    const char *token; /* in the Upgrade field; NULL: no HTTP/1.1 connection turns into it */
    bool encrypted;    /* nothing can be read: the transport has a name and a probe, no more */
    size_t state_bytes;
    enum probe_result (*probe)(const struct probe *p);
    /* state is zeroed memory. joined as in struct probe. Returns 0 or ERR_NOMEM. */
    int (*init)(void *state, const struct transport_conn *tc, bool joined);
    /* Instead of init, with a token: takes over the channel of the exchange that asked, which the
     * HTTP/1.1 transport does not mention again. */
    int (*upgrade)(void *state, const struct transport_conn *tc,
                   const struct transport_upgrade *upgrade);
    /* The transport that the connection turned into; may be NULL: it never does. */
    uint8_t (*speaks)(const void *state);
    /* Right behind a feed that set `turned`: gives away what the connection turned into, which
     * takes the state's place; the state is then ended by fini. NULL: the state goes on, it is
     * still needed, and is not asked again. May be NULL where `turned` is never set. */
    struct upgrade *(*release)(void *state);
    void (*feed)(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at);
    void (*gap)(void *state, enum dir dir, uint64_t n, const struct stream_pos *at);
    void (*end)(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at);
    /* Ends open channels with how and frees what the state owns. */
    void (*fini)(void *state, enum channel_end how, const struct stream_pos *at);
    /* Right behind a feed: if nothing is under way, writes down what is to be known of the
     * connection later, in rest_bytes; the state then owns nothing any more, has nothing to tell
     * if that is all, and its memory goes to another connection. False: it goes on. NULL: it always
     * does. */
    bool (*rest)(const void *state, void *ret_rest);
    /* Instead of init, before the next call: zeroed memory becomes the state that was put to rest.
     */
    void (*wake)(void *state, const struct transport_conn *tc, const void *rest);
    size_t rest_bytes; /* aligned to TRANSPORT_REST_ALIGN */
};

/* Fills in the common members of a record for this connection: transport, conn_id, endpoints, at;
 * the rest is zero but for u, which is left as it is. */
void transport_record(const struct transport_conn *tc, enum record_type type, uint32_t channel,
                      const struct stream_pos *at, struct record *ret_record);

/* Where to write the next record, which is then sent before any other, or never: where the sink
 * wants it, or to own. That saves a copy; a record that is rare is as well written anywhere. */
static inline struct record *transport_room(const struct transport_conn *tc, struct record *own)
{
    const struct record_sink *sink = &tc->env->sink;
    struct record *room = sink->room ? sink->room(sink->ctx) : NULL;
    return room ? room : own;
}

/* Sends a record to who listens. */
static inline void transport_send(const struct transport_conn *tc, struct record *r)
{
    tc->env->sink.record(tc->env->sink.ctx, r);
}

/* Sends a finding on a channel, perhaps together with others of the same packet (findings.h). */
void transport_finding(const struct transport_conn *tc, uint32_t channel, enum dir dir,
                       enum finding finding, uint64_t amount, const struct stream_pos *at);

/* Sends the end of a channel. */
void transport_end(const struct transport_conn *tc, uint32_t channel, enum channel_end how,
                   const struct stream_pos *at);

/* The same for a channel that is the whole connection, of which the dissector says how it ended.
 * Where a direction was not captured, nothing can be said of the channel; else, where the capture
 * ended first, nothing of what would have followed. */
void transport_end_conn(const struct transport_conn *tc, uint32_t channel, enum channel_end how,
                        bool capture_ended, const struct stream_pos *at);

/* Whether a direction was not captured at all: a loss that no gap tells of. */
static inline bool transport_one_way(const struct conn *c)
{
    return c->side[0].packets == 0 || c->side[1].packets == 0;
}

/* Captured from its beginning to its end, and only one side said anything: whatever that was,
 * nobody asked and nobody answered. */
bool transport_is_monologue(const struct conn *c);

/* Adds to what was noted at *at, which is made when it is first needed, and counted. Without memory
 * the bytes count as what the connection is. */
void transport_add(const struct transport_env *env, struct noted **at, enum record_noted what,
                   uint64_t n);

/* Says what n payload bytes that were fed are, if not what the connection is (see record.h). */
static inline void transport_note(const struct transport_conn *tc, enum record_noted what,
                                  uint64_t n)
{
    if (tc->noted && n > 0)
        transport_add(tc->env, tc->noted, what, n);
}

/* Whether what begins within another transport is encrypted (struct transport, encrypted). */
enum probe_result transport_probe_encrypted(const struct probe *p);

/* Whether there may be another parser: not too many are in use. */
static inline bool transport_may_take(const struct transport_env *env)
{
    const struct transport_spare *spare = env->spare;
    uint64_t owners = spare->owners > 1 ? spare->owners : 1;
    uint32_t most = spare->max_parsers > 0 ? spare->max_parsers : LIMIT_PARSERS;
    return (spare->in_use + UINT64_C(1)) * owners <= most;
}

/* A parser for one text, to be given to rpc_init() or squirrel_init(), and back soon; NULL: out of
 * memory, or too many are in use. */
struct rpc *transport_rpc_take(const struct transport_env *env);
void transport_rpc_give(const struct transport_env *env, struct rpc *rpc);
struct squirrel *transport_squirrel_take(const struct transport_env *env);
void transport_squirrel_give(const struct transport_env *env, struct squirrel *squirrel);

/* Frees the spare parsers. */
void transport_spare_free(struct transport_spare *spare);

#define TRANSPORT(id, name, file) extern const struct transport file;
#include "dissect/transports.def"
#undef TRANSPORT

#endif
