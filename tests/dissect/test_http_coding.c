/* SPDX-License-Identifier: BSD-3-Clause */
/* Content and transfer codings of HTTP bodies, from segments to records. */
#include "http_world.h"
#include "tests/support/encode.h"
#include "tests/support/fail_alloc.h"

#define CALL(id)   "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/list\"}"
#define RESULT(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}"
#define EVENT(id)  "data: " RESULT(id) "\n\n"
#define JSON_TYPE  "Content-Type: application/json\r\n"
#define SSE_TYPE   "Content-Type: text/event-stream\r\n"
#define REQUEST    "POST /mcp HTTP/1.1\r\n" JSON_TYPE
#define RESPONSE   "HTTP/1.1 200 OK\r\n"

static const struct {
    enum coding coding;
    const char *name;
} CODINGS[] = {
    {CODING_GZIP, "gzip"},           {CODING_DEFLATE, "deflate"}, {CODING_BR, "br"},
    {CODING_RAW_DEFLATE, "deflate"}, {CODING_ZSTD, "zstd"},
};
enum { CODINGS_COUNT = sizeof(CODINGS) / sizeof(CODINGS[0]) };

static struct world world, other;

/* ---- scripts of segments with bytes that are no text */

static struct {
    struct segment segments[32];
    size_t count, used, sent[DIR_COUNT];
    char bytes[1 << 20];
} script;

static void script_begin(void)
{
    script.count = script.used = 0;
    script.sent[0] = script.sent[1] = 0;
}

static void put(const void *bytes, size_t n)
{
    cr_assert(script.used + n <= sizeof(script.bytes));
    memcpy(script.bytes + script.used, bytes, n);
    script.used += n;
    script.segments[script.count - 1].n += n;
    script.sent[script.segments[script.count - 1].dir] += n;
}

static void print(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(text, (size_t)n);
}

static void segment(enum dir dir)
{
    cr_assert(script.count < 32);
    script.segments[script.count++] =
        (struct segment){.dir = dir, .text = script.bytes + script.used};
}

/* A message with a whole body under a coding; returns the length of the body. */
static size_t message(enum dir dir, const char *head, int coding, const char *body)
{
    size_t n;
    uint8_t *coded = encode_all(CODINGS[coding].coding, body, strlen(body), &n);
    segment(dir);
    print("%sContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", head, CODINGS[coding].name, n);
    put(coded, n);
    free(coded);
    return n;
}

static void bare(enum dir dir, const char *text)
{
    segment(dir);
    put(text, strlen(text));
}

static void ask(const char *id)
{
    char text[512];
    snprintf(text, sizeof(text),
             "%sContent-Length: %zu\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":%s,"
             "\"method\":\"tools/list\"}",
             REQUEST, strlen(CALL("")) + strlen(id), id);
    bare(DIR_C2S, text);
}

/* A coded event stream in chunks, a segment each. */
static void stream_begin(struct encode *e, int coding)
{
    encode_begin(e, CODINGS[coding].coding, 0);
    segment(DIR_S2C);
    print("%s%sContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n", RESPONSE, SSE_TYPE,
          CODINGS[coding].name);
}

static void stream_put(struct encode *e, const char *text, enum encode_op op)
{
    e->n = 0;
    encode_put(e, text, strlen(text), op);
    segment(DIR_S2C);
    print("%zx\r\n", e->n);
    put(e->out, e->n);
    print("\r\n");
}

static void stream_end(struct encode *e)
{
    bare(DIR_S2C, "0\r\n\r\n");
    encode_fini(e);
    free(e->out);
}

static const char *run(size_t count, enum stream_end end)
{
    struct world_plan plan = {.segments = script.segments, .count = count, .end = end};
    world_run(&world, &plan);
    return world.log;
}

/* That bytes of a stream are not read is told with each segment of it. */
static void tell_unread_once(char *log)
{
    static const char LINE[] = "1 < parse:lost_message 0\n";
    char *p = strstr(log, LINE);
    while (p && (p = strstr(p + strlen(LINE), LINE))) {
        memmove(p, p + strlen(LINE), strlen(p + strlen(LINE)) + 1);
        p -= strlen(LINE);
    }
}

