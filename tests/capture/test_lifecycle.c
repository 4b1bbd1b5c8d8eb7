/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/lifecycle.h"
#include "tests/capture/engine_world.h"
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

TestSuite(lifecycle, .init = setup, .fini = teardown);

#define expect_log(text) cr_assert_str_eq(w.log, text)

static void expect_end(const char *text)
{
    world_finish(&w);
    cr_assert_str_eq(w.log, text);
}

Test(lifecycle, whole_life)
{
    world_handshake(&w);
    expect_log("opened established ");
    cr_assert_eq(w.last.opened_ns, 1000 * SECOND);
    cr_assert_eq(w.last.established_ns, 1000 * SECOND + MS / 5);
    cr_assert(w.last.roles_known && !w.last.midstream);
    cr_assert_eq(w.last.endpoint[0].port, 40000);
    cr_assert_eq(engine_open_connections(w.engine), 1);
    world_send(&w, CLIENT, 0, 0, "ask");
    world_send(&w, SERVER, 0, 3, "answer");
    world_flags(&w, CLIENT, 3, 6, TCP_FIN | TCP_ACK);
    cr_assert_eq(engine_open_connections(w.engine), 1);
    world_flags(&w, SERVER, 6, 4, TCP_FIN | TCP_ACK);
    world_flags(&w, CLIENT, 4, 7, TCP_ACK);
    cr_assert_eq(engine_open_connections(w.engine), 0);
    expect_end("opened established c[ask] s[answer] c:end:fin s:end:fin closed:fin gone ");
    cr_assert_eq(w.last.side[CLIENT].packets, 5);
    cr_assert_eq(w.last.side[SERVER].packets, 3);
    cr_assert_eq(w.last.side[CLIENT].wire_bytes, 5 * 54 + 3);
    cr_assert_eq(w.last.side[SERVER].payload_bytes, 6);
    cr_assert_eq(w.last.side[CLIENT].retransmitted_packets, 0);
    cr_assert_eq(w.last.side[SERVER].retransmitted_packets, 0);
}

Test(lifecycle, ipv6)
{
    w.family = 6;
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "ask");
    cr_assert_eq(w.last.endpoint[0].family, 6);
    expect_end("opened established c[ask] c:end:capture s:end:capture gone ");
}

Test(lifecycle, retransmitted_syn_is_the_same_connection)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    w.now_ns += SECOND;
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    expect_end("opened established c:end:capture s:end:capture gone ");
    cr_assert_eq(w.last.side[CLIENT].retransmitted_packets, 1);
    cr_assert_eq(w.last.side[SERVER].retransmitted_packets, 1);
}

Test(lifecycle, data_in_the_syn)
{
    struct world_segment syn = {.flags = TCP_SYN, .seq = CLIENT_ISN, .data = "early", .n = 5};
    world_segment(&w, &syn);
    world_flags(&w, SERVER, (uint32_t)-1, 5, TCP_SYN | TCP_ACK);
    world_send(&w, CLIENT, 5, 0, "more");
    expect_end("opened c[early] established c[more] c:end:capture s:end:capture gone ");
}

Test(lifecycle, simultaneous_open)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    expect_log("opened ");
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_send(&w, SERVER, 0, 0, "hi");
    expect_end("opened established s[hi] c:end:capture s:end:capture gone ");
}

Test(lifecycle, one_direction_only)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    world_send(&w, CLIENT, 0, 0, "a");
    world_send(&w, CLIENT, 1, 5000, "b");
    expect_end("opened established c[a] c[b] c:end:capture s:end:capture gone ");
    cr_assert_eq(w.last.side[SERVER].lost_bytes, 0);
}

Test(lifecycle, answers_only)
{
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_send(&w, SERVER, 0, 10, "a");
    cr_assert(w.last.roles_known && !w.last.midstream && w.last.opened_late);
    cr_assert_eq(w.last.endpoint[0].port, 40000);
    expect_end("opened established s[a] c:end:capture s:end:capture gone ");
}

/* ---- failing ---- */

Test(lifecycle, refused)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_segment(&w, &(struct world_segment){
                          .side = SERVER, .flags = TCP_RST | TCP_ACK, .ack = CLIENT_ISN + 1});
    expect_log("opened failed:refused ");
    w.now_ns += 3 * SECOND;
    world_tick(&w, w.now_ns);
    expect_log("opened failed:refused c:end:reset s:end:reset ");
    w.now_ns += 61 * SECOND;
    world_tick(&w, w.now_ns);
    expect_log("opened failed:refused c:end:reset s:end:reset gone ");
}

