/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of packets, its disorder, and its capture file. */
#include "forge.h"
#include <libnet.h>
#include <pcap/pcap.h>

#define START_S     INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define STEP_US     250                 /* between two packets */
#define MAX_PACKETS 4096

struct packet {
    uint8_t *bytes;
    size_t n;        /* on the wire */
    size_t captured; /* in the file */
    int64_t wait_us; /* since the packet before */
};

struct forge {
    struct packet packets[MAX_PACKETS];
    size_t count;
    int64_t wait_us; /* for the next packet */
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "forge: %s\n", what);
    exit(1);
}

struct forge *forge_new(void)
{
    struct forge *f = calloc(1, sizeof *f);
    if (!f)
        fail("out of memory");
    f->wait_us = STEP_US;
    return f;
}

void forge_free(struct forge *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->packets[i].bytes);
    free(f);
}

size_t forge_count(const struct forge *f)
{
    return f->count;
}

static void add(struct forge *f, const uint8_t *bytes, size_t n)
{
    if (f->count == MAX_PACKETS)
        fail("too many packets");
    struct packet *p = &f->packets[f->count++];
    p->bytes = malloc(n);
    if (!p->bytes)
        fail("out of memory");
    memcpy(p->bytes, bytes, n);
    p->n = p->captured = n;
    p->wait_us = f->wait_us;
    f->wait_us = STEP_US;
}

void forge_frame(struct forge *f, uint16_t type, const uint8_t *bytes, size_t n)
{
    static const uint8_t to[6] = {2, 0, 0, 0, 0, 2}, from[6] = {2, 0, 0, 0, 0, 1};
    char error[LIBNET_ERRBUF_SIZE];
    libnet_t *l = libnet_init(LIBNET_NONE, NULL, error);
    if (!l)
        fail(error);
    uint8_t *frame;
    uint32_t frame_bytes;
    if (libnet_build_ethernet(to, from, type, bytes, (uint32_t)n, l, 0) < 0 ||
        libnet_pblock_coalesce(l, &frame, &frame_bytes) < 0)
        fail(libnet_geterror(l));
    add(f, frame, frame_bytes);
    libnet_adv_free_packet(l, frame);
    libnet_destroy(l);
}

void forge_wait_us(struct forge *f, int64_t us)
{
    f->wait_us += us;
}

static void check_index(const struct forge *f, size_t index)
{
    if (index >= f->count)
        fail("no such packet");
}

void forge_swap(struct forge *f, size_t a, size_t b)
{
    check_index(f, a);
    check_index(f, b);
    struct packet first = f->packets[a], second = f->packets[b];
    int64_t wait_us = first.wait_us;
    first.wait_us = second.wait_us;
    second.wait_us = wait_us;
    f->packets[a] = second;
    f->packets[b] = first;
}

void forge_move(struct forge *f, size_t from, size_t to)
{
    for (; from < to; from++)
        forge_swap(f, from, from + 1);
    for (; from > to; from--)
        forge_swap(f, from, from - 1);
}

void forge_lose(struct forge *f, size_t index)
{
    check_index(f, index);
    forge_move(f, index, f->count - 1);
    free(f->packets[--f->count].bytes);
}

void forge_repeat(struct forge *f, size_t index)
{
    check_index(f, index);
    add(f, f->packets[index].bytes, f->packets[index].n);
}

void forge_spoil(struct forge *f, size_t index, const char *text)
{
    check_index(f, index);
    struct packet *p = &f->packets[index];
    size_t n = strlen(text);
    if (n > p->n)
        fail("more to spoil than there is");
    memcpy(p->bytes + p->n - n, text, n);
}

void forge_snap(struct forge *f, size_t n)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->packets[i].captured > n)
            f->packets[i].captured = n;
    }
}

void forge_pad(struct forge *f, size_t n)
{
    check_index(f, 0);
    struct packet *p = &f->packets[f->count - 1];
    p->bytes = realloc(p->bytes, p->n + n);
    if (!p->bytes)
        fail("out of memory");
    memset(p->bytes + p->n, 'P', n);
    p->n += n;
    p->captured = p->n;
}

void forge_write(const struct forge *f, const char *path)
{
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 262144);
    pcap_dumper_t *out = dead ? pcap_dump_open(dead, path) : NULL;
    if (!out)
        fail(dead ? pcap_geterr(dead) : "out of memory");
    int64_t now_us = START_S * 1000000;
    for (size_t i = 0; i < f->count; i++) {
        const struct packet *p = &f->packets[i];
        now_us += p->wait_us;
        struct pcap_pkthdr header = {
            .ts = {.tv_sec = now_us / 1000000, .tv_usec = now_us % 1000000},
            .caplen = (bpf_u_int32)p->captured,
            .len = (bpf_u_int32)p->n,
        };
        pcap_dump((u_char *)out, &header, p->bytes);
    }
    pcap_dump_close(out);
    pcap_close(dead);
}
