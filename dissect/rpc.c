/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON-RPC 2.0 envelope (https://www.jsonrpc.org/specification), as MCP narrows it.
 *
 * Theory of operation. The JSON scanner walks the text with the spec below; for every element that
 * ends, the slots are read once and a struct message is filled in, in r->held, and handed over: at
 * once, or, with `hold`, when the next one is complete or the text ends.
 *
 * What kind of message an element is follows from its members, whatever their order:
 *
 *   method is a string             request if there is an id (valid or not), else notification
 *   no method, but result, error   response, if jsonrpc is "2.0"; an error that is not null wins
 *   anything else                  no message
 *
 * Ids are compared by value: integers by their significant digits and decimal exponent, so that 1,
 * 1.0 and 10e-1 are equal and no two large ones fall together, strings after decoding.
 *
 * Limits: those of the scanner; LIMIT_BATCH.
 *
 * Ignored on purpose: whether params and result are objects, and everything that the spec does not
 * name.
 */
#include "dissect/rpc.h"
#include "dissect/capability.h"
#include "rpc_memo.h"
#include "rpc_text.h"
#include <string.h>

/* The spec's nodes; a node's slot has the same number. Children in the order of their parents. */
enum node {
    ROOT,
    /* of the element */
    JSONRPC,
    ID,
    METHOD,
    PARAMS,
    RESULT,
    ERROR,
    /* of params */
    PARAMS_NAME,
    PARAMS_URI,
    PARAMS_VERSION,
    PARAMS_REQUEST_ID,
    PARAMS_TASK_ID,
    PARAMS_STATE,
    PARAMS_INPUT,
    PARAMS_STATUS,
    PARAMS_CLIENT,
    PARAMS_META,
    PARAMS_CAPABILITIES,
    /* of result */
    RESULT_IS_ERROR,
    RESULT_TYPE,
    RESULT_VERSION,
    RESULT_SERVER,
    RESULT_META,
    RESULT_CONTENT,
    RESULT_STRUCTURED,
    RESULT_VERSIONS,
    RESULT_CAPABILITIES,
    RESULT_STATE,
    RESULT_INPUT,
    RESULT_TASK_ID,
    RESULT_STATUS,
    RESULT_ERROR,
    RESULT_TASK,
    RESULT_RESULT,
    /* of error */
    ERROR_CODE,
    /* of params.clientInfo */
    CLIENT_NAME,
    CLIENT_VERSION,
    /* of params._meta */
    META_PROGRESS_TOKEN,
    META_VERSION,
    META_SUBSCRIPTION,
    META_CLIENT,
    META_TASK,
    META_CAPABILITIES,
    /* of result.serverInfo */
    SERVER_NAME,
    SERVER_VERSION,
    /* of result._meta */
    META_SERVER,
    /* of result.task */
    TASK_ID,
    TASK_STATUS,
    /* of result.result */
    INNER_IS_ERROR,
    /* of params._meta, clientInfo */
    META_CLIENT_NAME,
    META_CLIENT_VERSION,
    /* of params._meta, related task */
    META_TASK_ID,
    /* of result._meta, serverInfo */
    META_SERVER_NAME,
    META_SERVER_VERSION,
    NODE_COUNT
};

#define TYPE(node, name)              [node] = JSON_LEAF(name, node, 0)
#define TEXT(node, name)              [node] = JSON_LEAF(name, node, JSON_NODE_TEXT)
#define WHOLE                         (JSON_NODE_TEXT | JSON_NODE_HASH)
#define IDS                           (JSON_NODE_NUMBERS | JSON_NODE_NAMES)
#define IDENTITY(node, name)          [node] = JSON_LEAF(name, node, WHOLE | IDS)
#define ANY(node, name)               [node] = JSON_LEAF(name, node, JSON_NODE_ANY)
#define NAME(node, name)              [node] = JSON_LEAF(name, node, JSON_NODE_TEXT | JSON_NODE_NAMES)
#define HASH(node, name)              [node] = JSON_LEAF(name, node, WHOLE)
#define MARK(node, name)              [node] = JSON_LEAF(name, node, JSON_NODE_HASH)
#define KEYS(node, name)              [node] = JSON_LEAF(name, node, JSON_NODE_KEYS)
#define LIST(node, name)              [node] = JSON_LEAF(name, node, JSON_NODE_LISTED)
#define TREE(node, name, first, last) [node] = JSON_TREE(name, node, first, last)

static const struct json_node nodes[NODE_COUNT] = {
    TREE(ROOT, "", JSONRPC, ERROR),
    TEXT(JSONRPC, "jsonrpc"),
    IDENTITY(ID, "id"),
    TEXT(METHOD, "method"),
    TREE(PARAMS, "params", PARAMS_NAME, PARAMS_CAPABILITIES),
    TREE(RESULT, "result", RESULT_IS_ERROR, RESULT_RESULT),
    TREE(ERROR, "error", ERROR_CODE, ERROR_CODE),
    NAME(PARAMS_NAME, "name"),
    NAME(PARAMS_URI, "uri"),
    TEXT(PARAMS_VERSION, "protocolVersion"),
    HASH(PARAMS_REQUEST_ID, "requestId"),
    MARK(PARAMS_TASK_ID, "taskId"),
    MARK(PARAMS_STATE, "requestState"),
    KEYS(PARAMS_INPUT, "inputResponses"),
    MARK(PARAMS_STATUS, "status"),
    TREE(PARAMS_CLIENT, "clientInfo", CLIENT_NAME, CLIENT_VERSION),
    TREE(PARAMS_META, "_meta", META_PROGRESS_TOKEN, META_CAPABILITIES),
    LIST(PARAMS_CAPABILITIES, "capabilities"),
    TYPE(RESULT_IS_ERROR, "isError"),
    TEXT(RESULT_TYPE, "resultType"),
    TEXT(RESULT_VERSION, "protocolVersion"),
    TREE(RESULT_SERVER, "serverInfo", SERVER_NAME, SERVER_VERSION),
    TREE(RESULT_META, "_meta", META_SERVER, META_SERVER),
    TYPE(RESULT_CONTENT, "content"),
    TYPE(RESULT_STRUCTURED, "structuredContent"),
    TYPE(RESULT_VERSIONS, "supportedVersions"),
    LIST(RESULT_CAPABILITIES, "capabilities"),
    MARK(RESULT_STATE, "requestState"),
    KEYS(RESULT_INPUT, "inputRequests"),
    MARK(RESULT_TASK_ID, "taskId"),
    MARK(RESULT_STATUS, "status"),
    TYPE(RESULT_ERROR, "error"),
    TREE(RESULT_TASK, "task", TASK_ID, TASK_STATUS),
    TREE(RESULT_RESULT, "result", INNER_IS_ERROR, INNER_IS_ERROR),
    TEXT(ERROR_CODE, "code"),
    TEXT(CLIENT_NAME, "name"),
    TEXT(CLIENT_VERSION, "version"),
    ANY(META_PROGRESS_TOKEN, "progressToken"),
    TEXT(META_VERSION, "io.modelcontextprotocol/protocolVersion"),
    HASH(META_SUBSCRIPTION, "io.modelcontextprotocol/subscriptionId"),
    TREE(META_CLIENT, "io.modelcontextprotocol/clientInfo", META_CLIENT_NAME, META_CLIENT_VERSION),
    TREE(META_TASK, "io.modelcontextprotocol/related-task", META_TASK_ID, META_TASK_ID),
    LIST(META_CAPABILITIES, "io.modelcontextprotocol/clientCapabilities"),
    TEXT(SERVER_NAME, "name"),
    TEXT(SERVER_VERSION, "version"),
    TREE(META_SERVER, "io.modelcontextprotocol/serverInfo", META_SERVER_NAME, META_SERVER_VERSION),
    MARK(TASK_ID, "taskId"),
    MARK(TASK_STATUS, "status"),
    TYPE(INNER_IS_ERROR, "isError"),
    TEXT(META_CLIENT_NAME, "name"),
    TEXT(META_CLIENT_VERSION, "version"),
    MARK(META_TASK_ID, "taskId"),
    TEXT(META_SERVER_NAME, "name"),
    TEXT(META_SERVER_VERSION, "version"),
};

static struct json_names names;
static const struct json_spec spec = {nodes, NODE_COUNT, NODE_COUNT, &names, capability_names};

/* ---- the slots of an element that just ended */

#define BIT(node) (UINT64_C(1) << (node))

/* Whether it has any of several members: most messages have few, and need no look at each. */
static inline bool has_any(const struct rpc *r, uint64_t bits)
{
    return (r->json.present & bits) != 0;
}

static inline bool has(const struct rpc *r, enum node node)
{
    return json_slot(&r->json, node)->type != JSON_ABSENT;
}

static inline bool is(const struct rpc *r, enum node node, enum json_type type)
{
    return json_slot(&r->json, node)->type == type;
}

static inline bool equals(const struct rpc *r, enum node node, const char *text)
{
    const struct json_slot *slot = json_slot(&r->json, node);
    size_t n = strlen(text);
    return slot->type == JSON_STRING && slot->full_bytes == n && !slot->cut &&
           memcmp(json_slot_text(&r->json, slot), text, n) == 0;
}

/* The first of a and b that is a string; 0 if neither is. */
static enum node string_of(const struct rpc *r, enum node a, enum node b)
{
    return is(r, a, JSON_STRING) ? a : is(r, b, JSON_STRING) ? b : ROOT;
}

/* ---- ids */

struct rpc_id rpc_id_from_slot(const struct json_scan *s, const struct json_slot *slot,
                               const struct hash_key *hash)
{
    switch ((enum json_type)slot->type) {
    case JSON_ABSENT:
        return (struct rpc_id){RPC_ID_ABSENT, 0};
    case JSON_NULL:
        return (struct rpc_id){RPC_ID_NULL, 0};
    case JSON_STRING:
        return rpc_text_string_id(s, slot, hash);
    case JSON_INTEGER:
    case JSON_NUMBER:
        return rpc_text_number_id(s, slot, hash);
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return (struct rpc_id){RPC_ID_OTHER, 0};
}

/* ---- messages */

/* What the element is; -1: no JSON-RPC message. */
static int classify(const struct rpc *r)
{
    if (!is(r, ROOT, JSON_OBJECT))
        return -1;
    if (is(r, METHOD, JSON_STRING))
        return has(r, ID) ? MESSAGE_REQUEST : MESSAGE_NOTIFICATION;
    if (!equals(r, JSONRPC, "2.0") && !is(r, ID, JSON_INTEGER) && !is(r, ID, JSON_STRING))
        return -1; /* any other JSON */
    if (has(r, ERROR) && !(is(r, ERROR, JSON_NULL) && has(r, RESULT)))
        return MESSAGE_ERROR;
    return has(r, RESULT) ? MESSAGE_RESULT : -1;
}

/* Members that only MCP has. `tools` or `content` alone prove nothing; LSP too answers initialize
 * with serverInfo and capabilities, and A2A has tasks/get, but with params.id. */
static bool has_mcp_shape(const struct rpc *r, enum method method)
{
    if (has(r, PARAMS)) {
        bool task_method = method == METHOD_TASKS_GET || method == METHOD_TASKS_CANCEL;
        return (method == METHOD_INITIALIZE && is(r, PARAMS_VERSION, JSON_STRING)) ||
               (task_method && is(r, PARAMS_TASK_ID, JSON_STRING)) || has(r, META_VERSION) ||
               has(r, META_CLIENT) || has(r, META_PROGRESS_TOKEN);
    }
    if (!is(r, RESULT, JSON_OBJECT))
        return false;
    return (is(r, RESULT_VERSION, JSON_STRING) && is(r, RESULT_SERVER, JSON_OBJECT)) ||
           (is(r, RESULT_CONTENT, JSON_ARRAY) &&
            (has(r, RESULT_IS_ERROR) || has(r, RESULT_STRUCTURED))) ||
           (is(r, RESULT_VERSIONS, JSON_ARRAY) && is(r, RESULT_CAPABILITIES, JSON_OBJECT)) ||
           has(r, META_SERVER);
}

static unsigned flags_of(const struct rpc *r, const struct message *m)
{
    unsigned flags = 0;
    if (r->json.batch)
        flags |= MESSAGE_IN_BATCH;
    if (r->json.batch && r->messages == 0) /* a held one was handed over just before */
        flags |= MESSAGE_FIRST_IN_BATCH;
    if (!equals(r, JSONRPC, "2.0"))
        flags |= MESSAGE_NO_VERSION;
    if (has(r, METHOD) + (has(r, RESULT) || has(r, ERROR)) > 1 || (has(r, RESULT) && has(r, ERROR)))
        flags |= MESSAGE_HYBRID;
    if (m->id.type == RPC_ID_OTHER || (m->id.type == RPC_ID_NULL && m->kind == MESSAGE_REQUEST))
        flags |= MESSAGE_BAD_ID;
    if (r->json.repeated_members)
        flags |= MESSAGE_REPEATED_MEMBER;
    if (is(r, RESULT_IS_ERROR, JSON_TRUE))
        flags |= MESSAGE_IS_ERROR;
    if (equals(r, RESULT_TYPE, "input_required"))
        flags |= MESSAGE_INPUT_REQUIRED;
    if (has_mcp_shape(r, m->method))
        flags |= MESSAGE_MCP_SHAPE;
    return flags;
}

static void add_text(struct rpc *r, struct message *m, enum message_text which, enum node node)
{
    if (node != ROOT && is(r, node, JSON_STRING))
        rpc_text_add(m, which, &r->json, json_slot(&r->json, node));
}

static enum node name_node(enum method method)
{
    switch ((enum method_name)method_info(method)->name) {
    case METHOD_NAME_TOOL:
    case METHOD_NAME_PROMPT:
        return PARAMS_NAME;
    case METHOD_NAME_RESOURCE:
        return PARAMS_URI;
    case METHOD_NAME_NONE:
        break;
    }
    bool resource = method == METHOD_RESOURCES_SUBSCRIBE ||
                    method == METHOD_RESOURCES_UNSUBSCRIBE || method == METHOD_N_RESOURCES_UPDATED;
    return resource ? PARAMS_URI : ROOT;
}

/* What the two that speak say of themselves. */
#define PEER_TEXTS                                                                                 \
    (BIT(PARAMS_VERSION) | BIT(META_VERSION) | BIT(CLIENT_NAME) | BIT(META_CLIENT_NAME) |          \
     BIT(CLIENT_VERSION) | BIT(META_CLIENT_VERSION) | BIT(RESULT_VERSION) | BIT(SERVER_NAME) |     \
     BIT(META_SERVER_NAME) | BIT(SERVER_VERSION) | BIT(META_SERVER_VERSION))

static void add_peer_texts(struct rpc *r, struct message *m)
{
    enum node version = string_of(r, PARAMS_VERSION, META_VERSION);
    enum node name = string_of(r, CLIENT_NAME, META_CLIENT_NAME);
    enum node peer_version = string_of(r, CLIENT_VERSION, META_CLIENT_VERSION);
    if (has(r, RESULT)) {
        version = version != ROOT ? version : RESULT_VERSION;
        name = name != ROOT ? name : string_of(r, SERVER_NAME, META_SERVER_NAME);
        peer_version =
            peer_version != ROOT ? peer_version : string_of(r, SERVER_VERSION, META_SERVER_VERSION);
    }
    add_text(r, m, MESSAGE_TEXT_VERSION, version);
    add_text(r, m, MESSAGE_TEXT_PEER_NAME, name);
    add_text(r, m, MESSAGE_TEXT_PEER_VERSION, peer_version);
}

static void add_texts(struct rpc *r, struct message *m)
{
    if (m->method == METHOD_OTHER)
        add_text(r, m, MESSAGE_TEXT_METHOD, METHOD);
    if (m->id.type != RPC_ID_ABSENT)
        rpc_text_add_json(m, MESSAGE_TEXT_ID, &r->json, json_slot(&r->json, ID));
    if (m->method != METHOD_NONE && has_any(r, BIT(PARAMS_NAME) | BIT(PARAMS_URI)))
        add_text(r, m, MESSAGE_TEXT_NAME, name_node(m->method));
    if (has_any(r, PEER_TEXTS))
        add_peer_texts(r, m);
}

static enum method method_of(const struct rpc *r)
{
    const struct json_slot *slot = json_slot(&r->json, METHOD);
    if (slot->type != JSON_STRING)
        return METHOD_NONE;
    return slot->cut ? METHOD_OTHER : method_find(json_slot_text(&r->json, slot), slot->text_len);
}

#define CAPABILITIES (BIT(PARAMS_CAPABILITIES) | BIT(META_CAPABILITIES) | BIT(RESULT_CAPABILITIES))

/* What the message declares of its sender: `initialize` and its result where these revisions have
 * it, any other request in _meta. */
static uint16_t capabilities_of(const struct rpc *r, const struct message *m)
{
    enum node node = RESULT_CAPABILITIES;
    if (m->kind != MESSAGE_RESULT)
        node = m->method == METHOD_INITIALIZE ? PARAMS_CAPABILITIES : META_CAPABILITIES;
    if (!is(r, node, JSON_OBJECT))
        return 0;
    return (uint16_t)(json_slot(&r->json, node)->hash | CAPABILITY_DECLARED);
}

/* Fills in everything but the texts' bytes that are not used. */
static void fill(struct rpc *r, struct message *m, enum message_kind kind)
{
    m->first = r->first;
    m->bytes = r->json.element_bytes;
    m->kind = (uint8_t)kind;
    m->dir = r->dir;
    m->method = (uint8_t)method_of(r);
    m->squirrel = 0;
    m->id = rpc_id_from_slot(&r->json, json_slot(&r->json, ID), &r->hash);
    m->cancels = (struct rpc_id){RPC_ID_ABSENT, 0};
    if (m->method == METHOD_N_CANCELLED)
        m->cancels = rpc_id_from_slot(&r->json, json_slot(&r->json, PARAMS_REQUEST_ID), &r->hash);
    else if (m->method == METHOD_N_SUBSCRIPTIONS_ACK)
        m->cancels = rpc_id_from_slot(&r->json, json_slot(&r->json, META_SUBSCRIPTION), &r->hash);
    m->event_id = 0;
    m->capabilities = 0;
    if (__builtin_expect((r->json.present & CAPABILITIES) != 0, 0))
        m->capabilities = capabilities_of(r, m);
    m->error_code = 0;
    m->flags = (uint16_t)flags_of(r, m);
    if (json_slot_int(&r->json, json_slot(&r->json, ERROR_CODE), &m->error_code))
        m->flags |= MESSAGE_HAS_CODE;
    memset(m->text_len, 0, sizeof(m->text_len));
    memset(m->text_off, 0, sizeof(m->text_off));
    m->text_used = 0;
    add_texts(r, m);
    if (m->flags & MESSAGE_TEXT_CUT)
        limits_hit_add(r->hit, LIMIT_ID_MESSAGE_TEXT);
}

/* ---- links */

_Static_assert(RECORD_LINKS_KEYS == JSON_MAX_KEYS, "copied as a whole");

/* What a message must have one of to be tied to others. */
#define LINKS_OF_PARAMS                                                                            \
    (BIT(PARAMS_STATE) | BIT(PARAMS_INPUT) | BIT(PARAMS_TASK_ID) | BIT(META_TASK_ID))
#define LINKS_OF_RESULTS                                                                           \
    (BIT(RESULT_STATE) | BIT(RESULT_INPUT) | BIT(RESULT_TASK_ID) | BIT(TASK_ID))

static bool add_hash(const struct rpc *r, enum node node, uint64_t *ret_hash)
{
    const struct json_slot *slot = json_slot(&r->json, node);
    if (slot->type != JSON_STRING)
        return false;
    *ret_hash = slot->full_bytes > 0 ? slot->hash : hash_bytes(&r->hash, "", 0);
    return true;
}

static enum links_status status_of(const struct rpc *r, enum node node)
{
    static const char *const words[] = {[LINKS_STATUS_WORKING] = "working",
                                        [LINKS_STATUS_INPUT_REQUIRED] = "input_required",
                                        [LINKS_STATUS_COMPLETED] = "completed",
                                        [LINKS_STATUS_FAILED] = "failed",
                                        [LINKS_STATUS_CANCELLED] = "cancelled"};
    uint64_t hash;
    if (!add_hash(r, node, &hash))
        return LINKS_STATUS_NONE;
    for (enum links_status i = LINKS_STATUS_WORKING; i <= LINKS_STATUS_CANCELLED; i++)
        if (hash_bytes(&r->hash, words[i], strlen(words[i])) == hash)
            return i;
    return LINKS_STATUS_NONE;
}

static unsigned links_of_params(const struct rpc *r, struct record_links *l)
{
    unsigned flags = add_hash(r, PARAMS_STATE, &l->state_hash) ? LINKS_STATE : 0;
    flags |= is(r, PARAMS_INPUT, JSON_OBJECT) ? LINKS_KEYS : 0;
    if (add_hash(r, PARAMS_TASK_ID, &l->task_hash))
        flags |= LINKS_TASK;
    else if (add_hash(r, META_TASK_ID, &l->task_hash))
        flags |= LINKS_TASK | LINKS_RELATED;
    l->status = (uint8_t)status_of(r, PARAMS_STATUS);
    return flags;
}

static unsigned links_of_result(const struct rpc *r, struct record_links *l)
{
    unsigned flags = add_hash(r, RESULT_STATE, &l->state_hash) ? LINKS_STATE : 0;
    flags |= is(r, RESULT_INPUT, JSON_OBJECT) ? LINKS_KEYS : 0;
    flags |=
        is(r, RESULT_RESULT, JSON_OBJECT) || is(r, RESULT_ERROR, JSON_OBJECT) ? LINKS_RESULT : 0;
    flags |= is(r, INNER_IS_ERROR, JSON_TRUE) ? LINKS_IS_ERROR : 0;
    bool inside = add_hash(r, TASK_ID, &l->task_hash);
    if (inside)
        flags |= LINKS_TASK | LINKS_CREATED;
    else if (add_hash(r, RESULT_TASK_ID, &l->task_hash))
        flags |=
            LINKS_TASK | (equals(r, RESULT_TYPE, "task") ? LINKS_CREATED | LINKS_EXTENSION : 0);
    l->status = (uint8_t)status_of(r, inside ? TASK_STATUS : RESULT_STATUS);
    return flags;
}

/* Fills in r->links if the element has any. */
static void fill_links(struct rpc *r)
{
    r->linked = false;
    if (__builtin_expect(!has_any(r, LINKS_OF_PARAMS | LINKS_OF_RESULTS), 1))
        return;
    struct record_links *l = &r->links;
    bool asks = r->held.kind == MESSAGE_REQUEST || r->held.kind == MESSAGE_NOTIFICATION;
    *l = (struct record_links){.key_count = r->json.key_count};
    l->flags = (uint8_t)(asks ? links_of_params(r, l) : links_of_result(r, l));
    if (l->flags & LINKS_KEYS)
        memcpy(l->keys, r->json.keys, sizeof(l->keys));
    else
        l->key_count = 0;
    r->linked = l->flags != 0;
}

static void hand_over_held(struct rpc *r, const struct rpc_sink *sink)
{
    if (!r->held_valid)
        return;
    r->held_valid = false;
    r->messages++;
    sink->message(sink->ctx, &r->held);
}

/* text: where it begins, if this is its first element and all of it is there; else NULL. */
static void element_ended(struct rpc *r, const struct rpc_sink *sink, const struct stream_pos *at,
                          const uint8_t *text)
{
    if (r->json.elements > LIMIT_BATCH) {
        limits_hit_add(r->hit, LIMIT_ID_BATCH);
        return;
    }
    int kind = classify(r);
    if (kind < 0) {
        r->not_rpc++;
        return;
    }
    hand_over_held(r, sink);
    fill(r, &r->held, (enum message_kind)kind);
    fill_links(r);
    r->held.last = *at;
    r->held_valid = true;
    if (text)
        rpc_memo_keep(r, text);
    if (!r->hold)
        hand_over_held(r, sink);
}

/* ---- the interface */

void rpc_init(struct rpc *r, enum dir dir, bool hold, const struct hash_key *hash,
              struct limits_hit *hit)
{
    r->messages = 0;
    r->not_rpc = 0;
    r->empty_array = false;
    r->hold = hold;
    r->held_valid = false;
    r->begun = false;
    r->drafted = false;
    r->dir = (uint8_t)dir;
    r->cut.bytes = 0;
    r->hash = *hash;
    r->hit = hit;
    r->memo = NULL;
    json_init(&r->json, &spec, hash, hit);
}

/* Reads a piece of a text, the first one or another. */
static bool read(struct rpc *r, const struct rpc_sink *sink, struct rpc_memo_text in, bool first)
{
    const uint8_t *text = first ? in.p : NULL;
    enum json_result result;
    do {
        size_t used;
        result = json_feed(&r->json, in.p, in.n, &used);
        in.p += used;
        in.n -= used;
        if (!r->begun && (r->json.in_element || result == JSON_ELEMENT)) {
            r->first = *in.at;
            r->begun = true;
        }
        if (result == JSON_ELEMENT) {
            element_ended(r, sink, in.at, text);
            r->begun = false;
            text = NULL;
        }
    } while (result == JSON_ELEMENT);
    r->empty_array = r->json.batch && r->json.elements == 0 && rpc_complete(r);
    return result != JSON_BAD;
}

bool rpc_feed(struct rpc *r, const struct rpc_sink *sink, const uint8_t *bytes, size_t n,
              const struct stream_pos *at)
{
    bool begins = r->memo && r->json.offset == 0 && json_end(&r->json) == JSON_END_EMPTY;
    struct rpc_memo_text piece = {bytes, n, at, (enum dir)r->dir};
    size_t known = begins ? rpc_memo_feed(r, &piece) : 0;
    if (known == RPC_MEMO_CUT)
        return true;
    if (known > 0 && !r->hold)
        hand_over_held(r, sink);
    bool first = begins && known == 0 && r->cut.bytes == 0;
    if (r->cut.bytes > 0)
        rpc_memo_take_back(r);
    piece.p += known;
    piece.n -= known;
    bool alive = read(r, sink, piece, first);
    rpc_memo_collect(r, &piece, first);
    return alive;
}

bool rpc_complete(const struct rpc *r)
{
    return !r->json.in_element && json_end(&r->json) == JSON_END_COMPLETE;
}

bool rpc_proves(const struct rpc *r)
{
    return r->held_valid ? !(r->held.flags & MESSAGE_NO_VERSION) : r->messages > 0;
}

enum json_end rpc_end(struct rpc *r, const struct rpc_sink *sink, bool revoked)
{
    if (r->cut.bytes > 0)
        rpc_memo_take_back(r);
    enum json_end end = json_end(&r->json);
    if (end == JSON_END_COMPLETE && r->json.in_element)
        r->not_rpc++; /* a number all by itself, which only the end of the text completes */
    if (revoked)
        r->held_valid = false;
    hand_over_held(r, sink);
    return end;
}
