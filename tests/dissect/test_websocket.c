/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/websocket.h"
#include "tests/support/fail_alloc.h"
#include "websocket_world.h"

static struct world world, other;
static struct script script;

#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n"
#define DEFLATE_EACH                                                                               \
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "                   \
    "client_no_context_takeover\r\n"
#define MCP "Sec-WebSocket-Protocol: mcp\r\n"

static void begin(const char *extra)
{
    script_init(&script);
    script_handshake(&script, extra);
}

static struct world_plan plan(enum stream_end end)
{
    return (struct world_plan){.segments = script.segment, .count = script.count, .end = end};
}

static const char *run(enum stream_end end)
{
    struct world_plan p = plan(end);
    world_run(&world, &p);
    return world.log;
}

/* What the script gives, the same byte by byte and for every cut of every segment behind the
 * handshake. */
static const char *talk(void)
{
    static struct segment cut[SCRIPT_SEGMENTS + 1];
    struct world_plan p = plan(STREAM_END_FIN);
    world_run(&world, &p);
    p.byte_by_byte = true;
    world_run(&other, &p);
    cr_assert_str_eq(other.log, world.log, "byte by byte");
    p.byte_by_byte = false;
    p.segments = cut;
    p.count = script.count + 1;
    for (size_t i = 2; i < script.count; i++)
        for (size_t at = 1; at < script.segment[i].n; at++) {
            memcpy(cut, script.segment, (i + 1) * sizeof(*cut));
            memcpy(cut + i + 1, script.segment + i, (script.count - i) * sizeof(*cut));
            cut[i].n = at;
            cut[i + 1].text += at;
            cut[i + 1].n -= at;
            world_run(&other, &p);
            cr_assert_str_eq(other.log, world.log, "segment %zu cut at %zu", i, at);
        }
    return world.log;
}

#define EXPECT(expected) cr_expect_str_eq(talk(), expected)

static void call(const char *id)
{
    char text[160];
    snprintf(text, sizeof(text), CALL("%s"), id);
    script_say(&script, DIR_C2S, TEXT, text);
}

static void result(const char *id)
{
    char text[160];
    snprintf(text, sizeof(text), RESULT("%s"), id);
    script_say(&script, DIR_S2C, TEXT, text);
}

Test(websocket, texts)
{
    begin(MCP);
    call("1");
    result("1");
    script_say(&script, DIR_S2C, BINARY, CALL("\"s\""));
    script_say(&script, DIR_C2S, BINARY, "\n" RESULT("\"s\"") " ");
    script_say(&script, DIR_C2S, TEXT, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}");
    EXPECT("1 begin ? mcp\n1 > request 1\n1 < result 1\n1 < request \"s\"\n1 > result \"s\"\n"
           "1 > notification\n1 end closed\n");
}

/* The 101 and the first frames in one segment, and the same for the client's. */
Test(websocket, frames_behind_the_handshake)
{
    begin("");
    result("0");
    script_join(&script);
    call("1");
    call("2");
    script_join(&script);
    EXPECT("1 begin ?\n1 < result 0\n1 > request 1\n1 > request 2\n1 end closed\n");
}

Test(websocket, fragments_with_control_frames_between)
{
    begin("");
    script_say(&script, DIR_C2S, 1, "{\"jsonrpc\":\"2.0\",");
    script_say(&script, DIR_C2S, PING, "a ping");
    script_say(&script, DIR_C2S, 0, "");
    script_say(&script, DIR_C2S, 0, "\"id\":7,\"method\":");
    script_say(&script, DIR_S2C, FIN | 10, "");
    script_say(&script, DIR_C2S, FIN, "\"ping\"}");
    script_say(&script, DIR_C2S, FIN | 8,
               "\x03\xe8"
               "bye");
    call("8");
    result("7");
    EXPECT("1 begin ?\n1 > request 7\n1 < result 7\n1 end closed\n");
}

