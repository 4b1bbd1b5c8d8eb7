/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/tables.h"
#include "scene.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct limits_hit hit;
static struct monitor *m;

static void start(struct monitor_config config)
{
    m = monitor_new(&config, &hit);
    cr_assert_not_null(m);
}

static void setup(void)
{
    start((struct monitor_config){0});
}

static void teardown(void)
{
    monitor_free(m);
}

TestSuite(monitor, .init = setup, .fini = teardown);
TestSuite(monitor_bare, .fini = teardown);

static const struct tables_server *server(uint16_t port)
{
    for (uint32_t i = TABLES_SHARED + 1; i < m->server_count; i++) {
        if (m->servers[i]->endpoint.port == port)
            return m->servers[i];
    }
    static const struct tables_server none;
    cr_assert_fail("no server at port %u", port);
    return &none;
}

/* The servers add up to the total, and the total to the connections. */
static void check_sums(const struct conn *conns, size_t n)
{
    uint64_t servers[3] = {0}, total[3] = {0}, all[3] = {0};
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        for (uint32_t i = TABLES_SHARED; i < m->server_count; i++) {
            const struct bandwidth *b = &m->servers[i]->t.bandwidth;
            servers[0] += b->bytes[dir];
            servers[1] += b->packets[dir];
            servers[2] += b->payload_bytes[dir];
        }
        total[0] += m->total.bandwidth.bytes[dir];
        total[1] += m->total.bandwidth.packets[dir];
        total[2] += m->total.bandwidth.payload_bytes[dir];
        for (size_t i = 0; i < n; i++) {
            const struct conn_counters *c = conn_sent(&conns[i], (enum dir)dir);
            all[0] += c->wire_bytes;
            all[1] += c->packets;
            all[2] += c->payload_bytes;
            cr_assert_leq(c->wire_bytes, m->total.bandwidth.bytes[dir]);
        }
    }
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(servers[i], total[i]);
        cr_assert_eq(total[i], all[i]);
    }
}

Test(monitor, every_byte_is_counted_once_and_where_it_belongs)
{
    struct conn conns[3] = {scene_conn(1, 4000, 80), scene_conn(2, 4001, 81),
                            scene_conn(3, 4002, 80)};
    for (int i = 0; i < 3; i++) {
        scene_open(m, &conns[i]);
        scene_packet(m, &conns[i], DIR_C2S, 166, 100, 2 * SCENE_MS);
        scene_packet(m, &conns[i], DIR_S2C, 1066, 1000, 3 * SCENE_MS);
    }
    check_sums(conns, 3);
    cr_assert_eq(server(80)->t.bandwidth.bytes[DIR_C2S], 2 * (74 + 66 + 166));
    cr_assert_eq(server(81)->t.bandwidth.payload_bytes[DIR_S2C], 1000);
    cr_assert_eq(server(80)->t.connections.active, 2);
    cr_assert_eq(m->total.connections.peak_active, 3);
    scene_close(m, &conns[0], CONN_CLOSE_FIN, SCENE_S);
    cr_assert_eq(m->total.connections.active, 2);
    cr_assert_eq(server(80)->t.connections.closed[CONN_CLOSE_FIN], 1);
}

Test(monitor, a_retransmission_is_bytes_but_no_payload)
{
    struct conn c = scene_conn(1, 4000, 80);
    struct stream_pos at = scene_at(3 * SCENE_MS);
    scene_open(m, &c);
    scene_packet(m, &c, DIR_C2S, 166, 100, 2 * SCENE_MS);
    c.side[0].packets++;
    c.side[0].wire_bytes += 166;
    monitor_packet(m, &(struct stream_packet){at.ts_ns, c.slot, 166, 0, DIR_C2S});
    cr_assert_eq(m->total.bandwidth.payload_bytes[DIR_C2S], 100);
    scene_event(m, &c, CONN_EVENT_GONE, SCENE_S);
    check_sums(&c, 1);
}

