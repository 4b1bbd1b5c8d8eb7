/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The decisions that all versions of HTTP share, see the header.
 */
#include "http_rules.h"
#include <string.h>

void http_rules_note(struct record_begin *b, const struct fields *f)
{
    b->flags |= fields_flags(f);
    b->session_hash = f->session_hash;
    b->last_event_hash = f->last_event_hash;
    b->method_hash = f->method_hash;
    b->name_hash = f->name_hash;
    memcpy(b->version, f->version, sizeof(f->version));
}

/* Under a coding that is not taken off: no look at the body can tell what it is. */
static bool is_opaque(const struct fields *f)
{
    return f->coding == CODING_UNKNOWN;
}

static bool is_coded_json(const struct fields *f)
{
    return f->coding != CODING_NONE && f->content == HTTP_CONTENT_JSON;
}

bool http_rules_request(const struct record_begin *b, const struct fields *f)
{
    if ((b->flags & CHANNEL_MCP_HEADER) != 0)
        return true;
    if (b->method == HTTP_METHOD_GET)
        return (f->flags & CHANNEL_ACCEPTS_SSE) != 0;
    return b->method == HTTP_METHOD_POST && is_coded_json(f) &&
           (f->flags & CHANNEL_ACCEPTS_BOTH) != 0;
}

enum body_mode http_rules_request_body(const struct record_begin *b, const struct fields *f,
                                       bool begun)
{
    if (is_opaque(f) && !(is_coded_json(f) && begun))
        return BODY_SKIP;
    return b->method == HTTP_METHOD_POST || begun ? BODY_SNIFF : BODY_SKIP;
}

bool http_rules_response(const struct fields *f)
{
    return (f->flags & CHANNEL_MCP_HEADER) != 0 || f->content == HTTP_CONTENT_SSE;
}

enum body_mode http_rules_response_body(const struct record_begin *b, const struct fields *f,
                                        bool begun)
{
    if (!begun) {
        bool stub = (b->flags & CHANNEL_STUB) != 0;
        return stub && f->content == HTTP_CONTENT_JSON && !is_opaque(f) ? BODY_SNIFF : BODY_SKIP;
    }
    if (f->content == HTTP_CONTENT_SSE)
        return BODY_SSE;
    return is_opaque(f) && f->content != HTTP_CONTENT_JSON ? BODY_SKIP : BODY_SNIFF;
}

struct record_head http_rules_head(const struct fields *f, uint16_t status)
{
    uint16_t flags = f->flags & (CHANNEL_MCP_HEADER | CHANNEL_HAS_SESSION);
    return (struct record_head){f->session_hash, flags, status, f->content,
                                f->coding == CODING_UNKNOWN};
}

enum channel_end http_rules_ending(const struct conn *c, enum stream_end how)
{
    if (how == STREAM_END_CAPTURE)
        return CHANNEL_END_CAPTURE;
    return conn_left_first(c, DIR_C2S) ? CHANNEL_END_ABORTED : CHANNEL_END_CLOSED;
}

enum channel_end http_rules_over(const struct conn *c, enum channel_end how)
{
    const struct conn_counters *server = conn_sent(c, DIR_S2C);
    bool one_way = server->packets == 0 || (c->midstream && server->payload_bytes == 0);
    return one_way && how != CHANNEL_END_COMPLETE ? CHANNEL_END_LOST : how;
}
