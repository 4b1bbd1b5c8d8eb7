/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions over connections (revisions 2024-11-05 to 2026-07-28).
 *
 * A session id is known by its hash together with the server endpoint, so the two hops of a proxy
 * are two sessions. An `initialize` comes before its session has a name: its channel gets a draft,
 * which becomes the session that the response head announces; without one, what the two hosts say
 * to each other without session ids, and then every `initialize` begins a new session there.
 * HTTP+SSE: the target for messages that the event stream announces names the session, which lives
 * as long as the stream; it counts from its InitializeResult, too.
 *
 * Without HTTP the channel, which is a connection, is the session; it is forgotten with it. If its
 * `initialize` was seen, it counts from the first result of the server.
 *
 * Revision 2026-07-28 has no sessions. There, requests of the same name and version of a client,
 * from one address to one server endpoint, stand for one; it counts from the first answer that
 * shows that the server takes part in the revision (modern.h).
 *
 * Capabilities of a party are those that it declared last. What a request of revision 2026-07-28
 * declares is of this request only: of a session there, they are those that any request declared.
 *
 * A session counts from the moment the server accepted it: the InitializeResult; joined midstream,
 * the first response head below 400, or the end of an exchange whose response was not captured.
 * Its number is given then, so every number in an event was announced before.
 *
 * Limits: LIMIT_SESSIONS, the one that was silent for longest is dropped and closed.
 */
#include "session.h"
#include "base/err.h"
#include "channel.h"
#include "emit.h"
#include "endpoint.h"
#include <assert.h>

struct session_key session_key_id(const struct channel *ch, uint64_t session_hash)
{
    return (struct session_key){
        .server = ch->server, .value = session_hash, .kind = SESSION_KIND_ID};
}

struct session_key session_key_endpoint(const struct channel *ch, uint64_t target_hash)
{
    return (struct session_key){
        .server = ch->server, .value = target_hash, .kind = SESSION_KIND_ENDPOINT};
}

struct session_key session_key_peers(const struct channel *ch)
{
    struct session_key key = {
        .server = ch->server, .client = ch->client, .kind = SESSION_KIND_PEERS};
    key.client.port = 0;
    return key;
}

struct session_key session_key_identity(const struct channel *ch, uint64_t identity_hash)
{
    struct session_key key = session_key_peers(ch);
    key.kind = SESSION_KIND_IDENTITY;
    key.value = identity_hash;
    return key;
}

struct session_key session_key_channel(const struct channel *ch, enum session_kind kind)
{
    return (struct session_key){
        .server = ch->server, .value = ch->key.conn_id, .channel = ch->key.number, .kind = kind};
}

static uint64_t hash_of(const struct tracker *t, const struct session_key *key)
{
    return hash_bytes(&t->config.hash, key, sizeof(*key));
}

struct session *session_find(const struct tracker *t, const struct session_key *key)
{
    uint64_t hash = hash_of(t, key);
    return table_find(t->sessions, &hash);
}

static void begin(struct tracker *t, struct session *s, const struct session_key *key,
                  const struct channel *ch)
{
    s->scope = ++t->last_scope;
    s->conn_id = ch->key.conn_id;
    s->client = ch->client;
    s->server = key->server;
    s->kind = (uint8_t)key->kind;
    s->transport = ch->transport;
    s->names = &names_none;
    t->targets += key->kind == SESSION_KIND_ENDPOINT;
}

/* The session of that value that the connection had before; NULL: it had none, or another one. */
static inline struct session *known_session(const struct tracker_link *link,
                                            const struct endpoint *server, uint64_t value)
{
    struct session *s = link ? link->session : NULL;
    bool same = s && link->session_value == value && s->scope == link->session_scope &&
                s->key != 0 && memcmp(&s->server, server, sizeof(s->server)) == 0;
    return same ? s : NULL;
}