Test(monitor, a_bucket_begins_with_its_first_nanosecond)
{
    struct conn c = scene_conn(1, 4000, 80);
    const struct bandwidth *b = &m->total.bandwidth;
    scene_open(m, &c);
    int64_t begin = (bandwidth_bucket(scene_at(SCENE_S).ts_ns, m->width_ns) + 1) * m->width_ns;
    int64_t since = begin - scene_at(0).ts_ns;
    scene_packet(m, &c, DIR_C2S, 166, 100, since - 1);
    cr_assert_eq(b->newest * m->width_ns, begin - m->width_ns);
    scene_packet(m, &c, DIR_C2S, 166, 100, since);
    cr_assert_eq(b->newest * m->width_ns, begin);
    scene_packet(m, &c, DIR_C2S, 166, 100, since + m->width_ns - 1);
    cr_assert_eq(b->newest * m->width_ns, begin);
}

static struct conn midstream(uint64_t id)
{
    struct conn c = scene_conn(id, 50, 6000); /* the guess by port is wrong */
    c.midstream = true;
    c.roles_known = false;
    c.state = CONN_OPEN;
    return c;
}

Test(monitor, corrected_roles_move_everything)
{
    struct conn c = midstream(1);
    scene_event(m, &c, CONN_EVENT_OPENED, 0);
    scene_packet(m, &c, DIR_C2S, 66, 0, 0);
    scene_packet(m, &c, DIR_S2C, 500, 434, SCENE_MS);
    cr_assert_eq(server(6000)->t.connections.active, 1);
    cr_assert_eq(m->total.bandwidth.bytes[DIR_S2C], 500);
    scene_swap(m, &c, SCENE_MS); /* the dissector saw a request in it */
    scene_packet(m, &c, DIR_C2S, 70, 4, 2 * SCENE_MS);
    check_sums(&c, 1);
    cr_assert_eq(server(6000)->t.bandwidth.bytes[0] + server(6000)->t.bandwidth.bytes[1], 0);
    cr_assert_eq(server(6000)->t.bandwidth.packets[0] + server(6000)->t.bandwidth.packets[1], 0);
    cr_assert_eq(server(6000)->t.connections.active, 0);
    cr_assert_eq(server(6000)->t.connections.midstream, 0);
    cr_assert_eq(server(50)->t.connections.active, 1);
    cr_assert_eq(server(50)->t.connections.midstream, 1);
    cr_assert_eq(server(50)->t.bandwidth.bytes[DIR_C2S], 570);
    cr_assert_eq(server(50)->t.bandwidth.bytes[DIR_S2C], 66);
    cr_assert_eq(server(50)->t.bandwidth.payload_bytes[DIR_C2S], 438);
    scene_close(m, &c, CONN_CLOSE_RESET, SCENE_S);
    cr_assert_eq(server(50)->t.connections.closed[CONN_CLOSE_RESET], 1);
    cr_assert_eq(m->total.connections.active, 0);
    cr_assert_eq(m->total.connections.midstream, 1);
    check_sums(&c, 1);
}

Test(monitor_bare, roles_corrected_by_the_last_packet)
{
    /* closed, failed, or open at the end: the counters are moved on the last occasion */
    for (int how = 0; how < 3; how++) {
        struct conn c = midstream(1);
        setup();
        scene_event(m, &c, CONN_EVENT_OPENED, 0);
        scene_packet(m, &c, DIR_S2C, 500, 434, SCENE_MS);
        scene_swap(m, &c, SCENE_MS);
        if (how == 0) {
            scene_close(m, &c, CONN_CLOSE_FIN, SCENE_S);
        } else {
            if (how == 1) {
                c.failure = CONN_FAILURE_RESET_IN_HANDSHAKE;
                scene_event(m, &c, CONN_EVENT_FAILED, SCENE_S);
            }
            scene_event(m, &c, CONN_EVENT_GONE, SCENE_S);
        }
        cr_assert_eq(server(6000)->t.connections.midstream, 0);
        cr_assert_eq(server(6000)->t.connections.active, 0);
        cr_assert_eq(server(50)->t.connections.midstream, 1);
        cr_assert_eq(server(50)->t.connections.active, how == 2);
        cr_assert_eq(server(50)->t.bandwidth.bytes[DIR_C2S], 500);
        cr_assert_eq(m->total.bandwidth.bytes[DIR_C2S], 500);
        cr_assert_eq(m->total.bandwidth.bytes[DIR_S2C], 0);
        check_sums(&c, 1);
        teardown();
    }
    m = NULL;
}

