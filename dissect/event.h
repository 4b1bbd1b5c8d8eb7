/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_EVENT_H
#define DISSECT_EVENT_H

#include "capture/stream.h"
#include "dissect/capability.h"
#include "dissect/message.h"
#include "dissect/record.h"

/*
 * What dissection as a whole tells its listeners, in capture order. All pointers are borrowed for
 * the call. A listener never calls back.
 *
 * Only MCP gives message, exchange, session and finding events; a connection event comes for every
 * TCP connection.
 */

/* Where something happened. */
struct event_origin {
    uint64_t conn_id;
    struct endpoint client, server;
    uint8_t transport;   /* enum record_transport */
    uint32_t slot;       /* of the connection: as in struct conn */
    uint64_t session;    /* 1, 2, ... in order of appearance; 0 = none known */
    const char *version; /* protocol revision of the session or message; "" = not known */
};

struct event_connection {
    enum conn_event event;
    const struct conn *conn; /* a copy of its state now */
    uint8_t transport;       /* recognised so far; TRANSPORT_NONE */
    uint8_t content;         /* enum record_content, so far */
    bool mcp;                /* MCP was seen on it so far */
    bool spoke;              /* it had a message event */
    uint64_t foreign_bytes;  /* JSON-RPC on it that is no MCP, so far */
    uint64_t unproven_bytes; /* the same that came before anything showed whether it is */
    const uint64_t *noted;   /* bytes by enum record_noted, so far; NULL: none */
    struct stream_pos at;
};

/* Whether the connection of a message had one before. */
enum event_speaker {
    EVENT_SPEAKER_KNOWN,
    EVENT_SPEAKER_NEW,
    EVENT_SPEAKER_UNKNOWN /* nothing is known of the connection, which mostly is over */
};

enum session_event { SESSION_OPENED, SESSION_UPDATED, SESSION_CLOSED };

struct event_session {
    enum session_event event;
    struct event_origin origin;
    const char *version_before; /* in the event before of this session; "" = not known */
    const char *client_name, *client_version; /* "" = not known */
    const char *server_name, *server_version;
    uint16_t client_capabilities, server_capabilities; /* dissect/capability.h; 0: not known */
    struct stream_pos at;
};

struct event_message {
    struct event_origin origin;
    const struct message *message;
    /* A request's or notification's method; a response's answered method, "?" if its request was
     * never seen. Not terminated. */
    const char *method;
    size_t method_len;
    uint8_t number;   /* enum method, where the text is that of the list; else METHOD_NONE */
    bool redelivered; /* a copy on a resumed stream: counts as duplicate, not as message */
    bool orphan;      /* a response that nothing waited for */
    bool late;        /* a response to a cancelled request */
    bool delayed;     /* told later than its place, perhaps after its connection's last event */
    enum event_speaker speaker;
};

enum exchange_status {
    EXCHANGE_RESULT,
    EXCHANGE_ERROR,      /* JSON-RPC error, or an HTTP refusal without one */
    EXCHANGE_TOOL_ERROR, /* result.isError */
    EXCHANGE_CANCELLED,
    EXCHANGE_INPUT_REQUIRED,
    EXCHANGE_UNANSWERED,   /* its connection ended or its time-out passed without an answer */
    EXCHANGE_LOST,         /* capture loss: whether it was answered cannot be known */
    EXCHANGE_PENDING,      /* the capture ended while it waited */
    EXCHANGE_ACKNOWLEDGED, /* it opened a stream, and got one: what ended that is no answer */
    EXCHANGE_STATUS_COUNT
};

