/* SPDX-License-Identifier: BSD-3-Clause */
/* The tracker: records made from the input's bytes, eight a record, with tiny tables. Every request
 * must end exactly once, every session that opened must close, and another hash key must give the
 * same events. */
#include "dissect/capability.h"
#include "dissect/tracker.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP 8

struct seen {
    struct hash_stream events;
    uint64_t requests, exchanges, open;
};

static void require(int truth)
{
    if (!truth)
        abort();
}

static void note(struct seen *s, const void *facts, size_t n)
{
    hash_stream_feed(&s->events, facts, n);
}

static void on_connection(void *ctx, const struct event_connection *e)
{
    note(ctx, &e->event, sizeof(e->event));
}

static void on_session(void *ctx, const struct event_session *e)
{
    struct seen *s = ctx;
    s->open += e->event == SESSION_OPENED;
    require(e->event == SESSION_OPENED || s->open > 0);
    s->open -= e->event == SESSION_CLOSED;
    note(s, &e->origin.session, sizeof(e->origin.session));
    note(s, e->client_name, strlen(e->client_name));
    note(s, &(uint16_t[2]){e->client_capabilities, e->server_capabilities}, 2 * sizeof(uint16_t));
}

static void on_message(void *ctx, const struct event_message *e)
{
    struct seen *s = ctx;
    bool usable = e->message->id.type == RPC_ID_INTEGER || e->message->id.type == RPC_ID_STRING;
    s->requests += e->message->kind == MESSAGE_REQUEST && usable && !e->redelivered;
    note(s, e->method, e->method_len);
    note(s, &(uint8_t[3]){e->redelivered, e->orphan, e->late}, 3);
    note(s, e->origin.version, strlen(e->origin.version));
}

static void on_exchange(void *ctx, const struct event_exchange *e)
{
    struct seen *s = ctx;
    s->exchanges++;
    require(e->latency_ns >= 0 && e->first_byte_ns >= 0);
    note(s, e->method, e->method_len);
    note(s, e->id, e->id_len);
    note(s, &e->status, sizeof(e->status));
}

static void on_finding(void *ctx, const struct event_finding *e)
{
    note(ctx, e->type, strlen(e->type));
}

static void on_operation(void *ctx, const struct event_operation *e)
{
    struct seen *s = ctx;
    require(e->duration_ns >= 0 && e->creation_ns >= 0 && e->wait_ns >= 0);
    require(e->server_ns >= 0 && e->outside_ns >= 0);
    require(e->kind == OPERATION_TASK || !e->timed ||
            e->server_ns + e->outside_ns == e->duration_ns);
    note(s, e->method, e->method_len);
    note(s, &e->status, sizeof(e->status));
    note(s, &(uint32_t[4]){e->legs, e->rounds, e->polls, e->fetches}, 4 * sizeof(uint32_t));
}

static void put_text(struct message *m, enum message_text which, const char *text)
{
    size_t n = strlen(text);
    memcpy(m->text + m->text_used, text, n);
    m->text_off[which] = m->text_used;
    m->text_len[which] = (uint8_t)n;
    m->text_used += (uint16_t)n;
}

static void make_message(struct message *m, const uint8_t *b, const struct stream_pos *at)
{
    static const char *const ids[] = {"0", "1", "\"1\"", "a rather long id, to be kept elsewhere"};
    memset(m, 0, sizeof(*m));
    m->first = m->last = *at;
    m->kind = b[2] & 3;
    m->dir = b[2] >> 2 & 1;
    m->flags = (uint16_t)(b[3] << 4 | (b[2] >> 3 & 3) | MESSAGE_HAS_EVENT_ID * (b[2] >> 5 & 1));
    m->id = (struct rpc_id){.type = b[4] >> 4 & 7, .hash = b[4] & 3};
    m->cancels = (struct rpc_id){.type = b[6] >> 4 & 7, .hash = b[6] & 3};
    m->event_id = b[6] >> 2 & 3;
    m->error_code = (int8_t)b[7];
    if (m->kind <= MESSAGE_NOTIFICATION)
        m->method = 1 + b[5] % METHOD_OTHER;
    if (m->method == METHOD_OTHER)
        put_text(m, MESSAGE_TEXT_METHOD, "vendor/own");
    if (b[7] & 4)
        m->capabilities = (uint16_t)(CAPABILITY_DECLARED | b[5]);
    put_text(m, MESSAGE_TEXT_ID, ids[b[4] & 3]);
    static const char *const versions[] = {"", "2025-06-18", "2025-03-26", "2026-07-28"};
    put_text(m, MESSAGE_TEXT_VERSION, versions[(b[7] & 1) | (b[7] >> 6 & 2)]);
    put_text(m, MESSAGE_TEXT_PEER_NAME, b[7] & 2 ? "someone" : "");
}

