/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_BATCH_H
#define CAPTURE_BATCH_H

#include "capture/flow.h"
#include "capture/packet.h"
#include "capture/tcp.h"

/*
 * Packets that lie in memory together, from the source to the last who looks at them: what a
 * thread takes at a time. A batch owns the bytes of its packets; it is filled by source_batch(),
 * decoded by front_batch(), and stays as it is until it is filled again or freed. It knows nothing
 * of threads: who hands it on does so with everything that was written before.
 *
 * Memory: BATCH_MEMORY_BYTES and the two arrays. Beyond that, until it is filled again, a frame
 * longer than BATCH_BYTES, which is then the only one; and datagrams put together from fragments,
 * which are no more than those that the front held (LIMIT_FRAGMENTED of 64 KiB) and the batch's own
 * bytes.
 */

#define BATCH_PACKETS      1024
#define BATCH_BYTES        262144 /* of frames: they stay in the second level cache */
#define BATCH_PAGE_BYTES   4096
#define BATCH_SHARDS_MAX   256
#define BATCH_END          UINT16_MAX
#define BATCH_LEAD_BYTES   (BATCH_BYTES / 2) /* what may come before that */
#define BATCH_MEMORY_BYTES (BATCH_LEAD_BYTES + BATCH_BYTES + 2 * BATCH_PAGE_BYTES)

enum batch_kind {
    BATCH_NOTHING,    /* no segment comes of this packet: counted by the front */
    BATCH_SEGMENT,    /* key and segment are valid */
    BATCH_UNREACHABLE /* an ICMP error: the segment of this key and segment.seq was not delivered;
                         segment.ts_ns is the error's, the rest is not valid */
};

/* What the headers of a packet say. */
struct batch_segment {
    struct flow_key key;
    struct tcp_segment segment; /* its bytes are the packet's */
    uint64_t number;            /* of the packet */
    int64_t now_ns;             /* latest time of all packets up to this one: the clock */
    uint16_t next;              /* of the same shard and not BATCH_NOTHING, in the batch; BATCH_END:
                                   none */
    uint16_t next_tick;         /* with `tick`: the next with `tick`, or BATCH_END */
    uint8_t kind;               /* enum batch_kind */
    uint8_t shard;              /* which engine the connection belongs to; 0 with BATCH_NOTHING */
    bool tick;                  /* the clock reached another second: every engine is told so, before
                                   it is given this packet or any later one */
};

struct batch_piece; /* batch.c */

struct batch {
    uint32_t count;
    struct packet *packets;           /* count of them, room for BATCH_PACKETS */
    struct batch_segment *segments;   /* the same, once decoded */
    uint16_t first[BATCH_SHARDS_MAX]; /* by shard, once decoded: of the chain of `next` */
    uint16_t first_tick;
    /* ---- private */
    uint8_t *memory;            /* BATCH_MEMORY_BYTES, on a page's boundary */
    uint32_t used;              /* of it, from its beginning on */
    struct batch_piece *pieces; /* what did not fit */
    uint64_t early_offset;      /* source_early.h: from there in the file on */
    uint32_t early_bytes;       /* lie so many behind BATCH_LEAD_BYTES of `memory`; 0: none */
};

/* NULL: out of memory. */
struct batch *batch_new(void);
void batch_free(struct batch *b); /* NULL is allowed */

/* ---- for the source and the front */

/* Forgets all packets. */
void batch_clear(struct batch *b);

/* Copies n bytes into the batch's memory, or, where they do not fit any more, to a piece of their
 * own. NULL: out of memory. */
const uint8_t *batch_keep(struct batch *b, const uint8_t *bytes, uint32_t n);

/* Adds a packet with a copy of its bytes; there is room for one. Returns 1, 0 if its bytes are to
 * be the next batch's, or ERR_NOMEM. */
int batch_add(struct batch *b, const struct packet *p);

#endif
