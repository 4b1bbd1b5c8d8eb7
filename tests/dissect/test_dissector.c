/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_world.h"
#include "tests/support/fail_alloc.h"

static struct world world;
static struct world_conn conn;

#define CALL                                                                                       \
    "POST /mcp HTTP/1.1\r\nContent-Length: 46\r\n\r\n"                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"
#define ANSWER                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define WHOLE "1 begin POST\n1 > request 1\n1 head 200 -\n1 < result 1\n1 end complete\n"

static void open_conn(bool midstream)
{
    world_init(&world);
    cr_assert(world_open(&world, &conn, midstream));
}

static void data(enum dir dir, const char *text, size_t n)
{
    world_data(&conn, dir, text, n, (int64_t)conn.at.packet * 1000);
}

static void bytes(enum dir dir, const char *text)
{
    for (size_t i = 0; text[i]; i++)
        data(dir, text + i, 1);
}

Test(dissector, recognises_whole_and_byte_by_byte)
{
    open_conn(false);
    data(DIR_C2S, CALL, sizeof(CALL) - 1);
    data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
    world_close(&world, &conn, STREAM_END_FIN);
    cr_expect_str_eq(world.log, WHOLE);
    open_conn(false);
    bytes(DIR_C2S, "\r\n" CALL);
    bytes(DIR_S2C, ANSWER);
    world_close(&world, &conn, STREAM_END_FIN);
    cr_expect_str_eq(world.log, WHOLE);
}

/* Rounds on two dissectors in turns; the one that learned goes first. */
Test(dissector, compares_with_what_another_one_learned)
{
    static struct world other_world;
    struct world_conn other;
    world_memo = dissector_memo_new();
    open_conn(false);
    data(DIR_C2S, CALL, sizeof(CALL) - 1);
    data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
    world_init(&other_world);
    cr_assert(world_open(&other_world, &other, false));
    world_data(&other, DIR_C2S, CALL, sizeof(CALL) - 1, 1);
    world_close(&world, &conn, STREAM_END_FIN);
    world_data(&other, DIR_S2C, ANSWER, sizeof(ANSWER) - 1, 2);
    world_close(&other_world, &other, STREAM_END_FIN);
    dissector_memo_free(world_memo);
    cr_expect_str_eq(world.log, WHOLE);
    cr_expect_str_eq(other_world.log, WHOLE);
}

/* Both directions hold undecided bytes when one of them decides. */
Test(dissector, replays_both_directions)
{
    open_conn(false);
    data(DIR_C2S, "POS", 3);
    data(DIR_S2C, "HTTP", 4);
    data(DIR_C2S, &CALL[3], sizeof(CALL) - 4);
    data(DIR_S2C, &ANSWER[4], sizeof(ANSWER) - 5);
    world_close(&world, &conn, STREAM_END_FIN);
    cr_expect_str_eq(world.log, WHOLE);
}

/* The engine's guess of the roles was wrong. */
Test(dissector, swaps_roles)
{
    for (int small = 0; small < 2; small++) {
        open_conn(true);
        conn.conn.endpoint[0].port = 80;
        conn.conn.endpoint[1].port = 50000;
        if (small)
            bytes(DIR_S2C, "POST /");
        else
            data(DIR_S2C, CALL, sizeof(CALL) - 1);
        cr_expect_eq(conn.conn.swapped, 1);
        cr_expect(conn.conn.roles_known);
        cr_expect_eq(conn_client(&conn.conn)->port, 50000);
        if (small)
            data(DIR_S2C, &CALL[6], sizeof(CALL) - 7);
        data(DIR_C2S, ANSWER, sizeof(ANSWER) - 1);
        world_close(&world, &conn, STREAM_END_FIN);
        cr_expect(strstr(world.log, "1 > request 1\n"), "%s", world.log);
        cr_expect(strstr(world.log, "1 < result 1\n"), "%s", world.log);
    }
}

/* A handshake settled the roles: a server that asks is no HTTP. */
Test(dissector, known_roles_stay)
{
    open_conn(false);
    data(DIR_S2C, CALL, sizeof(CALL) - 1);
    cr_expect_eq(conn.conn.swapped, 0);
    data(DIR_C2S, ANSWER, sizeof(ANSWER) - 1);
    world_close(&world, &conn, STREAM_END_FIN);
    cr_expect_eq(world.len, 0);
}

