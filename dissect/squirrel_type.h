/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SQUIRREL_TYPE_H
#define DISSECT_SQUIRREL_TYPE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The words of the Squirrel dialect ("Machine Context Protocol"): what its messages are called, and
 * what its errors say.
 */

enum squirrel_type {
    SQUIRREL_TYPE_NONE, /* of a JSON-RPC message */
    SQUIRREL_TYPE_COMMAND,
    SQUIRREL_TYPE_REQUEST,
    SQUIRREL_TYPE_QUERY,
    SQUIRREL_TYPE_SETUP,
    SQUIRREL_TYPE_AUTH_REQUEST,
    SQUIRREL_TYPE_HANDSHAKE,
    SQUIRREL_TYPE_RESPONSE,
    SQUIRREL_TYPE_COMMAND_RESPONSE,
    SQUIRREL_TYPE_AUTH_RESPONSE,
    SQUIRREL_TYPE_HANDSHAKE_RESPONSE,
    SQUIRREL_TYPE_ERROR,
    SQUIRREL_TYPE_EVENT,
    SQUIRREL_TYPE_NOTIFICATION,
    SQUIRREL_TYPE_OTHER /* any other word */
};

/* The type that a message names; upper case, '_' and '-' make no difference. */
enum squirrel_type squirrel_type_find(const char *text, size_t n);

/* The type in lower case, as reports show it; "" for NONE and OTHER. Static storage. */
const char *squirrel_type_name(enum squirrel_type type);

/* Who sends messages of that type: 1 the client, 0 the server, -1 either. */
int squirrel_type_is_client(enum squirrel_type type);

/* The class of an error by its code, or by the beginning of its text: a number for
 * squirrel_error_name(); 0: none that is known. */
uint8_t squirrel_error_find(const char *text, size_t n);

/* The report's protocol error type: "squirrel:authentication_failed", ...; "squirrel:error" for 0.
 * Static storage. */
const char *squirrel_error_name(uint8_t error);

#endif
