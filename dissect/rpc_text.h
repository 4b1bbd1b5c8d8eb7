/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_RPC_TEXT_H
#define DISSECT_RPC_TEXT_H

#include "dissect/json.h"
#include "dissect/message.h"

/*
 * From the slots of a JSON scan to the texts and ids of a struct message. Private to rpc.c
 * and squirrel.c.
 *
 * Texts of a message are always valid UTF-8: bytes that are none become U+FFFD, and a cut falls
 * between two characters. Each text is added once, in any order.
 */

/* Adds a string's decoded text, or a number's digits. */
void rpc_text_add(struct message *m, enum message_text which, const struct json_scan *s,
                  const struct json_slot *slot);

/* Adds a text that the program made up itself. */
void rpc_text_add_made(struct message *m, enum message_text which, const char *text, size_t n);

/* Adds a scalar as JSON text, which is valid JSON even if it had to be cut. Objects and arrays give
 * no text. */
void rpc_text_add_json(struct message *m, enum message_text which, const struct json_scan *s,
                       const struct json_slot *slot);

/* The id that a string is. */
struct rpc_id rpc_text_string_id(const struct json_scan *s, const struct json_slot *slot,
                                 const struct hash_key *hash);

/* The id that a number is: RPC_ID_INTEGER if it is one numerically, else RPC_ID_OTHER. */
struct rpc_id rpc_text_number_id(const struct json_scan *s, const struct json_slot *slot,
                                 const struct hash_key *hash);

#endif
