/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/websocket.h"
#include "tests/support/fail_alloc.h"
#include "websocket_world.h"

/* ---- losses */

/* The script with the bytes from..to of the client's segment missing. */
static const char *lose(size_t segment, size_t from, size_t to)
{
    size_t before = 0;
    for (size_t i = 0; i < segment; i++)
        before += script.segment[i].dir == script.segment[segment].dir ? script.segment[i].n : 0;
    struct world_loss loss = {script.segment[segment].dir, before + from, before + to};
    struct world_plan p = plan(STREAM_END_FIN);
    p.losses = &loss;
    p.loss_count = 1;
    world_run(&world, &p);
    return world.log;
}

Test(websocket_loss, gap_in_a_payload)
{
    begin("");
    call("1");
    call("2");
    script_join(&script);
    result("2");
    cr_expect_str_eq(lose(2, 20, 30), "1 begin ?\n1 > tcp:gap 10\n1 > parse:lost_message\n"
                                      "1 > request 2\n1 < result 2\n1 end closed\n");
    size_t first = script.segment[2].n / 2;
    cr_expect_str_eq(lose(2, 20, first), "1 begin ?\n1 > tcp:gap 56\n1 > parse:lost_message\n"
                                         "1 > request 2\n1 < result 2\n1 end closed\n");
    begin("");
    script_say(&script, DIR_S2C, TEXT, RESULT("1") "          ");
    result("2");
    size_t n = script.segment[2].n;
    cr_expect_str_eq(lose(2, n - 5, n - 1), "1 begin ?\n1 < tcp:gap 4\n1 < result 1\n"
                                            "1 < result 2\n1 end closed\n");
    begin("");
    script_say(&script, DIR_S2C, 1, RESULT("1"));
    script_say(&script, DIR_S2C, PING, "0123456789");
    script_say(&script, DIR_S2C, FIN, "  ");
    cr_expect_str_eq(lose(3, 2, 12), "1 begin ?\n1 < tcp:gap 10\n1 < result 1\n1 end closed\n");
    script_say(&script, DIR_S2C, 1, "{\"jsonrpc\"");
    script_say(&script, DIR_S2C, FIN, ":2}");
    result("3");
    cr_expect_str_eq(lose(5, 4, 5), "1 begin ?\n1 < result 1\n1 < tcp:gap\n1 < parse:lost_message\n"
                                    "1 < result 3\n1 end closed\n");
}

Test(websocket_loss, gap_over_frames)
{
    begin("");
    for (int i = 0; i < 5; i++)
        call((const char *[]){"0", "1", "2", "3", "4"}[i]);
    static const char found[] = "1 begin ?\n1 > request 0\n1 > tcp:gap ";
    for (size_t from = 0; from < script.segment[3].n; from++) {
        const char *log = lose(3, from, script.segment[3].n + 3);
        cr_expect(strncmp(log, found, sizeof(found) - 1) == 0 &&
                      strstr(log, "1 > parse:lost_message\n1 > request 3\n1 > request 4\n"),
                  "%zu: %s", from, log);
        cr_expect_null(strstr(log, "request 1\n"));
        cr_expect_null(strstr(log, "request 2\n"));
    }
}

/* What was taken for frames behind a loss were none: that is nobody's fault. */
Test(websocket_loss, gap_and_a_wrong_guess)
{
    static const char *const odd[] = {"\x83\x00{}", "\x81\x80{}{}", "\x81\x02}{\x89\x00"};
    for (int i = 0; i < 3; i++) { /* reserved; masked; no JSON */
        begin("");
        result("1");
        script_bytes(&script, DIR_S2C, "\x8a\x00", 2);
        script_bytes(&script, DIR_S2C, odd[i], i == 0 ? 4 : 6);
        result("8");
        cr_expect_str_eq(lose(2, 0, script.segment[2].n),
                         "1 begin ?\n1 < tcp:gap 50\n1 < parse:lost_message\n1 < result 8\n"
                         "1 end closed\n",
                         "%d: %s", i, world.log);
    }
}

/* Behind a loss the rest of a fragmented message is left, and said nothing of. */
Test(websocket_loss, gap_in_fragments)
{
    begin("");
    script_say(&script, DIR_S2C, 1, "{\"jsonrpc\":\"2.0\",");
    script_say(&script, DIR_S2C, 0, "\"id\":7,");
    script_say(&script, DIR_S2C, FIN, "\"result\":{}}");
    result("8");
    cr_expect_str_eq(lose(2, 1, 25), "1 begin ?\n1 < tcp:gap 24\n1 < parse:lost_message\n"
                                     "1 < result 8\n1 end closed\n");
}

