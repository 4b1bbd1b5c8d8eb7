/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Text from the wire, which may be anything, as text that can be printed as JSON. */

/* True if the n bytes are valid UTF-8 (RFC 3629) without NUL. */
bool text_is_clean(const char *bytes, size_t n);

/* Copies n bytes into out, each byte that is no part of valid UTF-8, and NUL, replaced by U+FFFD.
 * out holds at least 3 * n bytes and is not terminated. Returns the bytes written. */
size_t text_clean(const char *bytes, size_t n, char *out);

#endif
