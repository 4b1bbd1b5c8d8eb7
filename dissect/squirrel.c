/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages of the Squirrel dialect.
 *
 * Theory of operation. The JSON scanner walks the text with squirrel_spec.h. A payload that is an
 * array of bytes goes, decoded, through a second scanner, whose slots stand for those of a payload
 * that is an object.
 *
 * What a message is follows from its type, whatever the case of its letters:
 *
 *   command, request, query, authrequest, handshake, setup      request
 *   response, commandresponse, authresponse, handshakeresponse  result, or error if it says so
 *   error                                                       error
 *   event, notification, any other word                         notification
 *
 * Without a type: status with message_id or command_id is a response, `success` with an id too,
 * command a request, event_type or event an event, capabilities with version a handshake.
 *
 * Members prove the dialect by themselves in two shapes only: id (a string), type (request,
 * response, notification or error) and command; header.messageId with header.messageType. All
 * others need their framing for it.
 *
 * Limits: those of the scanner; LIMIT_BYTE_PAYLOAD bytes of a byte array are decoded.
 *
 * Ignored on purpose: arrays of messages, which the dialect does not have; security, time stamps,
 * signatures and all else that the spec does not name.
 */
#include "dissect/squirrel.h"
#include "ascii.h"
#include "rpc_text.h"
#include "squirrel_spec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A payload that was an array of bytes. */
struct squirrel_payload {
    uint64_t bytes;
    struct json_scan json;
};

/* ---- slots */

/* The scan that has the slot. */
static const struct json_scan *scan_of(const struct squirrel *q, enum squirrel_slot slot)
{
    bool inner = slot < P_COUNT && q->payload && q->bytes.state == SQUIRREL_BYTES_WHOLE &&
                 json_end(&q->payload->json) == JSON_END_COMPLETE;
    return inner ? &q->payload->json : &q->json;
}

static const struct json_slot *slot_of(const struct squirrel *q, enum squirrel_slot slot)
{
    return json_slot(scan_of(q, slot), slot);
}

static bool has(const struct squirrel *q, enum squirrel_slot slot)
{
    return slot_of(q, slot)->type != JSON_ABSENT;
}

static bool is(const struct squirrel *q, enum squirrel_slot slot, enum json_type type)
{
    return slot_of(q, slot)->type == type;
}

/* The text of a string; NULL if it is none. */
static const char *text_of(const struct squirrel *q, enum squirrel_slot slot, size_t *ret_len)
{
    const struct json_slot *s = slot_of(q, slot);
    *ret_len = s->text_len;
    return s->type == JSON_STRING ? json_slot_text(scan_of(q, slot), s) : NULL;
}

static bool equals(const struct squirrel *q, enum squirrel_slot slot, const char *word)
{
    size_t n;
    const char *text = text_of(q, slot, &n);
    return text && n == strlen(word) && memcmp(text, word, n) == 0;
}

static bool is_any(const struct squirrel *q, enum squirrel_slot slot, const char *const words[])
{
    size_t n;
    const char *text = text_of(q, slot, &n);
    for (; text && *words; words++)
        if (ascii_is(text, n, *words))
            return true;
    return false;
}

/* ---- what a message is */

/* The type that is the only member of an object: {"Command":{...}}. */
static enum squirrel_type type_of_object(const struct squirrel *q)
{
    static const uint8_t types[] = {SQUIRREL_TYPE_COMMAND,     SQUIRREL_TYPE_QUERY,
                                    SQUIRREL_TYPE_EVENT,       SQUIRREL_TYPE_RESPONSE,
                                    SQUIRREL_TYPE_ERROR,       SQUIRREL_TYPE_REQUEST,
                                    SQUIRREL_TYPE_NOTIFICATION};
    for (size_t i = 0; i < sizeof(types); i++)
        if (has(q, (enum squirrel_slot)(TYPE_COMMAND + i)))
            return types[i];
    return SQUIRREL_TYPE_NONE;
}

/* Where the type stands as a text; SLOT_COUNT: nowhere. */
static enum squirrel_slot type_slot(const struct squirrel *q)
{
    return is(q, TYPE, JSON_STRING)          ? TYPE
           : is(q, HEADER_TYPE, JSON_STRING) ? HEADER_TYPE
                                             : SLOT_COUNT;
}

