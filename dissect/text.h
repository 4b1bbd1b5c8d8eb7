/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_TEXT_H
#define DISSECT_TEXT_H

#include "dissect/json.h"
#include "dissect/transport.h"

/*
 * One JSON text after the other, of one direction of a channel: from its bytes to the records of
 * that channel. What frames the texts (an HTTP body, an SSE event, a WebSocket message, a line) is
 * the caller's.
 *
 * A parser is held only while a text is being read. The caller owns struct text, which is small;
 * zeroed memory with tc, channel and dir set is a reader at rest, of JSON-RPC.
 */

struct squirrel; /* dissect/squirrel.h */

/* What language the texts are in. */
enum text_dialect {
    TEXT_RPC,
    TEXT_SQUIRREL,
    TEXT_EITHER /* read as both, until a text proves to be one: then that */
};

struct text {
    const struct transport_conn *tc;
    const struct stream_pos *at; /* of the call under way */
    struct rpc *rpc;             /* while a text is being read, */
    struct squirrel *squirrel;   /* either or both */
    /* The caller may look at each message before it is told, correct it, and tell something else
     * before; false keeps it from being told. NULL: nobody does. */
    bool (*take)(struct text *t, struct message *m);
    void *owner;       /* for take */
    uint64_t event_id; /* that messages get; valid with has_event_id */
    uint32_t channel;
    uint8_t dir;
    uint8_t dialect; /* enum text_dialect */
    bool has_event_id;
    bool coded; /* a content coding was taken off: messages get MESSAGE_CODED */
    bool lost;  /* a message was lost; the caller clears it */
    bool brief; /* all of the text so far was put away: */
    uint8_t early_bytes;
};

enum text_end {
    TEXT_END_COMPLETE, /* the framing says that this was all */
    TEXT_END_LENIENT,  /* the same, but JSON without any message is nothing to tell */
    TEXT_END_PARTIAL,  /* complete, but what framed its beginning was lost: nothing but messages */
    TEXT_END_REVOKED,  /* complete, but it does not count: nothing is told */
    TEXT_END_CUT, /* the connection or the capture ended inside: an incomplete text is silent */
    TEXT_END_LOST /* a gap cut it: an incomplete text is a lost message */
};

/* Begins a text. hold: keep its latest message back until the end, because the framing may still
 * revoke it; TEXT_EITHER always does. False: out of memory or parsers, told as a lost message. */
bool text_begin(struct text *t, bool hold);

/* Instead of text_begin(), text_feed() and text_end() with TEXT_END_COMPLETE, for a text that is
 * these n > 0 bytes: tells its message if it came before, or, if it is too short for a message,
 * what it lacks, as they would. */
enum text_whole {
    TEXT_WHOLE_UNKNOWN, /* nothing was done */
    TEXT_WHOLE_TOLD,
    TEXT_WHOLE_EMPTY /* blanks: there is nothing to tell */
};
enum text_whole text_whole(struct text *t, const uint8_t *bytes, size_t n);

/* Feeds n > 0 bytes to a text that was begun. False: it is no JSON, and more bytes change nothing;
 * text_end() tells so. Of a text of a few bytes that need not be known before. */
bool text_feed(struct text *t, const uint8_t *bytes, size_t n);

/* The text is closed: what may follow is white space. */
bool text_complete(struct text *t);

/* The end of a text that was begun: says what it was, and tells findings as `how` allows.
 * *ret_messages (may be NULL): how many messages it gave. No parser is held afterwards. */
enum json_end text_end(struct text *t, enum text_end how, uint32_t *ret_messages);

/* Forgets the text under way without a word. */
void text_drop(struct text *t);

/* Whether a text is under way. */
static inline bool text_busy(const struct text *t)
{
    return t->rpc || t->squirrel;
}

/* Tells something about this direction of the channel. */
void text_finding(const struct text *t, enum finding what, uint64_t amount);

/* Tells a lost message, and notes it in t->lost. */
void text_lost(struct text *t);

#endif
