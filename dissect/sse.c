/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text/event-stream as WHATWG HTML defines it ("Server-sent events", event stream interpretation).
 *
 * A line is read as: a field name of which the first bytes are kept, a colon, one optional space, a
 * value that is passed on or kept according to the field, a line end. Nothing else is state, but
 * for a CR at the end of a piece, whose LF may be the first byte of the next. Long lines are walked
 * sixteen bytes at a time in search of their CR or LF.
 *
 *   BOM     up to three bytes of a byte order mark, at the very start only
 *   NAME    at the beginning of a line (name_len 0) or in its field name
 *   SPACE   behind the colon
 *   VALUE   in the value of a known field
 *   IGNORE  in a comment, an unknown field or a line that a gap cut
 *
 * After a gap the reader waits for a blank line, the only place that surely ends an event.
 *
 * Limits: an event's type is kept up to LIMIT_SSE_FIELD; ids are hashed whole; data is not kept.
 * Ignored on purpose: fields without a meaning, values of `retry` that are no number, UTF-8.
 */
#include "dissect/sse.h"
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { STATE_BOM, STATE_NAME, STATE_SPACE, STATE_VALUE, STATE_IGNORE };
enum { FIELD_OTHER, FIELD_DATA, FIELD_EVENT, FIELD_ID, FIELD_RETRY };

static const uint8_t BOM[3] = {0xef, 0xbb, 0xbf};

void sse_init(struct sse *s, const struct hash_key *hash, struct limits_hit *hit)
{
    memset(s, 0, sizeof(*s));
    s->hash = *hash;
    s->hit = hit;
    s->state = STATE_BOM;
}

static inline bool is_line_end(uint8_t c)
{
    return c == '\n' || c == '\r';
}

#ifdef __SSE2__
/* Where in 16 bytes CR or LF are, a bit each. */
static inline unsigned line_ends(const uint8_t *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i lf = _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'));
    __m128i cr = _mm_cmpeq_epi8(v, _mm_set1_epi8('\r'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(lf, cr));
}
#endif

/* Bytes in front of the first CR or LF; n if there is none. */
static size_t line_length(const uint8_t *p, size_t n)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; n - i >= 16; i += 16) {
        unsigned ends = line_ends(p + i);
        if (ends != 0)
            return i + (size_t)__builtin_ctz(ends);
    }
    if (n >= 16) { /* the last 16, some of them again */
        unsigned ends = line_ends(p + n - 16);
        return ends != 0 ? n - 16 + (size_t)__builtin_ctz(ends) : n;
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    for (; n - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, sizeof(word));
        uint64_t lf = word ^ (ones * '\n'), cr = word ^ (ones * '\r');
        if (((((lf - ones) & ~lf) | ((cr - ones) & ~cr)) & highs) != 0)
            break;
    }
#endif
    while (i < n && !is_line_end(p[i]))
        i++;
    return i;
}

static const struct sse_event *current(struct sse *s)
{
    s->now.type = s->type; /* the struct may have moved since the last call */
    return &s->now;
}

static void forget_event(struct sse *s)
{
    s->now = (struct sse_event){0};
    s->any_field = false;
}

static void drop_event(struct sse *s, const struct sse_sink *sink)
{
    if (s->now.has_data)
        sink->discard(sink->ctx);
    forget_event(s);
}

static uint8_t field_of(const struct sse *s)
{
    switch (s->name_len) {
    case 2:
        return memcmp(s->name, "id", 2) == 0 ? FIELD_ID : FIELD_OTHER;
    case 4:
        return memcmp(s->name, "data", 4) == 0 ? FIELD_DATA : FIELD_OTHER;
    case 5:
        if (memcmp(s->name, "event", 5) == 0)
            return FIELD_EVENT;
        return memcmp(s->name, "retry", 5) == 0 ? FIELD_RETRY : FIELD_OTHER;
    default: /* no known name has another length */
        return FIELD_OTHER;
    }
}