Test(monitor, roles_corrected_just_before_the_packet_that_closes)
{
    struct conn c = midstream(1);
    scene_event(m, &c, CONN_EVENT_OPENED, 0);
    scene_packet(m, &c, DIR_S2C, 500, 434, SCENE_MS);
    scene_swap(m, &c, SCENE_MS);
    /* the engine may have set the new state when it tells of the packet */
    c.close = CONN_CLOSE_RESET;
    c.state = CONN_SHUT;
    scene_packet(m, &c, DIR_C2S, 54, 0, 2 * SCENE_MS);
    scene_close(m, &c, CONN_CLOSE_RESET, 2 * SCENE_MS);
    cr_assert_eq(server(6000)->t.connections.midstream, 0);
    cr_assert_eq(server(50)->t.connections.midstream, 1);
    cr_assert_eq(server(50)->t.connections.closed[CONN_CLOSE_RESET], 1);
    cr_assert_eq(m->total.connections.closed[CONN_CLOSE_RESET], 1);
    cr_assert_eq(m->total.connections.active, 0);
    check_sums(&c, 1);
}

Test(monitor_bare, mcp_only_counts_a_server_from_its_first_byte_once_it_speaks)
{
    start((struct monitor_config){.mcp_only = true});
    struct conn web = scene_conn(1, 4000, 80), mcp = scene_conn(2, 4001, 3000);
    scene_open(m, &web);
    scene_open(m, &mcp);
    scene_packet(m, &mcp, DIR_C2S, 166, 100, 2 * SCENE_MS);
    cr_assert_eq(m->total.bandwidth.bytes[DIR_C2S], 0);
    cr_assert_eq(m->total.connections.attempts, 0);
    scene_message(m, &mcp, MESSAGE_REQUEST, DIR_C2S, "tools/list", "");
    scene_packet(m, &mcp, DIR_S2C, 266, 200, 3 * SCENE_MS);
    scene_packet(m, &web, DIR_S2C, 1500, 1434, 3 * SCENE_MS);
    cr_assert_eq(m->total.bandwidth.bytes[DIR_C2S], 74 + 66 + 166);
    cr_assert_eq(m->total.bandwidth.bytes[DIR_S2C], 74 + 266);
    cr_assert_eq(bandwidth_window(&m->total.bandwidth, DIR_C2S), 74 + 66 + 166,
                 "in the window too");
    cr_assert_eq(m->total.connections.attempts, 1);
    cr_assert_eq(m->total.connections.active, 1);
    cr_assert_eq(m->total.connections.set_up.count, 1);
    scene_close(m, &web, CONN_CLOSE_FIN, SCENE_S);
    cr_assert_eq(m->total.connections.active, 1);
    scene_close(m, &mcp, CONN_CLOSE_FIN, SCENE_S);
    cr_assert_eq(m->total.connections.active, 0);
}

Test(monitor, servers_beyond_the_cap_share_one_row)
{
    struct conn conns[5];
    m->max_servers = 2;
    for (int i = 0; i < 5; i++) {
        conns[i] = scene_conn((uint64_t)i + 1, 4000, (uint16_t)(80 + i));
        scene_open(m, &conns[i]);
        scene_message(m, &conns[i], MESSAGE_REQUEST, DIR_C2S, "ping", "");
    }
    cr_assert_eq(m->server_count, TABLES_SHARED + 1 + 2);
    cr_assert_eq(m->servers[TABLES_SHARED]->t.connections.attempts, 3);
    cr_assert_eq(m->servers[TABLES_SHARED]->t.bandwidth.bytes[DIR_S2C], 3 * 74);
    cr_assert_geq(hit.count[LIMIT_ID_SERVERS], 3);
    check_sums(conns, 5);
}

Test(monitor, a_session_counts_once_under_its_latest_version)
{
    struct conn c = scene_conn(1, 4000, 80);
    scene_session(m, &c, SESSION_OPENED, 1, "");
    cr_assert_null(protocol_version(&m->total.protocol));
    cr_assert_eq(m->total.protocol.sessions, 1);
    scene_session(m, &c, SESSION_UPDATED, 1, "2025-11-25");
    scene_session(m, &c, SESSION_UPDATED, 1, "2025-06-18");
    scene_session(m, &c, SESSION_UPDATED, 1, "2025-06-18");
    scene_session(m, &c, SESSION_OPENED, 2, "2024-11-05");
    scene_session(m, &c, SESSION_CLOSED, 1, "2025-06-18");
    cr_assert_str_eq(protocol_version(&m->total.protocol), "2025-06-18");
    const struct labels *versions = &server(80)->t.protocol.versions;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < versions->count; i++)
        sum += ((const struct protocol_count *)(const void *)versions->sorted[i]->value)->count;
    cr_assert_eq(sum, 2);
    cr_assert_str_eq(server(80)->info_name, "everything");
    cr_assert_str_eq(server(80)->info_version, "2.0");
}

