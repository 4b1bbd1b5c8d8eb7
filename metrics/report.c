/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report object as a whole: what was captured, the total, the servers, the connections.
 *
 * A server is listed when it is counted (see monitor.c) and anything was seen of it; the order is
 * that of the endpoints, and the one row that servers beyond the cap share comes last.
 */
#include "metrics/report.h"
#include "report_parts.h"
#include <stdlib.h>
#include <string.h>

#define NAME   "mcpmeter"
#define FORMAT "mcpmeter.report/1"

static json_t *text_or_null(const char *text)
{
    return text ? document_string(text, strlen(text)) : json_null();
}

static json_t *text_list(struct report_view *v, const char *const *texts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        report_append(v, list, text_or_null(texts[i]));
    return list;
}

static json_t *limits_hit(struct report_view *v, const struct limits_hit *hit)
{
    json_t *map = json_object();
    for (int i = 0; hit && i < LIMIT_ID_COUNT; i++) {
        if (hit->count[i] > 0)
            report_put(v, map, limits_key((enum limit_id)i), report_count(hit->count[i]));
    }
    return map;
}

static json_t *undecoded(struct report_view *v, const struct report_capture *c)
{
    json_t *map = json_object();
    for (size_t i = 0; i < c->undecoded_count; i++)
        report_put(v, map, c->undecoded[i].reason, report_count(c->undecoded[i].packets));
    return map;
}

static json_t *capture_object(struct report_view *v, const struct report_capture *c)
{
    bool any = c->packets > 0;
    json_t *object = json_object();
    json_t *sampling = json_object();
    report_put(v, sampling, "ratio", json_integer(1));
    report_put(v, object, "source", json_string(c->live ? "live" : "file"));
    report_put(v, object, "inputs", text_list(v, c->inputs, c->input_count));
    report_put(v, object, "interface", text_or_null(c->interface));
    report_put(v, object, "filter", text_or_null(c->filter));
    report_put(v, object, "link_types", text_list(v, c->link_types, c->link_type_count));
    report_put(v, object, "first_packet", any ? report_time(c->first_ns) : json_null());
    report_put(v, object, "last_packet", any ? report_time(c->last_ns) : json_null());
    report_put(v, object, "duration", any ? report_seconds(c->last_ns - c->first_ns) : json_null());
    report_put(v, object, "packets", report_count(c->packets));
    report_put(v, object, "bytes", report_count(c->bytes));
    report_put(v, object, "packets_dropped",
               c->dropped_known ? report_count(c->dropped) : json_null());
    report_put(v, object, "packets_truncated", report_count(c->truncated));
    report_put(v, object, "packets_undecoded", undecoded(v, c));
    report_put(v, object, "sampling", sampling);
    report_put(v, object, "detail_level", json_string("full"));
    report_put(v, object, "cut_inputs", text_list(v, c->cut_inputs, c->cut_input_count));
    report_put(v, object, "limits_hit", limits_hit(v, c->hit));
    return object;
}

/* ----------------------------------------------------------------------------- servers */

static bool is_listed(const struct tables_server *s)
{
    const struct bandwidth *b = &s->t.bandwidth;
    const struct connections *c = &s->t.connections;
    return s->counted &&
           (s->mcp || b->packets[DIR_C2S] || b->packets[DIR_S2C] || c->attempts || c->midstream);
}

static int by_endpoint(const void *a, const void *b)
{
    const struct tables_server *const *x = a, *const *y = b;
    if ((*x)->shared != (*y)->shared)
        return (*x)->shared ? 1 : -1;
    return endpoint_compare(&(*x)->endpoint, &(*y)->endpoint);
}

static json_t *server_info(struct report_view *v, const struct tables_server *s)
{
    if (!s->info_name[0])
        return json_null();
    json_t *object = json_object();
    report_put(v, object, "name", text_or_null(s->info_name));
    report_put(v, object, "version", text_or_null(s->info_version[0] ? s->info_version : NULL));
    return object;
}