struct session *session_again(const struct tracker *t, const struct channel *ch,
                              uint64_t session_hash)
{
    struct session *s = known_session(channel_link(t, ch), &ch->server, session_hash);
    if (s)
        table_touch(t->sessions, s);
    return s;
}

static bool is_draft(const struct session *s)
{
    return s && s->kind == SESSION_KIND_DRAFT;
}

/* A draft is there as long as its channel is in it, which is how it is found. */
static bool is_new(const struct session_key *key, const struct channel *ch)
{
    return key->kind == SESSION_KIND_DRAFT && !is_draft(ch->session);
}

struct session *session_get(struct tracker *t, const struct session_key *key,
                            const struct channel *ch)
{
    struct tracker_link *link = key->kind == SESSION_KIND_ID ? channel_link(t, ch) : NULL;
    struct session *s = known_session(link, &key->server, key->value);
    if (s) {
        table_touch(t->sessions, s);
        return s;
    }
    void *entry = NULL;
    int added = 1;
    if (!is_new(key, ch)) {
        uint64_t hash = hash_of(t, key);
        added = table_take(t->sessions, &hash, &entry);
    } else if (table_insert_unfound(t->sessions, &(uint64_t){SESSION_DRAFT}, &entry) < 0) {
        added = ERR_NOMEM;
    }
    if (added < 0) {
        t->forgot = true;
        return NULL;
    }
    s = entry;
    if (!added)
        table_touch(t->sessions, s);
    else
        begin(t, s, key, ch);
    if (link) {
        link->session = s;
        link->session_value = key->value;
        link->session_scope = s->scope;
    }
    return s;
}

void session_remove(struct tracker *t, struct session *s)
{
    endpoint_forget(t, s);
    names_release(t, &s->names);
    t->targets -= s->kind == SESSION_KIND_ENDPOINT;
    table_remove(t->sessions, s);
}

void session_leave(struct tracker *t, struct channel *ch)
{
    struct session *s = ch->session;
    if (!s)
        return;
    if (ch->prev)
        ch->prev->next = ch->next;
    else
        s->first = ch->next;
    if (ch->next)
        ch->next->prev = ch->prev;
    else
        s->last = ch->prev;
    ch->prev = ch->next = NULL;
    ch->session = NULL;
    if (s->kind != SESSION_KIND_DRAFT)
        return;
    assert(!s->waiting.first && !s->first);
    session_farewell(t, s);
    session_remove(t, s);
}

/* Remembers whether a connection carries one session or several. */
static void note_link(const struct tracker *t, const struct session *s, const struct channel *ch)
{
    struct tracker_link *link = channel_link(t, ch);
    if (!link || !session_named(s))
        return;
    if (link->scope == 0)
        link->scope = s->scope;
    else if (link->scope != s->scope)
        link->mixed = true;
}

void session_enter(struct tracker *t, struct session *s, struct channel *ch)
{
    if (ch->session == s)
        return;
    note_link(t, s, ch);
    s->used = s->used || ch->method == HTTP_METHOD_POST;
    session_leave(t, ch);
    ch->session = s;
    ch->prev = s->last;
    if (s->last)
        s->last->next = ch;
    else
        s->first = ch;
    s->last = ch;
    pairing_rescope(t, ch, s);
}

void session_draft(struct tracker *t, struct channel *ch)
{
    ch->initializing = true;
    if (!channel_is_http(ch) || (ch->session && session_named(ch->session)))
        return;
    struct session_key key = session_key_channel(ch, SESSION_KIND_DRAFT);
    struct session *s = session_get(t, &key, ch);
    if (s)
        session_enter(t, s, ch);
}

/* The entry stands for another session from now on. */
static void renew(struct tracker *t, struct session *s, const struct channel *ch)
{
    s->number = 0;
    s->conn_id = ch->key.conn_id;
    s->client = ch->client;
    names_release(t, &s->names);
    s->client_capabilities = s->server_capabilities = 0;
    s->over = s->closed = s->negotiated = false;
}

