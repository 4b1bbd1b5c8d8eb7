/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_RPC_H
#define DISSECT_RPC_H

#include "dissect/json.h"
#include "dissect/message.h"
#include "dissect/record.h"

/*
 * The JSON-RPC 2.0 envelope: from the bytes of one JSON text to the messages in it (one, or those
 * of a batch). Members may come in any order; nothing but the few that struct message names is
 * kept.
 *
 * An object without `method` that has neither "jsonrpc":"2.0" nor an id is not taken for a message,
 * nor is one that has neither method nor result nor error: other JSON lives on the same endpoints.
 */

struct rpc_memo; /* rpc_memo.h */

struct rpc_sink {
    void *ctx;
    /* What ties it to others is in the parser, if rpc->linked: rpc->links. */
    void (*message)(void *ctx, const struct message *m); /* borrowed for the call */
};

/* A text that is cut and, as far as it is there, is one that came before: rpc_memo.c. */
struct rpc_cut {
    struct json_skip skip;              /* inside */
    uint64_t left_out;                  /* bytes of objects and arrays that are not in the room */
    uint32_t version;                   /* of what is in the place */
    uint16_t bytes;                     /* in json_room(); 0: there is no such text */
    uint16_t at, known;                 /* as in json_shape_cut */
    uint16_t value_at[JSON_MAX_PASSED]; /* of those in front of it, in the room */
    uint16_t value_bytes[JSON_MAX_PASSED];
    uint8_t place, value;
    uint8_t pieces; /* that were put into the room */
    bool inside;
};

/* About 4 KB: to be held only while a text is being read. Private but what stands first. */
struct rpc {
    uint32_t messages; /* handed over */
    uint32_t not_rpc;  /* elements that were no JSON-RPC message */
    bool empty_array;
    bool linked;               /* links are valid: of the message that is being handed over */
    struct record_links links; /* see dissect/record.h */
    /* ---- private */
    bool hold;
    bool held_valid;
    bool begun;
    bool drafted; /* the text's first piece was collected to be kept */
    uint8_t dir;
    struct hash_key hash;
    struct limits_hit *hit;
    struct rpc_memo *memo;
    struct stream_pos first;
    struct rpc_cut cut;
    struct message held;
    struct json_scan json;
};

/* Begins a text sent in direction dir. hold: keep the latest message back until rpc_end() or the
 * next message, for a framing that may still revoke it (SSE). */
void rpc_init(struct rpc *r, enum dir dir, bool hold, const struct hash_key *hash,
              struct limits_hit *hit);

/* Between rpc_init() and the first byte: messages that came before are not read again, but for
 * their id and name and the values that nobody wants. Everything else is the same. memo may be
 * NULL; it is only for texts with one key of hashes, and must outlive r. */
static inline void rpc_remember(struct rpc *r, struct rpc_memo *memo)
{
    r->memo = memo;
}

/* Feeds bytes that became available at `at`. Returns false once the text is known to be no JSON;
 * further bytes are ignored. */
bool rpc_feed(struct rpc *r, const struct rpc_sink *sink, const uint8_t *bytes, size_t n,
              const struct stream_pos *at);

/* True when the text is closed, be it one element, a batch or an empty array: what follows can only
 * be white space or an error. */
bool rpc_complete(const struct rpc *r);

/* A message of the text says that it is JSON-RPC 2.0. */
bool rpc_proves(const struct rpc *r);

/* The text ended: hands over a held message, unless revoked, and says how it ended. */
enum json_end rpc_end(struct rpc *r, const struct rpc_sink *sink, bool revoked);

/* The id that a slot holds, so that ids from other members compare equal to those of messages. The
 * slot's node needs JSON_NODE_TEXT and JSON_NODE_HASH; hash is the key that the scan was given. */
struct rpc_id rpc_id_from_slot(const struct json_scan *s, const struct json_slot *slot,
                               const struct hash_key *hash);

#endif
