/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heads that came before. Byte by byte no head lies whole in the input, so all are read: that is
 * what the same dialogue with whole heads is compared with.
 */
#include "dissect/http1_memo.h"
#include "http_world.h"

#define ROUNDS 5

static struct world whole, bytewise;

static void compare_channels(const char *what)
{
    for (size_t i = 0; i < WORLD_CHANNELS; i++) {
        const struct record_begin *a = &whole.channel[i].begin, *b = &bytewise.channel[i].begin;
        cr_assert_eq(a->session_hash, b->session_hash, "%s", what);
        cr_assert_eq(a->target_hash, b->target_hash, "%s", what);
        cr_assert_eq(a->path_hash, b->path_hash, "%s", what);
        cr_assert_eq(a->last_event_hash, b->last_event_hash, "%s", what);
        cr_assert_eq(whole.channel[i].flags, bytewise.channel[i].flags, "%s", what);
        cr_assert_eq(whole.channel[i].reply.session_hash, bytewise.channel[i].reply.session_hash);
    }
}

/* Drops the lines that are told for each piece of what cannot be read, however many there are. */
static void drop_pieces(char *log)
{
    static const char piece[] = "parse:lost_message 0\n";
    char *end;
    while ((end = strstr(log, piece)) != NULL) {
        char *line = end;
        while (line > log && line[-1] != '\n')
            line--;
        end += sizeof(piece) - 1;
        memmove(line, end, strlen(end) + 1);
    }
}

static void check(const struct segment *segments, size_t count, const char *what)
{
    struct world_plan plan = {.segments = segments, .count = count, .end = STREAM_END_FIN};
    world_run(&whole, &plan);
    plan.byte_by_byte = true;
    world_run(&bytewise, &plan);
    drop_pieces(whole.log);
    drop_pieces(bytewise.log);
    cr_assert_str_eq(whole.log, bytewise.log, "%s", what);
    compare_channels(what);
}

#define REQUEST                                                                                    \
    "POST /mcp?x=1 HTTP/1.1\r\nHost: a\r\nMcp-Session-Id: 7c84\r\n"                                \
    "Mcp-Protocol-Version: 2025-11-25\r\nContent-Type: application/json\r\n"                       \
    "Accept: application/json, text/event-stream\r\nContent-Length: 46\r\nX-Y: z\r\n\r\n"          \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"
#define RESPONSE                                                                                   \
    "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: application/json\r\n" \
    "Mcp-Session-Id: 7c84\r\nContent-Length: "                                                     \
    "36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
#define STREAM                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\ndate: now\r\n"                          \
    "Transfer-Encoding: chunked\r\n\r\n"                                                           \
    "30\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}    \n\n\r\n0\r\n\r\n"

/* Rounds of one request and one response, of which the one before last is another one. */
static void check_rounds(const char *response, const char *other_request,
                         const char *other_response, const char *what)
{
    struct segment segments[2 * ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        bool other = i == ROUNDS - 2;
        segments[2 * i] = (struct segment){DIR_C2S, other ? other_request : REQUEST, 0, 0};
        segments[2 * i + 1] = (struct segment){DIR_S2C, other ? other_response : response, 0, 0};
    }
    check(segments, 2 * ROUNDS, what);
}

Test(http1_memo, heads_that_do_not_differ)
{
    check_rounds(RESPONSE, REQUEST, RESPONSE, "json");
    check_rounds(STREAM, REQUEST, STREAM, "events");
    cr_assert_not_null(strstr(whole.log, "5 < result 1"));
}

/* One byte is another one of these, in every place from `from` to before `to`, or missing, or there
 * twice. */
static void change(const char *text, size_t from, size_t to, const char *bytes, bool is_request,
                   const char *response)
{
    char changed[1024];
    size_t n = strlen(bytes);
    for (size_t at = from; at < to; at++) {
        for (size_t k = 0; k < n + 2; k++) {
            strcpy(changed, text);
            if (k < n)
                changed[at] = bytes[k];
            else if (k == n)
                strcpy(changed + at, text + at + 1);
            else
                strcpy(changed + at + 1, text + at);
            check_rounds(response, is_request ? changed : REQUEST, is_request ? response : changed,
                         changed);
        }
    }
}

static size_t head_bytes(const char *text)
{
    return (size_t)(strstr(text, "\r\n\r\n") + 4 - text);
}

static void check_heads(const char *text, bool is_request, const char *response)
{
    change(text, 0, head_bytes(text), " :0\nx\r9\t", is_request, response);
}

