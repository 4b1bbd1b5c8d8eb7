/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads of Squirrel frames. A length within the cap is below 2^24 but for the cap itself, so
 * without magic a head begins with a zero byte, which JSON cannot hold.
 */
#include "squirrel_head.h"
#include "base/limits.h"
#include <string.h>

uint32_t squirrel_head_length(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

size_t squirrel_head_bytes(enum squirrel_framing framing)
{
    return framing == SQUIRREL_FRAMING_MAGIC ? SQUIRREL_MAGIC_BYTES + SQUIRREL_LENGTH_BYTES
                                             : SQUIRREL_LENGTH_BYTES;
}

/* With the bytes of the payload that make a head plausible. */
size_t squirrel_head_enough(enum squirrel_framing framing)
{
    return squirrel_head_bytes(framing) + (framing == SQUIRREL_FRAMING_MAGIC ? 1 : 2);
}

/* How the payload of a length-framed message begins: as JSON, or compressed. */
enum coding squirrel_head_coding(uint8_t first)
{
    return first == 0x1f   ? CODING_GZIP
           : first == 0x28 ? CODING_ZSTD
           : first == 0x04 ? CODING_UNKNOWN /* LZ4 */
                           : CODING_NONE;
}

bool squirrel_head_payload(const uint8_t *p, size_t n)
{
    static const uint8_t starts[][2] = {{'{', '"'}, {0x1f, 0x8b}, {0x28, 0xb5}, {0x04, 0x22}};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (memcmp(p, starts[i], n < 2 ? n : 2) == 0)
            return true;
    return false;
}

/* Whether n > 0 bytes, up to squirrel_head_enough(), can be a head and what is behind it. */
bool squirrel_head_fits(enum squirrel_framing framing, const uint8_t *p, size_t n)
{
    if (framing == SQUIRREL_FRAMING_MAGIC) {
        if (memcmp(p, SQUIRREL_MAGIC, n < SQUIRREL_MAGIC_BYTES ? n : SQUIRREL_MAGIC_BYTES) != 0)
            return false;
        if (n <= SQUIRREL_MAGIC_BYTES)
            return true;
        p += SQUIRREL_MAGIC_BYTES;
        n -= SQUIRREL_MAGIC_BYTES;
    }
    if (framing == SQUIRREL_FRAMING_LENGTH && p[0] != 0)
        return false;
    if (n < SQUIRREL_LENGTH_BYTES)
        return true;
    uint32_t length = squirrel_head_length(p);
    if (length < 2 || length > LIMIT_FRAME)
        return false;
    return framing == SQUIRREL_FRAMING_MAGIC
               ? n == SQUIRREL_LENGTH_BYTES || p[SQUIRREL_LENGTH_BYTES] == '{'
               : squirrel_head_payload(p + SQUIRREL_LENGTH_BYTES, n - SQUIRREL_LENGTH_BYTES);
}
