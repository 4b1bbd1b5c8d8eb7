/* SPDX-License-Identifier: BSD-3-Clause */
/* The usual segment taken in one step gives what any segment gives step by step. The same traffic
 * with urgent data, which is delivered like any other, never goes the short way. */
#include "tests/capture/engine_world.h"
#include "tests/support/random.h"
#include <criterion/criterion.h>

enum { HOSTS = 3, SEGMENTS = 300, TRANSCRIPT_BYTES = 1 << 20 };

static struct world w;
static struct stream_sink world_sink; /* what checks the order of calls */
static char transcripts[2][TRANSCRIPT_BYTES];
static char *transcript;
static size_t transcript_n;

TestSuite(plain);

/* A call, and all that its connection says of itself. */
static void note(const char *what, const struct conn *c, int dir, uint64_t n,
                 const struct stream_pos *at)
{
    char *to = transcript + transcript_n;
    size_t room = TRANSCRIPT_BYTES - transcript_n;
    int len =
        snprintf(to, room, "%s %d %llu at %lld %llu: conn %llu state %d %d %d last %lld", what, dir,
                 (unsigned long long)n, (long long)at->ts_ns, (unsigned long long)at->packet,
                 (unsigned long long)c->id, c->state, c->swapped, c->whole, (long long)c->last_ns);
    for (int side = 0; side < 2; side++) {
        const struct conn_counters *s = &c->side[side];
        len += snprintf(to + len, room - (size_t)len, " %llu %llu %llu %llu %llu %u %u %u",
                        (unsigned long long)s->packets, (unsigned long long)s->wire_bytes,
                        (unsigned long long)s->payload_bytes, (unsigned long long)s->lost_bytes,
                        (unsigned long long)s->truncated_bytes, s->retransmitted_packets,
                        s->out_of_order_packets, s->overlap_conflicts);
    }
    to[len] = '\n';
    transcript_n += (size_t)len + 1;
    cr_assert_lt(transcript_n, TRANSCRIPT_BYTES - 1000);
}

static void on_conn(void *ctx, struct conn *c, enum conn_event event, const struct stream_pos *at)
{
    world_sink.conn(ctx, c, event, at);
    note("conn", c, 0, event, at);
}

static void on_data(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at)
{
    uint64_t sum = n;
    for (size_t i = 0; i < n; i++)
        sum = sum * 31 + bytes[i];
    note("data", c, dir, sum, at);
    world_sink.data(ctx, c, dir, bytes, n, at);
}

static void on_gap(void *ctx, struct conn *c, enum dir dir, uint64_t n, enum gap_reason reason,
                   const struct stream_pos *at)
{
    world_sink.gap(ctx, c, dir, n, reason, at);
    note(reason == GAP_LOST ? "lost" : "cut", c, dir, n, at);
}

static void on_end(void *ctx, struct conn *c, enum dir dir, enum stream_end how,
                   const struct stream_pos *at)
{
    world_sink.end(ctx, c, dir, how, at);
    note("end", c, dir, how, at);
}

static void on_packet(void *ctx, const struct stream_packet *p)
{
    world_sink.packet(ctx, p);
    note("packet", w.of_slot[p->slot], p->dir, (uint64_t)p->wire_bytes << 32 | p->payload_bytes,
         &(struct stream_pos){p->ts_ns, w.number});
}

/* What was sent so far, by host and side. */
static uint32_t sent[HOSTS][2];

static bool one_in(unsigned n)
{
    return random_below(n) == 0;
}

