/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_SSE_H
#define DISSECT_SSE_H

#include "base/hash.h"
#include "base/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * text/event-stream, pushed in pieces of any size (WHATWG HTML, "Server-sent events").
 *
 * Data is passed on as it arrives, never stored: a 100 MB event costs no memory. Line ends are LF,
 * CR and CRLF in any mixture; several data lines of one event are joined with LF; a byte order mark
 * at the start is skipped. An event that the stream does not finish with a blank line is discarded.
 */

struct sse_event {
    const char *type; /* of the `event` field, cut at LIMIT_SSE_FIELD; "" = message */
    uint32_t type_len;
    uint64_t type_bytes; /* full length */
    bool has_data;       /* at least one data line, perhaps empty */
    uint64_t data_bytes; /* joined, without the last LF */
    bool has_id;         /* this event has an id field without NUL */
    uint64_t id_hash;    /* of the whole id, keyed */
    uint64_t id_bytes;   /* 0: the id was reset */
    bool has_retry;
    uint64_t retry_ms;
};

struct sse_sink {
    void *ctx;
    /* A piece of the event's data, n > 0. event holds what is known so far (its type may still
     * follow, though senders put it first). */
    void (*data)(void *ctx, const struct sse_event *event, const uint8_t *bytes, size_t n);
    /* A blank line ended an event that had any field. Not called for comments alone. */
    void (*event)(void *ctx, const struct sse_event *event);
    /* An event with data will never be finished: stream end or gap. */
    void (*discard)(void *ctx);
    /* Instead of data and event, of an event whose data is one line that lies whole in the input,
     * with the blank line behind it. False: it is of no use, and they are called. NULL: always. */
    bool (*whole)(void *ctx, const struct sse_event *event, const uint8_t *bytes, size_t n);
};

/* The caller owns the memory and may move it between calls. All private. */
struct sse {
    struct sse_event now;
    struct hash_stream id;
    uint64_t number; /* of a `retry` line under way */
    struct hash_key hash;
    struct limits_hit *hit;
    bool resync; /* after a gap: looking for a blank line */
    char type[LIMIT_SSE_FIELD];
    char name[8];
    uint8_t name_len;
    uint8_t state;
    uint8_t field;
    bool after_cr;
    bool any_field;
    bool value_bad; /* the line under way holds an id or retry value that does not count */
};

/* At the start of a stream; hash is copied, hit must outlive s. */
void sse_init(struct sse *s, const struct hash_key *hash, struct limits_hit *hit);

/* Takes the next n bytes; calls the sink for what they complete. */
void sse_feed(struct sse *s, const struct sse_sink *sink, const uint8_t *bytes, size_t n);

/* Bytes are missing here: the event under way is discarded and the stream is read again from the
 * next blank line; or, with `at_line`, from the next byte, which the caller knows to begin a line.
 */
void sse_gap(struct sse *s, const struct sse_sink *sink, bool at_line);

/* The stream is over. */
void sse_end(struct sse *s, const struct sse_sink *sink);

#endif
