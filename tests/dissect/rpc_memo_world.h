/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_DISSECT_RPC_MEMO_WORLD_H
#define TESTS_DISSECT_RPC_MEMO_WORLD_H

/*
 * Messages that came before. A parser without a memory reads every text: that is what one
 * which remembers another text is compared with.
 */
#include "dissect/rpc_memo.h"
#include "tests/support/cuts.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V "\"jsonrpc\":\"2.0\""

static const struct hash_key key = {5, 6};
static struct limits_hit hit;

static void log_message(void *ctx, const struct message *m)
{
    struct cuts_log *log = ctx;
    cuts_log(log, "%u.%u m%u %x n=%llu id=%u.%llx c=%u.%llx code=%lld cap=%x", m->kind, m->dir,
             m->method, m->flags, (unsigned long long)m->bytes, m->id.type,
             (unsigned long long)m->id.hash, m->cancels.type, (unsigned long long)m->cancels.hash,
             (long long)m->error_code, m->capabilities);
    for (int i = 0; i < MESSAGE_TEXT_COUNT; i++) {
        size_t n;
        const char *p = message_text(m, i, &n);
        cr_assert_leq(p + n, m->text + m->text_used);
        cuts_log(log, " [%.*s]", (int)n, p);
    }
    cuts_log(log, " squirrel=%u event=%llu;\n", m->squirrel, (unsigned long long)m->event_id);
}

struct plan {
    struct rpc_memo *memo; /* copied, so that each text finds the same */
    bool hold;
    bool known; /* what the latest one was */
};

/* The text in pieces; the memory is fresh for each. */
static void run(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    static struct rpc_memo memo;
    struct plan *plan = ctx;
    struct rpc_sink sink = {log, log_message};
    struct rpc r;
    if (plan->memo)
        memo = *plan->memo;
    memset(&r, 0x5a, sizeof(r));
    rpc_init(&r, DIR_S2C, plan->hold, &key, &hit);
    rpc_remember(&r, plan->memo ? &memo : NULL);
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        struct stream_pos at = {7, 7};
        ok = rpc_feed(&r, &sink, pieces[i].bytes, pieces[i].n, &at);
    }
    bool complete = rpc_complete(&r), proves = rpc_proves(&r);
    cuts_log(log, "end=%d ", rpc_end(&r, &sink, false));
    cuts_log(log, "ok=%d complete=%d proves=%d messages=%u others=%u elements=%u linked=%d", ok,
             complete, proves, r.messages, r.not_rpc, r.json.elements, r.messages > 0 && r.linked);
    plan->known = r.json.elements > 0 && r.json.passed_count == 0x5a; /* nothing was read */
}

static void feed(struct rpc_memo *memo, const char *text)
{
    static struct cuts_log log;
    struct rpc_sink sink = {&log, log_message};
    struct stream_pos at = {1, 1};
    struct rpc r;
    log.len = 0;
    rpc_init(&r, DIR_C2S, false, &key, &hit);
    rpc_remember(&r, memo);
    (void)rpc_feed(&r, &sink, (const uint8_t *)text, strlen(text), &at);
    (void)rpc_end(&r, &sink, false);
}

enum { PIECES_MAX = 256 };

/* The text in pieces of that many bytes, the first one of others; returns how many there are. */
static size_t cut(const char *text, size_t n, size_t first, size_t bytes,
                  struct cuts_piece ret_pieces[PIECES_MAX])
{
    size_t count = 0;
    for (size_t at = 0, take; at < n && count < PIECES_MAX; at += take) {
        take = count == 0 ? first : count == PIECES_MAX - 1 ? n : bytes;
        take = take < n - at ? take : n - at;
        ret_pieces[count++] = (struct cuts_piece){(const uint8_t *)text + at, take};
    }
    return count;
}

/* Compares a text in such pieces with and without memory; returns whether it was known. */
static bool compare_pieces(const struct rpc_memo *memo, const char *text, size_t n, size_t first,
                           size_t bytes)
{
    static struct cuts_log plain, known;
    static struct rpc_memo copy;
    struct cuts_piece pieces[PIECES_MAX];
    size_t count = cut(text, n, first, bytes, pieces);
    bool was_known = false;
    copy = *memo;
    for (int hold = 0; hold < 2; hold++) {
        struct plan without = {NULL, hold, false}, with = {&copy, hold, false};
        plain.len = known.len = 0;
        run(pieces, count, &plain, &without);
        run(pieces, count, &known, &with);
        was_known = with.known;
        cr_assert_str_eq(plain.text, known.text, "%zu, %zu: %.*s", first, bytes, (int)n, text);
    }
    return was_known;
}

/* Compares a text, whole and in pieces; returns whether it was known whole. */
static bool compare(const struct rpc_memo *memo, const char *text, size_t n)
{
    for (size_t first = 1; first < n; first += n / 3)
        compare_pieces(memo, text, n, first, n);
    compare_pieces(memo, text, n, n - n / 4, 1);
    compare_pieces(memo, text, n, n / 2, 16);
    return compare_pieces(memo, text, n, n, n);
}

#define PROGRESS(progress, total, token, text)                                                     \
    "{\"method\":\"notifications/progress\",\"params\":{\"progress\":" progress                    \
    ",\"total\":" total ",\"progressToken\":" token ",\"message\":" text "}," V "}"

static const char base[] = PROGRESS("1", "20", "7", "\"first\"");
static const char call[] = "{\"method\":\"tools/call\",\"params\":{\"name\":\"add\",\"arguments\":"
                           "{\"a\":[1,\"}\"]},\"_meta\":{\"progressToken\":3}}," V ",\"id\":12}";
static const char result[] = "{" V ",\"id\":-7,\"result\":{\"content\":[{\"type\":\"text\","
                             "\"text\":\"a\\\"]\"}],\"isError\":false,\"more\":{}}}";

#endif
