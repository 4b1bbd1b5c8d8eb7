/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_RPC_MEMO_H
#define DISSECT_RPC_MEMO_H

#include "dissect/rpc.h"
#include "json_shape.h"

/*
 * Notifications that came before. A stream brings the same ones again and again, of which only the
 * figures and texts differ, that nobody wants: progress, logs. Such a text is compared with the one
 * before it (json_shape.h), and its message is taken over. Any other is read, with the same result.
 *
 * A few are kept, of all connections; one that is not used makes room for another.
 */

#define RPC_MEMO_PLACES 8 /* a power of two */

struct rpc_memo_place {
    struct json_shape shape;
    uint8_t used; /* since it was last asked to make room, up to a few times */
    struct message message;
};

/* Zeroed memory is an empty one. */
struct rpc_memo {
    uint8_t latest; /* the place that was of use */
    uint8_t next;   /* the place that is asked to make room */
    struct rpc_memo_place place[RPC_MEMO_PLACES];
};

/* If a text that was not fed yet begins, and ends, in these n bytes at `at`, and came before: puts
 * its message into r->held, and returns its length. Else 0. */
size_t rpc_memo_find(struct rpc *r, const uint8_t *text, size_t n, const struct stream_pos *at);

/* Keeps the notification in r->held, if it can be; all of its text, which was just read, is at
 * text. */
void rpc_memo_keep(struct rpc *r, const uint8_t *text);

#endif
