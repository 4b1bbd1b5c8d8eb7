/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/http1.h"
#include "dissect/http1_look.h"
#include "tests/support/cuts.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct limits_hit hit;

/* Answers are as to requests of kind `request`; the log joins body pieces. */
struct listener {
    struct cuts_log *log;
    enum http1_kind kind;
    enum http1_request_method request;
    bool midstream;
    bool in_body;
    int open;
    const uint32_t *name_lengths;
};

static void say(struct listener *l, const char *text)
{
    cuts_log(l->log, "%s%s", l->in_body ? "> " : "", text);
    l->in_body = false;
}

static enum http1_request_method on_start(void *ctx, const struct http1_head *head)
{
    struct listener *l = ctx;
    cr_assert_eq(l->open++, 0);
    say(l, "");
    if (l->kind == HTTP1_REQUEST)
        cuts_log(l->log, "%.*s %.*s 1.%d ", (int)head->method_len, head->method,
                 (int)head->target_len, head->target, head->minor_version);
    else
        cuts_log(l->log, "%d 1.%d ", head->status, head->minor_version);
    return l->request;
}

static void on_field(void *ctx, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    struct listener *l = ctx;
    say(l, "");
    cuts_log(l->log, "%.*s=%.*s; ", (int)name_len, name, (int)value_len, value);
}

static void on_head_end(void *ctx, const struct http1_body_info *body)
{
    static const char *const names[] = {"none", "length", "chunked", "close", "tunnel"};
    struct listener *l = ctx;
    say(l, names[body->framing]);
    if (body->framing == HTTP1_BODY_LENGTH)
        cuts_log(l->log, "(%" PRIu64 ")", body->length);
    if (body->framing == HTTP1_BODY_TUNNEL)
        l->open = 0;
    cuts_log(l->log, " ");
}

static void on_body(void *ctx, const uint8_t *bytes, size_t n)
{
    struct listener *l = ctx;
    cr_assert(n > 0 && l->open == 1);
    if (!l->in_body)
        cuts_log(l->log, "<");
    l->in_body = true;
    cuts_log(l->log, "%.*s", (int)n, (const char *)bytes);
}

static void on_body_gap(void *ctx, uint64_t n)
{
    struct listener *l = ctx;
    say(l, "");
    cuts_log(l->log, "gap(%" PRIu64 ") ", n);
}

static void on_message_end(void *ctx, enum http1_end how)
{
    static const char *const names[] = {"complete\n", "cut\n", "lost\n"};
    struct listener *l = ctx;
    cr_assert_eq(l->open--, 1);
    say(l, names[how]);
}

static void on_anomaly(void *ctx, enum http1_anomaly what)
{
    static const char *const names[] = {"!start ",  "!field ", "!length ", "!chunk ",
                                        "!coding ", "!line ",  "!head "};
    say(ctx, names[what]);
}

static void on_tunnel(void *ctx, const uint8_t *bytes, size_t n)
{
    struct listener *l = ctx;
    cuts_log(l->log, "%.*s", (int)n, (const char *)bytes);
}

static struct http1_sink sink_of(struct listener *l)
{
    return (struct http1_sink){l,         on_start,       on_field,       on_head_end,
                               on_body,   on_body_gap,    on_message_end, on_anomaly,
                               on_tunnel, l->name_lengths};
}

static void run(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    struct listener l = *(struct listener *)ctx;
    l.log = log;
    struct http1_sink sink = sink_of(&l);
    struct http1 h;
    http1_init(&h, l.kind, l.midstream, &hit);
    for (size_t i = 0; i < count; i++)
        http1_feed(&h, &sink, pieces[i].bytes, pieces[i].n);
    http1_end(&h, &sink, true);
    http1_fini(&h);
    cr_assert_eq(l.open, 0);
}

static const char *parse(enum http1_kind kind, enum http1_request_method request, const char *input,
                         size_t n)
{
    static struct cuts_log log;
    struct listener l = {.kind = kind, .request = request};
    const char *bad = cuts_check((const uint8_t *)input, n, run, &l);
    cr_assert_null(bad, "%s", bad);
    log.len = 0;
    log.text[0] = '\0';
    run(&(struct cuts_piece){(const uint8_t *)input, n}, 1, &log, &l);
    return log.text;
}

