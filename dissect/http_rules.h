/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP_RULES_H
#define DISSECT_HTTP_RULES_H

#include "body.h"
#include "fields.h"

/*
 * What is worth telling of an HTTP exchange, and how its bodies are to be read: decided by the
 * heads, whatever version of HTTP frames them.
 *
 * Only an exchange that may be MCP is told: one with an Mcp- field in request or response, a POST
 * whose body begins with { or [, a GET that accepts event streams, an answer that is an event
 * stream, and an answer without known request that is JSON. RECORD_BEGIN comes when that shows. The
 * bodies of all others are skipped without a look.
 */

/* Notes in *b what the request head says. */
void http_rules_note(struct record_begin *b, const struct fields *f);

/* Whether the head alone makes the exchange one to be told. */
bool http_rules_request(const struct record_begin *b, const struct fields *f);
bool http_rules_response(const struct fields *f);

/* How a body of that head is to be read, its coding (f->coding) taken off; begun: the exchange is
 * told already. */
enum body_mode http_rules_request_body(const struct record_begin *b, const struct fields *f,
                                       bool begun);
enum body_mode http_rules_response_body(const struct record_begin *b, const struct fields *f,
                                        bool begun);

/* What RECORD_HEAD says of a response. */
struct record_head http_rules_head(const struct fields *f, uint16_t status);

/* What the end of a connection that ended like that is to its open exchanges. */
enum channel_end http_rules_ending(const struct conn *c, enum stream_end how);

/* The end of an exchange as it is to be told: where the answers are not in the capture, nothing can
 * be said of them. */
enum channel_end http_rules_over(const struct conn *c, enum channel_end how);

#endif
