/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_world.h"
#include "tests/support/encode.h"
#include "tests/support/fail_alloc.h"

static struct stream_world world;

/* ---- frames */

static char arena[1 << 17];
static size_t arena_used;

static void reset(void)
{
    arena_used = 0;
    memset(&world, 0, sizeof(world));
}

/* A frame with that length, whatever its payload is. */
static struct piece frame_of(enum dir dir, bool magic, uint32_t length, const void *payload,
                             size_t n)
{
    char *p = arena + arena_used;
    size_t head = magic ? 8 : 4;
    cr_assert(arena_used + head + n < sizeof(arena));
    if (magic)
        memcpy(p, "MCP", 4);
    for (int i = 0; i < 4; i++)
        p[head - 4 + (size_t)i] = (char)(length >> (24 - 8 * i));
    memcpy(p + head, payload, n);
    arena_used += head + n;
    return (struct piece){dir, p, head + n};
}

static struct piece frame(enum dir dir, bool magic, const char *json)
{
    return frame_of(dir, magic, (uint32_t)strlen(json), json, strlen(json));
}

#define F1C(json) frame(DIR_C2S, true, json)
#define F1S(json) frame(DIR_S2C, true, json)
#define F2C(json) frame(DIR_C2S, false, json)
#define F2S(json) frame(DIR_S2C, false, json)

#define COMMAND(id, name)                                                                          \
    "{\"id\":\"" id "\",\"message_type\":\"Command\",\"payload\":{\"command\":\"" name "\"}}"
#define RESPONSE(id, to)                                                                           \
    "{\"id\":\"" id "\",\"message_type\":\"Response\",\"payload\":{\"message_id\":\"" to "\"}}"
#define EVENT "{\"id\":\"e1\",\"message_type\":\"Event\",\"payload\":{\"event_type\":\"changed\"}}"
#define HANDSHAKE                                                                                  \
    "{\"id\":\"h1\",\"message_type\":\"Handshake\",\"protocol_version\":{\"major\":1,\"minor\":0}" \
    ",\"security_level\":\"None\",\"payload\":[],\"metadata\":{}}"
#define HANDSHAKE_RESPONSE                                                                         \
    "{\"id\":\"h2\",\"message_type\":\"HandshakeResponse\",\"protocol_version\":\"1.0\"}"
/* {"username":"ann","password":"pw"} and "tok" */
#define AUTH_REQUEST                                                                               \
    "{\"id\":\"a1\",\"message_type\":\"AuthRequest\",\"payload\":[123,34,117,115,101,114,110,97,"  \
    "109,101,34,58,34,97,110,110,34,44,34,112,97,115,115,119,111,114,100,34,58,34,112,119,34,125"  \
    "]}"
#define AUTH_RESPONSE                                                                              \
    "{\"id\":\"a2\",\"message_type\":\"AuthResponse\",\"payload\":[34,116,111,107,34]}"

#define HANDSHAKE_LOG                                                                              \
    "@1.0\n<request handshake \"h1\"\n>result handshakeresponse \"h2\"\n=result handshake "        \
    "\"h1\"\n"
#define COMMAND_LOG(id, name) ">request command \"" id "\" (" name ")\n"
#define RESPONSE_LOG(id, to)  "<result response \"" id "\"\n=result command \"" to "\"\n"
#define FIRST_TWO             F1C(COMMAND("c1", "a")), F1S(RESPONSE("c1", "c1"))
#define FIRST_TWO_LOG         COMMAND_LOG("c1", "a") RESPONSE_LOG("c1", "c1")

