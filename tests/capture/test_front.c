/* SPDX-License-Identifier: BSD-3-Clause */
/* What the front makes of packets: counts, the clock, shards, datagrams in the batch's memory. */
#include "capture/front.h"
#include "tests/capture/engine_world.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

static struct world w;

static void setup(void)
{
    world_init(&w, NULL);
}

static void teardown(void)
{
    world_finish(&w);
}

TestSuite(front, .init = setup, .fini = teardown);

static struct front_counters counters(void)
{
    struct front_counters c;
    front_counters(w.front, &c);
    return c;
}

static void raw_frame(const char *bytes, size_t n, int link_type)
{
    struct packets p;
    packets_begin(&p, bytes, n);
    world_frame(&w, &p, link_type);
}

Test(front, names_of_reasons)
{
    cr_assert_str_eq(front_undecoded_name(UNDECODED_LINK_TYPE), "link_type");
    cr_assert_str_eq(front_undecoded_name(UNDECODED_FRAGMENT), "fragment");
    for (int i = 0; i < UNDECODED_COUNT; i++)
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(front_undecoded_name((enum undecoded)i),
                              front_undecoded_name((enum undecoded)j));
}

Test(front, counts_what_goes_no_further)
{
    struct packets p;
    raw_frame("anything", 8, 9999);
    raw_frame("\2\0\0\0\0\1\2\0\0\0\0\2\x08\x06", 14, LINK_ETHERNET);
    raw_frame("\x45", 1, LINK_RAW);
    packets_begin(&p, "udp", 3);
    packets_ipv4(&p, &(struct packets_ip){.from = 1, .to = 2, .protocol = 17});
    world_frame(&w, &p, LINK_RAW);
    packets_begin(&p, "tcp?", 4);
    packets_ipv4(&p, &(struct packets_ip){.from = 1, .to = 2, .protocol = 6});
    world_frame(&w, &p, LINK_RAW);
    w.snap_bytes = 30;
    world_send(&w, CLIENT, 0, 0, "x");
    packets_begin(&p, "half", 4);
    packets_ipv4(&p, &(struct packets_ip){.protocol = 6, .more = true});
    world_frame(&w, &p, LINK_RAW);
    cr_assert_eq(counters().undecoded[UNDECODED_FRAGMENT], 0);
    front_finish(w.front);
    struct front_counters c = counters();
    cr_assert_eq(c.packets, 7);
    cr_assert_eq(c.truncated_packets, 1);
    cr_assert_eq(c.undecoded[UNDECODED_LINK_TYPE], 1);
    cr_assert_eq(c.undecoded[UNDECODED_NOT_IP], 1);
    cr_assert_eq(c.undecoded[UNDECODED_NOT_TCP], 1);
    cr_assert_eq(c.undecoded[UNDECODED_MALFORMED], 2);
    cr_assert_eq(c.undecoded[UNDECODED_TRUNCATED], 1);
    cr_assert_eq(c.undecoded[UNDECODED_FRAGMENT], 1);
    cr_assert_eq(w.gone, 0);
}

Test(front, counts_bytes_and_times)
{
    w.now_ns = 5000;
    raw_frame("abc", 3, 9999);
    w.now_ns = 3000;
    raw_frame("abcd", 4, 9999);
    w.now_ns = 4000;
    raw_frame("", 0, 9999);
    struct front_counters c = counters();
    cr_assert_eq(c.wire_bytes, 7);
    cr_assert_eq(c.first_ns, 3000);
    cr_assert_eq(c.last_ns, 5000);
}

/* ---- batches ---- */

static struct batch *b;
static struct front *f;

static void make(uint32_t shards)
{
    b = batch_new();
    f = front_new(&(struct front_config){.shards = shards}, &w.hit);
    cr_assert(b && f);
}

static void drop(void)
{
    batch_free(b);
    front_free(f);
}

static void add(const struct packets *p, int64_t ts_ns)
{
    struct packet packet = {packets_at(p), p->n, p->n, ts_ns, ++w.number, LINK_ETHERNET};
    cr_assert_eq(batch_add(b, &packet), 1);
}

