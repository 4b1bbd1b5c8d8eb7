/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One event, one JSON object. Members that a kind of event has are always there, in the same order;
 * what is not known is null. Directions are the server's until event_line_perspective() turns them.
 */
#include "metrics/event_line.h"
#include "document.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

/* ------------------------------------------------------------------------------- words */

const char *event_line_time(int64_t ts_ns, char text[EVENT_LINE_TIME_BYTES])
{
    int64_t seconds = ts_ns / NS_PER_S, ns = ts_ns % NS_PER_S;
    if (ns < 0) {
        ns += NS_PER_S;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm utc = {0};
    gmtime_r(&t, &utc);
    snprintf(text, EVENT_LINE_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ",
             (unsigned)(utc.tm_year + 1900) % 10000u, (unsigned)(utc.tm_mon + 1) % 100u,
             (unsigned)utc.tm_mday % 100u, (unsigned)utc.tm_hour % 100u,
             (unsigned)utc.tm_min % 100u, (unsigned)utc.tm_sec % 100u, (unsigned)ns);
    return text;
}

const char *event_line_reason(enum conn_failure failure, enum conn_close close)
{
    switch (failure) {
    case CONN_FAILURE_NONE:
        break;
    case CONN_FAILURE_REFUSED:
        return "refused";
    case CONN_FAILURE_TIMED_OUT:
        return "timed_out";
    case CONN_FAILURE_RESET_IN_HANDSHAKE:
        return "reset_in_handshake";
    case CONN_FAILURE_UNREACHABLE:
        return "unreachable";
    }
    switch (close) {
    case CONN_CLOSE_NONE:
        break;
    case CONN_CLOSE_FIN:
        return "fin";
    case CONN_CLOSE_RESET:
        return "reset";
    case CONN_CLOSE_IDLE:
        return "idle";
    case CONN_CLOSE_PRUNED:
        return "pruned";
    }
    return "";
}

static const char *connection_state(enum conn_event event)
{
    switch (event) {
    case CONN_EVENT_OPENED:
        return "opened";
    case CONN_EVENT_ESTABLISHED:
        return "established";
    case CONN_EVENT_FAILED:
        return "failed";
    case CONN_EVENT_CLOSED:
        return "closed";
    case CONN_EVENT_ROLES:
        return "roles";
    case CONN_EVENT_GONE:
        break;
    }
    return "gone";
}

static const char *session_state(enum session_event event)
{
    switch (event) {
    case SESSION_OPENED:
        return "opened";
    case SESSION_UPDATED:
        return "updated";
    case SESSION_CLOSED:
        break;
    }
    return "closed";
}

static const char *kind_name(uint8_t kind)
{
    switch ((enum message_kind)kind) {
    case MESSAGE_REQUEST:
        return "request";
    case MESSAGE_NOTIFICATION:
        return "notification";
    case MESSAGE_RESULT:
        return "result";
    case MESSAGE_ERROR:
        break;
    }
    return "error";
}

static const char *direction_name(uint8_t dir)
{
    return dir == DIR_C2S ? "received" : "sent";
}

/* ------------------------------------------------------------------------------ values */

/* An object under way; failed: out of memory, the object is void. */
struct line {
    json_t *object;
    bool failed;
};

static void put(struct line *line, const char *key, json_t *value)
{
    if (json_object_set_new(line->object, key, value) < 0)
        line->failed = true;
}

static json_t *finish(struct line *line)
{
    if (!line->failed)
        return line->object;
    json_decref(line->object);
    return NULL;
}

static json_t *text_or_null(const char *text, size_t n)
{
    return text && n > 0 ? document_string(text, n) : json_null();
}

static json_t *string_or_null(const char *text)
{
    return text_or_null(text, text ? strlen(text) : 0);
}

static json_t *seconds(int64_t ns)
{
    return json_real((double)(ns > 0 ? ns : 0) / (double)NS_PER_S);
}

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* A JSON-RPC id from its JSON text; as a string where that was cut or is no JSON. */
static json_t *id_value(const char *text, size_t n)
{
    if (!text || n == 0)
        return json_null();
    json_t *value = json_loadb(text, n, JSON_DECODE_ANY, NULL);
    return value ? value : document_string(text, n);
}

static json_t *method_or_null(const char *method, size_t n)
{
    return n == 1 && method[0] == '?' ? json_null() : text_or_null(method, n);
}

static json_t *endpoint_object(const struct endpoint *ep)
{
    char ip[ENDPOINT_TEXT_BYTES];
    struct line line = {json_object(), false};
    put(&line, "ip", json_string(endpoint_format_ip(ep, ip)));
    put(&line, "port", json_integer(ep->port));
    return finish(&line);
}

static json_t *connection_object(uint64_t id, const struct endpoint *client,
                                 const struct endpoint *server)
{
    char text[COMMUNITY_ID_BYTES];
    struct line line = {json_object(), false};
    put(&line, "id", count(id));
    put(&line, "client", endpoint_object(client));
    put(&line, "server", endpoint_object(server));
    put(&line, "community_id", string_or_null(community_id(client, server, text)));
    return finish(&line);
}

static json_t *peer_object(const char *name, const char *version)
{
    if (!name || !*name)
        return json_null();
    struct line line = {json_object(), false};
    put(&line, "name", string_or_null(name));
    put(&line, "version", string_or_null(version));
    return finish(&line);
}

static json_t *capability_list(uint16_t set)
{
    if (!set)
        return json_null();
    json_t *list = json_array();
    bool failed = !list;
    for (unsigned i = 0; i < CAPABILITY_COUNT && !failed; i++)
        if (set >> i & 1)
            failed =
                json_array_append_new(
                    list, json_string(i < CAPABILITY_OTHER ? capability_names[i] : "other")) < 0;
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *capabilities_object(const struct event_session *e)
{
    if (!e->client_capabilities && !e->server_capabilities)
        return json_null();
    struct line line = {json_object(), false};
    put(&line, "client", capability_list(e->client_capabilities));
    put(&line, "server", capability_list(e->server_capabilities));
    return finish(&line);
}

static json_t *direction_object(const struct conn_counters *n)
{
    struct line line = {json_object(), false};
    put(&line, "packets", count(n->packets));
    put(&line, "bytes", count(n->wire_bytes));
    put(&line, "payload_bytes", count(n->payload_bytes));
    return finish(&line);
}

static void put_origin(struct line *line, const struct event_origin *origin)
{
    put(line, "connection", connection_object(origin->conn_id, &origin->client, &origin->server));
    put(line, "transport", string_or_null(event_transport_name(origin->transport)));
    put(line, "session", origin->session ? count(origin->session) : json_null());
    put(line, "protocol_version", string_or_null(origin->version));
}

/* ------------------------------------------------------------------------------- lines */

json_t *event_line_object(int64_t ts_ns, const char *name, json_t *body)
{
    char text[EVENT_LINE_TIME_BYTES];
    struct line line = {json_object(), false};
    bool timed = ts_ns != EVENT_LINE_NO_TIME;
    put(&line, "ts", timed ? json_string(event_line_time(ts_ns, text)) : json_null());
    put(&line, "event", json_string(name));
    if (!body || json_object_update(line.object, body) < 0)
        line.failed = true;
    json_decref(body);
    return finish(&line);
}

json_t *event_line_connection(const struct event_connection *e)
{
    const struct conn *c = e->conn;
    bool timed = !c->midstream && !c->opened_late && c->established_ns != 0;
    bool ended = timed && c->close != CONN_CLOSE_NONE && c->closed_ns != 0;
    struct line line = {json_object(), false};
    put(&line, "connection", connection_object(c->id, conn_client(c), conn_server(c)));
    put(&line, "transport", string_or_null(event_transport_name(e->transport)));
    put(&line, "state", json_string(connection_state(e->event)));
    put(&line, "reason",
        string_or_null(
            event_line_reason((enum conn_failure)c->failure, (enum conn_close)c->close)));
    put(&line, "midstream", json_boolean(c->midstream));
    put(&line, "connection_time", timed ? seconds(c->established_ns - c->opened_ns) : json_null());
    put(&line, "lifetime", ended ? seconds(c->closed_ns - c->opened_ns) : json_null());
    put(&line, "received", direction_object(conn_sent(c, DIR_C2S)));
    put(&line, "sent", direction_object(conn_sent(c, DIR_S2C)));
    return event_line_object(e->at.ts_ns, "connection", finish(&line));
}

json_t *event_line_session(const struct event_session *e)
{
    struct line line = {json_object(), false};
    put_origin(&line, &e->origin);
    put(&line, "state", json_string(session_state(e->event)));
    put(&line, "client_info", peer_object(e->client_name, e->client_version));
    put(&line, "server_info", peer_object(e->server_name, e->server_version));
    put(&line, "capabilities", capabilities_object(e));
    return event_line_object(e->at.ts_ns, "session", finish(&line));
}

json_t *event_line_message(const struct event_message *e)
{
    const struct message *m = e->message;
    size_t id_len, name_len;
    const char *id = message_text(m, MESSAGE_TEXT_ID, &id_len);
    const char *name = message_text(m, MESSAGE_TEXT_NAME, &name_len);
    bool has_code = (m->flags & MESSAGE_HAS_CODE) != 0;
    struct line line = {json_object(), false};
    put_origin(&line, &e->origin);
    put(&line, "direction", json_string(direction_name(m->dir)));
    put(&line, "kind", json_string(kind_name(m->kind)));
    put(&line, "method", method_or_null(e->method, e->method_len));
    put(&line, "id", id_value(id, id_len));
    put(&line, "name", text_or_null(name, name_len));
    put(&line, "bytes", count(m->bytes));
    put(&line, "error_code", has_code ? json_integer(m->error_code) : json_null());
    put(&line, "orphan", json_boolean(e->orphan));
    put(&line, "late", json_boolean(e->late));
    put(&line, "redelivered", json_boolean(e->redelivered));
    return event_line_object(m->last.ts_ns, "message", finish(&line));
}

json_t *event_line_exchange(const struct event_exchange *e)
{
    struct line line = {json_object(), false};
    put_origin(&line, &e->origin);
    put(&line, "method", method_or_null(e->method, e->method_len));
    put(&line, "id", id_value(e->id, e->id_len));
    put(&line, "name", text_or_null(e->name, e->name_len));
    put(&line, "direction", json_string(direction_name((uint8_t)e->dir)));
    put(&line, "status", json_string(event_status_name(e->status)));
    put(&line, "error_code", e->has_code ? json_integer(e->error_code) : json_null());
    bool timed = e->acknowledged || (e->answered && !e->untimed);
    put(&line, "latency", timed ? seconds(e->latency_ns) : json_null());
    put(&line, "first_byte", timed ? seconds(e->first_byte_ns) : json_null());
    put(&line, "request_bytes", count(e->request_bytes));
    put(&line, "response_bytes", e->answered ? count(e->response_bytes) : json_null());
    put(&line, "http_status", e->http_status ? json_integer(e->http_status) : json_null());
    put(&line, "response_connection", e->answered ? count(e->response_conn_id) : json_null());
    put(&line, "resumed", json_boolean(e->resumed));
    return event_line_object(e->at.ts_ns, "exchange", finish(&line));
}

json_t *event_line_operation(const struct event_operation *e)
{
    bool split = e->timed && e->kind == OPERATION_MRTR;
    struct line line = {json_object(), false};
    put_origin(&line, &e->origin);
    put(&line, "kind", json_string(event_operation_kind_name(e->kind)));
    put(&line, "method", method_or_null(e->method, e->method_len));
    put(&line, "name", text_or_null(e->name, e->name_len));
    put(&line, "direction", json_string(direction_name((uint8_t)e->dir)));
    put(&line, "status", json_string(event_operation_status_name(e->status)));
    put(&line, "certainty", json_string(e->likely ? "likely" : "certain"));
    put(&line, "exchanges", count(e->legs));
    put(&line, "rounds", count(e->rounds));
    put(&line, "polls", count(e->polls));
    put(&line, "fetches", count(e->fetches));
    put(&line, "total_time", e->timed ? seconds(e->duration_ns) : json_null());
    put(&line, "server_time", split ? seconds(e->server_ns) : json_null());
    put(&line, "outside_time", split ? seconds(e->outside_ns) : json_null());
    put(&line, "creation_time", e->created ? seconds(e->creation_ns) : json_null());
    put(&line, "result_wait", e->fetched ? seconds(e->wait_ns) : json_null());
    return event_line_object(e->at.ts_ns, "operation", finish(&line));
}

json_t *event_line_perspective(json_t *line, enum monitor_perspective perspective)
{
    if (!line || perspective == PERSPECTIVE_SERVER)
        return line;
    json_t *direction = json_object_get(line, "direction");
    json_t *received = json_object_get(line, "received"), *sent = json_object_get(line, "sent");
    int failed = 0;
    if (json_is_string(direction)) {
        bool was_sent = strcmp(json_string_value(direction), "sent") == 0;
        failed |= json_string_set(direction, was_sent ? "received" : "sent");
    }
    if (received && sent) {
        json_incref(received);
        failed |= json_object_set(line, "received", sent);
        failed |= json_object_set_new(line, "sent", received);
    }
    if (!failed)
        return line;
    json_decref(line);
    return NULL;
}

char *event_line_text(const json_t *line)
{
    return document_text(line, false);
}