static void expect(enum http1_kind kind, const char *input, const char *expected)
{
    cr_expect_str_eq(parse(kind, HTTP1_METHOD_OTHER, input, strlen(input)), expected);
}

#define REQUEST(input, expected)  expect(HTTP1_REQUEST, input, expected)
#define RESPONSE(input, expected) expect(HTTP1_RESPONSE, input, expected)

Test(http1, requests)
{
    REQUEST("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / 1.1 Host=x; none complete\n");
    REQUEST("POST /mcp?a=b HTTP/1.1\r\ncontent-length: 5\r\n\r\nhelloGET /2 HTTP/1.0\r\n\r\n",
            "POST /mcp?a=b 1.1 content-length=5; length(5) <hello> complete\n"
            "GET /2 1.0 none complete\n");
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / 1.1 Content-Length=0; length(0) complete\nGET / 1.1 none complete\n");
    REQUEST("M-SEARCH * HTTP/1.1\nA:b\n\n", "M-SEARCH * 1.1 A=b; none complete\n");
    REQUEST("GET /a b HTTP/1.1\r\n\r\n", "GET /a b 1.1 none complete\n");
}

Test(http1, responses)
{
    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 No\r\n\r\n",
             "200 1.1 Content-Length=2; length(2) <hi> complete\n204 1.1 none complete\n");
    RESPONSE("HTTP/1.0 200\r\n\r\nuntil the end", "200 1.0 close <until the end> complete\n");
    RESPONSE(
        "HTTP/1.1 304 x\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n",
        "304 1.1 Content-Length=99; none complete\n200 1.1 content-length=0; length(0) complete\n");
    RESPONSE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
             "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
             "100 1.1 none complete\n103 1.1 Link=x; none complete\n"
             "202 1.1 Content-Length=0; length(0) complete\n");
}

Test(http1, chunked)
{
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n1;ext=\"v\"\r\n!\r\n00A  \r\n0123456789\r\n0\r\n\r\n"
             "HTTP/1.1 204 x\r\n\r\n",
             "200 1.1 Transfer-Encoding=chunked; chunked <hello!0123456789> complete\n"
             "204 1.1 none complete\n");
    RESPONSE("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n2\nab\n0\nTrailer: x\n\n",
             "200 1.1 transfer-encoding=gzip, Chunked; chunked <ab> Trailer=x; complete\n");
    REQUEST("POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: "
            "chunked\r\n\r\n0\r\n\r\n",
            "POST / 1.1 Transfer-Encoding=identity; Transfer-Encoding=chunked; chunked complete\n");
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
             "200 1.1 Transfer-Encoding=chunked; chunked !chunk lost\n");
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
             "200 1.1 Transfer-Encoding=chunked; chunked !chunk lost\n");
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
             "200 1.1 Transfer-Encoding=chunked; chunked !chunk lost\n");
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
             "200 1.1 Transfer-Encoding=chunked; chunked <a> !chunk lost\n");
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
             "200 1.1 Transfer-Encoding=chunked; chunked <ab> cut\n");
}

Test(http1, lengths)
{
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2, 2\r\n\r\nhi",
            "POST / 1.1 Content-Length=2; Content-Length=2, 2; length(2) <hi> complete\n");
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
            "POST / 1.1 Content-Length=2; Content-Length=3; !length none lost\n");
    REQUEST("POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\nhi",
            "POST / 1.1 Content-Length=+2; !length none lost\n");
    REQUEST("POST / HTTP/1.1\r\nContent-Length:\r\n\r\nhi",
            "POST / 1.1 Content-Length=; !length none lost\n");
    REQUEST("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nhi",
            "POST / 1.1 Content-Length=99999999999999999999; !length none lost\n");
    REQUEST(
        "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: "
        "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "POST / 1.1 Content-Length=4; Transfer-Encoding=chunked; !coding chunked <a> complete\n");
    REQUEST("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nab",
            "POST / 1.1 Transfer-Encoding=gzip; !length none lost\n");
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
             "200 1.1 Transfer-Encoding=gzip; close <ab> complete\n");
    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
             "200 1.1 Content-Length=5; length(5) <ab> cut\n");
}

