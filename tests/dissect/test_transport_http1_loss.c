/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Losses. Conversations whose requests all have different ids lose segments, pairs of segments,
 * bursts in both directions and byte ranges, with holes decided at once or much later. Whatever is
 * lost: no channel that claims to be certain may hold the answer to another request.
 */
#include "http_world.h"
#include "tests/support/fail_alloc.h"

static struct world world;

#define MAX_SEGMENTS 128

struct script {
    struct segment segments[MAX_SEGMENTS];
    size_t count;
    size_t bytes[DIR_COUNT];
    size_t exchanges;
    char text[1 << 16];
    size_t used;
    bool sessions;
};

static struct script script;

__attribute__((format(printf, 2, 3))) static void say(enum dir dir, const char *format, ...)
{
    char *text = script.text + script.used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(script.text) - script.used, format, args);
    va_end(args);
    script.used += (size_t)n + 1;
    cr_assert(script.used < sizeof(script.text) && script.count < MAX_SEGMENTS);
    script.segments[script.count++] =
        (struct segment){dir, text, (size_t)n, 1000000 + (int64_t)script.count * 1000};
    script.bytes[dir] += (size_t)n;
}

static const char *session(int id)
{
    static char text[64];
    snprintf(text, sizeof(text), "Mcp-Session-Id: session-%d\r\n", id % 3);
    return script.sessions ? text : "";
}

static void ask(int id, bool in_two)
{
    char body[256], head[256];
    int n = snprintf(body, sizeof(body),
                     "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"tools/list\"}", id);
    snprintf(head, sizeof(head),
             "POST /mcp HTTP/1.1\r\nAccept: application/json, text/event-stream\r\n%s"
             "Content-Length: %d\r\n\r\n",
             session(id), n);
    if (in_two) {
        say(DIR_C2S, "%s", head);
        say(DIR_C2S, "%s", body);
    } else {
        say(DIR_C2S, "%s%s", head, body);
    }
}

static void answer_json(int id, bool in_two)
{
    char body[256], head[256];
    int n = snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{}}", id);
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n",
             session(id), n);
    if (in_two) {
        say(DIR_S2C, "%s", head);
        say(DIR_S2C, "%s", body);
    } else {
        say(DIR_S2C, "%s%s", head, body);
    }
}

static void say_chunk(const char *text)
{
    say(DIR_S2C, "%zx\r\n%s\r\n", strlen(text), text);
}

static void answer_events(int id)
{
    char event[256];
    say(DIR_S2C,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%s"
        "Transfer-Encoding: chunked\r\n\r\n",
        session(id));
    say_chunk(
        "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n");
    snprintf(event, sizeof(event),
             "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{}}\n\n", id);
    say_chunk(event);
    say(DIR_S2C, "0\r\n\r\n");
}

/* One request after the other, with all forms of answers. */
static void alternating(int exchanges, bool sessions)
{
    memset(&script, 0, sizeof(script));
    script.sessions = sessions;
    script.exchanges = (size_t)exchanges;
    for (int id = 1; id <= exchanges; id++) {
        ask(id, id % 2 == 0);
        if (id % 3 == 0)
            answer_events(id);
        else
            answer_json(id, id % 3 == 1);
    }
}

static void pipelining(int exchanges, bool sessions)
{
    memset(&script, 0, sizeof(script));
    script.sessions = sessions;
    script.exchanges = (size_t)exchanges;
    for (int id = 1; id <= exchanges; id += 3) {
        for (int k = 0; k < 3; k++)
            ask(id + k, false);
        for (int k = 0; k < 3; k++)
            answer_json(id + k, false);
    }
}

/* The part of its direction that a segment is. */
static struct world_loss segment_range(size_t segment)
{
    size_t offset = 0;
    enum dir dir = script.segments[segment].dir;
    for (size_t i = 0; i < segment; i++)
        if (script.segments[i].dir == dir)
            offset += script.segments[i].n;
    return (struct world_loss){dir, offset, offset + script.segments[segment].n};
}

