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
 * A part counts for its whole what can be added later without a difference: rows that have their
 * own text in both, see labels.h. A duration whose page a part could not have is put into a page of
 * the whole at once, which has a budget of its own.
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

void protocol_init_sum(struct protocol *p, struct budget *budget)
{
    protocol_init(p, UINT32_MAX, budget);
    p->errors.max = p->versions.max = UINT32_MAX;
    for (int i = 0; i < PROTOCOL_NAMES; i++)
        p->names[i].max = UINT32_MAX;
    for (int i = 0; i < PROTOCOL_OPERATION_KINDS; i++)
        p->operations[i].max = UINT32_MAX;
}

void protocol_join(struct protocol *p, struct protocol *whole)
{
    p->whole = whole;
    p->types.whole = &whole->types;
    p->latencies.whole = &whole->latencies;
    for (int i = 0; i < PROTOCOL_NAMES; i++)
        p->names[i].whole = &whole->names[i];
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

static void count_type(struct protocol_type *row, const struct message *m)
{
    if (!row || m->kind >= PROTOCOL_KINDS || m->dir >= DIR_COUNT)
        return;
    row->at[m->kind][m->dir].count++;
    row->at[m->kind][m->dir].bytes += m->bytes;
}

/* The label of a message's type, looked up; *ret_also as in labels.h. */
static struct label *type_label(struct protocol *p, const struct event_message *e,
                                struct label **ret_also)
{
    bool response = e->message->kind == MESSAGE_RESULT || e->message->kind == MESSAGE_ERROR;
    char text[LABELS_TEXT_BYTES];
    bool composed = response && !e->message->squirrel;
    const char *type = composed ? text : e->method;
    size_t n = composed ? response_type(e, text) : e->method_len;
    return labels_get_joined(&p->types, type, n, ret_also);
}

/* Where the row of a method of the list is noted; at METHOD_NONE that of no known one. */
static struct protocol_type **type_place(struct protocol *p, const struct event_message *e)
{
    static const uint8_t column[PROTOCOL_KINDS] = {[MESSAGE_RESULT] = 1, [MESSAGE_ERROR] = 2};
    if (e->number >= METHOD_OTHER || e->message->squirrel || e->message->kind >= PROTOCOL_KINDS)
        return NULL;
    if (e->number == METHOD_NONE && (e->method_len != 1 || *e->method != '?'))
        return NULL;
    return &p->type_of[e->number][column[e->message->kind]];
}

/* A joined label stays what it is, so it need not be looked up again. */
static __attribute__((noinline)) void
count_new_type(struct protocol *p, const struct event_message *e, struct protocol_type **place)
{
    struct label *also, *label = type_label(p, e, &also);
    if (place && label && label->whole)
        *place = label->value;
    count_type(label ? label->value : NULL, e->message);
    count_type(also ? also->value : NULL, e->message);
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
    struct protocol_type **place = type_place(p, e), *row = place ? *place : NULL;
    if (row)
        count_type(row, e->message);
    else
        count_new_type(p, e, place);
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

/* Records into a row of p; `whole` is that of the whole if the two are joined, or NULL. */
static void record(const struct protocol *p, struct histogram *h, struct histogram *whole,
                   int64_t ns)
{
    if (!histogram_record(h, p->budget, ns) && whole)
        histogram_record_missed(whole, p->whole->budget, ns);
}

static void count_call(const struct protocol *p, const struct label *label,
                       const struct event_exchange *e)
{
    if (!label)
        return;
    struct protocol_name *row = label->value;
    struct protocol_name *whole = label->whole ? label->whole->value : NULL;
    row->status[e->status]++;
    row->request_bytes += e->request_bytes;
    if (e->answered)
        row->response_bytes += e->response_bytes;
    if (has_latency(e) && e->status != EXCHANGE_INPUT_REQUIRED)
        record(p, &row->latency, whole ? &whole->latency : NULL, e->latency_ns);
}

/* The names of a kind; NULL: it has none. */
static inline struct labels *names_of(struct protocol *p, enum method_name kind)
{
    switch (kind) {
    case METHOD_NAME_TOOL:
        return &p->names[PROTOCOL_TOOLS];
    case METHOD_NAME_RESOURCE:
        return &p->names[PROTOCOL_RESOURCES];
    case METHOD_NAME_PROMPT:
        return &p->names[PROTOCOL_PROMPTS];
    case METHOD_NAME_NONE:
        break;
    }
    return NULL;
}

void protocol_ahead(struct protocol *p, struct labels_ahead *latest, const struct event_message *e)
{
    size_t n;
    const char *name = message_text(e->message, MESSAGE_TEXT_NAME, &n);
    struct labels *names = n > 0 ? names_of(p, method_info(e->number)->name) : NULL;
    if (names)
        labels_ahead(latest, names, name, n);
}

static void count_name(struct protocol *p, const struct event_exchange *e)
{
    struct labels *names = names_of(p, e->name_kind);
    if (!names)
        return;
    struct label *also,
        *label = labels_get_joined(names, e->name, e->name ? e->name_len : 0, &also);
    count_call(p, label, e);
    count_call(p->whole, also, e);
}

static void count_latency(const struct protocol *p, const struct label *label,
                          const struct event_exchange *e)
{
    if (!label)
        return;
    struct protocol_latency *row = label->value;
    struct protocol_latency *whole = label->whole ? label->whole->value : NULL;
    record(p, &row->latency, whole ? &whole->latency : NULL, e->latency_ns);
    record(p, &row->first_byte, whole ? &whole->first_byte : NULL, e->first_byte_ns);
}

void protocol_exchange(struct protocol *p, const struct event_exchange *e)
{
    if ((unsigned)e->status >= EXCHANGE_STATUS_COUNT)
        return;
    p->exchanges[e->status]++;
    count_name(p, e);
    if (!has_latency(e))
        return;
    bool listed = e->number != METHOD_NONE && e->number < METHOD_OTHER;
    struct label **place = listed ? &p->latency_of[e->number] : NULL;
    struct label *label = place ? *place : NULL, *also = NULL;
    if (!label) {
        label = labels_get_joined(&p->latencies, e->method, e->method_len, &also);
        if (place && label && label->whole)
            *place = label;
    }
    count_latency(p, label, e);
    count_latency(p->whole, also, e);
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
    struct label *label = labels_get(&p->operations[e->kind], text, used);
    if (!label)
        return;
    struct protocol_operation *row = label->value;
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

static bool is_incomplete(const char *type)
{
    static const enum finding incomplete[] = {FINDING_LOST_MESSAGE, FINDING_TRUNCATED_JSON,
                                              FINDING_UNFINISHED_EVENT, FINDING_TRUNCATED_BODY};
    for (size_t i = 0; i < sizeof(incomplete) / sizeof(incomplete[0]); i++) {
        if (strcmp(type, finding_name(incomplete[i])) == 0)
            return true;
    }
    return false;
}

/* One message often has several errors, and the next one the same. */
static const struct protocol_error *find_error(struct protocol *p, const char *type)
{
    for (size_t i = 0; i < PROTOCOL_NEAR && p->near[i].label; i++)
        if (strcmp(p->near[i].label->text, type) == 0)
            return &p->near[i];
    memmove(p->near + 1, p->near, (PROTOCOL_NEAR - 1) * sizeof(*p->near));
    p->near[0].label = labels_get(&p->errors, type, strlen(type));
    p->near[0].incomplete = is_incomplete(type);
    return &p->near[0];
}

void protocol_finding(struct protocol *p, const struct event_finding *e)
{
    const struct protocol_error *error = find_error(p, e->type);
    if (error->label)
        ((struct protocol_count *)error->label->value)->count += e->amount;
    if (error->incomplete)
        p->incomplete_messages += e->amount;
}

const char *protocol_version(const struct protocol *p)
{
    const char *best = NULL;
    uint64_t most = 0;
    for (uint32_t i = 0; i < p->versions.count; i++) {
        const struct label *label = p->versions.sorted[i];
        const struct protocol_count *sessions = label->value;
        if (sessions->count > 0 && sessions->count >= most) {
            most = sessions->count; /* in order of the dates that name them: the newest wins */
            best = label->text;
        }
    }
    return best;
}

/* ------------------------------------------------------------------------------- sums */

static bool add_type(struct protocol *sum, void *to, const void *from)
{
    (void)sum;
    struct protocol_type *x = to;
    const struct protocol_type *y = from;
    for (int kind = 0; kind < PROTOCOL_KINDS; kind++) {
        for (int dir = 0; dir < DIR_COUNT; dir++) {
            x->at[kind][dir].count += y->at[kind][dir].count;
            x->at[kind][dir].bytes += y->at[kind][dir].bytes;
        }
    }
    return true;
}

static bool add_latency(struct protocol *sum, void *to, const void *from)
{
    struct protocol_latency *x = to;
    const struct protocol_latency *y = from;
    return histogram_merge(&x->latency, sum->budget, &y->latency) &&
           histogram_merge(&x->first_byte, sum->budget, &y->first_byte);
}

static bool add_name(struct protocol *sum, void *to, const void *from)
{
    struct protocol_name *x = to;
    const struct protocol_name *y = from;
    for (int i = 0; i < EXCHANGE_STATUS_COUNT; i++)
        x->status[i] += y->status[i];
    x->request_bytes += y->request_bytes;
    x->response_bytes += y->response_bytes;
    return histogram_merge(&x->latency, sum->budget, &y->latency);
}

static bool add_operation(struct protocol *sum, void *to, const void *from)
{
    struct protocol_operation *x = to;
    const struct protocol_operation *y = from;
    for (int i = 0; i < OPERATION_STATUS_COUNT; i++)
        x->status[i] += y->status[i];
    x->likely += y->likely;
    x->legs += y->legs;
    x->rounds += y->rounds;
    x->polls += y->polls;
    x->fetches += y->fetches;
    return histogram_merge(&x->total, sum->budget, &y->total) &&
           histogram_merge(&x->server, sum->budget, &y->server) &&
           histogram_merge(&x->outside, sum->budget, &y->outside) &&
           histogram_merge(&x->creation, sum->budget, &y->creation) &&
           histogram_merge(&x->wait, sum->budget, &y->wait);
}

static bool add_count(struct protocol *sum, void *to, const void *from)
{
    (void)sum;
    ((struct protocol_count *)to)->count += ((const struct protocol_count *)from)->count;
    return true;
}

/* Adds the rows of `from` to a map of sum; joined: only those that the whole does not have. */
static bool add_rows(struct protocol *sum, struct labels *to, const struct labels *from,
                     bool joined, bool (*add)(struct protocol *sum, void *to, const void *from))
{
    for (uint32_t i = 0; i < from->count; i++) {
        const struct label *label = from->sorted[i];
        if (joined && !label->whole)
            continue;
        struct label *same = labels_get(to, label->text, label->text_len);
        if (!same || !add(sum, same->value, label->value))
            return false;
    }
    return true;
}

static bool add_both(struct protocol *sum, const struct protocol *from, bool joined)
{
    for (int i = 0; i < EXCHANGE_STATUS_COUNT; i++)
        sum->exchanges[i] += from->exchanges[i];
    for (int i = 0; i < TRANSPORT_COUNT; i++)
        sum->transports[i].messages += from->transports[i].messages;
    sum->orphan_responses += from->orphan_responses;
    sum->duplicate_responses += from->duplicate_responses;
    sum->late_responses += from->late_responses;
    bool done = add_rows(sum, &sum->types, &from->types, joined, add_type) &&
                add_rows(sum, &sum->latencies, &from->latencies, joined, add_latency);
    for (int i = 0; i < PROTOCOL_NAMES; i++)
        done = done && add_rows(sum, &sum->names[i], &from->names[i], joined, add_name);
    return done;
}

bool protocol_add_part(struct protocol *sum, const struct protocol *part)
{
    return add_both(sum, part, true);
}

bool protocol_add_whole(struct protocol *sum, const struct protocol *whole)
{
    for (int i = 0; i < TRANSPORT_COUNT; i++)
        sum->transports[i].connections += whole->transports[i].connections;
    sum->sessions += whole->sessions;
    sum->incomplete_messages += whole->incomplete_messages;
    bool done = add_both(sum, whole, false) &&
                add_rows(sum, &sum->errors, &whole->errors, false, add_count) &&
                add_rows(sum, &sum->versions, &whole->versions, false, add_count);
    for (int i = 0; i < PROTOCOL_OPERATION_KINDS; i++)
        done =
            done && add_rows(sum, &sum->operations[i], &whole->operations[i], false, add_operation);
    return done;
}

/* ------------------------------------------------------------------------------- end */

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
