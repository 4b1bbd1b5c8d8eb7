/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc_memo_world.h"

/* Where it is cut does not matter, but in the first bytes and in numbers. */
Test(rpc_memo_pieces, texts_in_two_pieces)
{
    static struct rpc_memo memo;
    const char *const texts[] = {call, result, base};
    for (size_t i = 0; i < 3; i++) {
        size_t known = 0, n = strlen(texts[i]);
        memset(&memo, 0, sizeof(memo));
        feed(&memo, texts[i]);
        for (size_t at = 1; at < n; at++)
            known += compare_pieces(&memo, texts[i], n, at, n);
        cr_expect_gt(known, n / 2, "%zu of %zu: %s", known, n, texts[i]);
    }
}

#define LONG(id)                                                                                   \
    "{" V ",\"id\":" id ",\"result\":{\"content\":[\"%0*d\",{}],\"x\":\"%0*d\",\"y\":1}}"

/* Objects and arrays may be of any length and in any pieces, and strings in few short ones. */
Test(rpc_memo_pieces, long_texts_in_pieces)
{
    static struct rpc_memo memo;
    static char text[200000];
    static const struct {
        int array, string;
        size_t first, bytes;
        bool known;
    } plans[] = {
        {100000, 1, 1000, 1000, true},    {100000, 1, 60000, 60000, true},
        {1000, 1, 100, 10, true},         {10, 2000, 1000, 1000, true},
        {10, 2000, 1000, 100, false},     {10, 3000, 1000, 3000, false},
        {10, 20000, 10000, 20000, false},
    };
    snprintf(text, sizeof(text), LONG("1"), 1, 0, 1, 0);
    feed(&memo, text);
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        int n = snprintf(text, sizeof(text), LONG("-77"), plans[i].array, 0, plans[i].string, 0);
        cr_expect_eq(compare_pieces(&memo, text, (size_t)n, plans[i].first, plans[i].bytes),
                     plans[i].known, "%zu", i);
        for (int at = n - 30; at < n; at++) { /* and then something else */
            char was = text[at];
            text[at] = '!';
            compare_pieces(&memo, text, (size_t)n, plans[i].first, plans[i].bytes);
            text[at] = was;
        }
    }
}

/* Feeds texts in pieces of that many bytes, by turns. */
static void feed_by_turns(struct rpc_memo *memo, const char *const texts[], size_t count,
                          size_t bytes)
{
    static struct cuts_log log;
    static struct rpc parsers[2];
    struct rpc_sink sink = {&log, log_message};
    struct stream_pos at = {1, 1};
    log.len = 0;
    for (size_t i = 0; i < count; i++) {
        rpc_init(&parsers[i], DIR_C2S, false, &key, &hit);
        rpc_remember(&parsers[i], memo);
    }
    bool more = true;
    for (size_t from = 0; more; from += bytes) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            size_t n = strlen(texts[i]);
            if (from >= n)
                continue;
            more = true;
            (void)rpc_feed(&parsers[i], &sink, (const uint8_t *)texts[i] + from,
                           bytes < n - from ? bytes : n - from, &at);
        }
    }
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(parsers[i].messages, 1);
}

/* One that never comes whole is known, too, the next time. */
Test(rpc_memo_pieces, texts_that_always_come_in_pieces)
{
    static struct rpc_memo memo;
    static char text[RPC_MEMO_DRAFT + 2];
    const char *texts[] = {call, result};
    for (size_t bytes = 1; bytes < sizeof(result); bytes += 7) {
        memset(&memo, 0, sizeof(memo));
        feed_by_turns(&memo, texts, 1, bytes);
        cr_expect(compare(&memo, call, strlen(call)), "%zu", bytes);
        cr_expect_not(compare(&memo, result, strlen(result)));
        feed_by_turns(&memo, texts, 2, bytes);
        feed_by_turns(&memo, texts + 1, 1, bytes);
        cr_expect(compare(&memo, result, strlen(result)), "%zu", bytes);
        memset(&memo, 0, sizeof(memo));
        feed_by_turns(&memo, texts, 2, bytes); /* the latest that began */
        cr_expect_eq(compare(&memo, call, strlen(call)), bytes >= strlen(call), "%zu", bytes);
        cr_expect(compare(&memo, result, strlen(result)), "%zu", bytes);
    }
    for (size_t n = RPC_MEMO_DRAFT - 1; n < sizeof(text); n++) {
        static const char form[] = "{" V ",\"id\":1,\"result\":{\"content\":[%0*d]}}";
        snprintf(text, sizeof(text), form, (int)(n - sizeof(form) + 5), 0);
        cr_assert_eq(strlen(text), n);
        memset(&memo, 0, sizeof(memo));
        feed_by_turns(&memo, (const char *[]){text}, 1, 1000);
        cr_expect_eq(compare(&memo, text, n), n <= RPC_MEMO_DRAFT, "%zu", n);
    }
}

/* What a text was like is forgotten before its next piece comes, or another one is kept there. */
Test(rpc_memo_pieces, forgotten_between_pieces)
{
    static struct rpc_memo memo;
    static struct cuts_log plain, known;
    char other[128];
    size_t n = sizeof(result) - 1;
    for (size_t at = 1; at < n; at++) {
        for (unsigned others = 0; others < 2 * RPC_MEMO_PLACES; others += RPC_MEMO_PLACES - 1) {
            struct rpc_sink sinks[] = {{&plain, log_message}, {&known, log_message}};
            plain.len = known.len = 0;
            memset(&memo, 0, sizeof(memo));
            feed(&memo, result);
            for (int i = 0; i < 2; i++) {
                struct stream_pos here = {3, 3}, later = {4, 4};
                struct rpc r;
                rpc_init(&r, DIR_S2C, false, &key, &hit);
                rpc_remember(&r, i == 0 ? NULL : &memo);
                rpc_feed(&r, &sinks[i], (const uint8_t *)result, at, &here);
                for (unsigned k = 0; i == 1 && k < others; k++) {
                    snprintf(other, sizeof(other), "{" V ",\"method\":\"m%u\",\"id\":1}", k);
                    feed(&memo, other);
                }
                rpc_feed(&r, &sinks[i], (const uint8_t *)result + at, n - at, &later);
                cr_assert_eq(rpc_end(&r, &sinks[i], false), JSON_END_COMPLETE);
                cr_assert_eq(r.messages, 1);
                cr_assert_eq(r.held.first.packet, 3);
                cr_assert_eq(r.held.last.packet, 4);
            }
            cr_assert_str_eq(plain.text, known.text);
        }
    }
}
