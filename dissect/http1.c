/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1.x messages of one direction, as RFC 9112 frames them.
 *
 * One state at a time, and in it either a line (start line, field, trailer, copied only when the
 * input cuts it) or a number of bytes left (`left`):
 *
 *   SYNC         lost; looks for a start line at the beginning of a piece or behind a line end
 *   START        between messages; with lost_sync still set it is on trial: a line that only began
 *                like a start line leads back to SYNC without a word
 *   FIELDS       start line seen, until the empty line; a field that is read may be held, see below
 *   BODY         `left` bytes of a body with Content-Length
 *   CHUNK_SIZE   digits of a chunk size; CHUNK_EXT: behind them, until LF
 *   CHUNK_DATA   `left` bytes of a chunk; CHUNK_END: its CRLF
 *   TRAILERS     fields behind the last chunk
 *   UNTIL_CLOSE  a body without an end of its own
 *   TUNNEL       no HTTP any more
 *
 * What a gap costs: in BODY, CHUNK_DATA and UNTIL_CLOSE nothing but its bytes, as long as the
 * framing covers it. Everywhere else the message, if one is under way, ends as lost and SYNC
 * follows. Bytes that cannot be framed (bad start line, bad chunk, bad length) do the same.
 *
 * A field that is read, if the byte behind its line is a blank or not there yet, is held until that
 * byte shows whether it is folded. All other fields are told from where they lie.
 *
 * Limits: LIMIT_HTTP_LINE a line (the rest of it is not looked at), LIMIT_HTTP_HEAD a head (later
 * fields are read for the framing only). Chunk extensions are skipped, not kept.
 *
 * Ignored on purpose: HTTP/0.9, "identity" as a transfer coding. A request with a body that is
 * neither counted nor chunked has no readable end and is lost.
 */
#include "dissect/http1.h"
#include "ascii.h"
#include "http1_head.h"
#include "http1_line.h"
#include "http1_look.h"
#include <string.h>

enum {
    STATE_SYNC,
    STATE_START,
    STATE_FIELDS,
    STATE_BODY,
    STATE_CHUNK_SIZE,
    STATE_CHUNK_EXT,
    STATE_CHUNK_DATA,
    STATE_CHUNK_END,
    STATE_TRAILERS,
    STATE_UNTIL_CLOSE,
    STATE_TUNNEL
};

void http1_init(struct http1 *h, enum http1_kind kind, bool midstream, struct limits_hit *hit)
{
    memset(h, 0, sizeof(*h));
    http1_begin(h, kind, midstream, hit);
}

void http1_begin(struct http1 *h, enum http1_kind kind, bool midstream, struct limits_hit *hit)
{
    h->kind = (uint8_t)kind;
    h->state = midstream ? STATE_SYNC : STATE_START;
    h->lost_sync = midstream;
    h->hit = hit;
    buf_init(&h->line, LIMIT_HTTP_LINE);
}

void http1_fini(struct http1 *h)
{
    buf_fini(&h->line);
}

bool http1_idle(const struct http1 *h)
{
    return h->state == (h->lost_sync ? STATE_SYNC : STATE_START) && !h->line.data &&
           !h->tunnel_next;
}

bool http1_at_head(const struct http1 *h)
{
    return h->state == STATE_START && !h->lost_sync && h->line.len == 0;
}

static bool look_fits(const struct http1 *h, enum http1_look look)
{
    return look == (h->kind == HTTP1_REQUEST ? HTTP1_LOOK_REQUEST : HTTP1_LOOK_RESPONSE);
}

/* ---- losing */

static void end_message(struct http1 *h, const struct http1_sink *sink, enum http1_end how)
{
    h->state = h->tunnel_next ? STATE_TUNNEL : STATE_START;
    sink->message_end(sink->ctx, how);
}

static bool in_message(const struct http1 *h)
{
    return h->state >= STATE_FIELDS && h->state <= STATE_UNTIL_CLOSE;
}

static void lose(struct http1 *h, const struct http1_sink *sink)
{
    bool told = in_message(h);
    http1_line_drop(h);
    h->state = h->tunnel_next ? STATE_TUNNEL : STATE_SYNC;
    h->lost_sync = !h->tunnel_next;
    if (told)
        sink->message_end(sink->ctx, HTTP1_END_LOST);
}

/* Loses the message or, between messages, the one that would have begun. */
static void lose_line(struct http1 *h, const struct http1_sink *sink)
{
    bool untold = h->state == STATE_START && !h->lost_sync;
    lose(h, sink);
    if (untold)
        sink->anomaly(sink->ctx, HTTP1_BAD_START_LINE);
}

