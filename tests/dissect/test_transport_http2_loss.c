/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Losses, and captures that begin anywhere. In the conversations every exchange has the id of its
 * stream and one of three session ids, most of which are sent as references into the table of the
 * header compression. Whatever is missing: no channel may hold a message of another stream, and no
 * head a session of another one.
 */
#include "http2_world.h"

static struct world world;
static struct h2 h;

#define EXCHANGES 20

static const char *session_of(int id)
{
    return h2_text("session-%d", id % 3);
}

static bool is_session(int id, uint64_t hash)
{
    const char *name = session_of(id);
    return hash == hash_bytes(&WORLD_KEY, name, strlen(name));
}

static void ask(int id)
{
    char fields[256];
    snprintf(fields, sizeof(fields), H2_POST H2_BOTH "mcp-session-id: %s\nx-filler: %d\n",
             session_of(id), id / 6);
    h2_headers(&h, (uint32_t)id, 0, fields);
    h2_data(&h, (uint32_t)id, H2_END, h2_call(id));
}

static void answer(int id, bool in_two)
{
    char fields[256];
    bool events = id % 4 == 1;
    snprintf(fields, sizeof(fields), "%smcp-session-id: %s\ndate: %d\n", events ? H2_SSE : H2_OK,
             session_of(id), id / 10);
    h2_headers(&h, (uint32_t)id, 0, fields);
    const char *text = events ? h2_event(id) : h2_result(id);
    if (in_two) {
        h2_frame(&h, H2_DATA, 0, (uint32_t)id, text, 20);
        h2_segment(&h, DIR_S2C);
        h2_frame(&h, H2_DATA, H2_END, (uint32_t)id, text + 20, strlen(text) - 20);
    } else {
        h2_data(&h, (uint32_t)id, H2_END, text);
    }
}

/* Answers come some exchanges later, in another order. */
static void converse(unsigned seed)
{
    srand(seed);
    h2_init(&h);
    int open[EXCHANGES];
    int count = 0, next = 1;
    while (next < 2 * EXCHANGES || count > 0) {
        bool asks = next < 2 * EXCHANGES && (count == 0 || rand() % 2);
        h2_segment(&h, asks ? DIR_C2S : DIR_S2C);
        if (asks) {
            ask(next);
            open[count++] = next;
            next += 2;
        } else {
            int i = rand() % count;
            answer(open[i], rand() % 3 == 0);
            open[i] = open[--count];
        }
    }
}

/* Returns how many exchanges are whole. */
static size_t check(const char *what)
{
    size_t pairs = 0;
    for (int id = 1; id < WORLD_CHANNELS; id++) {
        const struct world_channel *ch = &world.channel[id];
        const char *name = h2_text("%d", id);
        if (ch->begin.flags & CHANNEL_HAS_SESSION)
            cr_assert(is_session(id, ch->begin.session_hash), "%s: %d\n%s", what, id, world.log);
        if (ch->reply.flags & CHANNEL_HAS_SESSION)
            cr_assert(is_session(id, ch->reply.session_hash), "%s: %d\n%s", what, id, world.log);
        if (ch->begun && !(ch->begin.flags & (CHANNEL_HEADER_UNKNOWN | CHANNEL_HAS_SESSION)))
            cr_assert_fail("%s: %d is without a session\n%s", what, id, world.log);
        if (ch->asked[0])
            cr_assert_str_eq(ch->asked, name, "%s\n%s", what, world.log);
        if (ch->answered[0])
            cr_assert_str_eq(ch->answered, name, "%s\n%s", what, world.log);
        pairs += ch->asked[0] && ch->answered[0];
    }
    return pairs;
}

static struct world_plan plan_of(const struct world_loss *losses, size_t count)
{
    return (struct world_plan){.segments = h.segments,
                               .count = h.count,
                               .losses = losses,
                               .loss_count = count,
                               .end = STREAM_END_FIN};
}

static size_t bytes_of(enum dir dir)
{
    size_t n = 0;
    for (size_t i = 0; i < h.count; i++)
        n += h.segments[i].dir == dir ? h.segments[i].n : 0;
    return n;
}

