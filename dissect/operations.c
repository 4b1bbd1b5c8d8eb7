/* SPDX-License-Identifier: BSD-3-Clause */
/* What ties a message to others, to the files that know what to make of it. */
#include "operations.h"
#include "channel.h"
#include "legs.h"
#include "tasks.h"

void operations_request(struct tracker *t, struct pending *p, const struct message *m)
{
    const struct record_links *l = tracker_links_of(t, m);
    bool leg = (l->flags & (LINKS_STATE | LINKS_KEYS)) != 0;
    if ((l->flags & LINKS_TASK) != 0 && !(leg && (l->flags & LINKS_RELATED) != 0))
        tasks_request(t, p, m, l);
    else if (leg)
        legs_request(t, p, m, l);
}

void operations_exchange(struct tracker *t, const struct pending *p,
                         const struct pairing_outcome *outcome)
{
    const struct record_links *l = tracker_links_of(t, outcome->answer);
    struct operation *op = NULL;
    if (p->operation != 0 && p->operation != OPERATION_LOOSE)
        op = table_find(t->operations, &p->operation);
    bool asks = l && (l->flags & (LINKS_STATE | LINKS_KEYS)) != 0 &&
                outcome->status == EXCHANGE_INPUT_REQUIRED;
    if (op && op->kind == OPERATION_TASK)
        tasks_answer(t, op, p, outcome);
    else if (asks)
        legs_ask(t, op, p, outcome);
    else if (tasks_creates(t, p, outcome->answer))
        tasks_create(t, op, p, outcome);
    else if (op)
        legs_end(t, op, p, outcome);
}

void operations_notification(struct tracker *t, const struct channel *ch, const struct message *m)
{
    const struct record_links *l = tracker_links_of(t, m);
    bool status = m->method == METHOD_N_TASKS_STATUS || m->method == METHOD_N_TASKS;
    if (l && status && (l->flags & (LINKS_TASK | LINKS_RELATED)) == LINKS_TASK)
        tasks_notification(t, ch, m, l);
}

void operations_orphan(struct tracker *t, const struct channel *ch, const struct message *m)
{
    const struct record_links *l = tracker_links_of(t, m);
    if (l && (m->flags & MESSAGE_INPUT_REQUIRED) != 0)
        legs_joined(t, &ch->client, &ch->server); /* its call was not seen */
}
