/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels: what is MCP, and where a channel belongs.
 *
 * Evidence, strongest first: an Mcp-* field in the request or response head; the target that an
 * event stream announced for messages (HTTP+SSE); a method that only MCP has, or a shape that only
 * MCP has; an answer on an event stream to a request that waits for one between the same hosts
 * (HTTP+SSE whose announcement was missed); a server endpoint and path that spoke MCP before. The
 * last does not suffice for names that other protocols use too
 * (tasks/get and its like, or any unknown method): there the client must also accept both JSON and
 * event streams, as every MCP client does, because gateways may serve several protocols on one
 * path. Nobody knows the path of a response whose request was not seen: there it suffices that its
 * connection spoke MCP, if its server was not seen to speak other JSON-RPC on such a one. A GET
 * counts only as the opening of an event stream: the fields alone are also sent with requests for
 * authorization metadata.
 *
 * What comes on a channel before its evidence is not held back but dropped and counted as other
 * traffic. It concerns captures that begin midstream with an ambiguous message, without any header.
 * The bytes of what was dropped are noted, for those who ask how much of a connection was decoded.
 *
 * When a channel ends, each request that waits on it is refused (HTTP status), unanswered, lost, or
 * goes on waiting in its session, which can bring the answer on a resumed stream. Where a client
 * hung up it waits on, too, for the cancellation that may follow on another connection.
 *
 * Limits: LIMIT_EXCHANGES open channels, the oldest is dropped as lost; LIMIT_ENDPOINTS paths.
 */
#include "channel.h"
#include "emit.h"
#include "endpoint.h"
#include "modern.h"

static struct channel_path path_of(const struct channel *ch)
{
    return (struct channel_path){.server = ch->server, .path_hash = ch->path_hash};
}

static struct channel_key key_of(const struct record *r)
{
    return (struct channel_key){.conn_id = r->conn_id, .number = r->channel};
}

struct channel *channel_find(struct tracker *t, const struct record *r)
{
    struct tracker_near *near = tracker_near(t, r->conn_id);
    struct channel *ch = near->channel;
    if (ch && ch->key.conn_id == r->conn_id && ch->key.number == r->channel)
        return ch;
    struct channel_key key = key_of(r);
    return near->channel = table_find(t->channels, &key);
}

void channel_remove(struct tracker *t, struct channel *ch)
{
    table_remove(t->channels, ch);
}

/* Its request head may hold more than is known, but not this. */
static bool has_path(const struct channel *ch)
{
    return !(ch->flags & CHANNEL_HEADER_UNKNOWN) || ch->path_hash != 0;
}

/* Nobody knows whether its request head names a session. */
static bool in_unknown_session(const struct channel *ch)
{
    return channel_is_http(ch) && (ch->flags & CHANNEL_HEADER_UNKNOWN) &&
           !(ch->flags & (CHANNEL_HAS_SESSION | CHANNEL_STUB));
}

bool channel_unproven(const struct tracker *t, const struct channel *ch)
{
    if (!(ch->flags & CHANNEL_JOINED))
        return false;
    const struct tracker_link *link = channel_link(t, ch);
    return ch->kept || !link || !link->proven;
}

void channel_prove(struct tracker *t, const struct channel *ch)
{
    if (!(ch->flags & CHANNEL_JOINED))
        return;
    struct tracker_link *link = channel_link(t, ch);
    if (link)
        link->proven = true;
}

void channel_refute(struct tracker *t, struct channel *ch)
{
    struct tracker_link *link = channel_link(t, ch);
    if (link)
        link->refuted = true;
    ch->flags |= CHANNEL_UNCERTAIN;
}

static bool is_refuted(const struct tracker *t, const struct channel *ch)
{
    if (!(ch->flags & CHANNEL_JOINED))
        return false;
    const struct tracker_link *link = channel_link(t, ch);
    return link && link->refuted;
}

/* What was told only once, and too early to count. */
static void tell_masks(struct tracker *t, struct channel *ch)
{
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        if (!ch->masks[dir])
            continue;
        struct event_origin origin;
        emit_origin(ch, NULL, &origin);
        emit_finding(t, &origin, finding_name(FINDING_BAD_MASK), (enum dir)dir, &t->at);
        ch->masks[dir] = false;
    }
}

/* What is known of its connection, which spoke JSON-RPC; NULL: out of memory. */
static struct tracker_link *link_of(struct tracker *t, const struct channel *ch)
{
    struct tracker_link *link = channel_link(t, ch);
    return link ? link : tracker_link_add(t, ch->key.conn_id, ch->slot);
}

