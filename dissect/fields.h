/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_FIELDS_H
#define DISSECT_FIELDS_H

#include "base/hash.h"
#include "dissect/record.h"
#include "websocket.h"

/*
 * What the header fields of one HTTP message say about MCP, collected field by field. Knows names
 * and values, not how they were framed.
 */

struct fields {
    uint64_t session_hash;
    uint64_t last_event_hash;
    uint64_t method_hash; /* as in struct record_begin, like name_hash */
    uint64_t name_hash;
    uint16_t flags;  /* enum channel_flag: what a head can tell */
    uint8_t content; /* enum http_content */
    uint8_t upgrade; /* enum record_transport that the Upgrade field names; NONE: not known */
    struct websocket_options socket; /* Sec-WebSocket-Extensions: an offer in requests */
    uint8_t coding;                  /* enum coding: of content and transfer together */
    bool accepts_json;
    bool mcp_socket;  /* Sec-WebSocket-Protocol names MCP */
    bool has_version; /* MCP-Protocol-Version, which requests for authorization carry too */
    char version[CHANNEL_VERSION_BYTES];
};

/* The names that fields_add() does something with, as in http1_sink.name_lengths. */
extern const uint32_t fields_name_lengths[32];

/* Adds one field; names in any case. Zeroed memory is an empty head. */
void fields_add(struct fields *f, const struct hash_key *hash, const char *name, size_t name_len,
                const char *value, size_t value_len);

/* Adds Mcp-Session-Id, of which hash_bytes() of the value is known already. */
static inline void fields_add_session(struct fields *f, uint64_t session_hash)
{
    f->flags |= CHANNEL_MCP_HEADER | CHANNEL_HAS_SESSION;
    f->session_hash = session_hash;
}

/* What the whole head says: enum channel_flag. */
uint16_t fields_flags(const struct fields *f);

enum http_method fields_method(const char *method, size_t n);

#endif
