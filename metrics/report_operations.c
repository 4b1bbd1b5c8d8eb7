/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of protocol_metrics.operations: first calls in several rounds, then tasks, each in the
 * order of method and name.
 */
#include "report_parts.h"
#include <string.h>

static void put_statuses(struct report_view *v, json_t *row, const struct protocol_operation *op)
{
    static const struct {
        const char *key;
        enum operation_status status;
    } members[] = {{"complete", OPERATION_COMPLETE},   {"tool_errors", OPERATION_TOOL_ERROR},
                   {"errors", OPERATION_ERROR},        {"failed", OPERATION_FAILED},
                   {"cancelled", OPERATION_CANCELLED}, {"unanswered", OPERATION_UNANSWERED},
                   {"unknown", OPERATION_UNKNOWN},     {"pending", OPERATION_PENDING}};
    uint64_t count = 0;
    for (int i = 0; i < OPERATION_STATUS_COUNT; i++)
        count += op->status[i];
    report_put(v, row, "count", report_count(count));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        report_put(v, row, members[i].key, report_count(op->status[members[i].status]));
}

static json_t *operation_row(struct report_view *v, enum operation_kind kind,
                             const struct label *label)
{
    const struct protocol_operation *op = (const void *)label->value;
    const char *text = label->text ? label->text : "";
    size_t method = strcspn(text, " ");
    bool known = strcmp(text, "?") != 0;
    json_t *row = json_object();
    report_put(v, row, "kind", json_string(event_operation_kind_name(kind)));
    report_put(v, row, "method", known ? json_stringn(text, method) : json_null());
    report_put(v, row, "name", text[method] ? json_string(text + method + 1) : json_null());
    put_statuses(v, row, op);
    report_put(v, row, "likely", report_count(op->likely));
    report_put(v, row, "exchanges", report_count(op->legs));
    report_put(v, row, "rounds", report_count(op->rounds));
    report_put(v, row, "polls", report_count(op->polls));
    report_put(v, row, "fetches", report_count(op->fetches));
    report_put(v, row, "total_time", report_latency(v, &op->total));
    report_put(v, row, "server_time", report_latency(v, &op->server));
    report_put(v, row, "outside_time", report_latency(v, &op->outside));
    report_put(v, row, "creation_time", report_latency(v, &op->creation));
    report_put(v, row, "result_wait", report_latency(v, &op->wait));
    return row;
}

json_t *report_operations(struct report_view *v, const struct tables *t)
{
    json_t *list = json_array();
    for (int kind = 0; kind < PROTOCOL_OPERATION_KINDS; kind++) {
        const struct labels *labels = &t->protocol.operations[kind];
        for (uint32_t i = 0; i < labels->count; i++)
            report_append(v, list, operation_row(v, (enum operation_kind)kind, labels->sorted[i]));
    }
    return list;
}
