/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCP as lines on a TCP stream: one JSON text a line, ended by LF or CRLF. That is the framing of
 * the stdio transport (MCP 2024-11-05 and later, "Transports"), carried by socat, a container's
 * attached streams or a tunnel. The line form of the Squirrel dialect comes this way, too; the
 * first text that proves its dialect decides it for both directions.
 *
 * The connection is the session, with one channel. A message may not contain an LF, so each LF is a
 * place to read on, whatever came before it.
 *
 * Who is who. The report's client and server of a connection are those of TCP. Which messages are
 * "received" and which "sent" follows the dialogue instead: whoever sends what only an MCP client
 * sends is the client, even if the server dialled out (a reverse tunnel). The first message that
 * tells decides; until then whoever opened the connection is taken for the client. Where the SYN
 * was not captured, a method name in the first segment also corrects the connection's roles.
 *
 * State of a direction, and where it reads on after a gap:
 *
 *   before a line    nothing is lost that is known of; see below
 *   in a text        the message is lost
 *   in another line  nothing that matters
 *
 * Then the bytes behind the gap are tried as the beginning of a line, in doubt: they are believed
 * only if a text begins there and is closed exactly at the LF. If not, reading goes on behind the
 * LF, and what was passed over counts as one lost message, unless one was told. A connection that
 * is joined in the middle begins in the same doubt, with nothing counted.
 *
 * Lines that are no JSON (a server that writes its log to the same stream) are counted as malformed
 * and passed over.
 *
 * Memory: about 290 bytes a connection; while a text is being read 4 KB more, and another 4 KB for
 * the texts before the dialect is known.
 *
 * Ignored on purpose: JSON texts without an LF between them, or with one inside; a banner of more
 * than LIMIT_PROBE_BYTES before the first text; connections whose first STRANGE_LINES texts hold no
 * message (streams of other JSON lines), which are not looked at any more.
 */
#define _GNU_SOURCE /* memmem */
#include "text.h"
#include <string.h>

#define CHANNEL       1
#define STRANGE_LINES 64
#define KEY_BYTES     10 /* the longest of keys[] */

enum state {
    STATE_START, /* white space in front of a text, or empty lines */
    STATE_TEXT,
    STATE_OTHER /* in a line that is no JSON, or in the rest of one */
};

struct lines {
    const struct transport_conn *tc;
    struct text text[DIR_COUNT];     /* by side: index is the direction in terms of TCP */
    uint64_t gap_bytes[DIR_COUNT];   /* not told yet */
    uint32_t other_bytes[DIR_COUNT]; /* of a line that is no JSON */
    uint32_t other_lines[DIR_COUNT]; /* not told yet */
    uint8_t state[DIR_COUNT];        /* enum state */
    bool doubtful[DIR_COUNT];        /* it is not known whether a line begins here */
    bool owed[DIR_COUNT];            /* a gap may have cut a message that was not told */
    bool begun, joined, roles_known, capture_ended;
    bool spoken;     /* there was a message */
    uint8_t strange; /* texts without one */
};

/* ---- recognising */

enum look { LOOK_NO, LOOK_MORE, LOOK_YES };

/* How the texts of both dialects begin. */
static const char *const keys[] = {"jsonrpc", "id",   "method",  "params", "result",
                                   "error",   "type", "command", "header", "payload"};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes the byte c and the white space in front of it. */
static enum look expect(const uint8_t **p, const uint8_t *end, char c)
{
    while (*p < end && is_blank(**p))
        ++*p;
    if (*p == end)
        return LOOK_MORE;
    return *(*p)++ == (uint8_t)c ? LOOK_YES : LOOK_NO;
}

/* Does a text of ours begin here: an object, or an array of them, with a member that we know? */
static enum look look_at(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = p;
    if (expect(&q, end, '[') == LOOK_YES)
        p = q;
    enum look look = expect(&p, end, '{');
    if (look == LOOK_YES)
        look = expect(&p, end, '"');
    if (look != LOOK_YES)
        return look;
    size_t room = (size_t)(end - p) < KEY_BYTES ? (size_t)(end - p) : KEY_BYTES;
    const uint8_t *quote = memchr(p, '"', room);
    if (!quote)
        return (size_t)(end - p) < KEY_BYTES ? LOOK_MORE : LOOK_NO;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        size_t n = strlen(keys[i]);
        if (n == (size_t)(quote - p) && memcmp(p, keys[i], n) == 0)
            return LOOK_YES;
    }
    return LOOK_NO;
}

