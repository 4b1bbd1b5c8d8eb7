/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The three metric objects of the report. Their members and their order are the registry's
 * (metrics.def); numbers come from report_values(), all else is built here, by one function each.
 *
 * Everything that is a map or a list is in the order of its names.
 */
#include "metrics/event_line.h"
#include "report_parts.h"
#include <assert.h>
#include <string.h>

#define NS_PER_S  1e9
#define KEY_BYTES 64

/* ------------------------------------------------------------------------------ helpers */

void report_put(struct report_view *v, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new_nocheck(object, key, value) < 0)
        v->failed = true;
}

void report_append(struct report_view *v, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        v->failed = true;
}

json_t *report_count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *report_seconds(int64_t ns)
{
    return json_real((double)ns / NS_PER_S);
}

json_t *report_time(int64_t ts_ns)
{
    char text[EVENT_LINE_TIME_BYTES];
    return json_string(event_line_time(ts_ns, text));
}

json_t *report_endpoint(struct report_view *v, const struct endpoint *ep)
{
    char text[ENDPOINT_TEXT_BYTES];
    json_t *object = json_object();
    report_put(v, object, "ip", json_string(endpoint_format_ip(ep, text)));
    report_put(v, object, "port", json_integer(ep->port));
    return object;
}

json_t *report_latency(struct report_view *v, const struct histogram *h)
{
    static const char *const keys[] = {"p50", "p90", "p95", "p99", "p999"};
    static const uint32_t per_mille[] = {500, 900, 950, 990, 999};
    enum { PERCENTILES = sizeof(keys) / sizeof(keys[0]) };
    int64_t percentiles[PERCENTILES];
    bool any = h->count > 0;
    double deviation = 0;
    bool deviates = any && histogram_deviation(h, &deviation);
    bool known = histogram_percentiles(h, per_mille, PERCENTILES, percentiles);
    json_t *object = json_object();
    report_put(v, object, "count", report_count(h->count));
    report_put(v, object, "avg", any ? json_real(histogram_mean(h) / NS_PER_S) : json_null());
    report_put(v, object, "min", any ? report_seconds(h->min) : json_null());
    report_put(v, object, "max", any ? report_seconds(h->max) : json_null());
    report_put(v, object, "stddev", deviates ? json_real(deviation / NS_PER_S) : json_null());
    for (size_t i = 0; i < PERCENTILES; i++)
        report_put(v, object, keys[i], known ? report_seconds(percentiles[i]) : json_null());
    return object;
}

/* ------------------------------------------------------------------- maps of protocol_metrics */

static json_t *connection_time(struct report_view *v, const struct tables *t)
{
    return report_latency(v, &t->connections.set_up);
}

static json_t *version(struct report_view *v, const struct tables *t)
{
    (void)v;
    const char *text = protocol_version(&t->protocol);
    return text ? json_string(text) : json_null();
}

static json_t *counts(struct report_view *v, const struct labels *labels)
{
    json_t *map = json_object();
    for (uint32_t i = 0; i < labels->count; i++) {
        const struct label *label = labels->sorted[i];
        const struct protocol_count *n = (const void *)label->value;
        if (n->count > 0)
            report_put(v, map, label->text, report_count(n->count));
    }
    return map;
}

json_t *report_protocol_versions(struct report_view *v, const struct tables *t)
{
    return counts(v, &t->protocol.versions);
}

static json_t *errors(struct report_view *v, const struct tables *t)
{
    return counts(v, &t->protocol.errors);
}

static json_t *messages_of(struct report_view *v, const struct tables *t, enum dir dir)
{
    const struct labels *types = &t->protocol.types;
    json_t *map = json_object();
    for (uint32_t i = 0; i < types->count; i++) {
        const struct protocol_type *type = (const void *)types->sorted[i]->value;
        uint64_t n = 0;
        for (int kind = 0; kind < PROTOCOL_KINDS; kind++)
            n += type->at[kind][dir].count;
        if (n > 0)
            report_put(v, map, types->sorted[i]->text, report_count(n));
    }
    return map;
}

static json_t *received(struct report_view *v, const struct tables *t)
{
    return messages_of(v, t, v->received);
}

