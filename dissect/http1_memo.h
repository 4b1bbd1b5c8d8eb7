/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_MEMO_H
#define DISSECT_HTTP1_MEMO_H

#include "dissect/http1.h"
#include "fields.h"

/*
 * Heads that came before on the same connection in the same direction. Clients and servers say the
 * same again and again, but for the length of the body and the date; such a head is compared with
 * the one before it, and what that said is taken over. Any other is read line by line, with the
 * same result: see http1.h.
 *
 * A few connections at a time have a place here, by their number; the next one with the same place
 * takes it over. Nothing is lost by that but time.
 */

#define HTTP1_MEMO_PLACES 256 /* a power of two */
#define HTTP1_MEMO_BYTES  512 /* longer heads are not kept */

/* A part of a head that may differ: digits of Content-Length, or a value that nobody reads. */
struct http1_memo_part {
    uint16_t at, n;
    bool digits;
};

struct http1_memo_place {
    uint64_t owner; /* connection and direction; 0: nobody */
    uint16_t n;     /* bytes of the head; 0: none is known yet */
    uint8_t parts;
    uint8_t missed; /* heads in a row that were another one */
    struct http1_memo_part part[2];
    uint16_t target_at;
    uint32_t fixed_bytes;     /* known.head_bytes without the digits */
    struct http1_known known; /* its pointers are set when it is used */
    struct fields fields;
    uint8_t bytes[HTTP1_MEMO_BYTES];
};

/* Zeroed memory is an empty one. */
struct http1_memo {
    struct http1_memo_place place[HTTP1_MEMO_PLACES];
};

/* The place of a direction of a connection, taken over if it is another one's. *ret_learn: a head
 * that is not known may be worth keeping. */
struct http1_memo_place *http1_memo_at(struct http1_memo *m, uint64_t conn_id, int dir,
                                       bool *ret_learn);

/* If the n bytes begin with the head that is known: its length, and what it says in p->known, valid
 * as long as the bytes. Otherwise 0. */
size_t http1_memo_find(struct http1_memo_place *p, const uint8_t *bytes, size_t n);

/* Keeps the head that the n bytes begin with, which h has just read and which said f; not if
 * anything about it is unusual. */
void http1_memo_keep(struct http1_memo_place *p, const struct http1 *h, const struct fields *f,
                     const uint8_t *bytes, size_t n);

#endif