static void make_record(struct record *r, const uint8_t *b, struct stream_pos *at)
{
    at->packet++;
    at->ts_ns += (int8_t)b[1] * INT64_C(1000000000);
    *r = (struct record){.type = b[0] % (RECORD_END + 1),
                         .transport = b[0] >> 7 ? TRANSPORT_NONE : TRANSPORT_HTTP1,
                         .slot = b[0] >> 3 & 1, /* some follow one another */
                         .conn_id = 1 + (b[0] >> 3 & 3),
                         .channel = b[0] >> 5 & 3,
                         .client = {{1}, b[0] >> 3 & 3, 4, 0},
                         .server = {{2}, 80, 4, 0},
                         .at = *at};
    switch ((enum record_type)r->type) {
    case RECORD_CONN:
        memset(&r->u.conn, 0, sizeof(r->u.conn));
        r->u.conn.side[0].lost_bytes = b[3] & 1;
        r->conn_event = b[2] % (CONN_EVENT_GONE + 1);
        break;
    case RECORD_BEGIN:
        r->u.begin = (struct record_begin){
            .path_hash = b[2] & 1,
            .target_hash = b[2] >> 5 & 1,
            .session_hash = b[2] >> 1 & 3,
            .last_event_hash = b[2] >> 3 & 3,
            .flags = (uint16_t)((b[3] & 127) | (b[4] >> 5) << 8 | CHANNEL_BAD_VALUE * (b[2] >> 7)),
            .method = (b[4] & 31) % (HTTP_METHOD_OTHER + 1)};
        memcpy(r->u.begin.version, b[7] & 1 ? "2026-07-28" : (const char *)b + 5,
               b[7] & 1 ? 10 : 3);
        break;
    case RECORD_HEAD:
        r->u.head = (struct record_head){.session_hash = b[2] & 3,
                                         .flags = b[3] & 3,
                                         .status = (uint16_t)(b[4] % 6 * 101),
                                         .content = b[5] & 3,
                                         .coded = b[6] == 1};
        break;
    case RECORD_LINKS:
        r->u.links = (struct record_links){.state_hash = b[2] & 1,
                                           .task_hash = b[2] >> 1 & 1,
                                           .keys = {b[3] & 3, b[3] >> 2 & 3, b[3] >> 4 & 3},
                                           .key_count = b[3] >> 6,
                                           .flags = b[4],
                                           .status = b[5] % (LINKS_STATUS_CANCELLED + 1)};
        break;
    case RECORD_MESSAGE:
        make_message(&r->u.message, b, at);
        break;
    case RECORD_EVENT:
        r->u.event = (struct record_event){.event_id = b[2] & 3,
                                           .endpoint_hash = b[2] >> 2 & 1,
                                           .has_event_id = b[3] & 1,
                                           .has_endpoint = b[3] >> 1 & 1};
        break;
    case RECORD_FINDING:
        r->u.finding = (struct record_finding){.amount = b[2], .finding = b[3], .dir = b[4] & 1};
        break;
    case RECORD_END:
        r->end = b[2] % (CHANNEL_END_ABORTED + 1);
        break;
    }
}

static uint64_t run(const uint8_t *data, size_t size, const struct hash_key *key)
{
    struct seen seen = {.requests = 0};
    struct limits_hit hit = {{0}};
    struct event_sink sink = {&seen,       on_connection, on_session,  on_message,
                              on_exchange, on_finding,    on_operation};
    struct tracker_config config = {.hash = *key,
                                    .max_pending = 1 + data[0] % 8,
                                    .max_sessions = 1 + (data[0] >> 4) % 4,
                                    .request_timeout_ns = INT64_C(60000000000)};
    struct tracker *t = tracker_new(&config, &sink, &hit);
    struct stream_pos at = {0};
    struct record r;
    if (!t)
        return 0;
    hash_stream_init(&seen.events, &(struct hash_key){1, 2});
    for (size_t i = 1; i + STEP <= size; i += STEP) {
        make_record(&r, data + i, &at);
        tracker_record_sink(t)->record(tracker_record_sink(t)->ctx, &r);
    }
    tracker_finish(t, &at);
    require(seen.requests == seen.exchanges && seen.open == 0);
    tracker_free(t);
    return hash_stream_end(&seen.events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t one = run(data, size, &(struct hash_key){3, 4});
    require(one == run(data, size, &(struct hash_key){5, 6}));
    return 0;
}
