/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_TRACKER_WORLD_H
#define TESTS_DISSECT_TRACKER_WORLD_H

#include "dissect/tracker.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A small world for tracker tests: makes records with few words and writes the events as lines,
 *
 *   message   m c2s tools/call 1 s1 2025-06-18 [orphan] [late] [copy]
 *   exchange  x tools/call 1 result s1 [code=-1] [http=404] [resumed] [3ms]
 *   session   s open 1 2025-06-18 client/server [can=8003/8000]
 *   finding   f pair:unanswered
 *   operation o mrtr tools/call deploy complete [likely] legs=2 rounds=1 [polls=n] [fetches=n]
 *               [total=7ms server=4ms outside=3ms] [created=2ms] [wait=9ms]
 *
 * where a session that is not known is s0 and a version that is not known is "-". Time goes on by
 * one millisecond a record. Sessions, event ids and paths are small numbers; 0 is none.
 */

static const struct hash_key world_key = {0x8a5c1f3b9d2e4671, 0x517cc1b727220a95};

struct world {
    struct tracker *tracker;
    struct limits_hit hit;
    struct event_sink sink;
    struct stream_pos now;
    uint32_t server_port, client_host;
    uint32_t slots; /* of connections, each the low bits of their numbers; 0: one for each */
    uint8_t transport;
    char log[1 << 16];
    size_t len;
    uint64_t messages, exchanges, findings;
    struct event_connection gone; /* the latest connection that went; its pointers are not valid */
};

__attribute__((format(printf, 2, 3), unused)) static void world_log(struct world *w,
                                                                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->log + w->len, sizeof(w->log) - w->len, format, args);
    va_end(args);
    if (n > 0)
        w->len += (size_t)n;
    if (w->len >= sizeof(w->log))
        w->len = sizeof(w->log) - 1;
}

static void world_on_connection(void *ctx, const struct event_connection *e)
{
    if (e->event == CONN_EVENT_GONE)
        ((struct world *)ctx)->gone = *e;
}

static void world_on_session(void *ctx, const struct event_session *e)
{
    static const char *const what[] = {"open", "update", "close"};
    world_log(ctx, "s %s %" PRIu64 " %s %s/%s", what[e->event], e->origin.session,
              e->origin.version[0] ? e->origin.version : "-", e->client_name, e->server_name);
    if (e->client_capabilities || e->server_capabilities)
        world_log(ctx, " can=%x/%x", e->client_capabilities, e->server_capabilities);
    world_log(ctx, "\n");
}

static void world_on_message(void *ctx, const struct event_message *e)
{
    static const char *const kinds[] = {"", "", ":result", ":error"};
    struct world *w = ctx;
    size_t n;
    const char *id = message_text(e->message, MESSAGE_TEXT_ID, &n);
    w->messages++;
    world_log(w, "m %s %.*s%s %.*s s%" PRIu64 " %s%s%s%s\n",
              e->message->dir == DIR_C2S ? "c2s" : "s2c", (int)e->method_len, e->method,
              kinds[e->message->kind], (int)n, id, e->origin.session,
              e->origin.version[0] ? e->origin.version : "-", e->orphan ? " orphan" : "",
              e->late ? " late" : "", e->redelivered ? " copy" : "");
}

static void world_on_exchange(void *ctx, const struct event_exchange *e)
{
    struct world *w = ctx;
    w->exchanges++;
    world_log(w, "x %.*s %.*s %s s%" PRIu64, (int)e->method_len, e->method, (int)e->id_len, e->id,
              event_status_name(e->status), e->origin.session);
    if (e->name)
        world_log(w, " name=%.*s", (int)e->name_len, e->name);
    if (e->has_code)
        world_log(w, " code=%" PRId64, e->error_code);
    if (e->http_status)
        world_log(w, " http=%u", (unsigned)e->http_status);
    if (e->resumed)
        world_log(w, " resumed");
    if (e->acknowledged || (e->answered && !e->untimed))
        world_log(w, " %dms", (int)(e->latency_ns / 1000000));
    world_log(w, "\n");
}

static void world_on_finding(void *ctx, const struct event_finding *e)
{
    struct world *w = ctx;
    w->findings++;
    world_log(w, "f %s%s\n", e->type, e->amount == 1 ? "" : " many");
}

