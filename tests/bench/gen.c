/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_gen: writes a capture of a given kind and size, and the truth about it. See README.md.
 *
 * A fixed number of connections is alive at a time. Each step picks one at random and sends a few
 * of its segments, so that the packets of different connections interleave; a connection whose
 * exchange is complete begins the next one, and at the end of its life closes and is replaced.
 *
 * `connections` and `waves` go round: all open, all initialise a session, then each has one call
 * after the other's, as many under way at a time as IN_FLIGHT. In `connections` all stay open and
 * go round again until the file is as large as asked, but once at least; in `waves` all close after
 * one call and as many others open: the same packets with few or many connections open.
 */
#include "gen.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIVE       64
#define OPEN        10000 /* where all stay open, unless told */
#define IN_FLIGHT   1000
#define BURST       4 /* most segments of one connection in a row */
#define MSS         1448
#define OFFLOAD_MSS 65160 /* 45 segments of 1448: what segmentation offload hands over at once */

/* HOSTILE is any shape of gen_hostile.c. */
enum corpus { SMALL, LARGE, SSE, CONNECTIONS, WAVES, OTHER, OFFLOAD, IMPAIRED, BYTES, HOSTILE };
static const char *const corpus_names[HOSTILE] = {
    "small", "large", "sse", "connections", "waves", "other", "offload", "impaired", "bytes"};

struct client {
    struct gen_conn conn;
    struct gen_session session;
    enum gen_other other; /* GEN_OTHERS: it speaks MCP */
    unsigned step;        /* exchanges begun */
    unsigned life;        /* exchanges before it closes */
    bool alive;
};

struct run {
    const char *name;
    enum corpus corpus;
    uint64_t target_bytes;
    uint64_t mcp_bytes; /* written by MCP clients, for the share of the others */
    uint32_t alive;
    uint32_t born;
    struct client *clients;
    struct gen_net net;
    struct gen_mcp mcp;
    struct gen_truth truth;
};

static bool full(const struct run *run)
{
    return run->net.file_bytes >= run->target_bytes;
}

static bool goes_round(const struct run *run)
{
    return run->corpus == CONNECTIONS || run->corpus == WAVES;
}

/* ---- what a client does next ---- */

static struct gen_call small_call(struct run *run)
{
    struct gen_random *random = &run->net.random;
    uint64_t dice = gen_random_below(random, 100);
    struct gen_call call = {.method = GEN_TOOLS_CALL};
    if (dice >= 92)
        call.method = GEN_TOOLS_LIST;
    else if (dice >= 85)
        call.method = GEN_PING;
    else if (dice >= 80)
        call.method = GEN_PROMPTS_GET;
    else if (dice >= 70)
        call.method = GEN_RESOURCES_READ;
    call.argument_bytes = gen_random_between(random, 20, 200);
    call.result_bytes = gen_random_between(random, 50, 1500);
    if (call.method == GEN_TOOLS_CALL && dice < 5)
        call.progress = (unsigned)gen_random_between(random, 1, 4);
    return call;
}

static struct gen_call next_call(struct run *run)
{
    struct gen_random *random = &run->net.random;
    struct gen_call call = small_call(run);
    switch (run->corpus) {
    case SMALL:
    case CONNECTIONS:
    case WAVES:
    case OTHER:
    case BYTES:
        return call;
    case LARGE:
        call.method = GEN_TOOLS_CALL;
        call.progress = 0;
        call.result_bytes = gen_random_between(random, 64 << 10, 2 << 20);
        if (gen_random_below(random, 10) == 0)
            call.argument_bytes = gen_random_between(random, 64 << 10, 512 << 10);
        return call;
    case SSE:
        call.method = GEN_TOOLS_CALL;
        call.progress = (unsigned)gen_random_between(random, 50, 400);
        return call;
    case OFFLOAD:
    case IMPAIRED: /* of the exchanges that are hit, most are large ones */
        if (gen_random_below(random, run->corpus == OFFLOAD ? 4 : 40) == 0)
            call.result_bytes = gen_random_between(random, 8 << 10, 256 << 10);
        return call;
    case HOSTILE:
        break;
    }
    return call;
}

static void begin_mcp_exchange(struct run *run, struct client *client)
{
    struct gen_conn *c = &client->conn;
    unsigned step = client->step++;
    if (step == 0) {
        gen_mcp_initialize(&run->mcp, &client->session, c);
    } else if (step == 1) {
        gen_mcp_initialized(&run->mcp, &client->session, c);
    } else {
        struct gen_call call = {.method = GEN_TOOLS_LIST};
        if (step > 2 || run->corpus == LARGE || goes_round(run))
            call = next_call(run);
        gen_mcp_call(&run->mcp, &client->session, c, &call);
    }
}

