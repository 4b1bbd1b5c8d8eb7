/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ties messages to others, in order of time, to the files that know what to make of it.
 *
 * Theory. Which messages are one operation shows in what came before them, on other connections,
 * too; but what one connection holds back is told late (tracker_state.h). So every request, end and
 * notification that may matter is written down as a fact, kept for TRACKER_GRACE_NS of the
 * capture's time, and taken then, in order of the time of its last byte. By then losses are known
 * as well.
 *
 * Limits: LIMIT_OPERATION_FACTS, the oldest is taken early. A fact is put in place from the latest
 * one back, by at most WALK_MAX steps.
 */
#include "operations.h"
#include "channel.h"
#include "emit.h"
#include "legs.h"
#include "tasks.h"

#define WALK_MAX 1024

/* ---- taking */

static void take_request(struct tracker *t, const struct fact *f)
{
    const struct record_links *l = &f->links;
    bool leg = (l->flags & (LINKS_STATE | LINKS_KEYS)) != 0;
    uint64_t number = 0;
    if ((l->flags & LINKS_TASK) != 0 && !(leg && (l->flags & LINKS_RELATED) != 0))
        number = tasks_request(t, &f->p, l);
    else if (leg)
        number = legs_request(t, &f->p, l);
    void *entry;
    if (table_insert(t->operation_legs, &f->seq, &entry) == 0)
        ((struct operations_leg *)entry)->number = number;
    /* else its end will be that of a leg that was linked to none */
}

/* What the request of an end was found to be; it is not needed any more. */
static uint64_t number_of(struct tracker *t, uint64_t request)
{
    struct operations_leg *leg = request ? table_find(t->operation_legs, &request) : NULL;
    uint64_t number = leg ? leg->number : request ? OPERATION_LOOSE : 0;
    if (leg)
        table_remove(t->operation_legs, leg);
    return number;
}

static void take_end(struct tracker *t, struct fact *f)
{
    uint64_t number = number_of(t, f->p.operation);
    bool asks =
        (f->links.flags & (LINKS_STATE | LINKS_KEYS)) != 0 && f->status == EXCHANGE_INPUT_REQUIRED;
    struct operation *op = NULL;
    f->p.operation = number;
    if (number != 0 && number != OPERATION_LOOSE)
        op = table_find(t->operations, &number);
    if (op && op->kind == OPERATION_TASK)
        tasks_answer(t, op, f);
    else if (asks)
        legs_ask(t, op, f);
    else if (tasks_creation(f->p.method, &f->links))
        tasks_create(t, op, f);
    else if (op)
        legs_end(t, op, f);
}

static void take(struct tracker *t, struct fact *f)
{
    if (f->earlier)
        f->earlier->later = f->later;
    else
        t->facts_first = f->later;
    if (f->later)
        f->later->earlier = f->earlier;
    else
        t->facts_last = f->earlier;
    switch ((enum fact_type)f->type) {
    case FACT_REQUEST:
        take_request(t, f);
        break;
    case FACT_END:
        take_end(t, f);
        break;
    case FACT_NOTIFICATION:
        tasks_notification(t, f);
        break;
    }
}

static int64_t due_ns(const struct fact *f)
{
    int64_t sum;
    return __builtin_add_overflow(f->ts_ns, TRACKER_GRACE_NS, &sum) ? INT64_MAX : sum;
}

void operations_expire(struct tracker *t)
{
    struct fact *f;
    t->operations_next_ns = INT64_MAX;
    while ((f = t->facts_first) && due_ns(f) <= t->now_ns) {
        take(t, f);
        table_remove(t->facts, f);
    }
    if (f)
        t->operations_next_ns = due_ns(f);
    operation_expire(t);
}

void operations_finish(struct tracker *t)
{
    struct fact *f;
    while ((f = t->facts_first)) {
        take(t, f);
        table_remove(t->facts, f);
    }
    operation_finish(t);
}

void operations_evict(void *tracker, void *entry)
{
    struct tracker *t = tracker;
    limits_hit_add(t->hit, LIMIT_ID_OPERATION_FACTS);
    take(t, entry);
}

/* ---- writing down */

