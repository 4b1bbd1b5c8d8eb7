/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events for the tracker's listener: fills in what all of one kind have in common. Types of
 * findings are made in a buffer that lives for the call.
 */
#include "emit.h"
#include "dissect/squirrel_type.h"
#include "tasks.h"
#include <inttypes.h>
#include <stdio.h>

#define TYPE_BYTES 32 /* "jsonrpc:-9223372036854775808" */

const char *emit_version(const struct channel *ch)
{
    const struct session *s = ch->session;
    bool shared = !s || (session_shared(s) && !ch->initializing);
    if (ch->version[0] && (shared || !s->names->version[0]))
        return ch->version;
    return s ? s->names->version : "";
}

void emit_origin(const struct channel *ch, const char *version, struct event_origin *ret_origin)
{
    ret_origin->conn_id = ch->key.conn_id;
    ret_origin->client = ch->client;
    ret_origin->server = ch->server;
    ret_origin->transport = ch->transport;
    ret_origin->slot = ch->slot;
    ret_origin->session = ch->session ? ch->session->number : 0;
    ret_origin->version = version && version[0] ? version : emit_version(ch);
}

void emit_finding(struct tracker *t, const struct event_origin *origin, const char *type,
                  enum dir dir, const struct stream_pos *at)
{
    struct event_finding e = {.origin = origin, .type = type, .amount = 1, .dir = dir, .at = *at};
    t->sink->finding(t->sink->ctx, &e);
}

void emit_status(struct tracker *t, const struct channel *ch)
{
    char type[TYPE_BYTES];
    snprintf(type, sizeof(type), "http:%u", (unsigned)ch->status);
    struct event_origin origin;
    emit_origin(ch, NULL, &origin);
    emit_finding(t, &origin, type, DIR_S2C, &t->at);
}

void emit_failure(struct tracker *t, const struct event_origin *origin, const struct message *m)
{
    static const struct {
        uint16_t flag;
        const char *type;
    } faults[] = {{MESSAGE_NO_VERSION, "envelope:no_version"},
                  {MESSAGE_BAD_ID, "envelope:bad_id"},
                  {MESSAGE_HYBRID, "envelope:hybrid"},
                  {MESSAGE_REPEATED_MEMBER, "envelope:repeated_member"}};
    const unsigned any = MESSAGE_NO_VERSION | MESSAGE_BAD_ID | MESSAGE_HYBRID |
                         MESSAGE_REPEATED_MEMBER | MESSAGE_IS_ERROR;
    if (m->kind != MESSAGE_ERROR && (m->flags & any) == 0)
        return;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (m->flags & faults[i].flag)
            emit_finding(t, origin, faults[i].type, m->dir, &m->last);
    if (m->squirrel) {
        if (m->kind == MESSAGE_ERROR)
            emit_finding(t, origin, squirrel_error_name((uint8_t)m->error_code), m->dir, &m->last);
        return;
    }
    char type[TYPE_BYTES] = "jsonrpc:no_code";
    if (m->kind == MESSAGE_ERROR) {
        if (m->flags & MESSAGE_HAS_CODE)
            snprintf(type, sizeof(type), "jsonrpc:%" PRId64, m->error_code);
        emit_finding(t, origin, type, m->dir, &m->last);
    } else if (m->kind == MESSAGE_RESULT && (m->flags & MESSAGE_IS_ERROR)) {
        emit_finding(t, origin, "tool:is_error", m->dir, &m->last);
    }
}

void emit_message(struct tracker *t, struct event_message *e)
{
    uint64_t conn_id = e->origin.conn_id;
    if (conn_id != t->latest_speaker) {
        struct tracker_link *link = tracker_link_find(t, conn_id, e->origin.slot);
        e->speaker = !link         ? EVENT_SPEAKER_UNKNOWN
                     : link->spoke ? EVENT_SPEAKER_KNOWN
                                   : EVENT_SPEAKER_NEW;
        if (link) {
            link->spoke = true;
            t->latest_speaker = conn_id;
        }
    }
    t->sink->message(t->sink->ctx, e);
}

void emit_session(struct tracker *t, struct session *s, enum session_event event)
{
    struct event_session e = {.event = event,
                              .origin = {.conn_id = s->conn_id,
                                         .client = s->client,
                                         .server = s->server,
                                         .transport = s->transport,
                                         .session = s->number,
                                         .version = s->names->version},
                              .version_before = s->names->told_version,
                              .client_name = s->names->client_name,
                              .client_version = s->names->client_version,
                              .server_name = s->names->server_name,
                              .server_version = s->names->server_version,
                              .client_capabilities = s->client_capabilities,
                              .server_capabilities = s->server_capabilities,
                              .at = t->at};
    t->sink->session(t->sink->ctx, &e);
    if (strcmp(s->names->told_version, s->names->version) == 0)
        return;
    struct names now = *s->names;
    memcpy(now.told_version, now.version, sizeof(now.told_version));
    names_change(t, &s->names, &now);
}

void emit_pending_origin(const struct pending *p, struct event_origin *ret_origin)
{
    const struct session *s = pairing_session(p);
    ret_origin->conn_id = p->conn_id;
    ret_origin->client = p->client;
    ret_origin->server = p->server;
    ret_origin->transport = p->transport;
    ret_origin->slot = p->conn_slot;
    ret_origin->session = s ? s->number : p->session_number;
    ret_origin->version = p->version[0] ? p->version : s ? s->names->version : "";
}

void emit_exchange(struct tracker *t, const struct pending *p,
                   const struct pairing_outcome *outcome)
{
    const struct method_info *info = method_info(p->method);
    const struct message *m = outcome->answer;
    const char *text = p->overflow ? p->overflow : p->text;
    struct event_exchange e = {.id = text,
                               .id_len = p->id_len,
                               .name = p->name_len ? text + p->id_len : NULL,
                               .name_len = p->name_len,
                               .name_kind = info->name,
                               .wait = info->wait,
                               .dir = p->dir,
                               .status = outcome->status,
                               .has_code = outcome->has_code,
                               .error_code = outcome->code,
                               .http_status = outcome->http_status,
                               .request_bytes = p->bytes,
                               .request = p->request,
                               .at = outcome->at};
    emit_pending_origin(p, &e.origin);
    e.method = pairing_method(p, &e.method_len);
    e.number = pairing_number(p);
    if (m) {
        e.answered = true;
        e.task = tasks_creates(t, p, m);
        e.untimed =
            p->maybe_copy || info->wait == METHOD_WAIT_STREAM || m->last.ts_ns < p->request.ts_ns;
        e.latency_ns = tracker_between(p->request.ts_ns, m->last.ts_ns);
        e.first_byte_ns = tracker_between(p->request.ts_ns, m->first.ts_ns);
        e.response_bytes = m->bytes;
        e.response_conn_id = outcome->channel->key.conn_id;
        e.resumed = channel_resumed(outcome->channel);
    }
    if (p->acknowledged) {
        e.acknowledged = true;
        e.untimed = false;
        e.latency_ns = tracker_between(p->request.ts_ns, p->ack_last_ns);
        e.first_byte_ns = tracker_between(p->request.ts_ns, p->ack_first_ns);
    }
    t->sink->exchange(t->sink->ctx, &e);
    if (outcome->status == EXCHANGE_UNANSWERED)
        emit_finding(t, &e.origin, "pair:unanswered", p->dir, &outcome->at);
}
