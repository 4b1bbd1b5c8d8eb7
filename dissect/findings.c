/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * While nothing waits, and with most packets nothing ever does, records go where they went without
 * this. From the first finding on they are led past here, until all is told.
 */
#include "findings.h"
#include <stddef.h>
#include <string.h>

void findings_init(struct findings *f, struct record_sink *sink)
{
    f->sink = sink;
    f->to = *sink;
    f->waiting = 0;
    f->count = 0;
}

/* Another record, which comes behind what waits. */
static void pass(void *ctx, struct record *r)
{
    struct findings *f = ctx;
    findings_flush(f);
    f->to.record(f->to.ctx, r);
}

void findings_begin(struct findings *f, const struct record *first)
{
    findings_tell(f);
    memcpy(&f->head, first, offsetof(struct record, u) + sizeof(first->u.finding));
    findings_add(f, (enum finding)first->u.finding.finding, first->u.finding.amount);
    f->sink->record = pass;
    f->sink->room = NULL; /* what waits goes there before */
    f->sink->ctx = f;
}

void findings_flush(struct findings *f)
{
    struct record r;
    f->sink->record = f->to.record;
    f->sink->room = f->to.room;
    f->sink->ctx = f->to.ctx;
    for (uint8_t i = 0; i < f->count; i++) {
        uint8_t finding = f->order[i];
        memcpy(&r, &f->head, offsetof(struct record, u) + sizeof(r.u.finding));
        r.u.finding.finding = finding;
        r.u.finding.amount = f->amount[finding];
        f->to.record(f->to.ctx, &r);
    }
    f->waiting = 0;
    f->count = 0;
}
