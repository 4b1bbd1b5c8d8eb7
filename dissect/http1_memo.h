/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_MEMO_H
#define DISSECT_HTTP1_MEMO_H

#include "dissect/http1.h"
#include "fields.h"
#include "http1_head.h"
#include "target.h"

/*
 * Heads that came before, on any connection. Clients and servers say the same again and again, but
 * for lengths, dates, names of hosts and sessions; a head that differs from a kept one in those
 * only is compared with it, and what that said is taken over. Any other is read line by line, with
 * the same result: see http1.h.
 *
 * Each direction keeps the HTTP1_MEMO_SHAPES heads that were used last. Nothing is lost with one
 * that is forgotten but time.
 */

#define HTTP1_MEMO_SHAPES 16
#define HTTP1_MEMO_BYTES  512 /* longer heads are not kept */
#define HTTP1_MEMO_PARTS  8   /* in one head; what else varies makes it another one */
#define HTTP1_MEMO_CREDIT 64  /* heads kept without one of them being found */

#define HTTP1_MEMO_SESSIONS 64 /* a power of two */
#define HTTP1_MEMO_NAME     55 /* bytes; those of longer names are not kept */

/* A part of a head that may differ. */
struct http1_memo_part {
    uint16_t at, n;   /* in bytes */
    uint16_t name_at; /* of the field, in bytes */
    uint8_t name_n;
    uint8_t kind;
};

struct http1_memo_shape {
    uint16_t n; /* bytes of the head; 0: none is kept */
    uint16_t target_at;
    uint8_t parts;
    struct http1_memo_part part[HTTP1_MEMO_PARTS];
    uint32_t fixed_bytes;     /* known.head_bytes without the parts */
    struct http1_known known; /* its pointers are set when it is used */
    struct fields fields;     /* what the head says without its parts */
    struct target target;     /* requests */
    uint8_t bytes[HTTP1_MEMO_BYTES];
};

/* The heads of one direction. */
struct http1_memo_side {
    struct http1_memo_shape shape[HTTP1_MEMO_SHAPES];
    uint8_t order[HTTP1_MEMO_SHAPES]; /* of use, the latest first: index in shape, plus used */
    uint8_t used;                     /* places of order that are taken */
    uint8_t credit_used;              /* of HTTP1_MEMO_CREDIT */
    uint8_t missed;                   /* heads that were not found while no credit was left */
};

/* A session that was named lately, and its hash: request and response name the same. */
struct http1_memo_session {
    uint64_t hash;
    uint8_t n; /* bytes of its name; 0: none is kept */
    uint8_t name[HTTP1_MEMO_NAME];
};

/* Zeroed memory is an empty one. */
struct http1_memo {
    struct http1_memo_side side[2]; /* by enum http1_kind */
    struct http1_memo_session session[HTTP1_MEMO_SESSIONS];
};

/* The head of that kind which *in begins with, if it is known, and takes it off *in; NULL: it is
 * not. Its `known` is valid as long as the bytes, and until the next call. *ret_fields is what all
 * of the head says. */
const struct http1_memo_shape *http1_memo_find(struct http1_memo *m, enum http1_kind kind,
                                               const struct hash_key *hash, struct http1_span *in,
                                               struct fields *ret_fields);

/* Whether a head that was not found may be kept. */
bool http1_memo_learns(struct http1_memo_side *m);

/* Keeps the head that `in` begins with, which h has just read; not if anything about it is
 * unusual. */
void http1_memo_keep(struct http1_memo_side *m, const struct hash_key *hash, const struct http1 *h,
                     struct http1_span in);

#endif