/* A client that sends the refused SYN again is one connection; an answer to it begins another. */
Test(lifecycle, answer_after_refusal)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_segment(&w, &(struct world_segment){
                          .side = SERVER, .flags = TCP_RST | TCP_ACK, .ack = CLIENT_ISN + 1});
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "ask");
    expect_log("opened failed:refused c:end:reset s:end:reset gone opened established c[ask] ");
}

Test(lifecycle, rst_that_answers_something_else_refuses_nothing)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_segment(
        &w, &(struct world_segment){.side = SERVER, .flags = TCP_RST | TCP_ACK, .ack = CLIENT_ISN});
    world_segment(&w, &(struct world_segment){.side = SERVER, .flags = TCP_RST});
    world_segment(&w, &(struct world_segment){.side = CLIENT, .flags = TCP_RST, .seq = 5});
    expect_log("opened ");
}

/* The server takes the SYN for the old connection and says so; the client tells it off. */
Test(lifecycle, challenge_acknowledgement)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_segment(&w, &(struct world_segment){
                          .side = SERVER, .flags = TCP_ACK, .seq = 77, .ack = CLIENT_ISN - 9000});
    world_segment(
        &w, &(struct world_segment){.side = CLIENT, .flags = TCP_RST, .seq = CLIENT_ISN - 9000});
    expect_log("opened ");
    world_handshake(&w);
    world_send(&w, SERVER, 0, 0, "fine");
    expect_log("opened established s[fine] ");
}

Test(lifecycle, timed_out)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    w.now_ns += 100 * SECOND;
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_tick(&w, 1129 * SECOND);
    expect_log("opened ");
    world_tick(&w, 1130 * SECOND);
    expect_log("opened failed:timed_out c:end:idle s:end:idle ");
    cr_assert_eq(w.last.closed_ns, 1130 * SECOND);
}

Test(lifecycle, reset_in_handshake)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_flags(&w, CLIENT, 0, 0, TCP_RST);
    expect_end("opened failed:reset c:end:reset s:end:reset gone ");
}

Test(lifecycle, reset_by_the_client_before_an_answer)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, CLIENT, 0, 0, TCP_RST);
    expect_end("opened failed:reset c:end:reset s:end:reset gone ");
}

static void send_unreachable(uint8_t type, uint8_t code, uint32_t seq)
{
    struct packets p;
    uint8_t icmp[8] = {type, code};
    bool v6 = w.family == 6;
    world_build(&w, &(struct world_segment){.flags = TCP_SYN, .seq = seq}, &p);
    packets_begin(&p, packets_at(&p) + 14, p.n - 14 - 12); /* IP header and 8 bytes */
    packets_prepend(&p, icmp, sizeof(icmp));
    struct packets_ip ip = {.from = 9, .to = 1, .protocol = v6 ? 58 : 1};
    if (v6)
        packets_ipv6(&p, &ip);
    else
        packets_ipv4(&p, &ip);
    packets_ethernet(&p, v6 ? 0x86dd : 0x0800);
    world_frame(&w, &p, LINK_ETHERNET);
}

Test(lifecycle, unreachable)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    send_unreachable(11, 0, CLIENT_ISN);
    send_unreachable(3, 4, CLIENT_ISN);
    send_unreachable(3, 1, CLIENT_ISN + 1);
    expect_log("opened ");
    send_unreachable(3, 1, CLIENT_ISN);
    expect_log("opened failed:unreachable c:end:reset s:end:reset ");
    struct front_counters c;
    front_counters(w.front, &c);
    cr_assert_eq(c.undecoded[UNDECODED_NOT_TCP], 4);
}

Test(lifecycle, unreachable_v6)
{
    w.family = 6;
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    send_unreachable(2, 0, CLIENT_ISN);
    expect_log("opened ");
    send_unreachable(1, 3, CLIENT_ISN);
    expect_log("opened failed:unreachable c:end:reset s:end:reset ");
}

Test(lifecycle, unreachable_later_is_ignored)
{
    world_handshake(&w);
    send_unreachable(3, 1, CLIENT_ISN);
    expect_log("opened established ");
}