/* Without memory later channels prove themselves. */
static void remember(struct tracker *t, const struct channel *ch, const struct channel_path *key)
{
    struct tracker_near *near = tracker_near(t, ch->key.conn_id);
    void *entry = near->path;
    int added = 0;
    if (!near->path || memcmp(near->path, key, sizeof(*key)) != 0)
        added = table_take(t->endpoints, key, &entry);
    near->path = added < 0 ? NULL : entry;
    if (added == 0)
        table_touch(t->endpoints, entry);
}

/* A connection mostly asks for one path only: then no key is made. */
static inline void remember_path(struct tracker *t, const struct channel *ch)
{
    struct channel_path *known = tracker_near(t, ch->key.conn_id)->path;
    if (known && known->path_hash == ch->path_hash && known->shared == 0 &&
        memcmp(&known->server, &ch->server, sizeof(known->server)) == 0) {
        table_touch(t->endpoints, known);
        return;
    }
    struct channel_path key = path_of(ch);
    remember(t, ch, &key);
}

/* Remembers a gateway: a server that speaks MCP and other JSON-RPC on one connection. */
static void note_shared(struct tracker *t, const struct channel *ch,
                        const struct tracker_link *link)
{
    if (link->mcp && link->foreign)
        remember(t, ch, &(struct channel_path){.server = ch->server, .shared = 1});
}

/* The channel speaks MCP from now on. */
static void promote(struct tracker *t, struct channel *ch)
{
    ch->mcp = true;
    struct tracker_link *link = link_of(t, ch);
    if (link) {
        link->mcp = true;
        note_shared(t, ch, link);
    }
    if (ch->method == HTTP_METHOD_POST && channel_certain(ch) && !ch->known_path && has_path(ch))
        remember_path(t, ch);
    if (ch->status >= 400)
        emit_status(t, ch);
    tell_masks(t, ch);
}

static bool opens_stream(const struct channel *ch)
{
    return (ch->flags & (CHANNEL_ACCEPTS_SSE | CHANNEL_ACCEPTS_BOTH | CHANNEL_HAS_LAST_EVENT)) != 0;
}

/* What the request head alone proves. */
static bool head_proves(const struct channel *ch)
{
    bool field = (ch->flags & (CHANNEL_MCP_HEADER | CHANNEL_HAS_SESSION)) != 0;
    switch ((enum http_method)ch->method) {
    case HTTP_METHOD_POST:
        return field || ch->announced || (ch->known_path && (ch->flags & CHANNEL_ACCEPTS_BOTH));
    case HTTP_METHOD_GET:
        return (ch->flags & CHANNEL_HAS_SESSION) || (opens_stream(ch) && (field || ch->known_path));
    case HTTP_METHOD_DELETE:
    case HTTP_METHOD_UNKNOWN:
        return field;
    case HTTP_METHOD_OTHER:
        break;
    }
    return false;
}

/* One that is not there yet. */
static struct channel *make(struct tracker *t, const struct record *r)
{
    struct channel_key key = key_of(r);
    void *entry;
    int added = table_take(t->channels, &key, &entry);
    if (added == 0) { /* its end was lost */
        channel_end(t, entry, CHANNEL_END_LOST);
        channel_remove(t, entry);
        added = table_insert(t->channels, &key, &entry);
    }
    if (added < 0) {
        t->forgot = true;
        return NULL;
    }
    struct channel *ch = tracker_near(t, r->conn_id)->channel = entry;
    ch->client = r->client;
    ch->server = r->server;
    ch->transport = r->transport;
    ch->slot = r->slot;
    return ch;
}

void channel_begin(struct tracker *t, const struct record *r)
{
    struct channel *ch = make(t, r);
    if (!ch)
        return;
    const struct record_begin *begin = &r->u.begin;
    ch->path_hash = begin->path_hash;
    ch->target_hash = begin->target_hash;
    ch->session_hash = begin->session_hash;
    ch->method_hash = begin->method_hash;
    ch->name_hash = begin->name_hash;
    ch->flags = begin->flags;
    ch->method = begin->method;
    memcpy(ch->version, begin->version, sizeof(ch->version) - 1);
    if (!(ch->flags & (CHANNEL_MCP_HEADER | CHANNEL_STUB)) && channel_is_http(ch) && has_path(ch)) {
        struct channel_path key = path_of(ch);
        ch->known_path = table_find(t->endpoints, &key) != NULL;
    }
    if (!(ch->flags & (CHANNEL_HAS_SESSION | CHANNEL_STUB)) && ch->method == HTTP_METHOD_POST &&
        has_path(ch)) {
        struct session_key key = session_key_endpoint(ch, ch->target_hash);
        ch->announced = t->targets > 0 && channel_is_http(ch) && session_find(t, &key);
    }
    ch->lossy = in_unknown_session(ch);
    ch->modern = modern_head(ch);
    if (head_proves(ch))
        promote(t, ch);
    if (ch->mcp && !ch->modern && (ch->announced || (ch->flags & CHANNEL_HAS_SESSION)))
        channel_session(t, ch);
}