/* The type by the members alone. */
static enum squirrel_type type_by_shape(const struct squirrel *q)
{
    if (is(q, STATUS, JSON_STRING) && (has(q, MESSAGE_ID) || has(q, COMMAND_ID)))
        return SQUIRREL_TYPE_RESPONSE;
    bool verdict = is(q, SUCCESS, JSON_TRUE) || is(q, SUCCESS, JSON_FALSE);
    if (verdict && has(q, ID))
        return SQUIRREL_TYPE_RESPONSE;
    if (is(q, COMMAND, JSON_STRING))
        return SQUIRREL_TYPE_COMMAND;
    if (is(q, EVENT_TYPE, JSON_STRING) || is(q, EVENT, JSON_STRING))
        return SQUIRREL_TYPE_EVENT;
    if (has(q, CAPABILITIES) && has(q, VERSION))
        return SQUIRREL_TYPE_HANDSHAKE;
    return SQUIRREL_TYPE_NONE;
}

/* SQUIRREL_TYPE_NONE: no message of this dialect. */
static enum squirrel_type type_of(const struct squirrel *q)
{
    if (q->json.element_type != JSON_OBJECT || q->json.batch || has(q, JSONRPC) || has(q, METHOD))
        return SQUIRREL_TYPE_NONE;
    enum squirrel_slot slot = type_slot(q);
    if (slot != SLOT_COUNT) {
        size_t n;
        const char *text = text_of(q, slot, &n);
        return n > 0 ? squirrel_type_find(text, n) : SQUIRREL_TYPE_NONE;
    }
    return is(q, TYPE, JSON_OBJECT) ? type_of_object(q) : type_by_shape(q);
}

/* A response that tells of a failure. */
static bool has_failed(const struct squirrel *q)
{
    static const char *const failures[] = {"error",     "failure", "failed",
                                           "cancelled", "timeout", NULL};
    return is_any(q, STATUS, failures) || is_any(q, P_STATUS, failures) ||
           is(q, SUCCESS, JSON_FALSE) || is(q, P_SUCCESS, JSON_FALSE) ||
           (has(q, ERROR) && !is(q, ERROR, JSON_NULL));
}

static enum message_kind kind_of(const struct squirrel *q, enum squirrel_type type)
{
    switch (type) {
    case SQUIRREL_TYPE_COMMAND:
    case SQUIRREL_TYPE_REQUEST:
    case SQUIRREL_TYPE_QUERY:
    case SQUIRREL_TYPE_SETUP:
    case SQUIRREL_TYPE_AUTH_REQUEST:
    case SQUIRREL_TYPE_HANDSHAKE:
        return MESSAGE_REQUEST;
    case SQUIRREL_TYPE_RESPONSE:
    case SQUIRREL_TYPE_COMMAND_RESPONSE:
    case SQUIRREL_TYPE_AUTH_RESPONSE:
    case SQUIRREL_TYPE_HANDSHAKE_RESPONSE:
        return has_failed(q) ? MESSAGE_ERROR : MESSAGE_RESULT;
    case SQUIRREL_TYPE_ERROR:
        return MESSAGE_ERROR;
    case SQUIRREL_TYPE_NONE:
    case SQUIRREL_TYPE_EVENT:
    case SQUIRREL_TYPE_NOTIFICATION:
    case SQUIRREL_TYPE_OTHER:
        break;
    }
    return MESSAGE_NOTIFICATION;
}

/* Two shapes that nothing else has. */
static bool proves_itself(const struct squirrel *q)
{
    static const char *const words[] = {"request", "response", "notification", "error"};
    bool typed = false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        typed |= equals(q, TYPE, words[i]);
    return (typed && is(q, ID, JSON_STRING) && is(q, COMMAND, JSON_STRING)) ||
           (is(q, HEADER_ID, JSON_STRING) && is(q, HEADER_TYPE, JSON_STRING));
}

/* ---- ids */

/* The slot of the message's own id. `message_id` is one where the message has a type. */
static enum squirrel_slot id_slot(const struct squirrel *q)
{
    if (has(q, ID))
        return ID;
    if (has(q, HEADER_ID))
        return HEADER_ID;
    return has(q, TYPE) ? MESSAGE_ID : ID;
}

static struct rpc_id id_of(const struct squirrel *q, enum squirrel_slot slot)
{
    return rpc_id_from_slot(scan_of(q, slot), slot_of(q, slot), &q->hash);
}

static bool can_answer(const struct rpc_id *id)
{
    return id->type == RPC_ID_STRING || id->type == RPC_ID_INTEGER;
}

/* The request that a message names outside of its payload. */
static struct rpc_id answered_id(const struct squirrel *q)
{
    static const uint8_t order[] = {COMMAND_ID, REQUEST_ID, CORRELATION_ID, MESSAGE_ID};
    enum squirrel_slot own = id_slot(q);
    for (size_t i = 0; i < sizeof(order); i++) {
        struct rpc_id id = id_of(q, order[i]);
        if (order[i] != own && can_answer(&id))
            return id;
    }
    return (struct rpc_id){RPC_ID_ABSENT, 0};
}

/* ---- texts */

