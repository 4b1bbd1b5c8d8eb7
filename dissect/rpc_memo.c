/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notifications that came before, see the header.
 *
 * Theory of operation. All that a message says but its length and its time comes from the names
 * that the spec of rpc.c has, so it is in the shape of the text. A place whose turn it is makes
 * room for a new text unless it was of use since its last turn.
 *
 * Not kept: what has links to other messages, which stand beside it, what reached a cap, which has
 * to be counted each time, and what does not begin with its first byte.
 */
#include "rpc_memo.h"
#include <stddef.h>
#include <string.h>

#define USED_MAX 3 /* turns that a place can outlast without being of use */

static void take_over(struct rpc *r, const struct message *m, size_t n, const struct stream_pos *at)
{
    memcpy(&r->held, m, offsetof(struct message, text) + m->text_used);
    r->held.first = r->held.last = *at;
    r->held.bytes = n;
    r->held.dir = r->dir;
    r->held_valid = true;
    r->linked = false;
    json_know(&r->json, n);
}

size_t rpc_memo_find(struct rpc *r, const uint8_t *text, size_t n, const struct stream_pos *at)
{
    struct rpc_memo *memo = r->memo;
    for (unsigned i = 0; i < RPC_MEMO_PLACES; i++) {
        unsigned number = (memo->latest + i) & (RPC_MEMO_PLACES - 1);
        struct rpc_memo_place *p = &memo->place[number];
        size_t found = p->shape.bytes > 0 ? json_shape_match(&p->shape, text, n) : 0;
        if (found == 0)
            continue;
        p->used = USED_MAX;
        memo->latest = (uint8_t)number;
        take_over(r, &p->message, found, at);
        return found;
    }
    return 0;
}

void rpc_memo_keep(struct rpc *r, const uint8_t *text)
{
    struct rpc_memo *memo = r->memo;
    struct rpc_memo_place *p = &memo->place[memo->next];
    const struct message *m = &r->held;
    if (r->linked || *text != '{' || m->flags & MESSAGE_TEXT_CUT)
        return;
    memo->next = (memo->next + 1) & (RPC_MEMO_PLACES - 1);
    if (p->used > 0) {
        p->used--;
        return;
    }
    if (!json_shape_keep(&p->shape, &r->json, text))
        p->shape.bytes = 0;
    memcpy(&p->message, m, offsetof(struct message, text) + m->text_used);
}
