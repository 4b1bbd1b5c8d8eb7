/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of connections to counters.
 *
 * A connection is open (`active`) from ESTABLISHED, or from OPENED when it is midstream, until
 * CLOSED. GONE does not close: a connection that goes while open was open when the capture ended,
 * and stays counted as such. Every attempt ends as exactly one of successful, failed, abandoned, or
 * is pending.
 *
 * Ignored on purpose: the failure of a connection whose SYN was not captured (it is no attempt).
 */
#include "connections.h"
#include <string.h>

static void became_active(struct connections *t)
{
    t->active++;
    if (t->active > t->peak_active)
        t->peak_active = t->active;
}

static void no_longer_active(struct connections *t)
{
    if (t->active > 0)
        t->active--;
}

static void opened(struct connections *t, const struct conn *c)
{
    if (c->midstream) {
        t->midstream++;
        became_active(t);
    } else {
        t->attempts++;
    }
}

static void established(struct connections *t, struct budget *budget, const struct conn *c)
{
    if (c->midstream)
        return;
    t->successful++;
    became_active(t);
    if (!c->opened_late)
        histogram_record(&t->set_up, budget, c->established_ns - c->opened_ns);
}

static void failed(struct connections *t, const struct conn *c)
{
    if (c->midstream) {
        no_longer_active(t);
        return;
    }
    t->failed++;
    if (c->failure < CONNECTIONS_FAILURES)
        t->failures[c->failure]++;
}

static void closed(struct connections *t, const struct conn *c)
{
    if (c->failure != CONN_FAILURE_NONE)
        return; /* it had its verdict */
    if (c->close < CONNECTIONS_CLOSES)
        t->closed[c->close]++;
    if (c->midstream) {
        no_longer_active(t);
    } else if (c->established_ns == 0) {
        t->abandoned++;
    } else {
        no_longer_active(t);
        t->lifetimes++;
        t->lifetime_ns += c->closed_ns > c->opened_ns ? c->closed_ns - c->opened_ns : 0;
    }
}

static void gone(struct connections *t, const struct conn *c)
{
    for (int side = 0; side < DIR_COUNT; side++) {
        const struct conn_counters *n = &c->side[side];
        t->retransmitted_packets += n->retransmitted_packets;
        t->out_of_order_packets += n->out_of_order_packets;
        t->overlap_conflicts += n->overlap_conflicts;
        t->lost_bytes += n->lost_bytes;
        t->truncated_bytes += n->truncated_bytes;
    }
}

void connections_event(struct connections *t, struct budget *budget, const struct conn *c,
                       enum conn_event event)
{
    switch (event) {
    case CONN_EVENT_OPENED:
        opened(t, c);
        break;
    case CONN_EVENT_ESTABLISHED:
        established(t, budget, c);
        break;
    case CONN_EVENT_FAILED:
        failed(t, c);
        break;
    case CONN_EVENT_CLOSED:
        closed(t, c);
        break;
    case CONN_EVENT_GONE:
        gone(t, c);
        break;
    case CONN_EVENT_ROLES:
        break;
    }
}

uint64_t connections_pending(const struct connections *t)
{
    uint64_t ended = t->successful + t->failed + t->abandoned;
    return t->attempts > ended ? t->attempts - ended : 0;
}

void connections_leave(struct connections *t)
{
    if (t->midstream > 0)
        t->midstream--;
    no_longer_active(t);
}

void connections_enter(struct connections *t)
{
    t->midstream++;
    became_active(t);
}

void connections_merge(struct connections *t, struct budget *budget, const struct connections *from)
{
    t->attempts += from->attempts;
    t->successful += from->successful;
    t->failed += from->failed;
    t->midstream += from->midstream;
    t->abandoned += from->abandoned;
    t->active += from->active;
    if (from->peak_active > t->peak_active)
        t->peak_active = from->peak_active;
    if (t->active > t->peak_active)
        t->peak_active = t->active;
    for (int i = 0; i < CONNECTIONS_FAILURES; i++)
        t->failures[i] += from->failures[i];
    for (int i = 0; i < CONNECTIONS_CLOSES; i++)
        t->closed[i] += from->closed[i];
    histogram_merge(&t->set_up, budget, &from->set_up);
    t->lifetime_ns += from->lifetime_ns;
    t->lifetimes += from->lifetimes;
    t->retransmitted_packets += from->retransmitted_packets;
    t->out_of_order_packets += from->out_of_order_packets;
    t->overlap_conflicts += from->overlap_conflicts;
    t->lost_bytes += from->lost_bytes;
    t->truncated_bytes += from->truncated_bytes;
}

void connections_fini(struct connections *t)
{
    histogram_fini(&t->set_up);
    memset(t, 0, sizeof(*t));
}