struct event_exchange {
    struct event_origin origin; /* connection of the request */
    const char *method;         /* not terminated */
    size_t method_len;
    uint8_t number; /* as in struct event_message */
    const char *id; /* as JSON text, not terminated */
    size_t id_len;
    const char *name; /* tool, prompt or resource; NULL: not given; not terminated */
    size_t name_len;
    enum method_name name_kind;
    enum method_wait wait;
    enum dir dir; /* of the request */
    enum exchange_status status;
    bool has_code;
    int64_t error_code;
    uint16_t http_status; /* of the exchange that answered; 0 = none */
    bool answered;        /* the next four are valid */
    bool acknowledged;    /* the two latencies are valid, and are those of the acknowledgement */
    bool task;            /* the answer is a task: its time is that of the task's creation */
    bool untimed; /* latency_ns and first_byte_ns are not known: the request was seen as a copy, or
                   * the capture has the answer earlier than its request */
    int64_t latency_ns;    /* last byte of request to last byte of response */
    int64_t first_byte_ns; /* last byte of request to first byte of response */
    uint64_t response_bytes;
    uint64_t response_conn_id; /* differs from origin.conn_id when it came elsewhere */
    bool resumed;              /* the answer came on a stream resumed with Last-Event-ID */
    uint64_t request_bytes;
    struct stream_pos request; /* last byte of the request */
    struct stream_pos at;      /* where it ended */
};

/* Several exchanges that are one call for who made it. */
enum operation_kind {
    OPERATION_MRTR, /* answered with input_required, and asked again with the input */
    OPERATION_TASK  /* answered with a task, whose status or result was asked for later */
};

enum operation_status {
    OPERATION_COMPLETE,
    OPERATION_TOOL_ERROR, /* the result says that the tool failed */
    OPERATION_ERROR,      /* JSON-RPC error, or an HTTP refusal without one */
    OPERATION_FAILED,     /* a task's status */
    OPERATION_CANCELLED,
    OPERATION_UNANSWERED, /* its latest exchange was, and nobody asked again */
    OPERATION_UNKNOWN,    /* not seen, expired, or it cannot be told from others */
    OPERATION_PENDING,    /* the capture ended before it did */
    OPERATION_STATUS_COUNT
};

struct event_operation {
    struct event_origin origin; /* of the first request; of the first that was seen */
    enum operation_kind kind;
    const char *method; /* "?": its first request was not seen; not terminated */
    size_t method_len;
    const char *name; /* as in struct event_exchange; NULL: not given or not seen */
    size_t name_len;
    enum dir dir; /* of the first request */
    enum operation_status status;
    bool likely;      /* a retry without requestState: linked because nothing else fits */
    uint32_t legs;    /* exchanges that carried it on, the first included; 0: not seen */
    uint32_t rounds;  /* times that input was asked for */
    uint32_t polls;   /* tasks/get that were answered */
    uint32_t fetches; /* tasks/result that were answered */
    bool timed;       /* duration_ns is known: from the first request to the end */
    int64_t duration_ns;
    int64_t server_ns;  /* MRTR and timed: what the exchanges took */
    int64_t outside_ns; /* MRTR and timed: what passed between them; the sum is the duration */
    bool created;       /* creation_ns is valid: request to the task's handle */
    int64_t creation_ns;
    bool fetched;            /* wait_ns is valid */
    int64_t wait_ns;         /* the longest time that a tasks/result took */
    struct stream_pos begin; /* last byte of the first request that was seen */
    struct stream_pos at;    /* where it was over, as far as it is known */
};

struct event_finding {
    const struct event_origin *origin; /* borrowed for the call, like the type */
    const char *type; /* protocol error type: "parse:malformed_json", "http:404", ... */
    uint64_t amount;  /* how many to count (findings that carry bytes count one) */
    enum dir dir;
    struct stream_pos at;
};

struct event_sink {
    void *ctx;
    void (*connection)(void *ctx, const struct event_connection *e);
    void (*session)(void *ctx, const struct event_session *e);
    void (*message)(void *ctx, const struct event_message *e);
    void (*exchange)(void *ctx, const struct event_exchange *e);
    void (*finding)(void *ctx, const struct event_finding *e);
    void (*operation)(void *ctx, const struct event_operation *e); /* may be NULL */
};

/* The status as reports spell it: "result", "tool_error", ...; static storage. */
const char *event_status_name(enum exchange_status status);

/* The words of reports: "mrtr", "complete", ...; static storage. */
const char *event_operation_kind_name(enum operation_kind kind);
const char *event_operation_status_name(enum operation_status status);

/* The registered name of a transport ("http"); "" for TRANSPORT_NONE; static storage. */
const char *event_transport_name(uint8_t transport);

#endif
