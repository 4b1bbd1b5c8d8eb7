/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events as lines. The JSON form is made by the metrics room; the text form is made here:
 *
 *   TIME  CLIENT > SERVER  STATUS  LATENCY  REQUEST  RESPONSE  METHOD NAME
 *
 * Columns of known width come first, so that lines stay aligned; what the wire names comes last and
 * is escaped. `>` is a request of the client, `<` one of the server. Times are UTC; a line with the
 * date stands where a day begins.
 */
#include "lines.h"
#include "metrics/event_line.h"
#include "show.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define S_PER_DAY 86400

const char *lines_time(int64_t ts_ns, char text[LINES_TIME_BYTES])
{
    int64_t ns = ts_ns % NS_PER_S;
    time_t s = (time_t)(ts_ns / NS_PER_S);
    if (ns < 0) {
        ns += NS_PER_S;
        s--;
    }
    struct tm tm;
    gmtime_r(&s, &tm);
    snprintf(text, LINES_TIME_BYTES, "%02d:%02d:%02d.%06d", tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)(ns / 1000));
    return text;
}

static void check(struct lines *l)
{
    if (!output_ok(l->out))
        l->failed = true;
}

/* Titles once, the date whenever it is another one, then the time and the two ends. */
static void begin(struct lines *l, int64_t ts_ns, const struct endpoint *client,
                  const struct endpoint *server, bool from_server)
{
    char time_text[LINES_TIME_BYTES];
    char ends[2][ENDPOINT_TEXT_BYTES];
    FILE *f = l->out->file;
    if (!l->titled)
        fprintf(f, "%-15s  %-21s   %-21s  %-14s %8s %8s %8s  %s\n", "TIME (UTC)", "CLIENT",
                "SERVER", "STATUS", "LATENCY", "REQUEST", "RESPONSE", "METHOD");
    time_t seconds = (time_t)(ts_ns / NS_PER_S);
    int64_t day = seconds / S_PER_DAY;
    if (!l->titled || day != l->day) {
        struct tm tm;
        char date[LINES_TIME_BYTES];
        gmtime_r(&seconds, &tm);
        strftime(date, sizeof date, "%Y-%m-%d", &tm);
        fprintf(f, "-- %s\n", date);
    }
    l->titled = true;
    l->day = day;
    fprintf(f, "%s  %-21s %c %-21s  ", lines_time(ts_ns, time_text),
            endpoint_format(client, ends[0]), from_server ? '<' : '>',
            endpoint_format(server, ends[1]));
}

/* -------------------------------------------------------------------------- text */

static void text_status(const struct event_exchange *e, char text[SHOW_VALUE_BYTES])
{
    if (e->status == EXCHANGE_ERROR && e->has_code)
        snprintf(text, SHOW_VALUE_BYTES, "error %lld", (long long)e->error_code);
    else if (e->status == EXCHANGE_ERROR && e->http_status >= 400)
        snprintf(text, SHOW_VALUE_BYTES, "http %u", e->http_status);
    else
        snprintf(text, SHOW_VALUE_BYTES, "%s", event_status_name(e->status));
}

static void text_exchange(struct lines *l, const struct event_exchange *e)
{
    char status[SHOW_VALUE_BYTES], latency[SHOW_VALUE_BYTES] = "-";
    char request[SHOW_VALUE_BYTES], response[SHOW_VALUE_BYTES] = "-";
    FILE *f = l->out->file;
    text_status(e, status);
    show_size((double)e->request_bytes, request);
    if (e->acknowledged || (e->answered && !e->untimed))
        show_duration((double)e->latency_ns / 1e9, latency);
    if (e->answered)
        show_size((double)e->response_bytes, response);
    begin(l, e->at.ts_ns, &e->origin.client, &e->origin.server, e->dir == DIR_S2C);
    fprintf(f, "%-14s %8s %8s %8s  ", status, latency, request, response);
    show_put(f, e->method, e->method_len);
    if (e->name) {
        fputc(' ', f);
        show_put(f, e->name, e->name_len);
    }
    fputc('\n', f);
}

static void text_operation(struct lines *l, const struct event_operation *e)
{
    char what[SHOW_VALUE_BYTES], total[SHOW_VALUE_BYTES] = "-";
    char outside[SHOW_VALUE_BYTES] = "", server[SHOW_VALUE_BYTES] = "";
    FILE *f = l->out->file;
    if (e->timed)
        show_duration((double)e->duration_ns / 1e9, total);
    if (e->timed && e->kind == OPERATION_MRTR) {
        show_duration((double)e->outside_ns / 1e9, outside);
        show_duration((double)e->server_ns / 1e9, server);
    }
    snprintf(what, sizeof what, "%s %s", event_operation_kind_name(e->kind),
             event_operation_status_name(e->status));
    begin(l, e->at.ts_ns, &e->origin.client, &e->origin.server, e->dir == DIR_S2C);
    fprintf(f, "%-14s %8s  operation: ", what, total);
    show_put(f, e->method, e->method_len);
    if (e->name) {
        fputc(' ', f);
        show_put(f, e->name, e->name_len);
    }
    if (e->kind == OPERATION_TASK)
        fprintf(f, ", %u poll%s", (unsigned)e->polls, e->polls == 1 ? "" : "s");
    else
        fprintf(f, ", %u exchange%s%s", (unsigned)e->legs, e->legs == 1 ? "" : "s",
                e->likely ? " (likely)" : "");
    if (*server)
        fprintf(f, ", server %s, outside %s", server, outside);
    fputc('\n', f);
}