__attribute__((unused)) static void world_on_operation(void *ctx, const struct event_operation *e)
{
    struct world *w = ctx;
    world_log(w, "o %s %.*s %.*s %s%s legs=%u rounds=%u", event_operation_kind_name(e->kind),
              (int)e->method_len, e->method, e->name ? (int)e->name_len : 1,
              e->name ? e->name : "-", event_operation_status_name(e->status),
              e->likely ? " likely" : "", e->legs, e->rounds);
    if (e->polls)
        world_log(w, " polls=%u", e->polls);
    if (e->fetches)
        world_log(w, " fetches=%u", e->fetches);
    if (e->timed)
        world_log(w, " total=%dms", (int)(e->duration_ns / 1000000));
    if (e->timed && e->kind == OPERATION_MRTR)
        world_log(w, " server=%dms outside=%dms", (int)(e->server_ns / 1000000),
                  (int)(e->outside_ns / 1000000));
    if (e->created)
        world_log(w, " created=%dms", (int)(e->creation_ns / 1000000));
    if (e->fetched)
        world_log(w, " wait=%dms", (int)(e->wait_ns / 1000000));
    world_log(w, "\n");
}

/* max: of pending requests and sessions; 0: the usual caps. NULL: out of memory. */
__attribute__((unused)) static struct world *world_new(uint32_t max_pending, uint32_t max_sessions)
{
    struct world *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->sink = (struct event_sink){w,
                                  world_on_connection,
                                  world_on_session,
                                  world_on_message,
                                  world_on_exchange,
                                  world_on_finding,
                                  world_on_operation};
    w->now.ts_ns = INT64_C(1000000000000);
    w->server_port = 80;
    w->client_host = 1;
    w->transport = TRANSPORT_HTTP1;
    struct tracker_config config = {
        .hash = world_key, .max_pending = max_pending, .max_sessions = max_sessions};
    w->tracker = tracker_new(&config, &w->sink, &w->hit);
    if (!w->tracker) {
        free(w);
        return NULL;
    }
    return w;
}

__attribute__((unused)) static void world_free(struct world *w)
{
    tracker_free(w->tracker);
    free(w);
}

static struct record world_record(struct world *w, enum record_type type, uint64_t conn,
                                  uint32_t channel)
{
    w->now.ts_ns += 1000000;
    w->now.packet++;
    struct record r = {.type = type,
                       .transport = w->transport,
                       .channel = channel,
                       .slot = w->slots ? (uint32_t)conn % w->slots : (uint32_t)conn,
                       .conn_id = conn,
                       .client = {{10, 0, 0, (uint8_t)w->client_host}, (uint16_t)conn, 4, 0},
                       .server = {{10, 0, 1, 1}, (uint16_t)w->server_port, 4, 0},
                       .at = w->now};
    return r;
}

static void world_send(struct world *w, struct record *r)
{
    const struct record_sink *sink = tracker_record_sink(w->tracker);
    sink->record(sink->ctx, r);
}

/* The usual request of an MCP client. */
#define POST_FLAGS (CHANNEL_ACCEPTS_BOTH | CHANNEL_ACCEPTS_SSE)

struct begin {
    uint8_t method; /* 0: POST */
    uint16_t flags; /* 0: POST_FLAGS; the flags of the fields below are added */
    uint64_t session, last_event, path, target;
    const char *version;
    const char *mcp_method, *mcp_name; /* Mcp-Method, Mcp-Name */
    bool stub;                         /* the request was not seen */
};