Test(dissector, leaves_other_protocols_alone)
{
    static const char *const firsts[] = {
        "\x16\x03\x01\x02\x00\x01", "SSH-2.0-x\r\n", "EHLO x\r\n",
        "PRI * HTTP/2.0\r\n\r\n",   "LIST /x\r\n",   "{\"a\":1}\n"};
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        open_conn(false);
        bytes(DIR_C2S, firsts[i]);
        fail_alloc_at(1); /* a connection that is done costs nothing */
        data(DIR_C2S, CALL, sizeof(CALL) - 1);
        data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
        cr_expect_not(fail_alloc_stop());
        world_close(&world, &conn, STREAM_END_FIN);
        cr_expect_eq(world.len, 0, "%s", firsts[i]);
    }
}

/* The end of something large does not hide what comes behind it. */
Test(dissector, waits_for_a_change_of_direction)
{
    uint64_t before = world_hit.count[LIMIT_ID_PROBE_SEGMENTS];
    open_conn(true);
    for (int i = 0; i < 10 * LIMIT_PROBE_SEGMENTS; i++)
        data(DIR_S2C, "in the middle of something", 26);
    data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1); /* not tried any more */
    data(DIR_C2S, CALL, sizeof(CALL) - 1);
    data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
    world_close(&world, &conn, STREAM_END_FIN);
    cr_expect_str_eq(world.log, WHOLE);
    cr_expect_eq(world_hit.count[LIMIT_ID_PROBE_SEGMENTS], before);
}

/* A try that needs more bytes is finished even then. */
Test(dissector, waits_for_a_change_of_direction_byte_by_byte)
{
    open_conn(true);
    for (int i = 0; i < 2 * LIMIT_PROBE_SEGMENTS; i++)
        data(DIR_S2C, "in the middle of something", 26);
    bytes(DIR_C2S, CALL);
    bytes(DIR_S2C, ANSWER);
    world_close(&world, &conn, STREAM_END_FIN);
    cr_expect(strstr(world.log, "1 > request 1\n"), "%s", world.log);
    cr_expect(strstr(world.log, "1 < result 1\n"), "%s", world.log);
}

Test(dissector, gives_up_after_enough_segments)
{
    for (int extra = -1; extra < 1; extra++) {
        uint64_t before = world_hit.count[LIMIT_ID_PROBE_SEGMENTS];
        open_conn(true);
        for (int i = 0; i < 2 * LIMIT_PROBE_SEGMENTS + extra; i++)
            data(i % 2 ? DIR_C2S : DIR_S2C, "in the middle of something", 26);
        data(DIR_C2S, CALL, sizeof(CALL) - 1);
        world_close(&world, &conn, STREAM_END_CAPTURE);
        cr_expect_eq(world.messages, extra < 0 ? 1 : 0);
        cr_expect_eq(world_hit.count[LIMIT_ID_PROBE_SEGMENTS], before + (extra < 0 ? 0 : 1));
    }
}

Test(dissector, begins_with_a_gap)
{
    open_conn(false);
    world_gap(&conn, DIR_C2S, 1000, 0);
    data(DIR_C2S, "rest of a body", 14);
    data(DIR_C2S, CALL, sizeof(CALL) - 1);
    data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
    world_close(&world, &conn, STREAM_END_FIN);
    cr_expect(strstr(world.log, "> request 1"), "%s", world.log);
}

static struct conn_record {
    int count;
    uint8_t event, transport, content;
    bool user;
} seen;

static void on_record(void *ctx, struct record *r)
{
    struct conn_record *c = ctx;
    if (r->type != RECORD_CONN)
        return;
    c->count++;
    c->event = r->conn_event;
    c->transport = r->transport;
    c->content = r->u.content;
    c->user = r->u.conn.user != NULL;
    cr_expect_eq(r->conn_id, 9);
    cr_expect_eq(r->slot, 5);
    cr_expect_eq(r->u.conn.id, 9);
    cr_expect_eq(r->client.port, 1234);
}

