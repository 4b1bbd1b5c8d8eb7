/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of connections that is full, or takes too much memory: who goes first. */
#include "capture/lifecycle.h"
#include "tests/capture/engine_world.h"
#include <criterion/criterion.h>

static struct world w;

static void teardown(void)
{
    world_finish(&w);
}

TestSuite(lifecycle_full, .fini = teardown);

#define expect_log(text) cr_assert_str_eq(w.log, text)

Test(lifecycle_full, drops_the_oldest)
{
    world_init(&w, &(struct engine_config){.max_flows = 3});
    world_open_from(&w, 11);
    world_open_from(&w, 12);
    world_open_from(&w, 13);
    w.now_ns += 5 * SECOND;
    w.client_host = 11;
    world_send(&w, CLIENT, 0, 0, "a");
    world_clear(&w);
    world_open_from(&w, 14);
    expect_log("closed:pruned c:end:idle s:end:idle gone opened established ");
    cr_assert_eq(w.hit.count[LIMIT_ID_FLOWS], 1);
    world_clear(&w);
    w.client_host = 11;
    world_send(&w, CLIENT, 1, 0, "b");
    expect_log("c[b] ");
    cr_assert_eq(engine_open_connections(w.engine), 3);
}

Test(lifecycle_full, drops_lingering_and_half_open_first)
{
    world_init(&w, &(struct engine_config){.max_flows = 3});
    world_open_from(&w, 11);
    w.client_host = 12;
    world_flags(&w, CLIENT, (uint32_t)-1, 0, TCP_SYN);
    world_open_from(&w, 13);
    world_flags(&w, CLIENT, 0, 0, TCP_FIN | TCP_ACK);
    world_flags(&w, SERVER, 0, 1, TCP_FIN | TCP_ACK);
    world_clear(&w);
    world_open_from(&w, 14);
    expect_log("gone opened established ");
    cr_assert_eq(w.hit.count[LIMIT_ID_FLOWS], 0);
    world_clear(&w);
    world_open_from(&w, 15);
    expect_log("closed:pruned c:end:idle s:end:idle gone opened established ");
    cr_assert_eq(w.last.endpoint[0].addr[3], 15);
    cr_assert_eq(w.hit.count[LIMIT_ID_FLOWS], 1);
}

/* What the listener has for connections counts with them. */
Test(lifecycle_full, bytes_of_all_drop_the_oldest)
{
    uint64_t listener_bytes = 0;
    world_init(&w, &(struct engine_config){.max_bytes = 4 * LIMITS_FLOW_BYTES,
                                           .listener_bytes = &listener_bytes});
    for (uint8_t host = 11; host < 16; host++) {
        world_open_from(&w, host);
        w.now_ns += 2 * SECOND;
    }
    cr_assert_eq(w.hit.count[LIMIT_ID_FLOWS], 1);
    cr_assert_eq(engine_open_connections(w.engine), 4);
    listener_bytes = LIMITS_FLOW_BYTES + 1;
    world_clear(&w);
    world_send(&w, CLIENT, 0, 0, "a");
    expect_log("closed:pruned c:end:idle s:end:idle gone closed:pruned c:end:idle s:end:idle gone "
               "c[a] ");
    listener_bytes = 100 * LIMITS_FLOW_BYTES;
    world_clear(&w);
    world_send(&w, CLIENT, 1, 0, "b");
    expect_log("closed:pruned c:end:idle s:end:idle gone c[b] ");
    world_clear(&w);
    world_send(&w, CLIENT, 2, 0, "c"); /* one always goes on */
    expect_log("c[c] ");
    cr_assert_eq(w.hit.count[LIMIT_ID_FLOWS], 4);
}