static void add_type(const struct squirrel *q, struct message *m)
{
    const char *name = squirrel_type_name(m->squirrel);
    if (*name) {
        rpc_text_add_made(m, MESSAGE_TEXT_METHOD, name, strlen(name));
        return;
    }
    size_t n;
    char lower[MESSAGE_METHOD_BYTES];
    const char *text = text_of(q, type_slot(q), &n);
    n = n < sizeof(lower) ? n : sizeof(lower);
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    rpc_text_add_made(m, MESSAGE_TEXT_METHOD, lower, n);
}

/* The operation. Of what carries credentials nothing is taken. */
static void add_name(const struct squirrel *q, struct message *m)
{
    static const uint8_t order[] = {COMMAND,    P_COMMAND, P_COMMAND_TYPE, P_EVENT_TYPE,
                                    EVENT_TYPE, P_TOOL_ID, EVENT};
    size_t i = 0;
    while (i < sizeof(order) && !is(q, order[i], JSON_STRING))
        i++;
    if (i == sizeof(order) || m->squirrel == SQUIRREL_TYPE_AUTH_REQUEST ||
        m->squirrel == SQUIRREL_TYPE_AUTH_RESPONSE)
        return;
    if (order[i] != P_TOOL_ID || !is(q, P_TOOL_CAPABILITY, JSON_STRING)) {
        rpc_text_add(m, MESSAGE_TEXT_NAME, scan_of(q, order[i]), slot_of(q, order[i]));
        return;
    }
    char name[2 * LIMIT_MESSAGE_TEXT];
    size_t tool, capability;
    const char *text = text_of(q, P_TOOL_ID, &tool);
    tool = tool < LIMIT_MESSAGE_TEXT ? tool : LIMIT_MESSAGE_TEXT;
    memcpy(name, text, tool);
    name[tool++] = '.';
    text = text_of(q, P_TOOL_CAPABILITY, &capability);
    capability = capability < sizeof(name) - tool ? capability : sizeof(name) - tool;
    memcpy(name + tool, text, capability);
    rpc_text_add_made(m, MESSAGE_TEXT_NAME, name, tool + capability);
}

/* "1.0" from a text, or from an object; a third number is left out. */
static void add_version(const struct squirrel *q, struct message *m)
{
    int64_t major, minor;
    char made[MESSAGE_SHORT_BYTES];
    size_t n;
    enum squirrel_slot slot = is(q, VERSION, JSON_STRING) ? VERSION : P_VERSION;
    const char *text = text_of(q, slot, &n);
    if (is(q, VERSION, JSON_OBJECT) && json_slot_int(&q->json, slot_of(q, MAJOR), &major) &&
        json_slot_int(&q->json, slot_of(q, MINOR), &minor)) {
        int length = snprintf(made, sizeof(made), "%lld.%lld", (long long)major, (long long)minor);
        rpc_text_add_made(m, MESSAGE_TEXT_VERSION, made, (size_t)length);
        return;
    }
    unsigned dots = 0;
    for (size_t i = 0; text && i < n; i++)
        if (text[i] == '.' && ++dots == 2)
            n = i;
    if (text && n <= sizeof(made))
        rpc_text_add_made(m, MESSAGE_TEXT_VERSION, text, n);
}

/* The class of the error that a message tells of. */
static uint8_t error_of(const struct squirrel *q)
{
    static const uint8_t order[] = {ERROR_CODE, ERROR, ERROR_TEXT, P_ERROR, P_MESSAGE};
    uint8_t error = 0;
    for (size_t i = 0; error == 0 && i < sizeof(order); i++) {
        size_t n;
        const char *text = text_of(q, order[i], &n);
        if (text)
            error = squirrel_error_find(text, n);
    }
    return error;
}

static unsigned flags_of(const struct squirrel *q, const struct message *m)
{
    static const char *const interim[] = {"pending", "queued", "executing", "running", NULL};
    unsigned flags = 0;
    bool named = m->id.type == RPC_ID_STRING && slot_of(q, id_slot(q))->full_bytes > 0;
    if (!named && (m->id.type != RPC_ID_ABSENT || m->kind == MESSAGE_REQUEST))
        flags |= MESSAGE_BAD_ID;
    if (q->json.repeated_members)
        flags |= MESSAGE_REPEATED_MEMBER;
    if (proves_itself(q))
        flags |= MESSAGE_MCP_SHAPE;
    if (m->kind == MESSAGE_RESULT && (is_any(q, STATUS, interim) || is_any(q, P_STATUS, interim)))
        flags |= MESSAGE_INTERIM;
    return flags;
}

