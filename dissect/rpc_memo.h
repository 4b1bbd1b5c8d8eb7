/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_RPC_MEMO_H
#define DISSECT_RPC_MEMO_H

#include "dissect/rpc.h"
#include "json_shape.h"

/*
 * Messages that came before. Those of one kind differ in their id, in the name of what they call,
 * and in figures and texts that nobody wants: arguments, contents, progress. Such a text is
 * compared with one before it (json_shape.h), and its message is taken over, with its own id and
 * name. Any other is read, with the same result.
 *
 * A few are kept, of all connections: those that were used last.
 */

#define RPC_MEMO_PLACES 24
#define RPC_MEMO_CREDIT 64   /* texts kept without one of them being found */
#define RPC_MEMO_DRAFT  4096 /* bytes: texts that come in pieces and are longer are not kept */

struct rpc_memo_place {
    struct json_shape shape;
    int8_t id, name;  /* places among the values of the shape; negative: none */
    bool others;      /* the message keeps other texts, too */
    uint32_t version; /* another one for each text that was kept here */
    struct message message;
};

/* Eight bytes of a text and where they are: what is in front of its first value ends with them. By
 * these alone most texts of another shape are told. */
struct rpc_memo_sign {
    uint64_t bytes;
    uint16_t at;
    uint8_t place;
};

/* Zeroed memory is an empty one. */
struct rpc_memo {
    uint8_t used;                                /* places that are taken */
    uint8_t credit_used;                         /* of RPC_MEMO_CREDIT */
    uint8_t missed;                              /* texts that were not kept for want of credit */
    struct rpc_memo_sign order[RPC_MEMO_PLACES]; /* of use, the latest first, more or less */
    struct rpc_memo_place place[RPC_MEMO_PLACES];
    const struct rpc *drafting; /* whose text is in the draft, as far as it is there */
    uint16_t draft_bytes;
    uint8_t draft[RPC_MEMO_DRAFT];
};

/* Where a text begins: n bytes of what lies there, and what its message has from that. */
struct rpc_memo_text {
    const uint8_t *p;
    size_t n;
    const struct stream_pos *at;
    enum dir dir;
};

/* If the text also ends in these bytes, and came before: its length, and in *ret_message its
 * message. Else 0. */
size_t rpc_memo_find(struct rpc_memo *memo, const struct hash_key *hash,
                     const struct rpc_memo_text *text, struct message *ret_message);

#define RPC_MEMO_CUT SIZE_MAX

/* The same for the next piece of r's text, of which nothing was read yet; the message goes to
 * r->held. Returns how many bytes of the piece are the end of the text, or RPC_MEMO_CUT: all of the
 * piece was like a text that came before, and need not be read for now. 0: the text must be read,
 * beginning with rpc_memo_take_back() if r->cut.bytes is not 0. */
size_t rpc_memo_feed(struct rpc *r, const struct rpc_memo_text *piece);

/* Leaves r->json as if it had read the pieces that were not read. */
void rpc_memo_take_back(struct rpc *r);

/* Keeps the message in r->held, if it can be; all of its text, which was just read, is at text. */
void rpc_memo_keep(struct rpc *r, const uint8_t *text);

/* Behind the reading of a piece: collects those of a text that does not come whole, to keep it when
 * it ends, if it may be kept. One at a time, the latest that began. */
void rpc_memo_collect(struct rpc *r, const struct rpc_memo_text *piece, bool first);

#endif