static void copy_party(struct tracker *t, struct session *to, const struct session *from)
{
    struct names now = *to->names;
    memcpy(now.client_name, from->names->client_name, sizeof(now.client_name));
    memcpy(now.client_version, from->names->client_version, sizeof(now.client_version));
    names_change(t, &to->names, &now);
    to->client_capabilities = from->client_capabilities;
}

void session_set_version(struct tracker *t, struct session *s, const char *version)
{
    struct names now = *s->names;
    if (names_put(now.version, sizeof(now.version), version, strlen(version)))
        names_change(t, &s->names, &now);
}

void session_adopt(struct tracker *t, struct session *s, const struct channel *ch)
{
    if (ch->session && ch->session->kind == SESSION_KIND_DRAFT && !s->names->client_name[0])
        copy_party(t, s, ch->session);
}

void session_identify(struct tracker *t, struct channel *ch, uint64_t session_hash)
{
    if (ch->session && session_named(ch->session))
        return; /* the request's own word */
    struct session_key key = session_key_id(ch, session_hash);
    struct session *s = session_get(t, &key, ch); /* may have dropped ch->session */
    if (!s)
        return;
    if (ch->initializing && is_draft(ch->session) && (s->closed || !s->number)) {
        if (s->closed) { /* the server gives the same name again */
            renew(t, s, ch);
            s->scope = ++t->last_scope;
        }
        copy_party(t, s, ch->session);
        s->from_start = channel_certain(ch);
        s->conn_id = ch->key.conn_id;
        s->client = ch->client;
    }
    if (ch->version[0] && !s->names->version[0])
        session_set_version(t, s, ch->version);
    session_enter(t, s, ch);
}

/* The `initialize` of the channel will be answered without a session id: from now on it is about
 * what the two hosts say to each other. Does nothing on other channels. */
static void settle(struct tracker *t, struct channel *ch)
{
    if (!ch->initializing || !channel_is_http(ch) ||
        (ch->session && ch->session->kind != SESSION_KIND_DRAFT))
        return;
    struct session_key key = session_key_peers(ch);
    struct session *s = session_get(t, &key, ch); /* may have dropped ch->session */
    if (!s)
        return;
    session_farewell(t, s);
    renew(t, s, ch);
    if (is_draft(ch->session))
        copy_party(t, s, ch->session);
    session_enter(t, s, ch);
}

static bool learn_text(char *dst, size_t room, const struct message *m, enum message_text which,
                       bool overwrite)
{
    size_t n;
    const char *text = message_text(m, which, &n);
    return n && (overwrite || !dst[0]) && names_put(dst, room, text, n);
}

/* Declarations of `initialize`, of its result and of that of `server/discover` replace what was
 * known; those of other requests are added. */
static __attribute__((noinline)) bool learn_capabilities(struct session *s, const struct message *m,
                                                         enum method answers)
{
    bool request = m->kind == MESSAGE_REQUEST && m->dir == DIR_C2S;
    bool result = m->kind == MESSAGE_RESULT && m->dir == DIR_S2C;
    uint16_t *known = request ? &s->client_capabilities : &s->server_capabilities;
    uint16_t before = *known;
    if ((request && m->method == METHOD_INITIALIZE) ||
        (result && (answers == METHOD_INITIALIZE || answers == METHOD_SERVER_DISCOVER)))
        *known = m->capabilities;
    else if (request && !session_named(s))
        *known |= m->capabilities;
    return *known != before;
}

