/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/reassembly.h"
#include "tests/capture/engine_world.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

static struct world w;

static void setup(void)
{
    world_init(&w, NULL);
    world_handshake(&w);
    world_clear(&w);
}

static void teardown(void)
{
    world_finish(&w);
}

TestSuite(reassembly, .init = setup, .fini = teardown);

#define expect_log(text) cr_assert_str_eq(w.log, text)

/* Counters are copied at conn() calls: the last comes with the end. */
static const struct conn_counters *finished(int side)
{
    world_finish(&w);
    return &w.last.side[side];
}

static void client_packets(int n)
{
    for (int i = 0; i < n; i++)
        world_flags(&w, SERVER, 0, 0, TCP_ACK);
}

/* ---- order ---- */

Test(reassembly, out_of_order)
{
    world_send(&w, CLIENT, 6, 0, "ghi");
    world_send(&w, CLIENT, 3, 0, "def");
    expect_log("");
    world_send(&w, CLIENT, 0, 0, "abc");
    expect_log("c[abc] c[def] c[ghi] ");
    cr_assert_eq(finished(CLIENT)->out_of_order_packets, 2);
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 0);
    cr_assert_eq(finished(CLIENT)->payload_bytes, 9);
}

Test(reassembly, late_filling_is_a_retransmission)
{
    world_send(&w, CLIENT, 3, 0, "def");
    w.now_ns += 3 * MS;
    world_send(&w, CLIENT, 0, 0, "abc");
    cr_assert_eq(finished(CLIENT)->out_of_order_packets, 0);
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 1);
}

/* The round trip of this handshake is 0.2 ms. */
Test(reassembly, three_milliseconds_are_always_granted)
{
    world_send(&w, CLIENT, 3, 0, "def");
    w.now_ns += 3 * MS - MS / 10;
    world_send(&w, CLIENT, 0, 0, "abc");
    cr_assert_eq(finished(CLIENT)->out_of_order_packets, 1);
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 0);
}

/* With a round trip of 50 ms, nobody resends within 50 ms. */
Test(reassembly, round_trip_decides_what_is_late)
{
    w.client_host = 3;
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    w.now_ns += 50 * MS;
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    world_send(&w, CLIENT, 3, 0, "def");
    w.now_ns += 49 * MS;
    world_send(&w, CLIENT, 0, 0, "abc");
    cr_assert_eq(finished(CLIENT)->out_of_order_packets, 1);
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 0);
}

Test(reassembly, retransmissions)
{
    world_send(&w, CLIENT, 0, 0, "abcdef");
    world_send(&w, CLIENT, 0, 0, "abcdef");
    world_send(&w, CLIENT, 0, 0, "abc");
    world_send(&w, CLIENT, 3, 0, "defghi"); /* with new data behind */
    world_send(&w, CLIENT, 12, 0, "mno");
    world_send(&w, CLIENT, 12, 0, "mno"); /* of held data */
    expect_log("c[abcdef] c[ghi] ");
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 4);
    cr_assert_eq(finished(CLIENT)->payload_bytes, 12);
    cr_assert_eq(finished(CLIENT)->overlap_conflicts, 0);
    cr_assert_eq(finished(CLIENT)->packets, 8);
}

Test(reassembly, sequence_numbers_wrap)
{
    for (uint32_t before = 0; before < 12; before++) {
        world_finish(&w);
        world_init(&w, NULL);
        w.isn[CLIENT] = 0u - before;
        world_handshake(&w);
        world_clear(&w);
        world_send(&w, CLIENT, 0, 0, "abc");
        world_send(&w, CLIENT, 9, 0, "jkl");
        world_send(&w, CLIENT, 6, 0, "ghi");
        world_send(&w, CLIENT, 0, 0, "abc");
        world_send(&w, CLIENT, 2, 0, "cdefg");
        expect_log("c[abc] c[def] c[ghi] c[jkl] ");
        cr_assert_eq(finished(CLIENT)->overlap_conflicts, 0);
    }
}

Test(reassembly, first_copy_wins_and_conflicts_are_counted)
{
    world_send(&w, CLIENT, 3, 0, "def");
    world_send(&w, CLIENT, 3, 0, "dXf");
    world_send(&w, CLIENT, 0, 0, "abcDEFghi");
    expect_log("c[abc] c[def] c[ghi] ");
    cr_assert_eq(finished(CLIENT)->overlap_conflicts, 2);
}

