/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_FILE_H
#define CAPTURE_SOURCE_FILE_H

#include "capture/batch.h"
#include "source_block.h"
#include "source_stream.h"
#include <pcap/pcap.h>

/* Private to source*.c: one capture file as packets. */

struct source_file {
    struct source_stream_input input;
    struct source_stream *stream;     /* NULL while closed, or when read from a foreign FILE */
    pcap_t *pcap;                     /* NULL while closed */
    struct source_block block;        /* reads the records as long as they are the usual case */
    const struct bpf_program *filter; /* packets that do not match are skipped; may be NULL */
    struct packet head;               /* for the merge: the packet read last, and the link type */
    uint64_t packets;                 /* read so far, those skipped included */
};

/* Opens the file and reads its header. Closed again with source_file_close(). Returns 0 or an
 * error as source_open_files() does, with error filled in. */
int source_file_open(struct source_file *f, struct source_stream_pool *pool,
                     const struct source_stream_options *options, char error[SOURCE_ERROR_BYTES]);

/* The same from an open FILE, which becomes the file's on success. */
int source_file_attach(struct source_file *f, FILE *file, char error[SOURCE_ERROR_BYTES]);

enum source_file_result {
    SOURCE_FILE_END, /* or interrupted */
    SOURCE_FILE_PACKET,
    SOURCE_FILE_LATER /* the next packet is not there yet */
};

/* Adds packets, without their numbers, to a batch that has none, whose memory then is the blocks
 * they were read in: at most max, or none if the next record is not the usual case. */
void source_file_fill(struct source_file *f, const atomic_bool *broken, struct batch *b,
                      uint32_t max);

/* Reads the next packet, without its number, whose data holds until the next call. may_wait: for a
 * pipe; else only what is there. With SOURCE_FILE_END, which is also the answer when *broken became
 * true, problem tells, as a sentence, why it was not the proper end, or is "". */
enum source_file_result source_file_read(struct source_file *f, const atomic_bool *broken,
                                         bool may_wait, struct packet *ret_packet,
                                         char problem[SOURCE_ERROR_BYTES]);

void source_file_close(struct source_file *f); /* may be closed already */

/* Nanoseconds since the epoch. seconds may be negative where a time beyond 2038 was taken for a
 * signed one; ns is the fraction, which a damaged record makes any number. */
int64_t source_file_time_ns(int64_t seconds, int64_t ns);

#endif
