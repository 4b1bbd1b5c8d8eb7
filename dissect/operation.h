/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_OPERATION_H
#define DISSECT_OPERATION_H

#include "pairing.h"

/*
 * The table of operations (see operations.h): what is known of each, how it is found, and how it is
 * told. legs.c and tasks.c fill it in.
 */

enum operation_index { INDEX_NONE, INDEX_STATE, INDEX_KEYS, INDEX_TASK };

enum operation_state {
    STATE_WAITING, /* MRTR: for the client's next leg */
    STATE_RUNNING, /* MRTR: a leg waits for its answer */
    STATE_OPEN,    /* task */
    STATE_ENDED,   /* in the list of what is to be told */
    STATE_TOLD     /* task; kept for what comes late */
};

/* What finds an operation. */
struct operation_key {
    struct endpoint server;
    struct endpoint client; /* port zero; zeros where any client may go on with it */
    uint64_t value;
    uint32_t kind; /* enum operation_index */
    uint32_t dir;  /* of the first request */
};

_Static_assert(sizeof(struct operation_key) == 56, "no padding: compared as bytes");

/* The operations with one key, oldest first. */
struct operation_slot {
    struct operation_key key;
    struct operation *oldest, *newest;
};

/* One operation; about 500 bytes. */
struct operation {
    uint64_t seq; /* key: order of appearance */
    struct operation_key key;
    struct operation *older, *newer; /* with the same key */
    struct operation *prev, *next;   /* in the list of what is to be told */
    struct endpoint client, server;
    uint64_t conn_id, session;
    uint64_t keys[RECORD_LINKS_KEYS]; /* of the input that was asked for */
    struct stream_pos begin;          /* first request */
    struct stream_pos answered;       /* end of the latest exchange */
    struct stream_pos at;             /* end */
    int64_t idle_ns;                  /* of the latest activity, in tracker time */
    int64_t deadline_ns;              /* when it is told, in the list */
    int64_t server_ns, creation_ns, wait_ns;
    uint32_t legs, rounds, polls, fetches;
    uint32_t doubts; /* retries that fit this one and others */
    uint16_t key_count;
    uint8_t state;  /* enum operation_state */
    uint8_t kind;   /* enum operation_kind */
    uint8_t status; /* enum operation_status, as far as it is known */
    uint8_t dir, method, transport, name_len;
    bool begun;   /* its first request was seen and can be timed */
    bool seen;    /* a task whose status was told at least once */
    bool created; /* a task whose creation was seen */
    bool likely;
    char version[CHANNEL_VERSION_BYTES];
    char name[MESSAGE_NAME_BYTES];
};

/* A request or an end of one, or a notification, that may belong to an operation. Facts are kept
 * for TRACKER_GRACE_NS and then taken in order of their time (facts.c). */
enum fact_type { FACT_REQUEST, FACT_END, FACT_NOTIFICATION };

struct fact {
    uint64_t seq;                 /* key */
    struct fact *earlier, *later; /* by time */
    int64_t ts_ns;
    struct pending p; /* a copy without what links it to others; of a notification where it came */
    struct record_links links; /* of the request, answer or notification; zeros: none */
    struct stream_pos at;      /* END: where it ended */
    int64_t code;              /* END: of the error; valid with has_code */
    uint8_t type;              /* enum fact_type */
    uint8_t status;            /* END: enum exchange_status */
    bool answered, has_code;
    char text[MESSAGE_NAME_BYTES + MESSAGE_METHOD_BYTES];
};

#define OPERATION_LOOSE UINT64_MAX /* in place of a number: a leg that was linked to none */

/* A new one without key; NULL: out of memory. */
struct operation *operation_new(struct tracker *t, enum operation_kind kind, enum dir dir);

/* Those with that key; NULL: none. */
struct operation_slot *operation_slot(const struct tracker *t, const struct operation_key *key);

/* Lets it be found under that key only. False: out of memory, nothing will find it. */
bool operation_index(struct tracker *t, struct operation *op, const struct operation_key *key);

/* Something happened to it. */
void operation_touch(struct tracker *t, struct operation *op);

/* The connection and the session to which it belongs from now on. */
void operation_set_origin(struct operation *op, const struct event_origin *origin);

/* p is its first request. */
void operation_set_first(struct operation *op, const struct pending *p);

/* Its end was seen. MRTR: tells and removes it. Task: it is told after TRACKER_GRACE_NS. */
void operation_end(struct tracker *t, struct operation *op, const struct stream_pos *at);

/* Takes it out of everything but the table. */
void operation_leave(struct tracker *t, struct operation *op);

/* Tells what is due by t->now_ns. */
void operation_expire(struct tracker *t);

/* End of the capture: tells all, oldest activity first. */
void operation_finish(struct tracker *t);

/* Eviction from the table. */
void operation_evict(void *tracker, void *entry);

#endif
