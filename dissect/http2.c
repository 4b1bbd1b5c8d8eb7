/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/2 frames (RFC 9113), one direction.
 *
 * Theory. A frame head says how long the frame is, so bytes that do not matter are counted, not
 * read. What stands in front of a frame's content (pad length, priority, promised stream, an error
 * code) is collected in a few bytes; content goes on as it comes. A header block that lies in one
 * frame and one piece is read where it lies; else it is collected, up to LIMIT_HTTP2_HEAD. It must
 * be read or the table of the compression is lost (hpack.h), so promised requests are read, too.
 *
 * State, and what a gap costs:
 *
 *   in the content of a frame,   DATA: bytes of one body. Header block: that head, and the
 *   and not beyond it            compression table. Others: nothing
 *   anywhere else                an unknown number of frames, and the compression table: `lost`.
 *                                The start of the next segment, or a place in it, where plausible
 *                                frame heads follow each other; the next frames are doubted
 *   looking for frames           goes on looking
 *
 * A direction joined in the middle begins as "looking for frames". A frame that cannot be ends the
 * framing in the same way, and is told.
 *
 * Memory: struct http2, and the table of hpack.h from the first head on; a header block of up to
 * LIMIT_HTTP2_HEAD while it is cut.
 *
 * Ignored on purpose: SETTINGS (table sizes are told in the header blocks as well), flow control,
 * priorities, PING, extensions.
 */
#include "http2.h"
#include "http2_frame.h"
#include "http2_look.h"
#include <string.h>

#define DOUBTED 4 /* frames that must look well after the framing was guessed */

enum { STATE_PREFACE, STATE_HEAD, STATE_PREFIX, STATE_CONTENT, STATE_PAD, STATE_LOST };

static const uint8_t preface[24] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void http2_init(struct http2 *h, bool client, bool joined, struct limits_hit *hit)
{
    memset(h, 0, sizeof(*h));
    hpack_init(&h->hpack, joined);
    buf_init(&h->block, LIMIT_HTTP2_HEAD);
    h->hit = hit;
    h->started = client || joined;
    h->state = client ? STATE_PREFACE : STATE_HEAD;
    if (joined)
        h->state = STATE_LOST;
}

void http2_fini(struct http2 *h)
{
    hpack_fini(&h->hpack);
    buf_fini(&h->block);
}

bool http2_looks(const struct http2 *h)
{
    return h->state == STATE_LOST;
}

/* ---- header blocks */

static void no_field(void *ctx, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    (void)ctx;
    (void)name;
    (void)name_len;
    (void)value;
    (void)value_len;
}

/* The block under way is over: reads it, or says that it is lost. */
static void end_block(struct http2 *h, const struct http2_sink *sink, const uint8_t *block,
                      size_t n)
{
    enum http2_head how = HTTP2_HEAD_LOST;
    uint32_t stream = h->block_stream;
    h->block_stream = 0;
    struct hpack_sink fields = {sink->ctx, h->promise ? no_field : sink->field};
    if (h->block_bad) {
        hpack_lose(&h->hpack);
    } else {
        switch (hpack_read(&h->hpack, &fields, block, n, h->hit)) {
        case HPACK_WHOLE:
            how = HTTP2_HEAD_WHOLE;
            break;
        case HPACK_PARTLY:
            how = HTTP2_HEAD_PARTLY;
            break;
        case HPACK_BAD:
            sink->bad(sink->ctx);
            break;
        }
    }
    if (!h->promise)
        sink->head(sink->ctx, stream, how, h->block_ends);
    buf_fini(&h->block);
}

static void drop_block(struct http2 *h, const struct http2_sink *sink)
{
    if (h->block_stream == 0)
        return;
    h->block_bad = true;
    end_block(h, sink, NULL, 0);
}

static void begin_block(struct http2 *h)
{
    h->block_stream = h->stream;
    h->promise = h->type == HTTP2_PUSH_PROMISE;
    h->block_ends = h->type == HTTP2_HEADERS && (h->flags & HTTP2_END_STREAM) != 0;
    h->block_bad = false;
}

static bool is_block(const struct http2 *h)
{
    return h->type == HTTP2_HEADERS || h->type == HTTP2_PUSH_PROMISE ||
           h->type == HTTP2_CONTINUATION;
}

/* n bytes of the content of a frame with a header block. */
static void add_block(struct http2 *h, const struct http2_sink *sink, const uint8_t *bytes,
                      size_t n)
{
    if (h->block_stream == 0)
        return;
    if (h->block.len == 0 && n == h->left && (h->flags & HTTP2_END_HEADERS) != 0) {
        end_block(h, sink, bytes, n);
        return;
    }
    if (h->block_bad || buf_append(&h->block, bytes, n) == 0)
        return;
    if (h->block.len + n > LIMIT_HTTP2_HEAD)
        limits_hit_add(h->hit, LIMIT_ID_HTTP2_HEAD);
    h->block_bad = true;
    buf_fini(&h->block);
}

