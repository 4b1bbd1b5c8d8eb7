/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Squirrel dialect in frames on a TCP stream, in two forms:
 *
 *   with magic     "MCP\0", four bytes of length (big-endian), so many bytes of JSON
 *   length only    four bytes of length, so many bytes of JSON, compressed as a whole or not
 *
 * A length counts the payload only. The connection is the session, with one channel; client and
 * server are those of TCP, and where its opening was not captured, the first message that only one
 * of them sends (a command, an answer) decides.
 *
 * The magic proves the dialect. Without it, nothing is told until two frames in a row, of either
 * direction, are exactly a JSON object with an id and a type each; the message of the first is kept
 * until then. If one is not, the connection is left alone.
 *
 * State of a direction, and where it reads on after a gap:
 *
 *   in a head       an unknown number of messages is lost; the next head that is plausible
 *   in a payload    the message is lost; if the gap ends inside of it, the next head is where the
 *                   length says, else the next that is plausible
 *   looking         goes on looking
 *
 * Looking for a head: the magic with a length within the cap and a brace behind it cannot be part
 * of JSON, which has no zero bytes unescaped. The same holds of a length below 2^24, which begins
 * with a zero byte, with `{"` behind it; there the message counts only if it is closed exactly at
 * the end of its frame.
 *
 * Wrong framing: where a head must stand and no magic is, that is told once, and looking begins; a
 * length of zero is told; one beyond LIMIT_FRAME is told, and looking begins. A magic inside of a
 * payload means that the length was too large: told, and the frame ends there.
 *
 * Memory: about 340 bytes a connection; while a payload is being read 4 KB more.
 *
 * Ignored on purpose: LZ4 payloads, which are told as undecodable.
 */
#define _GNU_SOURCE /* memmem */
#include "base/counted.h"
#include "coding.h"
#include "dissect/squirrel_type.h"
#include "squirrel_head.h"
#include "text.h"
#include <stddef.h>
#include <string.h>

#define CHANNEL      1
#define TRIAL_FRAMES 2

enum state {
    STATE_HEAD,    /* a head must follow */
    STATE_LOOK,    /* somewhere a head follows */
    STATE_PAYLOAD, /* left bytes of it are missing */
    STATE_SKIP     /* the same, and nobody reads them */
};

/* One direction, by TCP. */
struct side {
    struct text text;
    struct decoder *decoder; /* of a payload that is compressed */
    uint64_t gap_bytes;      /* not told yet */
    uint32_t left;           /* bytes of the payload that are still to come */
    uint8_t head[10];        /* what was taken of a head, and of what must follow it */
    uint8_t head_len;
    uint8_t state;  /* enum state */
    bool fresh;     /* no byte of the payload was taken */
    bool doubtful;  /* the head was found by looking, without magic */
    uint8_t begins; /* bytes of a magic at the end of what was taken of the payload */
};

struct frames {
    const struct transport_conn *tc;
    struct side side[DIR_COUNT];
    struct message *first; /* of the trial, kept */
    uint8_t framing;       /* enum squirrel_framing; valid with framed */
    uint8_t trial;         /* frames that are still to prove the framing */
    bool framed, begun, joined, roles_known, capture_ended, quiet;
};

/* ---- recognising */

static enum probe_result probe(const struct probe *p)
{
    enum squirrel_framing framing =
        p->bytes[0] == SQUIRREL_MAGIC[0] ? SQUIRREL_FRAMING_MAGIC : SQUIRREL_FRAMING_LENGTH;
    size_t need = squirrel_head_enough(framing);
    if (squirrel_head_fits(framing, p->bytes, p->n < need ? p->n : need)) {
        if (p->n >= need)
            return PROBE_YES;
        if (!p->joined)
            return PROBE_MORE;
    }
    const uint8_t *end = p->bytes + p->n, *at = p->bytes;
    need = squirrel_head_enough(SQUIRREL_FRAMING_MAGIC);
    while (p->joined &&
           (at = memmem(at, (size_t)(end - at), SQUIRREL_MAGIC, SQUIRREL_MAGIC_BYTES))) {
        if ((size_t)(end - at) >= need && squirrel_head_fits(SQUIRREL_FRAMING_MAGIC, at, need))
            return PROBE_YES;
        at++;
    }
    return PROBE_NO;
}

/* ---- records */

