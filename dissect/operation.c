/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operations as entries of a table: found by their keys, told to the listener when they are over.
 *
 *   WAITING -> RUNNING -> WAITING ... -> ENDED -> (gone)     MRTR; by an answer that creates a
 * task: OPEN -> ENDED -> TOLD -> (gone)                          task
 *
 * A task that ended waits TRACKER_GRACE_NS until it is told, because its result, if it is fetched,
 * may tell more. One that was told is remembered, so that later polls begin no new one.
 *
 * Limits: LIMIT_OPERATIONS, the one without activity for the longest time is dropped;
 * OPERATION_IDLE_NS without activity does the same.
 */
#include "operation.h"
#include "channel.h"
#include "emit.h"
#include "legs.h"

#define OPERATION_IDLE_NS INT64_C(3600000000000)

/* ---- entries */

struct operation_slot *operation_slot(const struct tracker *t, const struct operation_key *key)
{
    return table_find(t->operation_keys, key);
}

static void unindex(struct tracker *t, struct operation *op)
{
    if (op->key.kind == INDEX_NONE)
        return;
    struct operation_slot *slot = operation_slot(t, &op->key);
    if (op->older)
        op->older->newer = op->newer;
    else if (slot && slot->oldest == op)
        slot->oldest = op->newer;
    if (op->newer)
        op->newer->older = op->older;
    else if (slot && slot->newest == op)
        slot->newest = op->older;
    op->older = op->newer = NULL;
    op->key.kind = INDEX_NONE;
    if (slot && !slot->oldest)
        table_remove(t->operation_keys, slot);
}

bool operation_index(struct tracker *t, struct operation *op, const struct operation_key *key)
{
    unindex(t, op);
    void *entry = operation_slot(t, key);
    if (!entry && table_insert(t->operation_keys, key, &entry) < 0) {
        t->operations_forgot = true;
        return false;
    }
    struct operation_slot *slot = entry;
    op->key = *key;
    op->older = slot->newest;
    op->newer = NULL;
    if (slot->newest)
        slot->newest->newer = op;
    else
        slot->oldest = op;
    slot->newest = op;
    return true;
}

static void due(struct tracker *t, int64_t ns)
{
    if (ns < t->operations_next_ns)
        t->operations_next_ns = ns;
}

void operation_touch(struct tracker *t, struct operation *op)
{
    op->idle_ns = t->now_ns;
    table_touch(t->operations, op);
}

struct operation *operation_new(struct tracker *t, enum operation_kind kind, enum dir dir)
{
    uint64_t seq = ++t->last_seq;
    void *entry;
    if (table_insert(t->operations, &seq, &entry) < 0) {
        t->operations_forgot = true;
        return NULL;
    }
    struct operation *op = entry;
    op->kind = (uint8_t)kind;
    op->dir = (uint8_t)dir;
    op->state = kind == OPERATION_TASK ? STATE_OPEN : STATE_WAITING;
    op->status = OPERATION_PENDING;
    op->method = METHOD_NONE;
    op->idle_ns = t->now_ns;
    due(t, tracker_later(t->now_ns, OPERATION_IDLE_NS));
    return op;
}

static void list_remove(struct tracker *t, struct operation *op)
{
    if (op->state != STATE_ENDED)
        return;
    if (op->prev)
        op->prev->next = op->next;
    else
        t->operations_first = op->next;
    if (op->next)
        op->next->prev = op->prev;
    else
        t->operations_last = op->prev;
    op->prev = op->next = NULL;
}

void operation_set_origin(struct operation *op, const struct event_origin *origin)
{
    op->client = origin->client;
    op->server = origin->server;
    op->conn_id = origin->conn_id;
    op->session = origin->session;
    op->transport = origin->transport;
    tracker_copy_text(op->version, sizeof(op->version), origin->version, strlen(origin->version));
}

static void set_origin_of(struct operation *op, const struct pending *p)
{
    struct event_origin origin;
    emit_pending_origin(p, &origin);
    operation_set_origin(op, &origin);
}

void operation_set_first(struct operation *op, const struct pending *p)
{
    size_t n;
    const char *name = pairing_name(p, &n);
    set_origin_of(op, p);
    op->method = p->method;
    op->name_len = (uint8_t)n;
    memcpy(op->name, name, n);
    op->begin = p->request;
    op->begun = !p->maybe_copy && p->operation == 0; /* else it is no first one */
    op->legs = 1;
}

/* ---- telling */

static bool lost(const struct tracker *t, const struct operation *op)
{
    return tracker_lost_since(t, &op->client, &op->server, op->begin.packet);
}

static bool has_duration(const struct operation *op)
{
    switch ((enum operation_status)op->status) {
    case OPERATION_COMPLETE:
    case OPERATION_TOOL_ERROR:
    case OPERATION_ERROR:
    case OPERATION_FAILED:
    case OPERATION_CANCELLED:
        return op->begun;
    case OPERATION_UNANSWERED:
    case OPERATION_UNKNOWN:
    case OPERATION_PENDING:
    case OPERATION_STATUS_COUNT:
        break;
    }
    return false;
}

