/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_DOCUMENT_H
#define METRICS_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Is handed the next n > 0 bytes of a text, borrowed for the call. */
typedef void document_take(void *ctx, const char *bytes, size_t n);

/* A JSON value as text, in pieces of some KB: members in their order, numbers in plain decimal
 * without exponent, at most nine decimals and no digit that the value does not carry; a newline at
 * the end. indent: two spaces a level, else all on one line. Independent of the locale. Allocates
 * nothing. */
void document_write(const json_t *value, bool indent, document_take *take, void *ctx);

/* The same in one piece, terminated. The caller frees it. NULL: out of memory. */
char *document_text(const json_t *value, bool indent);

/* Any n bytes as a JSON string, made printable by text_clean(). NULL: out of memory. */
json_t *document_string(const char *bytes, size_t n);

#endif