/* The segment at offset `at` of its side, which knows the other side up to offset ack. */
static void send(int side, uint32_t at, uint32_t ack, uint32_t n, uint8_t flags)
{
    static uint8_t bytes[4096];
    for (uint32_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((at + i) * 7 + (one_in(2000) ? 1 : 0));
    world_segment(&w, &(struct world_segment){.side = side,
                                              .flags = flags,
                                              .seq = w.isn[side] + 1 + at,
                                              .ack = w.isn[!side] + 1 + ack,
                                              .data = bytes,
                                              .n = n,
                                              .zero_window = one_in(40)});
}

/* The peer has no room: a byte asks for some, and is sent again with more. */
static void probe(int side, uint32_t *at, uint32_t other, uint8_t more)
{
    world_segment(&w, &(struct world_segment){.side = !side,
                                              .flags = TCP_ACK | more,
                                              .seq = w.isn[!side] + 1 + other,
                                              .ack = w.isn[side] + 1 + *at,
                                              .zero_window = true});
    send(side, *at, other, 1, TCP_ACK | more);
    send(side, *at, other, one_in(2) ? 100 : 1, TCP_ACK | more);
    *at += 100;
    if (one_in(2)) { /* room again */
        send(!side, other, *at, 0, TCP_ACK | more);
        send(side, *at - 99, other, 99, TCP_ACK | more);
        send(side, *at - 1, other, 30, TCP_ACK | more);
        *at += 29;
    }
}

/* Mostly the next bytes or an acknowledgement, and now and then anything else. */
static void send_any(uint8_t more)
{
    uint32_t host = random_below(HOSTS);
    int side = (int)random_below(2);
    uint32_t *at = &sent[host][side], other = sent[host][!side];
    uint32_t n = one_in(3) ? 0 : one_in(8) ? 1 : 1 + random_below(600);
    uint32_t ack = one_in(20) ? other + 200 - random_below(400) : other;
    w.client_host = (uint8_t)(1 + host);
    w.snap_bytes = one_in(15) ? 54 + random_below(200) : 0;
    if (one_in(12))
        w.now_ns += one_in(2) ? (int64_t)random_below(1300) * MS : -(int64_t)random_below(500) * MS;
    if (one_in(400)) {
        send(side, *at, ack, 0, (uint8_t)(TCP_ACK | more | (one_in(2) ? TCP_FIN : TCP_RST)));
    } else if (one_in(200)) {
        *at = other = 0;
        send(side, (uint32_t)-1, 0, 0, (uint8_t)(TCP_SYN | more | (side ? TCP_ACK : 0)));
    } else if (one_in(25)) { /* again, late, early, or before the next byte */
        send(side, *at + 300 - random_below(600), ack, n, TCP_ACK | more);
    } else if (one_in(40)) {
        send(side, *at - 1, ack, one_in(2), TCP_ACK | more);
    } else if (one_in(60)) {
        probe(side, at, other, more);
    } else if (one_in(30)) {
        send(side, *at, other + 100, n, more); /* without an acknowledgement */
        *at += n;
    } else {
        if (!one_in(50)) /* else it is not in the capture */
            send(side, *at, ack, n, TCP_ACK | more);
        *at += n;
    }
}

/* Connections begin as they should, or in another way. */
static void open_any(uint8_t more)
{
    unsigned way = random_below(6);
    if (way == 0) /* joined */
        return;
    if (way == 1) { /* the first SYN comes last */
        world_flags(&w, SERVER, (uint32_t)-1, 0, (uint8_t)(TCP_SYN | TCP_ACK | more));
        world_flags(&w, CLIENT, 0, 0, TCP_ACK | more);
        send_any(more);
        world_flags(&w, CLIENT, (uint32_t)-1, 0, (uint8_t)(TCP_SYN | more));
        return;
    }
    world_flags(&w, CLIENT, (uint32_t)-1, 0, (uint8_t)(TCP_SYN | more));
    if (way == 2) { /* of the server there is nothing for long */
        uint32_t *at = &sent[w.client_host - 1][CLIENT];
        world_flags(&w, CLIENT, 0, 0, TCP_ACK | more);
        for (int i = 0; i < 40; i++, *at += 10)
            send(CLIENT, *at, 200, 10, TCP_ACK | more);
        return;
    }
    if (way == 3) /* the client closes at once */
        world_flags(&w, CLIENT, 0, 0, (uint8_t)(TCP_FIN | more));
    world_flags(&w, SERVER, (uint32_t)-1, 0, (uint8_t)(TCP_SYN | TCP_ACK | more));
    world_flags(&w, CLIENT, 0, 0, TCP_ACK | more);
}

static void run(uint64_t seed, uint8_t more, char *to)
{
    struct engine_config config = {0};
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    if (one_in(3))
        config.idle_timeout_ns = 1100 * MS;
    if (one_in(4))
        config.max_bytes = 2 * LIMITS_FLOW_BYTES;
    cr_assert(world_init(&w, &config));
    world_sink = w.sink;
    w.sink = (struct stream_sink){&w, on_conn, on_data, on_gap, on_end, on_packet, &w, NULL};
    w.quiet = w.beyond_end = true;
    w.swap_roles = one_in(3);
    w.isn[CLIENT] = one_in(2) ? 1000 : 0u - random_below(12000);
    w.isn[SERVER] = one_in(2) ? 5000 : 0u - random_below(12000);
    memset(sent, 0, sizeof(sent));
    transcript = to;
    transcript_n = 0;
    for (uint8_t host = 1; host <= HOSTS; host++) {
        w.client_host = host;
        open_any(more);
    }
    for (int i = 0; i < SEGMENTS; i++)
        send_any(more);
    world_finish(&w);
    transcript[transcript_n] = '\0';
}

Test(plain, does_what_the_long_way_does)
{
    for (uint64_t seed = 1; seed <= 400; seed++) {
        run(seed, 0, transcripts[0]);
        run(seed, TCP_URG, transcripts[1]);
        cr_assert_str_eq(transcripts[0], transcripts[1], "seed %llu", (unsigned long long)seed);
    }
}