Test(websocket, lengths)
{
    static char text[70000];
    static const size_t lengths[] = {125, 126, 127, 65535, 65536, 69000};
    begin("");
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(text, ' ', sizeof(text));
        memcpy(text, RESULT("1"), strlen(RESULT("1")));
        script_frame(&script, DIR_S2C, (struct script_frame){.first = TEXT}, text, lengths[i]);
    }
    script_frame(&script, DIR_C2S, (struct script_frame){TEXT, false, 8}, CALL("2"),
                 strlen(CALL("2")));
    script_frame(&script, DIR_C2S, (struct script_frame){TEXT, false, 2}, CALL("3"),
                 strlen(CALL("3")));
    cr_expect_str_eq(run(STREAM_END_FIN),
                     "1 begin ?\n1 < result 1\n1 < result 1\n1 < result 1\n1 < result 1\n"
                     "1 < result 1\n1 < result 1\n1 > request 2\n1 > request 3\n1 end closed\n");
}

/* Chunks of the buffer that takes the mask off, whatever the cuts. */
Test(websocket, masked_texts_of_any_length)
{
    static char text[20000];
    static const size_t steps[] = {1, 3, 4095, 4096, 4097, 20000};
    snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":\"%0*d\",\"method\":\"ping\"}", 16384,
             5);
    begin("");
    script_say(&script, DIR_C2S, TEXT, text);
    struct segment whole = script.segment[2];
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct world_conn c;
        world_init(&world);
        cr_assert(world_open(&world, &c, false));
        for (int k = 0; k < 2; k++)
            world_data(&c, script.segment[k].dir, script.segment[k].text, script.segment[k].n, 1);
        for (size_t at = 0; at < whole.n; at += steps[i])
            world_data(&c, DIR_C2S, whole.text + at,
                       whole.n - at < steps[i] ? whole.n - at : steps[i], 2);
        world_close(&world, &c, STREAM_END_FIN);
        cr_expect(world.messages == 1 && strstr(world.log, "request \"000"), "%s", world.log);
    }
}

/* ---- compression */

Test(websocket, context_takeover)
{
    begin(MCP DEFLATE);
    script_say_coded(&script, DIR_C2S, CALL("1"), false);
    script_say_coded(&script, DIR_S2C, RESULT("1"), false);
    script_say_coded(&script, DIR_C2S, CALL("2"), false);
    call("3"); /* an uncompressed one is no part of the context */
    script_say_coded(&script, DIR_C2S, CALL("4"), false);
    script_say_coded(&script, DIR_S2C, RESULT("2"), false);
    cr_expect(script.segment[4].n > script.segment[6].n, "it must refer back");
    EXPECT("1 begin ? mcp\n1 > request 1\n1 < result 1\n1 > request 2\n1 > request 3\n"
           "1 > request 4\n1 < result 2\n1 end closed\n");
}

Test(websocket, no_context_takeover)
{
    begin(DEFLATE_EACH);
    for (int i = 0; i < 3; i++) {
        script_say_coded(&script, DIR_C2S, CALL("1"), true);
        script_say_coded(&script, DIR_S2C, RESULT("1"), true);
    }
    EXPECT("1 begin ?\n1 > request 1\n1 < result 1\n1 > request 1\n1 < result 1\n"
           "1 > request 1\n1 < result 1\n1 end closed\n");
}

Test(websocket, compressed_fragments)
{
    const uint8_t *bytes;
    begin(DEFLATE);
    for (int i = 0; i < 2; i++) {
        size_t n = script_deflate(&script, DIR_C2S, i ? CALL("2") : CALL("1"), false, &bytes);
        script_frame(&script, DIR_C2S, (struct script_frame){.first = RSV1 | 1}, bytes, n / 2);
        script_say(&script, DIR_C2S, PING, "");
        script_frame(&script, DIR_C2S, (struct script_frame){.first = 0}, bytes + n / 2, n - n / 2);
        script_say(&script, DIR_C2S, FIN, "");
    }
    EXPECT("1 begin ?\n1 > request 1\n1 > request 2\n1 end closed\n");
}

