/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UTF-8 after RFC 3629: no overlong form, no surrogate, nothing beyond U+10FFFF. NUL is refused as
 * well, because texts become keys and terminated strings on their way out. Nothing else is changed:
 * escaping is the JSON writer's.
 */
#include "text.h"
#include <stdint.h>
#include <string.h>

/* The length of the valid sequence at p, 0 if there is none. */
static size_t sequence(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80)
        return p[0] != 0;
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90);
    return overlong || beyond ? 0 : length;
}

bool text_is_clean(const char *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes;
    for (size_t i = 0; i < n;) {
        size_t length = sequence(p + i, n - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

size_t text_clean(const char *bytes, size_t n, char *out)
{
    static const char replacement[3] = "\xef\xbf\xbd";
    const uint8_t *p = (const uint8_t *)bytes;
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        size_t length = sequence(p + i, n - i);
        memcpy(out + used, length ? bytes + i : replacement, length ? length : 3);
        used += length ? length : 3;
        i += length ? length : 1;
    }
    return used;
}