Test(reassembly, overlaps_in_every_position)
{
    for (uint32_t at = 0; at < 8; at++)
        for (uint32_t n = 1; n <= 8; n++) {
            world_finish(&w);
            world_init(&w, NULL);
            world_handshake(&w);
            static const char text[] = "abcdefghijklmnopqrst";
            char part[20] = {0};
            world_send(&w, CLIENT, 3, 0, "def");
            world_send(&w, CLIENT, 8, 0, "ij");
            memcpy(part, text + 1 + at, n);
            world_send(&w, CLIENT, 1 + at, 0, part);
            world_send(&w, CLIENT, 0, 0, "abcdefghijklmnopqrs");
            cr_assert_eq(w.n[CLIENT], 19);
            cr_assert_arr_eq(w.bytes[CLIENT], text, 19);
            cr_assert_eq(finished(CLIENT)->overlap_conflicts, 0);
            cr_assert_eq(finished(CLIENT)->payload_bytes, 19);
        }
}

Test(reassembly, keep_alive_is_no_retransmission)
{
    world_send(&w, CLIENT, 0, 0, "abc");
    for (int i = 0; i < 3; i++) {
        world_send(&w, CLIENT, 2, 0, "\xff");
        world_flags(&w, CLIENT, 2, 0, TCP_ACK);
    }
    world_send(&w, CLIENT, 3, 0, "def");
    expect_log("c[abc] c[def] ");
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 0);
}

Test(reassembly, zero_window_probes)
{
    world_send(&w, CLIENT, 0, 0, "abc");
    struct world_segment closed = {.side = SERVER,
                                   .flags = TCP_ACK,
                                   .seq = SERVER_ISN + 1,
                                   .ack = CLIENT_ISN + 4,
                                   .zero_window = true};
    world_segment(&w, &closed);
    for (int i = 0; i < 3; i++) {
        world_send(&w, CLIENT, 3, 0, "d");
        world_segment(&w, &closed);
    }
    world_flags(&w, SERVER, 0, 3, TCP_ACK);
    world_send(&w, CLIENT, 3, 0, "def");
    expect_log("c[abc] c[d] c[ef] ");
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 0);
}

Test(reassembly, far_away_segments_are_not_believed)
{
    world_send(&w, CLIENT, 0, 0, "abc");
    world_send(&w, CLIENT, 0x50000000, 0, "forged");
    world_send(&w, CLIENT, 0xb0000000, 0, "forged");
    world_send(&w, CLIENT, 3, 0, "def");
    expect_log("c[abc] c[def] ");
    cr_assert_eq(finished(CLIENT)->payload_bytes, 6);
}

/* 2^31 bytes behind: the least number that a distance can be. */
Test(reassembly, acknowledged_half_a_world_away)
{
    world_send(&w, CLIENT, 0, 0, "abc");
    world_flags(&w, SERVER, 0, 3 + 0x80000000, TCP_ACK);
    world_finish(&w);
    expect_log("c[abc] c:end:capture s:end:capture gone ");
}

Test(reassembly, data_behind_the_fin_is_ignored)
{
    w.beyond_end = true;
    world_send(&w, CLIENT, 6, 0, "beyond");
    world_flags(&w, CLIENT, 3, 0, TCP_FIN | TCP_ACK);
    world_send(&w, CLIENT, 0, 0, "abc");
    world_send(&w, CLIENT, 3, 0, "more");
    expect_log("c[abc] c:end:fin ");
}

Test(reassembly, fin_with_data_and_again)
{
    struct world_segment last = {.flags = TCP_FIN | TCP_ACK,
                                 .seq = CLIENT_ISN + 4,
                                 .ack = SERVER_ISN + 1,
                                 .data = "def",
                                 .n = 3};
    world_segment(&w, &last);
    world_segment(&w, &last);
    world_send(&w, CLIENT, 0, 0, "abc");
    world_segment(&w, &last);
    expect_log("c[abc] c[def] c:end:fin ");
    cr_assert_eq(finished(CLIENT)->retransmitted_packets, 2);
}

/* ---- places ---- */

static int64_t data_ns[8];
static int data_count;

static void on_data(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                    const struct stream_pos *at)
{
    if (data_count < 8)
        data_ns[data_count++] = at->ts_ns;
    world_on_data(ctx, c, dir, bytes, n, at);
}