/* Texts that are no JSON are still what later ones refer to. */
Test(websocket, context_goes_on_behind_other_texts)
{
    begin(DEFLATE);
    script_say_coded(&script, DIR_C2S, "no JSON: " CALL("1"), false);
    script_say_coded(&script, DIR_C2S, CALL("1"), false);
    EXPECT("1 begin ?\n1 > parse:malformed_json\n1 > request 1\n1 end closed\n");
}

Test(websocket, compressed_without_agreement)
{
    begin("Sec-WebSocket-Extensions: x; permessage-deflate\r\n");
    script_say_coded(&script, DIR_C2S, CALL("1"), false);
    script_say_coded(&script, DIR_C2S, CALL("2"), false);
    script_say(&script, DIR_C2S, TEXT, CALL("3"));
    EXPECT("1 begin ?\n1 > parse:undecodable\n1 > request 3\n1 end closed\n");
}

/* Damage: with takeover it lasts until a message refers to nothing before it. */
Test(websocket, damaged_compression)
{
    begin(DEFLATE);
    script_say_coded(&script, DIR_C2S, CALL("1"), false);
    script_say(&script, DIR_C2S, CODED, "\xff\xff\xff");
    script_say_coded(&script, DIR_C2S, CALL("2"), false);
    script_say_coded(&script, DIR_C2S, CALL("3"), false);
    script_say_coded(&script, DIR_C2S, CALL("4"), true);
    script_say_coded(&script, DIR_C2S, CALL("5"), false);
    script_say(&script, DIR_C2S, CODED, "\xff\xff\xff");
    EXPECT("1 begin ?\n1 > request 1\n1 > parse:undecodable\n1 > request 4\n1 > request 5\n"
           "1 > parse:undecodable\n1 end closed\n");
    begin(DEFLATE_EACH);
    script_say(&script, DIR_C2S, CODED, "\xff\xff\xff");
    script_say_coded(&script, DIR_C2S, CALL("1"), true);
    EXPECT("1 begin ?\n1 > parse:undecodable\n1 > request 1\n1 end closed\n");
}

/* A message of many megabytes in few bytes. */
Test(websocket, decompression_bomb)
{
    static char zeros[1 << 20];
    struct encode e;
    memset(zeros, ' ', sizeof(zeros));
    encode_begin(&e, CODING_RAW_DEFLATE, 0);
    for (int i = 0; i < 40; i++)
        encode_put(&e, zeros, sizeof(zeros), ENCODE_MORE);
    encode_put(&e, RESULT("1"), strlen(RESULT("1")), ENCODE_FLUSH);
    begin(DEFLATE_EACH);
    script_frame(&script, DIR_S2C, (struct script_frame){.first = CODED}, e.out, e.n - 4);
    script_say_coded(&script, DIR_S2C, RESULT("2"), true);
    encode_fini(&e);
    free(e.out);
    uint64_t before = world_hit.count[LIMIT_ID_DECODED_BYTES];
    cr_expect_str_eq(run(STREAM_END_FIN),
                     "1 begin ?\n1 < parse:lost_message\n1 < result 2\n1 end closed\n");
    cr_expect_eq(world_hit.count[LIMIT_ID_DECODED_BYTES], before + 1);
}

static struct websocket_options options_of(const char *value)
{
    struct websocket_options o = {0};
    websocket_add_extensions(&o, value, strlen(value));
    return o;
}

Test(websocket, extensions)
{
    struct websocket_options o = options_of("");
    cr_expect(!o.deflate);
    o = options_of("x-deflate, foo; permessage-deflate; a=\"b,permessage-deflate\"");
    cr_expect(!o.deflate);
    o = options_of(" a , Permessage-Deflate ;server_max_window_bits=10;"
                   " CLIENT_no_context_takeover ");
    cr_expect(o.deflate && o.no_context_takeover[DIR_C2S] && !o.no_context_takeover[DIR_S2C]);
    o = options_of("permessage-deflate;server_no_context_takeover");
    cr_expect(o.deflate && !o.no_context_takeover[DIR_C2S] && o.no_context_takeover[DIR_S2C]);
    o = options_of(",;\",");
    cr_expect(!o.deflate);
}