/* What the script gives, the same byte by byte and for every cut of every segment. */
static const char *talk(void)
{
    static struct segment cut[33];
    struct world_plan plan = {
        .segments = script.segments, .count = script.count, .end = STREAM_END_FIN};
    run(script.count, STREAM_END_FIN);
    plan.byte_by_byte = true;
    world_run(&other, &plan);
    tell_unread_once(world.log);
    tell_unread_once(other.log);
    cr_assert_str_eq(other.log, world.log, "byte by byte");
    plan.byte_by_byte = false;
    plan.segments = cut;
    plan.count = script.count + 1;
    for (size_t i = 0; i < script.count; i++)
        for (size_t at = 1; at < script.segments[i].n; at++) {
            memcpy(cut, script.segments, (i + 1) * sizeof(*cut));
            memcpy(cut + i + 1, script.segments + i, (script.count - i) * sizeof(*cut));
            for (size_t k = 0; k <= script.count; k++)
                cut[k].ts_ns = 1001000 + (int64_t)(k <= i ? k : k - 1) * 1000;
            cut[i].n = at;
            cut[i + 1].text += at;
            cut[i + 1].n -= at;
            world_run(&other, &plan);
            tell_unread_once(other.log);
            cr_assert_str_eq(other.log, world.log, "segment %zu cut at %zu", i, at);
        }
    return world.log;
}

/* The log with n bytes of one direction missing, from `from` on. */
static const char *lose(enum dir dir, size_t from, size_t n)
{
    struct world_loss loss = {dir, from, from + n};
    struct world_plan plan = {.segments = script.segments,
                              .count = script.count,
                              .losses = &loss,
                              .loss_count = 1,
                              .end = STREAM_END_FIN};
    world_run(&world, &plan);
    return world.log;
}

/* ---- what can be read */

Test(http_coding, json_in_both_directions)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        script_begin();
        message(DIR_C2S, REQUEST, i, CALL("1"));
        message(DIR_S2C, RESPONSE JSON_TYPE, i, " \n" RESULT("1"));
        ask("2");
        message(DIR_S2C, RESPONSE JSON_TYPE, i, "[" RESULT("2") "]");
        cr_assert_str_eq(talk(),
                         "1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n"
                         "1 end complete\n"
                         "2 begin POST\n2 > request 2\n2 head 200 json\n2 < result 2\n"
                         "2 end complete\n",
                         "coding %d: %s", i, world.log);
        cr_assert(world.coded == 3 && world.messages == 4, "all but request 2");
    }
}

/* The message is there with the packet that made it readable. */
Test(http_coding, events_flushed_one_by_one)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct encode e;
        script_begin();
        ask("3");
        stream_begin(&e, i);
        stream_put(&e, "id: 7\ndata:\n\n", ENCODE_FLUSH);
        stream_put(&e, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n",
                   ENCODE_FLUSH);
        stream_put(&e, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n",
                   ENCODE_FLUSH);
        stream_put(&e, EVENT("3"), ENCODE_FLUSH);
        stream_put(&e, "", ENCODE_END);
        stream_end(&e);
        for (size_t k = 3; k < 7; k++) {
            run(k, STREAM_END_CAPTURE);
            cr_assert_eq(world.messages, k - 2, "coding %d, %zu segments: %s", i, k, world.log);
        }
        cr_assert_str_eq(talk(),
                         "1 begin POST\n1 > request 3\n1 head 200 sse\n1 event id\n"
                         "1 < notification\n1 < request 1\n1 < result 3\n1 end complete\n",
                         "coding %d: %s", i, world.log);
        cr_assert_eq(world.coded, 3);
    }
}

/* A stream that its connection ends, without the end of the coded data. */
Test(http_coding, events_until_the_end)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct encode e;
        script_begin();
        ask("3");
        encode_begin(&e, CODINGS[i].coding, 0);
        encode_put(&e, EVENT("3"), strlen(EVENT("3")), ENCODE_FLUSH);
        segment(DIR_S2C);
        print("%s%sContent-Encoding: %s\r\n\r\n", RESPONSE, SSE_TYPE, CODINGS[i].name);
        put(e.out, e.n);
        encode_fini(&e);
        free(e.out);
        cr_assert_str_eq(talk(),
                         "1 begin POST\n1 > request 3\n1 head 200 sse\n1 < result 3\n"
                         "1 end complete\n",
                         "coding %d: %s", i, world.log);
    }
}