static void text_message(struct lines *l, const struct event_message *e)
{
    static const char *const kinds[] = {[MESSAGE_REQUEST] = "request",
                                        [MESSAGE_NOTIFICATION] = "notification",
                                        [MESSAGE_RESULT] = "result",
                                        [MESSAGE_ERROR] = "error"};
    char size[SHOW_VALUE_BYTES];
    const struct message *m = e->message;
    FILE *f = l->out->file;
    size_t id_len, name_len;
    const char *id = message_text(m, MESSAGE_TEXT_ID, &id_len);
    const char *name = message_text(m, MESSAGE_TEXT_NAME, &name_len);
    begin(l, m->last.ts_ns, &e->origin.client, &e->origin.server, m->dir == DIR_S2C);
    show_size((double)m->bytes, size);
    fprintf(f, "%-14s %8s %8s %8s  ", kinds[m->kind], "",
            m->kind <= MESSAGE_NOTIFICATION ? size : "",
            m->kind <= MESSAGE_NOTIFICATION ? "" : size);
    show_put(f, e->method, e->method_len);
    if (name_len > 0) {
        fputc(' ', f);
        show_put(f, name, name_len);
    }
    if (id_len > 0) {
        fputs(" id ", f);
        show_put(f, id, id_len);
    }
    fputs(e->redelivered ? " (delivered again)\n" : "\n", f);
}

static void text_connection(struct lines *l, const struct event_connection *e)
{
    const struct conn *c = e->conn;
    char time_text[SHOW_VALUE_BYTES] = "", sent[2][SHOW_VALUE_BYTES] = {"", ""};
    const char *what = "", *detail = "";
    switch (e->event) {
    case CONN_EVENT_ESTABLISHED:
        what = "connected";
        if (!c->midstream && !c->opened_late && c->established_ns)
            show_duration((double)(c->established_ns - c->opened_ns) / 1e9, time_text);
        break;
    case CONN_EVENT_FAILED:
        what = "not connected";
        detail = event_line_reason((enum conn_failure)c->failure, CONN_CLOSE_NONE);
        break;
    case CONN_EVENT_CLOSED:
        what = "closed";
        detail = event_line_reason(CONN_FAILURE_NONE, (enum conn_close)c->close);
        show_duration((double)(c->closed_ns - c->opened_ns) / 1e9, time_text);
        show_size((double)conn_sent(c, DIR_C2S)->payload_bytes, sent[DIR_C2S]);
        show_size((double)conn_sent(c, DIR_S2C)->payload_bytes, sent[DIR_S2C]);
        break;
    case CONN_EVENT_OPENED:
    case CONN_EVENT_ROLES:
    case CONN_EVENT_GONE:
        return;
    }
    begin(l, e->at.ts_ns, conn_client(c), conn_server(c), false);
    fprintf(l->out->file, "%-14s %8s %8s %8s  connection%s%s\n", what, time_text, sent[DIR_C2S],
            sent[DIR_S2C], *detail ? ": " : "", detail);
}

/* -------------------------------------------------------------------------- sink */

void lines_json(struct lines *l, json_t *object)
{
    json_t *line = event_line_perspective(object, l->perspective);
    char *text = line ? event_line_text(line) : NULL;
    json_decref(line);
    if (!text) {
        l->failed = l->no_memory = true;
        return;
    }
    fputs(text, l->out->file);
    free(text);
    check(l);
}

static void on_connection(void *ctx, const struct event_connection *e)
{
    struct lines *l = ctx;
    if (l->failed || e->event == CONN_EVENT_ROLES || e->event == CONN_EVENT_GONE)
        return;
    if (l->json)
        lines_json(l, event_line_connection(e));
    else if (l->connections) {
        text_connection(l, e);
        check(l);
    }
}

static void on_session(void *ctx, const struct event_session *e)
{
    struct lines *l = ctx;
    if (l->json && !l->failed)
        lines_json(l, event_line_session(e));
}

static void on_message(void *ctx, const struct event_message *e)
{
    struct lines *l = ctx;
    if (!l->messages || l->failed)
        return;
    if (l->json) {
        lines_json(l, event_line_message(e));
    } else {
        text_message(l, e);
        check(l);
    }
}

static void on_exchange(void *ctx, const struct event_exchange *e)
{
    struct lines *l = ctx;
    if (l->failed)
        return;
    if (l->json) {
        lines_json(l, event_line_exchange(e));
    } else {
        text_exchange(l, e);
        check(l);
    }
}

static void on_operation(void *ctx, const struct event_operation *e)
{
    struct lines *l = ctx;
    if (l->failed)
        return;
    if (l->json) {
        lines_json(l, event_line_operation(e));
    } else {
        text_operation(l, e);
        check(l);
    }
}

void lines_init(struct lines *l, struct output *out)
{
    *l = (struct lines){.out = out};
    l->sink = (struct event_sink){.ctx = l,
                                  .connection = on_connection,
                                  .session = on_session,
                                  .message = on_message,
                                  .exchange = on_exchange,
                                  .operation = on_operation};
}

const struct event_sink *lines_sink(struct lines *l)
{
    return &l->sink;
}