static json_t *server_object(struct report_view *v, const struct tables_server *s)
{
    char endpoint[ENDPOINT_TEXT_BYTES] = LABELS_OTHER;
    if (!s->shared)
        endpoint_format(&s->endpoint, endpoint);
    json_t *object = json_object();
    report_put(v, object, "endpoint", json_string(endpoint));
    report_put(v, object, "transports", report_transports(v, &s->t));
    report_put(v, object, "server_info", server_info(v, s));
    report_put(v, object, "protocol_versions", report_protocol_versions(v, &s->t));
    report_put(v, object, "coverage", report_coverage(v, &s->t));
    report_tables(v, object, &s->t);
    return object;
}

static json_t *servers(struct report_view *v)
{
    uint32_t n = 0;
    json_t *list = json_array();
    const struct tables_server **sorted =
        malloc(v->m->server_count * sizeof(struct tables_server *));
    if (!sorted) {
        v->failed = true;
        return list;
    }
    for (uint32_t i = TABLES_SHARED; i < v->m->server_count; i++) {
        if (is_listed(v->m->servers[i]))
            sorted[n++] = v->m->servers[i];
    }
    qsort(sorted, n, sizeof(sorted[0]), by_endpoint);
    for (uint32_t i = 0; i < n && !v->failed; i++)
        report_append(v, list, server_object(v, sorted[i]));
    free(sorted);
    return list;
}

/* ------------------------------------------------------------------------------- whole */

static struct report_view view_of(const struct monitor *m)
{
    histogram_settle(&m->total_budget);
    histogram_settle(&m->server_budget);
    bool server = m->config.perspective == PERSPECTIVE_SERVER;
    return (struct report_view){
        .m = m, .received = server ? DIR_C2S : DIR_S2C, .sent = server ? DIR_S2C : DIR_C2S};
}

static json_t *finished(const struct report_view *v, json_t *object)
{
    if (!v->failed)
        return object;
    json_decref(object);
    return NULL;
}

/* The total: what was counted in it, and what its servers counted for it. */
static void put_total(struct report_view *v, json_t *object)
{
    const struct monitor *m = v->m;
    struct budget budget = {m->hit, UINT32_MAX, UINT32_MAX, m->total_budget.hash, NULL};
    struct tables total = m->total;
    protocol_init_sum(&total.protocol, &budget);
    bool done = protocol_add_whole(&total.protocol, &m->total.protocol);
    for (uint32_t i = TABLES_SHARED; i < m->server_count && done; i++)
        done = protocol_add_part(&total.protocol, &m->servers[i]->t.protocol);
    if (done)
        report_tables(v, object, &total);
    else
        v->failed = true;
    protocol_fini(&total.protocol);
}

json_t *report_build(const struct monitor *m, const struct report_capture *capture)
{
    struct report_view v = view_of(m);
    v.any_packet = capture->packets > 0;
    v.now_ns = capture->last_ns;
    v.duration_ns = capture->last_ns - capture->first_ns;
    json_t *object = json_object();
    json_t *generator = json_object();
    report_put(&v, generator, "name", json_string(NAME));
    report_put(&v, generator, "version", text_or_null(capture->version));
    report_put(&v, object, "report", json_string(FORMAT));
    report_put(&v, object, "generator", generator);
    report_put(&v, object, "capture", capture_object(&v, capture));
    report_put(&v, object, "coverage", report_coverage(&v, &m->total));
    put_total(&v, object);
    report_put(&v, object, "servers", servers(&v));
    if (m->rows)
        report_put(&v, object, "connections", report_connections(&v));
    return finished(&v, object);
}

json_t *report_metrics(const struct monitor *m, int64_t now_ns)
{
    struct report_view v = view_of(m);
    v.any_packet = m->first_ns <= m->last_ns;
    v.now_ns = now_ns;
    v.duration_ns = v.any_packet ? now_ns - m->first_ns : 0;
    json_t *object = json_object();
    put_total(&v, object);
    return finished(&v, object);
}

void report_write(const json_t *report, document_take *take, void *ctx)
{
    document_write(report, true, take, ctx);
}