static __attribute__((noinline)) void learn_party(struct tracker *t, struct session *s,
                                                  const struct message *m, enum method answers)
{
    bool initialize_result = answers == METHOD_INITIALIZE && m->kind == MESSAGE_RESULT;
    struct names now = *s->names;
    bool changed = m->capabilities != 0 && learn_capabilities(s, m, answers);
    bool request = m->kind == MESSAGE_REQUEST && m->dir == DIR_C2S;
    bool initialize = request && m->method == METHOD_INITIALIZE;
    if (request) {
        changed |= learn_text(now.client_name, sizeof(now.client_name), m, MESSAGE_TEXT_PEER_NAME,
                              initialize);
        changed |= learn_text(now.client_version, sizeof(now.client_version), m,
                              MESSAGE_TEXT_PEER_VERSION, initialize);
    } else if (m->kind == MESSAGE_RESULT && m->dir == DIR_S2C) {
        changed |= learn_text(now.server_name, sizeof(now.server_name), m, MESSAGE_TEXT_PEER_NAME,
                              initialize_result);
        changed |= learn_text(now.server_version, sizeof(now.server_version), m,
                              MESSAGE_TEXT_PEER_VERSION, initialize_result);
    }
    if (initialize_result) {
        changed |= learn_text(now.version, sizeof(now.version), m, MESSAGE_TEXT_VERSION, true);
        s->negotiated = true;
    } else if (request && !initialize && !session_named(s)) {
        bool refused = s->kind == SESSION_KIND_IDENTITY && !s->number; /* so far */
        changed |= learn_text(now.version, sizeof(now.version), m, MESSAGE_TEXT_VERSION, refused);
    }
    if (changed)
        names_change(t, &s->names, &now);
    if (changed && s->number && !s->closed)
        emit_session(t, s, SESSION_UPDATED);
}

/* It says something of its sender. */
static bool tells_of_party(const struct message *m)
{
    return (m->capabilities | m->text_len[MESSAGE_TEXT_PEER_NAME] |
            m->text_len[MESSAGE_TEXT_PEER_VERSION] | m->text_len[MESSAGE_TEXT_VERSION]) != 0;
}

void session_learn(struct tracker *t, struct channel *ch, const struct message *m,
                   enum method answers)
{
    bool initialize_result = answers == METHOD_INITIALIZE && m->kind == MESSAGE_RESULT;
    if (initialize_result)
        settle(t, ch);
    struct session *s = ch->session;
    if (!s)
        return;
    if (initialize_result || tells_of_party(m))
        learn_party(t, s, m, answers);
    bool result = m->kind == MESSAGE_RESULT && m->dir == DIR_S2C;
    if (initialize_result || (s->kind == SESSION_KIND_CHANNEL && result))
        session_open(t, s);
}

void session_open(struct tracker *t, struct session *s)
{
    if (s->number || s->over)
        return;
    s->number = ++t->counters.sessions;
    emit_session(t, s, SESSION_OPENED);
}

void session_farewell(struct tracker *t, struct session *s)
{
    if (!s->number || s->closed)
        return;
    s->closed = true;
    emit_session(t, s, SESSION_CLOSED);
}

void session_close(struct tracker *t, struct session *s)
{
    s->over = true;
    while (s->waiting.first)
        pairing_doom(t, s->waiting.first);
    for (struct channel *ch = s->first; ch; ch = ch->next) {
        for (struct pending *p = ch->waiting.first, *next; p; p = next) {
            next = p->next;
            if (p->dir == DIR_S2C)
                pairing_doom(t, p);
        }
    }
    session_farewell(t, s);
}

void session_evict(void *tracker, void *entry)
{
    struct tracker *t = tracker;
    struct session *s = entry;
    limits_hit_add(t->hit, LIMIT_ID_SESSIONS);
    t->forgot = true;
    endpoint_forget(t, s);
    while (s->waiting.first) {
        s->waiting.first->lossy = true;
        pairing_give_up(t, s->waiting.first, true);
    }
    for (struct channel *ch = s->first, *next; ch; ch = next) {
        next = ch->next;
        ch->session = NULL;
        ch->prev = ch->next = NULL;
        ch->lossy = true; /* its ids mean nothing any more */
    }
    session_farewell(t, s);
    names_release(t, &s->names);
    t->targets -= s->kind == SESSION_KIND_ENDPOINT;
}
