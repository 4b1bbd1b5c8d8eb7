/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_FINDINGS_H
#define DISSECT_FINDINGS_H

#include "dissect/record.h"

/*
 * Findings that wait to be told: what one packet shows in one direction of a channel, and how often
 * each. What a finding is about may be two bytes, and to tell it takes longer than to find it.
 *
 * Whoever owns the sink tells them when it is done with the packet. Any other record that is sent
 * before goes through here, and so comes behind them.
 */

struct findings {
    struct record_sink *sink; /* where records are sent: it leads here while any finding waits */
    struct record_sink to;    /* where it leads then, and else */
    struct record head;       /* of those that wait, but for `finding` and `amount` */
    uint64_t amount[FINDING_COUNT];
    uint32_t waiting;             /* a bit for each enum finding */
    uint8_t order[FINDING_COUNT]; /* as they came */
    uint8_t count;                /* of order */
};

_Static_assert(FINDING_COUNT <= 32, "a bit each");

/* Of a sink that records are sent to already. It must outlive f, and neither may move. */
void findings_init(struct findings *f, struct record_sink *sink);

/* Whether these findings wait for others: those that carry bytes are counted one by one. */
static inline bool findings_may_wait(enum finding finding)
{
    return finding != FINDING_GAP && finding != FINDING_OVERLAP;
}

/* Whether what waits is of that channel, direction and time. */
static inline bool findings_fit(const struct findings *f, uint64_t conn_id, uint32_t channel,
                                enum dir dir, const struct stream_pos *at)
{
    const struct record *r = &f->head;
    return f->count > 0 && r->conn_id == conn_id && r->channel == channel &&
           r->u.finding.dir == dir && r->at.packet == at->packet && r->at.ts_ns == at->ts_ns;
}

/* One more of those that wait. */
static inline void findings_add(struct findings *f, enum finding finding, uint64_t amount)
{
    if (f->waiting & UINT32_C(1) << finding) {
        f->amount[finding] += amount;
        return;
    }
    f->waiting |= UINT32_C(1) << finding;
    f->amount[finding] = amount;
    f->order[f->count++] = (uint8_t)finding;
}

/* The first one, a RECORD_FINDING: others are told before. */
void findings_begin(struct findings *f, const struct record *first);

/* Nothing waits afterwards. */
void findings_flush(struct findings *f);
static inline void findings_tell(struct findings *f)
{
    if (__builtin_expect(f->count > 0, 0))
        findings_flush(f);
}

#endif