static struct world_plan plan_of(size_t delay)
{
    return (struct world_plan){
        .segments = script.segments, .count = script.count, .delay = delay, .end = STREAM_END_FIN};
}

static const size_t DELAYS[] = {0, 3, 8, 1000};

static size_t lose(const struct world_loss *losses, size_t count, size_t delay, size_t *ret_doubt)
{
    char what[128];
    struct world_plan plan = plan_of(delay);
    plan.losses = losses;
    plan.loss_count = count;
    snprintf(what, sizeof(what), "%zu losses from %d:%zu..%zu, delay %zu", count,
             count ? losses[0].dir : 0, count ? losses[0].from : 0, count ? losses[0].to : 0,
             delay);
    world_run(&world, &plan);
    return world_pairs(&world, what, ret_doubt);
}

static void one_segment(size_t spared)
{
    for (size_t d = 0; d < 4; d++)
        for (size_t i = 0; i < script.count; i++) {
            struct world_loss loss = segment_range(i);
            size_t doubt, pairs = lose(&loss, 1, DELAYS[d], &doubt);
            cr_assert(pairs + doubt + spared >= script.exchanges, "segment %zu: %zu + %zu\n%s", i,
                      pairs, doubt, world.log);
            /* by then the client is known to wait for answers */
            cr_assert(i < script.count / 2 || pairs + spared >= script.exchanges,
                      "segment %zu: %zu\n%s", i, pairs, world.log);
        }
}

Test(loss, nothing_lost)
{
    size_t doubt;
    alternating(9, false);
    cr_expect_eq(lose(NULL, 0, 0, &doubt), 9);
    pipelining(9, true);
    cr_expect_eq(lose(NULL, 0, 0, &doubt) + doubt, 9);
}

/* One lost segment costs one exchange. */
Test(loss, any_one_segment)
{
    alternating(9, false);
    one_segment(1);
    alternating(9, true);
    one_segment(1);
}

Test(loss, any_one_segment_while_pipelining)
{
    pipelining(9, false);
    one_segment(9);
    pipelining(9, true);
    one_segment(9);
}

static void two_segments(void)
{
    for (size_t d = 0; d < 4; d += 2)
        for (size_t i = 0; i < script.count; i++)
            for (size_t k = i + 1; k < script.count; k++) {
                struct world_loss losses[2] = {segment_range(i), segment_range(k)};
                size_t doubt;
                lose(losses, 2, DELAYS[d], &doubt);
            }
}

Test(loss, any_two_segments)
{
    alternating(9, false);
    two_segments();
    alternating(9, true);
    two_segments();
    pipelining(9, false);
    two_segments();
}

static void bursts(void)
{
    struct world_loss losses[MAX_SEGMENTS];
    for (size_t d = 1; d < 4; d += 2)
        for (size_t from = 0; from < script.count; from++)
            for (size_t to = from + 1; to <= script.count; to++) {
                for (size_t i = from; i < to; i++)
                    losses[i - from] = segment_range(i);
                size_t doubt;
                lose(losses, to - from, DELAYS[d], &doubt);
            }
}

/* A pause of the capture: both directions are missing for a while. */
Test(loss, any_burst)
{
    alternating(12, false);
    bursts();
    alternating(12, true);
    bursts();
    pipelining(12, false);
    bursts();
}

Test(loss, any_bytes)
{
    static const size_t sizes[] = {1, 2, 10, 60, 150, 400};
    for (int sessions = 0; sessions < 2; sessions++) {
        alternating(6, sessions);
        for (int dir = 0; dir < DIR_COUNT; dir++)
            for (size_t from = 0; from < script.bytes[dir]; from += 2)
                for (size_t k = 0; k < 6; k++) {
                    struct world_loss loss = {(enum dir)dir, from, from + sizes[k]};
                    size_t doubt;
                    lose(&loss, 1, DELAYS[(from + k) % 4], &doubt);
                }
    }
}