/* ---- closing ---- */

Test(lifecycle, half_close)
{
    world_handshake(&w);
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    for (uint32_t i = 0; i < 3; i++)
        world_send(&w, SERVER, i, 1, "x");
    world_flags(&w, SERVER, 3, 1, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 3, 1, TCP_FIN | TCP_ACK);
    expect_end("opened established c:end:fin s[x] s[x] s[x] s:end:fin closed:fin gone ");
    cr_assert_eq(w.last.side[SERVER].retransmitted_packets, 1);
}

Test(lifecycle, fin_out_of_order_waits_for_its_place)
{
    world_handshake(&w);
    world_flags(&w, SERVER, 6, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    expect_log("opened established c:end:fin closed:fin ");
    world_send(&w, SERVER, 3, 1, "def");
    world_send(&w, SERVER, 0, 1, "abc");
    expect_log("opened established c:end:fin closed:fin s[abc] s[def] s:end:fin ");
    cr_assert_eq(w.last.closed_ns, 1000 * SECOND + 4 * MS / 10);
}

Test(lifecycle, reset)
{
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "ask");
    world_flags(&w, SERVER, 0, 3, TCP_RST | TCP_ACK);
    expect_log("opened established c[ask] closed:reset ");
    cr_assert_eq(engine_open_connections(w.engine), 0);
    world_send(&w, CLIENT, 3, 0, "late");
    expect_log("opened established c[ask] closed:reset c[late] ");
    world_tick(&w, w.now_ns + 2 * SECOND);
    expect_log("opened established c[ask] closed:reset c[late] c:end:reset s:end:reset ");
}

Test(lifecycle, reset_ends_after_32_packets)
{
    world_handshake(&w);
    world_flags(&w, SERVER, 0, 0, TCP_RST | TCP_ACK);
    for (int i = 0; i < 31; i++)
        world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    expect_log("opened established closed:reset ");
    world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    expect_log("opened established closed:reset c:end:reset s:end:reset ");
}

Test(lifecycle, unbelievable_reset_is_ignored)
{
    world_handshake(&w);
    world_flags(&w, SERVER, 0xa0000000u, 0, TCP_RST);
    expect_log("opened established ");
}

Test(lifecycle, idle)
{
    world_handshake(&w);
    int64_t last_ns = w.now_ns - MS / 10;
    world_tick(&w, last_ns + 3600 * SECOND - 1);
    expect_log("opened established ");
    world_tick(&w, last_ns + 3600 * SECOND);
    expect_log("opened established closed:idle c:end:idle s:end:idle gone ");
    cr_assert_eq(w.last.closed_ns, last_ns + 3600 * SECOND);
    cr_assert_eq(engine_open_connections(w.engine), 0);
}

/* No more than are allowed, and the others when they are; one that a packet comes for at once. */
Test(lifecycle, many_that_are_idle_end_one_after_another)
{
    for (uint8_t host = 10; host < 20; host++)
        world_open_from(&w, host);
    w.now_ns += 4000 * SECOND;
    engine_allow(w.engine, 3);
    world_tick(&w, w.now_ns);
    cr_assert_eq(engine_open_connections(w.engine), 7);
    world_tick(&w, w.now_ns + SECOND);
    cr_assert_eq(engine_open_connections(w.engine), 7);
    world_clear(&w);
    w.client_host = 19;
    world_send(&w, CLIENT, 0, 0, "again");
    expect_log("closed:idle c:end:idle s:end:idle gone midstream ");
    engine_allow(w.engine, 5);
    world_tick(&w, w.now_ns + SECOND);
    cr_assert_eq(engine_open_connections(w.engine), 2);
    engine_allow(w.engine, UINT64_MAX);
    world_tick(&w, w.now_ns + 2 * SECOND);
    cr_assert_eq(engine_open_connections(w.engine), 1);
    world_finish(&w);
}

/* Where the end can be divided: behind every ninth of forty, if five numbers may be told. */
Test(lifecycle, milestones_of_the_end)
{
    uint64_t numbers[40];
    for (uint8_t host = 10; host < 50; host++)
        world_open_from(&w, host);
    cr_assert_eq(engine_milestones(w.engine, 50, numbers, 40), 0);
    cr_assert_eq(engine_milestones(w.engine, 12, numbers, 40), 3);
    cr_assert_eq(engine_milestones(w.engine, 3, numbers, 5), 4);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(numbers[i], 3 * 9 * (i + 1) + 1);
    world_finish(&w);
}