static void tell_gap(struct frames *s, struct side *side)
{
    if (s->trial > 0 || side->gap_bytes == 0)
        return;
    text_finding(&side->text, FINDING_GAP, side->gap_bytes);
    side->gap_bytes = 0;
}

static void begin(struct frames *s, const struct stream_pos *at)
{
    struct record r;
    if (s->begun)
        return;
    s->begun = true;
    unsigned flags = s->joined || transport_one_way(s->tc->conn) ? CHANNEL_STUB : 0;
    if (s->framing == SQUIRREL_FRAMING_LENGTH)
        flags |= CHANNEL_LOCK_STEP;
    transport_record(s->tc, RECORD_BEGIN, CHANNEL, at, &r);
    r.u.begin = (struct record_begin){.flags = (uint16_t)flags};
    transport_send(s->tc, &r);
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        s->side[dir].text.at = at;
        tell_gap(s, &s->side[dir]);
    }
}

/* Nothing is told as long as the framing is not proven. */
static void finding(struct frames *s, struct side *side, enum finding what, uint64_t amount)
{
    if (s->trial > 0)
        return;
    begin(s, side->text.at);
    text_finding(&side->text, what, amount);
}

static void lose(struct frames *s, struct side *side)
{
    side->text.lost = true;
    finding(s, side, FINDING_LOST_MESSAGE, 1);
}

/* The framing is proven: what was kept is told. */
static void accept(struct frames *s, const struct stream_pos *at)
{
    s->trial = 0;
    begin(s, at);
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        s->side[dir].text.at = at;
        tell_gap(s, &s->side[dir]);
    }
    if (!s->first)
        return;
    struct record r;
    transport_record(s->tc, RECORD_MESSAGE, CHANNEL, at, &r);
    memcpy(&r.u.message, s->first, offsetof(struct message, text) + s->first->text_used);
    transport_send(s->tc, &r);
    counted_free(s->tc->env->state_bytes, s->first, sizeof(*s->first));
    s->first = NULL;
}

/* ---- messages */

/* A frame proves the framing by a message with an id and a type that is known. Returns whether the
 * message is to be told now. */
static bool try_message(struct frames *s, const struct message *m, const struct stream_pos *at)
{
    bool proof = (m->id.type == RPC_ID_STRING || m->id.type == RPC_ID_INTEGER) &&
                 m->squirrel != SQUIRREL_TYPE_OTHER;
    if (!proof) {
        s->quiet = true;
        return false;
    }
    if (--s->trial == 0) {
        accept(s, at);
        return true;
    }
    s->first = counted_malloc(s->tc->env->state_bytes, sizeof(*s->first));
    if (s->first)
        memcpy(s->first, m, offsetof(struct message, text) + m->text_used);
    else
        s->quiet = true;
    return false;
}

static bool take(struct text *t, struct message *m)
{
    struct frames *s = t->owner;
    int client = s->roles_known ? -1 : squirrel_type_is_client((enum squirrel_type)m->squirrel);
    m->flags |= MESSAGE_MCP_SHAPE;
    if (client >= 0) {
        s->roles_known = true;
        bool right = (t->dir == DIR_C2S) == (client == 1);
        for (int dir = 0; dir < DIR_COUNT && !right; dir++)
            s->side[dir].text.dir ^= 1;
        m->dir = t->dir;
    }
    return s->trial == 0 || try_message(s, m, t->at);
}

/* ---- payloads */

static void drop_decoder(struct side *side)
{
    decoder_free(side->decoder);
    side->decoder = NULL;
}

/* Nobody reads the rest of the payload. */
static void skip_payload(struct side *side)
{
    drop_decoder(side);
    side->state = STATE_SKIP;
}

static void decoded(void *ctx, const uint8_t *bytes, size_t n)
{
    (void)text_feed(ctx, bytes, n);
}

static void feed_text(struct frames *s, struct side *side, const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return;
    if (!side->decoder) {
        (void)text_feed(&side->text, bytes, n);
        return;
    }
    struct decoder_sink sink = {&side->text, decoded};
    if (decoder_feed(side->decoder, &sink, bytes, n) < DECODER_BAD)
        return;
    text_drop(&side->text);
    finding(s, side, FINDING_UNDECODABLE, 1);
    skip_payload(side);
}

