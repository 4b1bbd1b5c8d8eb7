/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/sse.h"
#include "tests/support/cuts.h"
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct hash_key KEY = {1, 2};
static struct limits_hit hit;

struct listener {
    struct cuts_log *log;
    char data[4096];
    size_t len;
};

static void on_data(void *ctx, const struct sse_event *e, const uint8_t *bytes, size_t n)
{
    struct listener *l = ctx;
    cr_assert(n > 0 && e->has_data);
    cr_assert(l->len + n <= sizeof(l->data));
    memcpy(l->data + l->len, bytes, n);
    l->len += n;
}

static void on_event(void *ctx, const struct sse_event *e)
{
    struct listener *l = ctx;
    cr_assert_eq(l->len, e->data_bytes);
    cuts_log(l->log, "[%.*s%s|", (int)e->type_len, e->type,
             e->type_bytes > e->type_len ? "..." : "");
    if (e->has_data)
        cuts_log(l->log, "<%.*s>", (int)l->len, l->data);
    if (e->has_id)
        cuts_log(l->log, " id=%" PRIx64 "/%" PRIu64, e->id_hash, e->id_bytes);
    if (e->has_retry)
        cuts_log(l->log, " retry=%" PRIu64, e->retry_ms);
    cuts_log(l->log, "]");
    l->len = 0;
}

/* Takes some of them. */
static bool on_whole(void *ctx, const struct sse_event *e, const uint8_t *bytes, size_t n)
{
    if (n % 3 == 0)
        return false;
    on_data(ctx, e, bytes, n);
    on_event(ctx, e);
    return true;
}

static void on_discard(void *ctx)
{
    struct listener *l = ctx;
    cuts_log(l->log, "[discarded]");
    l->len = 0;
}

static void run(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    (void)ctx;
    struct listener l = {.log = log};
    struct sse_sink sink = {&l, on_data, on_event, on_discard, on_whole};
    struct sse s;
    sse_init(&s, &KEY, &hit);
    for (size_t i = 0; i < count; i++)
        sse_feed(&s, &sink, pieces[i].bytes, pieces[i].n);
    sse_end(&s, &sink);
}

/* What the input gives, the same for every cut. */
static const char *events_n(const char *input, size_t n)
{
    static struct cuts_log log;
    const char *bad = cuts_check((const uint8_t *)input, n, run, NULL);
    cr_assert_null(bad, "%s", bad);
    log.len = 0;
    log.text[0] = '\0';
    run(&(struct cuts_piece){(const uint8_t *)input, n}, 1, &log, NULL);
    return log.text;
}

#define EXPECT(input, expected) cr_expect_str_eq(events_n(input, sizeof(input) - 1), expected)

static const char *id_text(const char *id)
{
    static char text[64];
    snprintf(text, sizeof(text), "id=%" PRIx64 "/%zu", hash_bytes(&KEY, id, strlen(id)),
             strlen(id));
    return text;
}

Test(sse, plain_events)
{
    EXPECT("data: one\n\ndata: two\n\n", "[|<one>][|<two>]");
    EXPECT("event: message\ndata: {\"a\":1}\n\n", "[message|<{\"a\":1}>]");
    EXPECT("", "");
}

Test(sse, every_line_end)
{
    EXPECT("data: a\r\n\r\ndata: b\r\rdata: c\n\n", "[|<a>][|<b>][|<c>]");
    EXPECT("data: a\r\ndata: b\rdata: c\n\r\n", "[|<a\nb\nc>]");
    EXPECT("data: a\n\r\r\n\n", "[|<a>]");
    EXPECT("data: a\n\rdata: b\r\n\rdata: c\r\n\ndata: d\r\r\r\ndata: e\n\r\ndata: f\r\r",
           "[|<a>][|<b>][|<c>][|<d>][|<e>][|<f>]");
}

Test(sse, data_lines_are_joined)
{
    EXPECT("data: {\ndata:  \"x\": 1\ndata:}\n\n", "[|<{\n \"x\": 1\n}>]");
    EXPECT("data\ndata\n\n", "[|<\n>]");
    EXPECT("data:\n\n", "[|<>]");
    EXPECT("data:   two\n\n", "[|<  two>]");
    EXPECT("data:a\ndata:\ndata:b\n\n", "[|<a\n\nb>]");
}

Test(sse, comments_and_unknown_fields)
{
    EXPECT(": ping\n\n:\n\ndata: x\n\n", "[|<x>]");
    EXPECT("foo: bar\ndatabase: x\ndata: y\n\n", "[|<y>]");
    EXPECT("datax\n\n", "[|]");
    EXPECT("data : y\n: data: z\n\n", "[|]");
    EXPECT("Data: y\nDATA: y\n\n", "[|]");
}

