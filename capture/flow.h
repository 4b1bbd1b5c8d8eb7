/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FLOW_H
#define CAPTURE_FLOW_H

#include "base/hash.h"
#include "capture/stream.h"
#include <string.h>

/*
 * The flow table: every TCP connection that is known, found by its two endpoints in either order,
 * and kept in one of four lists by what it waits for. In each list the oldest comes first, and all
 * flows of a list wait equally long, so that only the head of a list can time out next.
 *
 * It knows nothing of TCP: lifecycle.c moves flows through their states, reassembly.c owns the
 * halves.
 */

struct hold; /* reassembly.c: out-of-order data of one direction */

enum half_flag {
    HALF_SYN = 0x01,         /* isn is known */
    HALF_STARTED = 0x02,     /* next is known */
    HALF_DELIVERED = 0x04,   /* the listener got data or a gap */
    HALF_ACKED = 0x08,       /* acked is known */
    HALF_FIN = 0x10,         /* a FIN was seen, not necessarily in order */
    HALF_ENDED = 0x20,       /* the listener got end */
    HALF_ZERO_WINDOW = 0x40, /* the peer's last segment closed its window */
    HALF_PROBED = 0x80,      /* the byte before next was a zero-window probe */
    HALF_ABSENT = 0x100      /* acknowledged, but nothing of it is in the capture */
};

/* What one side sends. */
struct half {
    int64_t avail_ns;  /* latest packet among those whose bytes were delivered; INT64_MIN: none */
    struct hold *hold; /* NULL: nothing is out of order */
    uint32_t isn;      /* sequence number of the SYN */
    uint32_t next;     /* sequence number of the next byte to deliver */
    uint32_t acked;    /* the peer's highest acknowledgement of this direction */
    uint16_t flags;    /* enum half_flag */
    uint16_t packets;  /* up to the RST, as far as 16 bits go */
};

enum flow_list {
    FLOW_HANDSHAKE, /* SYN seen: waits for the rest of the handshake */
    FLOW_OPEN,      /* waits for the idle time-out */
    FLOW_RESET,     /* RST seen: waits for packets that a reordered capture brings late */
    FLOW_CLOSED,    /* lingers, so that late packets do not look like a new connection */
    FLOW_LIST_COUNT
};

/* One connection. The first cache line is what a look-up compares. */
struct flow {
    uint32_t hash, chain; /* flow.c: chain: of those to be given again */
    uint32_t older, newer;
    struct conn conn;
    struct half half[2]; /* by side, as conn.endpoint */
    int64_t left_ns;     /* earliest FIN or RST, once conn.leaver is known */
    int64_t since_ns;    /* latest packet time of the run, when it began to wait as its list says */
    uint32_t rtt_us;     /* of the handshake; before: from the first SYN to the latest */
    uint32_t self : 29;  /* flow.c: index, from 1 on; dense, given again when removed */
    uint32_t list : 3;   /* enum flow_list; FLOW_LIST_COUNT: removed */
};
_Static_assert(sizeof(struct flow) == 320, "whole lines of the cache: there are very many");

/* Who sent a packet to whom. */
struct flow_key {
    struct endpoint from, to;
    uint32_t hash; /* flow_hash() of both */
};

/* All of an endpoint that is not of version 6, in one word. */
static inline uint64_t flow_word(const struct endpoint *ep)
{
    uint32_t address;
    memcpy(&address, ep->addr, sizeof(address));
    return (uint64_t)ep->port << 32 | address;
}

/* flow_hash() of addresses of version 6. */
uint32_t flow_hash_long(const struct hash_key *secret, const struct endpoint *a,
                        const struct endpoint *b);

/* With one secret for all keys of a table. Over the endpoints in ascending order: it does not
 * depend on the direction. */
static inline uint32_t flow_hash(const struct hash_key *secret, const struct endpoint *a,
                                 const struct endpoint *b)
{
    if (a->family == 6)
        return flow_hash_long(secret, a, b);
    uint64_t x = flow_word(a), y = flow_word(b);
    return (uint32_t)hash_pair(secret, x < y ? x : y, x < y ? y : x);
}

struct flow_table;

/* NULL: out of memory. max_flows is at least 1. */
struct flow_table *flow_new(uint32_t max_flows);

/* The flow of a packet and, in *ret_side, the side that sent it; or NULL. */
struct flow *flow_find(struct flow_table *t, const struct flow_key *key, int *ret_side);

/* A packet of this key comes soon: begins to bring its flow into the caches, step by step with the
 * calls for other keys that follow. Returns the flow of an earlier call that is there by now, or
 * NULL. */
struct flow *flow_ahead(struct flow_table *t, const struct flow_key *key);

/* The flow, which is there, will be moved: fetches what changes with it. */
void flow_ahead_move(const struct flow_table *t, const struct flow *f);

/* Adds a zeroed flow whose endpoint[side] is key->from, as the newest of a list. There must be none
 * with these endpoints. NULL: the table is full, or out of memory. */
struct flow *flow_insert(struct flow_table *t, const struct flow_key *key, int side,
                         enum flow_list list);

/* Makes the flow the newest of a list. */
void flow_move(struct flow_table *t, struct flow *f, enum flow_list list);
void flow_remove(struct flow_table *t, struct flow *f);

/* Walk through a list from the oldest on; NULL at the end. */
struct flow *flow_oldest(const struct flow_table *t, enum flow_list list);
struct flow *flow_newer(const struct flow_table *t, const struct flow *f);

uint32_t flow_count(const struct flow_table *t, enum flow_list list);
uint32_t flow_count_all(const struct flow_table *t);
bool flow_full(const struct flow_table *t);

/* ---- at the end: from the first of these calls on there are no others but flow_count_all() */

/* The flow that appeared first, by conn.id; flows were inserted in that order. NULL: none is left.
 */
struct flow *flow_first(struct flow_table *t);

/* A guess which one is the nth behind that; or NULL. */
struct flow *flow_behind(const struct flow_table *t, const struct flow *f, uint32_t n);

/* Removes the first one. */
void flow_drop(struct flow_table *t, struct flow *first);

void flow_free(struct flow_table *t); /* NULL is allowed; the holds must be gone */

#endif
