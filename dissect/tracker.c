/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tracker: records of all connections in, events out. See tracker_state.h for its parts.
 *
 * Time is that of the records, made to never run backwards: a time-out is counted from the latest
 * time seen when the request came, so that a clock that was set back ends nothing early. Latencies
 * are differences of record times; one that would be negative is not told, and counts as zero where
 * it is but a part of an operation's time.
 *
 * Losses are remembered by pair of hosts, because a message that is missing could have belonged to
 * any session between them: clients share one pool of connections among their sessions.
 *
 * Limits: the LIMIT_* of "dissect, MCP as a whole"; each table drops its oldest entry and counts
 * it. Memory shortage is handled like a full table: something is forgotten, and from then on no
 * peer is blamed for what may be this program's own gap.
 */
#include "base/cache.h"
#include "channel.h"
#include "dialogue.h"
#include "emit.h"
#include "endpoint.h"
#include "legs.h"
#include "names.h"
#include "operations.h"
#include "stray.h"
#include "tracker_state.h"
#include <stdlib.h>

#define REQUEST_TIMEOUT_NS INT64_C(300000000000)

struct loss {
    struct tracker_peers peers;
    uint64_t packet; /* of the latest loss */
};

void tracker_note_loss(struct tracker *t, const struct endpoint *client,
                       const struct endpoint *server)
{
    struct tracker_peers peers = tracker_peers(client, server);
    void *entry;
    int added = table_take(t->losses, &peers, &entry);
    if (added < 0) {
        t->forgot = true;
        return;
    }
    if (!added)
        table_touch(t->losses, entry);
    struct loss *loss = entry;
    loss->packet = t->at.packet;
}

bool tracker_lost_since(const struct tracker *t, const struct endpoint *client,
                        const struct endpoint *server, uint64_t packet)
{
    if (table_count(t->losses) == 0)
        return false;
    struct tracker_peers peers = tracker_peers(client, server);
    const struct loss *loss = table_find(t->losses, &peers);
    return loss && loss->packet >= packet;
}

/* ---- what is known of connections */

static bool link_room(struct tracker *t, uint32_t slab)
{
    if (slab < t->link_slabs)
        return true;
    size_t room = t->link_slabs ? t->link_slabs : TRACKER_LINKS;
    while (room <= slab)
        room *= 2;
    struct tracker_link **links = realloc(t->links, room * sizeof(*links));
    if (!links)
        return false;
    memset(links + t->link_slabs, 0, (room - t->link_slabs) * sizeof(*links));
    t->links = links;
    t->link_slabs = (uint32_t)room;
    return true;
}

static void link_remove(struct tracker_link *link)
{
    free(link->odd);
    memset(link, 0, sizeof(*link));
}

struct tracker_link *tracker_link_add(struct tracker *t, uint64_t conn_id, uint32_t slot)
{
    uint32_t slab = slot / TRACKER_LINKS;
    if (link_room(t, slab) && !t->links[slab])
        t->links[slab] = calloc(TRACKER_LINKS, sizeof(struct tracker_link));
    if (slab >= t->link_slabs || !t->links[slab]) {
        t->forgot = true;
        return NULL;
    }
    struct tracker_link *link = &t->links[slab][slot % TRACKER_LINKS];
    if (link->conn_id > conn_id)
        return NULL;
    link_remove(link);
    link->conn_id = conn_id;
    return link;
}

struct tracker_odd *tracker_odd(struct tracker *t, struct tracker_link *link)
{
    if (!link->odd)
        link->odd = calloc(1, sizeof(*link->odd));
    if (!link->odd)
        t->forgot = true;
    return link->odd;
}

static void links_free(struct tracker *t)
{
    for (uint32_t slab = 0; slab < t->link_slabs; slab++) {
        for (uint32_t i = 0; t->links[slab] && i < TRACKER_LINKS; i++)
            free(t->links[slab][i].odd);
        free(t->links[slab]);
    }
    free(t->links);
}

void tracker_ahead(struct tracker *t, uint32_t slot)
{
    const struct tracker_link *link = tracker_link_at(t, slot);
    if (link)
        cache_fetch(link, CACHE_LINE_BYTES + 1); /* it may lie across two lines */
    link = tracker_link_at(t, t->ahead_slot);
    t->ahead_slot = slot;
    if (link && link->session)
        cache_fetch(link->session, sizeof(*link->session));
}