/* Any set of losses, and times that jump. */
Test(loss, random)
{
    uint32_t seed = 1;
    struct world_loss losses[MAX_SEGMENTS];
    size_t certain = 0;
    for (int round = 0; round < 1200; round++) {
        size_t count = 0;
        if (round % 4 == 3)
            pipelining(12, round % 8 == 3);
        else
            alternating(12, round % 2);
        for (size_t i = 0; i < script.count; i++) {
            seed = seed * 1664525 + 1013904223;
            if ((seed >> 16) % 100 < (unsigned)(round % 40))
                losses[count++] = segment_range(i);
        }
        size_t doubt;
        certain += lose(losses, count, DELAYS[round / 40 % 4], &doubt);
    }
    cr_expect(certain > 1200 * 2, "%zu", certain);
}

/* Each direction alone, and one direction after the other. */
Test(loss, directions_apart)
{
    static struct segment mixed[MAX_SEGMENTS];
    alternating(9, false);
    for (int first = 0; first < DIR_COUNT; first++) {
        size_t count = 0, doubt;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < script.count; i++)
                if ((script.segments[i].dir == (enum dir)first) == (pass == 0))
                    mixed[count++] = script.segments[i];
        struct world_plan plan = {.segments = mixed, .count = count, .end = STREAM_END_FIN};
        world_run(&world, &plan);
        world_pairs(&world, "one after the other", &doubt);
        size_t n = 0;
        while (n < count && mixed[n].dir == (enum dir)first)
            n++;
        plan.count = n;
        world_run(&world, &plan);
        world_pairs(&world, "alone", &doubt);
        cr_expect(world.messages >= 9);
    }
}

/* Responses that were captured a little before their requests. */
Test(loss, responses_before_requests)
{
    for (size_t swap = 0; swap + 1 < 32; swap++) {
        alternating(9, false);
        if (swap + 1 >= script.count)
            break;
        struct segment s = script.segments[swap];
        if (s.dir == script.segments[swap + 1].dir)
            continue;
        script.segments[swap] = script.segments[swap + 1];
        script.segments[swap + 1] = s;
        struct world_plan plan = plan_of(0);
        size_t doubt;
        world_run(&world, &plan);
        size_t pairs = world_pairs(&world, "swapped", &doubt);
        cr_expect(pairs + 2 >= script.exchanges, "%zu: %s", swap, world.log);
    }
}

static void swap_times(size_t segment)
{
    int64_t ts_ns = script.segments[segment].ts_ns;
    script.segments[segment].ts_ns = script.segments[segment + 1].ts_ns;
    script.segments[segment + 1].ts_ns = ts_ns;
}

/* The capture has a request at a later time than its answer: times alone do not tell whose the
 * answers behind a loss are. */
Test(loss, any_one_segment_where_a_request_has_a_late_time)
{
    alternating(9, false);
    for (size_t i = 0; i + 1 < script.count; i++) {
        if (script.segments[i].dir == script.segments[i + 1].dir)
            continue;
        swap_times(i);
        for (size_t lost = 0; lost < script.count; lost++) {
            struct world_loss loss = segment_range(lost);
            size_t doubt;
            for (size_t d = 0; d < 4; d++)
                lose(&loss, 1, DELAYS[d], &doubt);
        }
        swap_times(i);
    }
}

/* Joined at any segment. */
Test(loss, midstream)
{
    for (int sessions = 0; sessions < 2; sessions++) {
        alternating(9, sessions);
        for (size_t from = 1; from < script.count; from++) {
            struct world_plan plan = plan_of(0);
            plan.segments += from;
            plan.count -= from;
            plan.midstream = true;
            size_t doubt, left = 0;
            for (size_t i = from; i < script.count; i++)
                left += strncmp(script.segments[i].text, "POST", 4) == 0;
            world_run(&world, &plan);
            size_t pairs = world_pairs(&world, "joined", &doubt);
            for (size_t i = 0; i < WORLD_CHANNELS; i++)
                cr_expect(!world.channel[i].begun ||
                          (world.channel[i].begin.flags & (CHANNEL_JOINED | CHANNEL_STUB)) != 0);
            cr_expect_eq(pairs + doubt, left, "from %zu: %zu of %zu\n%s", from, pairs, left,
                         world.log);
            cr_expect(doubt <= 4, "from %zu: %zu in doubt\n%s", from, doubt, world.log);
        }
    }
}

