/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_LEAVER_H
#define CAPTURE_LEAVER_H

#include "capture/flow.h"
#include "capture/tcp.h"

/* Which side left a connection first; private to lifecycle.c. */

/* Notes a FIN or RST of that side in f->conn.leaver: a FIN for the first time, before it is given
 * to reassembly; an RST that is believed, however many. */
void leaver_note(struct flow *f, int side, const struct tcp_segment *seg);

#endif