Test(http1, head_and_connect_and_upgrade)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    cr_expect_str_eq(parse(HTTP1_RESPONSE, HTTP1_METHOD_HEAD, head, sizeof(head) - 1),
                     "200 1.1 Content-Length=5; none complete\n200 1.1 none complete\n");
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x16\x03 HTTP/1.1";
    cr_expect_str_eq(parse(HTTP1_RESPONSE, HTTP1_METHOD_CONNECT, good, sizeof(good) - 1),
                     "200 1.1 Content-Length=5; tunnel \x16\x03 HTTP/1.1");
    static const char refused[] = "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx";
    cr_expect_str_eq(parse(HTTP1_RESPONSE, HTTP1_METHOD_CONNECT, refused, sizeof(refused) - 1),
                     "407 1.1 Content-Length=1; length(1) <x> complete\n");
    RESPONSE("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
             "101 1.1 Upgrade=websocket; tunnel \x81\x05hello");
}

Test(http1, fields)
{
    REQUEST("GET / HTTP/1.1\r\nA :  b c \t\r\n\tfolded\r\nx-Empty:\r\nC:d:e\r\n\r\n",
            "GET / 1.1 A=b c folded; x-Empty=; C=d:e; none complete\n");
    REQUEST("GET / HTTP/1.1\r\nnothing\r\n: x\r\nA: b\r\n\r\n",
            "GET / 1.1 !field !field A=b; none complete\n");
}

/* RFC 9112 5.2: a recipient may replace each fold by spaces. */
Test(http1, folded_fields)
{
    REQUEST("POST / HTTP/1.1\r\nA:\r\n  b \r\n\t\r\n \tc:d\r\nB : e\n f\nContent-Length:\r\n 2\r\n"
            "\r\nok",
            "POST / 1.1 A=b c:d; B=e f; Content-Length=2; length(2) <ok> complete\n");
    REQUEST("GET / HTTP/1.1\r\n folded\r\nA:b\r\n \r\n\r\n", "GET / 1.1 A=b; none complete\n");
    RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n2\r\nok\r\n0\r\nA:\r\n b\r\n"
             "\r\nHTTP/1.1 204 No\r\n\r\n",
             "200 1.1 Transfer-Encoding=chunked; chunked <ok> A=b; complete\n204 1.1 none "
             "complete\n");
    RESPONSE("HTTP/1.1 200 OK\r\nContent-Length:\r\n 5", "200 1.1 cut\n");
}

/* Only some fields are handed over; those that frame the body count all the same. */
Test(http1, fields_by_their_length)
{
    static const uint32_t lengths[32] = {['a' & 31] = 1 << 6, ['m' & 31] = UINT32_C(1) << 31};
    static const char input[] =
        "POST / HTTP/1.1\r\nAccept: a\r\nAccess: b\r\nAccept : c\r\nAccepts: d\r\nmcp: e\r\n"
        "m234567890123456789012345678901: f\r\nm23456789012345678901234567890123: g\r\n"
        "Content-Length: 2\r\n\r\nokPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    struct listener l = {.kind = HTTP1_REQUEST, .name_lengths = lengths};
    static struct cuts_log log;
    const char *bad = cuts_check((const uint8_t *)input, sizeof(input) - 1, run, &l);
    cr_assert_null(bad, "%s", bad);
    run(&(struct cuts_piece){(const uint8_t *)input, sizeof(input) - 1}, 1, &log, &l);
    cr_expect_str_eq(log.text, "POST / 1.1 Accept=a; Access=b; Accept=c; "
                               "m234567890123456789012345678901=f; "
                               "m23456789012345678901234567890123=g; length(2) <ok> complete\n"
                               "POST / 1.1 chunked complete\n");
}

/* What comes behind a bad start line is not known until the next good one. */
Test(http1, bad_start_lines)
{
    RESPONSE("ICY 200 OK\r\n", "!start ");
    RESPONSE("HTTP/2.0 200 OK\r\n", "!start ");
    RESPONSE("HTTP/1.1 099 OK\r\n", "!start ");
    RESPONSE("HTTP/1.1 20 OK\r\n", "!start ");
    REQUEST("GET /\r\n", "!start ");
    REQUEST("GET / HTTP/2.0\r\n", "!start ");
    REQUEST("G\x01T / HTTP/1.1\r\n", "!start ");
    REQUEST("nonsense\r\nGET / HTTP/1.1\r\n\r\n", "!start GET / 1.1 none complete\n");
}

