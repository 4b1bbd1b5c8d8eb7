/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCP in netstrings over TCP: each JSON-RPC text as its length in decimal digits, a colon, the text
 * and a comma, `17:{"jsonrpc":"2.0"},` and so on, in both directions. Nobody speaks it: it is the
 * worked example of docs/adding-a-transport.md.
 *
 * Theory of operation. The connection is the session: it has one channel, which begins with its
 * first bytes. Per direction a state and a number of bytes left; a text is read where it lies.
 *
 * State of a direction, what a gap costs there, and where it reads on:
 *
 *   LENGTH   at the digits: an unknown number of messages; LOST
 *   TEXT     `left` bytes of a text. Inside it: that message, the rest of it is skipped. Beyond it:
 *            an unknown number of messages; LOST
 *   COMMA    behind a text: as LENGTH, but for the comma alone, which costs nothing
 *   LOST     looks at the start of each piece that is fed for a netstring that holds an object or
 *            an array; LENGTH from there
 *   OVER     the direction has ended
 *
 * Memory: about 200 bytes for a connection, and a parser while a text is being read.
 *
 * Limits: a length of more than MOST_DIGITS digits is none.
 *
 * Ignored on purpose: netstrings inside netstrings.
 */
#include "dissect/text.h"

#define MOST_DIGITS 9

enum netstring_state { STATE_LENGTH, STATE_TEXT, STATE_COMMA, STATE_LOST, STATE_OVER };

struct netstring_side {
    struct text text;
    uint64_t left;  /* of the text; in LENGTH: its length so far */
    uint8_t digits; /* in LENGTH */
    uint8_t state;  /* enum netstring_state */
};

struct netstring_conn {
    const struct transport_conn *tc;
    struct netstring_side side[DIR_COUNT];
    bool begun; /* RECORD_BEGIN was told */
    bool joined;
    bool capture_ended;
};

/* ---- recognising */

struct head {
    size_t bytes; /* digits and colon; 0: these are none */
    uint64_t length;
    bool cut; /* the bytes end before the colon */
};

static struct head read_head(const uint8_t *p, size_t n)
{
    struct head h = {0};
    size_t i = 0;
    while (i < n && i < MOST_DIGITS && p[i] >= '0' && p[i] <= '9')
        h.length = h.length * 10 + (uint64_t)(p[i++] - '0');
    bool number = i > 0 && (p[0] != '0' || i == 1);
    h.cut = i == n && (number || n == 0);
    if (number && i < n && p[i] == ':')
        h.bytes = i + 1;
    return h;
}

/* What follows a head can be a JSON-RPC text. */
static bool is_text(uint8_t c)
{
    return c == '{' || c == '[';
}

static enum probe_result probe(const struct probe *p)
{
    struct head h = read_head(p->bytes, p->n);
    if (h.cut)
        return PROBE_MORE;
    if (h.bytes == 0)
        return PROBE_NO;
    if (h.bytes == p->n)
        return PROBE_MORE;
    if (!is_text(p->bytes[h.bytes]))
        return PROBE_NO;
    if (!p->joined)
        return PROBE_YES;
    /* In the middle of something a number, a colon and a brace prove little: the comma must fit. */
    uint64_t comma = h.bytes + h.length;
    return comma < p->n && p->bytes[comma] == ',' ? PROBE_YES : PROBE_NO;
}

/* ---- records */

static void begin(struct netstring_conn *s, const struct stream_pos *at)
{
    struct record r;
    transport_record(s->tc, RECORD_BEGIN, 1, at, &r);
    r.u.begin = (struct record_begin){.flags = s->joined ? CHANNEL_STUB : 0};
    transport_send(s->tc, &r);
    s->begun = true;
}

/* ---- one direction */

static void lose(struct netstring_side *d)
{
    text_drop(&d->text);
    text_lost(&d->text);
    d->state = STATE_LOST;
}

/* Framing that no netstring has. */
static void refuse(struct netstring_side *d)
{
    text_finding(&d->text, FINDING_BAD_LENGTH, 1);
    d->state = STATE_LOST;
}

static void next_length(struct netstring_side *d)
{
    d->state = STATE_LENGTH;
    d->left = 0;
    d->digits = 0;
}

