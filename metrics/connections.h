/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_CONNECTIONS_H
#define METRICS_CONNECTIONS_H

#include "capture/stream.h"
#include "histogram.h"
#include <stdint.h>

/*
 * Counters of TCP connections, fed with their events. Keeps nothing per connection.
 *
 * Attempts, successes, failures and set-up times are those of connections whose SYN was captured;
 * the others are `midstream`, and count as open from their first packet on.
 */

#define CONNECTIONS_FAILURES (CONN_FAILURE_UNREACHABLE + 1)
#define CONNECTIONS_CLOSES   (CONN_CLOSE_PRUNED + 1)

struct connections {
    uint64_t attempts;
    uint64_t successful;
    uint64_t failed;
    uint64_t midstream;
    uint64_t abandoned; /* gone in the handshake without a verdict: table full, tuple reused */
    uint64_t active;
    uint64_t peak_active;
    uint64_t failures[CONNECTIONS_FAILURES]; /* by enum conn_failure */
    uint64_t closed[CONNECTIONS_CLOSES];     /* by enum conn_close */
    struct histogram set_up;                 /* first SYN to complete handshake */
    __int128 lifetime_ns;                    /* of `lifetimes` connections seen from SYN to close */
    uint64_t lifetimes;
    /* taken over when a connection goes */
    uint64_t retransmitted_packets;
    uint64_t out_of_order_packets;
    uint64_t overlap_conflicts;
    uint64_t lost_bytes;
    uint64_t truncated_bytes;
};

/* Counts one event of a connection; c is its state now. */
void connections_event(struct connections *t, struct budget *budget, const struct conn *c,
                       enum conn_event event);

/* Attempts that have neither succeeded nor failed yet. */
uint64_t connections_pending(const struct connections *t);

/* Moves an open midstream connection, of which only OPENED was counted, to the table of another
 * server: leave the one, enter the other. */
void connections_leave(struct connections *t);
void connections_enter(struct connections *t);

/* Adds all of `from`. */
void connections_merge(struct connections *t, struct budget *budget,
                       const struct connections *from);

void connections_fini(struct connections *t);

#endif
