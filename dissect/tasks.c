/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tasks (experimental in revision 2025-11-25, extension of 2026-07-28).
 *
 * Tasks are known by the server endpoint, who asked for them and the task id; with a task that the
 * client runs, the client host, too. A task whose creation was not seen is one without a duration.
 *
 * A task ends with the first message that shows a terminal status: an answer to tasks/get or
 * tasks/cancel, a notification, or the answer to tasks/result. So its duration is right to within
 * the interval of polling. It is told TRACKER_GRACE_NS after its end, with what its result, fetched
 * afterwards, tells of it.
 *
 * What a loss costs: the creation or the end, then the duration is not known; or a poll.
 *
 * Ignored on purpose: the tasks inside the answer to tasks/list; what progress notifications tell.
 */
#include "tasks.h"
#include "channel.h"
#include "emit.h"
#include "legs.h"

#define CODE_UNKNOWN_TASK (-32602)

static bool is_task_method(uint8_t method)
{
    return method == METHOD_TASKS_GET || method == METHOD_TASKS_RESULT ||
           method == METHOD_TASKS_LIST || method == METHOD_TASKS_CANCEL ||
           method == METHOD_TASKS_UPDATE;
}

bool tasks_creation(uint8_t method, const struct record_links *l)
{
    return (l->flags & LINKS_CREATED) != 0 && !is_task_method(method);
}

bool tasks_creates(const struct tracker *t, const struct pending *p, const struct message *m)
{
    const struct record_links *l = tracker_links_of(t, m);
    return l && tasks_creation(p->method, l);
}

/* The task of that id which was asked for in direction dir. */
static struct operation_key task_key(const struct endpoint *client, const struct endpoint *server,
                                     enum dir dir, uint64_t task_hash)
{
    struct operation_key key = {
        .server = *server, .value = task_hash, .kind = INDEX_TASK, .dir = dir};
    if (dir == DIR_S2C) {
        key.client = *client;
        key.client.port = 0;
    }
    return key;
}

static struct operation *task_find(const struct tracker *t, const struct operation_key *key)
{
    const struct operation_slot *slot = operation_slot(t, key);
    return slot ? slot->newest : NULL;
}

/* The task, or one whose creation was not seen. NULL: out of memory. */
static struct operation *task_get(struct tracker *t, const struct operation_key *key,
                                  const struct event_origin *origin, const struct stream_pos *at)
{
    struct operation *op = task_find(t, key);
    if (op) {
        operation_touch(t, op);
        return op;
    }
    op = operation_new(t, OPERATION_TASK, (enum dir)key->dir);
    if (!op)
        return NULL;
    operation_set_origin(op, origin);
    op->begin = op->at = *at;
    if (operation_index(t, op, key))
        return op;
    table_remove(t->operations, op);
    return NULL;
}

uint64_t tasks_request(struct tracker *t, const struct pending *p, const struct record_links *l)
{
    if (l->flags & LINKS_RELATED) { /* who runs the task asks for something */
        struct operation_key key =
            task_key(&p->client, &p->server, dir_other(p->dir), l->task_hash);
        struct operation *op = task_find(t, &key);
        if (op && method_info(p->method)->wait == METHOD_WAIT_HUMAN) {
            op->rounds++;
            operation_touch(t, op);
        }
        return 0;
    }
    if (!is_task_method(p->method))
        return 0;
    struct operation_key key = task_key(&p->client, &p->server, p->dir, l->task_hash);
    struct event_origin origin;
    emit_pending_origin(p, &origin);
    struct operation *op = task_get(t, &key, &origin, &p->request);
    return op ? op->seq : 0;
}

/* A message of that time shows how the task ended. */
static void end_task(struct tracker *t, struct operation *op, enum operation_status status,
                     const struct stream_pos *at)
{
    bool refines = status == OPERATION_TOOL_ERROR && op->status == OPERATION_COMPLETE;
    bool says_less = status == OPERATION_COMPLETE && op->status == OPERATION_TOOL_ERROR;
    bool earlier = at->ts_ns < op->at.ts_ns;
    if (op->state == STATE_OPEN) {
        op->status = (uint8_t)status;
        operation_end(t, op, at);
    } else if (op->state == STATE_ENDED) {
        if (refines || (earlier && !says_less))
            op->status = (uint8_t)status;
        if (earlier)
            op->at = *at;
    }
}

