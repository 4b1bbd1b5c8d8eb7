/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_WORK_H
#define DISSECT_WORK_H

#include "base/pool.h"
#include "dissect/transport.h"
#include <stdalign.h>

/*
 * What a connection has of its transport: the state while it is in the middle of something, and the
 * link that is always there; private to dissector.c. Between messages most states come down to a
 * few numbers (struct transport, rest), and their memory serves another connection.
 */

struct work {
    const struct transport *transport;
    struct transport_conn tc;
    alignas(max_align_t) uint8_t state[];
};

/* Bytes that did not decide anything yet. */
struct kept {
    uint8_t bytes[DIR_COUNT][LIMIT_PROBE_BYTES];
    uint8_t len[DIR_COUNT];
    uint8_t first; /* direction that was kept first: enum dir */
};

/* One for each connection that was recognised, most of them idle: hence the narrow fields. */
struct link {
    union {
        struct kept *kept; /* while probing; NULL: nothing kept */
        struct work *work; /* NULL: at rest */
    };
    struct noted *noted; /* while probing: what was probed in vain, as unread; NULL: nothing */
    uint8_t transport;   /* place in transports[]; TRANSPORT_NONE: still probing */
    union {
        uint8_t tries; /* while probing */
        uint8_t named; /* then: what the connection is called, enum record_transport */
    };
    bool turned;        /* see struct transport_conn; false again when that was seen to */
    uint8_t latest : 2; /* enum dir of the segment before, plus 1; 0: there was none */
    bool joined : 1;
    bool over : 1;      /* it is kept for its notes alone */
    uint8_t ended : 2;  /* by direction */
    uint8_t untold : 2; /* the same: at rest when the capture ended; to be told when it wakes */
    uint8_t rest[];
};
_Static_assert(2 * LIMIT_PROBE_SEGMENTS <= UINT8_MAX, "tries counts so far");
_Static_assert(offsetof(struct link, rest) % TRANSPORT_REST_ALIGN == 0, "as it may ask for");

#define WORK_KINDS (TRANSPORT_COUNT + 1) /* transports, and what was upgraded */

/* The links of a dissector's connections. Zeroed but for `sum` there are none. */
struct work_links {
    struct pool pools[WORK_KINDS];
    uint64_t *sum; /* of those that are in use: see base/counted.h */
};

/* Of transport number id, which is t; NULL while probing. Zeroed but for what it is called. Returns
 * NULL: out of memory. */
struct link *work_link_take(struct work_links *links, uint8_t id, const struct transport *t);
void work_link_give(struct work_links *links, struct link *l, const struct transport *t);

/* With those that are in use. */
void work_links_free(struct work_links *links);

/* Those that are not in use at the moment, at most LIMIT_SPARE_STATES of each transport. Zeroed
 * memory is an empty list. */
struct work_spare {
    struct work_node *first[WORK_KINDS];
    uint32_t count[WORK_KINDS];
    uint64_t *sum; /* of those that are in use: see base/counted.h */
};

/* For transport number id, with state_bytes of zeroed state, whose tc is to be filled in; NULL: out
 * of memory. */
struct work *work_take(struct work_spare *spare, uint8_t id, size_t state_bytes);
void work_give(struct work_spare *spare, uint8_t id, struct work *w,
               size_t state_bytes); /* NULL is allowed */

void work_spare_free(struct work_spare *spare);

#endif
