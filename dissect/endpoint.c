/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP+SSE joined in the middle. The event that names the target for messages is lost, but a POST
 * whose own response cannot answer it (202 without a session id) shows that its target is one, and
 * ids tie it to a stream: responses on the stream have those of requests sent to the target.
 *
 * Ids alone prove little, for every client counts from 0, and answers to requests from before the
 * capture are on their way. But they can refute: a stream is not that of a target whose request
 * comes after the response with its id. So the responses are kept (stray.h), as long as a kept
 * message may wait or until the stream ends, and then all streams and targets between the two hosts
 * are compared. A stream is tied to the only target that is not refuted and that two of its
 * responses fit (more after losses), if no other stream needs that target: all that fit it, too,
 * fit another one. Otherwise nothing is paired on it, for now.
 *
 * So it is, too, with a stream whose announcement was captured but names a target that nothing is
 * sent to, as behind a proxy that takes a prefix off: the client posts elsewhere, and nobody is
 * blamed for answers whose requests were not found.
 *
 * A target without a stream loses nothing but is not heard: its requests end as lost. So do those
 * that were sent before it was tied and then find no answer.
 *
 * Limits: MAX_STREAMS and MAX_TARGETS between two hosts; where there are more, nothing is decided.
 */
#include "endpoint.h"
#include "stray.h"
#include <stdlib.h>

#define MAX_STREAMS 8
#define MAX_TARGETS 32
#define WALK_MAX    256 /* targets without a stream, of all hosts */
#define ENOUGH      2   /* responses that fit */
#define AFTER_LOSS  5   /* the same, where the requests that they answer may have been lost */

static bool same_hosts(const struct session *s, const struct channel *ch)
{
    struct tracker_peers one = tracker_peers(&s->client, &s->server);
    struct tracker_peers other = tracker_peers(&ch->client, &ch->server);
    return memcmp(&one, &other, sizeof(one)) == 0;
}

/* ---- targets */

/* Where memory is short nothing will be tied to it. */
static void list_add(struct tracker *t, struct session *s, uint64_t target_hash)
{
    if (!s->tie)
        s->tie = calloc(1, sizeof(*s->tie));
    if (!s->tie)
        return;
    *s->tie = (struct session_tie){
        .next = t->untied, .target_hash = target_hash, .tied_ns = INT64_MIN, .untied = true};
    if (t->untied)
        t->untied->tie->prev = s;
    t->untied = s;
}

void endpoint_bind(struct tracker *t, struct session *s)
{
    struct session_tie *tie = s->tie;
    if (!tie || !tie->untied)
        return;
    if (tie->prev)
        tie->prev->tie->next = tie->next;
    else
        t->untied = tie->next;
    if (tie->next)
        tie->next->tie->prev = tie->prev;
    tie->prev = tie->next = NULL;
    tie->untied = false;
}

void endpoint_infer(struct tracker *t, struct channel *ch)
{
    const struct pending *p = ch->waiting.first;
    while (p && p->dir != DIR_C2S)
        p = p->next;
    if (!p || ch->modern || ch->announced || !channel_is_http(ch) || !channel_certain(ch) ||
        ch->method != HTTP_METHOD_POST || (ch->flags & CHANNEL_HAS_SESSION) ||
        (ch->session && session_named(ch->session)))
        return;
    struct session_key key = session_key_endpoint(ch, ch->target_hash);
    bool known = session_find(t, &key) != NULL;
    struct session *s = session_get(t, &key, ch); /* may have dropped ch->session */
    if (!s)
        return;
    if (!known)
        list_add(t, s, ch->target_hash);
    session_adopt(t, s, ch);
    ch->announced = true;
    session_enter(t, s, ch);
}

/* ---- streams */

bool endpoint_unused(const struct session *s)
{
    return s && s->kind == SESSION_KIND_ENDPOINT && !s->used;
}

static bool is_untied_stream(const struct channel *ch)
{
    bool joined = (ch->flags & CHANNEL_STUB) != 0 && ch->method == HTTP_METHOD_UNKNOWN;
    bool named = ch->announced || (ch->session && ch->session->kind != SESSION_KIND_PEERS);
    return channel_is_http(ch) && !ch->kept && !ch->modern &&
           (!named || endpoint_unused(ch->session)) && (ch->method == HTTP_METHOD_GET || joined) &&
           !channel_resumed(ch) && !(ch->flags & CHANNEL_HAS_SESSION) && !ch->answer_named;
}

enum fit { FIT_NONE, FIT_GOOD, FIT_REFUTED };

/* Whether a response that was available at ns fits a request of s. */
static enum fit fit(const struct tracker *t, const struct session *s, const struct message *m)
{
    const struct pending *p = pairing_latest(t, s, DIR_C2S, m->id.hash);
    if (!p)
        return FIT_NONE;
    return p->request.ts_ns <= m->first.ts_ns ? FIT_GOOD : FIT_REFUTED;
}

bool endpoint_fits(const struct tracker *t, const struct channel *ch, const struct message *m)
{
    if (m->dir != DIR_S2C || !is_untied_stream(ch) || !pairing_usable_id(&m->id))
        return false;
    struct session *s = t->untied;
    for (int steps = 0; s && steps < WALK_MAX; steps++, s = s->tie->next)
        if (same_hosts(s, ch) && fit(t, s, m) == FIT_GOOD)
            return true;
    return false;
}