/* What a message says about a task. */
static void take_evidence(struct tracker *t, struct operation *op, const struct record_links *l,
                          const struct stream_pos *at)
{
    static const uint8_t statuses[] = {[LINKS_STATUS_COMPLETED] = OPERATION_COMPLETE,
                                       [LINKS_STATUS_FAILED] = OPERATION_FAILED,
                                       [LINKS_STATUS_CANCELLED] = OPERATION_CANCELLED};
    if (l->status == LINKS_STATUS_NONE || l->status > LINKS_STATUS_CANCELLED)
        return;
    op->seen = true;
    if (l->status < LINKS_STATUS_COMPLETED)
        return;
    bool tool_error = l->status == LINKS_STATUS_COMPLETED && (l->flags & LINKS_IS_ERROR) != 0;
    end_task(t, op, tool_error ? OPERATION_TOOL_ERROR : statuses[l->status], at);
}

/* The result was handed over, or the real error. */
static void take_result(struct tracker *t, struct operation *op, const struct fact *f)
{
    int64_t wait_ns = tracker_between(f->p.request.ts_ns, f->at.ts_ns);
    op->wait_ns = wait_ns > op->wait_ns ? wait_ns : op->wait_ns;
    op->fetches++;
    op->seen = true;
    end_task(t, op,
             f->status == EXCHANGE_ERROR        ? OPERATION_ERROR
             : f->status == EXCHANGE_TOOL_ERROR ? OPERATION_TOOL_ERROR
                                                : OPERATION_COMPLETE,
             &f->at);
}

/* The answer to a request about the task is an error. */
static void take_refusal(struct tracker *t, struct operation *op, const struct fact *f)
{
    bool known = op->begun || op->seen;
    bool forgotten = f->has_code && f->code == CODE_UNKNOWN_TASK;
    if (!known && f->p.method != METHOD_TASKS_UPDATE) {
        operation_leave(t, op);
        table_remove(t->operations, op); /* perhaps there never was such a task */
    } else if (forgotten && op->state == STATE_OPEN && f->p.method != METHOD_TASKS_CANCEL) {
        end_task(t, op, OPERATION_UNKNOWN, &f->at);
    } else if (f->p.method == METHOD_TASKS_RESULT && !forgotten && f->answered) {
        take_result(t, op, f);
    }
}

void tasks_answer(struct tracker *t, struct operation *op, const struct fact *f)
{
    if (!f->answered && f->status != EXCHANGE_ERROR)
        return;
    operation_touch(t, op);
    if (f->status == EXCHANGE_ERROR) {
        take_refusal(t, op, f);
    } else if (f->p.method == METHOD_TASKS_RESULT) {
        take_result(t, op, f);
    } else {
        op->polls += f->p.method == METHOD_TASKS_GET;
        op->rounds += f->p.method == METHOD_TASKS_UPDATE;
        take_evidence(t, op, &f->links, &f->at);
    }
}

void tasks_create(struct tracker *t, struct operation *leg, const struct fact *f)
{
    const struct pending *p = &f->p;
    struct operation_key key = task_key(&p->client, &p->server, p->dir, f->links.task_hash);
    struct operation *op = task_find(t, &key);
    if (op && (op->created || op->state == STATE_TOLD || leg)) { /* told twice, or polled before */
        if (leg)
            legs_end(t, leg, f);
        return;
    }
    if (leg)
        op = leg;
    else if (!op)
        op = operation_new(t, OPERATION_TASK, p->dir);
    if (!op)
        return;
    if (op->key.kind != INDEX_TASK && !operation_index(t, op, &key)) {
        operation_leave(t, op);
        table_remove(t->operations, op);
        return;
    }
    if (leg) {
        op->state = STATE_OPEN;
        op->status = OPERATION_PENDING;
    } else {
        operation_set_first(op, p);
    }
    op->kind = OPERATION_TASK;
    op->created = true;
    op->creation_ns = tracker_between(p->request.ts_ns, f->at.ts_ns);
    op->answered = f->at;
    operation_touch(t, op);
    take_evidence(t, op, &f->links, &f->at);
}

void tasks_notification(struct tracker *t, const struct fact *f)
{
    const struct pending *p = &f->p;
    enum dir asked = dir_other((enum dir)p->dir);
    struct operation_key key = task_key(&p->client, &p->server, asked, f->links.task_hash);
    struct event_origin origin;
    emit_pending_origin(p, &origin);
    struct operation *op = task_get(t, &key, &origin, &p->request);
    if (op)
        take_evidence(t, op, &f->links, &p->request);
}