/* The name of a field is complete. */
static void begin_value(struct sse *s, const struct sse_sink *sink, uint8_t field)
{
    s->field = field;
    s->any_field = true;
    s->value_bad = false;
    switch (s->field) {
    case FIELD_DATA:
        if (s->now.has_data) {
            s->now.data_bytes++;
            sink->data(sink->ctx, current(s), (const uint8_t *)"\n", 1);
        }
        s->now.has_data = true;
        break;
    case FIELD_EVENT:
        s->now.type_len = 0;
        s->now.type_bytes = 0;
        break;
    case FIELD_ID:
        hash_stream_init(&s->id, &s->hash);
        break;
    case FIELD_RETRY:
        s->number = 0;
        s->value_bad = true; /* until its first digit */
        break;
    case FIELD_OTHER:
        break;
    }
}

static void type_piece(struct sse *s, const uint8_t *p, size_t n)
{
    size_t room = LIMIT_SSE_FIELD - s->now.type_len;
    if (n > room && s->now.type_bytes <= LIMIT_SSE_FIELD)
        limits_hit_add(s->hit, LIMIT_ID_SSE_FIELD);
    s->now.type_bytes += n;
    size_t take = n < room ? n : room;
    memcpy(s->type + s->now.type_len, p, take);
    s->now.type_len += (uint32_t)take;
}

static void retry_piece(struct sse *s, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9' || s->number > UINT64_MAX / 16) {
            s->value_bad = true;
            s->field = FIELD_OTHER;
            return;
        }
        s->number = s->number * 10 + (uint64_t)(p[i] - '0');
        s->value_bad = false;
    }
}

/* n > 0 bytes of the current value. */
static void value_piece(struct sse *s, const struct sse_sink *sink, const uint8_t *p, size_t n)
{
    switch (s->field) {
    case FIELD_DATA:
        s->now.data_bytes += n;
        sink->data(sink->ctx, current(s), p, n);
        break;
    case FIELD_EVENT:
        type_piece(s, p, n);
        break;
    case FIELD_ID:
        if (memchr(p, '\0', n))
            s->value_bad = true;
        hash_stream_feed(&s->id, p, n);
        break;
    case FIELD_RETRY:
        retry_piece(s, p, n);
        break;
    case FIELD_OTHER:
        break;
    }
}

static void end_value(struct sse *s)
{
    if (s->value_bad)
        return;
    if (s->field == FIELD_ID) {
        s->now.has_id = true;
        s->now.id_hash = hash_stream_end(&s->id);
        s->now.id_bytes = s->id.total;
    } else if (s->field == FIELD_RETRY) {
        s->now.has_retry = true;
        s->now.retry_ms = s->number;
    }
}

static void blank_line(struct sse *s, const struct sse_sink *sink)
{
    s->resync = false;
    if (!s->any_field)
        return;
    sink->event(sink->ctx, current(s));
    forget_event(s);
}

/* A CR or LF that is not the second half of a CRLF. */
static void line_end(struct sse *s, const struct sse_sink *sink)
{
    switch (s->state) {
    case STATE_NAME:
        if (s->name_len == 0) {
            blank_line(s, sink);
            break;
        }
        begin_value(s, sink, field_of(s));
        end_value(s);
        break;
    case STATE_SPACE:
    case STATE_VALUE:
        end_value(s);
        break;
    case STATE_BOM:
    case STATE_IGNORE:
        break;
    }
    s->state = STATE_NAME;
    s->name_len = 0;
}

/* One byte in STATE_NAME that is no line end. */
static void name_byte(struct sse *s, const struct sse_sink *sink, uint8_t c)
{
    if (s->resync) {
        s->state = STATE_IGNORE;
    } else if (c != ':') {
        if (s->name_len < sizeof(s->name))
            s->name[s->name_len++] = (char)c;
    } else if (s->name_len == 0) {
        s->state = STATE_IGNORE;
    } else {
        begin_value(s, sink, field_of(s));
        s->state = STATE_SPACE;
    }
}

/* One byte where a byte order mark may be; false: it belongs to the first line. */
static bool bom_byte(struct sse *s, uint8_t c)
{
    if (c == BOM[s->name_len]) {
        if (++s->name_len == sizeof(BOM)) {
            s->name_len = 0;
            s->state = STATE_NAME;
        }
        return true;
    }
    memcpy(s->name, BOM, s->name_len); /* the start of a strange field name */
    s->state = STATE_NAME;
    return false;
}

/* The line that says what an event is that says nothing, as nearly everybody writes it. */
static const char MESSAGE_LINE[] = "event: message\n";
#define MESSAGE_LINE_BYTES (sizeof(MESSAGE_LINE) - 1)

