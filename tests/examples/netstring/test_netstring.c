/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worked example of docs/adding-a-transport.md: forged streams go through the dissector and the
 * tracker, both built with a registry that has the example in it.
 */
#include "dissect/dissector.h"
#include "dissect/tracker.h"
#include "tests/support/cuts.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct world {
    struct dissector *dissector;
    struct tracker *tracker;
    const struct stream_sink *stream;
    struct event_sink sink;
    struct limits_hit hit;
    struct conn conn;
    struct stream_pos at;
    struct cuts_log log;
    uint8_t transport;
};

static void on_connection(void *ctx, const struct event_connection *e)
{
    ((struct world *)ctx)->transport = e->transport;
}

static void on_session(void *ctx, const struct event_session *e)
{
    (void)ctx;
    (void)e;
}

static void on_message(void *ctx, const struct event_message *e)
{
    struct world *w = ctx;
    cr_assert_eq(e->origin.transport, TRANSPORT_NETSTRING);
    cuts_log(&w->log, "%s %.*s\n", e->message->dir == DIR_C2S ? ">" : "<", (int)e->method_len,
             e->method);
}

static void on_exchange(void *ctx, const struct event_exchange *e)
{
    struct world *w = ctx;
    cuts_log(&w->log, "%.*s %.*s: %s\n", (int)e->method_len, e->method, (int)e->id_len, e->id,
             event_status_name(e->status));
}

static void on_finding(void *ctx, const struct event_finding *e)
{
    cuts_log(&((struct world *)ctx)->log, "! %s\n", e->type);
}

static const struct hash_key KEY = {1, 2};

static bool world_open(struct world *w, bool midstream)
{
    memset(w, 0, sizeof(*w));
    w->sink =
        (struct event_sink){w, on_connection, on_session, on_message, on_exchange, on_finding};
    w->tracker = tracker_new(&(struct tracker_config){.hash = KEY}, &w->sink, &w->hit);
    if (w->tracker)
        w->dissector = dissector_new(&(struct dissector_config){.hash = KEY},
                                     tracker_record_sink(w->tracker), &w->hit);
    if (!w->dissector) {
        tracker_free(w->tracker);
        return false;
    }
    w->stream = dissector_stream_sink(w->dissector);
    w->conn = (struct conn){.id = 1,
                            .endpoint = {{.family = 4, .port = 40000}, {.family = 4, .port = 9}},
                            .side = {{.packets = 1}, {.packets = 1}},
                            .midstream = midstream,
                            .roles_known = true};
    w->at.packet = 1;
    w->stream->conn(w->stream->ctx, &w->conn, CONN_EVENT_OPENED, &w->at);
    return true;
}

static void data(struct world *w, enum dir dir, const char *text, size_t n)
{
    w->at.ts_ns += 1000000;
    w->at.packet++;
    w->stream->data(w->stream->ctx, &w->conn, dir, (const uint8_t *)text, n, &w->at);
}

static void text(struct world *w, enum dir dir, const char *bytes)
{
    data(w, dir, bytes, strlen(bytes));
}

/* A text as a netstring. */
static void say(struct world *w, enum dir dir, const char *json)
{
    char framed[512];
    int n = snprintf(framed, sizeof(framed), "%zu:%s,", strlen(json), json);
    data(w, dir, framed, (size_t)n);
}

static void gap(struct world *w, enum dir dir, uint64_t n)
{
    w->at.packet++;
    w->stream->gap(w->stream->ctx, &w->conn, dir, n, GAP_LOST, &w->at);
}

static void world_close(struct world *w, enum stream_end how)
{
    for (int dir = 0; dir < DIR_COUNT; dir++)
        w->stream->end(w->stream->ctx, &w->conn, (enum dir)dir, how, &w->at);
    w->stream->conn(w->stream->ctx, &w->conn, CONN_EVENT_GONE, &w->at);
    tracker_finish(w->tracker, &w->at);
    dissector_free(w->dissector);
    tracker_free(w->tracker);
}

#define INITIALIZE                                                                                 \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":"     \
    "\"2025-11-25\",\"capabilities\":{}}}"
#define WELCOME "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-11-25\"}}"
#define CALL    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"a\"}}"
#define ANSWER  "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define PING    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}"

#define EVENTS                                                                                     \
    "> initialize\n< initialize\ninitialize 0: result\n> tools/call\n< tools/call\n"               \
    "tools/call 1: result\n"

static void dialogue(struct world *w)
{
    say(w, DIR_C2S, INITIALIZE);
    say(w, DIR_S2C, WELCOME);
    say(w, DIR_C2S, CALL);
    say(w, DIR_S2C, ANSWER);
}

Test(netstring, messages_come_out)
{
    struct world w;
    cr_assert(world_open(&w, false));
    dialogue(&w);
    world_close(&w, STREAM_END_FIN);
    cr_expect_str_eq(w.log.text, EVENTS);
    cr_expect_eq(w.transport, TRANSPORT_NETSTRING);
    cr_expect_str_eq(event_transport_name(w.transport), "netstring");
}

static const char requests[] = "106:" INITIALIZE ",68:" CALL ",0:,";

static void run_cut(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    static struct world w;
    (void)ctx;
    cr_assert(world_open(&w, false));
    for (size_t i = 0; i < count; i++)
        data(&w, DIR_C2S, (const char *)pieces[i].bytes, pieces[i].n);
    world_close(&w, STREAM_END_CAPTURE);
    cuts_log(log, "%s", w.log.text);
}

