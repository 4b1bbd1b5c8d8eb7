/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rewrites a capture as a network or a capture box would spoil it, the same way every time.
 *
 * usage: mutate OPERATION IN OUT [NUMBER]...
 *   rotate IN OUT N            OUT.0 ... OUT.N-1, each with its share of the packets
 *   segment IN OUT N           TCP segments of at most N bytes of payload
 *   reorder IN OUT PCT SEED    that many packets come up to 4 places late, with their own time,
 *                              but not behind one that is more than a second later: what waits
 *                              for a packet that long may give it up (capture/stream.h)
 *   duplicate IN OUT PCT SEED  that many packets come twice, the copy up to 3 places later
 *   drop IN OUT PCT SEED       that many packets are missing
 *   corrupt IN OUT PCT SEED    that many packets have up to 4 wrong bytes
 *   oneway IN OUT PORT WAY     only what goes to (WAY 0) or comes from (1) a TCP port
 *   start IN OUT N             without the first N packets
 *   stop IN OUT N              only the first N packets
 *   without IN OUT N           without the packet that N others stand in front of
 *   snap IN OUT N              at most N bytes of each packet
 *   cut IN OUT N               the file's first N bytes
 * Prints how many bytes of TCP payload were left out (drop, without) on standard output, and the
 * same with one more for each FIN: where that is missing, its acknowledgement tells of a byte.
 *
 * Ethernet only, IPv4 and IPv6 without extension headers; other packets are passed through as they
 * are. A segment keeps its time when it is split; its flags FIN and PSH go to the last part.
 */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNAP_BYTES       262144
#define PERCENT          100
#define REORDER_PLACES   4
#define DUPLICATE_PLACES 3
#define CORRUPT_BYTES    4
#define ETHERNET_BYTES   14
#define TCP_FIN_PSH      0x09
#define TCP_FIN          0x01

struct item {
    struct pcap_pkthdr header;
    uint8_t *bytes;
    uint64_t order; /* sorts the output; two steps a packet */
};

struct capture {
    int link_type;
    struct item *items;
    size_t count, size;
};

/* Where the parts of a TCP packet are; payload_at is 0 for anything else. */
struct layout {
    size_t ip_at, tcp_at, payload_at, end;
    bool v6;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "mutate: %s: %s\n", what, why);
    exit(1);
}

static void *allocate(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        fail("memory", "exhausted");
    return p;
}

/* splitmix64: small, seeded, the same everywhere. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static bool random_hit(uint64_t *state, uint64_t percent)
{
    return random_next(state) % PERCENT < percent;
}

static uint16_t read16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)read16(p) << 16 | read16(p + 2);
}

static void write16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void write32(uint8_t *p, uint32_t value)
{
    write16(p, value >> 16);
    write16(p + 2, value);
}

static void capture_add(struct capture *c, const struct pcap_pkthdr *header, const uint8_t *bytes)
{
    if (c->count == c->size) {
        c->size = c->size ? 2 * c->size : 1024;
        c->items = realloc(c->items, c->size * sizeof c->items[0]);
        if (!c->items)
            fail("memory", "exhausted");
    }
    struct item *item = &c->items[c->count];
    item->header = *header;
    item->bytes = allocate(header->caplen);
    memcpy(item->bytes, bytes, header->caplen);
    item->order = 2 * c->count++;
}

static void capture_read(const char *path, struct capture *c)
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *in = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
    if (!in)
        fail(path, error);
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    c->link_type = pcap_datalink(in);
    while (pcap_next_ex(in, &header, &bytes) == 1)
        capture_add(c, header, bytes);
    pcap_close(in);
}

static void capture_free(struct capture *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->items[i].bytes);
    free(c->items);
}

static void capture_write(const struct capture *c, const char *path, size_t from, size_t to)
{
    pcap_t *dead =
        pcap_open_dead_with_tstamp_precision(c->link_type, SNAP_BYTES, PCAP_TSTAMP_PRECISION_NANO);
    pcap_dumper_t *out = dead ? pcap_dump_open(dead, path) : NULL;
    if (!out)
        fail(path, dead ? pcap_geterr(dead) : "cannot write");
    for (size_t i = from; i < to; i++)
        pcap_dump((u_char *)out, &c->items[i].header, c->items[i].bytes);
    pcap_dump_close(out);
    pcap_close(dead);
}

static int item_compare(const void *a, const void *b)
{
    uint64_t left = ((const struct item *)a)->order, right = ((const struct item *)b)->order;
    return (left > right) - (left < right);
}

static void sort_items(struct capture *c)
{
    if (c->count > 0)
        qsort(c->items, c->count, sizeof c->items[0], item_compare);
}

static struct layout layout_of(const struct item *item)
{
    struct layout l = {0};
    const uint8_t *p = item->bytes;
    size_t n = item->header.caplen;
    if (n < ETHERNET_BYTES + 20)
        return l;
    l.ip_at = ETHERNET_BYTES;
    const uint8_t *ip = p + l.ip_at;
    if (read16(p + 12) == 0x0800 && ip[9] == 6 && (read16(ip + 6) & 0x3fff) == 0) {
        l.tcp_at = l.ip_at + 4u * (ip[0] & 15);
        l.end = l.ip_at + read16(ip + 2);
    } else if (read16(p + 12) == 0x86dd && n >= ETHERNET_BYTES + 40 && ip[6] == 6) {
        l.v6 = true;
        l.tcp_at = l.ip_at + 40;
        l.end = l.tcp_at + read16(ip + 4);
    } else {
        return l;
    }
    if (l.end > n || l.tcp_at + 20 > l.end)
        return l;
    size_t payload_at = l.tcp_at + 4u * (p[l.tcp_at + 12] >> 4);
    l.payload_at = payload_at <= l.end ? payload_at : 0;
    return l;
}

static size_t payload_bytes(const struct item *item)
{
    struct layout l = layout_of(item);
    return l.payload_at ? l.end - l.payload_at : 0;
}

/* The Internet checksum's sum, not yet folded. */
static uint64_t sum16(const uint8_t *p, size_t n, uint64_t sum)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += read16(p + i);
    return n % 2 ? sum + (uint64_t)(p[n - 1] << 8) : sum;
}

