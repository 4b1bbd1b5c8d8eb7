/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_SOCKET_H
#define CAPTURE_SOURCE_SOCKET_H

#include "capture/packet.h"
#include "capture/source.h"

/* Private to source*.c: one socket on a live interface, by libpcap. It never waits. */

struct source_socket;

/* As source_open_live(), but for one socket. block_ms: a
 * block of the buffer that is not full is handed over after one to two times this. */
int source_socket_open(const char *interface, const char *filter,
                       const struct source_live_options *options, int block_ms,
                       char error[SOURCE_ERROR_BYTES], struct source_socket **ret_socket);

/* Joins the fanout group (packet(7)) with that number; -1: makes one, whose number the kernel
 * chooses, since one chosen here might be another program's. Returns its number, or -1: the kernel
 * refuses (errno). */
int source_socket_join(struct source_socket *s, int group);

/* The next packet, without its number, whose data holds until the next call. Returns 1, 0: there is
 * none yet, or ERR_IO with error filled in. */
int source_socket_next(struct source_socket *s, struct packet *ret_packet,
                       char error[SOURCE_ERROR_BYTES]);

/* To poll() for POLLIN. */
int source_socket_fd(const struct source_socket *s);

/* The DLT_ number of the interface's frames. */
int source_socket_link_type(const struct source_socket *s);

struct source_socket_lost {
    uint64_t no_room;   /* for them in this socket's buffer */
    uint64_t interface; /* lost by the interface: the same for each socket on it */
};

/* Since the socket was opened. Returns 0 or ERR_UNSUPPORTED. */
int source_socket_lost(struct source_socket *s, struct source_socket_lost *ret_lost);

void source_socket_close(struct source_socket *s); /* NULL is allowed */

#endif
