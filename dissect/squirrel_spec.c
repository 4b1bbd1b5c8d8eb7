/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The members of Squirrel messages as specs for the JSON scanner: one for the message, one for a
 * payload that comes as an array of bytes. What may hold a credential is not in them.
 */
#include "squirrel_spec.h"

#define WHOLE (JSON_NODE_TEXT | JSON_NODE_HASH)

/* What is read of a payload: nine members, and two pairs inside of them. */
#define PAYLOAD_MEMBERS(tool, execution)                                                           \
    JSON_LEAF("message_id", P_MESSAGE_ID, WHOLE), JSON_LEAF("command", P_COMMAND, JSON_NODE_TEXT), \
        JSON_LEAF("command_type", P_COMMAND_TYPE, JSON_NODE_TEXT),                                 \
        JSON_LEAF("event_type", P_EVENT_TYPE, JSON_NODE_TEXT),                                     \
        JSON_LEAF("protocol_version", P_VERSION, JSON_NODE_TEXT),                                  \
        JSON_LEAF("success", P_SUCCESS, 0), JSON_LEAF("message", P_MESSAGE, JSON_NODE_TEXT),       \
        JSON_TREE("tool", -1, tool, (tool) + 1),                                                   \
        JSON_TREE("execution", -1, execution, (execution) + 1)
#define PAYLOAD_INNER                                                                              \
    JSON_LEAF("id", P_TOOL_ID, JSON_NODE_TEXT),                                                    \
        JSON_LEAF("capability", P_TOOL_CAPABILITY, JSON_NODE_TEXT),                                \
        JSON_LEAF("status", P_STATUS, JSON_NODE_TEXT), JSON_LEAF("error", P_ERROR, JSON_NODE_TEXT)

/* Numbers of the nodes that have children, and of those. */
enum {
    NODE_MEMBERS = 1,
    NODE_TYPES = NODE_MEMBERS + 27,
    NODE_PROTOCOL_VERSION = NODE_TYPES + 7,
    NODE_VERSION = NODE_PROTOCOL_VERSION + 2,
    NODE_ERROR = NODE_VERSION + 2,
    NODE_PAYLOAD = NODE_ERROR + 2,
    NODE_HEADER = NODE_PAYLOAD + 9,
    NODE_METADATA = NODE_HEADER + 4,
    NODE_TOOL = NODE_METADATA + 1,
    NODE_EXECUTION = NODE_TOOL + 2,
    NODE_COUNT = NODE_EXECUTION + 2
};

static const struct json_node nodes[] = {
    JSON_TREE("", -1, NODE_MEMBERS, NODE_TYPES - 1),
    JSON_LEAF("id", ID, WHOLE),
    JSON_LEAF("message_id", MESSAGE_ID, WHOLE),
    JSON_LEAF("messageId", MESSAGE_ID, WHOLE),
    {"message_type", 12, NODE_TYPES, 7, TYPE, JSON_NODE_TEXT},
    JSON_LEAF("type", TYPE, JSON_NODE_TEXT),
    JSON_LEAF("type_", TYPE, JSON_NODE_TEXT),
    JSON_LEAF("messageType", TYPE, JSON_NODE_TEXT),
    JSON_LEAF("kind", TYPE, JSON_NODE_TEXT),
    JSON_LEAF("command_id", COMMAND_ID, WHOLE),
    JSON_LEAF("requestId", REQUEST_ID, WHOLE),
    JSON_LEAF("request_id", REQUEST_ID, WHOLE),
    JSON_LEAF("correlation_id", CORRELATION_ID, WHOLE),
    JSON_LEAF("command", COMMAND, JSON_NODE_TEXT),
    JSON_LEAF("event_type", EVENT_TYPE, JSON_NODE_TEXT),
    JSON_LEAF("event", EVENT, JSON_NODE_TEXT),
    {"protocol_version", 16, NODE_PROTOCOL_VERSION, 2, VERSION, JSON_NODE_TEXT},
    {"version", 7, NODE_VERSION, 2, VERSION, JSON_NODE_TEXT},
    JSON_LEAF("status", STATUS, JSON_NODE_TEXT),
    JSON_LEAF("success", SUCCESS, 0),
    {"error", 5, NODE_ERROR, 2, ERROR, JSON_NODE_TEXT},
    JSON_LEAF("error_message", ERROR_TEXT, JSON_NODE_TEXT),
    JSON_TREE("payload", PAYLOAD, NODE_PAYLOAD, NODE_HEADER - 1),
    JSON_TREE("header", -1, NODE_HEADER, NODE_METADATA - 1),
    JSON_TREE("metadata", -1, NODE_METADATA, NODE_METADATA),
    JSON_LEAF("capabilities", CAPABILITIES, 0),
    JSON_LEAF("jsonrpc", JSONRPC, 0),
    JSON_LEAF("method", METHOD, 0),
    /* of message_type */
    JSON_LEAF("Command", TYPE_COMMAND, 0),
    JSON_LEAF("Query", TYPE_QUERY, 0),
    JSON_LEAF("Event", TYPE_EVENT, 0),
    JSON_LEAF("Response", TYPE_RESPONSE, 0),
    JSON_LEAF("Error", TYPE_ERROR, 0),
    JSON_LEAF("Request", TYPE_REQUEST, 0),
    JSON_LEAF("Notification", TYPE_NOTIFICATION, 0),
    /* of protocol_version and version */
    JSON_LEAF("major", MAJOR, JSON_NODE_TEXT),
    JSON_LEAF("minor", MINOR, JSON_NODE_TEXT),
    JSON_LEAF("major", MAJOR, JSON_NODE_TEXT),
    JSON_LEAF("minor", MINOR, JSON_NODE_TEXT),
    /* of error */
    JSON_LEAF("code", ERROR_CODE, JSON_NODE_TEXT),
    JSON_LEAF("message", ERROR_TEXT, JSON_NODE_TEXT),
    PAYLOAD_MEMBERS(NODE_TOOL, NODE_EXECUTION),
    /* of header */
    JSON_LEAF("messageId", HEADER_ID, WHOLE),
    JSON_LEAF("messageType", HEADER_TYPE, JSON_NODE_TEXT),
    JSON_LEAF("requestId", REQUEST_ID, WHOLE),
    JSON_LEAF("version", VERSION, JSON_NODE_TEXT),
    /* of metadata */
    JSON_LEAF("correlation_id", CORRELATION_ID, WHOLE),
    PAYLOAD_INNER,
};

_Static_assert(sizeof(nodes) / sizeof(nodes[0]) == NODE_COUNT, "the numbers above are right");

static struct json_names names, payload_names;

const struct json_spec squirrel_spec = {nodes, NODE_COUNT, SLOT_COUNT, &names};

static const struct json_node payload_nodes[] = {JSON_TREE("", -1, 1, 9), PAYLOAD_MEMBERS(10, 12),
                                                 PAYLOAD_INNER};

const struct json_spec squirrel_payload_spec = {
    payload_nodes, sizeof(payload_nodes) / sizeof(payload_nodes[0]), P_COUNT, &payload_names};