static uint16_t fold16(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Sets lengths and checksums of a packet whose payload ends at l->end. */
static void seal(uint8_t *p, const struct layout *l)
{
    uint8_t *ip = p + l->ip_at, *tcp = p + l->tcp_at;
    size_t tcp_bytes = l->end - l->tcp_at;
    uint64_t sum = 6 + tcp_bytes;
    if (l->v6) {
        write16(ip + 4, (uint32_t)tcp_bytes);
        sum = sum16(ip + 8, 32, sum);
    } else {
        write16(ip + 2, (uint32_t)(l->end - l->ip_at));
        write16(ip + 10, 0);
        write16(ip + 10, fold16(sum16(ip, l->tcp_at - l->ip_at, 0)));
        sum = sum16(ip + 12, 8, sum);
    }
    write16(tcp + 16, 0);
    write16(tcp + 16, fold16(sum16(tcp, tcp_bytes, sum)));
}

/* Adds the parts of one packet to c. */
static void split(struct capture *c, const struct item *item, size_t part_bytes)
{
    struct layout l = layout_of(item);
    size_t total = l.payload_at ? l.end - l.payload_at : 0;
    if (total <= part_bytes) {
        capture_add(c, &item->header, item->bytes);
        return;
    }
    uint8_t *part = allocate(item->header.caplen);
    uint32_t seq = read32(item->bytes + l.tcp_at + 4);
    for (size_t done = 0; done < total; done += part_bytes) {
        size_t n = total - done < part_bytes ? total - done : part_bytes;
        memcpy(part, item->bytes, l.payload_at);
        memcpy(part + l.payload_at, item->bytes + l.payload_at + done, n);
        write32(part + l.tcp_at + 4, seq + (uint32_t)done);
        if (done + n < total)
            part[l.tcp_at + 13] &= (uint8_t)~TCP_FIN_PSH;
        struct layout now = l;
        now.end = l.payload_at + n;
        seal(part, &now);
        struct pcap_pkthdr header = item->header;
        header.caplen = header.len = (uint32_t)now.end;
        capture_add(c, &header, part);
    }
    free(part);
}

static void mutate_segment(struct capture *c, size_t part_bytes)
{
    struct capture parts = {.link_type = c->link_type};
    for (size_t i = 0; i < c->count; i++)
        split(&parts, &c->items[i], part_bytes);
    capture_free(c);
    *c = parts;
}

/* How many places the packet may come late, of those wished for. */
static uint64_t places_near(const struct capture *c, size_t index, uint64_t wished)
{
    const struct timeval *own = &c->items[index].header.ts;
    uint64_t places = 0;
    while (places < wished && index + places + 1 < c->count) {
        const struct timeval *next = &c->items[index + places + 1].header.ts;
        int64_t seconds = (int64_t)next->tv_sec - (int64_t)own->tv_sec;
        if (seconds > 1 || (seconds == 1 && next->tv_usec > own->tv_usec))
            break;
        places++;
    }
    return places;
}

static void mutate_reorder(struct capture *c, uint64_t percent, uint64_t seed)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!random_hit(&seed, percent))
            continue;
        uint64_t places = places_near(c, i, 1 + random_next(&seed) % REORDER_PLACES);
        c->items[i].order += places ? 2 * places + 1 : 0;
    }
    sort_items(c);
}