/* Tells it; the entry stays. */
static void tell(struct tracker *t, struct operation *op)
{
    bool named = op->method != METHOD_NONE && op->method != METHOD_OTHER;
    const char *method = named ? method_info(op->method)->text : "?";
    if (op->likely && lost(t, op))
        op->status = OPERATION_UNKNOWN;
    struct event_operation e = {.origin = {.conn_id = op->conn_id,
                                           .client = op->client,
                                           .server = op->server,
                                           .transport = op->transport,
                                           .session = op->session,
                                           .version = op->version},
                                .kind = op->kind,
                                .method = method,
                                .method_len = strlen(method),
                                .name = op->name_len ? op->name : NULL,
                                .name_len = op->name_len,
                                .dir = op->dir,
                                .status = op->status,
                                .likely = op->likely,
                                .legs = op->legs,
                                .rounds = op->rounds,
                                .polls = op->polls,
                                .fetches = op->fetches,
                                .timed = has_duration(op),
                                .created = op->created && op->begun,
                                .creation_ns = op->creation_ns,
                                .fetched = op->fetches > 0,
                                .wait_ns = op->wait_ns,
                                .begin = op->begin,
                                .at = op->at};
    if (e.timed)
        e.duration_ns = tracker_between(op->begin.ts_ns, op->at.ts_ns);
    if (e.timed && op->kind == OPERATION_MRTR) {
        e.server_ns = op->server_ns < e.duration_ns ? op->server_ns : e.duration_ns;
        e.outside_ns = e.duration_ns - e.server_ns;
    }
    if (t->sink->operation)
        t->sink->operation(t->sink->ctx, &e);
}

void operation_leave(struct tracker *t, struct operation *op)
{
    list_remove(t, op);
    unindex(t, op);
}

/* Tells one that has ended. Tasks are remembered, others removed. */
static void close_now(struct tracker *t, struct operation *op)
{
    list_remove(t, op);
    op->state = STATE_TOLD;
    tell(t, op);
    if (op->kind == OPERATION_TASK && op->key.kind != INDEX_NONE)
        return;
    operation_leave(t, op);
    table_remove(t->operations, op);
}

void operation_end(struct tracker *t, struct operation *op, const struct stream_pos *at)
{
    op->at = *at;
    if (op->kind == OPERATION_MRTR) {
        close_now(t, op);
        return;
    }
    op->state = STATE_ENDED;
    op->deadline_ns = tracker_later(t->now_ns, TRACKER_GRACE_NS);
    op->prev = t->operations_last;
    op->next = NULL;
    if (op->prev)
        op->prev->next = op;
    else
        t->operations_first = op;
    t->operations_last = op;
    due(t, op->deadline_ns);
}

/* Nothing more will be known of one that did not end: what it is called then. */
static void give_up(struct tracker *t, struct operation *op, bool capture_ended)
{
    bool over = op->state == STATE_ENDED;
    bool worth = op->kind == OPERATION_MRTR || op->begun || op->seen;
    if (op->state == STATE_TOLD || !worth)
        return;
    if (!over) {
        bool known = op->status == OPERATION_UNANSWERED || capture_ended;
        bool hidden =
            op->key.kind == INDEX_KEYS && legs_may_have_missed(t, &op->client, &op->server);
        if (!known || op->doubts > 0 || hidden || lost(t, op))
            op->status = OPERATION_UNKNOWN;
        op->at = t->at;
    }
    tell(t, op);
}

static void drop(struct tracker *t, struct operation *op)
{
    give_up(t, op, false);
    operation_leave(t, op);
}

void operation_evict(void *tracker, void *entry)
{
    struct tracker *t = tracker;
    const struct operation *op = entry;
    if (op->state != STATE_TOLD)
        limits_hit_add(t->hit, LIMIT_ID_OPERATIONS);
    if (op->key.kind == INDEX_KEYS && op->state == STATE_WAITING)
        t->operations_forgot = true; /* its next leg must not be taken for another's */
    drop(t, entry);
}

void operation_expire(struct tracker *t)
{
    struct operation *op;
    while ((op = t->operations_first) && op->deadline_ns <= t->now_ns)
        close_now(t, op);
    while ((op = table_oldest(t->operations)) &&
           tracker_later(op->idle_ns, OPERATION_IDLE_NS) <= t->now_ns) {
        drop(t, op);
        table_remove(t->operations, op);
    }
    if (t->operations_first)
        due(t, t->operations_first->deadline_ns);
    if (op)
        due(t, tracker_later(op->idle_ns, OPERATION_IDLE_NS));
}

void operation_finish(struct tracker *t)
{
    struct operation *op;
    while ((op = table_oldest(t->operations))) {
        give_up(t, op, true);
        operation_leave(t, op);
        table_remove(t->operations, op);
    }
}
