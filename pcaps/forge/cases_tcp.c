/* SPDX-License-Identifier: BSD-3-Clause */
/* Hazards of TCP's byte stream. */
#include "forge.h"
#include <stdio.h>
#include <string.h>

#define SMALL_PART 120

/* The connection is open and initialized; the rest of the session is up to the case. */
static struct tcp begin(struct forge *f)
{
    struct tcp c = tcp_init(f);
    c.part_bytes = SMALL_PART;
    tcp_open(&c);
    session_exchange(&c, SESSION_INITIALIZE);
    session_exchange(&c, SESSION_INITIALIZED);
    return c;
}

static void finish(struct tcp *c)
{
    session_exchange(c, SESSION_FAILED);
    session_exchange(c, SESSION_DELETE);
    tcp_close(c);
}

static void in_order(struct forge *f)
{
    struct tcp c = tcp_init(f);
    session_all(&c);
}

static void one_byte_segments(struct forge *f)
{
    struct tcp c = tcp_init(f);
    c.part_bytes = 1;
    session_all(&c);
}

/* Request and response each arrive last part first. */
static void reorder(struct forge *f)
{
    struct tcp c = begin(f);
    size_t first = tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    size_t last = forge_count(f) - 2; /* the acknowledgement comes behind it */
    for (size_t i = first; i < last; i++)
        forge_move(f, last, i);
    first = tcp_data(&c, SERVER, session_response(SESSION_CALL));
    forge_swap(f, first, first + 3);
    forge_swap(f, first + 1, first + 2);
    finish(&c);
}

/* The acknowledgement is captured before what it acknowledges. */
static void acknowledged_early(struct forge *f)
{
    struct tcp c = begin(f);
    size_t first = tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    forge_move(f, forge_count(f) - 1, first);
    first = tcp_data(&c, SERVER, session_response(SESSION_CALL));
    forge_move(f, forge_count(f) - 1, first + 1);
    finish(&c);
}

static void handshake_reordered(struct forge *f)
{
    struct tcp c = tcp_init(f);
    session_all(&c);
    forge_swap(f, 0, 1); /* SYN behind SYN/ACK */
    forge_swap(f, 2, 3); /* the last ACK behind the first data */
}

/* Whole segments again, and segments with other borders that say the same. */
static void retransmit(struct forge *f)
{
    struct tcp c = begin(f);
    uint32_t seq = c.seq[CLIENT];
    const char *text = session_request(SESSION_CALL);
    size_t first = tcp_data(&c, CLIENT, text);
    forge_repeat(f, first);
    tcp_segment(&c, CLIENT, FORGE_ACK, seq + 60, text + 60, 130);
    seq = c.seq[SERVER];
    text = session_response(SESSION_CALL);
    first = tcp_data(&c, SERVER, text);
    forge_repeat(f, first + 1);
    tcp_segment(&c, SERVER, FORGE_ACK, seq, text, strlen(text));
    finish(&c);
}

/* Bytes that were delivered come again, with other content. */
static void overlap_conflict_behind(struct forge *f)
{
    struct tcp c = begin(f);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    uint32_t seq = c.seq[SERVER];
    const char *text = session_response(SESSION_CALL);
    char lie[SMALL_PART];
    memset(lie, 'X', sizeof lie);
    tcp_send(&c, SERVER, FORGE_ACK, text, SMALL_PART);
    tcp_segment(&c, SERVER, FORGE_ACK, seq, lie, sizeof lie);
    tcp_data(&c, SERVER, text + SMALL_PART);
    finish(&c);
}

/* A segment ahead of a hole is contradicted before the hole is filled; the first copy wins. */
static void overlap_conflict_ahead(struct forge *f)
{
    struct tcp c = begin(f);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    uint32_t seq = c.seq[SERVER];
    const char *text = session_response(SESSION_CALL);
    char lie[SMALL_PART];
    memset(lie, 'X', sizeof lie);
    tcp_segment(&c, SERVER, FORGE_ACK, seq + SMALL_PART, text + SMALL_PART, SMALL_PART);
    tcp_segment(&c, SERVER, FORGE_ACK, seq + SMALL_PART + 20, lie, sizeof lie - 20);
    tcp_data(&c, SERVER, text);
    finish(&c);
}

static void gap_in_response(struct forge *f)
{
    struct tcp c = begin(f);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    size_t first = tcp_data(&c, SERVER, session_response(SESSION_CALL));
    forge_lose(f, first + 2);
    finish(&c);
}

static void gap_in_request(struct forge *f)
{
    struct tcp c = begin(f);
    size_t first = tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    forge_lose(f, first + 1);
    tcp_data(&c, SERVER, session_response(SESSION_CALL));
    finish(&c);
}