Test(loss, every_allocation_fails)
{
    alternating(6, true);
    struct world_plan plan = plan_of(3);
    struct world_loss loss = segment_range(script.count / 2);
    plan.losses = &loss;
    plan.loss_count = 1;
    for (int bytes = 0; bytes < 2; bytes++) {
        plan.byte_by_byte = bytes;
        for (uint64_t n = 1;; n++) {
            size_t doubt;
            fail_alloc_at(n);
            world_run(&world, &plan);
            bool failed = fail_alloc_stop();
            world_pairs(&world, "out of memory", &doubt);
            if (!failed)
                break;
        }
    }
}

/* ---- what is told about a loss */

static const char *hole(const struct segment *segments, size_t count, struct world_loss loss)
{
    struct world_plan plan = {.segments = segments,
                              .count = count,
                              .losses = &loss,
                              .loss_count = 1,
                              .end = STREAM_END_FIN};
    world_run(&world, &plan);
    return world.log;
}

#define CALL(id)                                                                                   \
    "POST /mcp HTTP/1.1\r\nContent-Length: 46\r\n\r\n"                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/list\"}"
#define RESULT(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}"
#define ANSWER(id) "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n" RESULT(id)
#define EVENTS                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNK(id) "2c\r\ndata: " RESULT(id) "\n\n\r\n"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

Test(loss, inside_a_json_body)
{
    static const struct segment segments[] = {{DIR_C2S, CALL("1"), 0, 0},
                                              {DIR_S2C, ANSWER("1"), 0, 0},
                                              {DIR_C2S, CALL("2"), 0, 0},
                                              {DIR_S2C, ANSWER("2"), 0, 0}};
    size_t head = sizeof(ANSWER("1")) - 1 - 36;
    cr_expect_str_eq(hole(segments, 4, (struct world_loss){DIR_S2C, head + 5, head + 15}),
                     "1 begin POST\n1 > request 1\n1 head 200 -\n1 < tcp:gap 10\n"
                     "1 < parse:lost_message\n1 end lost\n2 begin POST\n2 > request 2\n"
                     "2 head 200 -\n2 < result 2\n2 end complete\n");
    size_t body = sizeof(CALL("1")) - 1 - 46;
    cr_expect_str_eq(hole(segments, 4, (struct world_loss){DIR_C2S, body + 5, body + 15}),
                     "1 begin POST\n1 > tcp:gap 10\n1 > parse:lost_message\n1 head 200 -\n"
                     "1 < result 1\n1 end lost\n2 begin POST\n2 > request 2\n"
                     "2 head 200 -\n2 < result 2\n2 end complete\n");
}

Test(loss, inside_a_chunk_of_events)
{
    static const struct segment segments[] = {
        {DIR_C2S, CALL("1"), 0, 0},
        {DIR_S2C,
         EVENTS "84\r\ndata: " RESULT("7") "\n\ndata: " RESULT("8") "\n\ndata: " RESULT(
             "9") "\n\n\r\n0\r\n\r\n",
         0, 0}};
    size_t first = sizeof(EVENTS) - 1 + 4;
    cr_expect_str_eq(hole(segments, 2, (struct world_loss){DIR_S2C, first + 50, first + 60}),
                     "1 begin POST\n1 > request 1\n1 head 200 sse\n1 < result 7\n1 < tcp:gap 10\n"
                     "1 < parse:lost_message\n1 < result 9\n1 end lost\n");
}