bool endpoint_hear(struct tracker *t, struct channel *ch, const struct message *m)
{
    if (!t->untied || !endpoint_fits(t, ch, m))
        return false;
    ch->fits += ch->fits < UINT8_MAX;
    return true;
}

/* ---- the comparison */

struct comparison {
    struct session *targets[MAX_TARGETS];
    struct channel_key streams[MAX_STREAMS];
    uint16_t good[MAX_STREAMS][MAX_TARGETS];
    bool refuted[MAX_STREAMS][MAX_TARGETS];
    int target_count, stream_count;
};

static bool collect_targets(const struct tracker *t, const struct channel *ch, struct comparison *c)
{
    struct session *s = t->untied;
    for (int steps = 0; s; s = s->tie->next) {
        if (++steps > WALK_MAX)
            return false;
        if (!same_hosts(s, ch))
            continue;
        if (c->target_count == MAX_TARGETS)
            return false;
        c->targets[c->target_count++] = s;
    }
    return c->target_count > 0;
}

static int stream_index(struct comparison *c, const struct channel_key *key)
{
    int i = 0;
    while (i < c->stream_count && memcmp(&c->streams[i], key, sizeof(*key)) != 0)
        i++;
    if (i == MAX_STREAMS)
        return -1;
    if (i == c->stream_count)
        c->streams[c->stream_count++] = *key;
    return i;
}

/* A response on a stream without a target, between the same hosts as ch. */
static bool is_evidence(const struct tracker *t, const struct stray *stray,
                        const struct channel *ch)
{
    const struct channel *from = &stray->channel;
    bool tied = from->announced && !endpoint_unused(table_find(t->sessions, &stray->session));
    struct tracker_peers one = tracker_peers(&from->client, &from->server);
    struct tracker_peers other = tracker_peers(&ch->client, &ch->server);
    return stray->message.dir == DIR_S2C && stray->message.kind != MESSAGE_NOTIFICATION && !tied &&
           !stray->spent && memcmp(&one, &other, sizeof(one)) == 0;
}

/* False: there is more than can be looked at. */
static bool compare_all(const struct tracker *t, const struct channel *ch, struct comparison *c)
{
    const struct stray *stray = table_oldest(t->strays);
    for (; stray; stray = table_next(t->strays, stray)) {
        if (!is_evidence(t, stray, ch))
            continue;
        int stream = stream_index(c, &stray->channel.key);
        if (stream < 0)
            return false;
        for (int i = 0; i < c->target_count; i++) {
            enum fit how = fit(t, c->targets[i], &stray->message);
            c->good[stream][i] += how == FIT_GOOD;
            c->refuted[stream][i] = c->refuted[stream][i] || how == FIT_REFUTED;
        }
    }
    return true;
}

/* What was not enough does not count again when less is left of it. */
static void spend(struct tracker *t, const struct channel *ch)
{
    struct stray *stray = table_oldest(t->strays);
    for (; stray; stray = table_next(t->strays, stray))
        stray->spent = stray->spent || is_evidence(t, stray, ch);
}

/* The number of targets that a response fits and none refutes, and the last of them. */
static int candidates(const struct comparison *c, int stream, int *ret_last)
{
    int n = 0;
    for (int i = 0; i < c->target_count; i++) {
        if (c->refuted[stream][i] || c->good[stream][i] == 0)
            continue;
        n++;
        *ret_last = i;
    }
    return n;
}

static struct session *find_target(const struct comparison *c, int stream, int enough)
{
    int target = 0, last = 0;
    if (candidates(c, stream, &target) != 1 || c->good[stream][target] < enough)
        return NULL;
    for (int other = 0; other < c->stream_count; other++) {
        bool rival = other != stream && !c->refuted[other][target] && c->good[other][target] > 0;
        if (rival && candidates(c, other, &last) == 1)
            return NULL;
    }
    return c->targets[target];
}

static void tie(struct tracker *t, struct channel *ch, struct session *s)
{
    endpoint_bind(t, s);
    s->tie->tied_ns = t->now_ns;
    ch->announced = true;
    ch->target_hash = s->tie->target_hash;
    session_enter(t, s, ch);
    stray_tied(t, ch, s);
    for (struct pending *p = s->waiting.first; p; p = p->next)
        p->lossy = true;
}

void endpoint_decide(struct tracker *t, struct channel *ch)
{
    if (ch->fits == 0 || !is_untied_stream(ch))
        return;
    struct comparison c = {.stream_count = 0};
    struct session *s = NULL;
    if (collect_targets(t, ch, &c) && compare_all(t, ch, &c)) {
        int stream = stream_index(&c, &ch->key);
        bool loss = tracker_lost_since(t, &ch->client, &ch->server, 0);
        s = stream < 0 ? NULL : find_target(&c, stream, loss ? AFTER_LOSS : ENOUGH);
    }
    if (s)
        tie(t, ch, s);
    else
        spend(t, ch);
}

void endpoint_forget(struct tracker *t, struct session *s)
{
    endpoint_bind(t, s);
    free(s->tie);
    s->tie = NULL;
}
