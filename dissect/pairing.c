/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests and what became of them (JSON-RPC 2.0; MCP pairing as in the tracker's header).
 *
 * A waiting request is in three places: the table of all, in order of appearance, which is also
 * that of the time-outs, because they are counted in tracker time, which never runs backwards; the
 * list of those with the same scope, sender and id, which an index finds; and the list of its
 * owner, the channel or, once that is over, the session. Most channels own one request, so a
 * response mostly finds it there without the index.
 *
 * Limits: LIMIT_PENDING requests, the oldest is given up as lost; LIMIT_ANSWERED remembered ones.
 * Where many requests share an id, at most WALK_MAX of them are looked at.
 *
 * Ignored on purpose: the time-out of requests that open a stream; they wait by design.
 */
#include "channel.h"
#include "emit.h"
#include "operations.h"
#include <stdlib.h>

#define WALK_MAX 64 /* steps in a list: bounds what a sender of equal ids can cost */

static void list_append(struct pairing_list *list, struct pending *p)
{
    p->prev = list->last;
    p->next = NULL;
    if (list->last)
        list->last->next = p;
    else
        list->first = p;
    list->last = p;
}

static void owner_leave(struct tracker *t, struct pending *p)
{
    struct pairing_list *list = p->channel   ? &p->channel->waiting
                                : p->session ? &p->session->waiting
                                             : &t->doomed;
    if (p->prev)
        p->prev->next = p->next;
    else
        list->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        list->last = p->prev;
    if (p->channel)
        p->channel->waiting_count--;
    p->channel = NULL;
    p->session = NULL;
}

static const char *texts(const struct pending *p)
{
    return p->overflow ? p->overflow : p->text;
}

/* Keeps id, name and, of a method that is not in the list, its text. */
static void keep_texts(struct pending *p, const struct message *m)
{
    static const uint8_t which[] = {MESSAGE_TEXT_ID, MESSAGE_TEXT_NAME, MESSAGE_TEXT_METHOD};
    uint8_t len[3];
    size_t total = 0;
    for (int i = 0; i < 3; i++) {
        len[i] = m->text_len[which[i]];
        if (which[i] == MESSAGE_TEXT_METHOD && m->method != METHOD_OTHER)
            len[i] = 0;
        total += len[i];
    }
    char *to = p->text;
    if (total > sizeof(p->text)) {
        p->overflow = malloc(total);
        if (!p->overflow)
            return;
        to = p->overflow;
    }
    for (int i = 0; i < 3; i++) {
        memcpy(to, m->text + m->text_off[which[i]], len[i]);
        to += len[i];
    }
    p->id_len = len[0];
    p->name_len = len[1];
    p->method_len = len[2];
}

/* Whether the request may have been sent before, when it was not seen: in what was lost, or before
 * the capture. A stream of which only the middle was captured rather brings what is new. */
static bool may_be_copy(const struct tracker *t, const struct channel *ch, const struct message *m)
{
    if (m->dir != DIR_S2C || !channel_maybe_resumed(ch))
        return false;
    bool from_start = ch->session && ch->session->from_start;
    bool middle = (ch->flags & CHANNEL_STUB) && ch->status == 0;
    return ch->lossy || (!from_start && !middle) ||
           tracker_lost_since(t, &ch->client, &ch->server, 0);
}

void pairing_add(struct tracker *t, struct channel *ch, const struct message *m,
                 const char *version)
{
    void *entry;
    if (table_insert(t->pending, NULL, &entry) < 0) {
        t->forgot = true;
        return;
    }
    struct pending *p = entry;
    p->seq = ++t->last_seq;
    p->scope = ch->session ? ch->session->scope : ++t->last_scope;
    p->id_hash = m->id.hash;
    p->dir = m->dir;
    p->method = m->method;
    ids_add(&t->ids, p);
    p->client = ch->client;
    p->server = ch->server;
    p->target_hash = ch->target_hash;
    p->conn_id = ch->key.conn_id;
    p->conn_slot = ch->slot;
    p->channel_number = ch->key.number;
    p->transport = ch->transport;
    p->request = m->last;
    p->bytes = m->bytes;
    p->deadline_ns = tracker_later(t->now_ns, t->config.request_timeout_ns);
    tracker_due(t, p->deadline_ns);
    const struct session *s = ch->session;
    bool follows = s && !session_shared(s);
    if (!version[0] && !follows)
        version = emit_version(ch);
    if (version[0])
        tracker_copy_text(p->version, sizeof(p->version), version, strlen(version));
    keep_texts(p, m);
    p->maybe_copy = may_be_copy(t, ch, m);
    p->stub = (ch->flags & CHANNEL_STUB) != 0;
    p->lossy = s && s->tie && m->last.ts_ns < s->tie->tied_ns;
    p->channel = ch;
    list_append(&ch->waiting, p);
    ch->waiting_count++;
    t->counters.pending++;
    if (tracker_links_of(t, m))
        operations_request(t, p, m);
}

struct pending *pairing_own(const struct tracker *t, const struct channel *ch, enum dir dir,
                            uint64_t id_hash)
{
    struct pending *p = ch->waiting.first;
    if (ch->waiting_count <= WALK_MAX) {
        while (p && (p->id_hash != id_hash || p->dir != dir))
            p = p->next;
        return p;
    }
    p = ids_oldest(&t->ids, p->scope, dir, id_hash);
    for (int steps = 0; p && steps < WALK_MAX; steps++, p = p->by_id.newer)
        if (p->channel == ch)
            return p;
    return NULL;
}

/* In a scope of several clients: whether the answer to p may come on ch. The client's comes on the
 * path of the stream that asked, the server's on a stream that the client resumed. */
static bool shared_fits(const struct pending *p, const struct channel *ch)
{
    if (p->channel == ch)
        return true;
    if (p->dir == DIR_S2C)
        return p->channel ? p->channel->path_hash == ch->path_hash : !p->stub;
    return channel_resumed(ch) && (!p->channel || p->channel->status == 0);
}

struct pending *pairing_elsewhere(const struct tracker *t, const struct session *s,
                                  const struct channel *ch, enum dir dir, uint64_t id_hash)
{
    struct pending *newest = ids_newest(&t->ids, s->scope, dir, id_hash), *p = newest;
    if (!p)
        return NULL;
    int steps = 0;
    if (s->kind == SESSION_KIND_PEERS) {
        for (; p && steps < WALK_MAX; steps++, p = p->by_id.older)
            if (shared_fits(p, ch))
                return p;
        return NULL;
    }
    for (p = newest->by_id.oldest; p && steps < WALK_MAX; steps++, p = p->by_id.newer)
        if (!p->channel)
            return p;
    return newest->by_id.oldest;
}

struct pending *pairing_only(const struct tracker *t, const struct session *s, enum dir dir,
                             uint64_t id_hash)
{
    struct pending *p = ids_newest(&t->ids, s->scope, dir, id_hash);
    return p && !p->by_id.older ? p : NULL;
}

struct pending *pairing_latest(const struct tracker *t, const struct session *s, enum dir dir,
                               uint64_t id_hash)
{
    return ids_newest(&t->ids, s->scope, dir, id_hash);
}

/* In a scope of several clients: whether what was sent on ch to cancel a request may mean p. What
 * is sent to different targets is not of one client's dialogue: those of HTTP+SSE are its name,
 * even while nobody knows it for one. */
static bool may_mean(const struct pending *p, const struct channel *ch)
{
    bool known = p->target_hash != 0 && ch->target_hash != 0;
    return p->dir == DIR_S2C || !known || p->target_hash == ch->target_hash;
}

/* What was counted of the requests that a cancellation may mean. */
struct meant {
    struct pending *any, *left; /* left by its client, which closed its stream */
    int count, left_count;
};

static struct meant count_meant(struct pending *newest, const struct channel *ch)
{
    struct meant found = {.count = 0};
    struct pending *p = newest;
    for (int steps = 0; p && steps < WALK_MAX; steps++, p = p->by_id.older) {
        if (!may_mean(p, ch))
            continue;
        found.any = p;
        found.count++;
        if (p->channel)
            continue;
        found.left = p;
        found.left_count++;
    }
    if (p) /* there are more than can be looked at */
        found.count = found.left_count = WALK_MAX;
    return found;
}

bool pairing_meant(const struct tracker *t, const struct channel *ch, enum dir dir,
                   uint64_t id_hash, struct pending **ret_p)
{
    const struct session *s = ch->session;
    struct pending *p = pairing_own(t, ch, dir, id_hash);
    if (!p && !session_shared(s))
        p = pairing_latest(t, s, dir, id_hash);
    *ret_p = p;
    if (p || !session_shared(s))
        return p != NULL;
    p = ids_newest(&t->ids, s->scope, dir, id_hash);
    struct meant found = count_meant(p, ch);
    bool of_client = dir == DIR_C2S || channel_resumed(ch); /* else each stream has its own ids */
    if (found.count == 1 && of_client)
        *ret_p = found.any;
    else if (s->kind == SESSION_KIND_IDENTITY && found.left_count == 1)
        *ret_p = found.left;
    if (*ret_p || found.count == 0)
        return found.count > 0;
    for (int steps = 0; p && steps < WALK_MAX; steps++, p = p->by_id.older)
        p->lossy = p->lossy || may_mean(p, ch);
    return true;
}

struct pending *pairing_twin(const struct tracker *t, const struct session *s,
                             const struct channel *ch, enum dir dir, uint64_t id_hash)
{
    if (session_shared(s) || s->kind == SESSION_KIND_DRAFT)
        return pairing_own(t, ch, dir, id_hash);
    return pairing_latest(t, s, dir, id_hash);
}

struct answered *pairing_answered(const struct tracker *t, const struct session *s,
                                  const struct channel *ch, enum dir dir, uint64_t id_hash)
{
    struct answered *a = answered_find(t->answered, s->scope, dir, id_hash);
    if (!a || !session_shared(s) || dir == DIR_S2C || ch->method == HTTP_METHOD_GET)
        return a;
    return a->conn_id == ch->key.conn_id && a->channel_number == ch->key.number ? a : NULL;
}

const char *pairing_method(const struct pending *p, size_t *ret_len)
{
    if (p->method == METHOD_OTHER && p->method_len) {
        *ret_len = p->method_len;
        return texts(p) + p->id_len + p->name_len;
    }
    const struct method_info *info = method_info(p->method);
    bool known = p->method != METHOD_OTHER;
    *ret_len = known ? info->text_len : 1;
    return known ? info->text : "?";
}

const char *pairing_name(const struct pending *p, size_t *ret_len)
{
    *ret_len = p->name_len;
    return texts(p) + p->id_len;
}

const struct session *pairing_session(const struct pending *p)
{
    return p->channel ? p->channel->session : p->session;
}

static void keep_method(struct answered *a, const struct pending *p)
{
    size_t n;
    const char *text = pairing_method(p, &n);
    if (n > ANSWERED_METHOD_BYTES || !(a->other = malloc(n)))
        return;
    memcpy(a->other, text, n);
    a->method_len = (uint8_t)n;
}

static void remember(struct tracker *t, const struct pending *p, enum exchange_status status)
{
    struct answered *a = answered_add(t->answered, p->scope, (enum dir)p->dir, p->id_hash);
    if (!a) {
        t->forgot = true;
        return;
    }
    a->conn_id = p->conn_id;
    a->channel_number = p->channel_number;
    a->how = status == EXCHANGE_CANCELLED                               ? ANSWERED_CANCELLED
             : status == EXCHANGE_UNANSWERED || status == EXCHANGE_LOST ? ANSWERED_GIVEN_UP
                                                                        : ANSWERED_FULLY;
    a->delivered_again = p->delivered_again;
    a->method = p->method;
    a->method_len = 0;
    a->other = NULL;
    if (p->method == METHOD_OTHER)
        keep_method(a, p);
}

/* All of a request's end but the release of its entry. */
static void conclude(struct tracker *t, struct pending *p, const struct pairing_outcome *outcome)
{
    bool told = p->owes == PENDING_OWES_EXCHANGE ||
                (p->owes == PENDING_OWES_IF_ANSWERED && outcome->answer);
    if (told)
        emit_exchange(t, p, outcome);
    if (p->operation || tracker_links_of(t, outcome->answer))
        operations_exchange(t, p, outcome);
    if (outcome->status != EXCHANGE_PENDING)
        remember(t, p, outcome->status);
    ids_remove(&t->ids, p);
    owner_leave(t, p);
    free(p->overflow);
    p->overflow = NULL;
    t->counters.pending--;
}

void pairing_end(struct tracker *t, struct pending *p, const struct pairing_outcome *outcome)
{
    conclude(t, p, outcome);
    table_remove(t->pending, p);
}

/* Nobody knows the stream that would bring its answer. */
static bool is_unheard(const struct pending *p)
{
    const struct session *s = pairing_session(p);
    return s && s->tie && s->tie->untied && p->dir == DIR_C2S;
}

void pairing_give_up(struct tracker *t, struct pending *p, bool elsewhere)
{
    bool lost = p->lossy || is_unheard(p) ||
                (elsewhere && tracker_lost_since(t, &p->client, &p->server, p->request.packet));
    enum exchange_status status = p->acknowledged ? EXCHANGE_ACKNOWLEDGED
                                  : lost          ? EXCHANGE_LOST
                                                  : EXCHANGE_UNANSWERED;
    pairing_end(t, p, &(struct pairing_outcome){.status = status, .at = t->at});
}

void pairing_doom(struct tracker *t, struct pending *p)
{
    const struct session *s = pairing_session(p);
    p->session_number = s ? s->number : 0;
    if (s && !p->version[0])
        tracker_copy_text(p->version, sizeof(p->version), s->names->version,
                          strlen(s->names->version));
    p->over = true;
    owner_leave(t, p);
    list_append(&t->doomed, p);
    int64_t grace_ns = tracker_later(t->now_ns, TRACKER_GRACE_NS);
    if (grace_ns < p->deadline_ns)
        p->deadline_ns = grace_ns;
}

void pairing_detach(struct tracker *t, struct pending *p, struct session *s)
{
    owner_leave(t, p);
    p->session = s;
    list_append(&s->waiting, p);
}

void pairing_rescope(struct tracker *t, struct channel *ch, const struct session *s)
{
    for (struct pending *p = ch->waiting.first; p; p = p->next) {
        ids_remove(&t->ids, p);
        p->scope = s->scope;
        ids_add(&t->ids, p);
    }
}

void pairing_expire(struct tracker *t)
{
    struct pending *p;
    while ((p = table_oldest(t->pending)) && p->deadline_ns <= t->now_ns) {
        bool doomed = !p->channel && !p->session;
        if (method_info(p->method)->wait == METHOD_WAIT_STREAM && !doomed &&
            t->now_ns < INT64_MAX) {
            p->deadline_ns = tracker_later(t->now_ns, t->config.request_timeout_ns);
            table_touch(t->pending, p);
            continue;
        }
        pairing_give_up(t, p, true);
    }
    if (p)
        tracker_due(t, p->deadline_ns);
    while ((p = t->doomed.first) && p->deadline_ns <= t->now_ns)
        pairing_give_up(t, p, true);
}

static int by_appearance(const void *a, const void *b)
{
    const struct pending *const *x = a, *const *y = b;
    return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

static void finish_one(struct tracker *t, struct pending *p)
{
    bool elsewhere = !p->channel || p->dir == DIR_S2C;
    bool lost = p->lossy || is_unheard(p) || (p->channel && p->channel->lossy) ||
                (elsewhere && tracker_lost_since(t, &p->client, &p->server, p->request.packet));
    enum exchange_status status = p->acknowledged ? EXCHANGE_ACKNOWLEDGED
                                  : lost          ? EXCHANGE_LOST
                                  : p->over       ? EXCHANGE_UNANSWERED
                                                  : EXCHANGE_PENDING;
    pairing_end(t, p, &(struct pairing_outcome){.status = status, .at = t->at});
}

void pairing_finish(struct tracker *t)
{
    uint32_t count = table_count(t->pending);
    struct pending **all = calloc((size_t)count + 1, sizeof(struct pending *));
    if (!all) { /* then in the order of the time-outs, which differs for streams only */
        struct pending *p;
        while ((p = table_oldest(t->pending)))
            finish_one(t, p);
        return;
    }
    uint32_t n = 0;
    for (struct pending *p = table_oldest(t->pending); p; p = table_next(t->pending, p))
        all[n++] = p;
    qsort(all, n, sizeof(struct pending *), by_appearance);
    for (uint32_t i = 0; i < n; i++)
        finish_one(t, all[i]);
    free(all);
}

void pairing_evict(void *tracker, void *entry)
{
    struct tracker *t = tracker;
    limits_hit_add(t->hit, LIMIT_ID_PENDING);
    t->forgot = true;
    const struct pending *p = entry;
    enum exchange_status status = p->acknowledged ? EXCHANGE_ACKNOWLEDGED : EXCHANGE_LOST;
    conclude(t, entry, &(struct pairing_outcome){.status = status, .at = t->at});
}

void pairing_fini(struct tracker *t)
{
    for (struct pending *p = table_oldest(t->pending); p; p = table_next(t->pending, p))
        free(p->overflow);
}