Test(websocket_loss, gap_in_compressed_messages)
{
    begin(DEFLATE);
    for (int i = 0; i < 4; i++)
        script_say_coded(&script, DIR_C2S, i % 2 ? CALL("1") : CALL("2"), false);
    script_say(&script, DIR_C2S, TEXT, CALL("5"));
    cr_expect_str_eq(lose(3, 8, 9),
                     "1 begin ?\n1 > request 2\n1 > tcp:gap\n1 > parse:lost_message 2\n"
                     "1 > request 5\n1 end closed\n");
    begin(DEFLATE_EACH);
    for (int i = 0; i < 4; i++)
        script_say_coded(&script, DIR_C2S, i % 2 ? CALL("1") : CALL("2"), true);
    cr_expect_str_eq(lose(3, 8, 9),
                     "1 begin ?\n1 > request 2\n1 > tcp:gap\n1 > parse:lost_message\n"
                     "1 > request 2\n1 > request 1\n1 end closed\n");
}

static void converse(int kind)
{
    begin(kind == 0 ? "" : kind == 1 ? DEFLATE : DEFLATE_EACH);
    for (int i = 0; i < 8; i++) {
        for (int dir = 0; dir < DIR_COUNT; dir++) {
            char text[160];
            snprintf(text, sizeof(text), dir == DIR_C2S ? CALL("%d") : RESULT("%d"), i);
            if (kind > 0)
                script_say_coded(&script, (enum dir)dir, text, kind == 2);
            else
                script_say(&script, (enum dir)dir, TEXT, text);
        }
        if (i % 3 == 1) {
            script_say(&script, DIR_S2C, PING, "ping");
            script_join(&script);
        }
    }
}

Test(websocket_loss, any_loss)
{
    for (int kind = 0; kind < 3; kind++) {
        converse(kind);
        for (size_t at = 2; at < script.count; at++)
            for (size_t from = 0; from < script.segment[at].n; from += 5)
                for (size_t n = 1; n < 300; n += 29) {
                    const char *log = lose(at, from, from + n);
                    check_order(log, "> request ", from, n);
                    check_order(log, "< result ", from, n);
                }
    }
}

/* ---- joining */

static const char *join(void)
{
    struct world_plan p = plan(STREAM_END_FIN);
    p.midstream = true;
    world_run(&world, &p);
    return world.log;
}

Test(websocket_loss, joined_by_one_text)
{
    script_init(&script);
    script_bytes(&script, DIR_S2C, "rest of a frame", 15);
    result("1");
    call("2");
    result("2");
    cr_expect_str_eq(join(), "1 begin ? stub\n1 < result 1\n1 > request 2\n1 < result 2\n"
                             "1 end closed\n");
    script_init(&script);
    script_say(&script, DIR_C2S, 1, "{\"a\"");
    script_say(&script, DIR_C2S, FIN, ":1}");
    script_join(&script);
    call("2");
    cr_expect_str_eq(join(),
                     "1 begin ? stub\n1 > parse:not_jsonrpc\n1 > request 2\n1 end closed\n");
}

/* The guess of who the client is was wrong: the mask knows. */
Test(websocket_loss, joined_the_other_way_round)
{
    script_init(&script);
    call("2");
    result("2");
    script.segment[0].dir = DIR_S2C;
    script.segment[1].dir = DIR_C2S;
    struct world_conn c;
    world_init(&world);
    cr_assert(world_open(&world, &c, true));
    world_data(&c, DIR_S2C, script.segment[0].text, script.segment[0].n, 1);
    cr_expect_eq(c.conn.swapped, 1);
    world_data(&c, DIR_C2S, script.segment[1].text, script.segment[1].n, 1);
    world_close(&world, &c, STREAM_END_FIN);
    cr_expect_str_eq(world.log, "1 begin ? stub\n1 > request 2\n1 < result 2\n1 end closed\n");
}

