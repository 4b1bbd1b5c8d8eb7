/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FRAGMENT_H
#define CAPTURE_FRAGMENT_H

#include "base/hash.h"
#include "capture/ip.h"

/*
 * Reassembly of fragmented IPv4 and IPv6 datagrams. Memory is bounded by LIMIT_FRAGMENTED datagrams
 * of LIMIT_FRAGMENTS fragments each; the oldest datagram goes when there are too many.
 */

struct fragment_table;

/* *lost counts the packets of datagrams that were given up; hit the caps. Both, borrowed, must
 * outlive the table. NULL: out of memory. */
struct fragment_table *fragment_new(const struct hash_key *hash, struct limits_hit *hit,
                                    uint64_t *lost);

/*
 * Adds one fragment (ip->fragment is true) of a frame of wire_bytes. When it completes its
 * datagram, fills in *ret_ip, whose addresses and payload are borrowed until the next call, and
 * *ret_wire_bytes, the sum of all frames of the datagram, and returns true.
 */
bool fragment_add(struct fragment_table *t, const struct ip_packet *ip, uint32_t wire_bytes,
                  int64_t now_ns, struct ip_packet *ret_ip, uint32_t *ret_wire_bytes);

/* Gives up every incomplete datagram. */
void fragment_finish(struct fragment_table *t);

void fragment_free(struct fragment_table *t); /* NULL is allowed */

#endif