/* ---- heads */

void http1_known_start(struct http1 *h, const struct http1_sink *sink,
                       const struct http1_known *known)
{
    h->lost_sync = false;
    h->state = STATE_FIELDS;
    h->seen = known->seen;
    h->content_length = known->content_length;
    h->status = (uint16_t)known->head.status;
    h->head_bytes = known->head_bytes;
    h->request_method = (uint8_t)sink->start(sink->ctx, &known->head);
}

static void start_line(struct http1 *h, const struct http1_sink *sink, struct http1_span line)
{
    if (line.n == 0)
        return;
    struct http1_known known = {.head_bytes = (uint32_t)line.n};
    if (http1_head_start(h->kind, line, h->line_cut, &known.head))
        http1_known_start(h, sink, &known);
    else
        lose_line(h, sink);
}

/* True if the head may still hold more fields. */
static bool count_head(struct http1 *h, const struct http1_sink *sink, size_t n)
{
    if ((h->seen & HTTP1_HEAD_LARGE) != 0)
        return false;
    h->head_bytes += (uint32_t)n + 2;
    if (h->head_bytes <= LIMIT_HTTP_HEAD)
        return true;
    h->seen |= HTTP1_HEAD_LARGE;
    limits_hit_add(h->hit, LIMIT_ID_HTTP_HEAD);
    sink->anomaly(sink->ctx, HTTP1_HEAD_TOO_LARGE);
    return false;
}

/* What a field is read for. */
enum { FOR_FRAMING = 1, FOR_LISTENER = 2 };

static inline unsigned purpose(const struct http1 *h, const struct http1_sink *sink,
                               struct http1_span name)
{
    bool frames = h->state == STATE_FIELDS && http1_head_may_frame(name.p[0], name.n);
    return (frames ? FOR_FRAMING : 0U) | (http1_head_is_wanted(sink, name) ? FOR_LISTENER : 0U);
}

static inline void use_field(struct http1 *h, const struct http1_sink *sink, struct http1_span name,
                             struct http1_span value, unsigned uses)
{
    value = http1_head_trim(value);
    if ((uses & FOR_FRAMING) != 0)
        http1_head_field(h, name, value);
    if ((uses & FOR_LISTENER) != 0)
        sink->field(sink->ctx, (const char *)name.p, name.n, (const char *)value.p, value.n);
}

/* The name of a field; empty: the line begins with a blank, or has none. */
static struct http1_span name_of(struct http1_span line)
{
    const uint8_t *colon = http1_head_is_blank(line.p[0]) ? NULL : memchr(line.p, ':', line.n);
    return (struct http1_span){line.p, colon ? (size_t)(colon - line.p) : 0};
}

/* A field or trailer. Lines that continue one which nobody reads are ignored. */
static void field_line(struct http1 *h, const struct http1_sink *sink, struct http1_span line)
{
    bool tell = count_head(h, sink, line.n);
    struct http1_span raw = name_of(line), name = http1_head_trim(raw);
    if (name.n == 0) {
        if (tell && !http1_head_is_blank(line.p[0]))
            sink->anomaly(sink->ctx, HTTP1_BAD_FIELD);
        return;
    }
    unsigned uses = purpose(h, sink, name) & (tell ? ~0U : FOR_FRAMING);
    if (uses != 0)
        use_field(h, sink, name, (struct http1_span){line.p + raw.n + 1, line.n - raw.n - 1}, uses);
}

/* A field as it should be, and whole, for next is the byte behind it (NULL: not there yet): false
 * if it is none, and nothing was done. Most are nobody's business. */
static inline bool plain_field(struct http1 *h, const struct http1_sink *sink,
                               struct http1_span line, const uint8_t *colon, const uint8_t *next)
{
    struct http1_span name = {line.p, colon ? (size_t)(colon - line.p) : 0};
    uint32_t head_bytes = h->head_bytes + (uint32_t)line.n + 2;
    if (name.n == 0 || line.p[0] <= ' ' || colon[-1] <= ' ' || head_bytes > LIMIT_HTTP_HEAD)
        return false;
    unsigned uses = purpose(h, sink, name);
    if (uses != 0 && (!next || http1_head_is_blank(*next)))
        return false;
    h->head_bytes = head_bytes;
    if (uses != 0)
        use_field(h, sink, name, (struct http1_span){colon + 1, line.n - name.n - 1}, uses);
    return true;
}

/* ---- folded fields (RFC 9112 5.2) */

/* Whether a line may be continued: it is a field that is read, and no other line is known to follow
 * it. */