/* A segment of a connection that is told apart by host and port. */
static void add_segment(int side, uint8_t host, uint16_t port, int family)
{
    struct packets p;
    w.client_host = host;
    w.port[CLIENT] = port;
    w.family = (uint8_t)family;
    world_build(&w, &(struct world_segment){.side = side, .flags = TCP_ACK, .data = "x", .n = 1},
                &p);
    add(&p, w.now_ns);
}

Test(front, every_batch_is_decoded_anew)
{
    make(1);
    add_segment(CLIENT, 1, 1, 4);
    add_segment(SERVER, 1, 1, 4);
    front_batch(f, b);
    cr_assert_eq(b->segments[1].kind, BATCH_SEGMENT);
    batch_clear(b);
    struct packets p;
    packets_begin(&p, "arp", 3);
    packets_ethernet(&p, 0x0806);
    add(&p, w.now_ns);
    add(&p, w.now_ns);
    front_batch(f, b);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(b->segments[i].kind, BATCH_NOTHING);
        cr_assert_eq(b->segments[i].shard, 0);
        cr_assert_eq(b->segments[i].number, 3u + (unsigned)i);
    }
    drop();
}

Test(front, shards_do_not_depend_on_the_direction)
{
    static unsigned count[FRONT_SHARDS_MAX];
    static const uint32_t shards[] = {1, 2, 3, 4, 7, 64, 256};
    for (size_t k = 0; k < sizeof(shards) / sizeof(shards[0]); k++) {
        memset(count, 0, sizeof(count));
        make(shards[k]);
        for (int i = 0; i < 256; i++) {
            int family = i & 1 ? 6 : 4;
            batch_clear(b);
            for (uint16_t port = 0; port < 64; port++) {
                add_segment(CLIENT, (uint8_t)i, (uint16_t)(30000 + port), family);
                add_segment(SERVER, (uint8_t)i, (uint16_t)(30000 + port), family);
            }
            front_batch(f, b);
            for (int at = 0; at < 128; at += 2) {
                const struct batch_segment *s = &b->segments[at];
                cr_assert_lt(s->shard, shards[k]);
                cr_assert_eq(s[0].shard, s[1].shard);
                count[s->shard]++;
            }
        }
        for (uint32_t i = 0; i < shards[k]; i++) /* of 16384 connections: about its share */
            cr_assert(count[i] * shards[k] > 16384 / 2 && count[i] * shards[k] < 16384 * 2,
                      "%u of %u: %u", i, shards[k], count[i]);
        drop();
    }
}

Test(front, ports_with_one_sum_do_not_share_a_shard)
{
    unsigned count[4] = {0};
    make(4);
    for (uint16_t i = 0; i < 1024; i++) {
        batch_clear(b);
        w.port[SERVER] = (uint16_t)(20000 - i);
        add_segment(CLIENT, 1, (uint16_t)(30000 + i), 4);
        front_batch(f, b);
        count[b->segments[0].shard]++;
    }
    for (int i = 0; i < 4; i++)
        cr_assert(count[i] > 128 && count[i] < 512, "%d: %u", i, count[i]);
    drop();
}

Test(front, the_clock_and_its_ticks)
{
    static const struct {
        int64_t ts_ns, now_ns;
        bool tick;
    } steps[] = {{-5, -5, true},
                 {-7, -5, false},
                 {0, 0, true},
                 {(1 << 30) - 1, (1 << 30) - 1, false},
                 {1 << 30, 1 << 30, true},
                 {0, 1 << 30, false},
                 {INT64_MIN, 1 << 30, false},
                 {INT64_MAX, INT64_MAX / 2, true},
                 {INT64_MAX - 1, INT64_MAX / 2, false}};
    make(1);
    struct packets p;
    packets_begin(&p, "anything", 8);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        batch_clear(b);
        add(&p, steps[i].ts_ns);
        front_batch(f, b);
        cr_assert_eq(b->segments[0].now_ns, steps[i].now_ns, "step %zu", i);
        cr_assert_eq(b->segments[0].tick, steps[i].tick, "step %zu", i);
    }
    drop();
}

