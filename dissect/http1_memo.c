/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads that came before, see the header.
 *
 * Theory of operation. A head is kept only if all of it is as it should be: it lies whole in the
 * input, no line is folded or without a name, Content-Length is digits and nothing else, no field
 * that is read anew is followed by one of its name that is not. What the plain way found is kept
 * with it. The next head is the same if all of its bytes are, but for its parts: the digits of
 * Content-Length, which are read anew; the values of fields that name a session, an event or what
 * is called, which are read anew by fields.h; and those of fields that nobody reads and that are
 * another one for each peer or request.
 *
 * Where heads are never the same, because of another such field for instance, keeping them would be
 * in vain: what may be kept is a credit that only heads that are found give back. Without credit
 * one in PROBES is kept, in case that others come.
 *
 * Limits: HTTP1_MEMO_*, LENGTH_DIGITS, VALUE_BYTES.
 */
#include "http1_memo.h"
#include "ascii.h"
#include "same.h"
#include <string.h>

#define LENGTH_DIGITS 15  /* far below HTTP1_HEAD_LENGTH_MAX */
#define VALUE_BYTES   256 /* of a part: far below LIMIT_HTTP_LINE */
#define PROBES        255

enum part_kind { PART_LENGTH, PART_SESSION, PART_READ, PART_UNREAD };

/* Whether fields.h reads it. */
static bool is_read(int kind)
{
    return kind == PART_SESSION || kind == PART_READ;
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

/* Bytes in front of the CR LF that ends the line; false: there is none near. */
static bool value_bytes(const uint8_t *bytes, size_t n, size_t *ret_n)
{
    const uint8_t *lf = memchr(bytes, '\n', n < VALUE_BYTES ? n : VALUE_BYTES);
    if (!lf || lf == bytes || lf[-1] != '\r')
        return false;
    *ret_n = (size_t)(lf - bytes) - 1;
    return true;
}

/* Reads the part at bytes, if what is there may stand for it. */
static bool pass_part(struct http1_memo_shape *s, const struct http1_memo_part *part,
                      struct http1_span in, size_t *ret_n)
{
    if (part->kind != PART_LENGTH)
        return value_bytes(in.p, in.n, ret_n);
    *ret_n = read_digits(in.p, in.n, &s->known.content_length);
    return *ret_n > 0;
}

/* Length of the head; 0: it is another one. Writes where the parts are. */
static size_t compare(struct http1_memo_shape *s, struct http1_span in,
                      struct http1_span ret_part[HTTP1_MEMO_PARTS])
{
    size_t at = 0, kept = 0; /* in `in`, in s->bytes */
    uint32_t varying = 0;
    for (unsigned i = 0; i < s->parts; i++) {
        const struct http1_memo_part *part = &s->part[i];
        size_t same = part->at - kept, n;
        if (in.n - at < same || !same_bytes(in.p + at, s->bytes + kept, same))
            return 0;
        at += same;
        if (!pass_part(s, part, (struct http1_span){in.p + at, in.n - at}, &n))
            return 0;
        ret_part[i] = (struct http1_span){in.p + at, n};
        varying += (uint32_t)n;
        at += n;
        kept = part->at + part->n;
    }
    size_t same = s->n - kept;
    if (in.n - at < same || !same_bytes(in.p + at, s->bytes + kept, same))
        return 0;
    s->known.head_bytes = s->fixed_bytes + varying;
    return at + same;
}

static void use_first(struct http1_memo_side *m, unsigned place)
{
    uint8_t index = m->order[place];
    memmove(m->order + 1, m->order, place);
    m->order[0] = index;
}

/* The hash of a session's name. One is kept in each place, so that whoever chooses names that share
 * a place gains nothing. */
static uint64_t session_hash(struct http1_memo *m, const struct hash_key *hash,
                             struct http1_span name)
{
    uint64_t first, last;
    if (name.n < sizeof(first) || name.n > HTTP1_MEMO_NAME)
        return hash_bytes(hash, name.p, name.n);
    memcpy(&first, name.p, sizeof(first));
    memcpy(&last, name.p + name.n - sizeof(last), sizeof(last));
    uint64_t mixed = (first ^ last) * UINT64_C(0x9e3779b97f4a7c15);
    struct http1_memo_session *s = &m->session[mixed >> 32 & (HTTP1_MEMO_SESSIONS - 1)];
    if (s->n == name.n && same_bytes(s->name, name.p, name.n))
        return s->hash;
    s->n = (uint8_t)name.n;
    memcpy(s->name, name.p, name.n);
    s->hash = hash_bytes(hash, name.p, name.n);
    return s->hash;
}

/* What the values say that are read anew. */
static void add_values(struct http1_memo *m, const struct http1_memo_shape *s,
                       const struct hash_key *hash, const struct http1_span *values,
                       struct fields *f)
{
    for (unsigned i = 0; i < s->parts; i++) {
        const struct http1_memo_part *part = &s->part[i];
        if (!is_read(part->kind))
            continue;
        struct http1_span text = http1_head_trim(values[i]);
        if (part->kind == PART_READ)
            fields_add(f, hash, (const char *)s->bytes + part->name_at, part->name_n,
                       (const char *)text.p, text.n);
        else if (text.n > 0)
            fields_add_session(f, session_hash(m, hash, text));
    }
}

const struct http1_memo_shape *http1_memo_find(struct http1_memo *memo, enum http1_kind kind,
                                               const struct hash_key *hash, struct http1_span *in,
                                               struct fields *ret_fields)
{
    struct http1_memo_side *m = &memo->side[kind];
    struct http1_span value[HTTP1_MEMO_PARTS];
    struct http1_memo_shape *s = NULL;
    unsigned place = 0;
    size_t used = 0;
    for (; place < m->used; place++) {
        s = &m->shape[m->order[place]];
        used = compare(s, *in, value);
        if (used > 0)
            break;
    }
    if (used == 0)
        return NULL;
    if (place > 0)
        use_first(m, place);
    m->credit_used -= m->credit_used > 0;
    s->known.head.method = (const char *)in->p;
    s->known.head.target = (const char *)in->p + s->target_at;
    *ret_fields = s->fields;
    add_values(memo, s, hash, value, ret_fields);
    *in = (struct http1_span){in->p + used, in->n - used};
    return s;
}

bool http1_memo_learns(struct http1_memo_side *m)
{
    return m->credit_used < HTTP1_MEMO_CREDIT || m->missed++ == PROBES;
}

/* ---- keeping */

/* What a value is that may differ; negative: it may not. Read anew is what fields.h reads and is
 * another one for each session or request; of what nobody reads, which there is much of, those may
 * differ that often do. */
static int value_kind(struct http1_span name)
{
    static const char *const read[] = {"mcp-name", "mcp-method", "last-event-id"};
    static const char *const unread[] = {"date",   "host",        "authorization",
                                         "cookie", "traceparent", "x-request-id"};
    if (ascii_is(name.p, name.n, "mcp-session-id"))
        return PART_SESSION;
    if (name.n > 10 && ascii_equal(name.p, "mcp-param-", 10))
        return PART_READ;
    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++)
        if (ascii_is(name.p, name.n, read[i]))
            return PART_READ;
    for (size_t i = 0; i < sizeof(unread) / sizeof(unread[0]); i++)
        if (ascii_is(name.p, name.n, unread[i]))
            return PART_UNREAD;
    return -1;
}