/* The first byte of a payload shows what it is. */
static void begin_payload(struct frames *s, struct side *side, uint8_t first)
{
    side->fresh = false;
    enum coding coding =
        s->framing == SQUIRREL_FRAMING_LENGTH ? squirrel_head_coding(first) : CODING_NONE;
    if (coding == CODING_UNKNOWN) {
        finding(s, side, FINDING_UNDECODABLE, 1);
        skip_payload(side);
        return;
    }
    if (coding != CODING_NONE) {
        side->decoder = decoder_new(coding, s->tc->env->decoders, s->tc->env->hit);
        if (!side->decoder) {
            lose(s, side);
            skip_payload(side);
            return;
        }
    }
    begin(s, side->text.at);
    if (!text_begin(&side->text, side->doubtful || s->trial > 0))
        skip_payload(side);
}

/* The payload is complete, or cut short by a head inside of it. */
static void end_payload(struct frames *s, struct side *side)
{
    if (side->state == STATE_PAYLOAD && side->begins > 0)
        feed_text(s, side, (const uint8_t *)SQUIRREL_MAGIC, side->begins);
    side->begins = 0;
    bool false_head = false;
    if (side->state == STATE_PAYLOAD) {
        uint32_t messages = 0;
        bool trial = s->trial > 0, lenient = side->doubtful || trial;
        enum text_end how = !lenient                     ? TEXT_END_COMPLETE
                            : text_complete(&side->text) ? TEXT_END_LENIENT
                                                         : TEXT_END_REVOKED;
        false_head = side->doubtful && how == TEXT_END_REVOKED;
        (void)text_end(&side->text, how, &messages);
        if (trial && messages == 0)
            s->quiet = true;
    }
    drop_decoder(side);
    side->state = false_head ? STATE_LOOK : STATE_HEAD;
    side->doubtful = false;
    side->head_len = 0;
}

/* A head inside of a payload: the length was too large. */
static void end_early(struct frames *s, struct side *side)
{
    side->begins = 0;
    finding(s, side, FINDING_BAD_LENGTH, 1);
    end_payload(s, side);
    memcpy(side->head, SQUIRREL_MAGIC, SQUIRREL_MAGIC_BYTES);
    side->head_len = SQUIRREL_MAGIC_BYTES;
    side->state = STATE_LOOK;
}

/* The bytes at the end of p that may begin a magic. */
static uint8_t magic_begins(const uint8_t *p, size_t n)
{
    for (uint8_t k = SQUIRREL_MAGIC_BYTES - 1; k > 0; k--)
        if (n >= k && memcmp(p + n - k, SQUIRREL_MAGIC, k) == 0)
            return k;
    return 0;
}

/* Takes n bytes of a payload that may hold a magic; returns how many: fewer, if there is one. */
static size_t take_guarded(struct frames *s, struct side *side, const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    while (side->begins > 0 && i < n && bytes[i] == (uint8_t)SQUIRREL_MAGIC[side->begins]) {
        i++;
        if (++side->begins == SQUIRREL_MAGIC_BYTES) {
            end_early(s, side);
            return i;
        }
    }
    if (i == n)
        return n;
    feed_text(s, side, (const uint8_t *)SQUIRREL_MAGIC, side->begins);
    const uint8_t *found = memmem(bytes + i, n - i, SQUIRREL_MAGIC, SQUIRREL_MAGIC_BYTES);
    if (found) {
        feed_text(s, side, bytes + i, (size_t)(found - bytes) - i);
        end_early(s, side);
        return (size_t)(found - bytes) + SQUIRREL_MAGIC_BYTES;
    }
    side->begins = magic_begins(bytes + i, n - i);
    feed_text(s, side, bytes + i, n - i - side->begins);
    return n;
}

/* The framing is lost: looks for a head from here on. */
static void mislead(struct frames *s, struct side *side, enum finding what)
{
    finding(s, side, what, 1);
    if (s->trial > 0)
        s->quiet = true;
    side->state = STATE_LOOK;
}

static size_t take_payload(struct frames *s, struct side *side, const uint8_t *bytes, size_t n)
{
    if (n > side->left)
        n = side->left;
    if (side->fresh && side->state == STATE_PAYLOAD) {
        if (s->framing == SQUIRREL_FRAMING_LENGTH && !squirrel_head_payload(bytes, 1)) {
            mislead(s, side, FINDING_BAD_LENGTH);
            return 0;
        }
        begin_payload(s, side, *bytes);
    }
    if (side->state == STATE_SKIP)
        transport_note(s->tc, RECORD_NOTED_UNREAD, n);
    else if (s->framing == SQUIRREL_FRAMING_MAGIC)
        n = take_guarded(s, side, bytes, n);
    else
        feed_text(s, side, bytes, n);
    if (side->state != STATE_PAYLOAD && side->state != STATE_SKIP)
        return n; /* a head was found inside */
    side->left -= (uint32_t)n;
    if (side->left == 0)
        end_payload(s, side);
    return n;
}