static json_t *sent(struct report_view *v, const struct tables *t)
{
    return messages_of(v, t, v->sent);
}

static json_t *latencies(struct report_view *v, const struct tables *t, bool first_byte)
{
    const struct labels *methods = &t->protocol.latencies;
    json_t *map = json_object();
    for (uint32_t i = 0; i < methods->count; i++) {
        const struct protocol_latency *row = (const void *)methods->sorted[i]->value;
        const struct histogram *h = first_byte ? &row->first_byte : &row->latency;
        report_put(v, map, methods->sorted[i]->text, report_latency(v, h));
    }
    return map;
}

static json_t *message_latency(struct report_view *v, const struct tables *t)
{
    return latencies(v, t, false);
}

static json_t *first_byte(struct report_view *v, const struct tables *t)
{
    return latencies(v, t, true);
}

json_t *report_coverage(struct report_view *v, const struct tables *t)
{
    double percent;
    bool known = coverage_percent(&t->coverage, &percent);
    json_t *object = json_object();
    json_t *bytes = json_object();
    json_t *connections = json_object();
    for (int i = 0; i < COVERAGE_CLASS_COUNT; i++) {
        const char *key = coverage_key((enum coverage_class)i);
        report_put(v, bytes, key, report_count(t->coverage.bytes[i]));
        report_put(v, connections, key, report_count(t->coverage.connections[i]));
    }
    report_put(v, object, "percent", known ? json_real(percent) : json_null());
    report_put(v, object, "bytes", bytes);
    report_put(v, object, "connections", connections);
    return object;
}

json_t *report_transports(struct report_view *v, const struct tables *t)
{
    json_t *map = json_object();
    for (int i = 0; i < TRANSPORT_COUNT; i++) {
        if (t->protocol.transports[i].messages == 0 && t->protocol.transports[i].connections == 0)
            continue;
        json_t *row = json_object();
        report_put(v, row, "connections", report_count(t->protocol.transports[i].connections));
        report_put(v, row, "messages", report_count(t->protocol.transports[i].messages));
        report_put(v, map, event_transport_name((uint8_t)i), row);
    }
    return map;
}

/* ------------------------------------------------------------------ lists of protocol_metrics */

static json_t *messages(struct report_view *v, const struct tables *t)
{
    static const char *const kinds[PROTOCOL_KINDS] = {"request", "notification", "result", "error"};
    const struct labels *types = &t->protocol.types;
    json_t *list = json_array();
    for (uint32_t i = 0; i < types->count; i++) {
        const struct protocol_type *type = (const void *)types->sorted[i]->value;
        for (int j = 0; j < PROTOCOL_KINDS * DIR_COUNT; j++) {
            int kind = j / DIR_COUNT;
            bool is_sent = j % DIR_COUNT != 0;
            enum dir dir = is_sent ? v->sent : v->received;
            if (type->at[kind][dir].count == 0)
                continue;
            json_t *row = json_object();
            report_put(v, row, "type", json_string(types->sorted[i]->text));
            report_put(v, row, "kind", json_string(kinds[kind]));
            report_put(v, row, "direction", json_string(is_sent ? "sent" : "received"));
            report_put(v, row, "count", report_count(type->at[kind][dir].count));
            report_put(v, row, "bytes", report_count(type->at[kind][dir].bytes));
            report_append(v, list, row);
        }
    }
    return list;
}

static json_t *name_row(struct report_view *v, const struct label *label)
{
    static const struct {
        const char *key;
        enum exchange_status status;
    } before[] = {{"results", EXCHANGE_RESULT},
                  {"tool_errors", EXCHANGE_TOOL_ERROR},
                  {"errors", EXCHANGE_ERROR},
                  {"unanswered", EXCHANGE_UNANSWERED}},
      behind[] = {{"cancelled", EXCHANGE_CANCELLED},
                  {"input_required", EXCHANGE_INPUT_REQUIRED},
                  {"lost", EXCHANGE_LOST},
                  {"pending", EXCHANGE_PENDING}};
    const struct protocol_name *name = (const void *)label->value;
    uint64_t calls = 0;
    for (int i = 0; i < EXCHANGE_STATUS_COUNT; i++)
        calls += name->status[i];
    json_t *row = json_object();
    report_put(v, row, "name", label->text ? json_string(label->text) : json_null());
    report_put(v, row, "calls", report_count(calls));
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
        report_put(v, row, before[i].key, report_count(name->status[before[i].status]));
    report_put(v, row, "latency", report_latency(v, &name->latency));
    report_put(v, row, "request_bytes", report_count(name->request_bytes));
    report_put(v, row, "response_bytes", report_count(name->response_bytes));
    for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
        report_put(v, row, behind[i].key, report_count(name->status[behind[i].status]));
    return row;
}