/* The size line of an HTTP chunk, or something that looks like it. */
static bool is_chunk_size(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *begin = p;
    while (p < end && *p != '\0' && strchr("0123456789abcdefABCDEF", *p))
        p++;
    return p > begin && p - begin <= 8 && p < end && *p == '\r';
}

/* Whether the bytes, which begin anywhere, hold whole lines that are texts of ours and nothing
 * else. Bodies of HTTP end without an LF, but chunks of them with CRLF: one such line proves
 * nothing. */
static bool holds_lines(const uint8_t *p, const uint8_t *end)
{
    unsigned lf = 0, crlf = 0;
    bool first = true;
    const uint8_t *stop;
    for (; p < end && (stop = memchr(p, '\n', (size_t)(end - p))); p = stop + 1, first = false) {
        const uint8_t *last = stop;
        while (last > p && is_blank(last[-1]))
            last--;
        if (last == p)
            continue;
        if (look_at(p, stop) == LOOK_YES && (last[-1] == '}' || last[-1] == ']')) {
            lf += stop[-1] != '\r';
            crlf += stop[-1] == '\r';
        } else if (!first || is_chunk_size(p, stop)) {
            return false;
        }
    }
    return lf > 0 || crlf > 1;
}

/* Only text, as a server may greet with: something else may still follow. */
static bool is_banner(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] < ' ' && !is_blank(p[i])) || p[i] == 0x7f)
            return false;
    return true;
}

/* Who sends messages with this method: 1 that it is dir, 0 the other, -1 either. */
static int sends(enum dir dir, enum method method)
{
    if (method == METHOD_NONE || method == METHOD_OTHER)
        return -1;
    switch ((enum method_from)method_info(method)->from) {
    case METHOD_FROM_C2S:
        return dir == DIR_C2S;
    case METHOD_FROM_S2C:
        return dir == DIR_S2C;
    case METHOD_FROM_BOTH:
        break;
    }
    return -1;
}

/* The roles as the first method in the bytes shows them. */
static enum probe_result probe_roles(const struct probe *p)
{
    static const char word[] = "\"method\":\"";
    const uint8_t *end = p->bytes + p->n;
    const uint8_t *at = p->roles_known ? NULL : memmem(p->bytes, p->n, word, sizeof(word) - 1);
    if (!at)
        return PROBE_YES;
    at += sizeof(word) - 1;
    const uint8_t *quote = memchr(at, '"', (size_t)(end - at));
    if (!quote)
        return PROBE_YES;
    enum method method = method_find((const char *)at, (size_t)(quote - at));
    return sends(p->dir, method) == 0 ? PROBE_SWAPPED : PROBE_YES;
}

static enum probe_result probe(const struct probe *p)
{
    const uint8_t *end = p->bytes + p->n;
    if (p->joined)
        return holds_lines(p->bytes, end) ? probe_roles(p) : PROBE_NO;
    switch (look_at(p->bytes, end)) {
    case LOOK_YES:
        return probe_roles(p);
    case LOOK_MORE:
        return PROBE_MORE;
    case LOOK_NO:
        break;
    }
    return p->dir == DIR_S2C && is_banner(p->bytes, p->n) ? PROBE_MORE : PROBE_NO;
}

/* ---- records */

static void tell_gap(struct lines *s, int side)
{
    if (s->gap_bytes[side] > 0)
        text_finding(&s->text[side], FINDING_GAP, s->gap_bytes[side]);
    s->gap_bytes[side] = 0;
}

static void tell_other_lines(struct lines *s, int side)
{
    if (s->other_lines[side] > 0)
        text_finding(&s->text[side], FINDING_MALFORMED_JSON, s->other_lines[side]);
    s->other_lines[side] = 0;
}