Test(lifecycle, packet_after_the_idle_time_out_is_a_new_connection)
{
    world_handshake(&w);
    w.now_ns += 4000 * SECOND;
    world_send(&w, CLIENT, 0, 0, "again");
    expect_end("opened established closed:idle c:end:idle s:end:idle gone "
               "midstream c[again] c:end:capture s:end:capture gone ");
}

Test(lifecycle, activity_postpones_the_idle_time_out)
{
    world_handshake(&w);
    for (int i = 0; i < 3; i++) {
        w.now_ns += 3000 * SECOND;
        world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    }
    expect_log("opened established ");
}

Test(lifecycle, late_packets_make_no_ghost)
{
    world_handshake(&w);
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 0, 1, TCP_FIN | TCP_ACK);
    w.now_ns += 59 * SECOND;
    world_flags(&w, CLIENT, 1, 1, TCP_ACK);
    w.now_ns += 59 * SECOND;
    world_flags(&w, CLIENT, 1, 1, TCP_RST);
    expect_log("opened established c:end:fin s:end:fin closed:fin ");
    w.now_ns += 61 * SECOND;
    world_tick(&w, w.now_ns);
    expect_log("opened established c:end:fin s:end:fin closed:fin gone ");
    cr_assert_eq(w.last.side[CLIENT].packets, 5);
}

/* ---- the same ports again ---- */

Test(lifecycle, ports_used_again_after_close)
{
    world_handshake(&w);
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 0, 1, TCP_FIN | TCP_ACK);
    world_clear(&w);
    w.isn[CLIENT] += 100;
    w.isn[SERVER] += 100;
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "second");
    expect_log("gone opened established c[second] ");
    cr_assert_eq(w.opened, 2);
}

Test(lifecycle, ports_used_again_while_open)
{
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "first");
    w.isn[CLIENT] = 0x80001234u;
    w.isn[SERVER] = 0xc0001234u;
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "second");
    expect_log("opened established c[first] closed:idle c:end:idle s:end:idle gone "
               "opened established c[second] ");
}

Test(lifecycle, new_attempt_before_an_answer)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    w.isn[CLIENT] += 5000000;
    world_handshake(&w);
    expect_log("opened failed:timed_out c:end:idle s:end:idle gone opened established ");
}

Test(lifecycle, ports_used_again_with_swapped_roles)
{
    world_handshake(&w);
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 0, 1, TCP_FIN | TCP_ACK);
    world_clear(&w);
    w.isn[SERVER] = 0x70000000;
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN);
    expect_log("gone opened ");
    cr_assert_eq(w.last.endpoint[0].port, 80);
}

Test(lifecycle, answer_whose_syn_was_lost_begins_a_new_connection)
{
    world_handshake(&w);
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 0, 1, TCP_FIN | TCP_ACK);
    world_clear(&w);
    w.isn[CLIENT] += 100000;
    w.isn[SERVER] += 100000;
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_send(&w, CLIENT, 0, 0, "x");
    expect_log("gone opened established c[x] ");
    cr_assert_eq(w.last.endpoint[0].port, 40000);
}

/* ---- midstream ---- */

Test(lifecycle, midstream_guesses_by_port)
{
    world_send(&w, SERVER, 500, 700, "answer");
    expect_log("midstream ");
    cr_assert(w.last.midstream && !w.last.roles_known);
    cr_assert_eq(w.last.state, CONN_OPEN);
    cr_assert_eq(w.last.endpoint[0].port, 40000);
    world_send(&w, CLIENT, 700, 506, "ask");
    expect_end("midstream s[answer] c[ask] c:end:capture s:end:capture gone ");
}

Test(lifecycle, midstream_with_equal_ports_believes_the_first)
{
    w.port[CLIENT] = w.port[SERVER] = 5000;
    world_send(&w, SERVER, 500, 700, "x");
    cr_assert_eq(w.last.endpoint[0].addr[3], 2);
}

Test(lifecycle, midstream_begins_after_two_seconds)
{
    world_send(&w, CLIENT, 700, 506, "b");
    world_send(&w, CLIENT, 699, 506, "a");
    expect_log("midstream ");
    world_tick(&w, 1002 * SECOND);
    expect_log("midstream c[a] c[b] ");
    world_send(&w, CLIENT, 701, 506, "c");
    expect_log("midstream c[a] c[b] c[c] ");
}