static int packets;

static void on_packet(void *ctx, const struct stream_packet *p)
{
    cr_expect_eq(ctx, &packets);
    cr_expect(p->slot == 5 && p->dir == DIR_S2C && p->wire_bytes == 80 && p->payload_bytes == 20 &&
              p->ts_ns == 7);
    packets++;
}

Test(dissector, tells_connections_and_packets)
{
    struct dissector_config config = {.shards = 1};
    struct record_sink sink = {&seen, on_record, on_packet, &packets};
    struct dissector *d = dissector_new(&config, &sink, &world_hit);
    const struct stream_sink *s = dissector_stream_sink(d);
    struct conn c = {.id = 9, .slot = 5, .roles_known = true, .user = &seen};
    c.endpoint[0].port = 1234;
    struct stream_pos at = {0, 1};
    s->conn(s->ctx, &c, CONN_EVENT_OPENED, &at);
    cr_expect(seen.count == 1 && seen.transport == TRANSPORT_NONE && !seen.user);
    s->packet(s->packet_ctx, &(struct stream_packet){7, c.slot, 80, 20, DIR_S2C});
    cr_expect_eq(packets, 1);
    s->data(s->ctx, &c, DIR_C2S, (const uint8_t *)CALL, sizeof(CALL) - 1, &at);
    s->conn(s->ctx, &c, CONN_EVENT_ESTABLISHED, &at);
    cr_expect(seen.count == 2 && seen.transport == TRANSPORT_HTTP1 && !seen.user);
    s->end(s->ctx, &c, DIR_C2S, STREAM_END_FIN, &at);
    s->end(s->ctx, &c, DIR_S2C, STREAM_END_FIN, &at);
    s->conn(s->ctx, &c, CONN_EVENT_CLOSED, &at);
    cr_expect(seen.count == 3 && seen.transport == TRANSPORT_HTTP1 && !seen.user);
    s->conn(s->ctx, &c, CONN_EVENT_GONE, &at);
    cr_expect(seen.count == 4 && seen.event == CONN_EVENT_GONE);
    cr_expect_eq(seen.transport, TRANSPORT_HTTP1);
    dissector_free(d);
    dissector_free(NULL);
}

/* What the last record says of a connection on which the server sends n bytes of text. */
static enum record_content content_of(struct conn c, size_t n, uint64_t heard)
{
    static const char text[] = "a day of weather: 17 degrees, wind from the west, and then rain\n"
                               "another day of weather: 16 degrees, wind from the east, rain\n";
    struct record_sink sink = {&seen, on_record, NULL};
    struct dissector *d = dissector_new(&(struct dissector_config){.shards = 1}, &sink, &world_hit);
    const struct stream_sink *s = dissector_stream_sink(d);
    struct stream_pos at = {1, 1};
    c.id = 9;
    c.slot = 5;
    c.endpoint[0].port = 1234;
    c.roles_known = true;
    c.side[0].payload_bytes = heard;
    c.side[1].payload_bytes = n;
    s->conn(s->ctx, &c, CONN_EVENT_OPENED, &at);
    cr_assert_leq(n, sizeof(text) - 1);
    for (size_t i = 0; i < n; i += 20)
        s->data(s->ctx, &c, DIR_S2C, (const uint8_t *)text + i, n - i < 20 ? n - i : 20, &at);
    if (heard > 0)
        s->data(s->ctx, &c, DIR_C2S, (const uint8_t *)CALL, heard, &at);
    for (int dir = 0; dir < DIR_COUNT; dir++)
        s->end(s->ctx, &c, (enum dir)dir, STREAM_END_FIN, &at);
    s->conn(s->ctx, &c, CONN_EVENT_GONE, &at);
    cr_expect_eq(seen.event, CONN_EVENT_GONE);
    dissector_free(d);
    return (enum record_content)seen.content;
}