/* ---- frames */

/* The framing is lost. */
static void lose(struct http2 *h, const struct http2_sink *sink)
{
    drop_block(h, sink);
    hpack_lose(&h->hpack);
    h->state = STATE_LOST;
    h->small_len = 0;
    h->started = true;
    sink->lost(sink->ctx);
}

static void refuse(struct http2 *h, const struct http2_sink *sink)
{
    sink->bad(sink->ctx);
    lose(h, sink);
}

static void end_frame(struct http2 *h, const struct http2_sink *sink)
{
    h->state = STATE_HEAD;
    h->small_len = 0;
    if (is_block(h) && h->block_stream != 0 && (h->flags & HTTP2_END_HEADERS) != 0)
        end_block(h, sink, h->block.data, h->block.len);
    else if (h->type == HTTP2_DATA && (h->flags & HTTP2_END_STREAM) != 0)
        sink->data_end(sink->ctx, h->stream);
}

/* Goes on to where the next byte of the frame belongs. */
static void proceed(struct http2 *h, const struct http2_sink *sink)
{
    if (h->left > 0)
        h->state = STATE_CONTENT;
    else if (h->pad > 0)
        h->state = STATE_PAD;
    else
        end_frame(h, sink);
}

static uint32_t small_be32(const struct http2 *h, size_t at)
{
    return (uint32_t)h->small[at] << 24 | (uint32_t)h->small[at + 1] << 16 |
           (uint32_t)h->small[at + 2] << 8 | h->small[at + 3];
}

/* What stands in front of the content is there. */
static void take_prefix(struct http2 *h, const struct http2_sink *sink)
{
    if (h->type == HTTP2_RST_STREAM)
        sink->reset(sink->ctx, h->stream, small_be32(h, 0));
    else if (h->type == HTTP2_GOAWAY)
        sink->goaway(sink->ctx, small_be32(h, 0) & 0x7fffffff);
    else if ((h->flags & HTTP2_PADDED) != 0)
        h->pad = h->small[0];
    if (h->pad > h->left) {
        refuse(h, sink);
        return;
    }
    h->left -= h->pad;
    proceed(h, sink);
}

/* Whether the frame may stand here. */
static bool fits(const struct http2 *h, const struct http2_frame *f)
{
    struct http2_frame_bounds bounds = {h->longest, h->highest};
    if (!http2_frame_sound(f))
        return false;
    if (!h->started && (f->type != HTTP2_SETTINGS || f->flags != 0))
        return false; /* not the beginning of a server's frames */
    return h->doubted == 0 || http2_frame_plausible(f, &bounds);
}

/* A header block is one frame, or several without another between them (RFC 9113 4.3). */
static void check_block(struct http2 *h, const struct http2_sink *sink, const struct http2_frame *f)
{
    bool goes_on = f->type == HTTP2_CONTINUATION && f->stream == h->block_stream;
    if (h->block_stream != 0 && !goes_on) {
        sink->bad(sink->ctx);
        drop_block(h, sink);
    }
    if (f->type == HTTP2_CONTINUATION && !goes_on)
        hpack_lose(&h->hpack); /* what it inserts counts all the same */
}

static void begin_frame(struct http2 *h, const struct http2_sink *sink, const uint8_t *head)
{
    struct http2_frame f = http2_frame_head(head);
    h->small_len = 0;
    if (!fits(h, &f)) {
        if (h->started && h->doubted == 0)
            refuse(h, sink);
        else
            lose(h, sink);
        return;
    }
    check_block(h, sink, &f);
    h->started = true;
    if (h->doubted > 0)
        h->doubted--;
    if (f.length > h->longest && f.type <= HTTP2_CONTINUATION)
        h->longest = f.length;
    if (f.stream > h->highest && (f.type == HTTP2_HEADERS || f.type == HTTP2_DATA))
        h->highest = f.stream;
    h->type = f.type;
    h->flags = f.flags;
    h->stream = f.stream;
    h->prefix = http2_frame_prefix(&f);
    h->left = f.length - h->prefix;
    h->pad = 0;
    h->fresh = true;
    if (f.type == HTTP2_HEADERS || f.type == HTTP2_PUSH_PROMISE)
        begin_block(h);
    if (h->prefix > 0)
        h->state = STATE_PREFIX;
    else
        proceed(h, sink);
}