struct channel *channel_of(struct tracker *t, const struct record *r)
{
    struct channel *ch = channel_find(t, r);
    if (ch)
        return ch;
    ch = make(t, r);
    if (ch) {
        ch->flags = CHANNEL_STUB | CHANNEL_UNCERTAIN;
        ch->lossy = true;
    }
    return ch;
}

/* Names that are no evidence even where MCP is spoken. */
static bool is_ambiguous(enum method method)
{
    return method == METHOD_OTHER || method == METHOD_TASKS_GET || method == METHOD_TASKS_LIST ||
           method == METHOD_TASKS_CANCEL;
}

/* The response to a request that was not seen, where nothing but MCP was spoken so far: not on its
 * connection, nor on others to a gateway. */
static bool is_orphan_of_mcp(const struct tracker *t, const struct channel *ch,
                             const struct message *m)
{
    if (m->dir != DIR_S2C || !channel_is_http(ch) || !(ch->flags & CHANNEL_STUB))
        return false;
    const struct tracker_link *link = channel_link(t, ch);
    if (!link || !link->mcp || link->foreign)
        return false;
    struct channel_path key = {.server = ch->server, .shared = 1};
    return !table_find(t->endpoints, &key);
}

/* The message does not count as MCP. How many bytes that is under a coding is not known. */
static void drop(struct tracker *t, struct channel *ch, const struct message *m)
{
    bool asks = m->kind == MESSAGE_REQUEST || m->kind == MESSAGE_NOTIFICATION;
    uint64_t bytes = m->flags & MESSAGE_CODED ? 0 : m->bytes;
    struct tracker_link *link = link_of(t, ch);
    ch->dropped = true;
    if (asks && channel_is_http(ch) && channel_certain(ch))
        ch->foreign = true;
    if (!link)
        return;
    link->foreign |= ch->foreign;
    note_shared(t, ch, link);
    struct tracker_odd *odd = bytes > 0 ? tracker_odd(t, link) : NULL;
    if (odd && ch->foreign)
        odd->foreign_bytes += bytes;
    else if (odd)
        odd->unproven_bytes += bytes;
}

bool channel_prove_mcp(struct tracker *t, struct channel *ch, const struct message *m)
{
    bool asks = m->kind == MESSAGE_REQUEST || m->kind == MESSAGE_NOTIFICATION;
    bool proof = false;
    if (!(m->flags & MESSAGE_NO_VERSION)) {
        proof = (m->flags & MESSAGE_MCP_SHAPE) != 0;
        if (asks && method_info(m->method)->evidence == METHOD_EVIDENCE_STRONG)
            proof = true;
        else if (ch->known_path && ch->method == HTTP_METHOD_POST && !ch->dropped)
            proof = proof || !asks || !is_ambiguous(m->method);
        else if (!asks)
            proof = proof || endpoint_fits(t, ch, m) || is_orphan_of_mcp(t, ch, m);
    }
    if (proof)
        promote(t, ch);
    else
        drop(t, ch, m);
    return proof;
}

static struct session_key session_key_of(const struct channel *ch)
{
    if (ch->modern)
        return session_key_identity(ch, ch->identity_hash);
    if (ch->flags & CHANNEL_HAS_SESSION)
        return session_key_id(ch, ch->session_hash);
    if (ch->announced)
        return session_key_endpoint(ch, ch->target_hash);
    if (in_unknown_session(ch)) /* a scope of its own, unless the response names the session */
        return session_key_channel(ch, SESSION_KIND_DRAFT);
    if (channel_is_http(ch))
        return session_key_peers(ch);
    return session_key_channel(ch, SESSION_KIND_CHANNEL);
}

/* The session to which the request belongs, looked up or made. */
static struct session *get_session(struct tracker *t, const struct channel *ch)
{
    struct session *s = NULL;
    if (!ch->modern && (ch->flags & CHANNEL_HAS_SESSION))
        s = session_again(t, ch, ch->session_hash);
    if (s)
        return s;
    struct session_key key = session_key_of(ch);
    if (key.kind == SESSION_KIND_DRAFT) /* what it says may have concerned any session */
        tracker_note_loss(t, &ch->client, &ch->server);
    return session_get(t, &key, ch);
}