static json_t *names(struct report_view *v, const struct tables *t, enum protocol_names which)
{
    const struct labels *labels = &t->protocol.names[which];
    json_t *list = json_array();
    for (uint32_t i = 0; i < labels->count; i++)
        report_append(v, list, name_row(v, labels->sorted[i]));
    return list;
}

static json_t *tools(struct report_view *v, const struct tables *t)
{
    return names(v, t, PROTOCOL_TOOLS);
}

static json_t *resources(struct report_view *v, const struct tables *t)
{
    return names(v, t, PROTOCOL_RESOURCES);
}

static json_t *prompts(struct report_view *v, const struct tables *t)
{
    return names(v, t, PROTOCOL_PROMPTS);
}

/* --------------------------------------------------------------------------- the objects */

typedef json_t *build_fn(struct report_view *v, const struct tables *t);

/* Who builds what is not a number. */
static build_fn *const builders[METRIC_COUNT] = {
    [METRIC_CONNECTION_TIME] = connection_time,
    [METRIC_PROTOCOL_VERSION] = version,
    [METRIC_PROTOCOL_VERSIONS] = report_protocol_versions,
    [METRIC_MESSAGES_RECEIVED] = received,
    [METRIC_MESSAGES_SENT] = sent,
    [METRIC_PROTOCOL_ERRORS] = errors,
    [METRIC_MESSAGE_LATENCY] = message_latency,
    [METRIC_FIRST_BYTE] = first_byte,
    [METRIC_MESSAGES] = messages,
    [METRIC_TOOLS] = tools,
    [METRIC_RESOURCES] = resources,
    [METRIC_PROMPTS] = prompts,
    [METRIC_TRANSPORTS] = report_transports,
    [METRIC_OPERATIONS] = report_operations,
};

static json_t *number(const struct report_value *value)
{
    if (!value->known)
        return json_null();
    return value->real ? json_real(value->number) : report_count(value->count);
}

/* Sets the member at a path of at most two names. */
static void put_at(struct report_view *v, json_t *object, const char *path, json_t *value)
{
    const char *dot = strchr(path, '.');
    if (!dot) {
        report_put(v, object, path, value);
        return;
    }
    char outer[KEY_BYTES];
    size_t n = (size_t)(dot - path);
    assert(n < sizeof(outer));
    memcpy(outer, path, n);
    outer[n] = '\0';
    json_t *inner = json_object_get(object, outer);
    if (!inner) {
        report_put(v, object, outer, json_object());
        inner = json_object_get(object, outer);
    }
    report_put(v, inner, dot + 1, value);
}

void report_tables(struct report_view *v, json_t *object, const struct tables *t)
{
    static const char *const keys[] = {[METRIC_TABLE_CONNECTION] = "connection_metrics",
                                       [METRIC_TABLE_BANDWIDTH] = "bandwidth_metrics",
                                       [METRIC_TABLE_PROTOCOL] = "protocol_metrics"};
    enum { TABLES = sizeof(keys) / sizeof(keys[0]) };
    json_t *tables[TABLES]; /* NULL: out of memory */
    struct report_value values[METRIC_COUNT];
    report_values(v, t, values);
    for (size_t i = 0; i < TABLES; i++) {
        report_put(v, object, keys[i], json_object());
        tables[i] = json_object_get(object, keys[i]);
    }
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = metric_info((enum metric)i);
        json_t *value = builders[i] ? builders[i](v, t) : number(&values[i]);
        put_at(v, tables[info->table], info->key, value);
    }
}