Test(http2_loss, nothing)
{
    converse(1);
    struct world_plan plan = plan_of(NULL, 0);
    world_run(&world, &plan);
    cr_expect_eq(check("nothing"), EXCHANGES);
    cr_expect_null(strstr(world.log, "unknown"), "%s", world.log);
}

/* Every segment alone, and what follows it. */
Test(http2_loss, of_segments)
{
    for (unsigned seed = 1; seed <= 4; seed++) {
        converse(seed);
        size_t at[DIR_COUNT] = {0, 0}, sum = 0;
        for (size_t i = 0; i < h.count; i++) {
            const struct segment *s = &h.segments[i];
            for (size_t more = 0; more < 200; more += 100)
                for (size_t delay = 0; delay < 10; delay += 9) {
                    struct world_loss loss = {s->dir, at[s->dir], at[s->dir] + s->n + more};
                    struct world_plan plan = plan_of(&loss, 1);
                    plan.delay = delay;
                    world_run(&world, &plan);
                    sum += check("a segment");
                }
            at[s->dir] += s->n;
        }
        cr_expect_geq(sum, h.count * 4 * (EXCHANGES - 6), "%zu of %zu", sum, h.count * 4);
    }
}

/* Byte ranges of all lengths, in both directions at once. */
Test(http2_loss, of_ranges)
{
    converse(5);
    srand(7);
    for (int i = 0; i < 3000; i++) {
        struct world_loss losses[3];
        for (int k = 0; k < 3; k++) {
            enum dir dir = k == 2 ? DIR_S2C : DIR_C2S;
            size_t third = bytes_of(dir) / 2;
            size_t from = (size_t)rand() % third + (k == 1 ? third : 0);
            size_t n = (size_t)rand() % (i % 2 ? 20 : 400) + 1;
            losses[k] = (struct world_loss){dir, from, from + n};
        }
        if (losses[0].to > losses[1].from)
            losses[0].to = losses[1].from;
        struct world_plan plan = plan_of(losses, 3);
        plan.delay = (size_t)rand() % 8;
        world_run(&world, &plan);
        check("ranges");
    }
}

Test(http2_loss, of_the_beginning)
{
    for (unsigned seed = 1; seed <= 4; seed++) {
        converse(seed);
        for (size_t first = 1; first < h.count; first++) {
            struct world_plan plan = plan_of(NULL, 0);
            plan.segments += first;
            plan.count -= first;
            plan.midstream = true;
            world_run(&world, &plan);
            size_t pairs = check("the beginning");
            if (first < 3) /* the preface, or that and the server's first frame, are enough */
                cr_expect_geq(pairs, EXCHANGES - 1, "%zu: %s", first, world.log);
        }
    }
}

Test(http2_loss, of_a_direction)
{
    converse(3);
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        static struct segment one_way[512];
        size_t n = 0;
        for (size_t i = 0; i < h.count; i++)
            if (h.segments[i].dir == (enum dir)dir)
                one_way[n++] = h.segments[i];
        struct world_plan plan = {.segments = one_way, .count = n, .end = STREAM_END_FIN};
        world_run(&world, &plan);
        check("a direction");
        cr_expect_geq(world.messages, EXCHANGES, "%s", world.log);
    }
}

/* ---- what is told */

static const char *hole(enum dir dir, size_t from, size_t to)
{
    struct world_loss loss = {dir, from, to};
    struct world_plan plan = plan_of(&loss, 1);
    world_run(&world, &plan);
    return world.log;
}

/* Two exchanges; returns where the second request begins. */
static size_t two(void)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    ask(1);
    size_t at = bytes_of(DIR_C2S);
    h2_segment(&h, DIR_C2S);
    ask(3);
    h2_segment(&h, DIR_S2C);
    answer(1, false);
    h2_segment(&h, DIR_S2C);
    answer(3, false);
    return at;
}