static void mutate_duplicate(struct capture *c, uint64_t percent, uint64_t seed)
{
    size_t count = c->count;
    for (size_t i = 0; i < count; i++) {
        if (!random_hit(&seed, percent))
            continue;
        struct pcap_pkthdr header = c->items[i].header;
        uint64_t order = c->items[i].order;
        capture_add(c, &header, c->items[i].bytes);
        c->items[c->count - 1].order = order + 2 * (random_next(&seed) % DUPLICATE_PLACES) + 1;
    }
    sort_items(c);
}

static void mutate_corrupt(struct capture *c, uint64_t percent, uint64_t seed)
{
    for (size_t i = 0; i < c->count; i++) {
        struct item *item = &c->items[i];
        if (!random_hit(&seed, percent) || item->header.caplen == 0)
            continue;
        for (uint64_t n = 1 + random_next(&seed) % CORRUPT_BYTES; n > 0; n--)
            item->bytes[random_next(&seed) % item->header.caplen] = (uint8_t)random_next(&seed);
    }
}

static bool goes(const struct item *item, uint64_t port, bool from)
{
    struct layout l = layout_of(item);
    return l.payload_at && read16(item->bytes + l.tcp_at + (from ? 0 : 2)) == port;
}

static bool is_fin(const struct item *item)
{
    struct layout l = layout_of(item);
    return l.payload_at && (item->bytes[l.tcp_at + 13] & TCP_FIN) != 0;
}

/* Keeps the items for which keep[i] is set; prints what of the others is missed. */
static void keep_items(struct capture *c, const bool *keep)
{
    uint64_t lost = 0, fins = 0;
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (keep[i]) {
            c->items[kept++] = c->items[i];
        } else {
            lost += payload_bytes(&c->items[i]);
            fins += is_fin(&c->items[i]);
            free(c->items[i].bytes);
        }
    }
    c->count = kept;
    printf("%" PRIu64 " %" PRIu64 "\n", lost, lost + fins);
}

static bool leaves_out(const char *operation)
{
    static const char *const operations[] = {"drop", "oneway", "start", "stop", "without"};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operation, operations[i]) == 0)
            return true;
    return false;
}

static void mutate_leave_out(struct capture *c, const char *operation, uint64_t a, uint64_t b)
{
    bool *keep = allocate(c->count);
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(operation, "drop") == 0)
            keep[i] = !random_hit(&b, a);
        else if (strcmp(operation, "oneway") == 0)
            keep[i] = goes(&c->items[i], a, b != 0);
        else if (strcmp(operation, "stop") == 0)
            keep[i] = i < a;
        else if (strcmp(operation, "without") == 0)
            keep[i] = i != a;
        else
            keep[i] = i >= a;
    }
    keep_items(c, keep);
    free(keep);
}

static void mutate_snap(struct capture *c, uint64_t bytes)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i].header.caplen > bytes)
            c->items[i].header.caplen = (uint32_t)bytes;
    }
}

static void write_rotated(const struct capture *c, const char *path, uint64_t files)
{
    for (uint64_t i = 0; i < files; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s.%" PRIu64, path, i);
        capture_write(c, name, c->count * i / files, c->count * (i + 1) / files);
    }
}

static void copy_cut(const char *in_path, const char *out_path, uint64_t bytes)
{
    FILE *in = fopen(in_path, "rb"), *out = fopen(out_path, "wb");
    if (!in || !out)
        fail(in ? out_path : in_path, "cannot open");
    int byte;
    while (bytes-- > 0 && (byte = getc(in)) != EOF)
        putc(byte, out);
    fclose(in);
    if (fclose(out) != 0)
        fail(out_path, "cannot write");
}

/* Returns false for an operation that does not exist. */
static bool mutate(struct capture *c, const char *operation, uint64_t a, uint64_t b)
{
    if (strcmp(operation, "segment") == 0)
        mutate_segment(c, a ? a : 1);
    else if (strcmp(operation, "reorder") == 0)
        mutate_reorder(c, a, b);
    else if (strcmp(operation, "duplicate") == 0)
        mutate_duplicate(c, a, b);
    else if (strcmp(operation, "corrupt") == 0)
        mutate_corrupt(c, a, b);
    else if (strcmp(operation, "snap") == 0)
        mutate_snap(c, a);
    else if (leaves_out(operation))
        mutate_leave_out(c, operation, a, b);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 6) {
        fputs("usage: mutate OPERATION IN OUT NUMBER [NUMBER]\n", stderr);
        return 2;
    }
    const char *operation = argv[1], *in = argv[2], *out = argv[3];
    uint64_t a = strtoull(argv[4], NULL, 10), b = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
    if (strcmp(operation, "cut") == 0) {
        copy_cut(in, out, a);
        return 0;
    }
    struct capture c = {0};
    capture_read(in, &c);
    if (strcmp(operation, "rotate") == 0)
        write_rotated(&c, out, a ? a : 1);
    else if (mutate(&c, operation, a, b))
        capture_write(&c, out, 0, c.count);
    else
        fail(operation, "no such operation");
    capture_free(&c);
    return 0;
}
