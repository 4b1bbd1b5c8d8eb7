/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts of a few bytes, told at a glance: as the scanner reads them. */
#include "dissect/json_brief.h"
#include "dissect/rpc.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct hash_key key = {1, 2};
static struct limits_hit hit;

static void no_message(void *ctx, const struct message *m)
{
    (void)m;
    cr_assert_fail("a message in %s", (const char *)ctx);
}

static size_t compared;

static void compare(const uint8_t *text, size_t n)
{
    static struct rpc r;
    char shown[JSON_BRIEF_BYTES + 1] = "";
    struct json_brief brief = json_brief(text, n);
    struct rpc_sink sink = {shown, no_message};
    struct stream_pos at = {1, 1};
    memcpy(shown, text, n);
    compared++;
    rpc_init(&r, DIR_C2S, false, &key, &hit);
    if (n > 0)
        rpc_feed(&r, &sink, text, n, &at);
    enum json_end end = rpc_end(&r, &sink, false);
    cr_assert_eq(brief.end, end, "%s: %d, not %d", shown, brief.end, end);
    cr_assert_eq(brief.elements, r.not_rpc, "%s: %u, not %u", shown, brief.elements, r.not_rpc);
    cr_assert_eq(brief.empty_array, r.empty_array, "%s", shown);
}

/* All texts of those bytes, up to a length. */
static void compare_all(const char *bytes, size_t most)
{
    uint8_t text[JSON_BRIEF_BYTES];
    size_t place[JSON_BRIEF_BYTES], kinds = strlen(bytes);
    for (size_t n = 0; n <= most; n++) {
        memset(place, 0, sizeof(place));
        for (size_t i = 0; i < n;) {
            for (i = 0; i < n; i++)
                text[i] = (uint8_t)bytes[place[i]];
            compare(text, n);
            for (i = 0; i < n && ++place[i] == kinds; i++)
                place[i] = 0;
        }
    }
}

Test(json_brief, all_texts_of_few_bytes)
{
    compare_all("{}[]:,\"\\ 10-.eux", 5);
    cr_expect_gt(compared, 1000000);
    compare_all("{}:,\"\\1 ", 6);
    compare_all("[]{},\" ", 7);
    compare_all("-+0123.eE ", 5);
    compare_all("truefalsn", 5);
    compare_all("\xef\xbb\xbf[1", 5);
}

/* Any byte, in any place. */
Test(json_brief, any_byte)
{
    static const char *const texts[] = {"{\"id\":1}",    "[1,{},[]]", "true",
                                        "{\"a\":\"b\"}", "\"\"",      "-1.5e+3"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t n = strlen(texts[i]);
        for (size_t at = 0; at < n; at++) {
            uint8_t text[JSON_BRIEF_BYTES];
            memcpy(text, texts[i], n);
            for (unsigned byte = 0; byte < 256; byte++) {
                text[at] = (uint8_t)byte;
                compare(text, n);
            }
        }
    }
}

static size_t add(uint8_t *text, size_t n, const char *part)
{
    size_t more = strlen(part);
    if (more > JSON_BRIEF_BYTES - n)
        more = JSON_BRIEF_BYTES - n;
    memcpy(text + n, part, more);
    return n + more;
}

/* As long as they may be, out of parts that mean something. */
Test(json_brief, parts)
{
    static const char *const parts[] = {"{",           "}",           "[",          "]",
                                        ":",           ",",           "\"",         "\"a\"",
                                        "\"id\"",      "\"id\":",     "\"error\":", "\"method",
                                        "\"params\":", "\"result\":", "null",       "true",
                                        "false",       "-",           "0",          "12",
                                        ".5",          "e1",          "\\n",        "\\q",
                                        "\\u0041",     " ",           "\r\n",       "\"jsonrpc\":"};
    uint64_t random = 1;
    compared = 0;
    for (size_t i = 0; i < 400000; i++) {
        uint8_t text[JSON_BRIEF_BYTES];
        size_t n = 0;
        for (size_t k = 0; k < 8; k++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            n = add(text, n, parts[(random >> 33) % (sizeof(parts) / sizeof(parts[0]))]);
        }
        for (size_t length = 0; length <= n; length++)
            compare(text, length);
    }
    cr_expect_gt(compared, 3000000);
}

/* The scanner looks into some members, and passes over others of the same form. */
Test(json_brief, members)
{
    static const char *const names[] = {"id", "ie", "error", "errox", "params", "result", "", "a"};
    static const char bytes[] = "{}[]\"\\:,q u1";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[JSON_BRIEF_BYTES + 8];
        size_t n = (size_t)sprintf(text, "{\"%s\":", names[i]), places[6] = {0}, at = 0;
        size_t room = JSON_BRIEF_BYTES - n < 5 ? JSON_BRIEF_BYTES - n : 5;
        while (at < room) {
            for (at = 0; at < room; at++)
                text[n + at] = bytes[places[at]];
            for (size_t length = n; length <= n + room; length++)
                compare((const uint8_t *)text, length);
            for (at = 0; at < room && ++places[at] == sizeof(bytes) - 1; at++)
                places[at] = 0;
        }
    }
}

/* Escapes of four digits, everywhere. */
Test(json_brief, digits)
{
    static const char *const texts[] = {"{\"\\u00e4\":1", "{\"\\ud8ff\\",  "[\"\\u004z\"]",
                                        "{\"id\":\"\\u0", "{\"\\u12345\"", "\"\\u1\""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (size_t n = 0; n <= strlen(texts[i]); n++)
            compare((const uint8_t *)texts[i], n);
}