/* ---- reading */

static void enter_payload(struct side *side, uint32_t length, bool doubtful)
{
    side->left = length;
    side->fresh = true;
    side->doubtful = doubtful;
    side->begins = 0;
    side->state = STATE_PAYLOAD;
    side->head_len = 0;
}

/* Drops what cannot begin a head from what was taken; then it may be one. */
static void look(struct frames *s, struct side *side)
{
    enum squirrel_framing framing = (enum squirrel_framing)s->framing;
    while (side->head_len > 0 && !squirrel_head_fits(framing, side->head, side->head_len)) {
        memmove(side->head, side->head + 1, --side->head_len);
        transport_note(s->tc, RECORD_NOTED_UNREAD, 1);
    }
    if (side->head_len < squirrel_head_enough(framing))
        return;
    uint8_t payload[2];
    size_t head = squirrel_head_bytes(framing), n = side->head_len - head;
    memcpy(payload, side->head + head, n);
    enter_payload(side, squirrel_head_length(side->head + head - SQUIRREL_LENGTH_BYTES),
                  framing == SQUIRREL_FRAMING_LENGTH);
    (void)take_payload(s, side, payload, n);
}

/* Takes bytes where a head is looked for; returns how many. */
static size_t take_look(struct frames *s, struct side *side, const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    if (side->head_len == 0) {
        int first = s->framing == SQUIRREL_FRAMING_MAGIC ? SQUIRREL_MAGIC[0] : 0;
        const uint8_t *found = memchr(bytes, first, n);
        i = found ? (size_t)(found - bytes) : n;
        transport_note(s->tc, RECORD_NOTED_UNREAD, i);
        if (!found)
            return n;
    }
    side->head[side->head_len++] = bytes[i];
    look(s, side);
    return i + 1;
}

/* A stream that was joined behind its first magic looks length-framed. */
static bool shows_magic(const struct frames *s, const struct side *side)
{
    return s->joined && s->framing == SQUIRREL_FRAMING_LENGTH &&
           memcmp(side->head, SQUIRREL_MAGIC, SQUIRREL_MAGIC_BYTES) == 0;
}

/* Takes one byte of a head that must be here. */
static void take_head(struct frames *s, struct side *side, uint8_t c)
{
    enum squirrel_framing framing = (enum squirrel_framing)s->framing;
    side->head[side->head_len++] = c;
    size_t n = side->head_len;
    if (framing == SQUIRREL_FRAMING_MAGIC && n <= SQUIRREL_MAGIC_BYTES &&
        c != (uint8_t)SQUIRREL_MAGIC[n - 1]) {
        mislead(s, side, FINDING_BAD_MAGIC);
        look(s, side);
        return;
    }
    if (n < squirrel_head_bytes(framing))
        return;
    uint32_t length = squirrel_head_length(side->head + n - SQUIRREL_LENGTH_BYTES);
    if (shows_magic(s, side)) {
        s->framing = SQUIRREL_FRAMING_MAGIC;
        if (s->trial > 0)
            accept(s, side->text.at);
    } else if (length > LIMIT_FRAME) {
        limits_hit_add(s->tc->env->hit, LIMIT_ID_FRAME);
        mislead(s, side, FINDING_BAD_LENGTH);
        look(s, side);
    } else if (length == 0) {
        finding(s, side, FINDING_BAD_LENGTH, 1);
        side->head_len = 0;
    } else {
        enter_payload(side, length, false);
    }
}

/* The first bytes show which form it is. */
static void choose_framing(struct frames *s, const uint8_t *bytes, size_t n)
{
    bool magic = s->joined ? memmem(bytes, n, SQUIRREL_MAGIC, SQUIRREL_MAGIC_BYTES) != NULL
                           : *bytes == (uint8_t)SQUIRREL_MAGIC[0];
    s->framing = magic ? SQUIRREL_FRAMING_MAGIC : SQUIRREL_FRAMING_LENGTH;
    s->trial = magic ? 0 : TRIAL_FRAMES;
    s->framed = true;
}