Test(http_coding, as_a_transfer_coding)
{
    size_t n;
    uint8_t *coded = encode_all(CODING_GZIP, RESULT("1"), strlen(RESULT("1")), &n);
    for (int two = 0; two < 2; two++) {
        script_begin();
        ask("1");
        segment(DIR_S2C);
        print("%s%sTransfer-Encoding: gzip%s\r\n\r\n", RESPONSE, JSON_TYPE,
              two ? "\r\nTransfer-Encoding: chunked" : ", chunked");
        print("4\r\n");
        put(coded, 4);
        print("\r\n%zx\r\n", n - 4);
        put(coded + 4, n - 4);
        print("\r\n0\r\n\r\n");
        cr_assert_str_eq(talk(), "1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n"
                                 "1 end complete\n");
    }
    free(coded);
}

Test(http_coding, what_is_not_mcp_is_not_told)
{
    script_begin();
    message(DIR_C2S, "POST /form HTTP/1.1\r\n", 0, "a=b");
    message(DIR_S2C, RESPONSE "Content-Type: text/html\r\n", 0, "<html>");
    bare(DIR_C2S, "POST /form HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc");
    message(DIR_S2C, RESPONSE JSON_TYPE, 0, "{}");
    cr_assert_str_eq(talk(), "");
}

Test(http_coding, pages_of_errors_are_looked_at_only)
{
    script_begin();
    ask("1");
    message(DIR_S2C, "HTTP/1.1 502 x\r\nContent-Type: text/html\r\n", 2, "<html>bad gateway");
    cr_assert_str_eq(talk(), "1 begin POST\n1 > request 1\n1 head 502 other\n1 end complete\n");
}

/* ---- what cannot */

Test(http_coding, unknown_codings)
{
    static const char *const names[] = {"compress", "gzip, gzip", "br\r\nContent-Encoding: gzip",
                                        "gzip\r\nTransfer-Encoding: gzip, chunked", "aes128gcm"};
    for (int i = 0; i < 5; i++) {
        char text[512];
        script_begin();
        ask("1");
        snprintf(text, sizeof(text), "%s%sContent-Encoding: %s\r\n%s", RESPONSE, JSON_TYPE,
                 names[i], i == 3 ? "\r\n2\r\n{}\r\n0\r\n\r\n" : "Content-Length: 2\r\n\r\n{}");
        bare(DIR_S2C, text);
        cr_assert_str_eq(talk(),
                         "1 begin POST\n1 > request 1\n1 head 200 json coded\n"
                         "1 < parse:undecodable\n1 end complete\n",
                         "%s: %s", names[i], world.log);
    }
}

Test(http_coding, events_under_an_unknown_coding)
{
    script_begin();
    ask("1");
    bare(DIR_S2C, RESPONSE SSE_TYPE "Content-Encoding: x\r\nContent-Length: 40\r\n\r\n");
    bare(DIR_S2C, "data: 1\n\ndata: 1\n\n..");
    bare(DIR_S2C, "data: 1\n\ndata: 1\n\n..");
    cr_assert_str_eq(run(script.count, STREAM_END_FIN),
                     "1 begin POST\n1 > request 1\n1 head 200 sse coded\n"
                     "1 < parse:lost_message 0\n1 < parse:undecodable\n"
                     "1 < parse:lost_message 0\n1 end complete\n");
}

Test(http_coding, requests_under_an_unknown_coding)
{
    script_begin();
    bare(DIR_C2S, REQUEST "Accept: application/json, text/event-stream\r\n"
                          "Content-Encoding: x\r\nContent-Length: 2\r\n\r\n{}");
    cr_assert_str_eq(talk(), "1 begin POST both sse\n1 > parse:undecodable\n1 end closed\n");
}

Test(http_coding, damage)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        script_begin();
        ask("1");
        size_t n = message(DIR_S2C, RESPONSE JSON_TYPE, i, RESULT("1"));
        memset(script.bytes + script.used - n, 0x11, 20);
        cr_assert_str_eq(talk(),
                         "1 begin POST\n1 > request 1\n1 head 200 json\n1 < parse:undecodable\n"
                         "1 end complete\n",
                         "coding %d: %s", i, world.log);
    }
}