Test(reassembly, available_when_the_latest_earlier_byte_was_captured)
{
    w.sink.data = on_data;
    int64_t start_ns = w.now_ns;
    w.now_ns = start_ns + 30;
    world_send(&w, CLIENT, 6, 0, "ghi");
    w.now_ns = start_ns + 20;
    world_send(&w, CLIENT, 3, 0, "def");
    w.now_ns = start_ns + 25;
    world_send(&w, CLIENT, 0, 0, "abc");
    w.now_ns = start_ns + 10;
    world_send(&w, CLIENT, 9, 0, "jkl");
    cr_assert_eq(data_count, 4);
    cr_assert_eq(data_ns[0], start_ns + 25);
    cr_assert_eq(data_ns[1], start_ns + 25);
    cr_assert_eq(data_ns[2], start_ns + 30);
    cr_assert_eq(data_ns[3], start_ns + 30);
}

static const uint8_t *delivered_at;

static void on_borrowed(void *ctx, struct conn *c, enum dir dir, const uint8_t *bytes, size_t n,
                        const struct stream_pos *at)
{
    delivered_at = bytes;
    world_on_data(ctx, c, dir, bytes, n, at);
}

Test(reassembly, in_order_is_not_copied)
{
    w.sink.data = on_borrowed;
    struct packets p;
    world_build(
        &w,
        &(struct world_segment){
            .flags = TCP_ACK, .seq = CLIENT_ISN + 1, .ack = SERVER_ISN + 1, .data = "abc", .n = 3},
        &p);
    struct packet packet = {packets_at(&p), p.n, p.n, w.now_ns, 9, LINK_ETHERNET};
    fail_alloc_at(1);
    world_packet(&w, &packet);
    cr_assert(!fail_alloc_stop());
    cr_assert_eq(delivered_at, packets_at(&p) + 54);
}

/* ---- the gap rule ---- */

Test(reassembly, acknowledged_hole_waits_for_32_packets)
{
    world_send(&w, CLIENT, 3, 0, "def");
    world_flags(&w, SERVER, 0, 6, TCP_ACK);
    client_packets(31);
    expect_log("");
    client_packets(1);
    expect_log("c:gap:3 c[def] ");
    cr_assert_eq(finished(CLIENT)->lost_bytes, 3);
}

Test(reassembly, acknowledged_hole_waits_for_two_seconds)
{
    world_send(&w, CLIENT, 3, 0, "def");
    w.now_ns += SECOND;
    int64_t acknowledged_ns = w.now_ns;
    world_flags(&w, SERVER, 0, 6, TCP_ACK);
    world_tick(&w, acknowledged_ns + 2 * SECOND - 1);
    expect_log("");
    world_tick(&w, acknowledged_ns + 2 * SECOND);
    expect_log("c:gap:3 c[def] ");
}

Test(reassembly, acknowledged_hole_can_still_be_filled)
{
    world_send(&w, CLIENT, 3, 0, "def");
    world_flags(&w, SERVER, 0, 6, TCP_ACK);
    client_packets(31);
    world_send(&w, CLIENT, 0, 0, "abc");
    expect_log("c[abc] c[def] ");
}

Test(reassembly, acknowledgement_before_the_hole_shows)
{
    world_flags(&w, SERVER, 0, 6, TCP_ACK);
    client_packets(50);
    world_send(&w, CLIENT, 3, 0, "def");
    client_packets(31);
    expect_log("");
    client_packets(1);
    expect_log("c:gap:3 c[def] ");
}

Test(reassembly, partly_acknowledged_hole_is_not_beyond)
{
    world_send(&w, CLIENT, 3, 0, "def");
    world_flags(&w, SERVER, 0, 2, TCP_ACK);
    for (int i = 0; i < 60; i++)
        world_flags(&w, SERVER, 0, 2, TCP_ACK);
    expect_log("");
    world_flags(&w, SERVER, 0, 3, TCP_ACK);
    client_packets(32);
    expect_log("c:gap:3 c[def] ");
}

Test(reassembly, each_hole_has_its_own_clock)
{
    world_send(&w, CLIENT, 1, 0, "b");
    world_send(&w, CLIENT, 3, 0, "d");
    world_flags(&w, SERVER, 0, 1, TCP_ACK);
    w.now_ns += SECOND;
    world_flags(&w, SERVER, 0, 3, TCP_ACK);
    int64_t second_ns = w.now_ns - MS / 10;
    world_tick(&w, second_ns + SECOND + MS);
    expect_log("c:gap:1 c[b] ");
    world_tick(&w, second_ns + 2 * SECOND);
    expect_log("c:gap:1 c[b] c:gap:1 c[d] ");
}

