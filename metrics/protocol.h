/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_PROTOCOL_H
#define METRICS_PROTOCOL_H

#include "dissect/event.h"
#include "histogram.h"
#include "labels.h"
#include <stdint.h>

/*
 * Counters of what MCP said: messages, exchanges, errors, names, sessions. Kept by direction of
 * travel; who calls it "received" is decided when a report is written.
 */

#define PROTOCOL_KINDS (MESSAGE_ERROR + 1)
#define PROTOCOL_TYPES 3 /* of one method */

/* The block behind a message type. */
struct protocol_type {
    struct {
        uint64_t count, bytes;
    } at[PROTOCOL_KINDS][DIR_COUNT]; /* by enum message_kind */
};

/* The block behind a method that was answered. */
struct protocol_latency {
    struct histogram latency, first_byte;
};

/* The block behind a tool, resource or prompt. */
struct protocol_name {
    struct histogram latency;
    uint64_t status[EXCHANGE_STATUS_COUNT];
    uint64_t request_bytes, response_bytes;
};

/* The block behind a method and name whose calls took several exchanges. */
struct protocol_operation {
    struct histogram total, server, outside; /* MRTR: all three; tasks: the first */
    struct histogram creation, wait;         /* tasks: to the handle; for the result */
    uint64_t status[OPERATION_STATUS_COUNT];
    uint64_t likely, legs, rounds, polls, fetches;
};

#define PROTOCOL_OPERATION_KINDS (OPERATION_TASK + 1)

/* The block behind an error type or a protocol version. */
struct protocol_count {
    uint64_t count;
};

/* An error type that was looked up. */
struct protocol_error {
    struct label *label; /* NULL: none was */
    bool incomplete;     /* it leaves a message incomplete */
};

#define PROTOCOL_NEAR 4

enum protocol_names { PROTOCOL_TOOLS, PROTOCOL_RESOURCES, PROTOCOL_PROMPTS, PROTOCOL_NAMES };

struct protocol {
    struct budget *budget;
    struct protocol *whole;              /* NULL: it is no part */
    struct labels types;                 /* struct protocol_type */
    struct labels latencies;             /* struct protocol_latency */
    struct labels errors;                /* struct protocol_count */
    struct labels versions;              /* struct protocol_count: sessions */
    struct labels names[PROTOCOL_NAMES]; /* struct protocol_name */
    /* Of types and latencies that are joined to those of the whole, by method of the list: of the
     * method itself, with ":result" and with ":error"; at METHOD_NONE those of "?". NULL: not known
     * to be. */
    struct protocol_type *type_of[METHOD_OTHER][PROTOCOL_TYPES];
    struct label *latency_of[METHOD_OTHER];
    struct labels operations[PROTOCOL_OPERATION_KINDS]; /* struct protocol_operation, by method and,
                                                           behind a space, name */
    uint64_t exchanges[EXCHANGE_STATUS_COUNT];
    struct {
        uint64_t connections; /* counted by the monitor, which knows them */
        uint64_t messages;
    } transports[TRANSPORT_COUNT];
    uint64_t sessions; /* counted by the monitor, like versions */
    uint64_t orphan_responses;
    uint64_t duplicate_responses;
    uint64_t late_responses;
    uint64_t incomplete_messages;
    struct label *latest_version; /* of versions: that of the session before; or NULL */
    struct protocol_error near[PROTOCOL_NEAR]; /* the next finding often is such a one */
};

/* budget must outlive the tables; max_types caps message types and latency types. */
void protocol_init(struct protocol *p, uint32_t max_types, struct budget *budget);

/* The same without caps, for a sum. */
void protocol_init_sum(struct protocol *p, struct budget *budget);

/* Makes p, which is empty, a part of `whole`, which must outlive it: messages and exchanges are
 * counted in p alone, as far as that loses nothing, until protocol_add_part(). Operations, findings
 * and what the monitor counts are not. */
void protocol_join(struct protocol *p, struct protocol *whole);

/* Adds to `sum`, which no events are counted in, all of a whole as it stands, or what only a part
 * of it has. False: out of memory. */
bool protocol_add_whole(struct protocol *sum, const struct protocol *whole);
bool protocol_add_part(struct protocol *sum, const struct protocol *part);

/* A request: what will count its exchange is asked for ahead, see labels_ahead(). */
void protocol_ahead(struct protocol *p, struct labels_ahead *latest, const struct event_message *e);

/* Each counts one event. */
void protocol_message(struct protocol *p, const struct event_message *e);
void protocol_exchange(struct protocol *p, const struct event_exchange *e);
void protocol_operation(struct protocol *p, const struct event_operation *e);
void protocol_finding(struct protocol *p, const struct event_finding *e);

/* The version that most sessions use, of several the newest; NULL: none was seen. Valid as long as
 * the tables. */
const char *protocol_version(const struct protocol *p);

void protocol_fini(struct protocol *p);

#endif