/* Puts the client's next exchange into its connection. False: its life is over. */
static bool begin_exchange(struct run *run, struct client *client)
{
    struct gen_conn *c = &client->conn;
    bool over = client->step >= client->life || (full(run) && client->step > 1);
    if (!over && client->other == GEN_OTHERS) {
        begin_mcp_exchange(run, client);
        return true;
    }
    if (!over) {
        client->step++;
        gen_other_exchange(client->other, &run->net.random, c);
        return true;
    }
    if (client->other != GEN_OTHERS || client->life == 0)
        return false;
    client->life = 0; /* one more exchange ends the session; then the connection */
    gen_mcp_delete(&run->mcp, &client->session, c);
    return true;
}

/* ---- life and death ---- */

static void be_born(struct run *run, struct client *client)
{
    struct gen_random *random = &run->net.random;
    struct gen_conn *c = &client->conn;
    uint32_t n = run->born++;
    client->other = GEN_OTHERS;
    if (run->corpus == OTHER && run->mcp_bytes * 10 > run->net.file_bytes)
        client->other = (enum gen_other)gen_random_below(random, GEN_OTHERS);
    c->ip[GEN_C2S] = 0x0a010000 + n % 50000;
    c->ip[GEN_S2C] = 0x0a000001 + (client->other == GEN_OTHERS ? n % 8 : 100 + n % 100);
    c->port[GEN_C2S] = (uint16_t)(32768 + n / 50000);
    c->port[GEN_S2C] = client->other == GEN_OTHER_TLS ? 443 : 3000;
    client->step = 0;
    client->life = (unsigned)gen_random_between(random, 20, 300);
    if (run->corpus == LARGE)
        client->life = (unsigned)gen_random_between(random, 4, 20);
    client->session.exchange.method = GEN_METHODS;
    client->alive = true;
    if (client->other == GEN_OTHERS)
        gen_mcp_session(&run->mcp, &client->session);
    gen_net_open(&run->net, c);
}

static void die(struct run *run, struct client *client)
{
    client->alive = false;
    gen_net_close(&run->net, &client->conn);
    if (full(run))
        return;
    be_born(run, client);
    if (run->born % 100 == 99) {
        struct gen_conn refused = {
            .ip = {0x0a020000 + run->born, 0x0a0000fe},
            .port = {40000, 3000},
        };
        gen_net_refuse(&run->net, &refused);
    }
}

/* A few segments of one client. */
static void advance(struct run *run, struct client *client)
{
    uint64_t before = run->net.file_bytes;
    uint64_t burst = gen_random_between(&run->net.random, 1, BURST);
    bool mcp = client->other == GEN_OTHERS;
    /* A late packet is late by microseconds: its connection goes on until it was sent. */
    for (uint64_t i = 0; i < burst || run->net.held_conn == &client->conn; i++) {
        if (gen_net_step(&run->net, &client->conn))
            continue;
        gen_truth_answered(&run->truth, &client->session.exchange, &client->conn);
        if (!begin_exchange(run, client)) {
            die(run, client);
            break;
        }
    }
    if (mcp)
        run->mcp_bytes += run->net.file_bytes - before;
}

static void generate(struct run *run)
{
    for (uint32_t i = 0; i < run->alive; i++)
        be_born(run, &run->clients[i]);
    while (!full(run))
        advance(run, &run->clients[gen_random_below(&run->net.random, run->alive)]);
    for (uint32_t i = 0; i < run->alive; i++) {
        while (run->clients[i].alive)
            advance(run, &run->clients[i]);
    }
}

/* ---- going round ---- */

/* A few segments of a client; false: it has begun and ended as many exchanges as wanted. */
static bool advance_to(struct run *run, struct client *client, unsigned exchanges)
{
    uint64_t burst = gen_random_between(&run->net.random, 1, BURST);
    for (uint64_t i = 0; i < burst; i++) {
        if (gen_net_step(&run->net, &client->conn))
            continue;
        gen_truth_answered(&run->truth, &client->session.exchange, &client->conn);
        if (client->step == exchanges)
            return false;
        begin_mcp_exchange(run, client);
    }
    return true;
}

/* All clients in order go on to have had so many exchanges; `whole`: even if the file is full. */
static void go_round(struct run *run, unsigned exchanges, bool whole)
{
    struct client *flight[IN_FLIGHT];
    uint32_t flying = 0, next = 0;
    for (;;) {
        while (flying < IN_FLIGHT && next < run->alive && (whole || !full(run)))
            flight[flying++] = &run->clients[next++];
        if (flying == 0)
            return;
        struct client **client = &flight[gen_random_below(&run->net.random, flying)];
        if (advance_to(run, *client, exchanges))
            continue;
        gen_net_rest(&(*client)->conn);
        *client = flight[--flying];
    }
}