/* What stands in front of damage is read; then, nothing is, be it in the same segment or not. */
Test(http_coding, damage_between_events)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct encode e;
        script_begin();
        ask("3");
        stream_begin(&e, i);
        stream_put(&e, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n",
                   ENCODE_FLUSH);
        bare(DIR_S2C, "10\r\n\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\r\n");
        stream_end(&e);
        cr_assert_str_eq(talk(),
                         "1 begin POST\n1 > request 3\n1 head 200 sse\n1 < notification\n"
                         "1 < parse:lost_message 0\n1 < parse:undecodable\n1 end complete\n",
                         "coding %d: %s", i, world.log);
    }
}

/* A body of an error that is no JSON: its damage is nobody's concern. */
Test(http_coding, damage_behind_what_is_not_read)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct encode e;
        script_begin();
        ask("1");
        encode_begin(&e, CODINGS[i].coding, 0);
        encode_put(&e, "<html>bad gateway", 17, ENCODE_FLUSH);
        encode_fini(&e);
        segment(DIR_S2C);
        print("HTTP/1.1 502 x\r\nContent-Type: text/html\r\nContent-Encoding: %s\r\n"
              "Content-Length: %zu\r\n\r\n",
              CODINGS[i].name, e.n + 3);
        put(e.out, e.n);
        put("\377\377\377", 3);
        free(e.out);
        cr_assert_str_eq(talk(), "1 begin POST\n1 > request 1\n1 head 502 other\n1 end complete\n",
                         "coding %d: %s", i, world.log);
    }
}

Test(http_coding, a_body_that_ends_too_early)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        size_t n;
        uint8_t *coded = encode_all(CODINGS[i].coding, RESULT("1"), strlen(RESULT("1")), &n);
        script_begin();
        ask("1");
        segment(DIR_S2C);
        print("%s%sContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", RESPONSE, JSON_TYPE,
              CODINGS[i].name, n / 2);
        put(coded, n / 2);
        free(coded);
        cr_assert_str_eq(talk(),
                         "1 begin POST\n1 > request 1\n1 head 200 json\n1 < parse:undecodable\n"
                         "1 end complete\n",
                         "coding %d: %s", i, world.log);
    }
}

/* The connection ends first. */
Test(http_coding, a_body_that_is_cut)
{
    script_begin();
    ask("1");
    message(DIR_S2C, RESPONSE JSON_TYPE, 0, RESULT("1"));
    script.segments[1].n -= 30;
    cr_assert_str_eq(talk(), "1 begin POST\n1 > request 1\n1 head 200 json\n"
                             "1 < parse:truncated_body\n1 end closed\n");
}

Test(http_coding, a_bomb)
{
    static const uint8_t blanks[1 << 20];
    struct encode e;
    world_hit = (struct limits_hit){0};
    encode_begin(&e, CODING_GZIP, 0);
    encode_put(&e, "{\"a\":\"", 6, ENCODE_MORE);
    for (int i = 0; i < 40; i++)
        encode_put(&e, blanks, sizeof(blanks), ENCODE_MORE);
    encode_put(&e, "\"}", 2, ENCODE_END);
    script_begin();
    ask("1");
    segment(DIR_S2C);
    print("%s%sContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", RESPONSE, JSON_TYPE, e.n);
    put(e.out, e.n);
    encode_fini(&e);
    free(e.out);
    run(script.count, STREAM_END_FIN);
    cr_assert_str_eq(world.log, "1 begin POST\n1 > request 1\n1 head 200 json\n"
                                "1 < parse:undecodable\n1 end complete\n");
    cr_assert_eq(world_hit.count[LIMIT_ID_DECODED_BYTES], 1);
}

/* ---- losses */

Test(http_coding, a_gap_in_json)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        script_begin();
        ask("1");
        message(DIR_S2C, RESPONSE JSON_TYPE, i, RESULT("1"));
        size_t first = script.sent[DIR_S2C];
        ask("2");
        message(DIR_S2C, RESPONSE JSON_TYPE, i, RESULT("2"));
        cr_assert_str_eq(lose(DIR_S2C, first - 20, 4),
                         "1 begin POST\n1 > request 1\n1 head 200 json\n1 < tcp:gap 4\n"
                         "1 < parse:lost_message\n1 end lost\n"
                         "2 begin POST\n2 > request 2\n2 head 200 json\n2 < result 2\n"
                         "2 end complete\n",
                         "coding %d: %s", i, world.log);
    }
}

