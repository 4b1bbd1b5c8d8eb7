/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SQUIRREL_HEAD_H
#define DISSECT_SQUIRREL_HEAD_H

#include "coding.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The heads of Squirrel frames: what they look like, and what must follow them. Private to the
 * framed transport, see transport_squirrel.c. */

#define SQUIRREL_MAGIC        "MCP" /* and a zero byte, that of the literal */
#define SQUIRREL_MAGIC_BYTES  4
#define SQUIRREL_LENGTH_BYTES 4

enum squirrel_framing { SQUIRREL_FRAMING_MAGIC, SQUIRREL_FRAMING_LENGTH };

/* The four bytes at p as a length. */
uint32_t squirrel_head_length(const uint8_t *p);

/* The size of a head. */
size_t squirrel_head_bytes(enum squirrel_framing framing);

/* The same with as much of the payload as tells a head from anything else; at most 6 + 4. */
size_t squirrel_head_enough(enum squirrel_framing framing);

/* Whether n > 0 bytes, at most squirrel_head_enough(), can be a head and what is behind it. */
bool squirrel_head_fits(enum squirrel_framing framing, const uint8_t *p, size_t n);

/* Whether a length-framed payload can begin with these n > 0 bytes. */
bool squirrel_head_payload(const uint8_t *p, size_t n);

/* How a length-framed payload is compressed by its first byte; CODING_UNKNOWN: as LZ4. */
enum coding squirrel_head_coding(uint8_t first);

#endif
