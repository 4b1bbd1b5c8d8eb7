/* SPDX-License-Identifier: BSD-3-Clause */
/* Hazards of a connection's life: how it begins, what of it is seen, how it ends. */
#include "forge.h"
#include <stddef.h>

#define SECOND_US 1000000

/* A connection of the same hosts that works, so that a failure stands beside a session. */
static void good_session(struct forge *f)
{
    struct tcp c = tcp_init(f);
    c.port[CLIENT] = 41000;
    session_all(&c);
}

static void refused(struct forge *f)
{
    for (uint16_t i = 0; i < 3; i++) {
        struct tcp c = tcp_init(f);
        c.port[CLIENT] += i;
        tcp_send(&c, CLIENT, FORGE_SYN, NULL, 0);
        c.seq[SERVER] = 0;
        tcp_send(&c, SERVER, FORGE_RST | FORGE_ACK, NULL, 0);
    }
    good_session(f);
}

/* SYNs that nobody answers; the capture goes on long after the client gave up. */
static void half_open(struct forge *f)
{
    struct tcp c = tcp_init(f);
    size_t syn = tcp_send(&c, CLIENT, FORGE_SYN, NULL, 0);
    for (int i = 0; i < 6; i++) {
        forge_wait_us(f, (int64_t)SECOND_US << i);
        forge_repeat(f, syn);
    }
    forge_wait_us(f, (int64_t)130 * SECOND_US);
    good_session(f);
}

/* The capture ends while the handshake hangs. */
static void half_open_at_end(struct forge *f)
{
    good_session(f);
    struct tcp c = tcp_init(f);
    tcp_send(&c, CLIENT, FORGE_SYN, NULL, 0);
    c.port[CLIENT]++;
    tcp_send(&c, CLIENT, FORGE_SYN, NULL, 0);
    tcp_send(&c, SERVER, FORGE_SYN | FORGE_ACK, NULL, 0);
}

static void reset_in_handshake(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_send(&c, CLIENT, FORGE_SYN, NULL, 0);
    tcp_send(&c, SERVER, FORGE_SYN | FORGE_ACK, NULL, 0);
    tcp_send(&c, CLIENT, FORGE_RST, NULL, 0);
    good_session(f);
}

static void unreachable(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_send(&c, CLIENT, FORGE_SYN, NULL, 0);
    tcp_unreachable(&c);
    good_session(f);
}

/* The server resets while a call waits for its answer. */
static void reset_before_answer(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    session_exchange(&c, SESSION_INITIALIZED);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    tcp_send(&c, SERVER, FORGE_RST | FORGE_ACK, NULL, 0);
}

/* The reset comes in the middle of the answer. */
static void reset_in_answer(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    tcp_send(&c, SERVER, FORGE_ACK, session_response(SESSION_CALL), 300);
    tcp_send(&c, SERVER, FORGE_RST | FORGE_ACK, NULL, 0);
}

/* A reset with a sequence number from nowhere, as an attacker sends it. */
static void reset_out_of_window(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    tcp_segment(&c, SERVER, FORGE_RST, c.seq[SERVER] + 0x40000000, NULL, 0);
    session_exchange(&c, SESSION_CALL);
    session_exchange(&c, SESSION_FAILED);
    tcp_close(&c);
}

static void lose_first(struct forge *f, size_t n)
{
    while (n-- > 0)
        forge_lose(f, 0);
}

/* The capture begins between two exchanges. */
static void midstream(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    session_exchange(&c, SESSION_INITIALIZED);
    lose_first(f, forge_count(f));
    session_exchange(&c, SESSION_CALL);
    session_exchange(&c, SESSION_FAILED);
    session_exchange(&c, SESSION_DELETE);
    tcp_close(&c);
}

/* The capture begins inside an answer, and the server's port is the higher one. */
static void midstream_in_answer(struct forge *f)
{
    struct tcp c = tcp_init(f);
    c.port[CLIENT] = 2000;
    c.port[SERVER] = 50000;
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    lose_first(f, forge_count(f));
    tcp_data(&c, SERVER, session_response(SESSION_CALL));
    lose_first(f, 1);
    session_exchange(&c, SESSION_FAILED);
    tcp_close(&c);
}