/* Takes that line, if it lies whole at the beginning of a line, and does what it means. */
static bool message_line(struct sse *s, const uint8_t *p, size_t n)
{
    if (n < MESSAGE_LINE_BYTES || memcmp(p, MESSAGE_LINE, MESSAGE_LINE_BYTES) != 0)
        return false;
    if (s->state != STATE_NAME || s->name_len > 0 || s->resync)
        return false;
    s->now.type_len = 7;
    s->now.type_bytes = 7;
    memcpy(s->type, "message", 7);
    s->any_field = true;
    return true;
}

/* A whole line begin, known name and colon, at the beginning of a line; else 0. Byte by byte it
 * would come to the same. */
static size_t known_name(struct sse *s, const struct sse_sink *sink, const uint8_t *p, size_t n)
{
    size_t length;
    uint8_t field;
    if (s->name_len > 0 || s->resync)
        return 0;
    if (n >= 5 && memcmp(p, "data:", 5) == 0) {
        length = 5;
        field = FIELD_DATA;
    } else if (n >= 6 && memcmp(p, "event:", 6) == 0) {
        length = 6;
        field = FIELD_EVENT;
    } else if (n >= 3 && memcmp(p, "id:", 3) == 0) {
        length = 3;
        field = FIELD_ID;
    } else {
        return 0;
    }
    begin_value(s, sink, field);
    s->state = STATE_SPACE;
    return length;
}

/* Bytes of the line end at p, if that of a blank line follows; 0: none does, or it is not there
 * yet. */
static size_t before_blank_line(const uint8_t *p, size_t n)
{
    if (n < 2)
        return 0;
    size_t end = p[0] == '\r' && p[1] == '\n' ? 2 : 1;
    return n > end && is_line_end(p[end]) ? end : 0;
}

/* An event whose data is one line of n bytes, and which ends behind it. False: it is not told. */
static bool whole_event(struct sse *s, const struct sse_sink *sink, const uint8_t *p, size_t n)
{
    if (s->field != FIELD_DATA || s->now.data_bytes > 0 || !sink->whole)
        return false;
    s->now.data_bytes = n;
    if (!sink->whole(sink->ctx, current(s), p, n)) {
        s->now.data_bytes = 0;
        return false;
    }
    forget_event(s);
    s->state = STATE_NAME;
    s->name_len = 0;
    return true;
}

/* Consumes the rest of the current line as far as it is there; returns how much. */
static size_t feed_line(struct sse *s, const struct sse_sink *sink, const uint8_t *p, size_t n)
{
    size_t i = s->state == STATE_NAME ? known_name(s, sink, p, n) : 0;
    for (; i < n && (s->state == STATE_BOM || s->state == STATE_NAME); i++) {
        if (s->state == STATE_BOM && bom_byte(s, p[i]))
            continue;
        if (is_line_end(p[i]))
            return i;
        name_byte(s, sink, p[i]);
    }
    if (i < n && s->state == STATE_SPACE) {
        s->state = STATE_VALUE;
        i += p[i] == ' ';
    }
    size_t length = line_length(p + i, n - i);
    if (length == 0 || s->state != STATE_VALUE)
        return i + length;
    size_t end = before_blank_line(p + i + length, n - i - length);
    if (end > 0 && whole_event(s, sink, p + i, length))
        return i + length + end; /* the blank line then ends nothing */
    value_piece(s, sink, p + i, length);
    return i + length;
}

void sse_feed(struct sse *s, const struct sse_sink *sink, const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    while (i < n) {
        if (s->after_cr) {
            s->after_cr = false;
            i += bytes[i] == '\n';
            continue;
        }
        if (message_line(s, bytes + i, n - i))
            i += MESSAGE_LINE_BYTES;
        i += feed_line(s, sink, bytes + i, n - i);
        if (i < n) {
            s->after_cr = bytes[i] == '\r';
            line_end(s, sink);
            i++;
        }
    }
}

void sse_gap(struct sse *s, const struct sse_sink *sink, bool at_line)
{
    drop_event(s, sink);
    s->after_cr = false;
    s->name_len = 0;
    s->resync = !at_line;
    s->state = at_line ? STATE_NAME : STATE_IGNORE;
}

void sse_end(struct sse *s, const struct sse_sink *sink)
{
    drop_event(s, sink);
}
