/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/engine.h"
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

TestSuite(engine, .init = setup, .fini = teardown);

static struct front_counters counters(void)
{
    struct front_counters c;
    front_counters(w.front, &c);
    return c;
}

Test(engine, every_link_type_carries_a_connection)
{
    static const int types[] = {LINK_RAW_LINUX, LINK_RAW, LINK_IPV4, LINK_NULL, LINK_SLL};
    for (uint8_t i = 0; i < 5; i++) {
        struct packets p;
        w.client_host = (uint8_t)(20 + i);
        world_build(&w, &(struct world_segment){.flags = TCP_SYN, .seq = 1}, &p);
        p.start += 14;
        p.n -= 14;
        if (types[i] == LINK_NULL)
            packets_prepend(&p, "\2\0\0\0", 4);
        if (types[i] == LINK_SLL)
            packets_prepend(&p, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0\x08\0", 16);
        world_frame(&w, &p, types[i]);
        cr_assert_eq(w.opened, i + 1u);
        cr_assert_eq(w.last.opened_ns, w.now_ns);
    }
}

/* One TCP segment in fragments that come in any order: one packet, all of the frames' bytes. */
static void send_fragmented(int family)
{
    struct packets p;
    uint8_t segment[1020];
    w.family = (uint8_t)family;
    world_handshake(&w);
    world_clear(&w);
    packets_begin(&p, "0123456789abcdefghij", 20);
    packets_tcp(&p, &(struct packets_tcp){.from_port = 40000,
                                          .to_port = 80,
                                          .seq = CLIENT_ISN + 1,
                                          .ack = SERVER_ISN + 1,
                                          .flags = TCP_ACK});
    memcpy(segment, packets_at(&p), p.n);
    uint32_t total = p.n;
    for (uint32_t at = 32;; at -= 16) {
        packets_begin(&p, segment + at, at == 32 ? total - 32 : 16);
        struct packets_ip ip = {
            .from = 1, .to = 2, .protocol = 6, .id = 5, .offset = at, .more = at < 32};
        if (family == 4)
            packets_ipv4(&p, &ip);
        else
            packets_ipv6(&p, &ip);
        packets_ethernet(&p, family == 4 ? 0x0800 : 0x86dd);
        world_frame(&w, &p, LINK_ETHERNET);
        if (at == 0)
            break;
    }
    cr_assert_str_eq(w.log, "c[0123456789abcdefghij] ");
    cr_assert_eq(counters().undecoded[UNDECODED_FRAGMENT], 0);
    world_finish(&w);
    cr_assert_eq(w.last.side[CLIENT].packets, 3);
    uint64_t header = family == 4 ? 34 : 54;
    uint64_t fragment = family == 4 ? 34 : 62;
    cr_assert_eq(w.last.side[CLIENT].wire_bytes, 2 * (header + 20) + 3 * fragment + 40);
}

Test(engine, fragments_v4)
{
    send_fragmented(4);
}

Test(engine, fragments_v6)
{
    send_fragmented(6);
}

Test(engine, super_packet_of_segmentation_offload)
{
    static uint8_t big[69000];
    struct packets p;
    w.quiet = true;
    world_handshake(&w);
    packets_begin(&p, big, sizeof(big));
    packets_tcp(&p, &(struct packets_tcp){.from_port = 40000,
                                          .to_port = 80,
                                          .seq = CLIENT_ISN + 1,
                                          .ack = SERVER_ISN + 1,
                                          .flags = TCP_ACK});
    packets_ipv4(&p, &(struct packets_ip){.from = 1, .to = 2, .protocol = 6, .zero_length = true});
    packets_ethernet(&p, 0x0800);
    world_frame(&w, &p, LINK_ETHERNET);
    cr_assert_eq(w.n[CLIENT], sizeof(big));
}

Test(engine, padding_is_no_data)
{
    struct packets p;
    world_handshake(&w);
    world_clear(&w);
    world_build(
        &w,
        &(struct world_segment){
            .flags = TCP_ACK, .seq = CLIENT_ISN + 1, .ack = SERVER_ISN + 1, .data = "x", .n = 1},
        &p);
    packets_append(&p, "\0\0\0\0\0", 5);
    world_frame(&w, &p, LINK_ETHERNET);
    cr_assert_str_eq(w.log, "c[x] ");
}

Test(engine, tick_before_any_packet)
{
    world_tick(&w, 5);
    cr_assert_eq(counters().packets, 0);
    world_handshake(&w);
    cr_assert_str_eq(w.log, "opened established ");
}

Test(engine, free_without_finish_is_silent)
{
    world_handshake(&w);
    world_send(&w, CLIENT, 5, 0, "held");
    world_clear(&w);
    world_free(&w);
    cr_assert_str_eq(w.log, "");
    engine_free(NULL);
}

Test(engine, every_time_stamp)
{
    static const int64_t times[] = {INT64_MIN, -1, 0, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};
    for (uint32_t i = 0; i < 36; i++) {
        world_finish(&w);
        world_init(&w, NULL);
        w.now_ns = times[i / 6];
        world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
        w.now_ns = times[i % 6];
        world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
        w.now_ns = times[i % 6];
        world_send(&w, SERVER, 3, 0, "def");
        w.now_ns = times[i / 6];
        world_send(&w, SERVER, 0, 0, "abc");
    }
}

/* A scene with everything that allocates: flows, holes on both sides, fragments. */
static void scene(void)
{
    for (uint8_t host = 11; host < 80; host++) {
        w.client_host = host;
        world_handshake(&w);
        world_send(&w, CLIENT, 6, 0, "ghi");
        world_send(&w, SERVER, 3, 0, "def");
        world_send(&w, CLIENT, 0, 0, "abc");
    }
    w.client_host = 1;
    for (uint32_t offset = 0; offset < 48; offset += 24) {
        struct packets p;
        packets_begin(&p, "123456781234567812345678", 24);
        packets_ipv4(
            &p,
            &(struct packets_ip){
                .from = 1, .to = 2, .protocol = 6, .id = 5, .offset = offset, .more = offset == 0});
        world_frame(&w, &p, LINK_RAW);
    }
}

Test(engine, every_allocation_failing)
{
    world_finish(&w);
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        bool made = world_init(&w, NULL);
        w.short_memory = true;
        if (made) {
            scene();
            world_finish(&w);
        }
        if (!fail_alloc_stop())
            break;
    }
    cr_assert_eq(w.gone, 69);
    world_init(&w, NULL);
}
