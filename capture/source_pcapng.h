/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_PCAPNG_H
#define CAPTURE_SOURCE_PCAPNG_H

#include "capture/packet.h"
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Private to source*.c: what the blocks of a pcapng file say, one after the other, in memory. It
 * knows the usual ones alone, and of those it keeps what libpcap has to be told before it can read
 * on behind them.
 */

struct source_pcapng;

enum source_pcapng_result {
    SOURCE_PCAPNG_PACKET,
    SOURCE_PCAPNG_NOTHING, /* a block without a packet, understood or passed over */
    SOURCE_PCAPNG_ODD      /* not a usual block, nothing was done: let libpcap see it */
};

/* Begins behind the n bytes with which pcap was opened: a section's header up to the first
 * interface. NULL: they are not usual, or no memory. */
struct source_pcapng *source_pcapng_new(const uint8_t *opening, size_t n, pcap_t *pcap);
void source_pcapng_free(struct source_pcapng *ng); /* NULL is allowed */

#define SOURCE_PCAPNG_HEAD_BYTES 8 /* of a block: from these its length is known */

/* The length of the block whose head is at p; 0: none that a block can have. */
uint32_t source_pcapng_length(const struct source_pcapng *ng, const uint8_t *p);

/* Reads a whole block, of the length it says. A packet is without its number and link type, and its
 * data is the block's. */
enum source_pcapng_result source_pcapng_read(struct source_pcapng *ng, const uint8_t *p,
                                             uint32_t length, struct packet *ret_packet);

/* The blocks of the current section that a reader has to have seen, that was opened as `pcap` was
 * and goes on behind the blocks read so far; borrowed until the next call. Returns their bytes, at
 * most LIMIT_DESCRIPTIONS. */
size_t source_pcapng_descriptions(const struct source_pcapng *ng, const uint8_t **ret_bytes);

#endif
