/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The words of the Squirrel dialect. An error has no number there: what it is shows in a code word,
 * or in how its text begins; the text itself is payload and goes nowhere.
 */
#include "squirrel_type.h"
#include "ascii.h"
#include <stdbool.h>
#include <string.h>

static const char *const names[] = {
    [SQUIRREL_TYPE_NONE] = "",
    [SQUIRREL_TYPE_COMMAND] = "command",
    [SQUIRREL_TYPE_REQUEST] = "request",
    [SQUIRREL_TYPE_QUERY] = "query",
    [SQUIRREL_TYPE_SETUP] = "setup",
    [SQUIRREL_TYPE_AUTH_REQUEST] = "authrequest",
    [SQUIRREL_TYPE_HANDSHAKE] = "handshake",
    [SQUIRREL_TYPE_RESPONSE] = "response",
    [SQUIRREL_TYPE_COMMAND_RESPONSE] = "commandresponse",
    [SQUIRREL_TYPE_AUTH_RESPONSE] = "authresponse",
    [SQUIRREL_TYPE_HANDSHAKE_RESPONSE] = "handshakeresponse",
    [SQUIRREL_TYPE_ERROR] = "error",
    [SQUIRREL_TYPE_EVENT] = "event",
    [SQUIRREL_TYPE_NOTIFICATION] = "notification",
    [SQUIRREL_TYPE_OTHER] = "",
};

/* How a code or text begins, and the class that it has. */
static const struct {
    const char *text, *name;
} errors[] = {
    {"", "squirrel:error"},
    {"invalid protocol version", "squirrel:invalid_version"},
    {"invalid protocol state", "squirrel:invalid_state"},
    {"invalid message format", "squirrel:invalid_format"},
    {"no handler found for message type", "squirrel:no_handler"},
    {"no handler registered for this message type", "squirrel:no_handler"},
    {"invalid payload", "squirrel:invalid_payload"},
    {"message too large", "squirrel:too_large"},
    {"invalid timestamp", "squirrel:invalid_timestamp"},
    {"message timeout", "squirrel:timeout"},
    {"authentication failed", "squirrel:authentication_failed"},
    {"authorization failed", "squirrel:authorization_failed"},
    {"token expired", "squirrel:token_expired"},
    {"protocol error:", "squirrel:protocol"},
    {"serialization error:", "squirrel:serialization"},
    {"command error:", "squirrel:command"},
    {"connection error:", "squirrel:connection"},
    {"validationerror", "squirrel:validation"},
    {"validation_error", "squirrel:validation"},
    {"securityerror", "squirrel:security"},
    {"security_error", "squirrel:security"},
    {"executionerror", "squirrel:execution"},
    {"execution_error", "squirrel:execution"},
    {"resourceerror", "squirrel:resource"},
    {"resource_error", "squirrel:resource"},
    {"timeouterror", "squirrel:timeout"},
    {"timeout_error", "squirrel:timeout"},
    {"notfounderror", "squirrel:not_found"},
    {"not_found", "squirrel:not_found"},
    {"systemerror", "squirrel:system"},
    {"system_error", "squirrel:system"},
};

/* True if text is the word, apart from case, '_' and '-'. */
static bool is_word(const char *text, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '_' || text[i] == '-')
            continue;
        if (*word == '\0' || !ascii_equal(text + i, word, 1))
            return false;
        word++;
    }
    return *word == '\0';
}

enum squirrel_type squirrel_type_find(const char *text, size_t n)
{
    for (int i = SQUIRREL_TYPE_NONE + 1; i < SQUIRREL_TYPE_OTHER; i++)
        if (is_word(text, n, names[i]))
            return (enum squirrel_type)i;
    return SQUIRREL_TYPE_OTHER;
}

const char *squirrel_type_name(enum squirrel_type type)
{
    return names[type];
}

int squirrel_type_is_client(enum squirrel_type type)
{
    switch (type) {
    case SQUIRREL_TYPE_COMMAND:
    case SQUIRREL_TYPE_REQUEST:
    case SQUIRREL_TYPE_QUERY:
    case SQUIRREL_TYPE_AUTH_REQUEST:
        return 1;
    case SQUIRREL_TYPE_RESPONSE:
    case SQUIRREL_TYPE_COMMAND_RESPONSE:
    case SQUIRREL_TYPE_AUTH_RESPONSE:
        return 0;
    case SQUIRREL_TYPE_NONE:
    case SQUIRREL_TYPE_SETUP:
    case SQUIRREL_TYPE_HANDSHAKE:
    case SQUIRREL_TYPE_HANDSHAKE_RESPONSE:
    case SQUIRREL_TYPE_ERROR:
    case SQUIRREL_TYPE_EVENT:
    case SQUIRREL_TYPE_NOTIFICATION:
    case SQUIRREL_TYPE_OTHER:
        break;
    }
    return -1;
}

static bool begins_with(const char *text, size_t n, const char *word)
{
    size_t length = strlen(word);
    return n >= length && ascii_equal(text, word, length);
}

uint8_t squirrel_error_find(const char *text, size_t n)
{
    for (size_t i = 1; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (begins_with(text, n, errors[i].text))
            return (uint8_t)i;
    return 0;
}

const char *squirrel_error_name(uint8_t error)
{
    return errors[error < sizeof(errors) / sizeof(errors[0]) ? error : 0].name;
}
