/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A read cursor over borrowed bytes. Every read is checked; the first one beyond the end makes the
 * cursor `short_read`, returns zero, and so does every later one, so that a parser reads a whole
 * header and asks once whether it was all there.
 */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool short_read;
};

static inline struct cursor cursor_make(const uint8_t *data, size_t n)
{
    return (struct cursor){data, data + n, false};
}

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
    if (n > cursor_left(c)) {
        c->short_read = true;
        c->at = c->end;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
    (void)cursor_take(c, n);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 1);
    return p ? p[0] : 0;
}

static inline uint16_t cursor_be16(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 2);
    return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t cursor_be32(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

#endif
