/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_BENCH_GEN_H
#define TESTS_BENCH_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The benchmark's generator: captures of MCP over Streamable HTTP together with the exact truth
 * about them. The same arguments give the same bytes. A program of its own: it shares nothing with
 * mcpmeter, so that a misunderstanding is not made twice. Running out of memory ends it.
 */

/* ---- gen_net.c: random numbers, bytes, TCP connections, the capture file ---- */

struct gen_random {
    uint64_t state;
};
uint64_t gen_random_next(struct gen_random *r);
uint64_t gen_random_below(struct gen_random *r, uint64_t n);                    /* 0 .. n-1 */
uint64_t gen_random_between(struct gen_random *r, uint64_t low, uint64_t high); /* inclusive */

struct gen_buf {
    uint8_t *data;
    size_t len, cap;
};
void gen_buf_add(struct gen_buf *b, const void *data, size_t n);
void gen_buf_text(struct gen_buf *b, const char *text);
void gen_buf_printf(struct gen_buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum { GEN_C2S, GEN_S2C, GEN_DIRS };

struct gen_piece { /* bytes that one side writes at once */
    size_t from, len;
    int dir;
};

/* The JSON-RPC exchange of a transaction: where its two texts end, and when that was sent. */
struct gen_watch {
    size_t end[GEN_DIRS]; /* in the transaction's bytes */
    uint64_t sent_ns[GEN_DIRS];
    bool hurt;    /* the network did something to its packets */
    bool missing; /* not all of them were captured */
};

struct gen_conn {
    uint32_t ip[2];
    uint16_t port[2];
    uint32_t seq[2];
    uint16_t ident[2];
    struct gen_buf bytes; /* of the transaction that is being sent */
    struct gen_piece *piece;
    unsigned pieces, pieces_cap, at;
    size_t sent;      /* of piece[at] */
    unsigned unacked; /* segments */
    struct gen_watch watch;
};

struct gen_net {
    FILE *file;
    struct gen_random random;
    uint64_t clock_ns;
    size_t segment_bytes; /* most payload of one packet */
    bool impaired;
    /* truth */
    uint64_t packets, wire_bytes, file_bytes;
    uint64_t payload_bytes[GEN_DIRS];
    uint64_t attempts, refused, closed;
    uint64_t out_of_order, retransmitted, missing, missing_bytes, missing_acks;
    /* a segment held back to come out of order */
    struct gen_buf held;
    const struct gen_conn *held_conn;
    unsigned held_for; /* segments of the same connection */
};

void gen_net_start(struct gen_net *net);
void gen_net_open(struct gen_net *net, struct gen_conn *c);   /* three-way handshake */
void gen_net_refuse(struct gen_net *net, struct gen_conn *c); /* SYN, RST */
void gen_net_close(struct gen_net *net, struct gen_conn *c);  /* FIN from the client, then all */
/* Everything added to c->bytes since the last call (or since the transaction began) is one write.
 */
void gen_net_write(struct gen_conn *c, int dir);
/* Sends one segment of the transaction; false: there was none left and c is ready for the next. */
bool gen_net_step(struct gen_net *net, struct gen_conn *c);
/* A segment with payload at a place of its own, not acknowledged. */
void gen_net_segment(struct gen_net *net, struct gen_conn *c, int dir, uint32_t seq,
                     const void *payload, size_t n);
void gen_net_rest(struct gen_conn *c); /* gives up the memory of its transaction, which is over */

/* ---- gen_mcp.c: HTTP, JSON-RPC, MCP ---- */

enum gen_method {
    GEN_INITIALIZE,
    GEN_INITIALIZED,
    GEN_TOOLS_LIST,
    GEN_TOOLS_CALL,
    GEN_RESOURCES_READ,
    GEN_PROMPTS_GET,
    GEN_PING,
    GEN_PROGRESS,
    GEN_MESSAGE,
    GEN_METHODS
};

enum gen_kind { GEN_REQUEST, GEN_NOTIFICATION, GEN_RESULT, GEN_ERROR, GEN_KINDS };
enum gen_outcome { GEN_OK, GEN_FAILED, GEN_TOOL_ERROR, GEN_OUTCOMES };

#define GEN_TOOLS 12

/* A request and what became of it. */
struct gen_exchange {
    enum gen_method method; /* GEN_METHODS: none */
    enum gen_outcome outcome;
    unsigned tool;
    uint64_t id;
};

struct gen_session {
    char id[37];
    bool sse; /* this server answers with event streams more often than not */
    uint64_t next_id;
    struct gen_exchange exchange; /* of the transaction that is being sent */
};

struct gen_truth;

struct gen_mcp {
    struct gen_random *random;
    struct gen_truth *truth;
    struct gen_buf text; /* escaped JSON text to take slices from */
    uint32_t *starts;    /* of its units: a slice begins and ends at one */
    size_t units;
    struct gen_buf body; /* scratch */
};

/* What one call looks like. */
struct gen_call {
    enum gen_method method;
    size_t result_bytes, argument_bytes; /* of text, about */
    unsigned progress;                   /* notifications before the result */
};

void gen_mcp_start(struct gen_mcp *m, struct gen_random *random, struct gen_truth *truth);
void gen_mcp_session(struct gen_mcp *m, struct gen_session *s);
/* Each writes one HTTP exchange into c. */
void gen_mcp_initialize(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c);
void gen_mcp_initialized(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c);
void gen_mcp_call(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c,
                  const struct gen_call *call);
void gen_mcp_delete(struct gen_mcp *m, struct gen_session *s, struct gen_conn *c);

/* Their texts into m->body, counted. */
void gen_mcp_request(struct gen_mcp *m, const struct gen_session *s, const struct gen_call *call,
                     unsigned tool);
void gen_mcp_response(struct gen_mcp *m, const struct gen_session *s, const struct gen_call *call,
                      enum gen_outcome outcome);
/* What is in m->body, by HTTP: as request, and as its answer in JSON. */
void gen_mcp_post(struct gen_mcp *m, const struct gen_session *s, struct gen_conn *c);
void gen_mcp_answer(struct gen_mcp *m, const struct gen_session *s, struct gen_conn *c);

/* ---- gen_truth.c: what an observer should have seen ---- */

extern const char *const gen_method_names[GEN_METHODS];
extern const char *const gen_tool_names[GEN_TOOLS];

struct gen_times { /* durations in nanoseconds */
    uint64_t *ns;
    size_t n, cap;
};

struct gen_truth {
    uint64_t count[GEN_METHODS][GEN_KINDS][GEN_DIRS];
    uint64_t bytes[GEN_METHODS][GEN_KINDS][GEN_DIRS];
    uint64_t outcome[GEN_METHODS][GEN_OUTCOMES];
    uint64_t tool[GEN_TOOLS][GEN_OUTCOMES];
    uint64_t sessions, http_requests;
    struct gen_times latency[GEN_METHODS];
    bool each; /* tell every exchange */
    struct gen_buf exchanges;
};

void gen_truth_message(struct gen_truth *t, enum gen_method method, enum gen_kind kind, int dir,
                       size_t bytes);
void gen_truth_asked(struct gen_truth *t, const struct gen_exchange *exchange);
/* The transaction in c is over; *exchange, if it is one, is none from now on. */
void gen_truth_answered(struct gen_truth *t, struct gen_exchange *exchange,
                        const struct gen_conn *c);
void gen_truth_print(const struct gen_truth *t, FILE *out); /* members of a JSON object */

/* ---- gen_other.c: what is not MCP ---- */

enum gen_other { GEN_OTHER_WEB, GEN_OTHER_API, GEN_OTHER_TLS, GEN_OTHER_RANDOM, GEN_OTHERS };
void gen_other_exchange(enum gen_other kind, struct gen_random *random, struct gen_conn *c);

/* ---- gen_hostile.c: what is made to be expensive ---- */

/* Rounds of the shape of that name until the file has so many bytes; false: there is no such shape.
 * With 0 bytes only that is told. */
bool gen_hostile(const char *name, struct gen_net *net, struct gen_mcp *mcp, uint64_t bytes);

#endif
