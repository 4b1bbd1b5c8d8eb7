/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_BLOCK_H
#define CAPTURE_SOURCE_BLOCK_H

#include "capture/batch.h"
#include "source_stream.h"
#include <pcap/pcap.h>

/*
 * Private to source*.c: the records of a pcap or pcapng file, read in blocks, wherever it comes
 * from. It knows the usual case alone: a whole record within the snap length. At anything else it
 * stops for good, and libpcap, which has read the file's header before, reads on at that record and
 * has the last word on it.
 */

struct source_pcapng;

/* Where in a plain file a block of the usual size ends that begins there: at a multiple of
 * BATCH_BYTES, half of that to one and a half behind. */
static inline uint64_t source_block_end_from(uint64_t start)
{
    return (start + BATCH_BYTES / 2 + BATCH_BYTES - 1) / BATCH_BYTES * BATCH_BYTES;
}

struct source_block {
    struct source_stream *stream; /* NULL: not in use */
    struct source_pcapng *ng;     /* NULL: it is pcap */
    const uint8_t *block;         /* borrowed memory, while a block is read */
    const uint8_t *at, *end;      /* in the block: bytes that were not given out yet */
    uint32_t block_bytes;         /* how much to read at once: whole pages */
    uint32_t max_bytes;           /* of a record's data */
    uint32_t unit_ns;             /* of a record's fraction of a second */
    bool swapped;                 /* its header is in the other byte order */
    bool odd;                     /* what comes next is not the usual case */
};

/* Begins behind the file header that pcap has read from the stream, which is the only one; unless
 * it is no such file: then it is not in use afterwards. */
void source_block_begin(struct source_block *r, struct source_stream *stream, pcap_t *pcap);

/* Reads a block that begins with a whole record (of pcapng perhaps without a packet); waits no
 * longer than until there is one. It is in the batch's memory, perhaps what was read there early.
 * False: what comes is not the usual case, or cannot be read. */
bool source_block_load(struct source_block *r, const struct batch *b);

/* The next packets of the block, at most max, with that link type and without their numbers; their
 * data is the block's. Returns how many; fewer than max: no whole usual record is left in it. */
uint32_t source_block_take(struct source_block *r, int link_type, struct packet *packets,
                           uint32_t max);

/* Leaves the block, and what was not given out to the next one. more: there was more to give than
 * was wanted. */
void source_block_unload(struct source_block *r, bool more);

/* Where the next block begins, if it can be read early: in the file with the descriptor that is
 * returned; else -1. */
int source_block_next_start(const struct source_block *r, uint64_t *ret_start);

/* Gives up, no block being read: pcap reads what was not given out. */
void source_block_end(struct source_block *r);

#endif
