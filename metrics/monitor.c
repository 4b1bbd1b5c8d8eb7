/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events and packets to tables, in total and per server endpoint.
 *
 * Packets and events of connections go to two sets of tables, the server's and the total. Under
 * mcp_only a server is not `counted` at first: its connections and bytes stay its own until it
 * speaks MCP, when they are merged into the total and it counts from there. So the total's peaks
 * are those of the servers it counts. What MCP said is counted at the server, which is a part of
 * the total (protocol.h); the report adds the parts.
 *
 * Packets are the hot path. They name their connection by its slot; `conns` says which server that
 * belongs to, and is grown when a connection is opened. Bytes are attributed from the first packet
 * on by the presumed roles. When these are corrected (CONN_EVENT_ROLES: only midstream, before any
 * payload was delivered) all that was counted is moved, so at any time the servers add up to the
 * total and the total to the connections; only the few packets inside the sliding window stay where
 * they were.
 *
 * A server beyond the cap, or without memory, shares one row with all others of that kind.
 */
#include "tables.h"
#include <stdlib.h>
#include <string.h>

#define DEFAULT_WINDOW_NS INT64_C(1000000000)
#define CONNS_ROOM        64

struct endpoint_entry {
    struct endpoint endpoint;
    uint32_t index;
};

/* ---------------------------------------------------------------------------- servers */

static struct tables_server *server_new(struct monitor *m, const struct endpoint *endpoint)
{
    struct tables_server *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    if (endpoint)
        s->endpoint = *endpoint;
    s->shared = !endpoint;
    s->counted = !m->config.mcp_only;
    bandwidth_init(&s->t.bandwidth);
    protocol_init(&s->t.protocol, m->config.max_message_types, &m->server_budget);
    protocol_join(&s->t.protocol, &m->total.protocol);
    return s;
}

static void tables_release(struct tables *t)
{
    connections_fini(&t->connections);
    protocol_fini(&t->protocol);
}

static bool grow_servers(struct monitor *m)
{
    if (m->server_count < m->server_room)
        return true;
    uint32_t room = m->server_room * 2;
    struct tables_server **servers = realloc(m->servers, room * sizeof(struct tables_server *));
    if (!servers)
        return false;
    m->servers = servers;
    m->server_room = room;
    return true;
}

/* Entries are never removed, so one that was found before may be tried first. */
static uint32_t server_index(struct monitor *m, const struct endpoint *endpoint)
{
    unsigned mixed = endpoint->addr[3] + endpoint->addr[15] + (unsigned)endpoint->port;
    void **latest = &m->latest_servers[mixed % MONITOR_LATEST];
    struct endpoint_entry *entry = *latest;
    if (entry && memcmp(&entry->endpoint, endpoint, sizeof(*endpoint)) == 0)
        return entry->index;
    entry = table_find(m->by_endpoint, endpoint);
    if (entry) {
        *latest = entry;
        return entry->index;
    }
    void *fresh;
    if (m->server_count - TABLES_SHARED > m->max_servers || !grow_servers(m)) {
        limits_hit_add(m->hit, LIMIT_ID_SERVERS);
        return TABLES_SHARED;
    }
    struct tables_server *s = server_new(m, endpoint);
    if (!s || table_insert(m->by_endpoint, endpoint, &fresh) < 0) {
        free(s);
        limits_hit_add(m->hit, LIMIT_ID_SERVERS);
        return TABLES_SHARED;
    }
    entry = fresh;
    entry->index = m->server_count++;
    m->servers[entry->index] = s;
    return entry->index;
}

/* The server of a connection. */
static inline uint32_t conn_server_index(const struct monitor *m, uint32_t slot)
{
    return slot < m->conn_room && m->conns[slot] ? m->conns[slot] : TABLES_SHARED;
}

static __attribute__((noinline)) struct tables_server *
new_mcp_server(struct monitor *m, const struct endpoint *endpoint)
{
    uint32_t index = server_index(m, endpoint); /* may move the array */
    struct tables_server *s = m->servers[index];
    s->mcp = true;
    if (!s->counted) {
        connections_merge(&m->total.connections, &m->total_budget, &s->t.connections);
        bandwidth_merge(&m->total.bandwidth, &s->t.bandwidth);
        coverage_merge(&m->total.coverage, &s->t.coverage);
        s->counted = true;
    }
    return s;
}