struct session *channel_session(struct tracker *t, struct channel *ch)
{
    if (ch->session)
        return ch->session;
    struct session *s = get_session(t, ch);
    if (!s)
        return NULL;
    session_enter(t, s, ch);
    if (ch->version[0] && !s->names->version[0] && !s->negotiated) {
        session_set_version(t, s, ch->version);
        if (s->number && !s->closed)
            emit_session(t, s, SESSION_UPDATED);
    }
    if (s->kind == SESSION_KIND_CHANNEL && !ch->initializing)
        session_open(t, s); /* it goes on since before the capture, or does without */
    return s;
}

void channel_announce(struct tracker *t, struct channel *ch, uint64_t target_hash)
{
    if (ch->session || ch->method != HTTP_METHOD_GET || !channel_is_http(ch))
        return;
    ch->announced = true;
    ch->target_hash = target_hash;
    if (!ch->mcp)
        promote(t, ch);
    struct session *s = channel_session(t, ch);
    if (s && s->kind == SESSION_KIND_ENDPOINT) {
        s->from_start = channel_certain(ch) && !ch->lossy;
        endpoint_bind(t, s); /* the target was used before a hole let the announcement through */
    }
}

/* What the status says about the session. */
static void head_of_session(struct tracker *t, struct channel *ch, struct session *s)
{
    bool accepted = ch->status < 400;
    if (s->kind == SESSION_KIND_ENDPOINT) {
        if (accepted && ch->method == HTTP_METHOD_POST && !s->from_start)
            session_open(t, s);
        return;
    }
    if (s->kind == SESSION_KIND_PEERS) {
        if (accepted && s->names->version[0] && ch->method == HTTP_METHOD_POST && !ch->initializing)
            session_open(t, s);
        return;
    }
    if (s->kind != SESSION_KIND_ID)
        return;
    bool closing = ch->method == HTTP_METHOD_DELETE;
    if (accepted && !closing)
        s->over = false; /* it was not gone after all */
    if (accepted && !ch->initializing)
        session_open(t, s);
    bool unknown = ch->status == 404 && (ch->flags & CHANNEL_HAS_SESSION);
    if (unknown || (closing && ch->status >= 200 && ch->status < 300))
        session_close(t, s);
}

void channel_head(struct tracker *t, struct channel *ch, const struct record *r)
{
    const struct record_head *head = &r->u.head;
    ch->status = head->status;
    ch->content = head->content;
    ch->opaque = ch->opaque || head->coded;
    ch->flags |= head->flags & (CHANNEL_UNCERTAIN | CHANNEL_REQUEST_MISSING);
    if (is_refuted(t, ch))
        ch->flags |= CHANNEL_UNCERTAIN;
    bool named = (head->flags & CHANNEL_HAS_SESSION) != 0;
    ch->answer_named = named;
    ch->answer_session_hash = head->session_hash;
    bool field = named || (head->flags & CHANNEL_MCP_HEADER);
    bool plausible = ch->method == HTTP_METHOD_POST || ch->method == HTTP_METHOD_UNKNOWN ||
                     (ch->method == HTTP_METHOD_GET && head->content == HTTP_CONTENT_SSE);
    if (!ch->mcp && field && plausible)
        promote(t, ch);
    else if (ch->mcp && ch->status >= 400)
        emit_status(t, ch);
    if (!ch->mcp)
        return;
    if (ch->status < 400 && !ch->modern) {
        if (named)
            session_identify(t, ch, head->session_hash);
        else if (ch->status == 202)
            endpoint_infer(t, ch);
    }
    if (ch->session && !(ch->flags & CHANNEL_UNCERTAIN))
        head_of_session(t, ch, ch->session);
}

/* What becomes of a request that the client sent over HTTP when its exchange is over. */
static void end_exchange(struct tracker *t, struct channel *ch, struct pending *p,
                         enum channel_end how)
{
    struct session *s = ch->session;
    if (ch->status >= 300 && channel_certain(ch)) {
        if (ch->status < 400)
            emit_status(t, ch); /* no error by itself, but nothing answered the request */
        pairing_end(
            t, p,
            &(struct pairing_outcome){
                .status = EXCHANGE_ERROR, .channel = ch, .http_status = ch->status, .at = t->at});
        return;
    }
    if (ch->modern) {
        modern_end(t, ch, p, how);
        return;
    }
    bool usable = s && !s->over && s->kind != SESSION_KIND_DRAFT;
    bool stream = ch->content == HTTP_CONTENT_SSE && ch->status &&
                  (ch->event_ids || (s && s->kind == SESSION_KIND_ID));
    bool closed = how == CHANNEL_END_CLOSED || how == CHANNEL_END_ABORTED;
    bool elsewhere = s && s->kind == SESSION_KIND_ENDPOINT; /* on the stream of the session */
    if ((ch->status == 202 || elsewhere) && usable) {
        p->over = s->kind == SESSION_KIND_ID;
        pairing_detach(t, p, s);
    } else if ((stream || closed) && usable) {
        p->over = !ch->event_ids; /* else the client may still resume it */
        pairing_detach(t, p, s);
    } else if (s && s->over) {
        pairing_doom(t, p);
    } else {
        pairing_give_up(t, p, false);
    }
}

