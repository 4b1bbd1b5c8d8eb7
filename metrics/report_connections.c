/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of the report's `connections`: what the last event of each told. A time that was not
 * seen, and whatever would be computed from it, is null.
 */
#include "metrics/event_line.h"
#include "report_parts.h"
#include <stdlib.h>

static const char *state_name(const struct conn *c)
{
    if (c->failure != CONN_FAILURE_NONE)
        return "failed";
    if (c->close != CONN_CLOSE_NONE)
        return "closed";
    switch ((enum conn_state)c->state) {
    case CONN_SYN_SENT:
    case CONN_SYN_RECEIVED:
        return "pending";
    case CONN_OPEN:
    case CONN_HALF_CLOSED:
        return "open";
    case CONN_SHUT:
        break;
    }
    return "closed";
}

static json_t *direction(struct report_view *v, const struct conn_counters *n)
{
    json_t *object = json_object();
    report_put(v, object, "packets", report_count(n->packets));
    report_put(v, object, "bytes", report_count(n->wire_bytes));
    report_put(v, object, "payload_bytes", report_count(n->payload_bytes));
    report_put(v, object, "retransmitted_packets", report_count(n->retransmitted_packets));
    report_put(v, object, "out_of_order_packets", report_count(n->out_of_order_packets));
    report_put(v, object, "lost_bytes", report_count(n->lost_bytes));
    report_put(v, object, "truncated_bytes", report_count(n->truncated_bytes));
    report_put(v, object, "overlap_conflicts", report_count(n->overlap_conflicts));
    return object;
}

static json_t *time_or_null(bool known, int64_t ts_ns)
{
    return known ? report_time(ts_ns) : json_null();
}

static json_t *text_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

static json_t *span_or_null(bool known, int64_t from_ns, int64_t to_ns)
{
    if (!known)
        return json_null();
    return report_seconds(to_ns > from_ns ? to_ns - from_ns : 0);
}

static json_t *row_object(struct report_view *v, const struct tables_connection *row)
{
    const struct conn *c = &row->conn;
    char id[COMMUNITY_ID_BYTES];
    bool whole = !c->midstream && !c->opened_late;
    bool ended = c->close != CONN_CLOSE_NONE && c->closed_ns != 0;
    json_t *object = json_object();
    report_put(v, object, "id", report_count(c->id));
    report_put(v, object, "client", report_endpoint(v, conn_client(c)));
    report_put(v, object, "server", report_endpoint(v, conn_server(c)));
    report_put(v, object, "community_id",
               text_or_null(community_id(&c->endpoint[0], &c->endpoint[1], id)));
    report_put(v, object, "transport", text_or_null(event_transport_name(row->transport)));
    report_put(v, object, "state", json_string(state_name(c)));
    report_put(
        v, object, "reason",
        text_or_null(event_line_reason((enum conn_failure)c->failure, (enum conn_close)c->close)));
    report_put(v, object, "midstream", json_boolean(c->midstream));
    report_put(v, object, "opened", time_or_null(whole, c->opened_ns));
    report_put(v, object, "established", time_or_null(c->established_ns != 0, c->established_ns));
    report_put(v, object, "closed", time_or_null(ended, c->closed_ns));
    report_put(v, object, "last_packet", report_time(c->last_ns));
    report_put(v, object, "connection_time",
               span_or_null(whole && c->established_ns != 0, c->opened_ns, c->established_ns));
    report_put(v, object, "lifetime",
               span_or_null(whole && ended && c->established_ns != 0, c->opened_ns, c->closed_ns));
    report_put(v, object, "received", direction(v, conn_sent(c, v->received)));
    report_put(v, object, "sent", direction(v, conn_sent(c, v->sent)));
    report_put(v, object, "messages_received", report_count(row->messages[v->received]));
    report_put(v, object, "messages_sent", report_count(row->messages[v->sent]));
    return object;
}

static int by_id(const void *a, const void *b)
{
    const struct tables_connection *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

json_t *report_connections(struct report_view *v)
{
    const struct table *rows = v->m->rows;
    uint32_t n = 0;
    json_t *list = json_array();
    const struct tables_connection **sorted =
        malloc((table_count(rows) + 1u) * sizeof(struct tables_connection *));
    if (!sorted) {
        v->failed = true;
        return list;
    }
    const struct tables_connection *row;
    for (row = table_oldest(rows); row; row = table_next(rows, row)) {
        if (v->m->servers[row->server]->counted)
            sorted[n++] = row;
    }
    qsort(sorted, n, sizeof(sorted[0]), by_id);
    for (uint32_t i = 0; i < n && !v->failed; i++)
        report_append(v, list, row_object(v, sorted[i]));
    free(sorted);
    return list;
}
