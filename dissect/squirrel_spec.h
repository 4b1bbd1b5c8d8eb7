/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SQUIRREL_SPEC_H
#define DISSECT_SQUIRREL_SPEC_H

#include "dissect/json.h"

/*
 * Which members of a Squirrel message are read, by all their spellings, and the slots that they go
 * to. The spellings of one thing share a slot: a message uses one of them. Private to squirrel.c.
 */

/* Slots. Those of the payload come first, so that both specs number them alike. */
enum squirrel_slot {
    P_MESSAGE_ID,
    P_COMMAND,
    P_COMMAND_TYPE,
    P_EVENT_TYPE,
    P_VERSION,
    P_SUCCESS,
    P_MESSAGE,
    P_TOOL_ID,
    P_TOOL_CAPABILITY,
    P_STATUS,
    P_ERROR,
    P_COUNT,
    ID = P_COUNT,
    MESSAGE_ID,
    TYPE,
    TYPE_COMMAND, /* {"Command":{...}} */
    TYPE_QUERY,
    TYPE_EVENT,
    TYPE_RESPONSE,
    TYPE_ERROR,
    TYPE_REQUEST,
    TYPE_NOTIFICATION,
    COMMAND_ID,
    REQUEST_ID,
    CORRELATION_ID,
    COMMAND,
    EVENT_TYPE,
    EVENT,
    VERSION,
    MAJOR,
    MINOR,
    STATUS,
    SUCCESS,
    ERROR,
    ERROR_CODE,
    ERROR_TEXT,
    PAYLOAD,
    HEADER_ID,
    HEADER_TYPE,
    CAPABILITIES,
    JSONRPC,
    METHOD,
    SLOT_COUNT
};

extern const struct json_spec squirrel_spec;

/* Of a payload by itself: slots up to P_COUNT. */
extern const struct json_spec squirrel_payload_spec;

#endif
