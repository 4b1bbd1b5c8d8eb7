/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_RECORD_H
#define DISSECT_RECORD_H

#include "capture/stream.h"
#include "dissect/message.h"

/*
 * What one connection's dissection reports, in capture order: the only thing that crosses from the
 * part that is sharded by connection to the part that sees all of them. Records carry no pointers.
 *
 * A connection carries "channels" of messages. With HTTP a channel is one exchange, a request and
 * its response: numbered from 1 in order of the requests on the connection. Other transports use
 * channel 1 for the whole connection.
 *
 * Per channel: BEGIN, then in any order at most one HEAD, any number of MESSAGE (LINKS right before
 * it), EVENT and FINDING, then END. Nothing is reported for an HTTP exchange that cannot be MCP
 * (see http_rules.h).
 */

enum record_type {
    RECORD_CONN,    /* the connection itself: see conn_event */
    RECORD_BEGIN,   /* a channel begins: request head, or first sign of one */
    RECORD_HEAD,    /* response head */
    RECORD_LINKS,   /* what ties the message of the next record to others; only if there is any */
    RECORD_MESSAGE, /* one JSON-RPC message */
    RECORD_EVENT,   /* an SSE event that holds no message: priming event, retry, endpoint */
    RECORD_FINDING, /* something wrong or lost */
    RECORD_END      /* the channel is over */
};

enum record_transport { /* names in transports.def */
                        TRANSPORT_NONE,
#define TRANSPORT(id, name, file) TRANSPORT_##id,
#include "dissect/transports.def"
#undef TRANSPORT
                        TRANSPORT_COUNT
};

/* What a connection is by its own bytes alone. */
enum record_content {
    RECORD_CONTENT_UNKNOWN, /* not recognised: joined midstream, or too few bytes */
    RECORD_CONTENT_OTHER,   /* it begins like nothing that carries MCP, or is a whole monologue that
                               was not recognised */
    RECORD_CONTENT_READ,    /* a transport that carries MCP read it */
    RECORD_CONTENT_ENCRYPTED
};

/* Payload bytes of a connection that are something else than the connection as a whole. */
enum record_noted {
    RECORD_NOTED_UNREAD,    /* could be MCP and was not read: a coding, lost framing, a cut message,
                               what passed before the transport was recognised */
    RECORD_NOTED_OTHER,     /* is no MCP for sure: the body of another exchange */
    RECORD_NOTED_ENCRYPTED, /* within a tunnel */
    RECORD_NOTED_COUNT
};

enum http_method {
    HTTP_METHOD_UNKNOWN,
    HTTP_METHOD_POST,
    HTTP_METHOD_GET,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OTHER
};
enum http_content { HTTP_CONTENT_NONE, HTTP_CONTENT_JSON, HTTP_CONTENT_SSE, HTTP_CONTENT_OTHER };

enum channel_flag {
    CHANNEL_MCP_HEADER = 1 << 0,     /* any Mcp-* or MCP-* field */
    CHANNEL_HAS_SESSION = 1 << 1,    /* session_hash is valid */
    CHANNEL_HAS_LAST_EVENT = 1 << 2, /* last_event_hash is valid: resumes a stream */
    CHANNEL_ACCEPTS_BOTH = 1 << 3,   /* Accept names JSON and event streams */
    CHANNEL_ACCEPTS_SSE = 1 << 4,
    CHANNEL_STUB = 1 << 5,       /* request not seen: midstream or after a gap */
    CHANNEL_UNCERTAIN = 1 << 6,  /* after a gap: request and response may not belong together */
    CHANNEL_LOCK_STEP = 1 << 12, /* Squirrel: responses come in the order of their requests */
    CHANNEL_REQUEST_MISSING = 1 << 7, /* the response may answer a request that was lost since */
    CHANNEL_HEADER_UNKNOWN = 1 << 8,  /* the request head holds fields that cannot be known: what
                                         it does not show may be there all the same */
    CHANNEL_HAS_METHOD = 1 << 9,      /* Mcp-Method: method_hash is valid */
    CHANNEL_HAS_NAME = 1 << 10,       /* Mcp-Name: name_hash is valid */
    CHANNEL_BAD_VALUE = 1 << 13,      /* Mcp-Name or Mcp-Param-*: header_value_malformed() */
    CHANNEL_JOINED = 1 << 11          /* which response answers the request rests on the belief that
                                         the client waits for each: the connection was joined */
};

#define CHANNEL_VERSION_BYTES 16

struct record_begin {
    uint64_t path_hash;                  /* request target without query, keyed */
    uint64_t target_hash;                /* whole request target */
    uint64_t session_hash;               /* Mcp-Session-Id */
    uint64_t last_event_hash;            /* Last-Event-ID */
    uint64_t method_hash;                /* Mcp-Method, hash_bytes() of the value */
    uint64_t name_hash;                  /* Mcp-Name, of the decoded value */
    uint16_t flags;                      /* enum channel_flag */
    uint8_t method;                      /* enum http_method */
    char version[CHANNEL_VERSION_BYTES]; /* MCP-Protocol-Version, NUL-terminated; "" if none */
};

struct record_head {
    uint64_t session_hash;
    uint16_t flags; /* CHANNEL_MCP_HEADER, CHANNEL_HAS_SESSION, and what is in doubt */
    uint16_t status;
    uint8_t content; /* enum http_content */
    bool coded;      /* Content-Encoding that is not decoded here */
};

struct record_event {
    uint64_t event_id;
    uint64_t endpoint_hash; /* an `endpoint` event: equals target_hash of the POSTs sent there */
    bool has_event_id;
    bool has_endpoint;
};

