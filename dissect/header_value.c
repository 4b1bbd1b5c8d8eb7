/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Encoded header values. Padding may be missing; nothing else is forgiven.
 */
#include "header_value.h"
#include <stdint.h>
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

bool header_value_decode(const char *value, size_t n, char *dst, size_t room, size_t *ret_n)
{
    if (n >= MARK_BYTES + 2 && memcmp(value, MARK, MARK_BYTES) == 0 &&
        memcmp(value + n - 2, "?=", 2) == 0) {
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