/* Only the server talks: that is no MCP, if nothing else can have been on the connection. */
Test(dissector, monologues)
{
    struct conn c = {.established_ns = 1, .close = CONN_CLOSE_FIN, .side = {{5}, {5}}};
    cr_expect_eq(content_of(c, LIMIT_PROBE_BYTES, 0), RECORD_CONTENT_UNKNOWN);
    cr_expect_eq(content_of(c, LIMIT_PROBE_BYTES + 1, 0), RECORD_CONTENT_OTHER);
    cr_expect_eq(content_of(c, 100, 0), RECORD_CONTENT_OTHER);
    cr_expect_eq(content_of(c, 100, 50), RECORD_CONTENT_UNKNOWN);
    struct conn other[] = {c, c, c, c, c, c, c, c};
    other[0].midstream = true;
    other[1].start_unknown = true;
    other[2].established_ns = 0;
    other[3].close = CONN_CLOSE_IDLE;
    other[4].close = CONN_CLOSE_NONE;
    other[5].side[0].packets = 0;
    other[6].side[0].lost_bytes = 1;
    other[7].side[1].truncated_bytes = 1;
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        cr_expect_eq(content_of(other[i], 100, 0), RECORD_CONTENT_UNKNOWN, "%zu", i);
}

/* Nobody asked for packets. */
Test(dissector, packets_without_listener)
{
    open_conn(false);
    conn.sink->packet(conn.sink->packet_ctx,
                      &(struct stream_packet){conn.at.ts_ns, conn.conn.slot, 60, 0, DIR_C2S});
    world_close(&world, &conn, STREAM_END_FIN);
}

Test(dissector, every_allocation_fails)
{
    for (uint64_t n = 1;; n++) {
        world_init(&world);
        fail_alloc_at(n);
        if (world_open(&world, &conn, false)) {
            bytes(DIR_C2S, CALL);
            bytes(DIR_S2C, ANSWER);
            world_close(&world, &conn, STREAM_END_FIN);
        }
        if (!fail_alloc_stop())
            break;
    }
    cr_expect_str_eq(world.log, WHOLE);
}

static unsigned told[3]; /* messages by connection */

static void count_messages(void *ctx, struct record *r)
{
    (void)ctx;
    told[r->conn_id] += r->type == RECORD_MESSAGE;
}

/* Connections that are idle share the memory for what only a message under way needs. Where there
 * is none when the next message comes, that connection is left alone. */
Test(dissector, rests_between_messages)
{
    struct record_sink sink = {NULL, count_messages, NULL};
    struct dissector *d =
        dissector_new(&(struct dissector_config){.hash = {1, 2}}, &sink, &world_hit);
    const struct stream_sink *s = dissector_stream_sink(d);
    struct conn c[3] = {{0}, {.id = 1, .roles_known = true}, {.id = 2, .roles_known = true}};
    struct stream_pos at = {0, 1};
    for (int i = 1; i < 3; i++) {
        s->conn(s->ctx, &c[i], CONN_EVENT_OPENED, &at);
        s->data(s->ctx, &c[i], DIR_C2S, (const uint8_t *)CALL, sizeof(CALL) - 1, &at);
        s->data(s->ctx, &c[i], DIR_S2C, (const uint8_t *)ANSWER, sizeof(ANSWER) - 1, &at);
    }
    for (int i = 1; i < 3; i++) {
        fail_alloc_at(1);
        s->data(s->ctx, &c[i], DIR_C2S, (const uint8_t *)CALL, sizeof(CALL) - 1, &at);
        s->data(s->ctx, &c[i], DIR_S2C, (const uint8_t *)ANSWER, sizeof(ANSWER) - 1, &at);
        cr_expect_not(fail_alloc_stop(), "each in turn uses what the other left");
        cr_expect_eq(told[i], 4);
    }
    s->data(s->ctx, &c[1], DIR_C2S, (const uint8_t *)CALL, sizeof(CALL) - 1, &at);
    fail_alloc_at(1);
    s->data(s->ctx, &c[2], DIR_C2S, (const uint8_t *)CALL, sizeof(CALL) - 1, &at);
    cr_expect(fail_alloc_stop());
    for (int i = 1; i < 3; i++) {
        s->data(s->ctx, &c[i], DIR_S2C, (const uint8_t *)ANSWER, sizeof(ANSWER) - 1, &at);
        s->conn(s->ctx, &c[i], CONN_EVENT_GONE, &at);
    }
    cr_expect_eq(*dissector_state_bytes(d), 0);
    cr_expect(told[1] == 6 && told[2] == 4, "%u %u", told[1], told[2]);
    dissector_free(d);
}