/* The lost segment holds the end of one response; the next one must not be taken for it. */
static void gap_over_a_boundary(struct forge *f)
{
    struct tcp c = begin(f);
    session_exchange(&c, SESSION_CALL);
    forge_lose(f, forge_count(f) - 2);
    tcp_data(&c, CLIENT, session_request(SESSION_FAILED));
    size_t first = tcp_data(&c, SERVER, session_response(SESSION_FAILED));
    forge_lose(f, first);
    session_exchange(&c, SESSION_DELETE);
    tcp_close(&c);
}

static void sequence_wrap(struct forge *f)
{
    struct tcp c = tcp_init(f);
    c.part_bytes = SMALL_PART;
    c.seq[CLIENT] = UINT32_MAX - 400;
    c.seq[SERVER] = UINT32_MAX - 500;
    session_all(&c);
}

/* Old data with the wrap in its middle comes again. */
static void sequence_wrap_retransmit(struct forge *f)
{
    struct tcp c = tcp_init(f);
    c.part_bytes = SMALL_PART;
    c.seq[SERVER] = UINT32_MAX - 500;
    session_all(&c);
    size_t count = forge_count(f);
    for (size_t i = 0; i < count; i += 3) {
        forge_repeat(f, i);
        forge_move(f, forge_count(f) - 1, i + 6 < count ? i + 6 : count);
    }
}

/* Probes of an idle connection: one byte before the window, made up or old. */
static void keepalive_probes(struct forge *f)
{
    struct tcp c = begin(f);
    forge_wait_us(f, 20 * 1000000);
    tcp_segment(&c, CLIENT, FORGE_ACK, c.seq[CLIENT] - 1, "", 1);
    tcp_segment(&c, SERVER, FORGE_ACK, c.seq[SERVER], NULL, 0);
    tcp_segment(&c, SERVER, FORGE_ACK, c.seq[SERVER] - 1, NULL, 0);
    tcp_segment(&c, CLIENT, FORGE_ACK, c.seq[CLIENT], NULL, 0);
    session_exchange(&c, SESSION_CALL);
    finish(&c);
}

static void fin_before_data(struct forge *f)
{
    struct tcp c = begin(f);
    tcp_data(&c, CLIENT, session_request(SESSION_CALL));
    size_t first = tcp_data(&c, SERVER, session_response(SESSION_CALL));
    tcp_send(&c, SERVER, FORGE_FIN | FORGE_ACK, NULL, 0);
    forge_move(f, forge_count(f) - 1, first);
    tcp_send(&c, CLIENT, FORGE_FIN | FORGE_ACK, NULL, 0);
    tcp_send(&c, SERVER, FORGE_ACK, NULL, 0);
}

/* Data and FIN in one segment, data on the SYN. */
static void data_on_syn_and_fin(struct forge *f)
{
    struct tcp c = tcp_init(f);
    const char *text = session_request(SESSION_INITIALIZE);
    tcp_send(&c, CLIENT, FORGE_SYN, text, 100);
    tcp_send(&c, SERVER, FORGE_SYN | FORGE_ACK, NULL, 0);
    tcp_send(&c, CLIENT, FORGE_ACK | FORGE_PSH, text + 100, strlen(text) - 100);
    text = session_response(SESSION_INITIALIZE);
    tcp_send(&c, SERVER, FORGE_ACK | FORGE_PSH | FORGE_FIN, text, strlen(text));
    tcp_send(&c, CLIENT, FORGE_FIN | FORGE_ACK, NULL, 0);
    tcp_send(&c, SERVER, FORGE_ACK, NULL, 0);
}

/* A byte far outside of any window. */
static void wild_sequence(struct forge *f)
{
    struct tcp c = begin(f);
    tcp_segment(&c, SERVER, FORGE_ACK, c.seq[SERVER] + 0x70000000, "wild", 4);
    tcp_segment(&c, CLIENT, FORGE_ACK, c.seq[CLIENT] - 0x70000000, "wild", 4);
    session_exchange(&c, SESSION_CALL);
    finish(&c);
}

const struct forge_case forge_cases_tcp[] = {
    {"tcp-in-order", in_order},
    {"tcp-one-byte-segments", one_byte_segments},
    {"tcp-reorder", reorder},
    {"tcp-acknowledged-early", acknowledged_early},
    {"tcp-handshake-reordered", handshake_reordered},
    {"tcp-retransmit", retransmit},
    {"tcp-overlap-conflict-behind", overlap_conflict_behind},
    {"tcp-overlap-conflict-ahead", overlap_conflict_ahead},
    {"tcp-gap-in-response", gap_in_response},
    {"tcp-gap-in-request", gap_in_request},
    {"tcp-gap-over-a-boundary", gap_over_a_boundary},
    {"tcp-sequence-wrap", sequence_wrap},
    {"tcp-sequence-wrap-retransmit", sequence_wrap_retransmit},
    {"tcp-keepalive-probes", keepalive_probes},
    {"tcp-fin-before-data", fin_before_data},
    {"tcp-data-on-syn-and-fin", data_on_syn_and_fin},
    {"tcp-wild-sequence", wild_sequence},
    {NULL, NULL},
};
