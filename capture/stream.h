/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_STREAM_H
#define CAPTURE_STREAM_H

#include "base/endpoint.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What capture tells its listener: the life of TCP connections and, per direction, their bytes in
 * order. This header is all that dissect and metrics know of the capture room.
 *
 * Order of calls for one connection:
 *
 *   conn(OPENED)  { packet | data | gap | end | conn(ESTABLISHED | FAILED | CLOSED) }  conn(GONE)
 *
 * - data and gap of a direction come in sequence order and cover it without a hole; end comes once
 *   per direction, after its last data or gap, at the latest just before GONE.
 * - Between the directions, bytes come after those that their sender had acknowledged: an answer
 *   never comes before its question, even where the capture holds their packets the other way
 * round. If the acknowledged bytes are missing, they are waited for as rule (1) says, and become a
 * gap. A direction without any packet is not waited for, and makes no gap.
 * - A connection stays known for a while after CLOSED, so that late packets do not look like a new
 *   one; `packet` may still be called then, and data too when a reordered capture brings it late.
 * - Every connection gets GONE, at the end of a run at the latest; `struct conn` is dead after it.
 *
 * Gap rule: a hole (bytes missing in front of data that was captured) becomes a gap when
 *   (1) the peer acknowledged beyond it, or the connection was closed or reset, and then at least
 *       32 more packets of this connection or 2 s of capture time passed (a capture may hold
 *       packets slightly out of order, so the acknowledgement alone proves nothing yet); or
 *   (2) the hole is 10 s old; or
 *   (3) a cap on held data was hit (LIMIT_HELD_*); or
 *   (4) the connection ends or goes, or the capture ends; then what was acknowledged beyond the
 * last captured byte is a gap, too. Bytes cut off by the snap length become a gap at once.
 */

/* A place in the capture. In data, gap and end: when that became available in order, which is the
 * latest time among the packet that carried the byte and all those that carried earlier bytes of
 * the direction; so it does not depend on how a capture was shuffled, and never runs backwards
 * within a direction. In the other calls: of the packet itself. */
struct stream_pos {
    int64_t ts_ns;
    uint64_t packet; /* number of the packet being processed; never runs backwards */
};

enum conn_state {
    CONN_SYN_SENT,     /* SYN seen */
    CONN_SYN_RECEIVED, /* SYN/ACK seen */
    CONN_OPEN,         /* handshake complete, or midstream */
    CONN_HALF_CLOSED,  /* one FIN seen */
    CONN_SHUT,         /* both FINs, or RST, or given up */
};

enum conn_failure {
    CONN_FAILURE_NONE,
    CONN_FAILURE_REFUSED,            /* RST answered the SYN */
    CONN_FAILURE_TIMED_OUT,          /* SYN unanswered for CONN_HANDSHAKE_TIMEOUT_NS */
    CONN_FAILURE_RESET_IN_HANDSHAKE, /* RST after the SYN/ACK, or by the client */
    CONN_FAILURE_UNREACHABLE         /* ICMP destination unreachable for the SYN */
};

enum conn_close {
    CONN_CLOSE_NONE, /* still open */
    CONN_CLOSE_FIN,  /* FIN in both directions */
    CONN_CLOSE_RESET,
    CONN_CLOSE_IDLE,  /* nothing for the idle time-out, or its tuple was used again */
    CONN_CLOSE_PRUNED /* dropped because the flow table was full */
};

/* Which side sent the first FIN or RST, by capture time; where that packet is not in the capture,
 * the other side's says so by acknowledging it. */
enum conn_leaver {
    CONN_LEAVER_NONE, /* neither has sent one, as far as is known */
    CONN_LEAVER_SIDE0,
    CONN_LEAVER_SIDE1
};

/* Counters of one direction. A byte is a payload byte once, however often it was sent. */
struct conn_counters {
    uint64_t packets;
    uint64_t wire_bytes;      /* frames, original length */
    uint64_t payload_bytes;   /* sequence space seen, original length, each byte once */
    uint64_t lost_bytes;      /* sequence space declared a gap though never seen */
    uint64_t truncated_bytes; /* seen on the wire but cut off by the snap length */
    uint32_t retransmitted_packets;
    uint32_t out_of_order_packets;
    uint32_t overlap_conflicts; /* segments that contradicted bytes seen before; first copy won */
};

/* One connection, owned by the capture room. Listeners read it during a call, and may write `user`.
 * The sides are fixed: which of them is the client may be corrected once, while no payload was
 * delivered, by stream_swap_roles(). */