/* In a frame of a body: only that is lost, the compression stays known. */
Test(http2_loss, in_a_body)
{
    size_t second = two();
    size_t body = second - strlen(h2_call(1));
    cr_expect_str_eq(hole(DIR_C2S, body + 3, body + 10),
                     "1 begin POST mcp session both sse\n1 > tcp:gap 7\n1 > parse:lost_message\n"
                     "3 begin POST mcp session both sse\n3 > request 3\n1 head 200 sse session\n"
                     "1 < result 1\n1 end lost\n3 head 200 json session\n3 < result 3\n"
                     "3 end complete\n");
    cr_expect_str_eq(hole(DIR_C2S, body + 3, second), world.log, "to its end");
}

/* In a header block: the head, and what later ones take from it, are unknown, not absent. */
Test(http2_loss, in_a_head)
{
    two();
    size_t head = 24 + 9 + 9 + 9; /* behind the preface, SETTINGS and their ACK */
    cr_expect_str_eq(hole(DIR_C2S, head + 3, head + 5),
                     "1 begin ? unknown\n1 > tcp:gap 2\n1 > request 1\n"
                     "3 begin POST unknown\n3 > request 3\n1 head 200 sse session\n"
                     "1 < result 1\n1 end complete\n3 head 200 json session\n3 < result 3\n"
                     "3 end complete\n");
}

/* Across frames: what is between, and the end of an open body. */
Test(http2_loss, across_frames)
{
    size_t second = two();
    cr_expect_str_eq(hole(DIR_C2S, second - 5, second + 20),
                     "1 begin POST mcp session both sse\n1 > tcp:gap 25\n"
                     "1 > parse:lost_message\n3 begin ? unknown\n3 > request 3\n"
                     "1 head 200 sse session\n1 < result 1\n1 end lost\n"
                     "3 head 200 json session\n3 < result 3\n3 end complete\n");
}

/* The end of a text and the first bytes of the padding behind it: the next frame is where it was.
 */
Test(http2_loss, into_the_padding)
{
    static uint8_t padded[256] = {60};
    size_t n = strlen(h2_call(1));
    memcpy(padded + 1, h2_call(1), n);
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0, H2_POST H2_BOTH);
    size_t at = bytes_of(DIR_C2S) + 9 + 1 + n;
    h2_frame(&h, H2_DATA, H2_PADDED | H2_END, 1, padded, 1 + n + 60);
    ask(3);
    h2_segment(&h, DIR_S2C);
    answer(3, false);
    cr_expect_str_eq(hole(DIR_C2S, at - 5, at + 20),
                     "1 begin POST both sse\n1 > tcp:gap 25\n1 > parse:lost_message\n"
                     "3 begin POST mcp session both sse\n3 > request 3\n3 head 200 json session\n"
                     "3 < result 3\n3 end complete\n1 end lost\n");
}

/* An event stream goes on behind a loss of framing. */
Test(http2_loss, in_an_event_stream)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    ask(1);
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, H2_SSE);
    h2_data(&h, 1, 0, h2_event(2));
    size_t at = bytes_of(DIR_S2C);
    h2_segment(&h, DIR_S2C);
    h2_data(&h, 1, 0, h2_event(4));
    size_t end = bytes_of(DIR_S2C);
    h2_segment(&h, DIR_S2C);
    h2_data(&h, 1, 0, h2_event(6));
    h2_segment(&h, DIR_S2C);
    h2_data(&h, 1, H2_END, h2_event(1));
    cr_expect_str_eq(hole(DIR_S2C, at, end),
                     "1 begin POST mcp session both sse\n1 > request 1\n1 head 200 sse\n"
                     "1 < result 2\n1 < tcp:gap 68\n1 < parse:lost_message\n1 < result 6\n"
                     "1 < result 1\n1 end lost\n");
}

static const char *join(size_t first)
{
    struct world_plan plan = plan_of(NULL, 0);
    plan.segments += first;
    plan.count -= first;
    plan.midstream = true;
    world_run(&world, &plan);
    return world.log;
}