/* ---- records */

static __attribute__((noinline)) void expire(struct tracker *t)
{
    t->due_ns = INT64_MAX;
    pairing_expire(t);
    stray_expire(t);
    if (t->operations_next_ns <= t->now_ns)
        operations_expire(t);
}

static void arrive(struct tracker *t, const struct stream_pos *at)
{
    t->at = *at;
    if (t->names_idle_count > NAMES_IDLE)
        names_sweep(t);
    if (at->ts_ns <= t->now_ns)
        return; /* whatever waits began to, or was looked at, at this time or before */
    t->now_ns = at->ts_ns;
    if (t->now_ns >= t->due_ns || t->now_ns >= t->operations_next_ns || t->doomed.first)
        expire(t);
}

/* Bytes that a connection lost but no finding told of: nothing was read after them. */
static void note_hidden_loss(struct tracker *t, const struct record *r, struct tracker_link *link)
{
    uint64_t lost = 0;
    for (int side = 0; side < DIR_COUNT; side++)
        lost += r->u.conn.side[side].lost_bytes + r->u.conn.side[side].truncated_bytes;
    if (lost <= (link && link->odd ? link->odd->told_bytes : 0))
        return;
    tracker_note_loss(t, &r->client, &r->server);
    struct tracker_odd *odd = link ? tracker_odd(t, link) : NULL;
    if (odd)
        odd->told_bytes = lost;
}

static void take_conn(struct tracker *t, const struct record *r)
{
    if (r->conn_event == CONN_EVENT_OPENED && r->u.conn.midstream)
        legs_missed(t, &r->client, &r->server);
    if (r->conn_event == CONN_EVENT_GONE && r->u.conn.midstream && r->u.conn.whole)
        legs_whole(t, &r->client, &r->server);
    struct tracker_link *link = tracker_link_find(t, r->conn_id, r->slot);
    const struct tracker_odd *odd = link ? link->odd : NULL;
    struct event_connection e = {.event = r->conn_event,
                                 .conn = &r->u.conn,
                                 .transport = r->transport,
                                 .content = r->u.content,
                                 .mcp = link && link->mcp,
                                 .spoke = link && link->spoke,
                                 .foreign_bytes = odd ? odd->foreign_bytes : 0,
                                 .unproven_bytes = odd ? odd->unproven_bytes : 0,
                                 .noted = r->u.noted,
                                 .at = r->at};
    t->sink->connection(t->sink->ctx, &e);
    note_hidden_loss(t, r, link);
    if (link && r->conn_event == CONN_EVENT_CLOSED)
        link->closed = true;
    if (link && r->conn_event == CONN_EVENT_GONE) {
        t->latest_speaker = 0;
        link_remove(link);
    }
}

static void take_head(struct tracker *t, const struct record *r)
{
    struct channel *ch = channel_of(t, r);
    if (ch)
        channel_head(t, ch, r);
}

static void take_message(struct tracker *t, const struct record *r)
{
    struct channel *ch = channel_of(t, r);
    if (t->links_conn == r->conn_id) {
        t->linked = &r->u.message;
        t->links_of_linked = &t->links_before;
    }
    if (ch && channel_admits(t, ch, &r->u.message))
        dialogue_message(t, ch, &r->u.message);
    else
        t->counters.other_messages++;
    t->linked = NULL;
}

/* A priming event makes a stream one that can be resumed. */
static void take_event(struct tracker *t, const struct record *r)
{
    struct channel *ch = channel_find(t, r);
    if (!ch)
        return;
    if (r->u.event.has_event_id)
        ch->event_ids = true;
    if (r->u.event.has_endpoint)
        channel_announce(t, ch, r->u.event.endpoint_hash);
}

/* Of what is said about the connection as a whole. */
static struct event_origin origin_of_conn(const struct record *r)
{
    return (struct event_origin){.conn_id = r->conn_id,
                                 .client = r->client,
                                 .server = r->server,
                                 .transport = r->transport,
                                 .version = ""};
}