/* The server that MCP was seen at: mostly that of the connection, if it still has its slot. */
static inline struct tables_server *mcp_server(struct monitor *m, const struct event_origin *origin)
{
    struct tables_server *s = m->servers[conn_server_index(m, origin->slot)];
    bool known = s->mcp && s->counted && !s->shared &&
                 memcmp(&s->endpoint, &origin->server, sizeof(s->endpoint)) == 0;
    return known ? s : new_mcp_server(m, &origin->server);
}

/* ---------------------------------------------------------------------------- packets */

static void move_connection(struct monitor *m, struct tables_server *from, struct tables_server *to)
{
    connections_leave(&from->t.connections);
    connections_enter(&to->t.connections);
    if (from->counted)
        connections_leave(&m->total.connections);
    if (to->counted)
        connections_enter(&m->total.connections);
}

/* Notes it. Without memory, the connection's bytes are with those that share a row. */
static void set_conn_server(struct monitor *m, uint32_t slot, uint32_t index)
{
    if (slot >= m->conn_room) {
        uint32_t room = m->conn_room ? m->conn_room : CONNS_ROOM;
        while (room <= slot && room <= UINT32_MAX / 2)
            room *= 2;
        uint32_t *conns = realloc(m->conns, room * sizeof(*conns));
        if (!conns) {
            limits_hit_add(m->hit, LIMIT_ID_SERVERS);
            return;
        }
        memset(conns + m->conn_room, 0, (room - m->conn_room) * sizeof(*conns));
        m->conns = conns;
        m->conn_room = room;
    }
    m->conns[slot] = index;
}

/* The roles were corrected: all that was counted for the connection is the other server's. */
static void move(struct monitor *m, const struct conn *c)
{
    uint32_t from_index = conn_server_index(m, c->slot);
    set_conn_server(m, c->slot, server_index(m, conn_server(c)));
    struct tables_server *from = m->servers[from_index];
    struct tables_server *to = m->servers[conn_server_index(m, c->slot)];
    for (int side = 0; side < DIR_COUNT; side++) {
        const struct conn_counters *n = &c->side[side];
        struct bandwidth_amount a = {n->wire_bytes, n->packets, n->payload_bytes};
        bandwidth_take(&from->t.bandwidth, (enum dir)(!side ^ c->swapped), &a);
        bandwidth_put(&to->t.bandwidth, (enum dir)(side ^ c->swapped), &a);
        if (from->counted)
            bandwidth_take(&m->total.bandwidth, (enum dir)(!side ^ c->swapped), &a);
        if (to->counted)
            bandwidth_put(&m->total.bandwidth, (enum dir)(side ^ c->swapped), &a);
    }
    if (c->close == CONN_CLOSE_NONE && c->failure == CONN_FAILURE_NONE)
        move_connection(m, from, to);
}

/* A packet of another bucket than the one before it, here or at its server. */
static __attribute__((noinline)) void count_elsewhere(struct monitor *m, struct tables_server *s,
                                                      const struct stream_packet *p)
{
    enum dir dir = (enum dir)p->dir;
    m->bucket = bandwidth_bucket(p->ts_ns, m->width_ns);
    m->bucket_ns = m->bucket * m->width_ns;
    bandwidth_add(&s->t.bandwidth, dir, p->wire_bytes, p->payload_bytes, m->bucket);
    if (s->counted)
        bandwidth_add(&m->total.bandwidth, dir, p->wire_bytes, p->payload_bytes, m->bucket);
}

void monitor_ahead(const struct monitor *m, uint32_t slot)
{
    if (slot < m->conn_room)
        __builtin_prefetch(&m->conns[slot]);
}

void monitor_packet(void *ctx, const struct stream_packet *p)
{
    struct monitor *m = ctx;
    if (p->ts_ns > m->last_ns)
        m->last_ns = p->ts_ns;
    if (p->ts_ns < m->first_ns)
        m->first_ns = p->ts_ns;
    struct tables_server *s = m->servers[conn_server_index(m, p->slot)];
    if ((uint64_t)p->ts_ns - (uint64_t)m->bucket_ns >= (uint64_t)m->width_ns ||
        s->t.bandwidth.newest != m->bucket ||
        (s->counted && m->total.bandwidth.newest != m->bucket)) {
        count_elsewhere(m, s, p);
        return;
    }
    bandwidth_count(&s->t.bandwidth, (enum dir)p->dir, p->wire_bytes, p->payload_bytes);
    if (s->counted)
        bandwidth_count(&m->total.bandwidth, (enum dir)p->dir, p->wire_bytes, p->payload_bytes);
}

/* ------------------------------------------------------------------------ connections */