static void begin(struct lines *s, const struct stream_pos *at)
{
    struct record r;
    if (s->begun)
        return;
    s->begun = true;
    transport_record(s->tc, RECORD_BEGIN, CHANNEL, at, &r);
    r.u.begin = (struct record_begin){
        .flags = s->joined || transport_one_way(s->tc->conn) ? CHANNEL_STUB : 0};
    transport_send(s->tc, &r);
    for (int side = 0; side < DIR_COUNT; side++) {
        s->text[side].at = at;
        tell_gap(s, side);
        tell_other_lines(s, side);
    }
}

/* ---- roles */

/* Whether only a sender of direction dir sends this: 1 yes, 0 only the other, -1 it does not tell.
 */
static int belongs_to(const struct message *m, enum dir dir)
{
    bool answers = m->kind == MESSAGE_RESULT || m->kind == MESSAGE_ERROR;
    if (m->squirrel)
        return m->kind == MESSAGE_NOTIFICATION ? -1 : answers == (dir == DIR_S2C);
    if (answers) /* the shapes of results that are known are all a server's */
        return m->kind == MESSAGE_RESULT && (m->flags & MESSAGE_MCP_SHAPE) ? dir == DIR_S2C : -1;
    return sends(dir, (enum method)m->method);
}

/* A message is about to be told: from the first that shows who is the client, the directions are
 * those of the dialogue. */
static bool take(struct text *t, struct message *m)
{
    struct lines *s = t->owner;
    s->spoken = true;
    int right = s->roles_known ? -1 : belongs_to(m, (enum dir)t->dir);
    if (right >= 0) {
        s->roles_known = true;
        for (int side = 0; side < DIR_COUNT && right == 0; side++)
            s->text[side].dir ^= 1;
        m->dir = t->dir;
    }
    return true;
}

/* ---- lines */

/* Begins a text, or passes over the line. */
static void begin_line(struct lines *s, enum dir side, uint8_t c)
{
    struct text *t = &s->text[side];
    s->state[side] = STATE_OTHER;
    s->other_bytes[side] = 0;
    if (c != '{' && c != '[')
        return;
    begin(s, t->at);
    if (text_begin(t, s->doubtful[side]))
        s->state[side] = STATE_TEXT;
    else
        s->doubtful[side] = true; /* told already: the rest of the line counts for nothing */
}

/* The dialect that one direction proved is the other's, too. */
static void share_dialect(struct lines *s, enum dir side)
{
    struct text *other = &s->text[!side];
    if (other->dialect == TEXT_EITHER)
        other->dialect = s->text[side].dialect;
}

static void end_text(struct lines *s, enum dir side)
{
    struct text *t = &s->text[side];
    uint32_t messages;
    enum text_end how = TEXT_END_COMPLETE;
    if (s->doubtful[side])
        how = text_complete(t) ? TEXT_END_LENIENT : TEXT_END_REVOKED;
    (void)text_end(t, how, &messages);
    share_dialect(s, side);
    if (how == TEXT_END_REVOKED && s->owed[side])
        text_lost(t);
    if (messages == 0 && !s->spoken)
        s->strange++;
}

/* The end of a line that was no text. */
static void end_other(struct lines *s, enum dir side)
{
    struct text *t = &s->text[side];
    if (s->doubtful[side]) {
        if (s->owed[side] && s->begun)
            text_lost(t);
        return;
    }
    if (s->other_bytes[side] > LIMIT_LINE) {
        limits_hit_add(s->tc->env->hit, LIMIT_ID_LINE);
        if (s->begun)
            text_finding(t, FINDING_LINE_TOO_LONG, 1);
        return;
    }
    s->other_lines[side]++;
    if (s->begun)
        tell_other_lines(s, side);
}

static void end_line(struct lines *s, enum dir side)
{
    if (s->state[side] == STATE_TEXT)
        end_text(s, side);
    else if (s->state[side] == STATE_OTHER)
        end_other(s, side);
    s->state[side] = STATE_START;
    s->doubtful[side] = s->owed[side] = false;
}

static void pass_over(struct lines *s, enum dir side, size_t n)
{
    transport_note(s->tc, s->doubtful[side] ? RECORD_NOTED_UNREAD : RECORD_NOTED_OTHER, n);
    if (s->other_bytes[side] <= LIMIT_LINE)
        s->other_bytes[side] += (uint32_t)(n <= LIMIT_LINE ? n : LIMIT_LINE + 1);
}

