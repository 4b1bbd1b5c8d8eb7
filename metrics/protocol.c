/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of MCP to counters.
 *
 * A message is typed by its method; a response by the method it answers with ":result" or ":error"
 * behind it. Messages of the Squirrel dialect carry a type of their own. A message that a resumed
 * stream delivers again is a duplicate and nothing else.
 *
 * Latency is taken from exchanges that were answered, under the request's method, whoever asked. A
 * request whose answer is a stream that stays open has that of its acknowledgement, or none; one
 * whose answer is a task, or that waits for one's result, has none: operations have those times. A
 * tool's own latency leaves out what did not end the call, a request for input.
 *
 * Short of memory, a counter that cannot be made is left out; nothing else is affected.
 */
#include "protocol.h"
#include <stdio.h>
#include <string.h>

void protocol_init(struct protocol *p, uint32_t max_types, struct budget *budget)
{
    memset(p, 0, sizeof(*p));
    p->budget = budget;
    labels_init(&p->types, max_types, sizeof(struct protocol_type), LIMIT_ID_MESSAGE_TYPES, budget);
    labels_init(&p->latencies, max_types, sizeof(struct protocol_latency), LIMIT_ID_MESSAGE_TYPES,
                budget);
    labels_init(&p->errors, LIMIT_ERROR_TYPES, sizeof(struct protocol_count), LIMIT_ID_ERROR_TYPES,
                budget);
    labels_init(&p->versions, LIMIT_VERSIONS, sizeof(struct protocol_count), LIMIT_ID_VERSIONS,
                budget);
    for (int i = 0; i < PROTOCOL_NAMES; i++)
        labels_init(&p->names[i], LIMIT_NAMES, sizeof(struct protocol_name), LIMIT_ID_NAMES,
                    budget);
    for (int i = 0; i < PROTOCOL_OPERATION_KINDS; i++)
        labels_init(&p->operations[i], LIMIT_NAMES, sizeof(struct protocol_operation),
                    LIMIT_ID_NAMES, budget);
}

static void count_error(struct protocol *p, const char *type, uint64_t amount)
{
    struct protocol_count *error = labels_get(&p->errors, type, strlen(type));
    if (error)
        error->count += amount;
}

/* The message type of a response; both kinds are told apart however long the method is. */
static size_t response_type(const struct event_message *e, char text[LABELS_TEXT_BYTES])
{
    static const char behind[2][8] = {":result", ":error"};
    bool result = e->message->kind == MESSAGE_RESULT;
    size_t tail = result ? 7 : 6;
    size_t room = LABELS_TEXT_BYTES - sizeof(behind[0]);
    size_t n = e->method_len < room ? e->method_len : room;
    memcpy(text, e->method, n);
    memcpy(text + n, behind[!result], tail);
    return n + tail;
}

void protocol_message(struct protocol *p, const struct event_message *e)
{
    if (e->redelivered) {
        p->duplicate_responses++;
        return;
    }
    p->orphan_responses += e->orphan;
    p->late_responses += e->late;
    if (e->origin.transport < TRANSPORT_COUNT)
        p->transports[e->origin.transport].messages++;
    bool response = e->message->kind == MESSAGE_RESULT || e->message->kind == MESSAGE_ERROR;
    char text[LABELS_TEXT_BYTES];
    bool composed = response && !e->message->squirrel;
    const char *type = composed ? text : e->method;
    size_t n = composed ? response_type(e, text) : e->method_len;
    struct protocol_type *row = labels_get(&p->types, type, n);
    if (!row || e->message->kind >= PROTOCOL_KINDS || e->message->dir >= DIR_COUNT)
        return;
    row->at[e->message->kind][e->message->dir].count++;
    row->at[e->message->kind][e->message->dir].bytes += e->message->bytes;
}

static bool has_latency(const struct event_exchange *e)
{
    if (e->acknowledged)
        return true;
    if (!e->answered || e->untimed || e->task || e->wait == METHOD_WAIT_STREAM ||
        e->wait == METHOD_WAIT_BLOCKING)
        return false;
    switch (e->status) {
    case EXCHANGE_RESULT:
    case EXCHANGE_ERROR:
    case EXCHANGE_TOOL_ERROR:
    case EXCHANGE_INPUT_REQUIRED:
        return true;
    case EXCHANGE_CANCELLED:
    case EXCHANGE_UNANSWERED:
    case EXCHANGE_LOST:
    case EXCHANGE_PENDING:
    case EXCHANGE_ACKNOWLEDGED:
    case EXCHANGE_STATUS_COUNT:
        break;
    }
    return false;
}

