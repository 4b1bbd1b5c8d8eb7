/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_PLAIN_H
#define CAPTURE_SOURCE_PLAIN_H

#include "capture/packet.h"
#include "source_stream.h"
#include <pcap/pcap.h>

/*
 * Private to source*.c: the records of a plain pcap file, read in blocks. It knows the usual case
 * alone: a whole record within the snap length. At anything else it stops for good, and libpcap,
 * which has read the file's header before, reads on at that record and has the last word on it.
 */

/* A record tells the frame of the one that comes so many records later (struct packet, ahead): far
 * enough that what it needs can be in the caches by then. */
#define SOURCE_PLAIN_AHEAD 8

struct source_plain {
    struct source_stream *stream; /* NULL: not in use */
    uint8_t *buffer;
    uint32_t at, end;   /* in the buffer: bytes that were not given out yet */
    uint32_t ahead;     /* in the buffer: the record that is told ahead next */
    uint64_t offset;    /* in the file, of end */
    uint32_t max_bytes; /* of a record's data */
    uint32_t unit_ns;   /* of a record's fraction of a second */
    bool look_ahead;    /* from the next block on */
    bool swapped;       /* its header is in the other byte order */
};

/* Begins behind the file header that pcap has read from file. r is zeroed memory. False: it is no
 * such file, or memory is short; nothing was changed. */
bool source_plain_begin(struct source_plain *r, struct source_stream *stream, pcap_t *pcap);

/* The next record, without its number and link type; the data holds until the next call. False: it
 * is not the usual case. */
bool source_plain_next(struct source_plain *r, struct packet *ret_packet);

/* Gives up its memory. Returns the offset of the first record that was not given out. */
uint64_t source_plain_end(struct source_plain *r);

#endif