/* ---- odd frames */

Test(websocket, wrong_masks_are_read)
{
    begin("");
    struct script_frame swapped = {TEXT, true, 0};
    for (int i = 0; i < 2; i++) {
        script_frame(&script, DIR_C2S, swapped, CALL("1"), strlen(CALL("1")));
        script_frame(&script, DIR_S2C, swapped, RESULT("1"), strlen(RESULT("1")));
    }
    EXPECT("1 begin ?\n1 > frame:bad_mask\n1 > request 1\n1 < frame:bad_mask\n1 < result 1\n"
           "1 > request 1\n1 < result 1\n1 end closed\n");
}

/* What every receiver refuses: told, and read on at a segment that fits. */
Test(websocket, malformed_frames)
{
    static const struct {
        uint8_t first;
        uint8_t bytes;
        const char *payload;
    } frames[] = {{FIN | 3, 0, "{}"},        {FIN | 11, 0, ""}, {FIN | 0x20 | 1, 0, "{}"},
                  {FIN | 0x10 | 1, 0, "{}"}, {9, 0, ""},        {FIN | RSV1 | 9, 0, ""},
                  {FIN | 9, 2, ""},          {FIN | 8, 0, "x"}};
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        static char wide[200];
        const char *payload = frames[i].bytes == 2 ? wide : frames[i].payload;
        size_t n = frames[i].bytes == 2 ? sizeof(wide) : strlen(payload);
        begin("");
        script_frame(&script, DIR_C2S, (struct script_frame){.first = frames[i].first}, payload, n);
        script_say(&script, DIR_C2S, TEXT, CALL("1"));
        cr_expect_str_eq(run(STREAM_END_FIN),
                         "1 begin ?\n1 > frame:malformed\n1 > parse:lost_message\n1 > request 1\n"
                         "1 end closed\n",
                         "%zu", i);
    }
    begin("");
    script_bytes(&script, DIR_S2C, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff{}", 12);
    script_say(&script, DIR_S2C, TEXT, RESULT("1"));
    cr_expect_str_eq(run(STREAM_END_FIN), "1 begin ?\n1 < frame:malformed\n1 < parse:lost_message\n"
                                          "1 < result 1\n1 end closed\n");
}

Test(websocket, fragments_out_of_place)
{
    begin("");
    script_say(&script, DIR_C2S, 0, "{");
    script_say(&script, DIR_C2S, FIN, "}");
    script_say(&script, DIR_C2S, 1, "{\"jsonrpc\":");
    call("1");
    EXPECT("1 begin ?\n1 > frame:malformed\n1 > frame:malformed\n1 > request 1\n1 end closed\n");
}

Test(websocket, other_texts)
{
    begin("");
    script_say(&script, DIR_C2S, TEXT, "hello");
    script_say(&script, DIR_C2S, TEXT, "");
    script_say(&script, DIR_C2S, TEXT, "{\"type\":\"chat\"}");
    script_say(&script, DIR_C2S, TEXT, "{\"jsonrpc\":\"2.0\",\"id\"");
    script_say(&script, DIR_C2S, BINARY, "\x01\x02");
    EXPECT("1 begin ?\n1 > parse:malformed_json\n1 > parse:not_jsonrpc\n"
           "1 > parse:truncated_json\n1 > parse:malformed_json\n1 end closed\n");
}

/* ---- ends */

Test(websocket, ends_inside_a_message)
{
    begin("");
    script_say(&script, DIR_C2S, 1, "{\"jsonrpc\":");
    EXPECT("1 begin ?\n1 > parse:truncated_body\n1 end closed\n");
    cr_expect_str_eq(run(STREAM_END_CAPTURE), "1 begin ?\n1 end capture\n");
    begin("");
    script_say(&script, DIR_C2S, 1, "{\"jsonrpc\":");
    script_say(&script, DIR_C2S, FIN | 8, "");
    EXPECT("1 begin ?\n1 > parse:truncated_body\n1 end closed\n");
    begin("");
    call("1");
    script.segment[2].n -= 10;
    EXPECT("1 begin ?\n1 > parse:truncated_body\n1 end closed\n");
}

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

