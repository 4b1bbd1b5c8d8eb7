/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_MESSAGE_H
#define DISSECT_MESSAGE_H

#include "base/endpoint.h"
#include "base/limits.h"
#include "capture/stream.h"
#include "dissect/method.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * One message as the rest of the program knows it: self-contained, no pointer into any buffer, so
 * that it can be copied and queued. Texts are cut at their caps; comparisons use the keyed hashes,
 * which cover the whole text.
 *
 * A message of the second dialect (dissect/squirrel.h) is told by its `squirrel` member. Its method
 * is METHOD_OTHER whatever its kind, with the dialect's own message type as the method's text, and
 * some members have another meaning there, as said below.
 */

enum message_kind { MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESULT, MESSAGE_ERROR };

enum rpc_id_type {
    RPC_ID_ABSENT,
    RPC_ID_NULL,
    RPC_ID_INTEGER, /* also 1.0: numerically an integer */
    RPC_ID_STRING,
    RPC_ID_OTHER /* fraction, boolean, object, array: never paired */
};

struct rpc_id {
    uint8_t type;  /* enum rpc_id_type */
    uint64_t hash; /* of type and value: equal ids have equal hashes, 1 and "1" differ */
};

enum message_flag {
    MESSAGE_IN_BATCH = 1 << 0,
    MESSAGE_FIRST_IN_BATCH = 1 << 1,
    MESSAGE_NO_VERSION = 1 << 2, /* `jsonrpc` is not "2.0" */
    MESSAGE_HYBRID = 1 << 3,     /* method together with result or error, or both of those */
    MESSAGE_BAD_ID = 1 << 4,     /* RPC_ID_OTHER, or null in a request */
    MESSAGE_REPEATED_MEMBER = 1 << 5,
    MESSAGE_IS_ERROR = 1 << 6,       /* result.isError is true */
    MESSAGE_INPUT_REQUIRED = 1 << 7, /* result.resultType is "input_required" */
    MESSAGE_MCP_SHAPE = 1 << 8,      /* members that only MCP has, e.g. params.protocolVersion */
    MESSAGE_HAS_EVENT_ID = 1 << 9,   /* event_id is valid */
    MESSAGE_HAS_CODE = 1 << 10,      /* error.code is an integer */
    MESSAGE_TEXT_CUT = 1 << 11,      /* a text below was longer than its cap */
    MESSAGE_CODED = 1 << 12,         /* its bytes came under a content coding, compressed */
    MESSAGE_INTERIM = 1 << 15        /* Squirrel: the answer proper is still to come */
};

enum message_text {
    MESSAGE_TEXT_METHOD,       /* only with METHOD_OTHER; Squirrel: the message type */
    MESSAGE_TEXT_ID,           /* as JSON: 7 or "seven", quoted when a string */
    MESSAGE_TEXT_NAME,         /* params.name, params.uri: tool, prompt, resource; the operation */
    MESSAGE_TEXT_VERSION,      /* protocolVersion of params, result or _meta */
    MESSAGE_TEXT_PEER_NAME,    /* clientInfo.name or serverInfo.name */
    MESSAGE_TEXT_PEER_VERSION, /* clientInfo.version or serverInfo.version */
    MESSAGE_TEXT_COUNT
};

#define MESSAGE_METHOD_BYTES 96
#define MESSAGE_ID_BYTES     64
#define MESSAGE_NAME_BYTES   LIMIT_MESSAGE_TEXT
#define MESSAGE_SHORT_BYTES  48 /* version, peer name, peer version */
#define MESSAGE_POOL_BYTES                                                                         \
    (MESSAGE_METHOD_BYTES + MESSAGE_ID_BYTES + MESSAGE_NAME_BYTES + 3 * MESSAGE_SHORT_BYTES)

struct message {
    struct stream_pos first; /* first byte of the JSON text became available */
    struct stream_pos last;  /* its last byte */
    uint64_t bytes;          /* of the JSON text */
    struct rpc_id id;
    struct rpc_id cancels; /* notifications/cancelled: params.requestId;
                              notifications/subscriptions/acknowledged: subscriptionId of _meta;
                              Squirrel: of the request that a response names */
    uint64_t event_id;     /* hash of the SSE event id; Squirrel: of the id in the payload, or 0 */
    int64_t error_code;    /* Squirrel: for squirrel_error_name() */
    uint16_t flags;        /* enum message_flag */
    uint8_t kind;          /* enum message_kind */
    uint8_t dir;           /* enum dir */
    uint8_t method;        /* enum method; METHOD_NONE for responses */
    uint8_t squirrel;      /* enum squirrel_type; 0: a JSON-RPC message */
    uint8_t text_len[MESSAGE_TEXT_COUNT];
    uint16_t text_off[MESSAGE_TEXT_COUNT];
    uint16_t text_used;
    uint16_t capabilities; /* dissect/capability.h: the sender's, as the message declares them */
    char text[MESSAGE_POOL_BYTES]; /* last member: only text_used bytes of it mean anything */
};

/* A text of the message; valid UTF-8, not terminated; *ret_len is 0 if it is not there. */
static inline const char *message_text(const struct message *m, enum message_text which,
                                       size_t *ret_len)
{
    *ret_len = m->text_len[which];
    return m->text + m->text_off[which];
}

#endif
