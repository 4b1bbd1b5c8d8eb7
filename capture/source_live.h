/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_LIVE_H
#define CAPTURE_SOURCE_LIVE_H

#include "capture/packet.h"
#include "capture/source.h"

/* Private to source*.c: one live interface as packets, by one socket or
 * several. */

struct source_live;

/* As source_open_live(). */
int source_live_open(const char *interface, const char *filter,
                     const struct source_live_options *options, char error[SOURCE_ERROR_BYTES],
                     struct source_live **ret_live);

/* The next packet, without its number, whose data holds until the next call. may_wait: for the
 * time-out; else only what is there. Returns 1, 0: there is none, or ERR_IO with error filled in.
 */
int source_live_next(struct source_live *l, bool may_wait, struct packet *ret_packet,
                     char error[SOURCE_ERROR_BYTES]);

/* The DLT_ number of the interface's frames. */
int source_live_link_type(const struct source_live *l);

/* Packets lost by kernel and interface since the start. Returns 0 or ERR_UNSUPPORTED. */
int source_live_dropped(struct source_live *l, uint64_t *ret_dropped);

void source_live_close(struct source_live *l); /* NULL is allowed */

#endif
