/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who left first. The order of the packets' times decides, not that in which they are processed. A
 * FIN or RST that acknowledges one byte behind all that the other side sent answers a FIN that is
 * not in the capture, or not yet: that was first. (A single byte that comes late looks the same
 * until its packet is there. Then the answer stays wrong; nobody closes right behind such a byte.)
 *
 * Ignored on purpose: what time stamps hide when two sides leave within the clock's error.
 */
#include "capture/leaver.h"
#include "capture/hold.h"

/* Behind the last byte that was captured. */
static uint32_t captured_end(const struct half *half)
{
    return half->hold && half->hold->last ? hold_end(half->hold->last) : half->next;
}

void leaver_note(struct flow *f, int side, const struct tcp_segment *seg)
{
    const struct half *other = &f->half[!side];
    bool known = f->conn.leaver != CONN_LEAVER_NONE;
    if (known && seg->ts_ns >= f->left_ns)
        return;
    bool answers = !known && (seg->flags & TCP_ACK) && (other->flags & HALF_STARTED) &&
                   !(other->flags & HALF_FIN) && tcp_ahead(seg->ack, captured_end(other)) == 1;
    f->left_ns = seg->ts_ns;
    f->conn.leaver = (uint8_t)(CONN_LEAVER_SIDE0 + (answers ? !side : side));
}
