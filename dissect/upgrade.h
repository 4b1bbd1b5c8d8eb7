/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_UPGRADE_H
#define DISSECT_UPGRADE_H

#include "dissect/transport.h"

/*
 * A connection that turned from one transport into another: the other's state and its calls. The
 * first owns it until the dissector takes it over, if it is not needed any more itself. Records of
 * the other carry its own number.
 */

struct upgrade;

/* What is left of a connection without its first transport: its state is a struct upgrade *. Is not
 * registered: it is never probed. */
extern const struct transport transport_upgraded;

/* Where its bytes are noted from now on; right behind the feed in which it was made. */
void upgrade_settle(struct upgrade *u, struct noted **noted);

/* The first protocol of an Upgrade field's list that is a transport's token, versions and case
 * aside; TRANSPORT_NONE: none of them is. */
uint8_t upgrade_find(const char *value, size_t n);

/* Whether bytes behind a loss are surely of that transport, see transport.probe. */
enum probe_result upgrade_probe(uint8_t transport, const struct probe *p);

/* Hands the connection of `outer` over. how->at is used. NULL: out of memory. */
struct upgrade *upgrade_new(const struct transport_conn *outer, uint8_t transport,
                            const struct transport_upgrade *how);

/* The calls of the transport, see struct transport; the last frees u, too. */
uint8_t upgrade_speaks(const struct upgrade *u);
void upgrade_feed(struct upgrade *u, enum dir dir, const uint8_t *bytes, size_t n,
                  const struct stream_pos *at);
void upgrade_gap(struct upgrade *u, enum dir dir, uint64_t n, const struct stream_pos *at);
void upgrade_end(struct upgrade *u, enum dir dir, enum stream_end how, const struct stream_pos *at);
void upgrade_fini(struct upgrade *u, enum channel_end how, const struct stream_pos *at);

#endif
