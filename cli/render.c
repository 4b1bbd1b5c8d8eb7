/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The report as text. A section is a heading, then tables and lines of facts; a section, a line or
 * a column that would say nothing is left out, a figure that is not known is "-".
 *
 * Limits: tables of names show their first PAGE_ROWS rows and say how many follow in the JSON.
 */
#include "render.h"
#include "base/endpoint.h"
#include "page.h"
#include "render_json.h"
#include "render_operations.h"
#include "show.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SHOWN_INPUTS      3
#define MOST_WIDTH        1000
#define SERVER_NAME_BYTES 160 /* the report's names and versions have at most 64 bytes each */

void render_style_init(struct render_style *style, int fd)
{
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    const char *terminal = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool is_terminal = isatty(fd) == 1;
    unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
    if (width == 0 && is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width < RENDER_LEAST_WIDTH)
        width = RENDER_LEAST_WIDTH;
    style->width = width < MOST_WIDTH ? width : MOST_WIDTH;
    style->bold =
        is_terminal && !(no_color && *no_color) && !(terminal && strcmp(terminal, "dumb") == 0);
}

bool render_has_mcp(const json_t *report)
{
    return json_array_size(render_json_at(report, "protocol_metrics.messages")) > 0 ||
           render_json_number(report, "protocol_metrics.sessions") > 0;
}

/* ------------------------------------------------------------------------- capture */

/* The files: of many only how many, the first and the last. */
static void fact_inputs(struct page *page, const json_t *inputs)
{
    size_t n = json_array_size(inputs), columns = 0;
    const char *first = json_string_value(json_array_get(inputs, 0));
    const char *last = json_string_value(json_array_get(inputs, n ? n - 1 : 0));
    if (!first || !last)
        return;
    page_label(page, "input");
    if (n > SHOWN_INPUTS) {
        fprintf(page->stream, "%zu files: ", n);
        show_put(page->stream, first, strlen(first));
        fputs(" ... ", page->stream);
        show_put(page->stream, last, strlen(last));
    } else {
        for (size_t i = 0; i < n; i++) {
            const char *name = json_string_value(json_array_get(inputs, i));
            page_item(page, &columns, name ? name : "");
        }
    }
    fputc('\n', page->stream);
}

/* "2026-01-02T03:04:05.123456789Z" without the T, the Z and everything below microseconds. */
static void put_time(FILE *stream, const char *time, bool date)
{
    if (strlen(time) < 26)
        return;
    if (date)
        fprintf(stream, "%.10s ", time);
    fprintf(stream, "%.15s", time + 11);
}

static void capture_times(struct page *page, const json_t *capture)
{
    char text[SHOW_VALUE_BYTES];
    const char *first = render_json_string(capture, "first_packet");
    const char *last = render_json_string(capture, "last_packet");
    page_label(page, "time (UTC)");
    put_time(page->stream, first, true);
    fputs(" to ", page->stream);
    put_time(page->stream, last, strncmp(first, last, 10) != 0);
    fprintf(page->stream, ", %s\n", show_duration(render_json_number(capture, "duration"), text));
}

static void capture_packets(struct page *page, const json_t *capture)
{
    char text[SHOW_VALUE_BYTES];
    page_label(page, "packets");
    fprintf(page->stream, "%.0f (%s)", render_json_number(capture, "packets"),
            show_size(render_json_number(capture, "bytes"), text));
    if (json_array_size(render_json_at(capture, "link_types")) > 0) {
        fputs(", ", page->stream);
        render_json_list(page->stream, render_json_at(capture, "link_types"));
    }
    fputc('\n', page->stream);
}

static void section_capture(struct page *page, const json_t *capture)
{
    page_heading(page, "CAPTURE");
    fact_inputs(page, render_json_at(capture, "inputs"));
    if (*render_json_string(capture, "interface"))
        page_fact(page, "interface", render_json_string(capture, "interface"));
    if (*render_json_string(capture, "filter"))
        page_fact(page, "filter", render_json_string(capture, "filter"));
    if (render_json_number(capture, "packets") > 0)
        capture_times(page, capture);
    capture_packets(page, capture);
    page_count(page, "dropped", capture, "packets_dropped");
    page_count(page, "truncated", capture, "packets_truncated");
    page_counts(page, "not decoded", render_json_at(capture, "packets_undecoded"));
    page_counts(page, "limits hit", render_json_at(capture, "limits_hit"));
    size_t i;
    json_t *cut;
    json_array_foreach(render_json_at(capture, "cut_inputs"), i, cut)
        page_fact(page, i ? "" : "CUT INPUT", json_string_value(cut));
}

/* ------------------------------------------------------------------------- connections */