static void fill(struct squirrel *q, struct message *m, enum squirrel_type type)
{
    m->first = q->first;
    m->bytes = q->json.element_bytes;
    m->kind = (uint8_t)kind_of(q, type);
    m->dir = q->dir;
    m->method = METHOD_OTHER;
    m->squirrel = (uint8_t)type;
    m->id = id_of(q, id_slot(q));
    m->cancels = answered_id(q);
    struct rpc_id in_payload = id_of(q, P_MESSAGE_ID);
    m->event_id = can_answer(&in_payload) ? in_payload.hash : 0;
    m->error_code = m->kind == MESSAGE_ERROR ? error_of(q) : 0;
    m->flags = (uint16_t)flags_of(q, m);
    m->capabilities = 0;
    memset(m->text_len, 0, sizeof(m->text_len));
    memset(m->text_off, 0, sizeof(m->text_off));
    m->text_used = 0;
    add_type(q, m);
    if (m->id.type != RPC_ID_ABSENT)
        rpc_text_add_json(m, MESSAGE_TEXT_ID, scan_of(q, id_slot(q)), slot_of(q, id_slot(q)));
    add_name(q, m);
    add_version(q, m);
    if (m->flags & MESSAGE_TEXT_CUT)
        limits_hit_add(q->hit, LIMIT_ID_MESSAGE_TEXT);
}

static void hand_over_held(struct squirrel *q, const struct rpc_sink *sink)
{
    if (!q->held_valid)
        return;
    q->held_valid = false;
    q->messages++;
    sink->message(sink->ctx, &q->held);
}

static void element_ended(struct squirrel *q, const struct rpc_sink *sink,
                          const struct stream_pos *at)
{
    enum squirrel_type type = type_of(q);
    if (type == SQUIRREL_TYPE_NONE) {
        q->others++;
        return;
    }
    fill(q, &q->held, type);
    q->held.last = *at;
    q->held_valid = true;
    if (!q->hold)
        hand_over_held(q, sink);
}

/* ---- byte arrays */

static void payload_bytes(void *ctx, const uint8_t *bytes, size_t n)
{
    struct squirrel *q = ctx;
    if (!q->payload) {
        q->payload = malloc(sizeof(*q->payload));
        if (!q->payload) {
            q->bytes.state = SQUIRREL_BYTES_OTHER;
            return;
        }
        q->payload->bytes = 0;
        json_init(&q->payload->json, &squirrel_payload_spec, &q->hash, q->hit);
    }
    struct squirrel_payload *p = q->payload;
    if (n > LIMIT_BYTE_PAYLOAD - p->bytes) {
        limits_hit_add(q->hit, LIMIT_ID_BYTE_PAYLOAD);
        q->bytes.state = SQUIRREL_BYTES_OTHER;
        return;
    }
    p->bytes += n;
    size_t used;
    if (p->json.elements == 0)
        (void)json_feed(&p->json, bytes, n, &used);
}

/* ---- the interface */

void squirrel_init(struct squirrel *q, enum dir dir, bool hold, const struct hash_key *hash,
                   struct limits_hit *hit)
{
    q->messages = 0;
    q->others = 0;
    q->hold = hold;
    q->held_valid = false;
    q->begun = false;
    q->dir = (uint8_t)dir;
    q->hash = *hash;
    q->hit = hit;
    q->payload = NULL;
    memset(&q->bytes, 0, sizeof(q->bytes));
    json_init(&q->json, &squirrel_spec, hash, hit);
}

bool squirrel_feed(struct squirrel *q, const struct rpc_sink *sink, const uint8_t *bytes, size_t n,
                   const struct stream_pos *at)
{
    enum json_result result;
    squirrel_bytes_feed(&q->bytes, &(struct squirrel_bytes_sink){q, payload_bytes}, bytes, n);
    do {
        size_t used;
        result = json_feed(&q->json, bytes, n, &used);
        bytes += used;
        n -= used;
        if (!q->begun && (q->json.in_element || result == JSON_ELEMENT)) {
            q->first = *at;
            q->begun = true;
        }
        if (result == JSON_ELEMENT)
            element_ended(q, sink, at);
    } while (result == JSON_ELEMENT);
    return result != JSON_BAD;
}

bool squirrel_complete(const struct squirrel *q)
{
    return !q->json.in_element && json_end(&q->json) == JSON_END_COMPLETE;
}

bool squirrel_proves(const struct squirrel *q)
{
    return q->held_valid && (q->held.flags & MESSAGE_MCP_SHAPE) != 0;
}

enum json_end squirrel_end(struct squirrel *q, const struct rpc_sink *sink, bool revoked)
{
    enum json_end end = json_end(&q->json);
    if (end == JSON_END_COMPLETE && q->json.in_element)
        q->others++; /* a number all by itself */
    if (revoked)
        q->held_valid = false;
    hand_over_held(q, sink);
    squirrel_fini(q);
    return end;
}

void squirrel_fini(struct squirrel *q)
{
    free(q->payload);
    q->payload = NULL;
}
