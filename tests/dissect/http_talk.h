/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_HTTP_TALK_H
#define TESTS_DISSECT_HTTP_TALK_H

#include "http_world.h"

/* Dialogues over HTTP/1.1 in a few segments, and what a dissector says of them. */

static struct world world, other;

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the segments give, the same for every cut of every segment. */
static const char *talk(const struct segment *segments, size_t count, bool midstream)
{
    static struct segment cut[64];
    struct world_plan plan = {
        .segments = segments, .count = count, .midstream = midstream, .end = STREAM_END_FIN};
    world_run(&world, &plan);
    if (midstream)
        return world.log; /* joining depends on where segments begin */
    plan.byte_by_byte = true;
    world_run(&other, &plan);
    cr_assert_str_eq(other.log, world.log, "byte by byte");
    plan.byte_by_byte = false;
    plan.segments = cut;
    plan.count = count + 1;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 1; at < strlen(segments[i].text); at++) {
            memcpy(cut, segments, (i + 1) * sizeof(*cut));
            memcpy(cut + i + 1, segments + i, (count - i) * sizeof(*cut));
            for (size_t k = 0; k <= count; k++)
                cut[k].ts_ns = 1001000 + (int64_t)(k <= i ? k : k - 1) * 1000;
            cut[i].n = at;
            cut[i + 1].text += at;
            world_run(&other, &plan);
            cr_assert_str_eq(other.log, world.log, "segment %zu cut at %zu", i, at);
        }
    return world.log;
}

#define EXPECT(segments, expected)                                                                 \
    cr_expect_str_eq(talk(segments, COUNT(segments), false), expected)

#define POST(length, body)                                                                         \
    "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: " #length             \
    "\r\n\r\n" body
#define JSON(length, body)                                                                         \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " #length "\r\n\r"       \
    "\n" body
#define EVENTS                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CALL(id)   "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/list\"}" /* 45 + id */
#define RESULT(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}"             /* 35 + id */

#endif
