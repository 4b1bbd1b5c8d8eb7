/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PLAUSIBLE_H
#define CAPTURE_PLAUSIBLE_H

#include "capture/flow.h"
#include "capture/tcp.h"

/*
 * Whether a segment can be what it seems to be on this connection, by its sequence numbers (RFC
 * 9293) and what is known of them; private to lifecycle.c. Changes nothing. side: who sent seg.
 */

/* Does the acknowledgement fit what the other side sent? False if seg has none. */
bool plausible_ack(const struct flow *f, int side, const struct tcp_segment *seg);

/* The same for what answers a SYN, which carried little if anything. */
bool plausible_answer(const struct flow *f, int side, const struct tcp_segment *seg);

/* Does the SYN or SYN/ACK belong to the flow as it is, and not to a new use of its ports? */
bool plausible_syn(const struct flow *f, int side, const struct tcp_segment *seg, int64_t now_ns);

/* Is the handshake complete with this segment? */
bool plausible_completion(const struct flow *f, int side, const struct tcp_segment *seg);

/* Is the RST meant for this connection? In the handshake the server's must answer the SYN, the
 * client's must follow it; later it must be near the bytes seen. */
bool plausible_reset(const struct flow *f, int side, const struct tcp_segment *seg);

#endif