/* Only what one side sent was captured. */
static void one_way(struct forge *f, enum side side)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    if (side == SERVER) {
        forge_lose(f, 0);
        forge_lose(f, 1);
    } else {
        forge_lose(f, 1);
    }
    for (int step = 0; step < SESSION_STEPS; step++) {
        const char *text = side == CLIENT ? session_request((enum session_step)step)
                                          : session_response((enum session_step)step);
        const char *other = side == CLIENT ? session_response((enum session_step)step)
                                           : session_request((enum session_step)step);
        size_t first = forge_count(f);
        tcp_data(&c, side == CLIENT ? SERVER : CLIENT, other);
        while (forge_count(f) > first + 1)
            forge_lose(f, first);
        tcp_data(&c, side, text);
        forge_lose(f, forge_count(f) - 1);
    }
    tcp_send(&c, side, FORGE_FIN | FORGE_ACK, NULL, 0);
}

static void requests_only(struct forge *f)
{
    one_way(f, CLIENT);
}

static void responses_only(struct forge *f)
{
    one_way(f, SERVER);
}

/* The same addresses and ports carry a second connection right after the first. */
static void tuple_reuse(struct forge *f)
{
    struct tcp c = tcp_init(f);
    session_all(&c);
    c.seq[CLIENT] += 0x10000000;
    c.seq[SERVER] -= 0x10000000;
    session_all(&c);
}

/* The same, and the first connection was never closed. */
static void tuple_reuse_unclosed(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    forge_wait_us(f, 5 * SECOND_US);
    c.seq[CLIENT] = 77777777;
    c.seq[SERVER] = 88888888;
    session_all(&c);
}

/* Both ends open at once. */
static void simultaneous_open(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_send(&c, CLIENT, FORGE_SYN, NULL, 0);
    tcp_send(&c, SERVER, FORGE_SYN, NULL, 0);
    tcp_segment(&c, CLIENT, FORGE_SYN | FORGE_ACK, c.seq[CLIENT] - 1, NULL, 0);
    tcp_segment(&c, SERVER, FORGE_SYN | FORGE_ACK, c.seq[SERVER] - 1, NULL, 0);
    for (int step = 0; step < SESSION_STEPS; step++)
        session_exchange(&c, (enum session_step)step);
    tcp_close(&c);
}

/* SYN and SYN/ACK come twice. */
static void handshake_repeated(struct forge *f)
{
    struct tcp c = tcp_init(f);
    session_all(&c);
    forge_repeat(f, 0);
    forge_move(f, forge_count(f) - 1, 1);
    forge_repeat(f, 2);
    forge_move(f, forge_count(f) - 1, 3);
}

/* A call that nobody answers, the connection closes in good order. */
static void unanswered(struct forge *f)
{
    struct tcp c = tcp_init(f);
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    forge_wait_us(f, 10 * SECOND_US);
    tcp_close(&c);
}

const struct forge_case forge_cases_life[] = {
    {"life-refused", refused},
    {"life-half-open", half_open},
    {"life-half-open-at-end", half_open_at_end},
    {"life-reset-in-handshake", reset_in_handshake},
    {"life-unreachable", unreachable},
    {"life-reset-before-answer", reset_before_answer},
    {"life-reset-in-answer", reset_in_answer},
    {"life-reset-out-of-window", reset_out_of_window},
    {"life-midstream", midstream},
    {"life-midstream-in-answer", midstream_in_answer},
    {"life-requests-only", requests_only},
    {"life-responses-only", responses_only},
    {"life-tuple-reuse", tuple_reuse},
    {"life-tuple-reuse-unclosed", tuple_reuse_unclosed},
    {"life-simultaneous-open", simultaneous_open},
    {"life-handshake-repeated", handshake_repeated},
    {"life-unanswered", unanswered},
    {NULL, NULL},
};