static void section_connections(struct page *page, const json_t *metrics)
{
    static const struct grid_column columns[] = {
        {"ATTEMPTED", false}, {"SUCCESSFUL", false}, {"FAILED", false},   {"PENDING", false},
        {"ACTIVE", false},    {"PEAK", false},       {"MIDSTREAM", false}};
    static const char *const paths[] = {"connection_attempts",  "successful_connections",
                                        "failed_connections",   "pending_connections",
                                        "active_connections",   "peak_active_connections",
                                        "midstream_connections"};
    page_heading(page, "CONNECTIONS");
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        render_json_count(g, metrics, paths[i]);
    page_grid(page, g);
    double failed = render_json_number(metrics, "error_rate");
    char text[SHOW_VALUE_BYTES];
    if (failed > 0) {
        page_label(page, "error rate");
        fprintf(page->stream, "%.1f %%\n", failed);
    }
    page_counts(page, "failures", render_json_at(metrics, "failures"));
    page_latency(page, "connect time", render_json_at(metrics, "connection_time"));
    double lifetime = render_json_number(metrics, "avg_connection_lifetime");
    if (isfinite(lifetime))
        page_fact(page, "avg lifetime", show_duration(lifetime, text));
    page_counts(page, "closed by", render_json_at(metrics, "closed"));
    page_count(page, "retransmitted", metrics, "retransmitted_packets");
    page_count(page, "out of order", metrics, "out_of_order_packets");
    double lost = render_json_number(metrics, "lost_bytes");
    if (lost > 0)
        page_fact(page, "lost", show_size(lost, text));
}

static void section_bandwidth(struct page *page, const json_t *metrics)
{
    static const struct grid_column columns[] = {{"", true},           {"BYTES", false},
                                                 {"PAYLOAD", false},   {"AVG RATE", false},
                                                 {"PEAK RATE", false}, {"LAST RATE", false}};
    page_heading(page, "BANDWIDTH");
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    grid_cell(g, "received");
    render_json_size(g, metrics, "bytes_received");
    render_json_size(g, metrics, "payload_bytes_received");
    render_json_rate(g, metrics, "avg_rx_rate");
    render_json_rate(g, metrics, "peak_rx_rate");
    render_json_rate(g, metrics, "current_rx_rate");
    grid_cell(g, "sent");
    render_json_size(g, metrics, "bytes_transmitted");
    render_json_size(g, metrics, "payload_bytes_transmitted");
    render_json_rate(g, metrics, "avg_tx_rate");
    render_json_rate(g, metrics, "peak_tx_rate");
    render_json_rate(g, metrics, "current_tx_rate");
    page_grid(page, g);
}

static void section_coverage(struct page *page, const json_t *coverage)
{
    double percent = render_json_number(coverage, "percent");
    page_heading(page, "COVERAGE");
    page_label(page, "decoded");
    if (isfinite(percent)) /* "100" is for all, not for nearly all */
        fprintf(page->stream, "%.3g %% of the bytes that may be MCP\n",
                percent < 100 && percent > 99.9 ? 99.9 : percent);
    else
        fputs("- (no bytes that may be MCP)\n", page->stream);
    page_values(page, "bytes", render_json_at(coverage, "bytes"), true);
    page_counts(page, "connections", render_json_at(coverage, "connections"));
}

/* ------------------------------------------------------------------------- protocol */

static void protocol_facts(struct page *page, const json_t *metrics)
{
    const char *name;
    json_t *transport;
    page_count(page, "sessions", metrics, "sessions");
    page_counts(page, "of version", render_json_at(metrics, "protocol_versions"));
    json_object_foreach((json_t *)render_json_at(metrics, "transports"), name, transport)
        page_counts(page, name, transport);
    page_counts(page, "exchanges", render_json_at(metrics, "exchanges"));
    page_count(page, "orphans", metrics, "orphan_responses");
    page_count(page, "redelivered", metrics, "duplicate_responses");
    page_count(page, "incomplete", metrics, "incomplete_messages");
}

static void messages_table(struct page *page, const json_t *messages)
{
    static const struct grid_column columns[] = {
        {"MESSAGE", true}, {"KIND", true}, {"DIRECTION", true}, {"COUNT", false}, {"BYTES", false}};
    size_t i;
    json_t *row;
    if (json_array_size(messages) == 0)
        return;
    fputc('\n', page->stream);
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(messages, i, row)
    {
        render_json_text(g, row, "type");
        render_json_text(g, row, "kind");
        render_json_text(g, row, "direction");
        render_json_count(g, row, "count");
        render_json_size(g, row, "bytes");
    }
    page_grid(page, g);
}