/* Takes n bytes without an LF. */
static void take_bytes(struct lines *s, enum dir side, const uint8_t *bytes, size_t n)
{
    while (n > 0 && s->state[side] == STATE_START && is_blank(*bytes)) {
        bytes++;
        n--;
    }
    if (n == 0)
        return;
    if (s->state[side] == STATE_START)
        begin_line(s, side, *bytes);
    if (s->state[side] == STATE_TEXT)
        text_feed(&s->text[side], bytes, n);
    else
        pass_over(s, side, n);
}

/* A line that is there as a whole, with a text that needs no parser. */
static bool take_line(struct lines *s, enum dir side, const uint8_t *bytes, size_t n)
{
    struct text *t = &s->text[side];
    if (s->state[side] != STATE_START || s->doubtful[side])
        return false;
    for (; n > 0 && is_blank(*bytes); n--)
        bytes++;
    if (n == 0 || (*bytes != '{' && *bytes != '['))
        return false;
    begin(s, t->at);
    if (text_whole(t, bytes, n) == TEXT_WHOLE_UNKNOWN)
        return false;
    if (!s->spoken)
        s->strange++;
    return true;
}

/* ---- the transport */

static int init(void *state, const struct transport_conn *tc, bool joined)
{
    struct lines *s = state;
    s->tc = tc;
    s->joined = joined || tc->conn->start_unknown;
    for (int side = 0; side < DIR_COUNT; side++) {
        s->text[side] = (struct text){.tc = tc,
                                      .channel = CHANNEL,
                                      .dir = (uint8_t)side,
                                      .dialect = TEXT_EITHER,
                                      .take = take,
                                      .owner = s};
        s->doubtful[side] = s->joined;
    }
    return 0;
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    struct lines *s = state;
    if (s->strange >= STRANGE_LINES)
        transport_note(s->tc, RECORD_NOTED_OTHER, n);
    while (n > 0 && s->strange < STRANGE_LINES) {
        const uint8_t *lf = memchr(bytes, '\n', n);
        size_t length = lf ? (size_t)(lf - bytes) : n;
        s->text[dir].at = at;
        if (!lf || !take_line(s, dir, bytes, length)) {
            take_bytes(s, dir, bytes, length);
            if (!lf)
                return;
            end_line(s, dir);
        }
        bytes += length + 1;
        n -= length + 1;
    }
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    struct lines *s = state;
    struct text *t = &s->text[dir];
    bool lost = false;
    t->at = at;
    if (s->state[dir] == STATE_TEXT) {
        t->lost = false;
        (void)text_end(t, s->doubtful[dir] ? TEXT_END_REVOKED : TEXT_END_LOST, NULL);
        share_dialect(s, dir);
        lost = t->lost;
    }
    s->gap_bytes[dir] += n;
    if (s->begun)
        tell_gap(s, dir);
    s->state[dir] = STATE_START;
    s->doubtful[dir] = true;
    s->owed[dir] = !lost;
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    struct lines *s = state;
    struct text *t = &s->text[dir];
    t->at = at;
    if (how == STREAM_END_CAPTURE)
        s->capture_ended = true;
    if (s->state[dir] != STATE_TEXT)
        return;
    bool whole = text_complete(t);
    bool doubtful = s->doubtful[dir] && !whole;
    enum json_end ended = text_end(t, doubtful ? TEXT_END_REVOKED : TEXT_END_CUT, NULL);
    share_dialect(s, dir);
    if (!doubtful && ended == JSON_END_CUT && how != STREAM_END_CAPTURE)
        text_finding(t, FINDING_TRUNCATED_BODY, 1);
    s->state[dir] = STATE_OTHER;
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    struct lines *s = state;
    for (int side = 0; side < DIR_COUNT; side++)
        text_drop(&s->text[side]);
    if (s->begun)
        transport_end_conn(s->tc, CHANNEL, how, s->capture_ended, at);
}

const struct transport transport_lines = {.name = "lines",
                                          .state_bytes = sizeof(struct lines),
                                          .probe = probe,
                                          .init = init,
                                          .feed = feed,
                                          .gap = gap,
                                          .end = end,
                                          .fini = fini};