/* What is left of a chunk's length reads like a smaller one; the server has not sent that. */
Test(loss, inside_the_length_of_a_chunk)
{
    static const struct segment segments[] = {
        {DIR_C2S, "GET /mcp HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n", 0, 0},
        {DIR_S2C, EVENTS CHUNK("1"), 0, 0},
        {DIR_S2C, CHUNK("2"), 0, 0},
        {DIR_S2C, CHUNK("3"), 0, 0}};
    size_t second = sizeof(EVENTS CHUNK("1")) - 1;
    cr_expect_str_eq(hole(segments, 4, (struct world_loss){DIR_S2C, second, second + 1}),
                     "1 begin GET sse\n1 head 200 sse\n1 < result 1\n1 < tcp:gap\n"
                     "1 < parse:lost_message 2\n1 < result 3\n1 end lost\n");
}

/* The stream goes on, unless it may be another one's by then. */
Test(loss, of_a_whole_chunk)
{
    struct segment segments[] = {
        {DIR_C2S, "GET /mcp HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n", 0, 0},
        {DIR_S2C, EVENTS, 0, 0},
        {DIR_S2C, CHUNK("1"), 0, 0},
        {DIR_S2C, CHUNK("2"), 0, 0},
        {DIR_S2C, CHUNK("3") "0\r\n\r\n", 0, 0}};
    size_t second = sizeof(EVENTS) - 1 + sizeof(CHUNK("1")) - 1;
    struct world_loss loss = {DIR_S2C, second, second + sizeof(CHUNK("2")) - 1};
    cr_expect_str_eq(hole(segments, 5, loss),
                     "1 begin GET sse\n1 head 200 sse\n1 < result 1\n1 < tcp:gap 50\n"
                     "1 < parse:lost_message\n1 < result 3\n1 end lost\n");
    segments[0].text = CALL("3");
    cr_expect_str_eq(hole(segments, 5, loss),
                     "1 begin POST\n1 > request 3\n1 head 200 sse\n1 < result 1\n1 < tcp:gap 50\n"
                     "1 < parse:lost_message\n1 < result 3\n1 end lost\n");
    segments[0].text = CALL("3") CALL("4");
    cr_expect_str_eq(
        hole(segments, 5, loss),
        "1 begin POST\n1 > request 3\n2 begin POST\n2 > request 4\n1 head 200 sse\n"
        "1 < result 1\n1 < tcp:gap 50\n1 < parse:lost_message\n1 end lost\n2 end lost\n"
        "3 begin ? stub uncertain\n3 < result 3\n3 end lost\n");
}

/* The end of one stream and the head of the next are missing: the events are not taken for the
 * first one's. */
Test(loss, from_one_stream_to_the_next)
{
    static const struct segment segments[] = {
        {DIR_C2S, CALL("1"), 0, 0},
        {DIR_S2C, EVENTS, 0, 0},
        {DIR_S2C, CHUNK("1") "0\r\n\r\n", 0, 0},
        {DIR_C2S, CALL("2"), 0, 0},
        {DIR_S2C, EVENTS, 0, 0},
        {DIR_S2C, CHUNK("2") "0\r\n\r\n", 0, 0},
    };
    size_t head = sizeof(EVENTS) - 1;
    struct world_loss loss = {DIR_S2C, head, 2 * head + sizeof(CHUNK("1") "0\r\n\r\n") - 1};
    const char *log = hole(segments, COUNT(segments), loss);
    cr_expect(strstr(log, "3 begin ? stub uncertain\n"), "%s", log);
    cr_expect(strstr(log, "3 < result 2\n"), "%s", log);
    cr_expect(strstr(log, "2 end lost\n"), "%s", log);
}

/* Bytes lost while nothing was open are told on the next channel. */
Test(loss, between_exchanges)
{
    static const struct segment segments[] = {
        {DIR_C2S, CALL("1"), 0, 0},   {DIR_S2C, ANSWER("1"), 0, 0}, {DIR_C2S, CALL("2"), 0, 0},
        {DIR_S2C, ANSWER("2"), 0, 0}, {DIR_C2S, CALL("3"), 0, 0},   {DIR_S2C, ANSWER("3"), 0, 0}};
    size_t n = sizeof(CALL("1")) - 1;
    cr_expect_str_eq(hole(segments, 6, (struct world_loss){DIR_C2S, n, 2 * n}),
                     "1 begin POST\n1 > request 1\n1 head 200 -\n1 < result 1\n1 end complete\n"
                     "3 begin POST\n3 > tcp:gap 88\n3 > request 3\n3 head 200 - uncertain\n"
                     "3 < result 3\n3 end complete\n");
}