/* Stream 1 has begun when stream 31 asks: the number of that segment. */
static size_t stream_before_request_31(void)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    ask(1);
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, H2_SSE);
    size_t first = h.count;
    h2_segment(&h, DIR_C2S);
    ask(31);
    return first;
}

/* Events of a stream that began long ago, and exchanges whose fields are known from before. */
Test(http2_loss, joined)
{
    size_t first = stream_before_request_31();
    h2_segment(&h, DIR_S2C);
    h2_data(&h, 1, 0, h2_event(2));
    h2_headers(&h, 31, 0, H2_SSE);
    h2_segment(&h, DIR_S2C);
    h2_data(&h, 31, H2_END, h2_event(31));
    h2_data(&h, 1, H2_END, h2_event(1));
    cr_expect_str_eq(join(first),
                     "31 begin POST unknown\n31 > request 31\n1 begin ? stub uncertain unknown\n"
                     "1 < result 2\n31 head 200 -\n31 < result 31\n31 end complete\n"
                     "1 < result 1\n1 end complete\n");
}

/* By whatever line an event of such a stream begins. */
Test(http2_loss, joined_at_each_kind_of_line)
{
    static const char *const lines[] = {"event: message\n", "id: 7\n", "retry: 5\n",
                                        ": comment\n",      "data:\n", "x: y\n"};
    for (size_t i = 0; i < 6; i++) {
        size_t first = stream_before_request_31();
        h2_segment(&h, DIR_S2C);
        char event[256];
        snprintf(event, sizeof(event), "%s%s", lines[i], h2_event(2) + strlen("event: message\n"));
        h2_data(&h, 1, 0, event);
        cr_expect_eq(strstr(join(first), "1 < result 2") != NULL, i < 5, "%s: %s", lines[i],
                     world.log);
    }
}

/* Who sends it shows, whatever the ports say. */
Test(http2_loss, joined_with_roles_swapped)
{
    two();
    for (size_t i = 0; i < h.count; i++)
        h.segments[i].dir = dir_other(h.segments[i].dir);
    join(3);
    cr_expect(strstr(world.log, "1 > request 1\n"), "%s", world.log);
    cr_expect(strstr(world.log, "3 < result 3\n"), "%s", world.log);
}

/* The frame that ends a complete response is lost: nobody cut it off. */
Test(http2_loss, of_the_end_of_a_stream)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    ask(3);
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 3, 0, H2_OK);
    h2_data(&h, 3, 0, h2_result(3));
    size_t at = bytes_of(DIR_S2C);
    h2_frame(&h, H2_DATA, H2_END, 3, NULL, 0);
    h2_segment(&h, DIR_S2C);
    h2_frame(&h, H2_PING, 0, 0, "12345678", 8);
    cr_expect_str_eq(hole(DIR_S2C, at, at + 9),
                     "3 begin POST mcp session both sse\n3 > request 3\n3 head 200 json\n"
                     "3 < result 3\n3 < tcp:gap 9\n3 end lost\n");
}

/* ---- behind an upgrade */

#define UPGRADE_ASK                                                                                \
    "POST /mcp HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"                \
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Type: application/json\r\n"               \
    "Content-Length: 46\r\n\r\n"
#define UPGRADE_DONE                                                                               \
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

/* An exchange in HTTP/1.1, the one that asks for the upgrade, and one behind it. */
static void upgraded(void)
{
    const char *post = "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n"
                       "Content-Length: 46\r\n\r\n";
    const char *ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: 36\r\n\r\n";
    h2_new(&h);
    h2_segment(&h, DIR_C2S);
    h2_raw(&h, post, strlen(post));
    h2_raw(&h, h2_call(1), 46);
    h2_segment(&h, DIR_S2C);
    h2_raw(&h, ok, strlen(ok));
    h2_raw(&h, h2_result(1), 36);
    h2_segment(&h, DIR_C2S);
    h2_raw(&h, UPGRADE_ASK, strlen(UPGRADE_ASK));
    h2_raw(&h, h2_call(2), 46);
    h2_segment(&h, DIR_S2C);
    h2_raw(&h, UPGRADE_DONE, strlen(UPGRADE_DONE));
    h2_frame(&h, H2_SETTINGS, 0, 0, "\0\3\0\0\0\x64", 6);
    h2_segment(&h, DIR_C2S);
    h2_raw(&h, H2_PREFACE, 24);
    h2_frame(&h, H2_SETTINGS, 0, 0, NULL, 0);
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, H2_OK);
    h2_data(&h, 1, H2_END, h2_result(2));
    h2_segment(&h, DIR_C2S);
    ask(3);
    h2_segment(&h, DIR_S2C);
    answer(3, false);
}