static bool may_fold(const struct http1 *h, const struct http1_sink *sink, struct http1_span line,
                     const struct http1_span *rest)
{
    if (rest->n > 0 && !http1_head_is_blank(rest->p[0]))
        return false;
    struct http1_span name = http1_head_trim(name_of(line));
    return name.n > 0 && purpose(h, sink, name) != 0;
}

static void hold(struct http1 *h, const struct http1_sink *sink, struct http1_span line)
{
    if (!http1_line_hold(h, line))
        lose_line(h, sink);
}

/* What follows the line that is held decides. True: it goes on in *in. */
static bool unfold(struct http1 *h, const struct http1_sink *sink, struct http1_span *in)
{
    switch (http1_line_unfold(h, sink, in)) {
    case HTTP1_LINE_MORE:
        return in->n > 0;
    case HTTP1_LINE_NOMEM:
        lose_line(h, sink);
        return false;
    case HTTP1_LINE_WHOLE:
        break;
    }
    field_line(h, sink, (struct http1_span){h->line.data, h->line.len});
    http1_line_drop(h);
    return false;
}

/* The plain fields that lie whole in the input, which mostly are all: one pass over blocks of bytes
 * that finds line ends and colons, and no byte of most lines is looked at again. True: the empty
 * line behind them was taken, too. */
static bool feed_whole_fields(struct http1 *h, const struct http1_sink *sink, struct http1_span *in)
{
    const uint8_t *first = in->p, *end = in->p + in->n, *begin = first, *colon = NULL;
    bool over = false;
    for (const uint8_t *block = first; block < end && !over; block += HTTP1_HEAD_BLOCK) {
        struct http1_head_marks m = http1_head_mark(first, block, end);
        for (; m.lfs != 0; m.lfs &= m.lfs - 1) {
            const uint8_t *lf = block + __builtin_ctzll(m.lfs);
            uint64_t before = (m.lfs & -m.lfs) - 1;
            if (!colon && (m.colons & before) != 0)
                colon = block + __builtin_ctzll(m.colons);
            m.colons &= ~before;
            struct http1_span line = {begin, (size_t)(lf - begin)};
            if (line.n > LIMIT_HTTP_LINE)
                goto out;
            begin = lf + 1;
            if (line.n > 0 && lf[-1] == '\r')
                line.n--;
            over = line.n == 0;
            if (over)
                goto out;
            if (!plain_field(h, sink, line, colon, begin < end ? begin : NULL)) {
                begin = line.p;
                goto out;
            }
            colon = NULL;
        }
        if (!colon && m.colons != 0)
            colon = block + __builtin_ctzll(m.colons);
    }
out:
    *in = (struct http1_span){begin, (size_t)(end - begin)};
    return over;
}

static void begin_chunk(struct http1 *h)
{
    h->state = STATE_CHUNK_SIZE;
    h->digits = 0;
    h->left = 0;
}

void http1_known_end(struct http1 *h, const struct http1_sink *sink)
{
    int framing = http1_head_framing(h);
    if (framing < 0 || (h->seen & HTTP1_HEAD_BAD_LENGTH) != 0)
        sink->anomaly(sink->ctx, HTTP1_BAD_LENGTH);
    if ((h->seen & HTTP1_HEAD_CODING) != 0 && (h->seen & HTTP1_HEAD_LENGTH) != 0)
        sink->anomaly(sink->ctx, HTTP1_LENGTH_AND_CODING);
    struct http1_body_info info = {HTTP1_BODY_NONE, 0};
    if (framing >= 0)
        info.framing = (enum http1_framing)framing;
    if (info.framing == HTTP1_BODY_LENGTH)
        info.length = h->content_length;
    h->framing = (uint8_t)info.framing;
    sink->head_end(sink->ctx, &info);
    switch (info.framing) {
    case HTTP1_BODY_NONE:
        if (framing < 0)
            lose(h, sink);
        else
            end_message(h, sink, HTTP1_END_COMPLETE);
        break;
    case HTTP1_BODY_LENGTH:
        h->left = info.length;
        h->state = STATE_BODY;
        if (h->left == 0)
            end_message(h, sink, HTTP1_END_COMPLETE);
        break;
    case HTTP1_BODY_CHUNKED:
        begin_chunk(h);
        break;
    case HTTP1_BODY_UNTIL_CLOSE:
        h->state = STATE_UNTIL_CLOSE;
        break;
    case HTTP1_BODY_TUNNEL:
        h->state = STATE_TUNNEL;
        break;
    }
}