Test(websocket, gap_in_a_payload)
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

Test(websocket, gap_over_frames)
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
Test(websocket, gap_and_a_wrong_guess)
{
    static const char *const odd[] = {"\x83\x00{}", "\x81\x80{}{}"}; /* reserved; masked */
    for (int i = 0; i < 2; i++) {
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
Test(websocket, gap_in_fragments)
{
    begin("");
    script_say(&script, DIR_S2C, 1, "{\"jsonrpc\":\"2.0\",");
    script_say(&script, DIR_S2C, 0, "\"id\":7,");
    script_say(&script, DIR_S2C, FIN, "\"result\":{}}");
    result("8");
    cr_expect_str_eq(lose(2, 1, 25), "1 begin ?\n1 < tcp:gap 24\n1 < parse:lost_message\n"
                                     "1 < result 8\n1 end closed\n");
}

Test(websocket, gap_in_compressed_messages)
{
    begin(DEFLATE);
    for (int i = 0; i < 4; i++)
        script_say_coded(&script, DIR_C2S, i % 2 ? CALL("1") : CALL("2"), false);
    script_say(&script, DIR_C2S, TEXT, CALL("5"));
    cr_expect_str_eq(lose(3, 8, 9),
                     "1 begin ?\n1 > request 2\n1 > tcp:gap\n1 > parse:lost_message\n"
                     "1 > parse:undecodable\n1 > request 5\n1 end closed\n");
    begin(DEFLATE_EACH);
    for (int i = 0; i < 4; i++)
        script_say_coded(&script, DIR_C2S, i % 2 ? CALL("1") : CALL("2"), true);
    cr_expect_str_eq(lose(3, 8, 9),
                     "1 begin ?\n1 > request 2\n1 > tcp:gap\n1 > parse:lost_message\n"
                     "1 > request 2\n1 > request 1\n1 end closed\n");
}

/* Nothing is made up whatever is lost: only what was sent, each at most once, in order. */
static void check_order(const char *log, const char *what, size_t from, size_t to)
{
    int last = -1;
    for (const char *p = strstr(log, what); p; p = strstr(p + 1, what)) {
        int id = atoi(p + strlen(what));
        cr_assert(id > last && id < 8, "%zu..%zu: %s", from, to, log);
        last = id;
    }
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

Test(websocket, any_loss)
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

Test(websocket, joined_by_one_text)
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
Test(websocket, joined_the_other_way_round)
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
Test(websocket, joined_in_compressed_messages)
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
                                        : "1 begin ? stub\n1 > parse:undecodable\n1 end closed\n");
    }
}

/* One compressed text that refers to nothing before it proves as much as a plain one. */
Test(websocket, joined_by_one_compressed_text)
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

Test(websocket, not_joined_by_others)
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
Test(websocket, joined_behind_a_lost_handshake)
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
Test(websocket, not_without_handshake)
{
    script_init(&script);
    result("1");
    cr_expect_str_eq(run(STREAM_END_FIN), "");
}

Test(websocket, joined_at_a_gap)
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

/* ---- resources */

Test(websocket, every_allocation_fails)
{
    begin(DEFLATE);
    call("1");
    script_say_coded(&script, DIR_C2S, CALL("2"), false);
    script_say_coded(&script, DIR_C2S, CALL("3"), false);
    result("1");
    struct world_plan p = plan(STREAM_END_FIN);
    bool lost = false;
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        world_run(&world, &p);
        if (!fail_alloc_stop())
            break;
        lost |= strstr(world.log, "parse:lost_message") != NULL;
        check_order(world.log, "> request ", n, 0);
    }
    cr_expect(lost);
    cr_expect_eq(world.messages, 4);
}