Test(sse, ids)
{
    char expected[256];
    snprintf(expected, sizeof(expected), "[| %s]", id_text("abc_1"));
    EXPECT("id: abc_1\n\n", expected);
    snprintf(expected, sizeof(expected), "[|<x> %s]", id_text("b"));
    EXPECT("id: a\ndata: x\nid: b\n\n", expected);
    snprintf(expected, sizeof(expected), "[| %s]", id_text(""));
    EXPECT("id\n\n", expected);
    snprintf(expected, sizeof(expected), "[| %s]", id_text("ok"));
    EXPECT("id: ok\nid: no\0t\n\n", expected);
    snprintf(expected, sizeof(expected), "[|<> %s]", id_text("7"));
    EXPECT("id: 7\ndata: \n\n", expected);
}

Test(sse, retry)
{
    EXPECT("retry: 1500\n\n", "[| retry=1500]");
    EXPECT("retry: 15\nretry: 1x\n\n", "[| retry=15]");
    EXPECT("retry:\nretry: -1\nretry: 1 \n\n", "[|]");
    EXPECT("retry: 99999999999999999999999\n\n", "[|]");
}

Test(sse, byte_order_mark)
{
    EXPECT("\xef\xbb\xbf"
           "data: x\n\n",
           "[|<x>]");
    EXPECT("\xef\xbb"
           "data: x\n\n",
           "[|]");
    EXPECT("data: a\n\n\xef\xbb\xbf"
           "data: x\n\n",
           "[|<a>][|]");
    EXPECT("\xef\n\ndata: x\n\n", "[|][|<x>]");
}

Test(sse, unfinished_event)
{
    EXPECT("data: a\n\ndata: b\n", "[|<a>][discarded]");
    EXPECT("data: a\n\ndata: b", "[|<a>][discarded]");
    EXPECT("data: a\n\nid: b\n", "[|<a>]");
}

Test(sse, type_is_cut)
{
    char input[1024], expected[1024];
    int n = snprintf(input, sizeof(input), "event: %0300d\ndata: x\n\n", 7);
    snprintf(expected, sizeof(expected), "[%0128d...|<x>]", 0);
    uint64_t before = hit.count[LIMIT_ID_SSE_FIELD];
    cr_expect_str_eq(events_n(input, (size_t)n), expected);
    cr_expect(hit.count[LIMIT_ID_SSE_FIELD] > before);
    EXPECT("event: a\nevent: b\ndata: x\n\ndata: y\n\n", "[b|<x>][|<y>]");
}

/* Lines around the width of the vector loop, with the line end at every place. */
Test(sse, long_lines)
{
    for (size_t n = 0; n < 200; n++) {
        struct cuts_log log = {.len = 0};
        char input[256], expected[300];
        memset(input, 'x', sizeof(input));
        memcpy(input, "data:", 5);
        memcpy(input + 5 + n, n % 2 ? "\r\r" : "\n\n", 2);
        snprintf(expected, sizeof(expected), "[|<%.*s>]", (int)n, input + 5);
        run(&(struct cuts_piece){(const uint8_t *)input, n + 7}, 1, &log, NULL);
        cr_assert_str_eq(log.text, expected);
    }
}

/* All that is read after a gap at any place began after it, and nothing is mended. */
Test(sse, gap_everywhere)
{
    static const char input[] =
        "data: 1\r\n\r\nid: i\r\ndata: 2\r\ndata: 2\r\n\r\n: c\n\ndata: 3\n\n"
        "event: t\rdata: 4\r\rdata: 5\n\n";
    static const char *const whole[] = {"[|<1>]", "[|<2\n2> id=", "[|<3>]", "[t|<4>]", "[|<5>]"};
    size_t n = sizeof(input) - 1;
    for (size_t from = 0; from < n; from++)
        for (size_t to = from + 1; to <= n; to++) {
            struct cuts_log log = {.len = 0};
            struct listener l = {.log = &log};
            struct sse_sink sink = {&l, on_data, on_event, on_discard, on_whole};
            struct sse s;
            sse_init(&s, &KEY, &hit);
            sse_feed(&s, &sink, (const uint8_t *)input, from);
            sse_gap(&s, &sink, false);
            sse_feed(&s, &sink, (const uint8_t *)input + to, n - to);
            sse_end(&s, &sink);
            const char *rest = log.text;
            for (const char *p = log.text; (p = strstr(p, "[")) != NULL; p++) {
                bool known = strncmp(p, "[discarded]", 11) == 0;
                for (size_t i = 0; i < 5; i++)
                    known |= strncmp(p, whole[i], strlen(whole[i])) == 0;
                cr_assert(known, "gap %zu..%zu: %s", from, to, rest);
            }
            cr_assert(to > n - 20 || strstr(log.text, "[|<5>]"), "gap %zu..%zu: %s", from, to,
                      rest);
        }
}

Test(sse, gap_at_a_line)
{
    struct cuts_log log = {.len = 0};
    struct listener l = {.log = &log};
    struct sse_sink sink = {&l, on_data, on_event, on_discard, on_whole};
    struct sse s;
    sse_init(&s, &KEY, &hit);
    sse_gap(&s, &sink, true);
    static const char input[] = "data: x\n\n";
    sse_feed(&s, &sink, (const uint8_t *)input, sizeof(input) - 1);
    cr_expect_str_eq(log.text, "[|<x>]");
}