static void track_row(struct monitor *m, const struct event_connection *e, uint32_t server)
{
    void *fresh;
    struct tables_connection *row = table_find(m->rows, &e->conn->id);
    if (!row) {
        if (e->event != CONN_EVENT_OPENED)
            return; /* dropped from the table before */
        if (table_insert(m->rows, &e->conn->id, &fresh) < 0) {
            limits_hit_add(m->hit, LIMIT_ID_CONNECTION_ROWS);
            return;
        }
        row = fresh;
    }
    row->conn = *e->conn;
    row->server = server;
    if (e->transport != TRANSPORT_NONE)
        row->transport = e->transport;
}

static void row_dropped(void *ctx, void *entry)
{
    (void)entry;
    struct monitor *m = ctx;
    limits_hit_add(m->hit, LIMIT_ID_CONNECTION_ROWS);
}

static void on_connection(void *ctx, const struct event_connection *e)
{
    struct monitor *m = ctx;
    const struct conn *c = e->conn;
    if (e->event == CONN_EVENT_OPENED)
        set_conn_server(m, c->slot, server_index(m, conn_server(c)));
    if (e->event == CONN_EVENT_ROLES) {
        move(m, c);
        return;
    }
    uint32_t index = conn_server_index(m, c->slot);
    struct tables_server *s = m->servers[index];
    if (e->event == CONN_EVENT_GONE) {
        coverage_add(&s->t.coverage, e);
        if (s->counted)
            coverage_add(&m->total.coverage, e);
    }
    connections_event(&s->t.connections, &m->server_budget, c, e->event);
    if (s->counted)
        connections_event(&m->total.connections, &m->total_budget, c, e->event);
    if (m->rows)
        track_row(m, e, index);
    void *past;
    if (e->event == CONN_EVENT_GONE && e->spoke)
        (void)table_take(m->past_speakers, &c->id, &past);
}

/* --------------------------------------------------------------------------- protocol */

static void count_transport(struct monitor *m, struct tables_server *s, uint8_t transport)
{
    s->t.protocol.transports[transport].connections++;
    m->total.protocol.transports[transport].connections++;
}

/* Counts the connection of a message once. What is told late can be of one that is over. */
static void count_speaker(struct monitor *m, struct tables_server *s, const struct event_message *e)
{
    void *fresh;
    const struct event_origin *origin = &e->origin;
    if (e->speaker == EVENT_SPEAKER_KNOWN || origin->transport >= TRANSPORT_COUNT)
        return;
    if (e->speaker == EVENT_SPEAKER_UNKNOWN &&
        table_take(m->past_speakers, &origin->conn_id, &fresh) != 1)
        return;
    count_transport(m, s, origin->transport);
}

static void on_message(void *ctx, const struct event_message *e)
{
    struct monitor *m = ctx;
    struct tables_server *s = mcp_server(m, &e->origin);
    count_speaker(m, s, e);
    if (e->message->kind == MESSAGE_REQUEST)
        protocol_ahead(&s->t.protocol, &m->ahead, e);
    protocol_message(&s->t.protocol, e);
    if (!m->rows || e->redelivered)
        return;
    struct tables_connection *row = table_find(m->rows, &e->origin.conn_id);
    if (row) {
        row->messages[e->message->dir]++;
        row->transport = e->origin.transport;
    }
}

static void on_exchange(void *ctx, const struct event_exchange *e)
{
    struct monitor *m = ctx;
    protocol_exchange(&mcp_server(m, &e->origin)->t.protocol, e);
}

static void on_operation(void *ctx, const struct event_operation *e)
{
    struct monitor *m = ctx;
    protocol_operation(&mcp_server(m, &e->origin)->t.protocol, e);
    protocol_operation(&m->total.protocol, e);
}

static void on_finding(void *ctx, const struct event_finding *e)
{
    struct monitor *m = ctx;
    protocol_finding(&mcp_server(m, e->origin)->t.protocol, e);
    protocol_finding(&m->total.protocol, e);
}

/* The label of a version, which mostly is that of the session before. */
static struct protocol_count *version_count(struct protocol *p, const char *version)
{
    if (!p->latest_version || strcmp(p->latest_version->text, version) != 0)
        p->latest_version = labels_get(&p->versions, version, strlen(version));
    return p->latest_version ? p->latest_version->value : NULL;
}

/* Counts a session under the version that it has now, and no longer under an earlier one. */
static void count_version(struct protocol *p, const struct event_session *e)
{
    const char *now = e->origin.version, *before = e->version_before;
    struct protocol_count *less = *before ? version_count(p, before) : NULL;
    struct protocol_count *more = version_count(p, now);
    if (less && less->count > 0)
        less->count--;
    if (more)
        more->count++;
}