#define BEGIN(w, conn, channel, ...) world_begin(w, conn, channel, (struct begin){__VA_ARGS__})
__attribute__((unused)) static void world_begin(struct world *w, uint64_t conn, uint32_t channel,
                                                struct begin b)
{
    struct record r = world_record(w, RECORD_BEGIN, conn, channel);
    r.u.begin = (struct record_begin){.path_hash = b.path ? b.path : 77,
                                      .target_hash = b.target ? b.target : 78,
                                      .session_hash = b.session,
                                      .last_event_hash = b.last_event,
                                      .method = b.method ? b.method : HTTP_METHOD_POST,
                                      .flags = b.flags ? b.flags : POST_FLAGS};
    if (b.session)
        r.u.begin.flags |= CHANNEL_HAS_SESSION | CHANNEL_MCP_HEADER;
    if (b.last_event)
        r.u.begin.flags |= CHANNEL_HAS_LAST_EVENT;
    if (b.version) {
        r.u.begin.flags |= CHANNEL_MCP_HEADER;
        snprintf(r.u.begin.version, sizeof(r.u.begin.version), "%s", b.version);
    }
    if (b.stub) {
        r.u.begin.method = HTTP_METHOD_UNKNOWN;
        r.u.begin.flags = CHANNEL_STUB | CHANNEL_UNCERTAIN;
        r.u.begin.path_hash = r.u.begin.target_hash = 0;
    }
    if (b.mcp_method) {
        r.u.begin.flags |= CHANNEL_MCP_HEADER | CHANNEL_HAS_METHOD;
        r.u.begin.method_hash = hash_bytes(&world_key, b.mcp_method, strlen(b.mcp_method));
    }
    if (b.mcp_name) {
        r.u.begin.flags |= CHANNEL_MCP_HEADER | CHANNEL_HAS_NAME;
        r.u.begin.name_hash = hash_bytes(&world_key, b.mcp_name, strlen(b.mcp_name));
    }
    world_send(w, &r);
}

__attribute__((unused)) static void world_head(struct world *w, uint64_t conn, uint32_t channel,
                                               int status, enum http_content content,
                                               uint64_t session)
{
    struct record r = world_record(w, RECORD_HEAD, conn, channel);
    r.u.head = (struct record_head){.session_hash = session,
                                    .flags = session ? CHANNEL_MCP_HEADER | CHANNEL_HAS_SESSION : 0,
                                    .status = (uint16_t)status,
                                    .content = content};
    world_send(w, &r);
}
#define JSON_HEAD(w, conn, channel) world_head(w, conn, channel, 200, HTTP_CONTENT_JSON, 0)
#define SSE_HEAD(w, conn, channel)  world_head(w, conn, channel, 200, HTTP_CONTENT_SSE, 0)

__attribute__((unused)) static void world_end(struct world *w, uint64_t conn, uint32_t channel,
                                              enum channel_end how)
{
    struct record r = world_record(w, RECORD_END, conn, channel);
    r.end = how;
    world_send(w, &r);
}
#define END(w, conn, channel) world_end(w, conn, channel, CHANNEL_END_COMPLETE)

__attribute__((unused)) static void world_finding(struct world *w, uint64_t conn, uint32_t channel,
                                                  enum finding finding, uint64_t amount)
{
    struct record r = world_record(w, RECORD_FINDING, conn, channel);
    r.u.finding = (struct record_finding){.amount = amount, .finding = finding};
    world_send(w, &r);
}

/* A connection goes; what became of it is in w->gone. */
__attribute__((unused)) static void world_gone(struct world *w, uint64_t conn)
{
    struct record r = world_record(w, RECORD_CONN, conn, 0);
    r.conn_event = CONN_EVENT_GONE;
    memset(&r.u, 0, sizeof(r.u));
    world_send(w, &r);
}

static struct rpc_id world_id(const char *text)
{
    struct rpc_id id = {.type = RPC_ID_INTEGER};
    if (!text || !*text)
        id.type = RPC_ID_ABSENT;
    else if (*text == '"')
        id.type = RPC_ID_STRING;
    else if (strcmp(text, "null") == 0)
        id.type = RPC_ID_NULL;
    else if (*text == '{')
        id.type = RPC_ID_OTHER;
    id.hash = text ? hash_bytes(&world_key, text, strlen(text)) : 0;
    return id;
}

static void world_text(struct message *m, enum message_text which, const char *text)
{
    if (!text)
        return;
    size_t n = strlen(text);
    memcpy(m->text + m->text_used, text, n);
    m->text_off[which] = m->text_used;
    m->text_len[which] = (uint8_t)n;
    m->text_used += (uint16_t)n;
}

struct say {
    const char *method; /* NULL: a response */
    const char *id;
    enum dir dir;
    uint16_t flags;
    uint64_t event;
    const char *name, *version, *peer, *peer_version;
    const char *cancels;
    uint16_t capabilities;
    bool error;
    int64_t code;              /* of the error; 0: none */
    struct record_links links; /* told if it has flags */
};