Test(http1_memo, any_byte_may_differ)
{
    check_heads(REQUEST, true, RESPONSE);
    check_heads(RESPONSE, false, RESPONSE);
    check_heads(STREAM, false, STREAM);
}

#define CHUNKED                                                                                    \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"      \
    "25\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\r\n0\r\n\r\n"
#define EVENTS                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"     \
    "4c\r\nevent: message\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}"     \
    "\r\n\r\n\r\n"                                                                                 \
    "4f\r\nid: 7\nevent: message\ndata: "                                                          \
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}"                                   \
    "\n\n\r\n"                                                                                     \
    "2c\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n\r\n0\r\n\r\n"

/* Behind a body of which the end was known, one that may go on. */
Test(http1_memo, bodies_without_an_end)
{
#define OPEN                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"
    static const struct segment segments[] = {C2S(REQUEST),  C2S(REQUEST),  C2S(REQUEST),
                                              S2C(RESPONSE), S2C(RESPONSE), S2C(OPEN),
                                              S2C(" \n"),    S2C("more")};
    check(segments, sizeof(segments) / sizeof(segments[0]), "open");
    cr_assert_not_null(strstr(whole.log, "parse:malformed_json"));
}

static void check_bodies(const char *text, bool is_request, const char *response)
{
    change(text, head_bytes(text), strlen(text), " \"0\nx\r}[,", is_request, response);
}

Test(http1_memo, any_byte_of_a_body_may_differ)
{
    check_rounds(CHUNKED, REQUEST, CHUNKED, "chunks");
    cr_assert_not_null(strstr(whole.log, "5 < result 1"));
    check_rounds(EVENTS, REQUEST, EVENTS, "events");
    cr_assert_not_null(strstr(whole.log, "5 < result 1"));
    cr_assert_null(strstr(whole.log, "parse:"));
    check_bodies(REQUEST, true, RESPONSE);
    check_bodies(RESPONSE, false, RESPONSE);
    check_bodies(CHUNKED, false, CHUNKED);
    check_bodies(EVENTS, false, EVENTS);
}

/* Each of the parts is longer, shorter and not there; they are read anew, or passed over. */
Test(http1_memo, parts_may_differ)
{
    static const char *const values[] = {"",    " ",    "x",        "7c84 ", "\t7c85",
                                         "7;8", "x\ry", "\x7f\x01", "a,b:c", "=?base64?eA==?="};
    static const char *const names[] = {"Host",       "Mcp-Session-Id", "mcp-name",
                                        "Mcp-Method", "Last-Event-ID",  "Mcp-Param-A",
                                        "Cookie",     "Authorization"};
    char first[1024], other[1024];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            const char *body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
            const char *form = "POST / HTTP/1.1\r\nAccept: application/json, text/event-stream\r\n"
                               "%s: %s\r\nMcp-Protocol-Version: 2025-11-25\r\n"
                               "Content-Length: %zu\r\n\r\n%s";
            snprintf(first, sizeof(first), form, names[i], "7c84", strlen(body), body);
            snprintf(other, sizeof(other), form, names[i], values[k], strlen(body), body);
            const struct segment segments[] = {C2S(first),    S2C(RESPONSE), C2S(first),
                                               S2C(RESPONSE), C2S(other),    S2C(RESPONSE),
                                               C2S(first),    S2C(RESPONSE)};
            check(segments, sizeof(segments) / sizeof(segments[0]), other);
        }
    }
}

/* What is read anew is read behind all else, so of a field that comes twice both are, or none. */
Test(http1_memo, fields_that_come_twice)
{
#define TWICE(name, first, second)                                                                 \
    "POST / HTTP/1.1\r\nAccept: application/json, text/event-stream\r\n" name ": " first name      \
    ": " second "Mcp-Protocol-Version: 2025-11-25\r\nContent-Length: 46\r\n\r\n"                   \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}"
#define EACH(name, first, second)                                                                  \
    TWICE(name, first "\r\n", second "\r\n"), TWICE(name, first "\r\n", second "\n"),              \
        TWICE(name, first "\n", second "\r\n"), TWICE(name, first "\n", second "\n")
    static const char *const texts[] = {
        EACH("Mcp-Session-Id", "a", "b"),         EACH("Last-Event-ID", "a", "b"),
        EACH("Mcp-Method", "a", "=?base64?!?="),  EACH("Mcp-Name", "a", "=?base64?!?="),
        EACH("Mcp-Param-A", "a", "=?base64?!?="),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct segment segments[] = {C2S(texts[i]), S2C(RESPONSE), C2S(texts[i]),
                                           S2C(RESPONSE), C2S(texts[i]), S2C(RESPONSE)};
        check(segments, sizeof(segments) / sizeof(segments[0]), texts[i]);
    }
}