/* What a connection holds is added up while it holds it. */
Test(dissector, memory_of_connections_is_counted)
{
    static char line[LIMIT_HTTP_LINE];
    memset(line, 'x', sizeof(line));
    open_conn(false);
    const uint64_t *sum = dissector_state_bytes(conn.d);
    cr_expect_eq(*sum, 0);
    data(DIR_C2S, "POS", 3);
    cr_expect_gt(*sum, 2 * LIMIT_PROBE_BYTES, "bytes that decide nothing yet");
    data(DIR_C2S, &CALL[3], sizeof(CALL) - 4);
    data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
    uint64_t idle = *sum;
    cr_expect(0 < idle && idle < 200, "%llu", (unsigned long long)idle);
    data(DIR_C2S, "POST /mcp HTTP/1.1\r\nX: ", 23);
    data(DIR_C2S, line, sizeof(line));
    cr_expect_gt(*sum, sizeof(line), "a field that is not complete");
    data(DIR_C2S, "\r\nContent-Length: 0\r\n\r\n", 23);
    cr_expect_lt(*sum, sizeof(line));
    uint64_t one = *sum;
    for (int i = 0; i < 40; i++)
        data(DIR_C2S, CALL, sizeof(CALL) - 1);
    cr_expect_gt(*sum, one + 40 * sizeof(struct record_begin), "requests that wait");
    world_close(&world, &conn, STREAM_END_FIN);
}

/* It can be that the memory is short when the last is to be told of a connection at rest. */
Test(dissector, ends_while_it_rests)
{
    for (int event = 0; event < 4; event++) {
        open_conn(false);
        data(DIR_C2S, CALL, sizeof(CALL) - 1);
        data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
        struct conn busy = {.id = 1, .roles_known = true}; /* takes the other's memory */
        conn.sink->data(conn.sink->ctx, &busy, DIR_C2S, (const uint8_t *)"GET / HT", 8, &conn.at);
        fail_alloc_at(1);
        if (event == 0)
            world_gap(&conn, DIR_C2S, 10, 0);
        else if (event == 1)
            conn.sink->end(conn.sink->ctx, &conn.conn, DIR_C2S, STREAM_END_FIN, &conn.at);
        else if (event == 2)
            conn.sink->end(conn.sink->ctx, &conn.conn, DIR_C2S, STREAM_END_CAPTURE, &conn.at);
        else
            conn.sink->conn(conn.sink->ctx, &conn.conn, CONN_EVENT_GONE, &conn.at);
        cr_expect_eq(fail_alloc_stop(), event < 2, "nothing is to be told but of what is open");
        conn.sink->conn(conn.sink->ctx, &busy, CONN_EVENT_GONE, &conn.at);
        world_close(&world, &conn, STREAM_END_FIN);
        cr_expect_str_eq(world.log, WHOLE);
    }
}

/* What was held comes when the other direction ended with the capture, while all was at rest. */
Test(dissector, wakes_when_the_capture_ends)
{
    static const char late[] = "HTTP/1.1 200 OK\r\nMcp-Session-Id: a\r\nContent-Type: "
                               "application/json\r\nContent-Length: 99\r\n\r\n{\"jsonrpc\":";
    open_conn(false);
    data(DIR_C2S, CALL, sizeof(CALL) - 1);
    data(DIR_S2C, ANSWER, sizeof(ANSWER) - 1);
    conn.sink->end(conn.sink->ctx, &conn.conn, DIR_C2S, STREAM_END_CAPTURE, &conn.at);
    cr_expect_str_eq(world.log, WHOLE);
    data(DIR_S2C, late, sizeof(late) - 1);
    conn.sink->end(conn.sink->ctx, &conn.conn, DIR_S2C, STREAM_END_CAPTURE, &conn.at);
    world_close(&world, &conn, STREAM_END_CAPTURE);
    cr_expect_str_eq(world.log, WHOLE "2 begin ? stub uncertain\n"
                                      "2 head 200 json session uncertain\n"
                                      "2 end capture\n");
}