/* With takeover nothing can be read any more, without it everything. */
Test(websocket_loss, joined_in_compressed_messages)
{
    for (int forget = 0; forget < 2; forget++) {
        begin(DEFLATE);
        script_say_coded(&script, DIR_C2S, CALL("1"), forget);
        script_say_coded(&script, DIR_C2S, CALL("2"), forget);
        script_say_coded(&script, DIR_C2S, CALL("3"), forget);
        script_join(&script);
        script_say_coded(&script, DIR_C2S, CALL("4"), forget);
        memmove(script.segment, script.segment + 3, 2 * sizeof(script.segment[0]));
        script.count = 2;
        cr_expect_str_eq(join(), forget ? "1 begin ? stub\n1 > request 2\n1 > request 3\n"
                                          "1 > request 4\n1 end closed\n"
                                        : "1 begin ? stub\n1 > parse:lost_message\n1 end closed\n");
    }
}

/* One compressed text that refers to nothing before it proves as much as a plain one. */
Test(websocket_loss, joined_by_one_compressed_text)
{
    script_init(&script);
    script_say_coded(&script, DIR_S2C, RESULT("1"), true);
    script_say_coded(&script, DIR_S2C, "hello", true);
    enum dir sender = DIR_C2S;
    const uint8_t *bytes = (const uint8_t *)script.segment[0].text;
    size_t n = script.segment[0].n;
    cr_expect(websocket_recognise(bytes, n, &sender) && sender == DIR_S2C);
    cr_expect_not(websocket_recognise(bytes, n - 1, &sender));
    static uint8_t damaged[256];
    memcpy(damaged, bytes, n);
    damaged[2] |= 6; /* no such kind of block */
    cr_expect_not(websocket_recognise(damaged, n, &sender));
    cr_expect_not(
        websocket_recognise((const uint8_t *)script.segment[1].text, script.segment[1].n, &sender));
    fail_alloc_at(1);
    cr_expect_not(websocket_recognise(bytes, n, &sender));
    cr_expect(fail_alloc_stop());
}

Test(websocket_loss, not_joined_by_others)
{
    static const struct {
        const char *bytes;
        size_t n;
    } others[] = {
        {"\x81\x02{]", 4},         /* no JSON */
        {"\x81\x05hello", 7},      /* one text that is none */
        {"\x01\x02{}", 4},         /* not the last fragment */
        {"\x82\x02{}\x83\x00", 6}, /* followed by none */
        {"\x81\x03{} \x81", 6},    /* cut */
        {"\x81\x04{}", 4},
        {"\x81\x7e\x00\x02{}", 6},                  /* a length that wastes bytes */
        {"\x81\x02{}\x81\x80\x01\x02\x03\x04", 10}, /* two senders */
        {"\x30\x02{}", 4},                          /* LDAP and the like */
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        script_init(&script);
        script_bytes(&script, DIR_S2C, others[i].bytes, others[i].n);
        enum dir sender;
        cr_expect_not(websocket_recognise((const uint8_t *)others[i].bytes, others[i].n, &sender),
                      "%zu", i);
        cr_expect_str_eq(join(), "", "%zu", i);
    }
}

/* The 101 is lost: what the client asked for is recognised behind it, by either side's frames. */
Test(websocket_loss, joined_behind_a_lost_handshake)
{
    begin(MCP);
    call("1");
    result("1");
    script.segment[1].n -= 2; /* the loss must not end where the head does */
    size_t head = script.segment[1].n;
    cr_expect_str_eq(lose(1, 5, head),
                     "1 begin ? stub\n1 > request 1\n1 < result 1\n1 end closed\n");
    begin(MCP);
    result("0");
    script_join(&script);
    result("1");
    call("2");
    cr_expect_str_eq(lose(1, 0, script.segment[1].n),
                     "1 begin ? stub\n1 < result 1\n1 > request 2\n1 end closed\n");
    begin("");
    script_text(&script, DIR_S2C, "no frame at all");
    cr_expect_str_eq(lose(1, 0, head), "");
}

/* A stream seen from its start has a handshake. */
Test(websocket_loss, not_without_handshake)
{
    script_init(&script);
    result("1");
    cr_expect_str_eq(run(STREAM_END_FIN), "");
}

Test(websocket_loss, joined_at_a_gap)
{
    script_init(&script);
    call("1");
    call("2");
    struct world_loss loss = {DIR_C2S, 0, 3};
    struct world_plan p = plan(STREAM_END_FIN);
    p.losses = &loss;
    p.loss_count = 1;
    world_run(&world, &p);
    cr_expect_str_eq(world.log, "1 begin ? stub\n1 > request 2\n1 end closed\n");
}
