/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The numbers of the registry from the tables: one line each. What has no basis (a mean of nothing,
 * a rate over no time) is not known.
 */
#include "report_parts.h"
#include <math.h>
#include <string.h>

#define NS_PER_S 1e9

static struct report_value count(uint64_t n)
{
    return (struct report_value){.known = true, .count = n};
}

static struct report_value real(bool known, double number)
{
    return (struct report_value){.known = known, .real = true, .number = known ? number : 0};
}

/* In thousandths of a byte: digits beyond are noise. */
static struct report_value rate(bool known, double bytes_per_s)
{
    return real(known, round(bytes_per_s * 1e3) / 1e3);
}

static double mean_lifetime(const struct connections *t)
{
    return (double)((long double)t->lifetime_ns / (long double)t->lifetimes) / NS_PER_S;
}

static void connection_values(const struct connections *t, struct report_value values[])
{
    bool timed = t->set_up.count > 0;
    double avg = timed ? histogram_mean(&t->set_up) / NS_PER_S : 0;
    double percent = t->attempts ? 100.0 * (double)t->failed / (double)t->attempts : 0;
    values[METRIC_ACTIVE_CONNECTIONS] = count(t->active);
    values[METRIC_CONNECTION_ATTEMPTS] = count(t->attempts);
    values[METRIC_SUCCESSFUL_CONNECTIONS] = count(t->successful);
    values[METRIC_FAILED_CONNECTIONS] = count(t->failed);
    values[METRIC_AVG_CONNECTION_TIME] = real(timed, avg);
    values[METRIC_ERROR_RATE] = real(t->attempts > 0, percent);
    values[METRIC_PENDING_CONNECTIONS] = count(connections_pending(t));
    values[METRIC_MIDSTREAM_CONNECTIONS] = count(t->midstream);
    values[METRIC_PEAK_ACTIVE_CONNECTIONS] = count(t->peak_active);
    values[METRIC_FAILURES_REFUSED] = count(t->failures[CONN_FAILURE_REFUSED]);
    values[METRIC_FAILURES_TIMED_OUT] = count(t->failures[CONN_FAILURE_TIMED_OUT]);
    values[METRIC_FAILURES_RESET] = count(t->failures[CONN_FAILURE_RESET_IN_HANDSHAKE]);
    values[METRIC_FAILURES_UNREACHABLE] = count(t->failures[CONN_FAILURE_UNREACHABLE]);
    values[METRIC_CLOSED_FIN] = count(t->closed[CONN_CLOSE_FIN]);
    values[METRIC_CLOSED_RESET] = count(t->closed[CONN_CLOSE_RESET]);
    values[METRIC_CLOSED_IDLE] = count(t->closed[CONN_CLOSE_IDLE]);
    values[METRIC_CLOSED_PRUNED] = count(t->closed[CONN_CLOSE_PRUNED]);
    values[METRIC_AVG_CONNECTION_LIFETIME] =
        real(t->lifetimes > 0, t->lifetimes ? mean_lifetime(t) : 0);
    values[METRIC_RETRANSMITTED_PACKETS] = count(t->retransmitted_packets);
    values[METRIC_OUT_OF_ORDER_PACKETS] = count(t->out_of_order_packets);
    values[METRIC_LOST_BYTES] = count(t->lost_bytes);
    values[METRIC_OVERLAP_CONFLICTS] = count(t->overlap_conflicts);
    values[METRIC_TRUNCATED_BYTES] = count(t->truncated_bytes);
    values[METRIC_ABANDONED_CONNECTIONS] = count(t->abandoned);
}

static struct report_value average(const struct report_view *v, uint64_t bytes)
{
    if (v->duration_ns <= 0)
        return rate(false, 0);
    return rate(true, (double)bytes * NS_PER_S / (double)v->duration_ns);
}

static void bandwidth_values(const struct report_view *v, const struct bandwidth *b,
                             struct report_value values[])
{
    int64_t now = v->now_ns, width = v->m->width_ns;
    enum dir rx = v->received, tx = v->sent;
    bool any = v->any_packet;
    values[METRIC_BYTES_RECEIVED] = count(b->bytes[rx]);
    values[METRIC_BYTES_TRANSMITTED] = count(b->bytes[tx]);
    values[METRIC_CURRENT_RX_RATE] = rate(any, bandwidth_current(b, rx, now, width));
    values[METRIC_CURRENT_TX_RATE] = rate(any, bandwidth_current(b, tx, now, width));
    values[METRIC_AVG_RX_RATE] = average(v, b->bytes[rx]);
    values[METRIC_AVG_TX_RATE] = average(v, b->bytes[tx]);
    values[METRIC_PEAK_RX_RATE] = rate(any, bandwidth_peak(b, rx, now, width));
    values[METRIC_PEAK_TX_RATE] = rate(any, bandwidth_peak(b, tx, now, width));
    values[METRIC_WINDOW] = real(true, (double)v->m->config.window_ns / NS_PER_S);
    values[METRIC_PAYLOAD_BYTES_RECEIVED] = count(b->payload_bytes[rx]);
    values[METRIC_PAYLOAD_BYTES_TRANSMITTED] = count(b->payload_bytes[tx]);
    values[METRIC_PACKETS_RECEIVED] = count(b->packets[rx]);
    values[METRIC_PACKETS_TRANSMITTED] = count(b->packets[tx]);
}

static void protocol_values(const struct protocol *p, struct report_value values[])
{
    uint64_t total = 0;
    for (int i = 0; i < EXCHANGE_STATUS_COUNT; i++)
        total += p->exchanges[i];
    values[METRIC_EXCHANGES_TOTAL] = count(total);
    values[METRIC_EXCHANGES_RESULT] = count(p->exchanges[EXCHANGE_RESULT]);
    values[METRIC_EXCHANGES_ERROR] = count(p->exchanges[EXCHANGE_ERROR]);
    values[METRIC_EXCHANGES_TOOL_ERROR] = count(p->exchanges[EXCHANGE_TOOL_ERROR]);
    values[METRIC_EXCHANGES_CANCELLED] = count(p->exchanges[EXCHANGE_CANCELLED]);
    values[METRIC_EXCHANGES_INPUT_REQUIRED] = count(p->exchanges[EXCHANGE_INPUT_REQUIRED]);
    values[METRIC_EXCHANGES_UNANSWERED] = count(p->exchanges[EXCHANGE_UNANSWERED]);
    values[METRIC_EXCHANGES_LOST] = count(p->exchanges[EXCHANGE_LOST]);
    values[METRIC_EXCHANGES_PENDING] = count(p->exchanges[EXCHANGE_PENDING]);
    values[METRIC_EXCHANGES_ACKNOWLEDGED] = count(p->exchanges[EXCHANGE_ACKNOWLEDGED]);
    values[METRIC_SESSIONS] = count(p->sessions);
    values[METRIC_ORPHAN_RESPONSES] = count(p->orphan_responses);
    values[METRIC_DUPLICATE_RESPONSES] = count(p->duplicate_responses);
    values[METRIC_INCOMPLETE_MESSAGES] = count(p->incomplete_messages);
    values[METRIC_LATE_RESPONSES] = count(p->late_responses);
}

void report_values(const struct report_view *v, const struct tables *t,
                   struct report_value values[METRIC_COUNT])
{
    memset(values, 0, METRIC_COUNT * sizeof(values[0]));
    connection_values(&t->connections, values);
    bandwidth_values(v, &t->bandwidth, values);
    protocol_values(&t->protocol, values);
}