static void latency_cells(struct grid *g, const json_t *latency)
{
    static const char *const figures[] = {"avg", "p50", "p95", "p99", "max"};
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        render_json_duration(g, latency, figures[i]);
}

static void latency_row(struct grid *g, const char *type, const json_t *latency)
{
    grid_cell_raw(g, type, strlen(type));
    render_json_count(g, latency, "count");
    latency_cells(g, latency);
}

static void latency_table(struct page *page, const json_t *metrics)
{
    static const struct grid_column columns[] = {
        {"LATENCY", true}, {"COUNT", false}, {"AVG", false}, {"P50", false},
        {"P95", false},    {"P99", false},   {"MAX", false}};
    const json_t *latencies = render_json_at(metrics, "message_latency");
    const char *type;
    json_t *latency;
    if (json_object_size(latencies) == 0)
        return;
    fputc('\n', page->stream);
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    json_object_foreach((json_t *)latencies, type, latency)
    {
        const json_t *first = json_object_get(render_json_at(metrics, "first_byte"), type);
        latency_row(g, type, latency);
        /* Only answers that took their time to arrive have a first byte of interest. */
        if (first && !json_equal(first, latency))
            latency_row(g, "  to first byte", first);
    }
    page_grid(page, g);
}

static bool any_nonzero(const json_t *rows, const char *name)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        if (render_json_number(row, name) > 0)
            return true;
    }
    return false;
}

/* Columns of counts are left out when they hold zeros only: that leaves room for the names. */
static void names_table(struct page *page, const char *title, const json_t *names)
{
    static const struct {
        const char *title, *member;
    } counts[] = {{"CALLS", "calls"},
                  {"OK", "results"},
                  {"TOOL ERR", "tool_errors"},
                  {"ERROR", "errors"},
                  {"NO ANSWER", "unanswered"}};
    struct grid_column columns[1 + 5 + 3] = {{title, true}};
    bool shown[5];
    size_t n = 1, i;
    json_t *row;
    if (json_array_size(names) == 0)
        return;
    for (size_t c = 0; c < 5; c++) {
        shown[c] = c < 2 || any_nonzero(names, counts[c].member);
        if (shown[c])
            columns[n++].title = counts[c].title;
    }
    columns[n++].title = "P50";
    columns[n++].title = "P95";
    columns[n++].title = "MAX";
    fputc('\n', page->stream);
    struct grid *g = grid_new(columns, n);
    json_array_foreach(names, i, row)
    {
        if (i == PAGE_ROWS)
            break;
        render_json_text(g, row, "name");
        for (size_t c = 0; c < 5; c++)
            if (shown[c])
                render_json_count(g, row, counts[c].member);
        render_json_duration(g, row, "latency.p50");
        render_json_duration(g, row, "latency.p95");
        render_json_duration(g, row, "latency.max");
    }
    page_grid(page, g);
    page_more(page, json_array_size(names));
}

static void operations_table(struct page *page, const json_t *operations)
{
    struct grid_column titles[RENDER_OPERATIONS_COLUMNS];
    if (json_array_size(operations) == 0)
        return;
    fputc('\n', page->stream);
    page_grid(page, render_operations(operations, PAGE_ROWS, titles));
    page_more(page, json_array_size(operations));
}

static void errors_table(struct page *page, const json_t *errors)
{
    static const struct grid_column columns[] = {{"ERROR", true}, {"COUNT", false}};
    const char *type;
    json_t *count;
    if (json_object_size(errors) == 0)
        return;
    fputc('\n', page->stream);
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    json_object_foreach((json_t *)errors, type, count)
    {
        grid_cell_raw(g, type, strlen(type));
        render_json_count(g, count, "");
    }
    page_grid(page, g);
}

static void section_protocol(struct page *page, const json_t *metrics)
{
    page_heading(page, "PROTOCOL");
    protocol_facts(page, metrics);
    messages_table(page, render_json_at(metrics, "messages"));
    latency_table(page, metrics);
    names_table(page, "TOOL", render_json_at(metrics, "tools"));
    names_table(page, "RESOURCE", render_json_at(metrics, "resources"));
    names_table(page, "PROMPT", render_json_at(metrics, "prompts"));
    operations_table(page, render_json_at(metrics, "operations"));
    errors_table(page, render_json_at(metrics, "protocol_errors"));
}

/* ------------------------------------------------------------------------- lists */

static void server_name_cell(struct grid *g, const json_t *server)
{
    char text[SERVER_NAME_BYTES] = "-";
    if (!render_json_at(server, "server_info.name")) {
        grid_cell(g, text);
        return;
    }
    snprintf(text, sizeof text, "%s %s", render_json_string(server, "server_info.name"),
             render_json_string(server, "server_info.version"));
    grid_cell_raw(g, text, strlen(text));
}

