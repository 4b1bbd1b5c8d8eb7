/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_EXCHANGES_H
#define DISSECT_EXCHANGES_H

#include "base/limits.h"
#include "dissect/http1.h"
#include "dissect/record.h"
#include <stdalign.h>

/*
 * Which response answers which request on one HTTP/1.1 connection, also when bytes were lost.
 *
 * HTTP/1.1 has no request ids: the n-th response answers the n-th request. This file holds the
 * requests whose exchange is not over, oldest first, and decides for every response. Its rule above
 * all others: an association that may be wrong is not made, or is marked uncertain. The rules and
 * the table of what each loss costs stand at the head of exchanges.c.
 */

struct exchange {
    struct record_begin begin; /* the request head, for RECORD_BEGIN */
    uint64_t dir_hash;         /* struct target of the request */
    int64_t start_ns, end_ns;  /* of the request */
    uint32_t channel;
    uint8_t kind;          /* enum http1_request_method */
    bool begun;            /* RECORD_BEGIN was sent */
    bool request_done;     /* nothing more of the request will come */
    bool response_started; /* bound to a response, or never to be bound */
    bool response_done;
    bool hole_before; /* an unknown number of requests was lost in front of it */
    /* How it ends, in a word of its own: compilers read all of it at once, which must not wait for
     * what was just written beside it. */
    alignas(4) bool lossy; /* bytes of it were lost */
    bool aborted; /* the client left, and only the end of the connection ended the response */
    bool in_hole; /* its response may be among bytes that were lost */
};

struct exchanges {
    struct exchange *list; /* oldest first; &first until there are several */
    struct exchange first;
    struct limits_hit *hit;
    uint64_t *sum; /* see base/counted.h; set before the first */
    void (*over)(void *ctx, const struct exchange *e, enum channel_end how);
    void *ctx;
    int64_t stub_ns;     /* start of the latest response whose request was not known */
    int64_t asked_ns;    /* end of the latest request */
    int64_t answered_ns; /* end of the latest response */
    uint32_t last_channel;
    uint32_t debt; /* responses seen whose requests are still to be delivered */
    uint16_t count, cap;
    uint8_t turns;       /* requests in a row that waited for the response before, up to 3 */
    bool requests_lost;  /* in front of the next request */
    bool responses_lost; /* in front of the next response */
    bool doubt;          /* the latest association is uncertain */
    bool pipelined;      /* the client does not wait for responses */
    bool silent;         /* no response since the latest request ended, nor a loss of any */
    bool start_unknown;  /* the first response may be missing untold */
    bool believed;       /* that the client waits for responses: CHANNEL_JOINED */
    bool credit;         /* it is still believed: nothing was lost, nor shows the contrary */
    bool blind;          /* no association can be made on this connection any more */
};

/* What is to be known while there is no exchange: of every idle connection, hence packed. */
struct exchanges_rest {
    int64_t stub_ns, asked_ns, answered_ns;
    uint32_t last_channel, debt;
    uint8_t turns;
    bool requests_lost : 1;
    bool responses_lost : 1;
    bool doubt : 1;
    bool pipelined : 1;
    bool blind : 1;
    bool believed : 1;
    bool credit : 1;
    bool lost_sync[DIR_COUNT]; /* for the owner */
} __attribute__((packed, aligned(4)));
_Static_assert(sizeof(struct exchanges_rest) == 36, "no padding");

/* In zeroed memory. joined: the connection began before the capture, or nothing is known of its
 * beginning. waits: it may be taken for granted that the client waits for each response before it
 * asks again. over is called once for every exchange. */
void exchanges_init(struct exchanges *x, bool joined, bool waits, struct limits_hit *hit);
void exchanges_fini(struct exchanges *x); /* calls nothing */

/* Writes down an x without exchanges, which then owns nothing; and makes one from that, like
 * exchanges_init(). */
void exchanges_rest(const struct exchanges *x, struct exchanges_rest *ret_rest);
void exchanges_wake(struct exchanges *x, const struct exchanges_rest *rest, struct limits_hit *hit);

/* A request begins at ns. The pointer holds until the next call that adds or ends one. NULL: out of
 * memory. */
struct exchange *exchanges_open(struct exchanges *x, int64_t ns);

/* The request that is being received; NULL: none. */
struct exchange *exchanges_receiving(struct exchanges *x);
void exchanges_received(struct exchanges *x, int64_t ns, bool lost);

/* The request which a response that starts at ns will be bound to; NULL: unknown. */
struct exchange *exchanges_expect(struct exchanges *x, int64_t ns);

/* What a response head tells about its request. */
struct exchanges_response {
    int64_t ns; /* its start */
    bool has_session;
    uint64_t session_hash;
};

/* Binds a response: to the request expected, or to a new exchange flagged CHANNEL_STUB.
 * *ret_certain: the two belong together for sure. NULL: out of memory. */
struct exchange *exchanges_bind(struct exchanges *x, const struct exchanges_response *r,
                                bool *ret_certain);

/* The exchange whose response is being received; NULL: none. */
struct exchange *exchanges_answering(struct exchanges *x);

/* It is over; ns: its end, INT64_MIN = not known. */
void exchanges_answered(struct exchanges *x, int64_t ns, bool lost);

/* A response body turns up whose head is lost; it began before ns. Gives up the requests that it
 * may belong to. Returns a new stub; NULL: out of memory. */
struct exchange *exchanges_bind_body(struct exchanges *x, int64_t ns);

/* The newest one; NULL: none. */
struct exchange *exchanges_latest(struct exchanges *x);

/* It goes on outside HTTP: removes it, without a word that it is over. */
void exchanges_release(struct exchanges *x, struct exchange *e);

/* Losses that cost the framing. */
void exchanges_lose_requests(struct exchanges *x);
void exchanges_lose_responses(struct exchanges *x);

/* The responses are over: ends what is complete but for its response, or everything. */
void exchanges_close(struct exchanges *x, enum channel_end how, bool all);

#endif