/* Datagrams of two fragments each, so many that they do not fit into the batch's own memory. */
static void add_datagrams(int n)
{
    static uint8_t segment[30040];
    struct packets p;
    memset(segment, 'd', sizeof(segment));
    packets_begin(&p, segment, 30000);
    packets_tcp(&p, &(struct packets_tcp){.from_port = 40000, .to_port = 80, .flags = TCP_ACK});
    memcpy(segment, packets_at(&p), p.n);
    for (int part = 0; part < 2; part++) { /* all first parts, then, in a new batch, the others */
        uint32_t at = part ? 30016 : 0;
        for (int i = 0; i < n; i++) {
            segment[7] = (uint8_t)i; /* of the sequence number */
            packets_begin(&p, segment + at, part ? 4 : 30016);
            packets_ipv4(&p, &(struct packets_ip){.from = 1,
                                                  .to = 2,
                                                  .protocol = 6,
                                                  .id = (uint32_t)i,
                                                  .offset = at,
                                                  .more = !part});
            packets_ethernet(&p, 0x0800);
            if (!part)
                batch_clear(b);
            add(&p, w.now_ns);
            if (!part)
                front_batch(f, b);
        }
        if (!part)
            batch_clear(b);
    }
}

Test(front, datagrams_lie_in_the_batch)
{
    make(4);
    add_datagrams(20);
    front_batch(f, b);
    for (uint32_t i = 0; i < 20; i++) {
        const struct batch_segment *s = &b->segments[i];
        cr_assert_eq(s->kind, BATCH_SEGMENT);
        cr_assert_eq(s->segment.seq, i);
        cr_assert_eq(s->segment.captured_bytes, 30000);
        cr_assert_eq(s->segment.data[0], 'd');
        cr_assert_eq(memcmp(s->segment.data, s->segment.data + 1, 29999), 0);
        cr_assert(i == 0 || s->segment.data != s[-1].segment.data);
    }
    cr_assert_eq(w.hit.count[LIMIT_ID_FRAGMENTS], 0);
    drop();
}

/* One datagram is lost for each allocation that fails: of a fragment, or of a piece of the batch.
 */
Test(front, datagrams_while_memory_is_short)
{
    bool alone = false, failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct front_counters c;
        make(4);
        add_datagrams(20);
        w.hit.count[LIMIT_ID_FRAGMENTS] = 0;
        fail_alloc_at(n);
        front_batch(f, b);
        failed = fail_alloc_stop();
        unsigned lost = 0;
        for (uint32_t i = 0; i < 20; i++)
            lost += b->segments[i].kind == BATCH_NOTHING;
        cr_assert_eq(lost, failed);
        cr_assert_eq(w.hit.count[LIMIT_ID_FRAGMENTS], failed);
        front_counters(f, &c);
        cr_assert_eq(c.packets, 40);
        cr_assert_eq(c.undecoded[UNDECODED_FRAGMENT] > 0, failed);
        alone = alone || c.undecoded[UNDECODED_FRAGMENT] == 1;
        drop();
    }
    cr_assert(alone, "a datagram was complete, and found no memory");
}

Test(front, icmp_errors_name_their_segment)
{
    make(7);
    struct packets p;
    uint8_t error[60] = {3, 1};
    add_segment(CLIENT, 1, 40000, 4);
    world_build(&w, &(struct world_segment){.flags = TCP_SYN, .seq = 0x01020304}, &p);
    memcpy(error + 8, packets_at(&p) + 14, 28);
    packets_begin(&p, error, 36);
    packets_ipv4(&p, &(struct packets_ip){.from = 9, .to = 1, .protocol = 1});
    packets_ethernet(&p, 0x0800);
    add(&p, 12345);
    front_batch(f, b);
    const struct batch_segment *s = b->segments;
    cr_assert_eq(s[1].kind, BATCH_UNREACHABLE);
    cr_assert_eq(s[1].shard, s[0].shard);
    cr_assert_eq(s[1].segment.seq, 0x01020304);
    cr_assert_eq(s[1].segment.ts_ns, 12345);
    cr_assert_eq(memcmp(&s[1].key, &s[0].key, sizeof(s->key)), 0);
    drop();
}

Test(front, memory_is_short)
{
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        struct front *other = front_new(&(struct front_config){.shards = 2}, &w.hit);
        bool failed = fail_alloc_stop();
        cr_assert_eq(!other, failed);
        front_free(other);
        if (!failed)
            break;
    }
    front_free(NULL);
}