static size_t feed_length(struct netstring_side *d, const uint8_t *bytes)
{
    bool zero = d->digits == 1 && d->left == 0;
    if (*bytes >= '0' && *bytes <= '9' && d->digits < MOST_DIGITS && !zero) {
        d->left = d->left * 10 + (uint64_t)(*bytes - '0');
        d->digits++;
    } else if (*bytes != ':' || d->digits == 0) {
        refuse(d);
    } else if (d->left == 0) {
        d->state = STATE_COMMA;
    } else {
        d->state = STATE_TEXT;
        (void)text_begin(&d->text,
                         false); /* without memory the text is skipped, and told as lost */
    }
    return 1;
}

static size_t feed_text(struct netstring_side *d, const uint8_t *bytes, size_t n)
{
    size_t take = n < d->left ? n : (size_t)d->left;
    if (d->text.rpc)
        (void)text_feed(&d->text, bytes, take);
    else
        transport_note(d->text.tc, RECORD_NOTED_UNREAD, take);
    d->left -= take;
    if (d->left == 0) {
        d->state = STATE_COMMA;
        if (d->text.rpc)
            (void)text_end(&d->text, TEXT_END_COMPLETE, NULL);
    }
    return take;
}

static size_t feed_comma(struct netstring_side *d, const uint8_t *bytes)
{
    if (*bytes == ',')
        next_length(d);
    else
        refuse(d);
    return 1;
}

/* at_start: the bytes are the start of a piece, which is where a netstring is looked for. */
static size_t feed_lost(struct netstring_side *d, const uint8_t *bytes, size_t n, bool at_start)
{
    struct head h = at_start ? read_head(bytes, n) : (struct head){0};
    if (h.bytes > 0 && h.bytes < n && is_text(bytes[h.bytes])) {
        next_length(d);
        return 0;
    }
    transport_note(d->text.tc, RECORD_NOTED_UNREAD, n);
    return n;
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    struct netstring_conn *s = state;
    struct netstring_side *d = &s->side[dir];
    if (!s->begun)
        begin(s, at);
    d->text.at = at;
    for (size_t i = 0; i < n;) {
        switch ((enum netstring_state)d->state) {
        case STATE_LENGTH:
            i += feed_length(d, bytes + i);
            break;
        case STATE_TEXT:
            i += feed_text(d, bytes + i, n - i);
            break;
        case STATE_COMMA:
            i += feed_comma(d, bytes + i);
            break;
        case STATE_LOST:
            i += feed_lost(d, bytes + i, n - i, i == 0);
            break;
        case STATE_OVER:
            return;
        }
    }
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    struct netstring_conn *s = state;
    struct netstring_side *d = &s->side[dir];
    if (!s->begun)
        begin(s, at);
    d->text.at = at;
    transport_finding(s->tc, 1, dir, FINDING_GAP, n, at);
    switch ((enum netstring_state)d->state) {
    case STATE_LENGTH:
        lose(d);
        break;
    case STATE_TEXT:
        if (n > d->left) {
            lose(d);
            break;
        }
        if (d->text.rpc) { /* else it is known to be lost already */
            text_drop(&d->text);
            text_lost(&d->text);
        }
        d->left -= n;
        if (d->left == 0)
            d->state = STATE_COMMA;
        break;
    case STATE_COMMA:
        if (n == 1)
            next_length(d);
        else
            lose(d);
        break;
    case STATE_LOST:
    case STATE_OVER:
        break;
    }
}

/* ---- begin and end */

static int init(void *state, const struct transport_conn *tc, bool joined)
{
    struct netstring_conn *s = state;
    s->tc = tc;
    s->joined = joined;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        s->side[dir].text = (struct text){.tc = tc, .channel = 1, .dir = (uint8_t)dir};
        s->side[dir].state = joined ? STATE_LOST : STATE_LENGTH;
    }
    return 0;
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    struct netstring_conn *s = state;
    struct netstring_side *d = &s->side[dir];
    d->text.at = at;
    if (how == STREAM_END_CAPTURE)
        s->capture_ended = true;
    else if (d->state == STATE_TEXT)
        text_finding(&d->text, FINDING_TRUNCATED_BODY, 1);
    if (d->text.rpc)
        (void)text_end(&d->text, TEXT_END_CUT, NULL);
    d->state = STATE_OVER;
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    struct netstring_conn *s = state;
    for (int dir = 0; dir < DIR_COUNT; dir++)
        text_drop(&s->side[dir].text);
    if (s->begun)
        transport_end_conn(s->tc, 1, how, s->capture_ended, at);
}

const struct transport transport_netstring = {
    .name = "netstring",
    .state_bytes = sizeof(struct netstring_conn),
    .probe = probe,
    .init = init,
    .feed = feed,
    .gap = gap,
    .end = end,
    .fini = fini,
};
