/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/connections.h"
#include "scene.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>

static struct limits_hit hit;
static struct budget budget = {&hit, 100, 100};
static struct connections t;

static void tell(const struct conn *c, enum conn_event event)
{
    connections_event(&t, &budget, c, event);
}

static struct conn opened(void)
{
    struct conn c = scene_conn(1, 4000, 80);
    tell(&c, CONN_EVENT_OPENED);
    return c;
}

static struct conn established(int64_t after_ns)
{
    struct conn c = opened();
    c.state = CONN_OPEN;
    c.established_ns = c.opened_ns + after_ns;
    tell(&c, CONN_EVENT_ESTABLISHED);
    return c;
}

static void finish(struct conn *c, enum conn_close how, int64_t after_ns)
{
    c->state = CONN_SHUT;
    c->close = how;
    c->closed_ns = c->opened_ns + after_ns;
    tell(c, CONN_EVENT_CLOSED);
    tell(c, CONN_EVENT_GONE);
}

Test(connections, every_attempt_has_one_fate)
{
    for (int failure = CONN_FAILURE_REFUSED; failure < CONNECTIONS_FAILURES; failure++) {
        struct conn c = opened();
        c.failure = (uint8_t)failure;
        c.state = CONN_SHUT;
        tell(&c, CONN_EVENT_FAILED);
        tell(&c, CONN_EVENT_CLOSED); /* adds nothing */
        tell(&c, CONN_EVENT_GONE);
        cr_assert_eq(t.failures[failure], 1);
    }
    struct conn ok = established(20);
    struct conn pruned = opened();
    finish(&pruned, CONN_CLOSE_PRUNED, 5);
    opened();
    cr_assert_eq(t.attempts, 7);
    cr_assert_eq(t.failed, 4);
    cr_assert_eq(t.successful, 1);
    cr_assert_eq(t.abandoned, 1);
    cr_assert_eq(connections_pending(&t), 1);
    cr_assert_eq(t.active, 1);
    cr_assert_eq(t.closed[CONN_CLOSE_PRUNED], 1);
    finish(&ok, CONN_CLOSE_FIN, 100);
    cr_assert_eq(t.active, 0);
    cr_assert_eq(t.peak_active, 1);
    connections_fini(&t);
}

Test(connections, times_are_those_of_the_handshake_and_the_life)
{
    struct conn a = established(1000), b = established(3000), c = established(-7);
    finish(&a, CONN_CLOSE_FIN, 10000);
    finish(&b, CONN_CLOSE_RESET, 30000);
    finish(&c, CONN_CLOSE_IDLE, -9);
    cr_assert_eq(t.set_up.count, 3);
    cr_assert_eq(t.set_up.max, 3000);
    cr_assert_eq(t.set_up.min, 0, "time that ran backwards");
    cr_assert_eq(t.lifetimes, 3);
    cr_assert_eq((int64_t)t.lifetime_ns, 40000);
    cr_assert_eq(t.closed[CONN_CLOSE_FIN], 1);
    cr_assert_eq(t.closed[CONN_CLOSE_RESET], 1);
    cr_assert_eq(t.closed[CONN_CLOSE_IDLE], 1);
    cr_assert_eq(t.peak_active, 3);
    connections_fini(&t);
}

Test(connections, midstream_is_no_attempt)
{
    struct conn c = scene_conn(1, 4000, 80), d = c;
    c.midstream = d.midstream = true;
    c.state = d.state = CONN_OPEN;
    tell(&c, CONN_EVENT_OPENED);
    tell(&d, CONN_EVENT_OPENED);
    c.established_ns = c.opened_ns + 5;
    tell(&c, CONN_EVENT_ESTABLISHED); /* its SYN/ACK was seen */
    cr_assert_eq(t.active, 2);
    finish(&c, CONN_CLOSE_FIN, 10);
    d.failure = CONN_FAILURE_RESET_IN_HANDSHAKE;
    tell(&d, CONN_EVENT_FAILED);
    cr_assert_eq(t.attempts + t.successful + t.failed + t.set_up.count + t.lifetimes, 0);
    cr_assert_eq(t.midstream, 2);
    cr_assert_eq(t.active, 0);
    cr_assert_eq(t.peak_active, 2);
    connections_fini(&t);
}

Test(connections, open_at_the_end_stays_open)
{
    struct conn c = established(10);
    c.side[0] = (struct conn_counters){.retransmitted_packets = 1, .lost_bytes = 10};
    c.side[1] = (struct conn_counters){
        .out_of_order_packets = 2, .overlap_conflicts = 3, .lost_bytes = 20, .truncated_bytes = 4};
    tell(&c, CONN_EVENT_GONE);
    cr_assert_eq(t.active, 1);
    cr_assert_eq(t.retransmitted_packets, 1);
    cr_assert_eq(t.out_of_order_packets, 2);
    cr_assert_eq(t.overlap_conflicts, 3);
    cr_assert_eq(t.lost_bytes, 30);
    cr_assert_eq(t.truncated_bytes, 4);
    connections_fini(&t);
}

Test(connections, merging_adds)
{
    struct conn a = established(1000);
    finish(&a, CONN_CLOSE_FIN, 2000);
    established(2000);
    struct connections sum = {0};
    connections_merge(&sum, &budget, &t);
    connections_merge(&sum, &budget, &t);
    cr_assert_eq(sum.attempts, 4);
    cr_assert_eq(sum.successful, 4);
    cr_assert_eq(sum.active, 2);
    cr_assert_eq(sum.peak_active, 2);
    cr_assert_eq(sum.set_up.count, 4);
    cr_assert_eq(sum.closed[CONN_CLOSE_FIN], 2);
    cr_assert_eq((int64_t)sum.lifetime_ns, 4000);
    connections_fini(&sum);
    connections_fini(&t);
}

Test(connections, without_memory_only_percentiles_are_missing)
{
    for (uint64_t n = 1;; n++) {
        int64_t p50;
        fail_alloc_at(n);
        struct conn c = established(1000);
        bool failed = fail_alloc_stop();
        finish(&c, CONN_CLOSE_FIN, 2000);
        cr_assert_eq(t.successful, 1);
        cr_assert_eq(t.set_up.count, 1);
        cr_assert_eq(histogram_percentile(&t.set_up, 500, &p50), !failed);
        connections_fini(&t);
        if (!failed)
            break;
    }
}