static void section_servers(struct page *page, const json_t *servers)
{
    static const struct grid_column columns[] = {
        {"SERVER", true, true}, {"NAME", true},      {"VERSION", true, true}, {"CONNS", false},
        {"EXCH", false},        {"RECEIVED", false}, {"SENT", false}};
    size_t i;
    json_t *server;
    if (json_array_size(servers) == 0)
        return;
    page_heading(page, "SERVERS");
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(servers, i, server)
    {
        if (i == PAGE_ROWS)
            break;
        render_json_text(g, server, "endpoint");
        server_name_cell(g, server);
        render_json_text(g, server, "protocol_metrics.protocol_version");
        render_json_count(g, server, "connection_metrics.successful_connections");
        render_json_count(g, server, "protocol_metrics.exchanges.total");
        render_json_size(g, server, "bandwidth_metrics.bytes_received");
        render_json_size(g, server, "bandwidth_metrics.bytes_transmitted");
    }
    page_grid(page, g);
    page_more(page, json_array_size(servers));
}

/* An endpoint object as ADDRESS:PORT. */
static void endpoint_cell(struct grid *g, const json_t *endpoint)
{
    char text[ENDPOINT_TEXT_BYTES];
    const char *ip = render_json_string(endpoint, "ip");
    bool v6 = strchr(ip, ':') != NULL;
    int n = snprintf(text, sizeof text, "%s%s%s:%.0f", v6 ? "[" : "", ip, v6 ? "]" : "",
                     render_json_number(endpoint, "port"));
    grid_cell_raw(g, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

static void section_connection_rows(struct page *page, const json_t *connections)
{
    static const struct grid_column columns[] = {
        {"CLIENT", true},    {"SERVER", true},    {"STATE", true, true}, {"CONNECT", false},
        {"LIFETIME", false}, {"RECEIVED", false}, {"SENT", false}};
    size_t i;
    json_t *row;
    if (json_array_size(connections) == 0)
        return;
    page_heading(page, "CONNECTIONS ONE BY ONE");
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(connections, i, row)
    {
        bool reason = *render_json_string(row, "reason") != '\0';
        endpoint_cell(g, render_json_at(row, "client"));
        endpoint_cell(g, render_json_at(row, "server"));
        render_json_text(g, row, reason ? "reason" : "state");
        render_json_duration(g, row, "connection_time");
        render_json_duration(g, row, "lifetime");
        render_json_size(g, row, "received.payload_bytes");
        render_json_size(g, row, "sent.payload_bytes");
    }
    page_grid(page, g);
}

int render_interval(FILE *stream, const json_t *metrics, const char *when,
                    const struct render_style *style)
{
    char received[SHOW_VALUE_BYTES], sent[SHOW_VALUE_BYTES];
    struct page page = {.stream = stream, .style = style};
    fprintf(stream,
            "-- %.8s  connections: %.0f active, %.0f failed; received %s, sent %s; "
            "exchanges: %.0f\n",
            when, render_json_number(metrics, "connection_metrics.active_connections"),
            render_json_number(metrics, "connection_metrics.failed_connections"),
            show_rate(render_json_number(metrics, "bandwidth_metrics.current_rx_rate"), received),
            show_rate(render_json_number(metrics, "bandwidth_metrics.current_tx_rate"), sent),
            render_json_number(metrics, "protocol_metrics.exchanges.total"));
    latency_table(&page, render_json_at(metrics, "protocol_metrics"));
    if (json_object_size(render_json_at(metrics, "protocol_metrics.message_latency")) > 0)
        fputc('\n', stream);
    return page.error;
}

int render_report(FILE *stream, const json_t *report, const struct render_style *style)
{
    struct page page = {.stream = stream, .style = style};
    const json_t *capture = render_json_at(report, "capture");
    section_capture(&page, capture);
    if (render_json_number(capture, "packets") == 0) {
        fputs(*render_json_string(capture, "filter") ? "\nNo packet matched the filter.\n"
                                                     : "\nNo packets.\n",
              stream);
        return page.error;
    }
    section_connections(&page, render_json_at(report, "connection_metrics"));
    section_bandwidth(&page, render_json_at(report, "bandwidth_metrics"));
    section_coverage(&page, render_json_at(report, "coverage"));
    if (render_has_mcp(report))
        section_protocol(&page, render_json_at(report, "protocol_metrics"));
    section_servers(&page, render_json_at(report, "servers"));
    section_connection_rows(&page, render_json_at(report, "connections"));
    if (!render_has_mcp(report))
        fputs("\nNo MCP traffic was recognised.\n", stream);
    return page.error;
}