/* The 101 and what came with it. */
Test(http2_loss, of_the_upgrade)
{
    upgraded();
    size_t first = h.segments[1].n, answer_2 = first + h.segments[3].n;
    cr_expect_str_eq(hole(DIR_S2C, first + 10, answer_2),
                     "1 begin POST\n1 > request 1\n1 head 200 json\n1 < result 1\n"
                     "1 end complete\n2 begin POST\n2 > request 2\n2 < tcp:gap 76\n"
                     "2 head 200 json\n2 < result 2\n2 end complete\n"
                     "4 begin POST mcp session both sse\n4 > request 3\n4 head 200 json session\n"
                     "4 < result 3\n4 end complete\n");
}

/* The request that asked, and the preface behind it. */
Test(http2_loss, of_the_request_for_an_upgrade)
{
    upgraded();
    size_t first = h.segments[0].n, preface = first + h.segments[2].n + 24;
    hole(DIR_C2S, first, preface);
    cr_expect_null(strstr(world.log, "malformed"), "%s", world.log);
    cr_expect(strstr(world.log, "> request 3\n"), "%s", world.log);
    cr_expect(strstr(world.log, "< result 3\n"), "%s", world.log);
}

/* The server's direction was not captured: its preface shows what the client speaks. */
Test(http2_loss, of_all_that_upgraded_servers_say)
{
    struct world_conn c;
    upgraded();
    world_init(&world);
    cr_assert(world_open(&world, &c, false));
    c.conn.side[1].packets = 0;
    for (size_t i = 0; i < h.count; i += 2)
        world_data(&c, DIR_C2S, h.segments[i].text, h.segments[i].n, (int64_t)i);
    world_close(&world, &c, STREAM_END_FIN);
    cr_expect_str_eq(world.log, "1 begin POST\n1 > request 1\n2 begin POST\n2 > request 2\n"
                                "1 end lost\n4 begin POST mcp session both sse\n4 > request 3\n"
                                "2 end lost\n4 end lost\n");
}

/* Wherever bytes are missing: nobody is blamed for it, and no answer goes astray. */
Test(http2_loss, anywhere_around_an_upgrade)
{
    static const size_t lengths[] = {1, 9, 40, 300};
    upgraded();
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        size_t n = bytes_of((enum dir)dir);
        for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
            for (size_t from = 0; from < n; from++) {
                hole((enum dir)dir, from, from + lengths[k]);
                cr_assert_null(strstr(world.log, "malformed"), "%d %zu: %s", dir, from, world.log);
                for (size_t i = 0; i < WORLD_CHANNELS; i++) {
                    const struct world_channel *ch = &world.channel[i];
                    bool both = ch->asked[0] && ch->answered[0];
                    cr_assert(!both || strcmp(ch->asked, ch->answered) == 0, "%d %zu: %s", dir,
                              from, world.log);
                }
            }
        }
    }
}

/* ---- in a WebSocket on a stream */

#define SOCKET_CALLS 6

static void socket_frame(uint32_t stream, const char *json)
{
    bool client = h2_dir(&h) == DIR_C2S;
    uint8_t head[6] = {0x81, (uint8_t)((client ? 0x80U : 0U) | strlen(json))}; /* mask of zeros */
    size_t n = client ? 6 : 2;
    h2_head(&h, H2_DATA, 0, stream, n + strlen(json));
    h2_raw(&h, head, n);
    h2_raw(&h, json, strlen(json));
}

