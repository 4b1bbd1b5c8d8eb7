/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_BATCH_H
#define CAPTURE_BATCH_H

#include "capture/packet.h"
#include "capture/tcp.h"
#include "capture/flow.h"

/*
 * Packets that lie in memory together, from the source to the last who looks at them: what a
 * thread takes at a time. A batch owns the bytes of its packets; it is filled by source_batch(),
 * decoded by front_batch(), and stays as it is until it is filled again or freed.
 */

#define BATCH_PACKETS 1024
#define BATCH_BYTES   262144 /* of frames, about: a few blocks stay in the second level cache */

enum batch_kind {
    BATCH_NOTHING,    /* no segment comes of this packet: counted by the front */
    BATCH_SEGMENT,    /* key and segment are valid */
    BATCH_UNREACHABLE /* an ICMP error: the segment of this key and segment.seq was not delivered */
};

/* What the headers of a packet say. */
struct batch_segment {
    struct flow_key key;
    struct tcp_segment segment; /* its bytes lie in the batch */
    uint64_t number;            /* of the packet */
    int64_t now_ns;             /* latest time of all packets up to this one: the clock */
    uint32_t hash;              /* flow_hash() of the key */
    uint8_t kind;               /* enum batch_kind */
    uint8_t shard;              /* which engine the connection belongs to; 0 with BATCH_NOTHING */
    bool tick;                  /* the clock reached another second: every engine is told so, before
                                   it is given this packet or any later one */
};

struct batch {
    uint32_t count;
    struct packet *packets;         /* count of them */
    struct batch_segment *segments; /* the same, once decoded */
    /* ---- private */
    struct batch_memory *memory;
};

/* NULL: out of memory. */
struct batch *batch_new(void);
void batch_free(struct batch *b); /* NULL is allowed */

#endif