/* Members that tie messages with different ids to one operation: input_required and its retries
 * (revision 2026-07-28), tasks (2025-11-25 and the extension of 2026). */

enum links_flag {
    LINKS_STATE = 1 << 0,     /* state_hash is valid */
    LINKS_KEYS = 1 << 1,      /* keys are valid */
    LINKS_TASK = 1 << 2,      /* task_hash is valid */
    LINKS_CREATED = 1 << 3,   /* a result that hands over a task instead of an answer */
    LINKS_EXTENSION = 1 << 4, /* and does it in the words of the extension */
    LINKS_RESULT = 1 << 5,    /* a task with its result or error inside */
    LINKS_IS_ERROR = 1 << 6,  /* isError of that result is true */
    LINKS_RELATED = 1 << 7    /* the task is named in _meta only: the message is about it */
};

enum links_status { /* of a task, as the message says */
                    LINKS_STATUS_NONE,
                    LINKS_STATUS_WORKING,
                    LINKS_STATUS_INPUT_REQUIRED,
                    LINKS_STATUS_COMPLETED,
                    LINKS_STATUS_FAILED,
                    LINKS_STATUS_CANCELLED
};

#define RECORD_LINKS_KEYS 8

struct record_links {
    uint64_t state_hash; /* requestState of params or result */
    uint64_t task_hash;  /* taskId of params, result or result.task; of _meta's related task */
    uint64_t
        keys[RECORD_LINKS_KEYS]; /* hashes of member names of inputRequests or inputResponses */
    uint16_t key_count;          /* all of them; keys has the first RECORD_LINKS_KEYS */
    uint8_t flags;               /* enum links_flag */
    uint8_t status;              /* enum links_status */
};

enum finding {
    FINDING_MALFORMED_JSON,
    FINDING_NOT_JSONRPC, /* JSON, but no JSON-RPC message */
    FINDING_EMPTY_BATCH,
    FINDING_TRUNCATED_BODY,   /* the connection ended inside a body */
    FINDING_TRUNCATED_JSON,   /* a complete body with an incomplete JSON text */
    FINDING_UNFINISHED_EVENT, /* an SSE event without its blank line */
    FINDING_UNKNOWN_EVENT,    /* an SSE event of another type than message */
    FINDING_UNDECODABLE,      /* a content coding this build cannot take off */
    FINDING_LOST_MESSAGE,     /* a gap cut into a message or its framing */
    FINDING_BAD_HTTP,         /* start line, field or chunk that is not HTTP */
    FINDING_BAD_LENGTH,       /* contradictory body length; a frame length that cannot be */
    FINDING_BAD_MAGIC,        /* no frame begins where one must */
    FINDING_LINE_TOO_LONG,
    FINDING_BAD_FRAME, /* a frame that its receiver must refuse */
    FINDING_BAD_MASK,  /* a WebSocket client that does not mask, or a server that does */
    FINDING_GAP,       /* bytes were lost on a connection that speaks MCP; amount = bytes */
    FINDING_OVERLAP,   /* reserved for conflicting retransmissions; amount = packets */
    FINDING_COUNT
};

/* "parse:malformed_json", "tcp:gap", ...: the report's protocol error type; static storage. */
const char *finding_name(enum finding finding);

struct record_finding {
    uint64_t amount; /* see enum finding; else 1 */
    uint8_t finding;
    uint8_t dir;
};

enum channel_end {
    CHANNEL_END_COMPLETE, /* request and response complete */
    CHANNEL_END_CLOSED,   /* the connection ended first: by the server, or nobody knows by whom */
    CHANNEL_END_LOST,     /* a gap swallowed the rest; what it held cannot be known */
    CHANNEL_END_CAPTURE,  /* the capture ended first */
    CHANNEL_END_ABORTED   /* the client left before the response was complete: by FIN, RST, or
                             HTTP/2 RST_STREAM with CANCEL */
};

struct record {
    uint8_t type;      /* enum record_type */
    uint8_t transport; /* enum record_transport */
    uint8_t end;       /* RECORD_END: enum channel_end */
    uint32_t channel;
    uint32_t slot;      /* conn.slot */
    uint8_t conn_event; /* RECORD_CONN: enum conn_event; not in the word of `type`: both are read
                           together right behind they were written one by one */
    uint64_t conn_id;   /* conn.id; never 0 */
    struct endpoint client, server;
    struct stream_pos at;
    union {
        struct {
            struct conn conn; /* RECORD_CONN: a copy; `user` is NULL */
            uint64_t noted[RECORD_NOTED_COUNT];
            uint8_t content; /* enum record_content, so far */
        };
        struct record_begin begin;
        struct record_head head;
        struct record_event event;
        struct record_finding finding;
        struct record_links links;
        struct message message;
    } u;
};

/* Both are borrowed for the call. A listener may give the connection its number in a record. */
struct record_sink {
    void *ctx;
    void (*record)(void *ctx, struct record *r);
    /* Every packet of a connection, for who counts bytes. Between the records, in capture order:
     * behind its connection's OPENED, before all else that it causes. NULL: nobody counts them. */
    void (*packet)(void *packet_ctx, const struct stream_packet *p);
    void *packet_ctx;
    /* Where the next record may be written, so that it need not be copied, until one is sent or
     * this is called again; NULL for now nowhere. May be NULL itself: there is never a place. */
    struct record *(*room)(void *ctx);
    /* A packet of the connection with that slot may come soon: what its records will need may be
     * brought into the caches. NULL: nobody wants to know. */
    void (*ahead)(void *ahead_ctx, uint32_t slot);
    void *ahead_ctx;
};

#endif