static const char *join(const struct segment *segments, size_t count)
{
    struct world_plan plan = {
        .segments = segments, .count = count, .midstream = true, .end = STREAM_END_FIN};
    world_run(&world, &plan);
    return world.log;
}

Test(loss, joined_event_stream)
{
    static const struct segment chunks[] = {
        {DIR_S2C, "ult\":{}}\n\n\r\n", 0, 0}, {DIR_S2C, CHUNK("1"), 0, 0},
        {DIR_S2C, "3\r\n:\n\n\r\n", 0, 0},    {DIR_S2C, CHUNK("2") "0\r\n\r\n", 0, 0},
        {DIR_C2S, CALL("3"), 0, 0},           {DIR_S2C, ANSWER("3"), 0, 0}};
    cr_expect_str_eq(join(chunks, COUNT(chunks)),
                     "1 begin ? stub uncertain\n1 < result 1\n1 < result 2\n1 end lost\n"
                     "2 begin POST\n2 > request 3\n2 head 200 -\n2 < result 3\n"
                     "2 end complete\n");
    static const struct segment lines[] = {
        {DIR_S2C, "event: message\ndata: " RESULT("1") "\n\n\r\n", 0, 0},
        {DIR_S2C, CHUNK("2"), 0, 0},
        {DIR_S2C, "0\r\n\r\n", 0, 0},
        {DIR_C2S, CALL("3"), 0, 0},
        {DIR_S2C, ANSWER("3"), 0, 0}};
    cr_expect_str_eq(join(lines, COUNT(lines)),
                     "1 begin ? stub uncertain\n1 < result 1\n1 < result 2\n1 end lost\n"
                     "2 begin POST\n2 > request 3\n2 head 200 -\n2 < result 3\n"
                     "2 end complete\n");
    static const struct segment head[] = {{DIR_S2C, "data: " RESULT("1") "\n\ndata", 0, 0},
                                          {DIR_S2C, ANSWER("3"), 0, 0}};
    cr_expect_str_eq(
        join(head, COUNT(head)),
        "1 begin ? stub uncertain\n1 < result 1\n1 < parse:lost_message\n1 end lost\n");
}

/* What says that an event is no message may be missing: an id that primes, an `endpoint` type. */
Test(loss, joined_behind_the_first_lines_of_an_event)
{
    static const char *const data[] = {"data: {}\n\n", "data: /messages?id=1\n\n", "data: 1\n\n"};
    for (int i = 0; i < 3; i++) {
        struct segment segments[] = {{DIR_S2C, data[i], 0, 0}, {DIR_S2C, "data: {}\n\n", 0, 0}};
        cr_expect_str_eq(join(segments, 2),
                         "1 begin ? stub uncertain\n1 < parse:not_jsonrpc\n1 end lost\n");
    }
}

/* More open requests than the cap: nothing is associated any more, nothing breaks. */
Test(loss, too_many_open_requests)
{
    static struct segment segments[LIMIT_HTTP_PIPELINE + 20];
    for (size_t i = 0; i < COUNT(segments); i++)
        segments[i] = (struct segment){DIR_C2S, CALL("1"), 0, 0};
    struct world_plan plan = {
        .segments = segments, .count = COUNT(segments), .end = STREAM_END_FIN};
    uint64_t before = world_hit.count[LIMIT_ID_HTTP_PIPELINE];
    world_run(&world, &plan);
    cr_expect_eq(world.messages, COUNT(segments));
    cr_expect_eq(world_hit.count[LIMIT_ID_HTTP_PIPELINE], before + 1);
}