#define SAY(w, conn, channel, ...) world_say(w, conn, channel, (struct say){__VA_ARGS__})
__attribute__((unused)) static void world_say(struct world *w, uint64_t conn, uint32_t channel,
                                              struct say s)
{
    struct record r = world_record(w, RECORD_MESSAGE, conn, channel);
    if (s.links.flags) {
        struct record links = r;
        links.type = RECORD_LINKS;
        links.u.links = s.links;
        world_send(w, &links);
    }
    struct message *m = &r.u.message;
    *m = (struct message){.first = w->now,
                          .last = w->now,
                          .bytes = 100,
                          .id = world_id(s.id),
                          .cancels = world_id(s.cancels),
                          .event_id = s.event,
                          .error_code = s.code,
                          .flags = s.flags,
                          .capabilities = s.capabilities,
                          .dir = s.dir};
    if (s.event)
        m->flags |= MESSAGE_HAS_EVENT_ID;
    if (s.code)
        m->flags |= MESSAGE_HAS_CODE;
    m->kind = s.method  ? s.id ? MESSAGE_REQUEST : MESSAGE_NOTIFICATION
              : s.error ? MESSAGE_ERROR
                        : MESSAGE_RESULT;
    if (s.method) {
        m->method = method_find(s.method, strlen(s.method));
        if (m->method == METHOD_OTHER)
            world_text(m, MESSAGE_TEXT_METHOD, s.method);
    }
    world_text(m, MESSAGE_TEXT_ID, s.id);
    world_text(m, MESSAGE_TEXT_NAME, s.name);
    world_text(m, MESSAGE_TEXT_VERSION, s.version);
    world_text(m, MESSAGE_TEXT_PEER_NAME, s.peer);
    world_text(m, MESSAGE_TEXT_PEER_VERSION, s.peer_version);
    world_send(w, &r);
}

/* `initialize` on a channel, answered with JSON; session 0: the server gives none. */
__attribute__((unused)) static void world_initialize(struct world *w, uint64_t conn,
                                                     uint32_t channel, uint64_t session)
{
    BEGIN(w, conn, channel, 0);
    SAY(w, conn, channel, "initialize", "0", .flags = MESSAGE_MCP_SHAPE, .version = "2025-11-25",
        .peer = "cli");
    world_head(w, conn, channel, 200, HTTP_CONTENT_JSON, session);
    SAY(w, conn, channel, .id = "0", .dir = DIR_S2C, .version = "2025-06-18", .peer = "srv");
    END(w, conn, channel);
}

/* A whole exchange with a JSON answer. */
__attribute__((unused)) static void world_call(struct world *w, uint64_t conn, uint32_t channel,
                                               uint64_t session, const char *id)
{
    BEGIN(w, conn, channel, .session = session);
    SAY(w, conn, channel, "tools/call", id, .name = "t");
    JSON_HEAD(w, conn, channel);
    SAY(w, conn, channel, .id = id, .dir = DIR_S2C);
    END(w, conn, channel);
}

__attribute__((unused)) static void world_finish(struct world *w)
{
    tracker_finish(w->tracker, &w->now);
}

/* Lets pass what verdicts are delayed by. */
__attribute__((unused)) static void world_wait(struct world *w)
{
    w->now.ts_ns += INT64_C(12000000000);
    tracker_tick(w->tracker, w->now.ts_ns);
}

/* Forgets what was logged so far. */
__attribute__((unused)) static void world_clear(struct world *w)
{
    w->len = 0;
    w->log[0] = '\0';
}

#define EXPECT(w, text)                                                                            \
    cr_expect(strcmp((w)->log, text) == 0, "got\n%s\ninstead of\n%s", (w)->log, text)

/* How often a text occurs in the log. */
__attribute__((unused)) static int world_count(const struct world *w, const char *text)
{
    int n = 0;
    for (const char *p = w->log; (p = strstr(p, text)); p += strlen(text))
        n++;
    return n;
}

/* Session 1 (id 5) is open, its initialize was captured; the log is empty. */
static inline struct world *world_ready(void)
{
    struct world *w = world_new(0, 0);
    world_initialize(w, 1, 1, 5);
    world_clear(w);
    return w;
}

/* A GET for the event stream of that session; last_event: as in struct record_begin. */
static inline void world_open_get(struct world *w, uint64_t conn, uint32_t channel,
                                  uint64_t last_event)
{
    BEGIN(w, conn, channel, .method = HTTP_METHOD_GET, .flags = CHANNEL_ACCEPTS_SSE, .session = 5,
          .last_event = last_event);
    SSE_HEAD(w, conn, channel);
}

#endif
