/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HEADER_VALUE_H
#define DISSECT_HEADER_VALUE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The value of a Mcp-Name or Mcp-Param-* field (revision 2026-07-28): as it is, or, between the
 * case-sensitive markers "=?base64?" and "?=", in base64 (RFC 4648, section 4).
 */

/* Copies what the value stands for. What lacks a marker stands for itself; so does what lies
 * between the markers and is no base64, for no sender means it.
 * Returns false when it does not fit, or has bytes outside of ASCII, whose encoding nobody told. */
bool header_value_decode(const char *value, size_t n, char *dst, size_t room, size_t *ret_n);

/* Whether it has neither form, whatever it stands for: bytes other than printable ASCII, space and
 * tab, or both markers and something else between them than base64 of UTF-8. */
bool header_value_malformed(const char *value, size_t n);

#endif
