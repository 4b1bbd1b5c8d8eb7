/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket (RFC 6455, RFC 7692).
 */
#include "websocket.h"
#include "ascii.h"

/* ---- the handshake */

/* Cuts off what is in front of a separator, outside of quotes and without white space around it. */
static size_t next_part(const char **at, size_t *n, char separator, const char **ret_part)
{
    const char *p = *at;
    size_t length = 0;
    bool quoted = false;
    for (; length < *n && (quoted || p[length] != separator); length++)
        quoted ^= p[length] == '"';
    size_t skip = length < *n ? length + 1 : length;
    *at += skip;
    *n -= skip;
    while (length > 0 && (*p == ' ' || *p == '\t')) {
        p++;
        length--;
    }
    while (length > 0 && (p[length - 1] == ' ' || p[length - 1] == '\t'))
        length--;
    *ret_part = p;
    return length;
}

void websocket_add_extensions(struct websocket_options *o, const char *value, size_t n)
{
    while (n > 0) {
        const char *extension, *part;
        size_t left = next_part(&value, &n, ',', &extension);
        size_t length = next_part(&extension, &left, ';', &part);
        if (!ascii_is(part, length, "permessage-deflate"))
            continue;
        o->deflate = true;
        while (left > 0) {
            length = next_part(&extension, &left, ';', &part);
            if (ascii_is(part, length, "client_no_context_takeover"))
                o->no_context_takeover[DIR_C2S] = true;
            else if (ascii_is(part, length, "server_no_context_takeover"))
                o->no_context_takeover[DIR_S2C] = true;
        }
    }
}