/* ---- the memo itself */

#define HEAD_FROM    "GET /a?b HTTP/1.1\r\nDate: monday\r\n"
#define HEAD(length) HEAD_FROM "Content-Length: " length "\r\nAccept: text/event-stream\r\n\r\n"
#define TAIL         "Content-Length: 1\r\nAccept: text/event-stream\r\n\r\n"

static struct http1_memo heads;
static struct http1_memo_side *const memo = &heads.side[HTTP1_REQUEST];
static struct fields found;
static size_t found_bytes;

static struct http1_span span(const char *text)
{
    return (struct http1_span){(const uint8_t *)text, strlen(text)};
}

/* Keeps a head that says: Content-Length, no more. */
static void keep(const char *head)
{
    struct http1 h;
    struct limits_hit hit = {{0}};
    http1_init(&h, HTTP1_REQUEST, false, &hit);
    h.seen = HTTP1_HEAD_LENGTH;
    h.content_length = 99;
    h.head_bytes = 1000;
    http1_memo_keep(memo, &WORLD_KEY, &h, span(head));
}

static const struct http1_memo_shape *find(const char *head)
{
    struct http1_span in = span(head);
    const struct http1_memo_shape *s =
        http1_memo_find(&heads, HTTP1_REQUEST, &WORLD_KEY, &in, &found);
    found_bytes = strlen(head) - in.n;
    return s;
}

Test(http1_memo, finds_what_it_keeps)
{
    keep(HEAD("12") "body");
    const char *again = HEAD("4567") "other";
    const struct http1_memo_shape *s = find(again);
    cr_assert_not_null(s);
    cr_assert_eq(found_bytes, strlen(HEAD("4567")));
    cr_assert_eq(s->known.content_length, 4567);
    cr_assert_eq(s->known.head_bytes, 1002);
    cr_assert_eq(s->known.head.method, again);
    cr_assert_eq(s->known.head.target, again + 4);
    cr_assert_eq(s->known.head.target_len, 4);
    cr_assert_eq(found.flags, CHANNEL_ACCEPTS_SSE);
    struct target target;
    target_read(&WORLD_KEY, "/a?b", 4, &target);
    cr_assert_eq(s->target.whole, target.whole);
    cr_assert_eq(s->target.path, target.path);
    cr_assert_eq(s->target.dir, target.dir);
    cr_assert_not_null(find("GET /a?b HTTP/1.1\r\nDate:sunday!\r\n" TAIL));
    cr_assert_not_null(s = find("GET /a?b HTTP/1.1\r\nDate:\r\n" TAIL));
    cr_assert_eq(s->known.head_bytes, 1000 - 1 - strlen(" monday"));
    static const char *const others[] = {
        HEAD(""),
        HEAD("1 "),
        HEAD("-1"),
        HEAD("1234567890123456"),
        "GET /a?b HTTP/1.1\r\nDate: mon\nay\r\n" TAIL,
        "GET /a?b HTTP/1.1\r\nDate: mon\n" TAIL,
        "GET /a?b HTTP/1.1\r\nDate: mon",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_assert_null(find(others[i]), "%s", others[i]);
    for (size_t n = 0; n < strlen(HEAD("12")); n++) {
        struct http1_span in = {(const uint8_t *)HEAD("12"), n};
        cr_assert_null(http1_memo_find(&heads, HTTP1_REQUEST, &WORLD_KEY, &in, &found));
        cr_assert_eq(in.n, n);
    }
    cr_assert_not_null(find(HEAD("1")));
}

Test(http1_memo, reads_names_anew)
{
#define NAMED(host, session, name)                                                                 \
    "POST / HTTP/1.1\r\nHost: " host "\r\nMcp-Session-Id: " session "\r\nMcp-Name:" name           \
    "\r\nMcp-Protocol-Version: 2025-11-25\r\n\r\n"
    struct fields said = {0};
    fields_add(&said, &WORLD_KEY, "mcp-session-id", 14, "second", 6);
    fields_add(&said, &WORLD_KEY, "mcp-name", 8, "x y", 3);
    fields_add(&said, &WORLD_KEY, "mcp-protocol-version", 20, "2025-11-25", 10);
    keep(NAMED("a", "first", "one"));
    cr_assert_not_null(find(NAMED("b.example:80", " second\t", " x y")));
    cr_assert_eq(found.session_hash, said.session_hash);
    cr_assert_eq(found.name_hash, said.name_hash);
    cr_assert_eq(found.flags, said.flags);
    cr_assert_str_eq(found.version, said.version);
    cr_assert_not_null(find(NAMED("", "", "\x01")));
    cr_assert_not(found.flags & CHANNEL_HAS_SESSION);
    cr_assert(found.flags & CHANNEL_BAD_VALUE);
}

/* Names that share their place, and others that look like them. */
Test(http1_memo, tells_sessions_apart)
{
#define SESSION(name) "POST / HTTP/1.1\r\nMcp-Session-Id: " name "\r\n\r\n"
    static const char *const names[] = {
        "s",
        "12345678",
        "123456789",
        "12345678-12345678",
        "1234567-12345678",
        "87654321",
        "1234567812345678",
        "8765432187654321",
        "12345678a12345678",
        "12345678b12345678",
        "a name of a session that is as long as one may be, or so",
        "a name of a session that is as long as one may be, or s",
        "a name of a session that is as long as one may be, or t",
    };
    char head[256];
    keep(SESSION("first"));
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            snprintf(head, sizeof(head), SESSION("%s"), names[i]);
            cr_assert_not_null(find(head));
            cr_assert_eq(found.session_hash, hash_bytes(&WORLD_KEY, names[i], strlen(names[i])));
            cr_assert(found.flags & CHANNEL_HAS_SESSION);
            find(head);
            cr_assert_eq(found.session_hash, hash_bytes(&WORLD_KEY, names[i], strlen(names[i])));
        }
}