/* States that read lines. */
static void feed_line(struct http1 *h, const struct http1_sink *sink, struct http1_span *in)
{
    struct http1_span line;
    if (h->held != HTTP1_LINE_FREE && !unfold(h, sink, in))
        return;
    if (h->state == STATE_FIELDS && h->line.len == 0) {
        if (feed_whole_fields(h, sink, in)) {
            http1_known_end(h, sink);
            return;
        }
        if (in->n == 0)
            return;
    }
    switch (http1_line_take(h, sink, in, &line)) {
    case HTTP1_LINE_MORE:
        return;
    case HTTP1_LINE_NOMEM:
        lose_line(h, sink);
        return;
    case HTTP1_LINE_WHOLE:
        break;
    }
    if (h->state == STATE_START)
        start_line(h, sink, line);
    else if (line.n > 0 && may_fold(h, sink, line, in))
        hold(h, sink, line);
    else if (line.n > 0)
        field_line(h, sink, line);
    else if (h->state == STATE_FIELDS)
        http1_known_end(h, sink);
    else
        end_message(h, sink, HTTP1_END_COMPLETE);
    if (h->held == HTTP1_LINE_FREE && (h->line.data || h->line_cut))
        http1_line_drop(h);
}

/* ---- bodies */

static inline bool take_crlf(struct http1_span *in)
{
    if (in->n < 2 || in->p[0] != '\r' || in->p[1] != '\n')
        return false;
    *in = (struct http1_span){in->p + 2, in->n - 2};
    return true;
}

static void feed_counted(struct http1 *h, const struct http1_sink *sink, struct http1_span *in)
{
    size_t take = in->n < h->left ? in->n : (size_t)h->left;
    const uint8_t *p = in->p;
    in->p += take;
    in->n -= take;
    h->left -= take;
    bool chunk = h->state == STATE_CHUNK_DATA;
    size_t last = h->left == 0 && chunk ? http1_look_for_last_chunk(in->p, in->n) : 0;
    h->body_ends = h->left == 0 && (last > 0 || !chunk);
    if (take > 0)
        sink->body(sink->ctx, p, take);
    h->body_ends = false;
    if (h->left > 0)
        return;
    in->p += last;
    in->n -= last;
    if (!chunk || last > 0) {
        end_message(h, sink, HTTP1_END_COMPLETE);
    } else if (take_crlf(in)) { /* the usual end, in one step */
        begin_chunk(h);
    } else {
        h->state = STATE_CHUNK_END;
        h->digits = 0;
    }
}

static void bad_chunk(struct http1 *h, const struct http1_sink *sink)
{
    sink->anomaly(sink->ctx, HTTP1_BAD_CHUNK);
    lose(h, sink);
}

static void begin_chunk_data(struct http1 *h)
{
    h->state = h->left > 0 ? STATE_CHUNK_DATA : STATE_TRAILERS;
}

/* Behind the digits of a chunk's size, at a byte that is none. */
static void end_chunk_size(struct http1 *h, const struct http1_sink *sink, struct http1_span *in)
{
    uint8_t c = *in->p;
    bool ends = c == '\r' || c == '\n' || c == ';' || c == ' ' || c == '\t';
    if (!ends || h->digits == 0)
        bad_chunk(h, sink);
    else if (take_crlf(in)) /* the usual end, in one step */
        begin_chunk_data(h);
    else
        h->state = STATE_CHUNK_EXT;
}

static void feed_chunk_size(struct http1 *h, const struct http1_sink *sink, struct http1_span *in)
{
    while (in->n > 0) {
        int value = ascii_hex(*in->p);
        if (value < 0) {
            end_chunk_size(h, sink, in);
            return;
        }
        in->p++;
        in->n--;
        h->left = h->left << 4 | (uint64_t)value;
        h->digits = 1;
        if (h->left > HTTP1_HEAD_LENGTH_MAX) {
            bad_chunk(h, sink);
            return;
        }
    }
}

static void feed_chunk_ext(struct http1 *h, struct http1_span *in)
{
    const uint8_t *lf = memchr(in->p, '\n', in->n);
    size_t used = lf ? (size_t)(lf - in->p) + 1 : in->n;
    in->p += used;
    in->n -= used;
    if (lf)
        begin_chunk_data(h);
}

static void feed_chunk_end(struct http1 *h, const struct http1_sink *sink, struct http1_span *in)
{
    uint8_t c = *in->p;
    if (c != '\n' && (c != '\r' || h->digits > 0)) {
        bad_chunk(h, sink);
        return;
    }
    in->p++;
    in->n--;
    if (c == '\n')
        begin_chunk(h);
    else
        h->digits = 1;
}

