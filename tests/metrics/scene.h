/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_METRICS_SCENE_H
#define TESTS_METRICS_SCENE_H

#include "dissect/event.h"
#include "metrics/monitor.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* Made-up connections, packets and events for the tests of metrics. */

#define SCENE_START_NS INT64_C(1700000000000000000)
#define SCENE_MS       INT64_C(1000000)
#define SCENE_S        INT64_C(1000000000)

static inline struct endpoint scene_ip4(const char *ip, uint16_t port)
{
    struct endpoint ep = {.family = 4, .port = port};
    inet_pton(AF_INET, ip, ep.addr);
    return ep;
}

static inline struct endpoint scene_ip6(const char *ip, uint16_t port)
{
    struct endpoint ep = {.family = 6, .port = port};
    inet_pton(AF_INET6, ip, ep.addr);
    return ep;
}

static inline struct stream_pos scene_at(int64_t after_ns)
{
    return (struct stream_pos){SCENE_START_NS + after_ns, 1};
}

/* A connection whose SYN was seen. */
static inline struct conn scene_conn(uint64_t id, uint16_t client_port, uint16_t server_port)
{
    return (struct conn){
        .id = id,
        .slot = (uint32_t)id,
        .endpoint = {scene_ip4("10.0.0.1", client_port), scene_ip4("10.0.0.2", server_port)},
        .opened_ns = SCENE_START_NS,
        .last_ns = SCENE_START_NS,
        .state = CONN_SYN_SENT,
        .roles_known = true};
}

static uint64_t scene_spoke; /* bit i: connection i had a message */

static inline void scene_event(struct monitor *m, struct conn *c, enum conn_event event,
                               int64_t after_ns)
{
    if (event == CONN_EVENT_OPENED)
        scene_spoke &= ~(UINT64_C(1) << c->id);
    struct conn copy = *c;
    struct event_connection e = {
        .event = event, .conn = &copy, .transport = TRANSPORT_HTTP1, .at = scene_at(after_ns)};
    const struct event_sink *sink = monitor_event_sink(m);
    sink->connection(sink->ctx, &e);
}

/* A packet from the presumed client (DIR_C2S) or server, counted the way the engine does. */
static inline void scene_packet(struct monitor *m, struct conn *c, enum dir dir, uint32_t wire,
                                uint32_t payload, int64_t after_ns)
{
    struct stream_pos at = scene_at(after_ns);
    struct conn_counters *n = &c->side[conn_side(c, dir)];
    n->packets++;
    n->wire_bytes += wire;
    n->payload_bytes += payload;
    c->last_ns = at.ts_ns;
    monitor_packet(m, &(struct stream_packet){at.ts_ns, c->slot, wire, payload, (uint8_t)dir});
}

/* The listener of the engine corrects who is the client. */
static inline void scene_swap(struct monitor *m, struct conn *c, int64_t after_ns)
{
    stream_swap_roles(c);
    scene_event(m, c, CONN_EVENT_ROLES, after_ns);
}

static inline void scene_open(struct monitor *m, struct conn *c)
{
    scene_event(m, c, CONN_EVENT_OPENED, 0);
    scene_packet(m, c, DIR_C2S, 74, 0, 0);
    c->state = CONN_OPEN;
    c->established_ns = SCENE_START_NS + SCENE_MS;
    scene_packet(m, c, DIR_S2C, 74, 0, SCENE_MS / 2);
    scene_packet(m, c, DIR_C2S, 66, 0, SCENE_MS);
    scene_event(m, c, CONN_EVENT_ESTABLISHED, SCENE_MS);
}

static inline void scene_close(struct monitor *m, struct conn *c, enum conn_close how,
                               int64_t after_ns)
{
    c->state = CONN_SHUT;
    c->close = how;
    c->closed_ns = SCENE_START_NS + after_ns;
    scene_event(m, c, CONN_EVENT_CLOSED, after_ns);
    scene_event(m, c, CONN_EVENT_GONE, after_ns);
}