Test(http1_memo, keeps_nothing_unusual)
{
    static const char *const unusual[] = {
        "\r\nGET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nno name\r\n\r\n",
        "GET / HTTP/1.1\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1 \r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n",
        "no start\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++) {
        keep(unusual[i]);
        cr_assert_null(find(unusual[i]), "%s", unusual[i]);
    }
    char large[HTTP1_MEMO_BYTES + 100];
    int n = snprintf(large, sizeof(large), "GET / HTTP/1.1\r\nA: %*s\r\n\r\n",
                     HTTP1_MEMO_BYTES - 23, "");
    cr_assert_eq(n, HTTP1_MEMO_BYTES);
    keep(large);
    cr_assert_not_null(find(large));
    snprintf(large, sizeof(large), "GET / HTTP/1.1\r\nA: %*s\r\n\r\n", HTTP1_MEMO_BYTES - 22, "");
    keep(large);
    cr_assert_null(find(large));
}

/* A head of its own for each number. */
static const char *numbered(unsigned i)
{
    static char text[64];
    snprintf(text, sizeof(text), "GET /%u HTTP/1.1\r\n\r\n", i);
    return text;
}

Test(http1_memo, forgets_what_was_used_least_lately)
{
    for (unsigned i = 0; i < HTTP1_MEMO_SHAPES; i++)
        keep(numbered(i));
    for (unsigned i = 0; i < HTTP1_MEMO_SHAPES; i++)
        cr_assert_not_null(find(numbered(i)));
    cr_assert_not_null(find(numbered(0)));
    keep("no head\r\n\r\n"); /* takes the place of 1, and leaves it free */
    cr_assert_null(find(numbered(1)));
    keep(numbered(100));
    cr_assert_not_null(find(numbered(2)));
    keep(numbered(101));
    cr_assert_null(find(numbered(3)));
    for (unsigned i = 4; i < HTTP1_MEMO_SHAPES; i++)
        cr_assert_not_null(find(numbered(i)));
    cr_assert_not_null(find(numbered(0)));
    cr_assert_not_null(find(numbered(100)));
    cr_assert_not_null(find(numbered(101)));
}

Test(http1_memo, gives_up_when_heads_do_not_come_again)
{
    for (unsigned i = 0; i < HTTP1_MEMO_CREDIT; i++) {
        cr_assert(http1_memo_learns(memo));
        keep(numbered(i));
    }
    unsigned learned = 0;
    for (unsigned i = 0; i < 1024; i++)
        learned += http1_memo_learns(memo);
    cr_assert_eq(learned, 4);
    cr_assert_not_null(find(numbered(HTTP1_MEMO_CREDIT - 1)));
    cr_assert(http1_memo_learns(memo));
}
