/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SQUIRREL_H
#define DISSECT_SQUIRREL_H

#include "dissect/json.h"
#include "dissect/message.h"
#include "dissect/rpc.h"
#include "dissect/squirrel_bytes.h"
#include "dissect/squirrel_type.h"

/*
 * The Squirrel dialect ("Machine Context Protocol"): another language that abbreviates itself MCP.
 * Its messages are JSON objects, but no JSON-RPC; several incompatible shapes of them exist, so
 * members are found by all their spellings, and no schema is insisted on. This is the counterpart
 * of dissect/rpc.h: from the bytes of one JSON text to the message in it.
 *
 * What is read of a message: id, type, what it answers, operation, protocol version, success, and
 * the class of an error. Payload, credentials and tokens are not kept: no member that may hold one
 * is named, and of a payload that is an array of bytes no more is read than of one that is JSON.
 *
 * An object with `jsonrpc` or `method` is no message of this dialect, nor is one without any type
 * whose members do not tell what it is.
 */

struct squirrel_payload;

/* About 5 KB: to be held only while a text is being read. Private but the counters. */
struct squirrel {
    uint32_t messages; /* handed over */
    uint32_t others;   /* elements that were no message */
    /* ---- private */
    bool hold;
    bool held_valid;
    bool begun;
    uint8_t dir;
    struct hash_key hash;
    struct limits_hit *hit;
    struct stream_pos first;
    struct squirrel_payload *payload; /* decoded from a byte array; NULL: none */
    struct squirrel_bytes bytes;
    struct message held;
    struct json_scan json;
};

/* Begins a text sent in direction dir. hold: keep the message back until squirrel_end(). */
void squirrel_init(struct squirrel *q, enum dir dir, bool hold, const struct hash_key *hash,
                   struct limits_hit *hit);

/* As rpc_feed(). Short of memory, what a byte array says stays unknown. */
bool squirrel_feed(struct squirrel *q, const struct rpc_sink *sink, const uint8_t *bytes, size_t n,
                   const struct stream_pos *at);

/* As rpc_complete(). */
bool squirrel_complete(const struct squirrel *q);

/* The held message proves the dialect by its members alone; with hold, before squirrel_end(). */
bool squirrel_proves(const struct squirrel *q);

/* As rpc_end(); frees what the parser owns. */
enum json_end squirrel_end(struct squirrel *q, const struct rpc_sink *sink, bool revoked);

/* Frees what the parser owns, without squirrel_end(). */
void squirrel_fini(struct squirrel *q);

#endif
