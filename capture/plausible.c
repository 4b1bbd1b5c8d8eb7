/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What belongs to a connection (RFC 9293 section 3.4), for an observer who may have missed any part
 * of it.
 *
 * Ignored on purpose: whether an RST is in the receiver's window to the byte (windows are not
 * tracked); one that is far off the sequence numbers seen is not believed.
 */
#include "capture/plausible.h"
#include "capture/deadline.h"
#include "capture/reassembly.h"

#define LATE_SYN_NS     INT64_C(2000000000)
#define LATE_SYN_BYTES  (1u << 20) /* sent before its SYN was captured: less than this */
#define FAST_OPEN_BYTES (1u << 16) /* a SYN carries less than this */
#define WINDOW_BYTES    (1u << 30) /* the largest there is */

static bool acknowledges(const struct flow *f, int side, const struct tcp_segment *seg,
                         uint32_t reach)
{
    const struct half *other = &f->half[!side];
    if (!(seg->flags & TCP_ACK))
        return false;
    return !(other->flags & HALF_SYN) || tcp_within(seg->ack, other->isn + 1, reach);
}

bool plausible_ack(const struct flow *f, int side, const struct tcp_segment *seg)
{
    return acknowledges(f, side, seg, WINDOW_BYTES);
}

bool plausible_answer(const struct flow *f, int side, const struct tcp_segment *seg)
{
    return acknowledges(f, side, seg, FAST_OPEN_BYTES);
}

/* Is a SYN with this sequence number that of bytes seen before it on side? */
static bool is_late_syn(const struct flow *f, int side, uint32_t seq, int64_t now_ns)
{
    const struct half *half = &f->half[side];
    if (now_ns > deadline_after(f->conn.opened_ns, LATE_SYN_NS))
        return false;
    uint32_t first = seq + 1;
    if (half->flags & HALF_STARTED)
        first = half->next;
    else if (!reassembly_first_held(half, &first) && (half->flags & HALF_ACKED))
        first = half->acked;
    return tcp_within(first, seq + 1, LATE_SYN_BYTES);
}

bool plausible_syn(const struct flow *f, int side, const struct tcp_segment *seg, int64_t now_ns)
{
    const struct half *half = &f->half[side];
    bool answer = (seg->flags & TCP_ACK) != 0;
    if (answer && f->conn.failure != CONN_FAILURE_NONE)
        return false;
    if (half->flags & HALF_SYN)
        return seg->seq == half->isn;
    if (f->conn.state == CONN_SYN_SENT || f->conn.state == CONN_SYN_RECEIVED)
        return true; /* the answer, or a simultaneous open */
    return is_late_syn(f, side, seg->seq, now_ns);
}

static bool both_acknowledged(const struct flow *f)
{
    for (int side = 0; side < 2; side++) {
        const struct half *half = &f->half[side];
        if (!(half->flags & HALF_SYN) || !(half->flags & HALF_ACKED) ||
            tcp_ahead(half->acked, half->isn) <= 0)
            return false;
    }
    return true;
}

bool plausible_completion(const struct flow *f, int side, const struct tcp_segment *seg)
{
    const struct half *half = &f->half[side];
    if (seg->flags & TCP_RST)
        return false;
    if (seg->flags & TCP_SYN)
        return both_acknowledged(f);
    if ((half->flags & HALF_SYN) && !tcp_within(seg->seq, half->isn + 1, WINDOW_BYTES))
        return false;
    return plausible_ack(f, side, seg);
}

static bool reset_in_handshake(const struct flow *f, int side, const struct tcp_segment *seg)
{
    const struct half *half = &f->half[side];
    if (half->flags & HALF_SYN)
        return tcp_within(seg->seq, half->isn, WINDOW_BYTES);
    return plausible_answer(f, side, seg);
}

bool plausible_reset(const struct flow *f, int side, const struct tcp_segment *seg)
{
    const struct half *half = &f->half[side];
    if (f->conn.state < CONN_OPEN)
        return reset_in_handshake(f, side, seg);
    return !(half->flags & HALF_STARTED) ||
           tcp_within(seg->seq, half->next - LATE_SYN_BYTES, WINDOW_BYTES);
}