Test(http1, long_lines_are_cut)
{
    char *input = malloc(40000);
    char *expected = malloc(40000);
    for (int extra = -2; extra <= 2; extra++) {
        struct listener l = {.kind = HTTP1_REQUEST};
        int name = LIMIT_HTTP_LINE + extra - 3;
        int n = sprintf(input, "GET / HTTP/1.1\r\nA: %0*d\r\nB: c\r\n\r\n", name, 1);
        static struct cuts_log log, cut;
        log.len = cut.len = 0;
        run(&(struct cuts_piece){(uint8_t *)input, (size_t)n}, 1, &log, &l);
        sprintf(expected, "GET / 1.1 %sA=%.*s; B=c; none complete\n", extra >= 0 ? "!line " : "",
                extra > 0 ? LIMIT_HTTP_LINE - 3 : name, input + 19);
        if (extra == 0) /* the line fits, its CR does not */
            cr_expect(strstr(log.text, "B=c; none complete"));
        else
            cr_expect_str_eq(log.text, expected);
        for (size_t at = 17; at < (size_t)n; at += 97) {
            struct cuts_piece two[2] = {{(uint8_t *)input, at},
                                        {(uint8_t *)input + at, (size_t)n - at}};
            cut.len = 0;
            run(two, 2, &cut, &l);
            cr_assert_str_eq(cut.text, log.text);
        }
    }
    free(input);
    free(expected);
}

Test(http1, long_target_is_cut)
{
    char *input = malloc(40000);
    static struct cuts_log log;
    struct listener l = {.kind = HTTP1_REQUEST};
    int n = sprintf(input, "GET /%020000d HTTP/1.1\r\nB: c\r\n\r\n", 1);
    run(&(struct cuts_piece){(uint8_t *)input, (size_t)n}, 1, &log, &l);
    cr_expect_eq(strncmp(log.text, "!line GET /000", 14), 0);
    cr_expect(strstr(log.text, "0 1.1 B=c; none complete"));
    cr_expect(hit.count[LIMIT_ID_HTTP_LINE] > 0);
    free(input);
}

/* Fields beyond the cap are not told, but still frame the message. */
Test(http1, large_head)
{
    size_t n = 0;
    char *input = malloc(LIMIT_HTTP_HEAD + 1024);
    static struct cuts_log log;
    struct listener l = {.kind = HTTP1_REQUEST, .log = &log};
    struct http1_sink sink = sink_of(&l);
    struct http1 h;
    http1_init(&h, HTTP1_REQUEST, false, &hit);
    n += (size_t)sprintf(input, "POST / HTTP/1.1\r\n");
    while (n < LIMIT_HTTP_HEAD)
        n += (size_t)sprintf(input + n, "A: %0100d\r\n", 1);
    input[n++] = 'B'; /* the field before it is not folded */
    http1_feed(&h, &sink, (uint8_t *)input, n);
    cr_expect_eq(hit.count[LIMIT_ID_HTTP_HEAD], 1);
    log.len = 0;
    n = (size_t)sprintf(input, ": c\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\n\r\n");
    http1_feed(&h, &sink, (uint8_t *)input, n);
    cr_expect_str_eq(log.text, "length(2) <hi> complete\nGET / 1.1 none complete\n");
    http1_fini(&h);
    free(input);
}