static void count_name(struct protocol *p, const struct event_exchange *e)
{
    enum protocol_names which = PROTOCOL_NAMES;
    switch (e->name_kind) {
    case METHOD_NAME_TOOL:
        which = PROTOCOL_TOOLS;
        break;
    case METHOD_NAME_RESOURCE:
        which = PROTOCOL_RESOURCES;
        break;
    case METHOD_NAME_PROMPT:
        which = PROTOCOL_PROMPTS;
        break;
    case METHOD_NAME_NONE:
        return;
    }
    struct protocol_name *row = labels_get(&p->names[which], e->name, e->name ? e->name_len : 0);
    if (!row)
        return;
    row->status[e->status]++;
    row->request_bytes += e->request_bytes;
    if (e->answered)
        row->response_bytes += e->response_bytes;
    if (has_latency(e) && e->status != EXCHANGE_INPUT_REQUIRED)
        histogram_record(&row->latency, p->budget, e->latency_ns);
}

void protocol_exchange(struct protocol *p, const struct event_exchange *e)
{
    if ((unsigned)e->status >= EXCHANGE_STATUS_COUNT)
        return;
    p->exchanges[e->status]++;
    count_name(p, e);
    if (!has_latency(e))
        return;
    struct protocol_latency *row = labels_get(&p->latencies, e->method, e->method_len);
    if (!row)
        return;
    histogram_record(&row->latency, p->budget, e->latency_ns);
    histogram_record(&row->first_byte, p->budget, e->first_byte_ns);
}

void protocol_operation(struct protocol *p, const struct event_operation *e)
{
    char text[LABELS_TEXT_BYTES];
    if ((unsigned)e->kind >= PROTOCOL_OPERATION_KINDS ||
        (unsigned)e->status >= OPERATION_STATUS_COUNT)
        return;
    int n = snprintf(text, sizeof(text), "%.*s%s%.*s", (int)e->method_len, e->method,
                     e->name ? " " : "", e->name ? (int)e->name_len : 0, e->name ? e->name : "");
    size_t used = n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1;
    struct protocol_operation *row = labels_get(&p->operations[e->kind], text, used);
    if (!row)
        return;
    row->status[e->status]++;
    row->likely += e->likely;
    row->legs += e->legs;
    row->rounds += e->rounds;
    row->polls += e->polls;
    row->fetches += e->fetches;
    if (e->timed)
        histogram_record(&row->total, p->budget, e->duration_ns);
    if (e->timed && e->kind == OPERATION_MRTR) {
        histogram_record(&row->server, p->budget, e->server_ns);
        histogram_record(&row->outside, p->budget, e->outside_ns);
    }
    if (e->created)
        histogram_record(&row->creation, p->budget, e->creation_ns);
    if (e->fetched)
        histogram_record(&row->wait, p->budget, e->wait_ns);
}

void protocol_finding(struct protocol *p, const struct event_finding *e)
{
    static const enum finding incomplete[] = {FINDING_LOST_MESSAGE, FINDING_TRUNCATED_JSON,
                                              FINDING_UNFINISHED_EVENT, FINDING_TRUNCATED_BODY};
    count_error(p, e->type, e->amount);
    for (size_t i = 0; i < sizeof(incomplete) / sizeof(incomplete[0]); i++) {
        if (strcmp(e->type, finding_name(incomplete[i])) == 0)
            p->incomplete_messages += e->amount;
    }
}

const char *protocol_version(const struct protocol *p)
{
    const char *best = NULL;
    uint64_t most = 0;
    for (uint32_t i = 0; i < p->versions.count; i++) {
        const struct label *label = p->versions.sorted[i];
        const struct protocol_count *sessions = (const void *)label->value;
        if (sessions->count > 0 && sessions->count >= most) {
            most = sessions->count; /* in order of the dates that name them: the newest wins */
            best = label->text;
        }
    }
    return best;
}

static void release_latency(void *value)
{
    struct protocol_latency *row = value;
    histogram_fini(&row->latency);
    histogram_fini(&row->first_byte);
}

static void release_name(void *value)
{
    struct protocol_name *row = value;
    histogram_fini(&row->latency);
}

static void release_operation(void *value)
{
    struct protocol_operation *row = value;
    histogram_fini(&row->total);
    histogram_fini(&row->server);
    histogram_fini(&row->outside);
    histogram_fini(&row->creation);
    histogram_fini(&row->wait);
}

void protocol_fini(struct protocol *p)
{
    labels_fini(&p->types, NULL);
    labels_fini(&p->latencies, release_latency);
    labels_fini(&p->errors, NULL);
    labels_fini(&p->versions, NULL);
    for (int i = 0; i < PROTOCOL_NAMES; i++)
        labels_fini(&p->names[i], release_name);
    for (int i = 0; i < PROTOCOL_OPERATION_KINDS; i++)
        labels_fini(&p->operations[i], release_operation);
}
