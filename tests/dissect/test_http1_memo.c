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

/* One byte of a head is another one, in every place, or missing, or there twice. */
static void check_changes(const char *text, bool is_request, const char *response)
{
    static const char bytes[] = " :0\nx\r9\t";
    char changed[1024];
    size_t head = (size_t)(strstr(text, "\r\n\r\n") + 4 - text);
    for (size_t at = 0; at < head; at++) {
        for (size_t k = 0; k < sizeof(bytes) + 1; k++) {
            strcpy(changed, text);
            if (k < sizeof(bytes) - 1)
                changed[at] = bytes[k];
            else if (k == sizeof(bytes))
                strcpy(changed + at, text + at + 1);
            else
                strcpy(changed + at + 1, text + at);
            check_rounds(response, is_request ? changed : REQUEST, is_request ? response : changed,
                         changed);
        }
    }
}

Test(http1_memo, any_byte_may_differ)
{
    check_changes(REQUEST, true, RESPONSE);
    check_changes(RESPONSE, false, RESPONSE);
    check_changes(STREAM, false, STREAM);
}

/* ---- the memo itself */

#define HEAD_FROM    "GET /a HTTP/1.1\r\nDate: monday\r\n"
#define HEAD(length) HEAD_FROM "Content-Length: " length "\r\nAccept: x\r\n\r\n"

static struct http1_memo memo;
static const struct fields said = {.session_hash = 7};

/* Keeps a head that says: Content-Length, no more. */
static struct http1_memo_place *keep(const char *head)
{
    struct http1 h;
    struct limits_hit hit = {{0}};
    http1_init(&h, HTTP1_REQUEST, false, &hit);
    h.seen = 1;
    h.content_length = 99;
    h.head_bytes = 1000;
    bool learn;
    struct http1_memo_place *p = http1_memo_at(&memo, 5, DIR_C2S, &learn);
    http1_memo_keep(p, &h, &said, (const uint8_t *)head, strlen(head));
    return p;
}

static size_t find(struct http1_memo_place *p, const char *head)
{
    return http1_memo_find(p, (const uint8_t *)head, strlen(head));
}

Test(http1_memo, finds_what_it_keeps)
{
    struct http1_memo_place *p = keep(HEAD("12") "body");
    const char *again = HEAD("4567") "other";
    cr_assert_eq(find(p, again), strlen(HEAD("4567")));
    cr_assert_eq(p->known.content_length, 4567);
    cr_assert_eq(p->known.head_bytes, 1002);
    cr_assert_eq(p->known.head.method, again);
    cr_assert_eq(p->known.head.target, again + 4);
    cr_assert_eq(p->fields.session_hash, 7);
    cr_assert_eq(
        find(p, "GET /a HTTP/1.1\r\nDate:sunday!\r\nContent-Length: 0\r\nAccept: x\r\n\r\n"),
        strlen(HEAD("1")));
    cr_assert_eq(p->known.content_length, 0);
    cr_assert_eq(find(p, HEAD("")), 0);
    cr_assert_eq(find(p, HEAD("1 ")), 0);
    cr_assert_eq(find(p, HEAD("-1")), 0);
    cr_assert_eq(find(p, HEAD("1234567890123456")), 0);
    cr_assert_eq(
        find(p, "GET /a HTTP/1.1\r\nDate: mon\nay\r\nContent-Length: 1\r\nAccept: x\r\n\r\n"), 0);
    for (size_t n = 0; n < strlen(HEAD("12")); n++)
        cr_assert_eq(http1_memo_find(p, (const uint8_t *)HEAD("12"), n), 0);
    cr_assert_gt(find(p, HEAD("1")), 0);
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
        struct http1_memo_place *p = keep(unusual[i]);
        cr_assert_eq(p->n, 0, "%s", unusual[i]);
        cr_assert_eq(find(p, unusual[i]), 0);
    }
    char large[HTTP1_MEMO_BYTES + 100];
    int n = snprintf(large, sizeof(large), "GET / HTTP/1.1\r\nA: %*s\r\n\r\n",
                     HTTP1_MEMO_BYTES - 23, "");
    cr_assert_eq(n, HTTP1_MEMO_BYTES);
    cr_assert_eq(keep(large)->n, HTTP1_MEMO_BYTES);
    snprintf(large, sizeof(large), "GET / HTTP/1.1\r\nA: %*s\r\n\r\n", HTTP1_MEMO_BYTES - 22, "");
    cr_assert_eq(keep(large)->n, 0);
}

Test(http1_memo, places_are_taken_over)
{
    bool learn;
    struct http1_memo_place *p = http1_memo_at(&memo, 1, DIR_C2S, &learn);
    cr_assert_not(learn);
    cr_assert_eq(http1_memo_at(&memo, 1, DIR_C2S, &learn), p);
    cr_assert(learn);
    cr_assert_neq(http1_memo_at(&memo, 1, DIR_S2C, &learn), p);
    p->n = 9;
    cr_assert_eq(http1_memo_at(&memo, 1 + HTTP1_MEMO_PLACES / 2, DIR_C2S, &learn), p);
    cr_assert_not(learn);
    cr_assert_eq(p->n, 0);
}

Test(http1_memo, gives_up_who_never_repeats_himself)
{
    bool learn;
    struct http1_memo_place *p = keep(HEAD("1"));
    for (int i = 0; i < 100; i++)
        cr_assert_eq(find(p, "GET /b"), 0);
    (void)http1_memo_at(&memo, 5, DIR_C2S, &learn);
    cr_assert_not(learn);
    cr_assert_gt(find(p, HEAD("1")), 0);
    (void)http1_memo_at(&memo, 5, DIR_C2S, &learn);
    cr_assert(learn);
}