/* ---- the way back after a loss */

/* Looks for a start line in *in; true: *in begins with one, or with something that may become one,
 * and the state is START. */
static bool find_start(struct http1 *h, struct http1_span *in)
{
    enum http1_look look = http1_look(in->p, in->n);
    if (look == HTTP1_LOOK_MORE || look_fits(h, look)) {
        h->state = STATE_START;
        return true;
    }
    const uint8_t *p = in->p, *end = in->p + in->n;
    while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
        p++;
        if (look_fits(h, http1_look(p, (size_t)(end - p)))) {
            *in = (struct http1_span){p, (size_t)(end - p)};
            h->state = STATE_START;
            return true;
        }
    }
    return false;
}

/* A start line on trial came in pieces: true while it still looks like one. */
static bool still_a_start(struct http1 *h, const struct http1_span *in)
{
    uint8_t begin[16];
    size_t have = h->line.len < sizeof(begin) ? h->line.len : sizeof(begin);
    size_t add = in->n < sizeof(begin) - have ? in->n : sizeof(begin) - have;
    if (have > 0)
        memcpy(begin, h->line.data, have);
    memcpy(begin + have, in->p, add);
    enum http1_look look = http1_look(begin, have + add);
    return look == HTTP1_LOOK_MORE || look_fits(h, look);
}

/* Before input is read in SYNC or in START on trial. False: nothing in it to read. */
static bool resync(struct http1 *h, struct http1_span *in)
{
    if (h->state == STATE_START && h->line.len > 0 && still_a_start(h, in))
        return true;
    http1_line_drop(h);
    h->state = STATE_SYNC;
    return find_start(h, in);
}

void http1_feed(struct http1 *h, const struct http1_sink *sink, const uint8_t *bytes, size_t n)
{
    struct http1_span in = {bytes, n};
    while (in.n > 0) {
        if (h->lost_sync && !resync(h, &in))
            return;
        switch (h->state) {
        case STATE_START:
        case STATE_FIELDS:
        case STATE_TRAILERS:
            feed_line(h, sink, &in);
            break;
        case STATE_BODY:
        case STATE_CHUNK_DATA:
            feed_counted(h, sink, &in);
            break;
        case STATE_CHUNK_SIZE:
            feed_chunk_size(h, sink, &in);
            break;
        case STATE_CHUNK_EXT:
            feed_chunk_ext(h, &in);
            break;
        case STATE_CHUNK_END:
            feed_chunk_end(h, sink, &in);
            break;
        case STATE_UNTIL_CLOSE:
            sink->body(sink->ctx, in.p, in.n);
            return;
        case STATE_TUNNEL:
            sink->tunnel(sink->ctx, in.p, in.n);
            return;
        case STATE_SYNC:
            return; /* resync() has left it */
        }
    }
}

void http1_gap(struct http1 *h, const struct http1_sink *sink, uint64_t n)
{
    if (n == 0 || h->state == STATE_TUNNEL)
        return;
    if (h->state == STATE_UNTIL_CLOSE) {
        sink->body_gap(sink->ctx, n);
        return;
    }
    bool counted = h->state == STATE_BODY || h->state == STATE_CHUNK_DATA;
    if (!counted || n > h->left) {
        lose(h, sink);
        return;
    }
    static const uint8_t place[2]; /* no byte of it is read */
    struct http1_span nothing = {place, 0};
    h->left -= n;
    sink->body_gap(sink->ctx, n);
    feed_counted(h, sink, &nothing); /* it may have been the body's end */
}

void http1_end(struct http1 *h, const struct http1_sink *sink, bool orderly)
{
    bool told = in_message(h);
    bool complete = h->state == STATE_UNTIL_CLOSE && orderly;
    http1_line_drop(h);
    h->state = STATE_START;
    if (told)
        sink->message_end(sink->ctx, complete ? HTTP1_END_COMPLETE : HTTP1_END_CUT);
}

void http1_join_body(struct http1 *h, enum http1_framing framing)
{
    http1_line_drop(h);
    h->lost_sync = false;
    h->framing = (uint8_t)framing;
    if (framing == HTTP1_BODY_CHUNKED)
        begin_chunk(h);
    else
        h->state = STATE_UNTIL_CLOSE;
}

void http1_tunnel(struct http1 *h)
{
    h->tunnel_next = true;
    if (in_message(h))
        return;
    http1_line_drop(h);
    h->lost_sync = false;
    h->state = STATE_TUNNEL;
}

bool http1_tunnels(const struct http1 *h)
{
    return h->state == STATE_TUNNEL;
}
