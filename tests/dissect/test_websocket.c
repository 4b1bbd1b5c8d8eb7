/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/websocket.h"
#include "tests/support/fail_alloc.h"
#include "websocket_world.h"

static struct world other;

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
    cr_expect(world.coded == 5 && world.messages == 6, "%zu", world.coded);
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
    EXPECT("1 begin ?\n1 > frame:malformed 2\n1 > request 1\n1 end closed\n");
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

/* Those that need no parser, masked and not, in one frame and in several. */
Test(websocket, texts_of_few_bytes)
{
    begin("");
    call("1");
    script_say(&script, DIR_C2S, TEXT, "{}");
    script_say(&script, DIR_S2C, TEXT, "{");
    script_say(&script, DIR_C2S, TEXT, "[]");
    script_say(&script, DIR_S2C, BINARY, "1");
    script_say(&script, DIR_C2S, 1, "[1");
    script_say(&script, DIR_C2S, FIN, ",2]");
    script_say(&script, DIR_S2C, 1, "");
    script_say(&script, DIR_S2C, FIN, "x");
    script_say(&script, DIR_S2C, TEXT, " ");
    EXPECT("1 begin ?\n1 > request 1\n1 > parse:not_jsonrpc\n1 < parse:truncated_json\n"
           "1 > parse:empty_batch\n1 < parse:not_jsonrpc\n1 > parse:not_jsonrpc 2\n"
           "1 < parse:malformed_json\n1 end closed\n");
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