Test(http_coding, a_gap_in_a_request)
{
    script_begin();
    message(DIR_C2S, REQUEST "Mcp-Session-Id: 1\r\n", 0, CALL("1"));
    size_t first = script.sent[DIR_C2S];
    message(DIR_S2C, RESPONSE JSON_TYPE, 0, RESULT("1"));
    cr_assert_str_eq(lose(DIR_C2S, first - 40, 4),
                     "1 begin POST mcp session\n1 > tcp:gap 4\n1 > parse:lost_message\n"
                     "1 head 200 json\n1 < result 1\n1 end lost\n");
}

/* Nothing of the stream can be read any more, and whatever comes may have been an answer. */
Test(http_coding, a_gap_between_events)
{
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct encode e;
        script_begin();
        ask("3");
        stream_begin(&e, i);
        stream_put(&e, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n",
                   ENCODE_FLUSH);
        size_t at = script.sent[DIR_S2C];
        stream_put(&e, "data: {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n\n",
                   ENCODE_FLUSH);
        stream_put(&e, EVENT("3"), ENCODE_FLUSH);
        stream_put(&e, "", ENCODE_END);
        stream_end(&e);
        ask("4");
        message(DIR_S2C, RESPONSE JSON_TYPE, i, RESULT("4"));
        cr_assert_str_eq(lose(DIR_S2C, at + 6, 3),
                         "1 begin POST\n1 > request 3\n1 head 200 sse\n1 < request 1\n"
                         "1 < tcp:gap 3\n1 < parse:lost_message\n1 < parse:lost_message 0\n"
                         "1 < parse:lost_message 0\n1 < parse:lost_message 0\n1 end lost\n"
                         "2 begin POST\n2 > request 4\n2 head 200 json\n2 < result 4\n"
                         "2 end complete\n",
                         "coding %d: %s", i, world.log);
    }
}

/* Whatever is lost: what is told of requests and results belongs together. */
Test(http_coding, every_hole)
{
    struct encode e;
    size_t uncertain, pairs = 0;
    script_begin();
    for (int i = 0; i < CODINGS_COUNT; i++) {
        char id[12];
        snprintf(id, sizeof(id), "%d", i + 1);
        ask(id);
        char body[64];
        snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}", id);
        message(DIR_S2C, RESPONSE JSON_TYPE, i, body);
    }
    ask("7");
    stream_begin(&e, 0);
    stream_put(&e, "data: {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n\n", ENCODE_FLUSH);
    stream_put(&e, EVENT("7"), ENCODE_FLUSH);
    stream_put(&e, "", ENCODE_END);
    stream_end(&e);
    for (size_t at = 0; at < script.sent[DIR_S2C]; at++)
        for (size_t n = 1; n < 400; n = 7 * n + 2) {
            lose(DIR_S2C, at, n);
            pairs += world_pairs(&world, "a hole", &uncertain);
            cr_assert_null(strstr(world.log, "malformed"), "%zu of %zu: %s", n, at, world.log);
            cr_assert_null(strstr(world.log, "undecodable"), "%zu of %zu: %s", n, at, world.log);
        }
    cr_assert_gt(pairs, script.sent[DIR_S2C]);
}

Test(http_coding, every_allocation_fails)
{
    static char whole[sizeof(world.log)];
    for (int i = 0; i < CODINGS_COUNT; i++) {
        struct encode e;
        script_begin();
        message(DIR_C2S, REQUEST, i, CALL("1"));
        stream_begin(&e, i);
        stream_put(&e, EVENT("1"), ENCODE_FLUSH);
        stream_put(&e, "", ENCODE_END);
        stream_end(&e);
        strcpy(whole, run(script.count, STREAM_END_FIN));
        for (uint64_t n = 1;; n++) {
            fail_alloc_at(n);
            run(script.count, STREAM_END_FIN);
            if (!fail_alloc_stop())
                break;
            cr_assert_null(strstr(world.log, "malformed"), "coding %d: %s", i, world.log);
        }
        cr_assert_str_eq(world.log, whole);
    }
}