/* ---- the transport */

static int init(void *state, const struct transport_conn *tc, bool joined)
{
    struct frames *s = state;
    s->tc = tc;
    s->joined = joined || tc->conn->start_unknown;
    s->roles_known = tc->conn->roles_known;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        s->side[dir].text = (struct text){.tc = tc,
                                          .channel = CHANNEL,
                                          .dir = (uint8_t)dir,
                                          .dialect = TEXT_SQUIRREL,
                                          .take = take,
                                          .owner = s};
        s->side[dir].state = s->joined ? STATE_LOOK : STATE_HEAD;
    }
    return 0;
}

static void feed(void *state, enum dir dir, const uint8_t *bytes, size_t n,
                 const struct stream_pos *at)
{
    struct frames *s = state;
    struct side *side = &s->side[dir];
    side->text.at = at;
    if (!s->framed)
        choose_framing(s, bytes, n);
    while (n > 0 && !s->quiet) {
        size_t used = 1;
        switch ((enum state)side->state) {
        case STATE_HEAD:
            take_head(s, side, *bytes);
            break;
        case STATE_LOOK:
            used = take_look(s, side, bytes, n);
            break;
        case STATE_PAYLOAD:
        case STATE_SKIP:
            used = take_payload(s, side, bytes, n);
            break;
        }
        bytes += used;
        n -= used;
    }
    if (s->quiet)
        transport_note(s->tc, RECORD_NOTED_OTHER, n);
}

/* Ends the payload under way, which will not be read to its end. */
static void cut_payload(struct frames *s, struct side *side, enum text_end how)
{
    if (side->state == STATE_PAYLOAD && !side->fresh)
        (void)text_end(&side->text, side->doubtful || s->trial > 0 ? TEXT_END_REVOKED : how, NULL);
    drop_decoder(side);
}

static void gap(void *state, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    struct frames *s = state;
    struct side *side = &s->side[dir];
    side->text.at = at;
    side->gap_bytes += n;
    if (s->begun)
        tell_gap(s, side);
    if (s->quiet)
        return;
    bool inside = side->state == STATE_PAYLOAD || side->state == STATE_SKIP;
    if (side->state == STATE_PAYLOAD) {
        bool fresh = side->fresh;
        cut_payload(s, side, TEXT_END_LOST);
        if (fresh)
            lose(s, side);
    } else if (side->state == STATE_HEAD && side->head_len > 0) {
        lose(s, side);
    }
    side->begins = 0;
    side->head_len = 0;
    side->fresh = false;
    side->state = STATE_LOOK;
    if (inside && n <= side->left) {
        side->left -= (uint32_t)n;
        side->state = side->left > 0 ? STATE_SKIP : STATE_HEAD;
    }
    if (s->trial > 0) { /* two frames in a row */
        s->trial = TRIAL_FRAMES;
        counted_free(s->tc->env->state_bytes, s->first, sizeof(*s->first));
        s->first = NULL;
    }
}

static void end(void *state, enum dir dir, enum stream_end how, const struct stream_pos *at)
{
    struct frames *s = state;
    struct side *side = &s->side[dir];
    bool reading = side->state == STATE_PAYLOAD;
    side->text.at = at;
    if (how == STREAM_END_CAPTURE)
        s->capture_ended = true;
    cut_payload(s, side, TEXT_END_CUT);
    if (reading && !side->doubtful && !s->quiet && how != STREAM_END_CAPTURE)
        finding(s, side, FINDING_TRUNCATED_BODY, 1);
    side->state = STATE_LOOK;
    side->head_len = 0;
}

static void fini(void *state, enum channel_end how, const struct stream_pos *at)
{
    struct frames *s = state;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        text_drop(&s->side[dir].text);
        drop_decoder(&s->side[dir]);
    }
    counted_free(s->tc->env->state_bytes, s->first, sizeof(*s->first));
    if (s->begun)
        transport_end_conn(s->tc, CHANNEL, how, s->capture_ended, at);
}

const struct transport transport_squirrel = {.name = "squirrel",
                                             .state_bytes = sizeof(struct frames),
                                             .probe = probe,
                                             .init = init,
                                             .feed = feed,
                                             .gap = gap,
                                             .end = end,
                                             .fini = fini};