static void take_finding(struct tracker *t, const struct record *r)
{
    enum finding finding = r->u.finding.finding;
    if (finding >= FINDING_COUNT)
        return;
    struct channel *ch = channel_find(t, r);
    bool of_connection =
        finding == FINDING_GAP || finding == FINDING_OVERLAP || finding == FINDING_BAD_HTTP;
    if (finding == FINDING_GAP || finding == FINDING_LOST_MESSAGE) {
        tracker_note_loss(t, &r->client, &r->server);
        if (ch)
            ch->lossy = true;
    } else if (finding == FINDING_UNDECODABLE && ch) {
        ch->opaque = true;
    }
    struct tracker_link *link = of_connection ? tracker_link_find(t, r->conn_id, r->slot) : NULL;
    struct tracker_odd *odd = link && finding == FINDING_GAP ? tracker_odd(t, link) : NULL;
    if (odd)
        odd->told_bytes += r->u.finding.amount;
    bool mcp = ch && ch->mcp;
    if (ch && !mcp && finding == FINDING_BAD_MASK)
        ch->masks[r->u.finding.dir] = true; /* for channel_admits() to tell */
    if (!mcp && !(link && link->mcp))
        return;
    struct event_origin origin;
    struct event_finding e = {.origin = &origin,
                              .type = finding_name(finding),
                              .amount = finding == FINDING_GAP ? 1 : r->u.finding.amount,
                              .dir = r->u.finding.dir,
                              .at = r->at};
    if (mcp)
        emit_origin(ch, NULL, &origin);
    else
        origin = origin_of_conn(r);
    if (e.amount)
        t->sink->finding(t->sink->ctx, &e);
}

static void take_end(struct tracker *t, const struct record *r)
{
    struct channel *ch = channel_find(t, r);
    if (!ch)
        return;
    channel_end(t, ch, r->end);
    channel_remove(t, ch);
}

static void take_record(void *ctx, struct record *r)
{
    struct tracker *t = ctx;
    arrive(t, &r->at);
    switch ((enum record_type)r->type) {
    case RECORD_CONN:
        take_conn(t, r);
        break;
    case RECORD_BEGIN:
        channel_begin(t, r);
        break;
    case RECORD_HEAD:
        take_head(t, r);
        break;
    case RECORD_LINKS:
        t->links_before = r->u.links;
        t->links_conn = r->conn_id;
        return;
    case RECORD_MESSAGE:
        take_message(t, r);
        break;
    case RECORD_EVENT:
        take_event(t, r);
        break;
    case RECORD_FINDING:
        take_finding(t, r);
        break;
    case RECORD_END:
        take_end(t, r);
        break;
    }
    t->links_conn = 0;
}

static void evict_seen(void *tracker, void *entry)
{
    (void)entry;
    limits_hit_add(((struct tracker *)tracker)->hit, LIMIT_ID_SEEN_EVENTS);
}

static void evict_endpoint(void *tracker, void *entry)
{
    (void)entry;
    limits_hit_add(((struct tracker *)tracker)->hit, LIMIT_ID_ENDPOINTS);
}

/* max, entry and key size, what happens to a dropped entry. */
struct plan {
    uint32_t max, entry_bytes, key_bytes;
    void (*evict)(void *tracker, void *entry);
};

static struct table *make_table(struct tracker *t, const struct plan *plan)
{
    struct table_config config = {.max_entries = plan->max,
                                  .entry_bytes = plan->entry_bytes,
                                  .key_bytes = plan->key_bytes,
                                  .hash = t->config.hash,
                                  .evict = plan->evict,
                                  .ctx = t};
    return table_new(&config);
}

#define PLAN(max, type, key, evict) (&(struct plan){max, sizeof(type), sizeof(key), evict})