/* Looks for a frame; returns how many bytes are in front of it. */
static size_t find(struct http2 *h, const uint8_t *bytes, size_t n)
{
    struct http2_frame_bounds bounds = {h->longest, h->highest};
    if (http2_look_preface(bytes, n) && h->longest == 0) { /* it begins here after all */
        hpack_init(&h->hpack, false);
        h->state = STATE_PREFACE;
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] <= h->longest >> 16 && http2_frame_row(bytes + i, n - i, &bounds)) {
            h->state = STATE_HEAD;
            h->doubted = DOUBTED;
            return i;
        }
    }
    return n;
}

/* Collects bytes until there are that many; returns how many were taken. */
static size_t collect(struct http2 *h, const uint8_t *bytes, size_t n, size_t wanted)
{
    size_t take = wanted - h->small_len;
    take = take < n ? take : n;
    memcpy(h->small + h->small_len, bytes, take);
    h->small_len += (uint8_t)take;
    return take;
}

static size_t feed_preface(struct http2 *h, const struct http2_sink *sink, const uint8_t *bytes,
                           size_t n)
{
    size_t take = sizeof(preface) - h->small_len;
    take = take < n ? take : n;
    if (memcmp(bytes, preface + h->small_len, take) != 0) {
        refuse(h, sink);
        return 0;
    }
    h->small_len += (uint8_t)take;
    if (h->small_len == sizeof(preface)) {
        h->state = STATE_HEAD;
        h->small_len = 0;
    }
    return take;
}

static size_t feed_head(struct http2 *h, const struct http2_sink *sink, const uint8_t *bytes,
                        size_t n)
{
    if (h->small_len == 0 && n >= HTTP2_FRAME_HEAD) {
        begin_frame(h, sink, bytes);
        return h->state == STATE_LOST ? 0 : HTTP2_FRAME_HEAD;
    }
    size_t take = collect(h, bytes, n, HTTP2_FRAME_HEAD);
    if (h->small_len == HTTP2_FRAME_HEAD) {
        uint8_t head[HTTP2_FRAME_HEAD];
        memcpy(head, h->small, sizeof(head));
        begin_frame(h, sink, head);
    }
    return take;
}

static size_t feed_content(struct http2 *h, const struct http2_sink *sink, const uint8_t *bytes,
                           size_t n)
{
    size_t take = h->left < n ? h->left : n;
    if (h->type == HTTP2_DATA)
        sink->data(sink->ctx, h->stream, h->fresh, bytes, take);
    else if (is_block(h))
        add_block(h, sink, bytes, take);
    h->fresh = false;
    h->left -= (uint32_t)take;
    if (h->left == 0)
        proceed(h, sink);
    return take;
}

void http2_feed(struct http2 *h, const struct http2_sink *sink, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        size_t take = 0;
        switch (h->state) {
        case STATE_PREFACE:
            take = feed_preface(h, sink, bytes, n);
            break;
        case STATE_HEAD:
            take = feed_head(h, sink, bytes, n);
            break;
        case STATE_PREFIX:
            take = collect(h, bytes, n, h->prefix);
            if (h->small_len == h->prefix)
                take_prefix(h, sink);
            break;
        case STATE_CONTENT:
            take = feed_content(h, sink, bytes, n);
            break;
        case STATE_PAD:
            take = h->pad < n ? h->pad : n;
            h->pad -= (uint32_t)take;
            if (h->pad == 0)
                end_frame(h, sink);
            break;
        case STATE_LOST:
            take = find(h, bytes, n);
            break;
        }
        bytes += take;
        n -= take;
    }
}

/* n bytes of the content of the frame under way are missing. */
static void damage(struct http2 *h, const struct http2_sink *sink, uint64_t n)
{
    h->fresh = false;
    if (h->type == HTTP2_DATA)
        sink->data_gap(sink->ctx, h->stream, n);
    else if (is_block(h))
        h->block_bad = true;
}

void http2_gap(struct http2 *h, const struct http2_sink *sink, uint64_t n)
{
    if (h->state == STATE_LOST)
        return;
    bool inside = h->state >= STATE_PREFIX;
    if (h->state == STATE_PREFIX) { /* where the padding begins is not known any more */
        h->pad = h->left + h->prefix - h->small_len;
        h->left = 0;
        damage(h, sink, HTTP2_SOME);
    }
    uint32_t content = n < h->left ? (uint32_t)n : h->left;
    if (h->state == STATE_CONTENT)
        damage(h, sink, content);
    if (!inside || n > (uint64_t)h->left + h->pad) {
        if (inside)
            end_frame(h, sink);
        lose(h, sink);
        return;
    }
    h->left -= content;
    h->pad -= (uint32_t)n - content;
    proceed(h, sink);
}
