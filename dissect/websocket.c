/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * WebSocket (RFC 6455) with permessage-deflate (RFC 7692): the two directions of one, each a
 * sequence of frames that are put together to messages. Every text or binary message is read as a
 * JSON text; control frames may stand between the frames of one.
 *
 * Theory of operation. Payload is read where it lies, or, if it is masked, through a small buffer
 * on the stack. What is not JSON is skipped without being unmasked. Texts are JSON-RPC or the
 * Squirrel dialect's, whose web UI speaks WebSocket: text.h decides by the first that proves it.
 * Compressed messages go through coding.h; the decoder is kept from message to message only where
 * the sender refers back (context takeover). After a loss a message is decoded without what it may
 * refer to: the decoder notices any reference to bytes that it does not have, so what it gives is
 * right, or nothing. Most such messages are lost then, which is told once. Where nothing is
 * missing, a message that cannot be decoded is damaged, which is told once, too.
 *
 * State of a direction, and what a gap costs there:
 *
 *   HEAD      between frames, or in a head: the message under way, or an unknown number; LOST
 *   PAYLOAD   of a control frame: nothing. Of data: its message, the rest of which is skipped; with
 *             context takeover most of the compressed ones behind it, too. Beyond the frame: as
 * HEAD LOST      frames are looked for at the start of each piece that is fed (websocket_frame.c);
 * the rest of a fragmented message is skipped OVER      a close frame was read, or the direction
 * ended: nothing more is read
 *
 * A frame that every receiver would refuse (reserved opcode or bit, odd control frame) is told, and
 * leads to LOST, too. A wrong mask bit is told once; such frames are read. Behind LOST, until a
 * message has been read, either only means that the guess was wrong, and nothing is told.
 *
 * Memory: no buffers; a parser while a message is being read; a decoder (coding.h) while a
 * compressed one is, or for as long as the connection lasts with context takeover.
 *
 * Ignored on purpose: what control frames hold; the UTF-8 of text messages; window sizes of
 * permessage-deflate, because a larger window decodes all smaller ones; other extensions, whose
 * frames look malformed.
 */
#include "websocket.h"
#include "ascii.h"
#include <string.h>

#define MESSAGE_UNKNOWN 0xff /* websocket_side.message: its beginning was lost, or it has none */
#define UNMASK_BYTES    4096 /* on the stack */

enum { STATE_HEAD, STATE_PAYLOAD, STATE_LOST, STATE_OVER };

/* ---- the handshake */

/* Cuts off what is in front of a separator, outside of quotes and without white space around it. */
static size_t next_part(const char **at, size_t *n, char separator, const char **ret_part)
{
    const char *p = *at;
    size_t length = 0;
    bool quoted = false;
    for (; length < *n && (quoted || p[length] != separator); length++)
        quoted ^= p[length] == '"';
    size_t skip = length < *n ? length + 1 : length;
    *at += skip;
    *n -= skip;
    while (length > 0 && (*p == ' ' || *p == '\t')) {
        p++;
        length--;
    }
    while (length > 0 && (p[length - 1] == ' ' || p[length - 1] == '\t'))
        length--;
    *ret_part = p;
    return length;
}

void websocket_add_extensions(struct websocket_options *o, const char *value, size_t n)
{
    while (n > 0) {
        const char *extension, *part;
        size_t left = next_part(&value, &n, ',', &extension);
        size_t length = next_part(&extension, &left, ';', &part);
        if (!ascii_is(part, length, "permessage-deflate"))
            continue;
        o->deflate = true;
        while (left > 0) {
            length = next_part(&extension, &left, ';', &part);
            if (ascii_is(part, length, "client_no_context_takeover"))
                o->no_context_takeover[DIR_C2S] = true;
            else if (ascii_is(part, length, "server_no_context_takeover"))
                o->no_context_takeover[DIR_S2C] = true;
        }
    }
}

/* ---- losses */

static void drop_decoder(struct websocket_side *s)
{
    decoder_free(s->decoder);
    s->decoder = NULL;
}

/* The message under way is given up; so is what later ones refer to. */
static void drop_message(struct websocket_side *s)
{
    text_drop(&s->text);
    if (s->coded)
        drop_decoder(s);
    s->skip = true;
}

/* The framing is lost. */
static void lose(struct websocket_side *s)
{
    text_drop(&s->text);
    drop_decoder(s);
    s->state = STATE_LOST;
    s->unsure = true;
    s->cut = true;
    s->message = MESSAGE_UNKNOWN;
    s->skip = true;
    s->coded = false;
    s->head_len = 0;
    s->left = 0;
}

static void undecodable(struct websocket_side *s)
{
    drop_message(s);
    if (!s->opaque_told && s->cut)
        text_lost(&s->text);
    else if (!s->opaque_told)
        text_finding(&s->text, FINDING_UNDECODABLE, 1);
    s->opaque_told = true;
}