static struct fact *fact_new(struct tracker *t, enum fact_type type, int64_t ts_ns)
{
    uint64_t seq = ++t->last_seq;
    void *entry;
    if (table_insert(t->facts, &seq, &entry) < 0) {
        t->operations_forgot = true;
        return NULL;
    }
    struct fact *f = entry, *before = t->facts_last;
    f->type = (uint8_t)type;
    f->ts_ns = ts_ns;
    for (int steps = 0; before && before->ts_ns > ts_ns && steps < WALK_MAX; steps++)
        before = before->earlier;
    f->earlier = before;
    f->later = before ? before->later : t->facts_first;
    if (f->later)
        f->later->earlier = f;
    else
        t->facts_last = f;
    if (before)
        before->later = f;
    else
        t->facts_first = f;
    if (due_ns(f) < t->operations_next_ns)
        t->operations_next_ns = due_ns(f);
    return f;
}

/* A copy of p that stands for itself. */
static void copy_pending(struct fact *f, const struct pending *p)
{
    size_t name_len, method_len;
    const char *name = pairing_name(p, &name_len);
    const char *method = pairing_method(p, &method_len);
    struct event_origin origin;
    emit_pending_origin(p, &origin);
    f->p = *p;
    f->p.channel = NULL;
    f->p.session = NULL;
    f->p.prev = f->p.next = NULL;
    f->p.by_id = (struct ids_node){NULL};
    f->p.session_number = origin.session;
    tracker_copy_text(f->p.version, sizeof(f->p.version), origin.version, strlen(origin.version));
    f->p.id_len = 0;
    f->p.name_len = (uint8_t)name_len;
    f->p.method_len = p->method == METHOD_OTHER ? (uint8_t)method_len : 0;
    memcpy(f->text, name, name_len);
    memcpy(f->text + name_len, method, f->p.method_len);
    f->p.overflow = f->text;
}

void operations_request(struct tracker *t, struct pending *p, const struct message *m)
{
    const struct record_links *l = tracker_links_of(t, m);
    if ((l->flags & (LINKS_STATE | LINKS_KEYS | LINKS_TASK)) == 0)
        return;
    struct fact *f = fact_new(t, FACT_REQUEST, m->last.ts_ns);
    p->operation = OPERATION_LOOSE;
    if (!f)
        return;
    copy_pending(f, p);
    f->links = *l;
    p->operation = f->seq;
}

void operations_exchange(struct tracker *t, const struct pending *p,
                         const struct pairing_outcome *outcome)
{
    const struct record_links *l = tracker_links_of(t, outcome->answer);
    struct fact *f = fact_new(t, FACT_END, outcome->at.ts_ns);
    if (!f)
        return;
    copy_pending(f, p);
    if (l)
        f->links = *l;
    f->at = outcome->at;
    f->status = (uint8_t)outcome->status;
    f->answered = outcome->answer != NULL;
    f->has_code = outcome->has_code;
    f->code = outcome->code;
}

void operations_notification(struct tracker *t, const struct channel *ch, const struct message *m)
{
    const struct record_links *l = tracker_links_of(t, m);
    bool status = m->method == METHOD_N_TASKS_STATUS || m->method == METHOD_N_TASKS;
    if (!l || !status || (l->flags & (LINKS_TASK | LINKS_RELATED)) != LINKS_TASK)
        return;
    struct fact *f = fact_new(t, FACT_NOTIFICATION, m->last.ts_ns);
    if (!f)
        return;
    struct event_origin origin;
    emit_origin(ch, NULL, &origin);
    f->p = (struct pending){.client = ch->client,
                            .server = ch->server,
                            .conn_id = origin.conn_id,
                            .session_number = origin.session,
                            .request = m->last,
                            .dir = m->dir,
                            .method = m->method,
                            .transport = ch->transport};
    tracker_copy_text(f->p.version, sizeof(f->p.version), origin.version, strlen(origin.version));
    f->links = *l;
}

void operations_orphan(struct tracker *t, const struct channel *ch, const struct message *m)
{
    const struct record_links *l = tracker_links_of(t, m);
    if (l && (m->flags & MESSAGE_INPUT_REQUIRED) != 0)
        legs_missed(t, &ch->client, &ch->server); /* its call was not seen */
}