static void keep_info(char kept[TABLES_INFO_BYTES], const char *text)
{
    if (!text || !*text)
        return;
    size_t n = strnlen(text, TABLES_INFO_BYTES - 1);
    memcpy(kept, text, n);
    kept[n] = '\0';
}

static void on_session(void *ctx, const struct event_session *e)
{
    struct monitor *m = ctx;
    struct tables_server *s = mcp_server(m, &e->origin);
    if (e->event == SESSION_OPENED) {
        s->t.protocol.sessions++;
        m->total.protocol.sessions++;
    }
    if (e->server_name && *e->server_name) {
        s->info_version[0] = '\0';
        keep_info(s->info_name, e->server_name);
        keep_info(s->info_version, e->server_version);
    }
    const char *version = e->origin.version;
    if (version && *version && strcmp(version, e->version_before) != 0) {
        count_version(&m->total.protocol, e);
        count_version(&s->t.protocol, e);
    }
}

/* ----------------------------------------------------------------------- life and death */

static struct table *make_table(uint32_t max, uint32_t entry_bytes, uint32_t key_bytes,
                                void (*evict)(void *, void *), struct monitor *m)
{
    struct table_config config = {.max_entries = max,
                                  .entry_bytes = entry_bytes,
                                  .key_bytes = key_bytes,
                                  .evict = evict,
                                  .ctx = m};
    hash_key_random(&config.hash);
    return table_new(&config);
}

static bool make_tables(struct monitor *m, const uint32_t *cap)
{
    m->by_endpoint = make_table(cap[LIMIT_ID_SERVERS], sizeof(struct endpoint_entry),
                                sizeof(struct endpoint), NULL, m);
    m->past_speakers = make_table(LIMIT_PAST_SPEAKERS, sizeof(uint64_t), sizeof(uint64_t), NULL, m);
    if (m->config.track_connections)
        m->rows = make_table(cap[LIMIT_ID_CONNECTION_ROWS], sizeof(struct tables_connection),
                             sizeof(uint64_t), row_dropped, m);
    m->server_room = 8;
    m->servers = calloc(m->server_room, sizeof(struct tables_server *));
    return m->by_endpoint && m->past_speakers && m->servers &&
           (m->rows || !m->config.track_connections);
}

struct monitor *monitor_new(const struct monitor_config *config, struct limits_hit *hit)
{
    struct monitor *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    const uint32_t *cap = config->caps ? config->caps->of : limits_constants.of;
    m->config = *config;
    m->config.caps = NULL;
    if (m->config.max_message_types == 0)
        m->config.max_message_types = LIMIT_MESSAGE_TYPES;
    if (m->config.window_ns <= 0)
        m->config.window_ns = DEFAULT_WINDOW_NS;
    m->hit = hit;
    m->total_budget = (struct budget){hit, UINT32_MAX, cap[LIMIT_ID_HISTOGRAM_PAGES]};
    m->server_budget =
        (struct budget){hit, cap[LIMIT_ID_TABLE_ROWS], cap[LIMIT_ID_HISTOGRAM_PAGES]};
    hash_key_random(&m->total_budget.hash);
    m->server_budget.hash = m->total_budget.hash;
    m->total_budget.queue = m->server_budget.queue = &m->queue;
    m->width_ns = bandwidth_width(m->config.window_ns);
    m->first_ns = INT64_MAX;
    m->last_ns = INT64_MIN;
    m->max_servers = cap[LIMIT_ID_SERVERS];
    m->server_count = TABLES_SHARED + 1;
    bandwidth_init(&m->total.bandwidth);
    protocol_init(&m->total.protocol, m->config.max_message_types, &m->total_budget);
    m->sink = (struct event_sink){m,           on_connection, on_session,  on_message,
                                  on_exchange, on_finding,    on_operation};
    if (make_tables(m, cap))
        m->servers[TABLES_SHARED] = server_new(m, NULL);
    if (!m->servers || !m->servers[TABLES_SHARED]) {
        monitor_free(m);
        return NULL;
    }
    return m;
}

void monitor_free(struct monitor *m)
{
    if (!m)
        return;
    for (uint32_t i = TABLES_SHARED; m->servers && i < m->server_count; i++) {
        if (m->servers[i])
            tables_release(&m->servers[i]->t);
        free(m->servers[i]);
    }
    free(m->servers);
    free(m->conns);
    tables_release(&m->total);
    table_free(m->by_endpoint);
    table_free(m->past_speakers);
    table_free(m->rows);
    free(m);
}

const struct event_sink *monitor_event_sink(struct monitor *m)
{
    return &m->sink;
}
