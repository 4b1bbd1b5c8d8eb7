/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_CONN_H
#define DISSECT_HTTP1_CONN_H

#include "body.h"
#include "dissect/http1.h"
#include "dissect/transport.h"
#include "exchanges.h"
#include "fields.h"
#include "http1_head.h"
#include "http1_memo.h"
#include "upgrade.h"

/*
 * The state of one HTTP/1.1 connection, and how it tells its channels; private to
 * transport_http1.c.
 */

/* A tunnel that no transport reads. */
struct http1_tunnel {
    uint64_t untold_bytes;
    uint8_t encrypted; /* enum probe_result */
    uint8_t dir, len;  /* of what it begins with */
    uint8_t first[8];
};

struct http1_conn {
    const struct transport_conn *tc;
    const struct stream_pos *at; /* of the call under way */
    struct http1 parser[DIR_COUNT];
    struct body body[DIR_COUNT];
    struct fields fields[DIR_COUNT]; /* of the head under way or just read */
    struct exchanges exchanges;
    struct upgrade *upgrade;      /* what the connection turned into; NULL: nothing known */
    uint64_t gap_owed[DIR_COUNT]; /* lost bytes to be told on the next channel */
    int64_t response_ns;          /* start of the response */
    struct http1_span new_head;   /* begins with a head that may be kept, or n is 0, */
    const struct http1_memo_shape
        *known; /* the one that the head is, or NULL; during feed() only */
    uint16_t status;
    uint16_t pending[DIR_COUNT]; /* bits of enum finding, to be told once a channel is known */
    uint8_t ending;              /* enum channel_end, while end() runs and after */
    bool in_head[DIR_COUNT];
    bool interim;     /* the response is a 1xx */
    bool bound;       /* the response's exchange is known */
    bool certain;     /* and surely the right one */
    bool until_close; /* framing of the response body */
    bool joined;      /* in a response body without known framing */
    bool suspended;   /* the answering exchange is an event stream that lost its framing */
    bool responses_over;
    bool quiet; /* a tunnel: no HTTP any more */
    struct http1_tunnel tunnel;
};

/* Calls of struct transport. What rests is an exchanges_rest. */
int http1_conn_init(void *state, const struct transport_conn *tc, bool joined);
bool http1_conn_rest(const void *state, void *ret_rest);
void http1_conn_wake(void *state, const struct transport_conn *tc, const void *rest);

/* Hands the connection to the transport that the 101's head names, or that the request named if the
 * response is NULL: lost. False: there is none, or no memory for it. */
bool http1_conn_hand_over(struct http1_conn *s, struct exchange *e, const struct fields *response);

/* No HTTP any more, in both directions. */
void http1_conn_tunnel(struct http1_conn *s);

/* Sends a finding on a channel. */
void http1_conn_finding(const struct http1_conn *s, uint32_t channel, enum dir dir,
                        enum finding what, uint64_t amount);

/* Tells what was found before the channel was known. */
void http1_conn_tell(struct http1_conn *s, uint32_t channel, enum dir dir);

/* RECORD_BEGIN, RECORD_HEAD and, as exchanges.over, RECORD_END. */
void http1_conn_begin(struct http1_conn *s, struct exchange *e);
void http1_conn_head(struct http1_conn *s, const struct exchange *e);
void http1_conn_over(void *ctx, const struct exchange *e, enum channel_end how);

/* The exchange whose message is under way in that direction; NULL: none, or not known yet. */
struct exchange *http1_conn_current(struct http1_conn *s, enum dir dir);

/* The channel on which something about that direction can be told; 0: none. */
uint32_t http1_conn_channel(struct http1_conn *s, enum dir dir);

void http1_conn_anomaly(struct http1_conn *s, enum dir dir, enum http1_anomaly what);

/* A head that a loss or the end of the connection cut. */
void http1_conn_head_cut(struct http1_conn *s, enum dir dir, enum http1_end how);

/* Body bytes, a hole in a body, its end; the last returns whether a message of it was lost. */
void http1_conn_body(struct http1_conn *s, enum dir dir, const uint8_t *bytes, size_t n);
void http1_conn_body_gap(struct http1_conn *s, enum dir dir);
bool http1_conn_body_end(struct http1_conn *s, enum dir dir, enum http1_end how);

#endif
