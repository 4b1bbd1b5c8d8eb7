/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts of a few bytes: told at once, put away and then told, or read by a parser, it is the same.
 */
#include "../../dissect/text.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct limits_hit hit;
static struct transport_spare spare;
static struct {
    char text[1024];
    size_t len;
} log_of;

static void on_record(void *ctx, struct record *r)
{
    (void)ctx;
    cr_assert_lt(log_of.len, sizeof(log_of.text) - 100);
    if (r->type == RECORD_FINDING)
        log_of.len += (size_t)sprintf(log_of.text + log_of.len, "%u:%llu %s %llu %u\n", r->channel,
                                      (unsigned long long)r->at.ts_ns,
                                      finding_name((enum finding)r->u.finding.finding),
                                      (unsigned long long)r->u.finding.amount, r->u.finding.dir);
    else
        log_of.len += (size_t)sprintf(log_of.text + log_of.len, "message %llu of %u\n",
                                      (unsigned long long)r->u.message.bytes, r->u.message.dir);
}

static const struct transport_env env = {
    .hash = {1, 2}, .hit = &hit, .sink = {NULL, on_record, NULL}, .spare = &spare};
static struct conn conn = {.id = 1};
static const struct transport_conn tc = {.env = &env, .conn = &conn};

/* How a text comes. */
enum coming {
    WHOLE,    /* to text_whole(), if that takes it */
    AT_ONCE,  /* in one piece */
    IN_BYTES, /* of one packet */
    IN_PACKETS
};

struct way {
    enum text_dialect dialect;
    enum text_end how;
    enum coming coming;
    bool hold, has_event_id, ask; /* ask: whether it is complete, in front of the end */
};

/* What is told of it, and how it ended. */
static const char *read_text(const char *bytes, size_t n, const struct way *way)
{
    struct stream_pos at = {9, 9};
    struct text t = {.tc = &tc, .at = &at, .channel = 3, .dir = DIR_S2C};
    t.dialect = (uint8_t)way->dialect;
    t.has_event_id = way->has_event_id;
    log_of.len = 0;
    log_of.text[0] = '\0';
    const uint8_t *p = (const uint8_t *)bytes;
    if (way->coming == WHOLE && text_whole(&t, p, n) != TEXT_WHOLE_UNKNOWN) {
        cr_assert(!text_busy(&t));
        return log_of.text;
    }
    cr_assert(text_begin(&t, way->hold));
    size_t step = way->coming <= AT_ONCE ? n : 1;
    for (size_t i = 0; i < n; i += step) {
        at.packet += way->coming == IN_PACKETS;
        text_feed(&t, p + i, step);
    }
    bool complete = way->ask && text_complete(&t);
    uint32_t messages = 99;
    enum json_end end = text_end(&t, way->how, &messages);
    cr_assert(!complete || end == JSON_END_COMPLETE, "%s", bytes);
    cr_assert(!text_busy(&t) && messages <= 1);
    if (way->how != TEXT_END_COMPLETE || way->has_event_id)
        log_of.len += (size_t)sprintf(log_of.text + log_of.len, "end %d messages %u complete %d\n",
                                      end, messages, complete);
    return log_of.text;
}

static const char *const texts[] = {
    "{}",
    "{",
    "[]",
    "[",
    "1",
    "-",
    "-1",
    "1.",
    "1e",
    "01",
    "a",
    "}",
    "]",
    "\"",
    "\"a\"",
    "[1]",
    "[1,2]",
    "[{}]",
    "[{},[],1]",
    "[[]",
    "[1,]",
    "[1",
    "{\"a\":1}",
    "{\"id\":1}",
    "{\"id\":1",
    "{\"id\"",
    "{\"id\":\"\\",
    "{\"a\":{}}",
    "{\"error\":{",
    "{\"error\":1}",
    "{,}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{} ",
    " {}",
    "\t1\r\n",
    "{}1",
    "{}{}",
    " ",
    "\r",
    "true",
    "tru",
    "truf",
    "null",
    "nul",
    "false",
    "falsx",
    "\xef",
    "\xef\xbb",
    "\xef\xbb\xbf",
    "\xef\xbb\xbf{}",
    "\xef\xbb{}",
    "\xff",
    "\x7f",
    "{\"\\q\":1}",
    "{\"\\n\":1}",
    "{\"\\u00",
    "\"\\q\"",
    "\"\\u\"",
    "[\"\\q\"]",
    "123456789012",
    "1234567890123",
    "[1,2,3,4,5]",
    "[1,2,3,4,5,6]",
    "{\"method\":1}",
    "{\"method\":\"\"}",
    "{\"method\":\"a\"}",
    "[{\"method\":\"\"}]",
    "{\"id\":1,\"result\":1}",
};

/* Compares every way in which a text can come with the one in which each byte is read. */
static void compare(const char *text, struct way way)
{
    char expected[sizeof(log_of.text)];
    size_t n = strlen(text);
    way.coming = IN_PACKETS;
    strcpy(expected, read_text(text, n, &way));
    for (way.coming = AT_ONCE; way.coming <= IN_BYTES; way.coming++)
        cr_expect_str_eq(read_text(text, n, &way), expected, "%s, %d", text, way.coming);
    if (way.how != TEXT_END_COMPLETE)
        return;
    way.coming = WHOLE;
    cr_expect_str_eq(read_text(text, n, &way), expected, "%s, whole", text);
}

Test(text, of_few_bytes)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (int how = TEXT_END_COMPLETE; how <= TEXT_END_LOST; how++)
            for (int k = 0; k < 8; k++) {
                struct way way = {.dialect = k & 1 ? TEXT_EITHER : TEXT_RPC,
                                  .how = (enum text_end)how,
                                  .hold = k & 2,
                                  .ask = k & 4};
                compare(texts[i], way);
            }
    transport_spare_free(&spare);
}

/* What such a text means depends on the end of the event, which text_whole() does not know. */
Test(text, of_an_event_with_an_id)
{
    const struct way way = {.how = TEXT_END_LENIENT, .coming = WHOLE, .has_event_id = true};
    cr_expect_str_eq(read_text("{}", 2, &way), "end 0 messages 0 complete 0\n");
    transport_spare_free(&spare);
}

Test(text, whole)
{
    const struct way way = {.coming = WHOLE};
    cr_expect_str_eq(read_text("{}", 2, &way), "3:9 parse:not_jsonrpc 1 1\n");
    cr_expect_str_eq(read_text("[1,{},\"\"]", 9, &way), "3:9 parse:not_jsonrpc 3 1\n");
    cr_expect_str_eq(read_text("[]", 2, &way), "3:9 parse:empty_batch 1 1\n");
    cr_expect_str_eq(read_text("{", 1, &way), "3:9 parse:truncated_json 1 1\n");
    cr_expect_str_eq(read_text("x", 1, &way), "3:9 parse:malformed_json 1 1\n");
    cr_expect_str_eq(read_text(" ", 1, &way), "");
    cr_expect_eq(spare.count, 0, "no parser was taken");
}

/* Squirrel texts are another language. */
Test(text, of_few_bytes_in_the_other_dialect)
{
    struct text t = {.tc = &tc, .dialect = TEXT_SQUIRREL};
    cr_expect_eq(text_whole(&t, (const uint8_t *)"{}", 2), TEXT_WHOLE_UNKNOWN);
    t.dialect = TEXT_RPC;
    cr_expect_eq(text_whole(&t, (const uint8_t *)" \n", 2), TEXT_WHOLE_EMPTY);
}
