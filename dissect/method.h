/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_METHOD_H
#define DISSECT_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The methods of methods.def as numbers. */

enum method {
    METHOD_NONE, /* the message has no method: a response whose request is unknown */
#define METHOD(id, text, kind, from, evidence, name, wait) METHOD_##id,
#include "dissect/methods.def"
#undef METHOD
    METHOD_OTHER /* not in the list; its text travels with the message */
};

enum method_kind { METHOD_KIND_R, METHOD_KIND_N };
enum method_from { METHOD_FROM_C2S, METHOD_FROM_S2C, METHOD_FROM_BOTH };
enum method_evidence { METHOD_EVIDENCE_WEAK, METHOD_EVIDENCE_STRONG };
enum method_name { METHOD_NAME_NONE, METHOD_NAME_TOOL, METHOD_NAME_PROMPT, METHOD_NAME_RESOURCE };
enum method_wait {
    METHOD_WAIT_SERVICE,
    METHOD_WAIT_KEEPALIVE,
    METHOD_WAIT_POLL,
    METHOD_WAIT_BLOCKING,
    METHOD_WAIT_HUMAN,
    METHOD_WAIT_STREAM,
    METHOD_WAIT_NOTHING
};

struct method_info {
    const char *text;
    uint8_t text_len;
    uint8_t kind, from, evidence, name, wait; /* the enums above */
};

/* METHOD_OTHER if it is not in the list. Exact comparison: methods are case-sensitive. */
enum method method_find(const char *text, size_t n);

/* For METHOD_NONE and METHOD_OTHER: text "" , weak, no name, wait SERVICE. Static storage. */
const struct method_info *method_info(enum method method);

#endif