/* The capture ends first: the request waits for tracker_finish(), if there is a session to wait in.
 */
static void end_capture(struct tracker *t, struct channel *ch, struct pending *p)
{
    struct session *s = ch->session;
    if (s && s->kind != SESSION_KIND_DRAFT)
        pairing_detach(t, p, s);
    else
        pairing_end(t, p,
                    &(struct pairing_outcome){.status = p->acknowledged ? EXCHANGE_ACKNOWLEDGED
                                                        : p->lossy      ? EXCHANGE_LOST
                                                                        : EXCHANGE_PENDING,
                                              .at = t->at});
}

/* Whether the answer to an `initialize` was not seen. */
static bool is_initializing(const struct channel *ch)
{
    const struct pending *p = ch->waiting.first;
    while (p && p->method != METHOD_INITIALIZE)
        p = p->next;
    return p != NULL;
}

/* Accepted, but with a body that cannot answer anything. */
static bool is_empty(const struct channel *ch)
{
    return ch->status == 204 || (ch->status == 200 && ch->content != HTTP_CONTENT_JSON &&
                                 ch->content != HTTP_CONTENT_SSE);
}

/* The connection that was a session is over. */
static void forget_session(struct tracker *t, struct session *s)
{
    if (s->over && !s->first && !s->waiting.first)
        session_remove(t, s);
}

void channel_end(struct tracker *t, struct channel *ch, enum channel_end how)
{
    if (how == CHANNEL_END_COMPLETE && is_empty(ch))
        endpoint_infer(t, ch);
    endpoint_decide(t, ch);
    struct session *s = ch->session;
    bool http = channel_is_http(ch);
    bool lost =
        how == CHANNEL_END_LOST || ch->lossy || ch->opaque || (http && !channel_certain(ch));
    if (how == CHANNEL_END_LOST)
        tracker_note_loss(t, &ch->client, &ch->server);
    bool refusal_known = ch->status != 0 && !(ch->flags & CHANNEL_UNCERTAIN);
    bool named = s && (s->kind == SESSION_KIND_ID || s->kind == SESSION_KIND_IDENTITY);
    if (ch->mcp && named && !refusal_known && (!ch->modern || how == CHANNEL_END_LOST))
        session_open(t, s); /* the client uses it, and nothing says that the server refused */
    bool elsewhere = s && s->kind == SESSION_KIND_ENDPOINT; /* its answers come */
    bool unproven = !elsewhere && how != CHANNEL_END_CAPTURE && channel_unproven(t, ch);
    bool own = s && s->kind == SESSION_KIND_CHANNEL;
    if (own && lost && is_initializing(ch))
        session_open(t, s); /* the same */
    for (struct pending *p = ch->waiting.first, *next; p; p = next) {
        next = p->next;
        p->lossy = p->lossy || lost || (unproven && p->dir == DIR_C2S);
        p->over = how != CHANNEL_END_CAPTURE;
        p->broken = http && p->over && p->dir == DIR_C2S && ch->status == 0;
        if (!p->over)
            end_capture(t, ch, p);
        else if (http && p->dir == DIR_C2S)
            end_exchange(t, ch, p, how);
        else if (http && s && !s->over && s->kind != SESSION_KIND_DRAFT)
            pairing_detach(t, p, s);
        else if (http)
            pairing_doom(t, p);
        else
            pairing_give_up(t, p, false);
    }
    bool whole = own || (elsewhere && ch->method != HTTP_METHOD_POST);
    if (whole && how != CHANNEL_END_CAPTURE)
        session_close(t, s);
    session_leave(t, ch);
    if (own)
        forget_session(t, s);
}

void channel_evict(void *tracker, void *entry)
{
    struct tracker *t = tracker;
    limits_hit_add(t->hit, LIMIT_ID_EXCHANGES);
    t->forgot = true;
    channel_end(t, entry, CHANNEL_END_LOST);
}