static void generate_rounds(struct run *run)
{
    for (uint32_t i = 0; i < run->alive; i++)
        be_born(run, &run->clients[i]);
    go_round(run, 2, true);
    go_round(run, 3, true);
    for (unsigned calls = 4; run->corpus == CONNECTIONS && !full(run); calls++)
        go_round(run, calls, false);
    for (uint32_t i = 0; run->corpus == WAVES && i < run->alive; i++)
        gen_net_close(&run->net, &run->clients[i].conn);
}

static void print_truth(const struct run *run, FILE *out)
{
    const struct gen_net *net = &run->net;
    unsigned long long opened = net->attempts - net->refused;
    fprintf(out, "{\n  \"corpus\": \"%s\",\n", run->name);
    fprintf(out, "  \"packets\": %llu,\n  \"wire_bytes\": %llu,\n  \"file_bytes\": %llu,\n",
            (unsigned long long)net->packets, (unsigned long long)net->wire_bytes,
            (unsigned long long)net->file_bytes);
    fprintf(out, "  \"payload_bytes\": {\"received\": %llu, \"sent\": %llu},\n",
            (unsigned long long)net->payload_bytes[GEN_C2S],
            (unsigned long long)net->payload_bytes[GEN_S2C]);
    fprintf(out,
            "  \"connections\": {\"attempts\": %llu, \"successful\": %llu, \"refused\": %llu, "
            "\"closed\": %llu, \"open\": %llu},\n",
            (unsigned long long)net->attempts, opened, (unsigned long long)net->refused,
            (unsigned long long)net->closed, opened - net->closed);
    fprintf(out,
            "  \"impairment\": {\"out_of_order\": %llu, \"retransmitted\": %llu, "
            "\"missing\": %llu, \"missing_bytes\": %llu, \"missing_acks\": %llu},\n",
            (unsigned long long)net->out_of_order, (unsigned long long)net->retransmitted,
            (unsigned long long)net->missing, (unsigned long long)net->missing_bytes,
            (unsigned long long)net->missing_acks);
    gen_truth_print(&run->truth, out);
    fprintf(out, "\n}\n");
}

/* ---- the command line ---- */

static int usage(void)
{
    fprintf(stderr, "usage: bench_gen CORPUS MEGABYTES OUT.pcap OUT.json [CONNECTIONS [SEED]]\n"
                    "CORPUS: small large sse connections waves other offload impaired\n"
                    "or, made to be expensive: bytes headers sse-comments sse-lines sse-events "
                    "sse-objects\nsse-texts lines messages nesting chunks bomb flood holes ids "
                    "frames tuples idle halves\n");
    return 2;
}

/* The whole of text as a number from 1 to max; 0 if it is none. */
static uint64_t number(const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    return errno || *end || end == text || n > max ? 0 : n;
}

static bool parse(int argc, char **argv, struct run *run)
{
    if (argc < 5 || argc > 7)
        return false;
    run->name = argv[1];
    while (run->corpus < HOSTILE && strcmp(argv[1], corpus_names[run->corpus]) != 0)
        run->corpus++;
    if (run->corpus == HOSTILE && !gen_hostile(run->name, NULL, NULL, 0))
        return false;
    run->target_bytes = number(argv[2], 1 << 20) * 1000000;
    run->alive = goes_round(run) ? OPEN : ALIVE;
    if (argc > 5)
        run->alive = (uint32_t)number(argv[5], 1000000);
    run->net.random.state = argc > 6 ? number(argv[6], UINT64_MAX) : 1;
    return run->target_bytes > 0 && run->alive > 0;
}

int main(int argc, char **argv)
{
    static struct run run;
    if (!parse(argc, argv, &run))
        return usage();
    run.net.segment_bytes = run.corpus == OFFLOAD ? OFFLOAD_MSS : run.corpus == BYTES ? 1 : MSS;
    run.net.impaired = run.truth.each = run.corpus == IMPAIRED;
    run.clients = calloc(run.alive, sizeof(*run.clients));
    run.net.file = fopen(argv[3], "wb");
    FILE *truth = fopen(argv[4], "w");
    if (!run.clients || !run.net.file || !truth) {
        perror("bench_gen");
        return 1;
    }
    setvbuf(run.net.file, NULL, _IOFBF, 1 << 20);
    gen_mcp_start(&run.mcp, &run.net.random, &run.truth);
    gen_net_start(&run.net);
    if (run.corpus == HOSTILE)
        gen_hostile(run.name, &run.net, &run.mcp, run.target_bytes);
    else if (!goes_round(&run))
        generate(&run);
    else
        do
            generate_rounds(&run);
        while (run.corpus == WAVES && !full(&run));
    print_truth(&run, truth);
    if (fclose(run.net.file) != 0 || fclose(truth) != 0) {
        perror("bench_gen");
        return 1;
    }
    return 0;
}
