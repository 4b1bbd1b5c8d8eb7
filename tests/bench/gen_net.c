/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP connections written straight into a pcap file (Ethernet, IPv4, microseconds). The capture
 * point sees every packet once; delayed acknowledgements come every second segment and after each
 * write. TCP checksums are left zero, as on a sender that offloads them.
 */
#include "gen.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define HEADERS_BYTES 66 /* Ethernet 14, IPv4 20, TCP 20 and 12 of time stamps */
#define RECORD_BYTES  16

/* ---- random numbers: splitmix64 ---- */

uint64_t gen_random_next(struct gen_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t gen_random_below(struct gen_random *r, uint64_t n)
{
    return gen_random_next(r) % n;
}

uint64_t gen_random_between(struct gen_random *r, uint64_t low, uint64_t high)
{
    return low + gen_random_below(r, high - low + 1);
}

/* ---- bytes ---- */

static void reserve(struct gen_buf *b, size_t n)
{
    if (b->cap - b->len >= n)
        return;
    b->cap = (b->len + n) * 2;
    b->data = realloc(b->data, b->cap);
    if (!b->data)
        abort();
}

void gen_buf_add(struct gen_buf *b, const void *data, size_t n)
{
    reserve(b, n);
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

void gen_buf_text(struct gen_buf *b, const char *text)
{
    gen_buf_add(b, text, strlen(text));
}

void gen_buf_printf(struct gen_buf *b, const char *format, ...)
{
    va_list args;
    reserve(b, 4096);
    va_start(args, format);
    int n = vsnprintf((char *)b->data + b->len, 4096, format, args);
    va_end(args);
    if (n < 0 || n >= 4096)
        abort();
    b->len += (size_t)n;
}

/* ---- packets ---- */

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static void little32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void ipv4_header(uint8_t *p, struct gen_conn *c, int dir, size_t total)
{
    memset(p, 0, 20);
    p[0] = 0x45;
    put16(p + 2, (unsigned)total);
    put16(p + 4, c->ident[dir]++);
    p[6] = 0x40;
    p[8] = 64;
    p[9] = 6;
    put32(p + 12, c->ip[dir]);
    put32(p + 16, c->ip[!dir]);
    uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(p + 10, ~sum & 0xffff);
}

/* The record of one segment, headers only. */
static void headers(struct gen_net *net, struct gen_conn *c, int dir, int flags, uint32_t seq,
                    size_t n, uint8_t out[RECORD_BYTES + HEADERS_BYTES])
{
    static const uint8_t ethernet[2][14] = {
        {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0},
        {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0},
    };
    uint32_t frame = (uint32_t)(HEADERS_BYTES + n);
    net->clock_ns += 1000 + gen_random_below(&net->random, 16) * 1000;
    little32(out, (uint32_t)(net->clock_ns / 1000000000));
    little32(out + 4, (uint32_t)(net->clock_ns % 1000000000 / 1000));
    little32(out + 8, frame);
    little32(out + 12, frame);
    uint8_t *p = out + RECORD_BYTES;
    memcpy(p, ethernet[dir], 14);
    ipv4_header(p + 14, c, dir, frame - 14);
    uint8_t *tcp = p + 34;
    memset(tcp, 0, 32);
    put16(tcp, c->port[dir]);
    put16(tcp + 2, c->port[!dir]);
    put32(tcp + 4, seq);
    if (flags & ACK)
        put32(tcp + 8, c->seq[!dir]);
    tcp[12] = 8 << 4;
    tcp[13] = (uint8_t)flags;
    put16(tcp + 14, 65535);
    tcp[20] = tcp[21] = 1;
    tcp[22] = 8;
    tcp[23] = 10;
    put32(tcp + 24, (uint32_t)(net->clock_ns / 1000000));
    put32(tcp + 28, (uint32_t)(net->clock_ns / 1000000) - 1);
}

static void record(struct gen_net *net, const uint8_t *head, const void *payload, size_t n)
{
    fwrite(head, 1, RECORD_BYTES + HEADERS_BYTES, net->file);
    if (n > 0)
        fwrite(payload, 1, n, net->file);
    net->packets++;
    net->wire_bytes += HEADERS_BYTES + n;
    net->file_bytes += RECORD_BYTES + HEADERS_BYTES + n;
}

/* A segment without payload. */
static void bare(struct gen_net *net, struct gen_conn *c, int dir, int flags)
{
    uint8_t head[RECORD_BYTES + HEADERS_BYTES];
    headers(net, c, dir, flags, c->seq[dir], 0, head);
    record(net, head, NULL, 0);
    if (flags & (SYN | FIN))
        c->seq[dir]++;
}

static void acknowledge(struct gen_net *net, struct gen_conn *c, int dir)
{
    if (net->impaired && gen_random_below(&net->random, 1000) == 0)
        net->missing_acks++;
    else
        bare(net, c, dir, ACK);
}

struct gen_segment {
    const uint8_t *payload;
    size_t n;
    bool last; /* of its write */
};

static void release_held(struct gen_net *net)
{
    /* It arrives now: its record must not lie in the past. */
    net->clock_ns += 1000;
    little32(net->held.data, (uint32_t)(net->clock_ns / 1000000000));
    little32(net->held.data + 4, (uint32_t)(net->clock_ns % 1000000000 / 1000));
    size_t n = net->held.len - RECORD_BYTES - HEADERS_BYTES;
    record(net, net->held.data, net->held.data + RECORD_BYTES + HEADERS_BYTES, n);
    net->held.len = 0;
    net->held_conn = NULL;
    net->out_of_order++;
}

#define LATE 22 /* of the four in ten that can be: one in a hundred of all */

/* A data segment through an imperfect network: one in a hundred late, one in a hundred twice, one
 * in a thousand not captured. A late one arrives within its own write, so `last` ones are not. */
static void impaired(struct gen_net *net, struct gen_conn *c, const uint8_t *head,
                     const struct gen_segment *segment)
{
    const uint8_t *payload = segment->payload;
    size_t n = segment->n;
    uint64_t fate = gen_random_below(&net->random, 1000);
    bool late = fate > 10 && fate <= 10 + LATE && !segment->last && !net->held_conn;
    c->watch.hurt |= fate <= 10 || late;
    if (fate == 0) {
        c->watch.missing = true;
        net->missing++;
        net->missing_bytes += n;
    } else if (late) {
        gen_buf_add(&net->held, head, RECORD_BYTES + HEADERS_BYTES);
        gen_buf_add(&net->held, payload, n);
        net->held_conn = c;
        net->held_for = 1 + (unsigned)gen_random_below(&net->random, 3);
        return;
    } else {
        record(net, head, payload, n);
        if (fate <= 10) {
            record(net, head, payload, n);
            net->retransmitted++;
        }
    }
    if (net->held_conn == c && (segment->last || --net->held_for == 0))
        release_held(net);
}

static void send_segment(struct gen_net *net, struct gen_conn *c, int dir,
                         const struct gen_segment *segment)
{
    size_t n = segment->n;
    uint8_t head[RECORD_BYTES + HEADERS_BYTES];
    headers(net, c, dir, segment->last ? PSH | ACK : ACK, c->seq[dir], n, head);
    c->seq[dir] += (uint32_t)n;
    net->payload_bytes[dir] += n;
    if (net->impaired)
        impaired(net, c, head, segment);
    else
        record(net, head, segment->payload, n);
}

/* ---- connections ---- */

void gen_net_start(struct gen_net *net)
{
    uint8_t head[24] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0};
    little32(head + 16, 262144);
    head[20] = 1;
    fwrite(head, 1, sizeof(head), net->file);
    net->file_bytes = sizeof(head);
    net->clock_ns = UINT64_C(1700000000000000000);
}

static void start_conn(struct gen_net *net, struct gen_conn *c)
{
    net->attempts++;
    for (int dir = 0; dir < 2; dir++) {
        c->seq[dir] = (uint32_t)gen_random_next(&net->random);
        c->ident[dir] = (uint16_t)gen_random_next(&net->random);
    }
    bare(net, c, GEN_C2S, SYN);
}

void gen_net_open(struct gen_net *net, struct gen_conn *c)
{
    start_conn(net, c);
    bare(net, c, GEN_S2C, SYN | ACK);
    bare(net, c, GEN_C2S, ACK);
}

void gen_net_refuse(struct gen_net *net, struct gen_conn *c)
{
    start_conn(net, c);
    c->seq[GEN_S2C] = 0;
    bare(net, c, GEN_S2C, RST | ACK);
    net->refused++;
}

void gen_net_close(struct gen_net *net, struct gen_conn *c)
{
    bare(net, c, GEN_C2S, FIN | ACK);
    bare(net, c, GEN_S2C, FIN | ACK);
    bare(net, c, GEN_C2S, ACK);
    net->closed++;
}

void gen_net_write(struct gen_conn *c, int dir)
{
    const struct gen_piece *last = c->pieces ? &c->piece[c->pieces - 1] : NULL;
    size_t from = last ? last->from + last->len : 0;
    if (c->bytes.len == from)
        return;
    if (c->pieces == c->pieces_cap) {
        c->pieces_cap = 2 * c->pieces_cap + 4;
        c->piece = realloc(c->piece, c->pieces_cap * sizeof(*c->piece));
        if (!c->piece)
            abort();
    }
    c->piece[c->pieces++] = (struct gen_piece){from, c->bytes.len - from, dir};
}

bool gen_net_step(struct gen_net *net, struct gen_conn *c)
{
    if (c->at == c->pieces) {
        c->at = c->pieces = 0;
        c->bytes.len = 0;
        return false;
    }
    const struct gen_piece *piece = &c->piece[c->at];
    size_t left = piece->len - c->sent;
    size_t n = left < net->segment_bytes ? left : net->segment_bytes;
    send_segment(net, c, piece->dir,
                 &(struct gen_segment){c->bytes.data + piece->from + c->sent, n, n == left});
    size_t end = c->watch.end[piece->dir];
    if (end > piece->from + c->sent && end <= piece->from + c->sent + n)
        c->watch.sent_ns[piece->dir] = net->clock_ns;
    c->sent += n;
    if (++c->unacked == 2 || n == left) {
        if (net->held_conn != c) /* what is still under way cannot be acknowledged */
            acknowledge(net, c, !piece->dir);
        c->unacked = 0;
    }
    if (n == left) {
        c->at++;
        c->sent = 0;
    }
    return true;
}

void gen_net_segment(struct gen_net *net, struct gen_conn *c, int dir, uint32_t seq,
                     const void *payload, size_t n)
{
    uint8_t head[RECORD_BYTES + HEADERS_BYTES];
    headers(net, c, dir, PSH | ACK, seq, n, head);
    net->payload_bytes[dir] += n;
    record(net, head, payload, n);
}

void gen_net_rest(struct gen_conn *c)
{
    free(c->bytes.data);
    free(c->piece);
    c->bytes = (struct gen_buf){0};
    c->piece = NULL;
    c->pieces = c->pieces_cap = c->at = 0;
}