/* Calls on a socket, and between them others on streams of their own. */
static void socket_and_streams(void)
{
    h2_init(&h);
    h2_segment(&h, DIR_C2S);
    h2_headers(&h, 1, 0,
               ":method: CONNECT\n:protocol: websocket\n:path: /mcp\n"
               "sec-websocket-protocol: mcp\n");
    h2_segment(&h, DIR_S2C);
    h2_headers(&h, 1, 0, ":status: 200\nsec-websocket-protocol: mcp\n");
    for (int i = 1; i <= SOCKET_CALLS; i++) {
        h2_segment(&h, DIR_C2S);
        socket_frame(1, h2_call(i));
        h2_segment(&h, DIR_C2S);
        ask(2 * i + 1);
        h2_segment(&h, DIR_S2C);
        answer(2 * i + 1, false);
        h2_segment(&h, DIR_S2C);
        socket_frame(1, h2_result(i));
    }
}

static size_t count_of(const char *log, const char *text)
{
    size_t n = 0;
    for (const char *p = log; (p = strstr(p, text)); p++)
        n++;
    return n;
}

/* Inside of one message: that is lost, and nothing of other streams. */
Test(http2_loss, in_a_message_of_a_websocket)
{
    socket_and_streams();
    size_t before = 0;
    for (size_t i = 0; i < 9; i++)
        before += h.segments[i].dir == DIR_C2S ? h.segments[i].n : 0;
    cr_assert_eq(h.segments[9].dir, DIR_C2S); /* the second call on the socket */
    hole(DIR_C2S, before + 9 + 6 + 10, before + 9 + 6 + 20);
    cr_expect_eq(count_of(world.log, "\n1 > request"), SOCKET_CALLS - 1, "%s", world.log);
    cr_expect_eq(count_of(world.log, "\n1 < result"), SOCKET_CALLS, "%s", world.log);
    cr_expect_eq(count_of(world.log, "1 > parse:lost_message\n"), 1, "%s", world.log);
    cr_expect_eq(count_of(world.log, " > request"), 2 * SOCKET_CALLS - 1, "%s", world.log);
}

/* Anywhere: nobody is blamed, every message is told once at most, and reading goes on behind the
 * hole. But what a stream carries whose opening was lost is not known. */
Test(http2_loss, anywhere_around_a_websocket)
{
    static const size_t lengths[] = {1, 8, 50, 170};
    static char whole[sizeof(world.log)];
    char text[64];
    socket_and_streams();
    hole(DIR_C2S, 0, 0);
    memcpy(whole, world.log, sizeof(whole));
    cr_assert_eq(count_of(whole, "\n1 < result"), SOCKET_CALLS, "%s", whole);
    for (int dir = 0; dir < DIR_COUNT; dir++) {
        size_t n = bytes_of((enum dir)dir), opened = 0;
        for (size_t i = 0; i < 5; i++)
            opened += h.segments[i].dir == (enum dir)dir ? h.segments[i].n : 0;
        for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
            for (size_t from = 0; from + lengths[k] < n; from++) {
                hole((enum dir)dir, from, from + lengths[k]);
                cr_assert_null(strstr(world.log, "malformed"), "%d %zu: %s", dir, from, world.log);
                cr_assert_leq(count_of(world.log, "\n1 > request"), SOCKET_CALLS);
                for (int i = 1; i <= SOCKET_CALLS; i++) {
                    snprintf(text, sizeof(text), "\n1 > request %d\n", i);
                    cr_assert_leq(count_of(world.log, text), 1U, "%zu: %s", from, world.log);
                    snprintf(text, sizeof(text), "\n1 < result %d\n", i);
                    cr_assert_leq(count_of(world.log, text), 1U, "%zu: %s", from, world.log);
                }
                if (from >= opened && from + lengths[k] < n / 2)
                    cr_assert(strstr(world.log, dir == DIR_C2S ? "> request 6\n" : "< result 6\n"),
                              "%d %zu: %s", dir, from, world.log);
            }
        }
    }
}