static bool make_tables(struct tracker *t)
{
    const uint32_t *cap = t->config.caps->of;
    uint32_t pending = t->config.max_pending, sessions = t->config.max_sessions;
    t->near = calloc(TRACKER_NEAR, sizeof(*t->near));
    t->channels = make_table(
        t, PLAN(cap[LIMIT_ID_EXCHANGES], struct channel, struct channel_key, channel_evict));
    t->sessions = make_table(t, PLAN(sessions, struct session, uint64_t, session_evict));
    t->names = make_table(
        t, &(struct plan){names_max(sessions), names_entry_bytes, sizeof(struct names), NULL});
    t->pending = make_table(t, &(struct plan){pending, sizeof(struct pending), 0, pairing_evict});
    t->answered = answered_new(&t->config.hash, cap[LIMIT_ID_ANSWERED], t->hit);
    t->seen = make_table(t, PLAN(cap[LIMIT_ID_SEEN_EVENTS], struct dialogue_seen,
                                 struct dialogue_seen_key, evict_seen));
    t->endpoints = make_table(
        t, PLAN(cap[LIMIT_ID_ENDPOINTS], struct channel_path, struct channel_path, evict_endpoint));
    t->strays = make_table(t, PLAN(cap[LIMIT_ID_STRAYS], struct stray, uint64_t, stray_evict));
    t->losses =
        make_table(t, PLAN(cap[LIMIT_ID_ENDPOINTS], struct loss, struct tracker_peers, NULL));
    t->operations =
        make_table(t, PLAN(cap[LIMIT_ID_OPERATIONS], struct operation, uint64_t, operation_evict));
    t->operation_keys = make_table(
        t, PLAN(cap[LIMIT_ID_OPERATIONS], struct operation_slot, struct operation_key, NULL));
    t->facts =
        make_table(t, PLAN(cap[LIMIT_ID_OPERATION_FACTS], struct fact, uint64_t, operations_evict));
    t->operation_legs =
        make_table(t, PLAN(cap[LIMIT_ID_OPERATIONS], struct operations_leg, uint64_t, NULL));
    t->joined = make_table(
        t, PLAN(cap[LIMIT_ID_ENDPOINTS], struct legs_joined, struct tracker_peers, NULL));
    return ids_init(&t->ids, &t->config.hash) && t->near && t->channels && t->sessions &&
           t->names && t->pending && t->answered && t->seen && t->endpoints && t->strays &&
           t->losses && t->operations && t->operation_keys && t->joined && t->facts &&
           t->operation_legs;
}

struct tracker *tracker_new(const struct tracker_config *config, const struct event_sink *sink,
                            struct limits_hit *hit)
{
    struct tracker *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->config = *config;
    if (!t->config.caps)
        t->config.caps = &limits_constants;
    if (t->config.request_timeout_ns <= 0)
        t->config.request_timeout_ns = REQUEST_TIMEOUT_NS;
    if (t->config.max_pending == 0)
        t->config.max_pending = t->config.caps->of[LIMIT_ID_PENDING];
    if (t->config.max_sessions == 0)
        t->config.max_sessions = t->config.caps->of[LIMIT_ID_SESSIONS];
    t->sink = sink;
    t->hit = hit;
    t->record_sink = (struct record_sink){.ctx = t, .record = take_record};
    t->now_ns = INT64_MIN;
    t->due_ns = t->operations_next_ns = INT64_MAX;
    if (!make_tables(t)) {
        tracker_free(t);
        return NULL;
    }
    return t;
}

const struct record_sink *tracker_record_sink(struct tracker *t)
{
    return &t->record_sink;
}

void tracker_tick(struct tracker *t, int64_t now_ns)
{
    arrive(t, &(struct stream_pos){.ts_ns = now_ns, .packet = t->at.packet});
}

static void close_sessions(struct tracker *t)
{
    for (struct session *s = table_oldest(t->sessions), *next; s; s = next) {
        next = table_next(t->sessions, s);
        cache_fetch(next, sizeof(*s));
        session_farewell(t, s);
    }
}

void tracker_finish(struct tracker *t, const struct stream_pos *at)
{
    arrive(t, at);
    stray_finish(t);
    pairing_finish(t);
    answered_settle(t->answered);
    operations_finish(t);
    close_sessions(t);
}

void tracker_counters(const struct tracker *t, struct tracker_counters *ret_counters)
{
    *ret_counters = t->counters;
}

void tracker_free(struct tracker *t)
{
    if (!t)
        return;
    if (t->pending)
        pairing_fini(t);
    table_free(t->channels);
    for (struct session *s = t->targets > 0 ? table_oldest(t->sessions) : NULL; s;
         s = table_next(t->sessions, s))
        endpoint_forget(t, s);
    links_free(t);
    table_free(t->sessions);
    table_free(t->names);
    table_free(t->pending);
    ids_fini(&t->ids);
    answered_free(t->answered);
    table_free(t->seen);
    table_free(t->endpoints);
    table_free(t->strays);
    table_free(t->losses);
    table_free(t->operations);
    table_free(t->operation_keys);
    table_free(t->joined);
    table_free(t->facts);
    table_free(t->operation_legs);
    free(t->near);
    free(t);
}