/* The value is a part from at to end in bytes. */
static void add_part(struct http1_memo_shape *s, enum part_kind kind, struct http1_span name,
                     struct http1_span value)
{
    s->part[s->parts++] =
        (struct http1_memo_part){.at = (uint16_t)(value.p - s->bytes),
                                 .n = (uint16_t)value.n,
                                 .name_at = (uint16_t)(name.p - s->bytes),
                                 .name_n = (uint8_t)(name.n < UINT8_MAX ? name.n : 0),
                                 .kind = (uint8_t)kind};
    s->fixed_bytes -= (uint32_t)value.n;
}

/* Content-Length: nothing but digits, to the end of the line, and once. */
static bool keep_length(struct http1_memo_shape *s, struct http1_span name, struct http1_span value)
{
    uint64_t length;
    while (value.n > 0 && http1_head_is_blank(value.p[0])) {
        value.p++;
        value.n--;
    }
    if (value.n == 0 || read_digits(value.p, value.n, &length) != value.n)
        return false;
    for (unsigned i = 0; i < s->parts; i++)
        if (s->part[i].kind == PART_LENGTH)
            return false;
    if (s->parts == HTTP1_MEMO_PARTS)
        return false;
    add_part(s, PART_LENGTH, name, value);
    return true;
}

/* Whether a part that is read anew may have that name: its length tells them apart well enough. */
static bool has_read_part(const struct http1_memo_shape *s, struct http1_span name)
{
    for (unsigned i = 0; i < s->parts; i++)
        if (is_read(s->part[i].kind) && s->part[i].name_n == name.n)
            return true;
    return false;
}