/* The direction ends here. */
static void close_side(struct websocket_side *s, bool capture)
{
    bool inside = s->state != STATE_LOST && s->message != 0 && s->message != MESSAGE_UNKNOWN;
    if (inside && text_busy(&s->text))
        (void)text_end(&s->text, TEXT_END_CUT, NULL);
    if (inside && !capture)
        text_finding(&s->text, FINDING_TRUNCATED_BODY, 1); /* even behind a complete text */
    text_drop(&s->text);
    drop_decoder(s);
    s->state = STATE_OVER;
}

/* ---- messages */

static void read_text(struct websocket_side *s, const uint8_t *bytes, size_t n)
{
    if (!text_busy(&s->text) && !text_begin(&s->text, false))
        s->skip = true;
    else if (!text_feed(&s->text, bytes, n))
        s->skip = true; /* until the end, where it is told */
}

static void on_decoded(void *ctx, const uint8_t *bytes, size_t n)
{
    struct websocket_side *s = ctx;
    if (!s->skip)
        read_text(s, bytes, n);
}

/* What a decoder said about bytes of a message, or about its end. */
static void judge(struct websocket_side *s, enum decoder_result result)
{
    switch (result) {
    case DECODER_MORE:
    case DECODER_END:
        break;
    case DECODER_BAD:
        undecodable(s);
        break;
    case DECODER_LIMIT:
        drop_message(s);
        s->cut = true;
        text_lost(&s->text);
        break;
    }
}

static void decode(struct websocket_side *s, const uint8_t *bytes, size_t n)
{
    const struct transport_env *env = s->text.tc->env;
    if (!s->decoder)
        s->decoder = decoder_new(CODING_RAW_DEFLATE, env->decoders, env->hit);
    if (!s->decoder) {
        s->skip = true;
        s->cut = true;
        text_lost(&s->text);
        return;
    }
    struct decoder_sink sink = {s, on_decoded};
    judge(s, decoder_feed(s->decoder, &sink, bytes, n));
}

/* Whether n bytes of payload are all of the text. */
static bool is_whole(const struct websocket_side *s, size_t n)
{
    return s->fin && n == s->left && !s->unsure && !text_busy(&s->text);
}

static void deliver(struct websocket_side *s, const uint8_t *bytes, size_t n)
{
    if (s->coded)
        decode(s, bytes, n);
    else if (!is_whole(s, n) || text_whole(&s->text, bytes, n) == TEXT_WHOLE_UNKNOWN)
        read_text(s, bytes, n);
}

/* Nothing of the payload matters: a dead text goes on only to follow what later ones refer to. */
static bool is_skipped(const struct websocket_side *s)
{
    return websocket_frame_is_control(s->opcode) || (s->skip && !(s->coded && s->decoder));
}

static void payload(struct websocket_side *s, const uint8_t *bytes, size_t n)
{
    uint8_t plain[UNMASK_BYTES];
    while (n > 0 && !is_skipped(s)) {
        size_t step = s->masked && n > sizeof(plain) ? sizeof(plain) : n;
        if (s->masked) {
            websocket_frame_unmask(plain, bytes, step, s->mask, s->mask_at);
            s->mask_at = (s->mask_at + step) % 4;
        }
        deliver(s, s->masked ? plain : bytes, step);
        bytes += step;
        n -= step;
    }
}

static void begin_message(const struct websocket *w, struct websocket_side *s,
                          const struct websocket_frame *f)
{
    s->message = f->opcode;
    s->coded = f->rsv1;
    s->text.coded = s->coded;
    s->skip = false;
    if (s->coded && !w->options.deflate && !w->options.joined)
        undecodable(s);
}

/* A whole text. The dialect that one direction proved is the other's, too. */
static void end_text(struct websocket *w, struct websocket_side *s)
{
    struct text *other = &w->side[!s->text.dir].text;
    if (s->unsure && !text_complete(&s->text)) {
        text_drop(&s->text);
        return;
    }
    if (text_end(&s->text, TEXT_END_COMPLETE, NULL) == JSON_END_COMPLETE)
        s->unsure = false;
    if (other->dialect == TEXT_EITHER)
        other->dialect = s->text.dialect;
}

static void end_message(struct websocket *w, struct websocket_side *s)
{
    bool forget = w->options.no_context_takeover[s->text.dir];
    if (s->decoder && s->coded) {
        struct decoder_sink sink = {s, on_decoded};
        judge(s, decoder_message_end(s->decoder, &sink, forget));
        if (s->decoder)
            s->opaque_told = false;
        if (forget)
            drop_decoder(s);
        s->cut = s->cut && !forget;
    }
    if (text_busy(&s->text))
        end_text(w, s);
    s->message = 0;
    s->skip = false;
    s->coded = false;
}

/* ---- frames */

static void begin_data(const struct websocket *w, struct websocket_side *s,
                       const struct websocket_frame *f)
{
    bool first = f->opcode != WEBSOCKET_CONTINUATION;
    if (first ? s->message != 0 && s->message != MESSAGE_UNKNOWN : s->message == 0) {
        if (!s->unsure)
            text_finding(&s->text, FINDING_BAD_FRAME, 1);
        drop_message(s);
        s->message = MESSAGE_UNKNOWN;
    }
    if (first)
        begin_message(w, s, f);
}