Test(http1, look)
{
    static const struct {
        const char *text;
        enum http1_look look;
    } cases[] = {
        {"GET /", HTTP1_LOOK_REQUEST},
        {"GET http://a/", HTTP1_LOOK_REQUEST},
        {"OPTIONS *", HTTP1_LOOK_REQUEST},
        {"CONNECT a:1", HTTP1_LOOK_REQUEST},
        {"GET ", HTTP1_LOOK_MORE},
        {"G", HTTP1_LOOK_MORE},
        {"PO", HTTP1_LOOK_MORE},
        {"H", HTTP1_LOOK_MORE},
        {"HTTP/1.1 200", HTTP1_LOOK_MORE},
        {"HTTP/1.1 200 ", HTTP1_LOOK_RESPONSE},
        {"HTTP/1.1 200\r", HTTP1_LOOK_RESPONSE},
        {"HTTP/1.1 2000", HTTP1_LOOK_NO},
        {"HTTP/2.0 200 ", HTTP1_LOOK_NO},
        {"HTTP/1.1 x", HTTP1_LOOK_NO},
        {"GEX", HTTP1_LOOK_NO},
        {"GET foo", HTTP1_LOOK_NO},
        {"LIST /", HTTP1_LOOK_NO},
        {"DELE /x", HTTP1_LOOK_NO},
        {"PRI * HTTP/2.0", HTTP1_LOOK_NO},
        {"\x16\x03\x01", HTTP1_LOOK_NO},
        {"\r\n", HTTP1_LOOK_MORE},
        {"\r\nGET /", HTTP1_LOOK_REQUEST},
        {"SSH-2.0", HTTP1_LOOK_NO},
        {"{\"a\"", HTTP1_LOOK_NO},
        {"HEAD /", HTTP1_LOOK_REQUEST},
        {"HEADER: x", HTTP1_LOOK_NO},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(http1_look((const uint8_t *)cases[i].text, strlen(cases[i].text)),
                     cases[i].look, "%s", cases[i].text);
}

/* Feeds input with a hole from..to. */
static const char *parse_hole(enum http1_kind kind, const char *input, size_t from, size_t to)
{
    static struct cuts_log log;
    struct listener l = {.kind = kind, .log = &log};
    struct http1_sink sink = sink_of(&l);
    struct http1 h;
    size_t n = strlen(input);
    log.len = 0;
    http1_init(&h, kind, false, &hit);
    if (from > 0)
        http1_feed(&h, &sink, (const uint8_t *)input, from);
    http1_gap(&h, &sink, to - from);
    if (to < n)
        http1_feed(&h, &sink, (const uint8_t *)input + to, n - to);
    http1_end(&h, &sink, true);
    http1_fini(&h);
    cr_assert_eq(l.open, 0);
    return log.text;
}

Test(http1, gap_in_a_body)
{
    static const char input[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
                                "HTTP/1.1 204 x\r\n\r\n";
    size_t body = (size_t)(strstr(input, "0123") - input);
    cr_expect_str_eq(parse_hole(HTTP1_RESPONSE, input, body + 2, body + 5),
                     "200 1.1 Content-Length=10; length(10) <01> gap(3) <56789> complete\n"
                     "204 1.1 none complete\n");
    cr_expect_str_eq(parse_hole(HTTP1_RESPONSE, input, body, body + 10),
                     "200 1.1 Content-Length=10; length(10) gap(10) complete\n"
                     "204 1.1 none complete\n");
    cr_expect_str_eq(parse_hole(HTTP1_RESPONSE, input, body + 2, body + 11),
                     "200 1.1 Content-Length=10; length(10) <01> lost\n");
}

Test(http1, gap_in_chunks)
{
    static const char input[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\nHTTP/1.1 204 x\r\n\r\n";
    size_t body = (size_t)(strstr(input, "abcd") - input);
    cr_expect_str_eq(parse_hole(HTTP1_RESPONSE, input, body + 1, body + 4),
                     "200 1.1 Transfer-Encoding=chunked; chunked <a> gap(3) <efgh> complete\n"
                     "204 1.1 none complete\n");
    cr_expect_str_eq(parse_hole(HTTP1_RESPONSE, input, body + 1, body + 5),
                     "200 1.1 Transfer-Encoding=chunked; chunked <a> lost\n"
                     "204 1.1 none complete\n");
}

/* Wherever the hole is, what is read behind it was there: no message is made up. */
Test(http1, gap_everywhere)
{
    static const char input[] = "HTTP/1.1 201 OK\r\nContent-Length: 3\r\n\r\nabc"
                                "HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\ndef\r\n0\r\n\r\n"
                                "HTTP/1.1 203 OK\r\nContent-Length: 3\r\n\r\nghi";
    size_t n = sizeof(input) - 1;
    size_t second = (size_t)(strstr(input, "HTTP/1.1 202") - input);
    size_t third = (size_t)(strstr(input, "HTTP/1.1 203") - input);
    for (size_t from = 0; from < n; from++)
        for (size_t to = from + 1; to <= n; to++) {
            const char *log = parse_hole(HTTP1_RESPONSE, input, from, to);
            cr_assert(to > third ||
                          strstr(log, "203 1.1 Content-Length=3; length(3) <ghi> complete"),
                      "%zu..%zu: %s", from, to, log);
            cr_assert(from <= second || strstr(log, "201 1.1 Content-Length=3; length(3) <abc>"),
                      "%zu..%zu: %s", from, to, log);
            cr_assert_null(strchr(log, '!'), "%zu..%zu: %s", from, to, log);
        }
}

Test(http1, midstream_in_small_pieces)
{
    static const char input[] = "rest of a body HTTP/1.1 200 OK\r\n";
    static const char next[] = "HTTP/1.1 202 OK\r\nContent-Length: 1\r\n\r\nx";
    struct cuts_log log = {.len = 0};
    struct listener l = {.kind = HTTP1_RESPONSE, .log = &log};
    struct http1_sink sink = sink_of(&l);
    struct http1 h;
    http1_init(&h, HTTP1_RESPONSE, true, &hit);
    cr_expect(h.lost_sync);
    http1_feed(&h, &sink, (const uint8_t *)input, sizeof(input) - 1);
    http1_feed(&h, &sink, (const uint8_t *)"HTTX", 4);
    http1_feed(&h, &sink, (const uint8_t *)"HT", 2);
    http1_feed(&h, &sink, (const uint8_t *)"ML and more", 11);
    cr_expect(h.lost_sync);
    cr_expect_eq(log.len, 0);
    for (size_t i = 0; i < sizeof(next) - 1; i++)
        http1_feed(&h, &sink, (const uint8_t *)next + i, 1);
    cr_expect_not(h.lost_sync);
    cr_expect_str_eq(log.text, "202 1.1 Content-Length=1; length(1) <x> complete\n");
    cr_expect_null(h.line.data);
    http1_fini(&h);
}

Test(http1, join_body)
{
    struct cuts_log log = {.len = 0};
    struct listener l = {.kind = HTTP1_RESPONSE, .log = &log, .open = 1};
    struct http1_sink sink = sink_of(&l);
    struct http1 h;
    static const char input[] = "3\r\nabc\r\n0\r\n\r\nHTTP/1.1 204 x\r\n\r\n";
    http1_init(&h, HTTP1_RESPONSE, true, &hit);
    http1_join_body(&h, HTTP1_BODY_CHUNKED);
    http1_feed(&h, &sink, (const uint8_t *)input, sizeof(input) - 1);
    cr_expect_str_eq(log.text, "<abc> complete\n204 1.1 none complete\n");
    http1_fini(&h);
}

/* A line is kept only while it is cut, and running out of memory only costs the message. */
static void fail_at_cuts(const char *input, size_t n)
{
    static const char next[] = "GET /2 HTTP/1.1\r\n\r\n";
    for (size_t cut = 1; cut < n; cut++) {
        struct cuts_log log = {.len = 0};
        struct listener l = {.kind = HTTP1_REQUEST, .log = &log};
        struct http1_sink sink = sink_of(&l);
        struct http1 h;
        http1_init(&h, HTTP1_REQUEST, false, &hit);
        fail_alloc_at(1);
        http1_feed(&h, &sink, (const uint8_t *)input, cut);
        http1_feed(&h, &sink, (const uint8_t *)input + cut, n - cut);
        http1_feed(&h, &sink, (const uint8_t *)next, sizeof(next) - 1);
        bool failed = fail_alloc_stop();
        cr_assert_null(h.line.data);
        cr_assert_eq(l.open, 0);
        cr_assert(strstr(log.text, "GET /2 1.1 none complete"), "cut %zu: %s", cut, log.text);
        cr_assert(failed || strstr(log.text, "GET /1 1.1 Host=x; none complete"));
        http1_fini(&h);
    }
}

Test(http1, allocation_failures)
{
    static const char plain[] = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char folded[] = "GET /1 HTTP/1.1\r\nHost:\r\n x\r\n\r\n";
    fail_at_cuts(plain, sizeof(plain) - 1);
    fail_at_cuts(folded, sizeof(folded) - 1);
}