struct conn {
    uint64_t id;                  /* number of the packet that opened it; 1, 2, ... in events */
    struct endpoint endpoint[2];  /* by side: 0 is the presumed client */
    struct conn_counters side[2]; /* by side */
    int64_t opened_ns;            /* first packet */
    int64_t established_ns;       /* packet that completed the handshake; 0 = not seen */
    int64_t closed_ns;            /* 0 = open */
    int64_t last_ns;              /* last packet */
    void *user;                   /* for the dissector */
    uint32_t slot;                /* dense number of who is open: given again after GONE */
    uint8_t state;                /* enum conn_state */
    uint8_t failure;              /* enum conn_failure */
    uint8_t close;                /* enum conn_close */
    uint8_t swapped;              /* 1: side 1 is the client */
    uint8_t leaver;               /* enum conn_leaver; settled when the second direction ends */
    bool midstream;               /* neither its SYN nor the SYN/ACK was captured */
    bool start_unknown;           /* first bytes of a direction may be missing untold */
    bool whole;                   /* midstream only by the order of its packets: no byte missing */
    bool opened_late;             /* begun with the SYN/ACK: opened_ns is later than the SYN */
    bool roles_known;             /* by handshake or by the listener; else a guess by port */
};

#define CONN_HANDSHAKE_TIMEOUT_NS INT64_C(130000000000) /* Linux gives up a SYN after 127 s */

static inline int conn_side(const struct conn *c, enum dir dir)
{
    return (int)dir ^ c->swapped;
}

static inline const struct endpoint *conn_client(const struct conn *c)
{
    return &c->endpoint[c->swapped];
}

static inline const struct endpoint *conn_server(const struct conn *c)
{
    return &c->endpoint[!c->swapped];
}

/* Counters of what the client (DIR_C2S) or the server (DIR_S2C) sent. */
static inline const struct conn_counters *conn_sent(const struct conn *c, enum dir dir)
{
    return &c->side[conn_side(c, dir)];
}

/* Did that sender, the client with DIR_C2S, close or reset the connection before its peer did? */
static inline bool conn_left_first(const struct conn *c, enum dir dir)
{
    return c->leaver != CONN_LEAVER_NONE && c->leaver - CONN_LEAVER_SIDE0 == conn_side(c, dir);
}

/* Says who the client is. To be called from `data` only, at the latest for the first bytes that
 * any direction delivers; `dir` of the running and of all later calls must then be read anew
 * (the running call's bytes belong to dir_other(dir) after a swap). */
static inline void stream_swap_roles(struct conn *c)
{
    c->swapped ^= 1;
    c->roles_known = true;
}

enum conn_event {
    CONN_EVENT_OPENED,
    CONN_EVENT_ESTABLISHED,
    CONN_EVENT_FAILED, /* see conn.failure */
    CONN_EVENT_CLOSED, /* see conn.close */
    CONN_EVENT_ROLES,  /* the roles were corrected: not told to the listener who does that, but by
                          it to those behind it, before anything else */
    CONN_EVENT_GONE    /* last call for this connection; its counters are final */
};

enum gap_reason {
    GAP_LOST,     /* never captured */
    GAP_TRUNCATED /* cut off by the snap length */
};

enum stream_end {
    STREAM_END_FIN,
    STREAM_END_RESET,
    STREAM_END_IDLE,   /* idle time-out, tuple reused, or dropped from a full table */
    STREAM_END_CAPTURE /* the capture ended while it was open */
};

/* One packet of a connection. */
struct stream_packet {
    int64_t ts_ns;
    uint32_t slot; /* conn.slot */
    uint32_t wire_bytes;
    uint32_t payload_bytes; /* not seen before, original length */
    uint8_t dir;            /* enum dir, by the roles as they are taken for now: while
                               conn.roles_known is false a guess */
};

struct stream_sink {
    void *ctx;
    void (*conn)(void *ctx, struct conn *c, enum conn_event event, const struct stream_pos *at);
    /* bytes are borrowed for the call; n > 0 */
    void (*data)(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at);
    void (*gap)(void *ctx, struct conn *c, enum dir dir, uint64_t n, enum gap_reason reason,
                const struct stream_pos *at);
    void (*end)(void *ctx, struct conn *c, enum dir dir, enum stream_end how,
                const struct stream_pos *at);
    /* Every packet of a connection, before anything that it causes except OPENED; the connection's
     * counters already include it. Who counts packets may be another than who reads bytes. */
    void (*packet)(void *packet_ctx, const struct stream_packet *p);
    void *packet_ctx;
    /* A packet of the connection may come soon: what it will need may be brought into the caches.
     * NULL: the listener does not want to know. */
    void (*ahead)(void *ctx, const struct conn *c);
};

#endif