Test(transport_squirrel, dialogue, .init = reset)
{
    const struct piece pieces[] = {
        F1S(HANDSHAKE),     F1C(HANDSHAKE_RESPONSE),   F1C(AUTH_REQUEST),
        F1S(AUTH_RESPONSE), F1C(COMMAND("c1", "get")), F1C(COMMAND("c2", "set")),
        F1S(EVENT),         F1S(RESPONSE("r2", "c2")), F1S(RESPONSE("c1", "c1"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, HANDSHAKE_LOG
           ">request authrequest \"a1\"\n<result authresponse \"a2\"\n=result authrequest "
           "\"a1\"\n" COMMAND_LOG("c1", "get") COMMAND_LOG(
               "c2", "set") "<notification event \"e1\" (changed)\n" RESPONSE_LOG("r2", "c2")
               RESPONSE_LOG("c1", "c1"));
    cr_expect_eq(world.sessions, 1);
    stream_every_cut(&world, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

static void check_gap(const struct stream_world *w)
{
    int known =
        stream_count(w, "=result command \"c1\"\n") + stream_count(w, "=result command \"c2\"\n");
    int lost = stream_count(w, "=lost");
    cr_assert(stream_count(w, "=") == known + lost, "%s", w->log);
    cr_assert(stream_count(w, "=result command \"c1\"\n") <= 1, "%s", w->log);
    cr_assert(stream_count(w, "parse:malformed") == 0, "%s", w->log);
    cr_assert(stream_count(w, "parse:truncated") == 0, "%s", w->log);
    cr_assert(stream_count(w, "frame:") == 0, "%s", w->log);
    cr_assert(stream_count(w, "pair:") == 0, "%s", w->log);
    cr_assert(stream_count(w, "tcp:gap") <= 1, "%s", w->log);
}

Test(transport_squirrel, every_gap, .init = reset)
{
    for (int form = 0; form < 2; form++) {
        const struct piece pieces[] = {frame(DIR_C2S, form == 0, COMMAND("c1", "get")),
                                       frame(DIR_S2C, form == 0, RESPONSE("c1", "c1")),
                                       frame(DIR_C2S, form == 0, COMMAND("c2", "set")),
                                       frame(DIR_S2C, form == 0, EVENT),
                                       frame(DIR_S2C, form == 0, RESPONSE("r2", "c2"))};
        size_t count = sizeof(pieces) / sizeof(pieces[0]);
        stream_every_gap(&world, pieces, count, check_gap);
        world.byte_by_byte = true;
        stream_every_gap(&world, pieces, count, check_gap);
        world.byte_by_byte = false;
        RUN(&world, pieces);
        cr_assert_eq(stream_count(&world, "=result command"), 2, "%s", world.log);
    }
}

Test(transport_squirrel, failing_allocations, .init = reset)
{
    for (int form = 0; form < 2; form++) {
        const struct piece pieces[] = {frame(DIR_S2C, form == 0, HANDSHAKE),
                                       frame(DIR_C2S, form == 0, HANDSHAKE_RESPONSE),
                                       frame(DIR_C2S, form == 0, AUTH_REQUEST),
                                       frame(DIR_S2C, form == 0, AUTH_RESPONSE),
                                       frame(DIR_C2S, form == 0, COMMAND("c1", "get")),
                                       frame(DIR_S2C, form == 0, RESPONSE("c1", "c1"))};
        for (uint64_t n = 1;; n++) {
            fail_alloc_at(n);
            RUN(&world, pieces);
            if (!fail_alloc_stop())
                break;
            cr_assert(stream_count(&world, "unanswered") == 0, "%s", world.log);
            cr_assert(stream_count(&world, "malformed") == 0, "%s", world.log);
        }
    }
}

/* ---- length only */

Test(transport_squirrel, length_only, .init = reset)
{
    const struct piece pieces[] = {
        F2C(COMMAND("default", "a")),
        F2S("{\"id\":\"s1\",\"message_type\":\"Response\",\"payload\":{}}"),
        F2C(COMMAND("default", "b")),
        F2S("{\"id\":\"s2\",\"message_type\":\"Response\",\"payload\":{}}")};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, COMMAND_LOG("default", "a") RESPONSE_LOG("s1", "default")
                       COMMAND_LOG("default", "b") RESPONSE_LOG("s2", "default"));
    stream_every_cut(&world, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

/* One frame proves nothing, nor do two of which one is something else. */
Test(transport_squirrel, length_only_needs_two, .init = reset)
{
    const struct piece one[] = {F2C(COMMAND("c1", "a"))};
    const struct piece other[] = {F2C(COMMAND("c1", "a")), F2C("{\"a\":1}"),
                                  F2C(COMMAND("c2", "b")), F2C(COMMAND("c3", "c"))};
    const struct piece longer[] = {F2C(COMMAND("c1", "a")),
                                   frame_of(DIR_C2S, false, 9, "{\"id\":1} }", 9),
                                   F2C(COMMAND("c2", "b"))};
    const struct piece rpc[] = {F2C("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"),
                                F2S("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}")};
    RUN_BOTH(&world, one);
    EXPECT(&world, "");
    RUN_BOTH(&world, other);
    EXPECT(&world, "");
    RUN_BOTH(&world, longer);
    EXPECT(&world, "");
    RUN_BOTH(&world, rpc);
    EXPECT(&world, "");
}

Test(transport_squirrel, compressed, .init = reset)
{
    static const char command[] = COMMAND("c1", "a"), response[] = RESPONSE("c1", "c1");
    size_t n[2];
    uint8_t *coded[] = {encode_all(CODING_GZIP, command, sizeof(command) - 1, &n[0]),
                        encode_all(CODING_ZSTD, response, sizeof(response) - 1, &n[1])};
    const struct piece pieces[] = {frame_of(DIR_C2S, false, (uint32_t)n[0], coded[0], n[0]),
                                   frame_of(DIR_S2C, false, (uint32_t)n[1], coded[1], n[1]),
                                   frame_of(DIR_S2C, false, 7, "\x04\x22\x4d\x18xyz", 7),
                                   F2C(COMMAND("c2", "b")),
                                   frame_of(DIR_S2C, false, 9, "\x1f\x8b\x08nonsense", 9),
                                   F2S(RESPONSE("c2", "c2"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, FIRST_TWO_LOG "!parse:undecodable 1 <\n" COMMAND_LOG(
                       "c2", "b") "!parse:undecodable 1 <\n" RESPONSE_LOG("c2", "c2"));
    free(coded[0]);
    free(coded[1]);
}

/* A gap in a payload that is damaged already. */
Test(transport_squirrel, compressed_damaged_and_cut, .init = reset)
{
    static const char command[] = COMMAND("c2", "b");
    size_t n;
    uint8_t *coded = encode_all(CODING_GZIP, command, sizeof(command) - 1, &n);
    const struct piece pieces[] = {F2C(COMMAND("c1", "a")),
                                   F2S(RESPONSE("c1", "c1")),
                                   frame_of(DIR_C2S, false, 90, "\x1f\x8b\x08nonsense", 11),
                                   {DIR_C2S, NULL, 79},
                                   frame_of(DIR_C2S, false, (uint32_t)n, coded, n)};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, FIRST_TWO_LOG "!parse:undecodable 1 >\n!tcp:gap 1 >\n" COMMAND_LOG(
                       "c2", "b") "=lost command \"c2\"\n");
    free(coded);
}

/* ---- wrong framing */

Test(transport_squirrel, bad_magic, .init = reset)
{
    const struct piece pieces[] = {FIRST_TWO, C2S("MCP!xxMCMCP"), F1C(COMMAND("c2", "b")),
                                   F1S(RESPONSE("c2", "c2"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world,
           FIRST_TWO_LOG "!frame:bad_magic 1 >\n" COMMAND_LOG("c2", "b") RESPONSE_LOG("c2", "c2"));
}

Test(transport_squirrel, bad_lengths, .init = reset)
{
    const char *json = COMMAND("c2", "b");
    uint32_t n = (uint32_t)strlen(json);
    const struct piece pieces[] = {
        FIRST_TWO,
        frame_of(DIR_C2S, true, 0, "", 0), /* empty */
        F1C(COMMAND("c3", "c")),
        frame_of(DIR_C2S, true, LIMIT_FRAME + 1, json, n), /* beyond the cap */
        F1C(COMMAND("c4", "d")),
        frame_of(DIR_C2S, true, n + 20, json, n), /* into the next frame */
        F1C(COMMAND("c5", "e")),
        frame_of(DIR_C2S, true, n - 9, json, n), /* too short */
        F1C(COMMAND("c6", "f"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world,
           FIRST_TWO_LOG "!frame:bad_length 1 >\n" COMMAND_LOG(
               "c3", "c") "!frame:bad_length 1 >\n" COMMAND_LOG("c4", "d")
               COMMAND_LOG("c2", "b") "!frame:bad_length 1 >\n" COMMAND_LOG(
                   "c5", "e") "!parse:truncated_json 1 >\n!frame:bad_magic 1 "
                              ">\n" COMMAND_LOG("c6", "f") "=unanswered command "
                                                           "\"c3\"\n!pair:unanswered 1 >\n"
                                                           "=unanswered command "
                                                           "\"c4\"\n!pair:unanswered 1 >\n"
                                                           "=unanswered command "
                                                           "\"c2\"\n!pair:unanswered 1 >\n"
                                                           "=unanswered command "
                                                           "\"c5\"\n!pair:unanswered 1 >\n"
                                                           "=unanswered command "
                                                           "\"c6\"\n!pair:unanswered 1 >\n");
    cr_expect_eq(world.hit.count[LIMIT_ID_FRAME], 2);
    stream_every_cut(&world, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

Test(transport_squirrel, bad_payloads, .init = reset)
{
    const struct piece pieces[] = {FIRST_TWO,
                                   F1C("[1,2]"),
                                   F1C("{\"id\" x}"),
                                   F1C("{\"a\":1}"),
                                   F1C("{\"id\":\"c7\",\"mess"),
                                   F1C(COMMAND("c2", "b")),
                                   F1S(RESPONSE("c2", "c2")),
                                   C2S("MCP\0\0\0\0\40{\"id\"")};
    RUN_BOTH(&world, pieces);
    EXPECT(&world, FIRST_TWO_LOG
           "!parse:not_jsonrpc 2 >\n!parse:malformed_json 1 >\n"
           "!parse:not_jsonrpc 1 >\n!parse:truncated_json 1 >\n" COMMAND_LOG("c2", "b")
               RESPONSE_LOG("c2", "c2") "!parse:truncated_body 1 >\n");
}

/* ---- joining */

Test(transport_squirrel, joined, .init = reset)
{
    const struct piece pieces[] = {S2C("ding\":[1,2]}}MCP"),
                                   F1S(EVENT),
                                   C2S("the end"),
                                   F1C(COMMAND("c2", "b")),
                                   F1S(RESPONSE("c2", "c2")),
                                   F1S(RESPONSE("c3", "c3"))};
    world.midstream = true;
    RUN(&world, pieces);
    EXPECT(&world, "<notification event \"e1\" (changed)\n" COMMAND_LOG("c2", "b")
                       RESPONSE_LOG("c2", "c2") "<result response \"c3\" orphan\n");
}

Test(transport_squirrel, joined_with_roles_swapped, .init = reset)
{
    const struct piece pieces[] = {F1S(COMMAND("c2", "b")), F1C(RESPONSE("c2", "c2"))};
    world.midstream = true;
    RUN(&world, pieces);
    EXPECT(&world, COMMAND_LOG("c2", "b") RESPONSE_LOG("c2", "c2"));
}

Test(transport_squirrel, joined_length_only, .init = reset)
{
    const struct piece pieces[] = {F2C(COMMAND("c1", "a")), S2C("x\":1}}"),
                                   F2S(RESPONSE("c1", "c1")), F2C(COMMAND("c2", "b"))};
    world.midstream = true;
    world.end = STREAM_END_CAPTURE;
    RUN(&world, pieces);
    EXPECT(&world, FIRST_TWO_LOG COMMAND_LOG("c2", "b") "=pending command \"c2\"\n");
}

Test(transport_squirrel, other_protocols, .init = reset)
{
    static const struct piece settings[] = {S2C("\0\0\22\4\0\0\0\0\0")};
    static const struct piece words[] = {C2S("MCPX is a word"), S2C("MC\n")};
    RUN_BOTH(&world, settings);
    EXPECT(&world, "");
    RUN_BOTH(&world, words);
    EXPECT(&world, "");
}

/* ---- pairing */

/* Each rule of correlation, and ids that are used twice. */
Test(transport_squirrel, correlation, .init = reset)
{
    const struct piece pieces[] = {
        F1C(COMMAND("c1", "a")), F1C(COMMAND("c2", "b")),
        /* its own id is that of another request */
        F1S("{\"id\":\"c2\",\"command_id\":\"c1\",\"status\":\"ok\",\"result\":{}}"),
        F1S("{\"protocol_version\":\"1.0\",\"message_id\":\"c2\",\"status\":\"Pending\"}"),
        F1S("{\"protocol_version\":\"1.0\",\"message_id\":\"c2\",\"status\":\"Error\","
            "\"payload\":[123,125],\"error_message\":\"Authorization failed: no\"}"),
        F1C("{\"header\":{\"messageId\":\"m1\",\"messageType\":\"request\"},\"payload\":{\"tool\":"
            "{\"id\":\"calc\",\"capability\":\"add\"}}}"),
        F1S("{\"header\":{\"messageId\":\"m2\",\"messageType\":\"response\",\"requestId\":\"m1\"},"
            "\"payload\":{\"execution\":{\"status\":\"timeout\"}}}"),
        F1C(COMMAND("default", "x")), F1C(COMMAND("default", "y")),
        F1S(RESPONSE("default", "default")), F1S(RESPONSE("default", "default")),
        F1S("{\"id\":\"z\",\"message_type\":\"Error\",\"payload\":{\"message\":\"Token "
            "expired\"}}"),
        F1S(RESPONSE("q", "no-such")), F1S(RESPONSE("r", "c1"))};
    RUN_BOTH(&world, pieces);
    EXPECT(&world,
           COMMAND_LOG("c1", "a") COMMAND_LOG("c2", "b") RESPONSE_LOG(
               "c2",
               "c1") "@1.0\n<result response\n"
                     "<error response\n!squirrel:authorization_failed 1 <\n=error command \"c2\"\n"
                     ">request request \"m1\" (calc.add)\n"
                     "<error response \"m2\"\n!squirrel:error 1 <\n=error request "
                     "\"m1\"\n" COMMAND_LOG("default", "x") COMMAND_LOG("default", "y")
                         RESPONSE_LOG("default", "default") RESPONSE_LOG(
                             "default",
                             "default") "<error error \"z\"\n!squirrel:token_expired 1 <\n"
                                        "<result response \"q\" orphan\n!pair:unknown_id 1 <\n"
                                        "<result response \"r\" orphan\n!pair:unknown_id 1 <\n");
}

Test(transport_squirrel, handshakes, .init = reset)
{
    const struct piece both[] = {
        F1S(HANDSHAKE), F1C("{\"id\":\"h9\",\"message_type\":\"Handshake\",\"version\":\"1.0.3\"}"),
        F1S("{\"id\":\"h8\",\"message_type\":\"handshake_response\"}")};
    const struct piece unanswered[] = {F1S(HANDSHAKE)};
    const struct piece setup[] = {
        F1C("{\"id\":\"s1\",\"message_type\":\"Setup\"}"),
        F1C("{\"id\":\"s2\",\"message_type\":\"Setup\"}"),
        F1S("{\"id\":\"s2\",\"message_type\":\"Response\"}"),
        F1S("{\"version\":\"1.0\",\"message_type\":\"Event\",\"payload\":null}"),
        F1C("{\"id\":7,\"message_type\":{\"Query\":{}},\"payload\":{}}"),
        F1S("{\"id\":\"t\",\"message_type\":\"Greeting-Card\"}")};
    RUN_BOTH(&world, both);
    EXPECT(&world, "@1.0\n<request handshake \"h1\"\n>request handshake \"h9\"\n"
                   "<result handshakeresponse \"h8\"\n=result handshake \"h9\"\n");
    RUN_BOTH(&world, unanswered);
    EXPECT(&world, "@1.0\n<request handshake \"h1\"\n=unanswered handshake \"h1\"\n"
                   "!pair:unanswered 1 <\n");
    RUN_BOTH(&world, setup);
    EXPECT(&world, ">request setup \"s1\"\n>request setup \"s2\"\n<result response \"s2\"\n"
                   "=result setup \"s2\"\n@1.0\n<notification event\n>request query 7\n"
                   "!envelope:bad_id 1 >\n<notification greeting-card \"t\"\n"
                   "=unanswered query 7\n!pair:unanswered 1 >\n");
}

/* The id that is answered is in bytes; nothing else of them shows. */
Test(transport_squirrel, byte_arrays, .init = reset)
{
    static char json[1 << 14];
    const char *inner = "{\"message_id\":\"c1\",\"secret\":\"s3cr3t\"}";
    int n = snprintf(json, sizeof(json), "{\"id\":\"r1\",\"payload\":[ ");
    for (const char *p = inner; *p; p++)
        n += snprintf(json + n, sizeof(json) - (size_t)n, "%d%s", *p, p[1] ? ", " : "]");
    snprintf(json + n, sizeof(json) - (size_t)n, ",\"message_type\":\"CommandResponse\"}");
    const struct piece pieces[] = {F1C(COMMAND("c1", "a")), F1C(COMMAND("c2", "b")), F1S(json),
                                   F1S("{\"id\":\"c2\",\"payload\":[1,256],\"message_type\":"
                                       "\"CommandResponse\"}")};
    RUN_BOTH(&world, pieces);
    EXPECT(&world,
           COMMAND_LOG("c1", "a")
               COMMAND_LOG("c2", "b") "<result commandresponse \"r1\"\n=result command \"c1\"\n"
                                      "<result commandresponse \"c2\"\n=result command \"c2\"\n");
    stream_every_cut(&world, pieces, sizeof(pieces) / sizeof(pieces[0]));
}