Test(monitor, a_connection_counts_once_under_its_transport)
{
    struct conn a = scene_conn(1, 4000, 80), b = scene_conn(2, 4001, 80);
    for (int i = 0; i < 3; i++)
        scene_message(m, &a, MESSAGE_REQUEST, DIR_C2S, "ping", "");
    scene_message(m, &b, MESSAGE_REQUEST, DIR_C2S, "ping", "");
    cr_assert_eq(m->total.protocol.transports[TRANSPORT_HTTP1].connections, 2);
    cr_assert_eq(server(80)->t.protocol.transports[TRANSPORT_HTTP1].messages, 4);
}

Test(monitor_bare, rows_are_kept_when_asked_for)
{
    start((struct monitor_config){.track_connections = true});
    struct conn c = scene_conn(7, 4000, 80);
    scene_open(m, &c);
    scene_message(m, &c, MESSAGE_REQUEST, DIR_C2S, "ping", "");
    scene_message(m, &c, MESSAGE_RESULT, DIR_S2C, "ping", "");
    scene_message(m, &c, MESSAGE_RESULT, DIR_S2C, "ping", "r");
    scene_close(m, &c, CONN_CLOSE_FIN, SCENE_S);
    const struct tables_connection *row = table_oldest(m->rows);
    cr_assert_eq(row->id, 7);
    cr_assert_eq(row->conn.close, CONN_CLOSE_FIN);
    cr_assert_eq(row->conn.side[0].wire_bytes, 140);
    cr_assert_eq(row->messages[DIR_C2S], 1);
    cr_assert_eq(row->messages[DIR_S2C], 1);
    cr_assert_eq(row->transport, TRANSPORT_HTTP1);
}

static void story(void)
{
    struct conn a = scene_conn(1, 4000, 80), b = midstream(2);
    scene_open(m, &a);
    scene_session(m, &a, SESSION_OPENED, 1, "");
    scene_session(m, &a, SESSION_UPDATED, 1, "2025-11-25");
    scene_message(m, &a, MESSAGE_REQUEST, DIR_C2S, "tools/call", "");
    scene_message(m, &a, MESSAGE_RESULT, DIR_S2C, "tools/call", "");
    struct event_exchange e = scene_exchange(&a, "tools/call", "echo", EXCHANGE_RESULT);
    scene_ended(m, &e);
    scene_finding(m, &a, "http:404");
    scene_event(m, &b, CONN_EVENT_OPENED, 0);
    scene_packet(m, &b, DIR_S2C, 500, 434, SCENE_MS);
    scene_swap(m, &b, SCENE_MS);
    scene_packet(m, &b, DIR_C2S, 66, 0, SCENE_MS);
    for (uint64_t i = 10; i < 30; i++) {
        struct conn c = scene_conn(i, 4000, (uint16_t)(100 + i));
        scene_open(m, &c);
        scene_close(m, &c, CONN_CLOSE_FIN, SCENE_S);
    }
    scene_close(m, &a, CONN_CLOSE_FIN, SCENE_S);
    scene_close(m, &b, CONN_CLOSE_FIN, SCENE_S);
}

Test(monitor_bare, every_failing_allocation_is_survived)
{
    struct monitor_config config = {.track_connections = true, .mcp_only = true};
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        m = monitor_new(&config, &hit);
        if (m)
            story();
        bool failed = fail_alloc_stop();
        if (m) {
            uint64_t bytes = 0, results = 0;
            for (uint32_t i = TABLES_SHARED; i < m->server_count; i++) {
                bytes += m->servers[i]->t.bandwidth.bytes[0] + m->servers[i]->t.bandwidth.bytes[1];
                results += m->servers[i]->t.protocol.exchanges[EXCHANGE_RESULT];
            }
            cr_assert_eq(bytes, 21 * 214 + 566, "no byte is lost for want of memory");
            cr_assert_eq(results, 1);
        }
        monitor_free(m);
        if (!failed)
            break;
    }
    m = NULL;
}
