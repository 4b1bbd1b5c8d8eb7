/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Encoded header values. Padding may be missing, and the bits that fill up the last digit may be
 * any; nothing else is forgiven.
 */
#include "header_value.h"
#include "utf8.h"
#include <assert.h>
#include <string.h>

static const char MARK[] = "=?base64?";
#define MARK_BYTES (sizeof(MARK) - 1)

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The number of bytes; -1: no base64, or no room. */
static int from_base64(const char *p, size_t n, char *dst, size_t room)
{
    size_t pad = 0;
    while (pad < 2 && n > 0 && p[n - 1] == '=') {
        n--;
        pad++;
    }
    if (n % 4 == 1 || n / 4 * 3 + 2 > room || (pad > 0 && (n + pad) % 4 != 0))
        return -1;
    uint32_t bits = 0;
    int have = 0, out = 0;
    for (size_t i = 0; i < n; i++) {
        int d = digit(p[i]);
        if (d < 0)
            return -1;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            dst[out++] = (char)(bits >> have & 0xff);
        }
    }
    return out;
}

/* Both markers are there: they and what is between do not overlap. */
static bool is_marked(const char *value, size_t n)
{
    return n >= MARK_BYTES + 2 && memcmp(value, MARK, MARK_BYTES) == 0 &&
           memcmp(value + n - 2, "?=", 2) == 0;
}

bool header_value_decode(const char *value, size_t n, char *dst, size_t room, size_t *ret_n)
{
    if (is_marked(value, n)) {
        size_t inner = n - MARK_BYTES - 2;
        if (inner / 4 * 3 + 2 > room)
            return false;
        int bytes = from_base64(value + MARK_BYTES, inner, dst, room);
        if (bytes >= 0) {
            *ret_n = (size_t)bytes;
            return true;
        }
    }
    if (n > room)
        return false;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)value[i] >= 0x80)
            return false;
        dst[i] = value[i];
    }
    *ret_n = n;
    return true;
}

/* How much is decoded at once: in whole groups of four digits. */
#define PIECE       64
#define PIECE_BYTES (PIECE / 4 * 3)
#define CARRY_BYTES 3 /* of a character that the next piece completes */

/* The number of bytes in whole characters at the beginning of n bytes; -1: no UTF-8. */
static int whole_characters(const uint8_t *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        int length = utf8_length(p + at, n - at);
        if (length == 0)
            return -1;
        if (length < 0)
            break;
        at += (size_t)length;
    }
    return (int)at;
}

static bool is_coded_text(const char *p, size_t n)
{
    char bytes[CARRY_BYTES + PIECE_BYTES + 2];
    size_t have = 0;
    for (bool last = false; !last;) {
        last = n <= PIECE;
        size_t piece = last ? n : PIECE;
        int got = from_base64(p, piece, bytes + have, sizeof(bytes) - have);
        if (got < 0 || (!last && got != PIECE_BYTES)) /* padded in the middle */
            return false;
        have += (size_t)got;
        int whole = whole_characters((const uint8_t *)bytes, have);
        if (whole < 0)
            return false;
        have -= (size_t)whole;
        assert(have <= CARRY_BYTES);
        memmove(bytes, bytes + whole, have);
        p += piece;
        n -= piece;
    }
    return have == 0;
}

bool header_value_malformed(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((value[i] < ' ' && value[i] != '\t') || value[i] > '~')
            return true;
    return is_marked(value, n) && !is_coded_text(value + MARK_BYTES, n - MARK_BYTES - 2);
}
