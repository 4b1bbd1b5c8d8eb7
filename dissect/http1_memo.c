/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads that came before, see the header.
 *
 * Theory of operation. A head is kept when its connection comes for the second time, so that one
 * that speaks once only costs nothing, and only if all of it is as it should be: it lies whole in
 * the input, no line is folded or without a name, Content-Length is digits and nothing else. What
 * the plain way found is kept with it. The next head is the same if all of its bytes are, except
 * for those digits, which are read anew, and for the value of Date, which must not hold a line end.
 *
 * A connection whose heads differ otherwise, by an id of each request for instance, is given up
 * after a few.
 *
 * Limits: HTTP1_MEMO_BYTES, LENGTH_DIGITS.
 */
#include "http1_memo.h"
#include "ascii.h"
#include "http1_head.h"
#include <string.h>

#define LENGTH_DIGITS 15 /* far below HTTP1_HEAD_LENGTH_MAX */
#define MISSES        8  /* in a row, until a connection is given up */

struct http1_memo_place *http1_memo_at(struct http1_memo *m, uint64_t conn_id, int dir,
                                       bool *ret_learn)
{
    uint64_t owner = conn_id * 2 + (uint64_t)dir + 1;
    struct http1_memo_place *p = &m->place[owner & (HTTP1_MEMO_PLACES - 1)];
    *ret_learn = p->owner == owner && p->missed < MISSES;
    if (p->owner != owner) {
        p->owner = owner;
        p->n = 0;
        p->missed = 0;
    }
    return p;
}

/* ---- comparing */

/* The digits at bytes, at most LENGTH_DIGITS of n; 0: there are none, or more. */
static size_t read_digits(const uint8_t *bytes, size_t n, uint64_t *ret_value)
{
    size_t i = 0;
    uint64_t value = 0;
    for (; i < n && bytes[i] >= '0' && bytes[i] <= '9'; i++) {
        if (i == LENGTH_DIGITS)
            return 0;
        value = value * 10 + (uint64_t)(bytes[i] - '0');
    }
    *ret_value = value;
    return i;
}

/* Behind the part that may differ, if what is there may stand for it; 0: not. */
static size_t pass_part(struct http1_memo_place *p, const struct http1_memo_part *part,
                        const uint8_t *bytes, size_t n)
{
    if (!part->digits)
        return n >= part->n && !memchr(bytes, '\n', part->n) ? part->n : 0;
    size_t digits = read_digits(bytes, n, &p->known.content_length);
    p->known.head_bytes += (uint32_t)digits;
    return digits;
}

static size_t compare(struct http1_memo_place *p, const uint8_t *bytes, size_t n)
{
    size_t at = 0, kept = 0; /* in bytes, in p->bytes */
    for (unsigned i = 0; i <= p->parts; i++) {
        const struct http1_memo_part *part = i < p->parts ? &p->part[i] : NULL;
        size_t same = (part ? part->at : p->n) - kept;
        if (n - at < same || memcmp(bytes + at, p->bytes + kept, same) != 0)
            return 0;
        at += same;
        kept += same;
        if (!part)
            break;
        size_t passed = pass_part(p, part, bytes + at, n - at);
        if (passed == 0)
            return 0;
        at += passed;
        kept += part->n;
    }
    return at;
}

size_t http1_memo_find(struct http1_memo_place *p, const uint8_t *bytes, size_t n)
{
    if (p->n == 0)
        return 0;
    p->known.head_bytes = p->fixed_bytes;
    p->known.head.method = (const char *)bytes;
    p->known.head.target = (const char *)bytes + p->target_at;
    size_t used = compare(p, bytes, n);
    p->missed = used > 0 ? 0 : (uint8_t)(p->missed + (p->missed < MISSES));
    return used;
}

/* ---- keeping */

static void add_part(struct http1_memo_place *p, size_t at, size_t n, bool digits)
{
    p->part[p->parts++] = (struct http1_memo_part){(uint16_t)at, (uint16_t)n, digits};
}

/* Content-Length: nothing but digits, to the end of the line. */
static bool keep_length(struct http1_memo_place *p, const uint8_t *bytes, size_t at, size_t end)
{
    uint64_t value;
    while (at < end && http1_head_is_blank(bytes[at]))
        at++;
    if (read_digits(bytes + at, end - at, &value) != end - at || at == end)
        return false;
    for (unsigned i = 0; i < p->parts; i++)
        if (p->part[i].digits)
            return false;
    add_part(p, at, end - at, true);
    p->fixed_bytes -= (uint32_t)(end - at);
    return true;
}

/* A field from at to end; false: it is unusual. */
static bool keep_field(struct http1_memo_place *p, const uint8_t *bytes, size_t at, size_t end)
{
    const uint8_t *colon = memchr(bytes + at, ':', end - at);
    size_t name = colon ? (size_t)(colon - bytes) - at : 0;
    if (name == 0 || bytes[at] <= ' ' || colon[-1] <= ' ')
        return false;
    size_t value = at + name + 1;
    if (ascii_is(bytes + at, name, "content-length"))
        return keep_length(p, bytes, value, end);
    bool room = p->parts == 0 || (p->parts == 1 && p->part[0].digits);
    if (room && value < end && ascii_is(bytes + at, name, "date"))
        add_part(p, value, end - value, false);
    return true;
}

/* Keeps where the lines have what may differ. Returns the length of the head; 0: it is not kept. */
static size_t keep_lines(struct http1_memo_place *p, const struct http1 *h, const uint8_t *bytes,
                         size_t n)
{
    size_t at = 0;
    if (n > HTTP1_MEMO_BYTES)
        n = HTTP1_MEMO_BYTES;
    for (bool first = true;; first = false) {
        const uint8_t *lf = memchr(bytes + at, '\n', n - at);
        if (!lf)
            return 0;
        size_t next = (size_t)(lf - bytes) + 1, end = next - 1;
        end -= end > at && bytes[end - 1] == '\r';
        struct http1_span line = {bytes + at, end - at};
        if (first ? !http1_head_start(h->kind, line, false, &p->known.head)
                  : end > at && !keep_field(p, bytes, at, end))
            return 0;
        at = next;
        if (line.n == 0)
            return at;
    }
}

void http1_memo_keep(struct http1_memo_place *p, const struct http1 *h, const struct fields *f,
                     const uint8_t *bytes, size_t n)
{
    const uint8_t odd = HTTP1_HEAD_BAD_LENGTH | HTTP1_HEAD_LARGE;
    const uint8_t both = HTTP1_HEAD_LENGTH | HTTP1_HEAD_CODING;
    bool plain = (h->seen & odd) == 0 && (h->seen & both) != both;
    p->known = (struct http1_known){.seen = h->seen};
    p->fixed_bytes = h->head_bytes;
    p->parts = 0;
    size_t used = plain ? keep_lines(p, h, bytes, n) : 0;
    p->n = (uint16_t)used;
    if (used == 0) {
        p->missed = (uint8_t)(p->missed + (p->missed < MISSES));
        return;
    }
    if (p->known.head.target)
        p->target_at = (uint16_t)((const uint8_t *)p->known.head.target - bytes);
    p->fields = *f;
    memcpy(p->bytes, bytes, used);
}