/* A field that ends in CR LF if `crlf`; false: it is unusual. */
static bool keep_field(struct http1_memo_shape *s, const struct hash_key *hash,
                       struct http1_span line, bool crlf)
{
    const uint8_t *colon = memchr(line.p, ':', line.n);
    struct http1_span name = {line.p, colon ? (size_t)(colon - line.p) : 0};
    if (name.n == 0 || line.p[0] <= ' ' || colon[-1] <= ' ')
        return false;
    struct http1_span value = {colon + 1, line.n - name.n - 1};
    if (ascii_is(name.p, name.n, "content-length"))
        return keep_length(s, name, value);
    bool room = crlf && s->parts < HTTP1_MEMO_PARTS - 1 && value.n < VALUE_BYTES - 2;
    int kind = value_kind(name);
    if (room && name.n < UINT8_MAX && kind >= 0) {
        add_part(s, (enum part_kind)kind, name, value);
        return true;
    }
    if (is_read(kind) && has_read_part(s, name))
        return false; /* parts are read behind all else, and of two fields the order matters */
    value = http1_head_trim(value);
    fields_add(&s->fields, hash, (const char *)name.p, name.n, (const char *)value.p, value.n);
    return true;
}

/* Keeps what the lines of s->bytes say, and where they may differ. False: they are unusual. */
static bool keep_lines(struct http1_memo_shape *s, const struct hash_key *hash, uint8_t kind)
{
    const uint8_t *at = s->bytes, *end = s->bytes + s->n;
    for (bool first = true; at < end; first = false) {
        const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf)
            return false;
        bool crlf = lf > at && lf[-1] == '\r';
        struct http1_span line = {at, (size_t)(lf - at) - crlf};
        if (first ? !http1_head_start(kind, line, false, &s->known.head)
                  : line.n > 0 && !keep_field(s, hash, line, crlf))
            return false;
        at = lf + 1;
    }
    return true;
}

/* Length of the head, with the empty line that ends it; 0: it is too long. */
static size_t head_bytes(struct http1_span in)
{
    size_t n = in.n < HTTP1_MEMO_BYTES ? in.n : HTTP1_MEMO_BYTES;
    for (size_t at = 0;;) {
        const uint8_t *lf = memchr(in.p + at, '\n', n - at);
        if (!lf)
            return 0;
        size_t next = (size_t)(lf - in.p) + 1, line = next - 1 - at;
        if (line == 0 || (line == 1 && in.p[at] == '\r'))
            return next;
        at = next;
    }
}

/* The place for another one, the last in order: a free one, or that of the one that was not used
 * for longest. */
static struct http1_memo_shape *take_place(struct http1_memo_side *m)
{
    bool vain = m->used > 0 && m->shape[m->order[m->used - 1]].n == 0;
    if (m->used < HTTP1_MEMO_SHAPES && !vain) {
        m->order[m->used] = m->used;
        m->used++;
    }
    return &m->shape[m->order[m->used - 1]];
}

void http1_memo_keep(struct http1_memo_side *m, const struct hash_key *hash, const struct http1 *h,
                     struct http1_span in)
{
    const uint8_t odd = HTTP1_HEAD_BAD_LENGTH | HTTP1_HEAD_LARGE;
    const uint8_t both = HTTP1_HEAD_LENGTH | HTTP1_HEAD_CODING;
    bool plain = (h->seen & odd) == 0 && (h->seen & both) != both;
    size_t n = plain ? head_bytes(in) : 0;
    m->credit_used += m->credit_used < HTTP1_MEMO_CREDIT;
    if (n == 0)
        return;
    struct http1_memo_shape *s = take_place(m);
    s->known = (struct http1_known){.seen = h->seen};
    s->fixed_bytes = h->head_bytes;
    s->parts = 0;
    s->fields = (struct fields){0};
    s->n = (uint16_t)n;
    memcpy(s->bytes, in.p, n);
    if (!keep_lines(s, hash, h->kind)) {
        s->n = 0;
        return;
    }
    if (h->kind == HTTP1_REQUEST) {
        s->target_at = (uint16_t)((const uint8_t *)s->known.head.target - s->bytes);
        target_read(hash, s->known.head.target, s->known.head.target_len, &s->target);
    }
    use_first(m, m->used - 1U);
}
