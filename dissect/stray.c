/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Responses and cancellations before their requests: kept with a copy of their channel, oldest
 * first, until the request comes or the time of grace is over. A request that comes is answered
 * only by what was sent after it, by the times of their bytes, not by the order in which they were
 * told, as far as the capture kept the order of different connections (dialogue_follows()).
 *
 * Only HTTP needs this: elsewhere request and response are on one connection, in order.
 *
 * Limits: LIMIT_STRAYS, the oldest is judged early.
 */
#include "stray.h"
#include "dialogue.h"
#include "endpoint.h"

bool stray_keep(struct tracker *t, const struct channel *ch, const struct message *m, bool seen)
{
    void *entry;
    uint64_t seq = ++t->last_seq;
    const struct session *s = ch->session;
    if (!s || !channel_is_http(ch) || !pairing_usable_id(dialogue_meant(m)) ||
        s->kind == SESSION_KIND_DRAFT)
        return false;
    if (table_insert(t->strays, &seq, &entry) < 0) {
        t->forgot = true;
        return false;
    }
    struct stray *stray = entry;
    if (__builtin_add_overflow(t->now_ns, TRACKER_GRACE_NS, &stray->deadline_ns))
        stray->deadline_ns = INT64_MAX;
    tracker_due(t, stray->deadline_ns);
    stray->scope = s->scope;
    stray->session = s->key;
    stray->channel = *ch;
    stray->channel.session = NULL;
    stray->channel.prev = stray->channel.next = NULL;
    stray->channel.waiting = (struct pairing_list){NULL, NULL};
    stray->channel.waiting_count = 0;
    stray->channel.initializing = false;
    if (!channel_unproven(t, ch))
        stray->channel.flags &= (uint16_t)~CHANNEL_JOINED;
    stray->channel.kept = true;
    stray->seen = seen;
    stray->message = *m;
    const struct record_links *links = tracker_links_of(t, m);
    stray->linked = links != NULL;
    if (links)
        stray->links = *links;
    return true;
}

static bool judge(struct tracker *t, struct stray *stray, bool final)
{
    const struct message *linked = t->linked;
    const struct record_links *links = t->links_of_linked;
    stray->channel.session = table_find(t->sessions, &stray->session);
    if (stray->linked) {
        t->linked = &stray->message;
        t->links_of_linked = &stray->links;
    }
    bool done = dialogue_stray(t, &stray->channel, &stray->message, stray->seen, final);
    t->linked = linked;
    t->links_of_linked = links;
    return done;
}

static bool has_id(const struct stray *stray, const struct channel *ch, const struct message *m)
{
    const struct message *kept = &stray->message;
    bool same_sender = kept->kind == MESSAGE_NOTIFICATION;
    return stray->scope == ch->session->scope && dialogue_meant(kept)->hash == m->id.hash &&
           (kept->dir == m->dir) == same_sender;
}

void stray_request(struct tracker *t, const struct channel *ch, const struct message *m)
{
    struct stray *stray = ch->session ? table_oldest(t->strays) : NULL;
    for (; stray; stray = table_next(t->strays, stray)) {
        if (!has_id(stray, ch, m))
            continue;
        if (!dialogue_follows(t, ch, &stray->message, m->last.ts_ns)) {
            dialogue_doubt(t, ch->session, &stray->message);
        } else if (judge(t, stray, false)) {
            table_remove(t->strays, stray);
            return;
        }
    }
}

void stray_tied(struct tracker *t, const struct channel *ch, const struct session *s)
{
    struct stray *stray = table_oldest(t->strays);
    while (stray) {
        struct stray *next = table_next(t->strays, stray);
        bool on_stream = memcmp(&stray->channel.key, &ch->key, sizeof(ch->key)) == 0;
        if (on_stream) {
            stray->session = s->key;
            stray->scope = s->scope;
            stray->channel.announced = true;
        }
        if ((on_stream || stray->scope == s->scope) && !stray->busy) {
            stray->busy = true;
            if (judge(t, stray, false))
                table_remove(t->strays, stray);
            else
                stray->busy = false;
        }
        stray = next;
    }
}

/* Its time is over. */
static void conclude(struct tracker *t, struct stray *stray)
{
    struct channel *stream = table_find(t->channels, &stray->channel.key);
    stray->busy = true;
    if (stream && stream->fits)
        endpoint_decide(t, stream);
    judge(t, stray, true);
    table_remove(t->strays, stray);
}

void stray_expire(struct tracker *t)
{
    struct stray *stray;
    while ((stray = table_oldest(t->strays)) && stray->deadline_ns <= t->now_ns)
        conclude(t, stray);
    if (stray)
        tracker_due(t, stray->deadline_ns);
}

void stray_finish(struct tracker *t)
{
    struct stray *stray;
    while ((stray = table_oldest(t->strays)))
        conclude(t, stray);
}

void stray_evict(void *tracker, void *entry)
{
    struct tracker *t = tracker;
    limits_hit_add(t->hit, LIMIT_ID_STRAYS);
    const struct channel *ch = &((struct stray *)entry)->channel;
    tracker_note_loss(t, &ch->client, &ch->server); /* its request may have been on its way */
    judge(t, entry, true);
}