Test(reassembly, hole_is_ten_seconds_old)
{
    int64_t born_ns = w.now_ns;
    world_send(&w, CLIENT, 9, 0, "jkl");
    w.now_ns += SECOND;
    world_send(&w, CLIENT, 3, 0, "def"); /* the same hole, in two now */
    world_tick(&w, born_ns + 10 * SECOND - 1);
    expect_log("");
    world_tick(&w, born_ns + 10 * SECOND);
    expect_log("c:gap:3 c[def] c:gap:3 c[jkl] ");
}

Test(reassembly, packets_of_other_connections_let_time_pass)
{
    world_send(&w, CLIENT, 3, 0, "def");
    w.now_ns += 10 * SECOND;
    w.client_host = 9;
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    expect_log("c:gap:3 c[def] opened ");
}

Test(reassembly, closed_connection_waits_like_an_acknowledged_one)
{
    world_send(&w, CLIENT, 3, 0, "def");
    world_flags(&w, SERVER, 0, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, CLIENT, 6, 1, TCP_FIN | TCP_ACK);
    expect_log("s:end:fin closed:fin ");
    client_packets(31);
    expect_log("s:end:fin closed:fin ");
    client_packets(1);
    expect_log("s:end:fin closed:fin c:gap:3 c[def] c:end:fin ");
}

Test(reassembly, reset_connection_waits_too)
{
    world_send(&w, CLIENT, 3, 0, "def");
    world_flags(&w, SERVER, 0, 0, TCP_RST | TCP_ACK);
    world_send(&w, CLIENT, 6, 0, "ghi");
    client_packets(30);
    expect_log("closed:reset ");
    client_packets(1);
    expect_log("closed:reset c:gap:3 c[def] c[ghi] c:end:reset s:end:reset ");
}

Test(reassembly, hole_before_the_fin)
{
    world_flags(&w, CLIENT, 3, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 0, 4, TCP_ACK);
    world_tick(&w, w.now_ns + 2 * SECOND);
    expect_log("c:gap:3 c:end:fin ");
}

Test(reassembly, end_of_the_capture)
{
    world_send(&w, CLIENT, 3, 0, "def");
    world_finish(&w);
    expect_log("c:gap:3 c[def] c:end:capture s:end:capture gone ");
}

Test(reassembly, truncation_is_a_gap_at_once)
{
    w.snap_bytes = 54 + 4;
    world_send(&w, CLIENT, 0, 0, "abcdef");
    expect_log("c[abcd] c:cut:2 ");
    world_send(&w, CLIENT, 9, 0, "jklmno"); /* held, cut */
    world_send(&w, CLIENT, 6, 0, "ghi");
    expect_log("c[abcd] c:cut:2 c[ghi] c[jklm] c:cut:2 ");
    w.snap_bytes = 54;
    world_send(&w, CLIENT, 15, 0, "pqr");
    expect_log("c[abcd] c:cut:2 c[ghi] c[jklm] c:cut:2 c:cut:3 ");
    cr_assert_eq(finished(CLIENT)->payload_bytes, 18);
    cr_assert_eq(finished(CLIENT)->truncated_bytes, 7);
    cr_assert_eq(finished(CLIENT)->lost_bytes, 0);
}

Test(reassembly, conflicts_are_not_seen_in_what_was_cut_off)
{
    w.snap_bytes = 54 + 2;
    world_send(&w, CLIENT, 3, 0, "def");
    w.snap_bytes = 0;
    world_send(&w, CLIENT, 3, 0, "deX");
    world_send(&w, CLIENT, 0, 0, "abc");
    expect_log("c[abc] c[de] c:cut:1 ");
    cr_assert_eq(finished(CLIENT)->overlap_conflicts, 0);
}

Test(reassembly, conflicts_are_not_seen_behind_the_cut_of_the_second_copy)
{
    world_send(&w, CLIENT, 3, 0, "defghi");
    world_send(&w, SERVER, 0, 0, "zzzzzz"); /* stays in the buffer, behind what is read next */
    w.snap_bytes = 54 + 2;
    world_send(&w, CLIENT, 3, 0, "deXXXX");
    w.snap_bytes = 54 + 3;
    world_send(&w, CLIENT, 3, 0, "deXXXX"); /* the first X is seen */
    w.snap_bytes = 0;
    world_send(&w, CLIENT, 0, 0, "abc");
    expect_log("s[zzzzzz] c[abc] c[defghi] ");
    cr_assert_eq(finished(CLIENT)->overlap_conflicts, 1);
}
