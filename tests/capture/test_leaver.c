/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/capture/engine_world.h"
#include <criterion/criterion.h>

static struct world w;

static void setup(void)
{
    world_init(&w, NULL);
    world_handshake(&w);
    world_send(&w, CLIENT, 0, 0, "ask");
    world_send(&w, SERVER, 0, 3, "answer");
}

static void teardown(void)
{
    world_finish(&w);
}

TestSuite(leaver, .init = setup, .fini = teardown);

#define FIN (TCP_FIN | TCP_ACK)

/* Who left first, by role; -1: nobody. */
static int first(void)
{
    world_finish(&w);
    bool client = conn_left_first(&w.last, DIR_C2S), server = conn_left_first(&w.last, DIR_S2C);
    cr_assert(!(client && server));
    return client ? CLIENT : server ? SERVER : -1;
}

Test(leaver, nobody)
{
    cr_expect_eq(first(), -1);
}

Test(leaver, fin)
{
    world_flags(&w, CLIENT, 3, 6, FIN);
    world_flags(&w, SERVER, 6, 4, FIN);
    cr_expect_eq(first(), CLIENT);
}

Test(leaver, server_fin)
{
    world_flags(&w, SERVER, 6, 3, FIN);
    world_flags(&w, CLIENT, 3, 7, FIN);
    cr_expect_eq(first(), SERVER);
}

Test(leaver, rst)
{
    world_flags(&w, CLIENT, 3, 0, TCP_RST);
    cr_expect_eq(first(), CLIENT);
}

Test(leaver, rst_after_fin)
{
    world_flags(&w, SERVER, 6, 3, FIN);
    world_flags(&w, CLIENT, 3, 0, TCP_RST);
    cr_expect_eq(first(), SERVER);
}

Test(leaver, rst_that_is_not_believed)
{
    world_flags(&w, CLIENT, UINT32_C(0x80000000), 0, TCP_RST);
    world_flags(&w, SERVER, 6, 3, FIN);
    cr_expect_eq(first(), SERVER);
}

Test(leaver, data_after_the_fin)
{
    world_flags(&w, CLIENT, 3, 6, FIN);
    world_send(&w, SERVER, 6, 4, "more");
    world_flags(&w, SERVER, 10, 4, FIN);
    cr_expect_eq(first(), CLIENT);
}

/* Both at once: the time decides, whatever the order in the capture. */
Test(leaver, simultaneous)
{
    int64_t now_ns = w.now_ns;
    w.now_ns = now_ns + MS;
    world_flags(&w, SERVER, 6, 3, FIN);
    w.now_ns = now_ns;
    world_flags(&w, CLIENT, 3, 6, FIN);
    cr_expect_eq(first(), CLIENT);
}

Test(leaver, answer_before_the_fin)
{
    int64_t now_ns = w.now_ns;
    w.now_ns = now_ns + MS;
    world_flags(&w, SERVER, 6, 4, FIN);
    cr_expect(conn_left_first(&w.last, DIR_C2S) || !w.last.leaver);
    w.now_ns = now_ns;
    world_flags(&w, CLIENT, 3, 6, FIN);
    cr_expect_eq(first(), CLIENT);
}

/* The first FIN is not in the capture: the second acknowledges it. */
Test(leaver, lost_fin)
{
    world_flags(&w, CLIENT, 3, 7, FIN);
    cr_expect_eq(first(), SERVER);
}

Test(leaver, lost_fin_of_the_client)
{
    world_flags(&w, SERVER, 6, 4, FIN);
    cr_expect_eq(first(), CLIENT);
}

Test(leaver, lost_fin_behind_a_hole)
{
    world_send(&w, CLIENT, 7, 6, "more");
    world_flags(&w, SERVER, 6, 12, FIN);
    cr_expect_eq(first(), CLIENT);
}

Test(leaver, copy_of_a_fin)
{
    world_flags(&w, CLIENT, 3, 6, FIN);
    world_flags(&w, CLIENT, 3, 6, FIN);
    world_flags(&w, SERVER, 6, 4, FIN);
    world_flags(&w, SERVER, 6, 4, FIN);
    cr_expect_eq(first(), CLIENT);
}

/* The data before the FIN comes late. */
Test(leaver, fin_in_front_of_its_data)
{
    int64_t now_ns = w.now_ns;
    w.now_ns = now_ns + MS;
    world_flags(&w, CLIENT, 6, 6, FIN);
    w.now_ns = now_ns;
    world_send(&w, CLIENT, 3, 6, "now");
    w.now_ns = now_ns + 2 * MS;
    world_flags(&w, SERVER, 6, 7, FIN);
    cr_expect_eq(first(), CLIENT);
}

Test(leaver, roles_swapped)
{
    world_finish(&w);
    world_init(&w, NULL);
    w.swap_roles = true;
    world_send(&w, CLIENT, 0, 0, "ask");
    world_send(&w, SERVER, 0, 3, "answer");
    w.now_ns += 11 * SECOND;
    world_tick(&w, w.now_ns);
    world_flags(&w, CLIENT, 3, 6, FIN);
    cr_expect_eq(first(), w.last.swapped ? SERVER : CLIENT);
    cr_expect(w.last.swapped);
}