Test(netstring, every_cut)
{
    const char *error = cuts_check((const uint8_t *)requests, sizeof(requests) - 1, run_cut, NULL);
    cr_expect_null(error, "%s", error);
    static struct cuts_log log;
    struct cuts_piece all = {(const uint8_t *)requests, sizeof(requests) - 1};
    run_cut(&all, 1, &log, NULL);
    cr_expect(strstr(log.text, "> initialize\n> tools/call\n"), "%s", log.text);
    cr_expect_null(strchr(log.text, '!'), "%s", log.text);
}

/* What a gap costs in each state, and where the stream is read on. */
Test(netstring, gaps)
{
    static const struct {
        const char *before; /* behind an initialize */
        uint64_t lost;
        const char *after;
        const char *events; /* behind the initialize */
    } cases[] = {
        {"", 9, "rest,", "! tcp:gap\n! parse:lost_message\n> ping\n"},
        {"4", 3, "{}", "! tcp:gap\n! parse:lost_message\n> ping\n"},
        {"20:{\"a\":1", 7, "4567890,", "! tcp:gap\n! parse:lost_message\n> ping\n"},
        {"20:{\"a\":1", 14, ",", "! tcp:gap\n! parse:lost_message\n> ping\n"},
        {"20:{\"a\":1", 15, "1:x", "! tcp:gap\n! parse:lost_message\n> ping\n"},
        {"0:", 1, "", "! tcp:gap\n> ping\n"},
        {"0:", 2, "0:,", "! tcp:gap\n! parse:lost_message\n> ping\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        cr_assert(world_open(&w, false));
        say(&w, DIR_C2S, INITIALIZE);
        w.log = (struct cuts_log){0};
        if (*cases[i].before)
            text(&w, DIR_C2S, cases[i].before);
        gap(&w, DIR_C2S, cases[i].lost);
        if (*cases[i].after)
            text(&w, DIR_C2S, cases[i].after);
        say(&w, DIR_C2S, PING);
        cr_expect_str_eq(w.log.text, cases[i].events, "%zu: %s", i, w.log.text);
        world_close(&w, STREAM_END_CAPTURE);
    }
}

Test(netstring, joined_in_the_middle)
{
    struct world w;
    cr_assert(world_open(&w, true));
    text(&w, DIR_C2S, "rest of a text},");
    say(&w, DIR_C2S, CALL);
    text(&w, DIR_S2C, "\"more\"},");
    say(&w, DIR_S2C, ANSWER);
    world_close(&w, STREAM_END_FIN);
    cr_expect_str_eq(w.log.text, "> tools/call\n< tools/call\ntools/call 1: result\n");
}

Test(netstring, is_not_seen_where_it_is_not)
{
    static const char *const firsts[] = {"x",     ":{}",   "01:{},", "2:ab,",       "1234567890:{",
                                         "220 s", "2 :{}", "-1:{",   "HTTP/1.1 200"};
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        for (int midstream = 0; midstream < 2; midstream++) {
            struct world w;
            cr_assert(world_open(&w, midstream));
            text(&w, DIR_C2S, firsts[i]);
            world_close(&w, STREAM_END_FIN);
            cr_expect_neq(w.transport, TRANSPORT_NETSTRING, "%s", firsts[i]);
        }
    }
    struct world w;
    cr_assert(world_open(&w, true));
    text(&w, DIR_C2S, "12:{\"a\":1} and so on");
    world_close(&w, STREAM_END_FIN);
    cr_expect_eq(w.transport, TRANSPORT_NONE);
}

/* Netstrings that hold no MCP are seen, and silent. */
Test(netstring, other_json_is_silent)
{
    struct world w;
    cr_assert(world_open(&w, false));
    say(&w, DIR_C2S, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\"}");
    say(&w, DIR_S2C, ANSWER);
    text(&w, DIR_S2C, "bad framing");
    world_close(&w, STREAM_END_FIN);
    cr_expect_eq(w.transport, TRANSPORT_NETSTRING);
    cr_expect_str_eq(w.log.text, "");
}

Test(netstring, bad_framing)
{
    static const char *const bad[] = {"x", ":", "12x", "00", "1234567890", "0:x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct world w;
        cr_assert(world_open(&w, false));
        say(&w, DIR_C2S, INITIALIZE);
        text(&w, DIR_C2S, bad[i]);
        text(&w, DIR_C2S, "still lost");
        say(&w, DIR_C2S, PING);
        cr_expect_str_eq(w.log.text, "> initialize\n! frame:bad_length\n> ping\n", "%s", bad[i]);
        world_close(&w, STREAM_END_CAPTURE);
    }
}

Test(netstring, cut_short)
{
    for (int capture = 0; capture < 2; capture++) {
        struct world w;
        cr_assert(world_open(&w, false));
        say(&w, DIR_C2S, INITIALIZE);
        text(&w, DIR_C2S, "40:{\"jsonrpc\":");
        world_close(&w, capture ? STREAM_END_CAPTURE : STREAM_END_RESET);
        bool told = strstr(w.log.text, "! parse:truncated_body\n") != NULL;
        cr_expect_eq(told, !capture, "%s", w.log.text);
        cr_expect(strstr(w.log.text, capture ? "0: pending" : "0: unanswered"), "%s", w.log.text);
    }
}

Test(netstring, every_allocation_fails)
{
    static struct world w;
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        if (world_open(&w, false)) {
            dialogue(&w);
            world_close(&w, STREAM_END_FIN);
        }
        if (!fail_alloc_stop())
            break;
    }
    cr_expect_str_eq(w.log.text, EVENTS);
}