static inline struct event_origin scene_origin(const struct conn *c, uint64_t session,
                                               const char *version)
{
    return (struct event_origin){.conn_id = c->id,
                                 .client = *conn_client(c),
                                 .server = *conn_server(c),
                                 .transport = TRANSPORT_HTTP1,
                                 .session = session,
                                 .version = version};
}

/* What the tracker knows of what it told before. */
static inline const char *scene_version_before(enum session_event event, uint64_t session,
                                               const char *version)
{
    static char told[16][16];
    static char before[16];
    strcpy(before, event == SESSION_OPENED ? "" : told[session]);
    strcpy(told[session], version);
    return before;
}

static inline enum event_speaker scene_speaker(uint64_t conn_id)
{
    bool known = scene_spoke >> conn_id & 1;
    scene_spoke |= UINT64_C(1) << conn_id;
    return known ? EVENT_SPEAKER_KNOWN : EVENT_SPEAKER_NEW;
}

static inline void scene_session(struct monitor *m, const struct conn *c, enum session_event event,
                                 uint64_t session, const char *version)
{
    struct event_session e = {.event = event,
                              .origin = scene_origin(c, session, version),
                              .version_before = scene_version_before(event, session, version),
                              .client_name = "probe",
                              .client_version = "1",
                              .server_name = *version ? "everything" : "",
                              .server_version = *version ? "2.0" : ""};
    const struct event_sink *sink = monitor_event_sink(m);
    sink->session(sink->ctx, &e);
}

/* flags: 'r' redelivered, 'o' orphan, 'l' late; "" none. */
static inline void scene_message(struct monitor *m, const struct conn *c, enum message_kind kind,
                                 enum dir dir, const char *method, const char *flags)
{
    struct message message = {.kind = (uint8_t)kind, .dir = (uint8_t)dir, .bytes = 100};
    struct event_message e = {.origin = scene_origin(c, 1, "2025-11-25"),
                              .message = &message,
                              .method = method,
                              .method_len = strlen(method),
                              .redelivered = strchr(flags, 'r') != NULL,
                              .orphan = strchr(flags, 'o') != NULL,
                              .late = strchr(flags, 'l') != NULL,
                              .speaker = scene_speaker(c->id)};
    const struct event_sink *sink = monitor_event_sink(m);
    sink->message(sink->ctx, &e);
}

static inline struct event_exchange scene_exchange(const struct conn *c, const char *method,
                                                   const char *name, enum exchange_status status)
{
    const struct method_info *info = method_info(method_find(method, strlen(method)));
    bool answered = status == EXCHANGE_RESULT || status == EXCHANGE_ERROR ||
                    status == EXCHANGE_TOOL_ERROR || status == EXCHANGE_INPUT_REQUIRED;
    return (struct event_exchange){.origin = scene_origin(c, 1, "2025-11-25"),
                                   .method = method,
                                   .method_len = strlen(method),
                                   .id = "7",
                                   .id_len = 1,
                                   .name = name,
                                   .name_len = name ? strlen(name) : 0,
                                   .name_kind = (enum method_name)info->name,
                                   .wait = (enum method_wait)info->wait,
                                   .status = status,
                                   .answered = answered,
                                   .latency_ns = 3 * SCENE_MS,
                                   .first_byte_ns = 2 * SCENE_MS,
                                   .request_bytes = 50,
                                   .response_bytes = 80,
                                   .at = scene_at(5 * SCENE_MS)};
}

static inline void scene_ended(struct monitor *m, const struct event_exchange *e)
{
    const struct event_sink *sink = monitor_event_sink(m);
    sink->exchange(sink->ctx, e);
}

static inline void scene_finding(struct monitor *m, const struct conn *c, const char *type)
{
    const struct event_origin origin = scene_origin(c, 1, "");
    struct event_finding e = {.origin = &origin, .type = type, .amount = 1, .at = scene_at(0)};
    const struct event_sink *sink = monitor_event_sink(m);
    sink->finding(sink->ctx, &e);
}

#endif