Test(lifecycle, midstream_begins_after_32_packets)
{
    world_send(&w, CLIENT, 700, 506, "b");
    for (int i = 0; i < 31; i++)
        world_flags(&w, SERVER, 506, 701, TCP_ACK);
    expect_log("midstream ");
    world_flags(&w, SERVER, 506, 701, TCP_ACK);
    expect_log("midstream c[b] ");
}

Test(lifecycle, midstream_keep_alive_byte_is_no_data)
{
    world_flags(&w, SERVER, 506, 700, TCP_ACK);
    world_send(&w, CLIENT, 699, 506, "?");
    world_send(&w, CLIENT, 700, 506, "data");
    expect_end("midstream c[data] c:end:capture s:end:capture gone ");
}

Test(lifecycle, listener_swaps_the_roles)
{
    w.swap_roles = true;
    world_send(&w, CLIENT, 700, 506, "answer");
    world_send(&w, SERVER, 506, 706, "ask");
    expect_end("midstream s[answer] c[ask] s:end:capture c:end:capture gone ");
    cr_assert(w.last.roles_known && w.last.swapped);
}

Test(lifecycle, late_syn_corrects_the_guess)
{
    w.port[CLIENT] = 80; /* so that the guess is wrong */
    w.port[SERVER] = 40000;
    world_send(&w, CLIENT, 0, 0, "ask");
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    expect_log("midstream c[ask] ");
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_send(&w, SERVER, 0, 3, "answer");
    expect_end("midstream c[ask] s[answer] c:end:capture s:end:capture gone ");
    cr_assert(w.last.roles_known);
    cr_assert_eq(conn_client(&w.last)->port, 80);
}

Test(lifecycle, late_syn_after_answer)
{
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    cr_assert(!w.last.opened_late);
    world_send(&w, CLIENT, 0, 0, "ask");
    expect_end("opened established c[ask] c:end:capture s:end:capture gone ");
}

/* Without it the answer's first bytes would be missing unnoticed. */
Test(lifecycle, lost_syn_ack_and_answer_leave_a_gap)
{
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    world_send(&w, CLIENT, 0, 0, "ask");
    world_send(&w, SERVER, 10, 3, "rest");
    expect_end("opened established c[ask] s:gap:10 s[rest] c:end:capture s:end:capture gone ");
}

/* A capture may hold even the handshake out of order: all is known but the time that it took. */
Test(lifecycle, handshake_backwards)
{
    world_flags(&w, SERVER, (uint32_t)-1, 0, TCP_SYN | TCP_ACK);
    world_flags(&w, CLIENT, 0, 0, TCP_ACK);
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_send(&w, CLIENT, 0, 0, "ask");
    expect_log("opened established c[ask] ");
    cr_assert(w.last.opened_late && w.last.established_ns != 0);
}

Test(lifecycle, first_packet_is_a_reset)
{
    world_flags(&w, CLIENT, 5, 5, TCP_RST | TCP_ACK);
    expect_end("midstream closed:reset c:end:reset s:end:reset gone ");
}

/* ---- odd clocks ---- */

Test(lifecycle, absurd_time_stamp_does_not_spoil_what_follows)
{
    world_handshake(&w);
    int64_t normal_ns = w.now_ns;
    w.now_ns = INT64_MAX;
    w.client_host = 99;
    struct packets p;
    world_build(&w, &(struct world_segment){.flags = TCP_SYN}, &p);
    world_frame(&w, &p, LINK_ETHERNET);
    w.now_ns = normal_ns;
    w.client_host = 1;
    w.isn[CLIENT] += 10000000;
    world_clear(&w);
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "ask");
    expect_log("opened established c[ask] ");
}

Test(lifecycle, finish_is_in_order_of_appearance)
{
    for (uint8_t host = 11; host < 14; host++)
        world_open_from(&w, host);
    w.client_host = 11;
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 0, 1, TCP_FIN | TCP_ACK);
    world_finish(&w);
    cr_assert_eq(w.opened, 3);
    cr_assert_eq(w.gone, 3);
    cr_assert(strstr(w.log, "closed:fin gone c:end:capture s:end:capture gone c:end:capture"));
}