static void end_frame(struct websocket *w, struct websocket_side *s)
{
    s->state = STATE_HEAD;
    if (s->opcode == WEBSOCKET_CLOSE)
        close_side(s, false);
    else if (s->fin && !websocket_frame_is_control(s->opcode))
        end_message(w, s);
}

static void begin_frame(struct websocket *w, struct websocket_side *s,
                        const struct websocket_frame *f)
{
    bool masked_well = f->masked == (s->text.dir == DIR_C2S);
    if (!websocket_frame_valid(f) || (s->unsure && !masked_well)) {
        if (!s->unsure) {
            text_finding(&s->text, FINDING_BAD_FRAME, 1);
            text_lost(&s->text);
        }
        lose(s);
        return;
    }
    if (!masked_well && !s->mask_told) {
        s->mask_told = true;
        text_finding(&s->text, FINDING_BAD_MASK, 1);
    }
    s->state = STATE_PAYLOAD;
    s->opcode = f->opcode;
    s->fin = f->fin;
    s->masked = f->masked;
    s->mask_at = 0;
    s->left = f->length;
    memcpy(s->mask, f->mask, sizeof(s->mask));
    if (!websocket_frame_is_control(f->opcode))
        begin_data(w, s, f);
    if (s->left == 0)
        end_frame(w, s);
}

/* Reads a frame head, or a part of it that is kept. Returns how many bytes that took. */
static size_t take_head(struct websocket *w, struct websocket_side *s, const uint8_t *bytes,
                        size_t n)
{
    struct websocket_frame f;
    if (s->head_len == 0 && websocket_frame_read(bytes, n, &f)) {
        begin_frame(w, s, &f);
        return f.head_bytes;
    }
    for (size_t i = 0; i < n && s->head_len < sizeof(s->head); i++) {
        s->head[s->head_len++] = bytes[i];
        if (websocket_frame_read(s->head, s->head_len, &f)) {
            s->head_len = 0;
            begin_frame(w, s, &f);
            return i + 1;
        }
    }
    return n;
}

static size_t take_payload(struct websocket *w, struct websocket_side *s, const uint8_t *bytes,
                           size_t n)
{
    size_t take = n < s->left ? n : (size_t)s->left;
    payload(s, bytes, take);
    if (!websocket_frame_is_control(s->opcode) && is_skipped(s) && !text_busy(&s->text))
        transport_note(s->text.tc, RECORD_NOTED_UNREAD, take);
    s->left -= take;
    if (s->left == 0)
        end_frame(w, s);
    return take;
}

/* ---- the socket */

void websocket_init(struct websocket *w, const struct transport_conn *tc, uint32_t channel,
                    const struct websocket_options *options)
{
    memset(w, 0, sizeof(*w));
    w->options = *options;
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        struct websocket_side *s = &w->side[dir];
        s->text.tc = tc;
        s->text.channel = channel;
        s->text.dir = (uint8_t)dir;
        s->text.dialect = TEXT_EITHER;
        if (options->joined || (options->client_joined && dir == DIR_C2S))
            lose(s);
    }
}

void websocket_feed(struct websocket *w, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at)
{
    struct websocket_side *s = &w->side[dir];
    bool deflate = w->options.deflate || w->options.joined;
    s->text.at = at;
    if (s->state == STATE_LOST && websocket_frame_resumes(bytes, n, dir == DIR_C2S, deflate))
        s->state = STATE_HEAD;
    while (n > 0) {
        size_t used = n;
        switch (s->state) {
        case STATE_HEAD:
            used = take_head(w, s, bytes, n);
            break;
        case STATE_PAYLOAD:
            used = take_payload(w, s, bytes, n);
            break;
        case STATE_LOST:
            transport_note(s->text.tc, RECORD_NOTED_UNREAD, n);
            return;
        case STATE_OVER:
            return;
        }
        bytes += used;
        n -= used;
    }
}

/* A hole inside the payload of a frame. */
static void payload_gap(struct websocket *w, struct websocket_side *s, uint64_t n)
{
    s->left -= n;
    s->mask_at = (s->mask_at + n) % 4;
    bool blank = !s->coded && text_complete(&s->text); /* only white space can be missing */
    if (!is_skipped(s) && !blank) {
        drop_message(s);
        s->cut = s->cut || s->coded;
        text_lost(&s->text);
    }
    if (s->left == 0)
        end_frame(w, s);
}

void websocket_gap(struct websocket *w, enum dir dir, uint64_t n, const struct stream_pos *at)
{
    struct websocket_side *s = &w->side[dir];
    if (n == 0 || s->state == STATE_LOST || s->state == STATE_OVER)
        return;
    s->text.at = at;
    if (s->state == STATE_PAYLOAD && n <= s->left) {
        payload_gap(w, s, n);
        return;
    }
    lose(s);
    text_lost(&s->text);
}

void websocket_end(struct websocket *w, enum dir dir, bool capture, const struct stream_pos *at)
{
    struct websocket_side *s = &w->side[dir];
    s->text.at = at;
    if (s->state != STATE_OVER)
        close_side(s, capture);
}

void websocket_fini(struct websocket *w)
{
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        text_drop(&w->side[dir].text);
        drop_decoder(&w->side[dir]);
    }
}
