/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc_memo_world.h"

static bool check(const struct rpc_memo *memo, const char *text)
{
    struct plan plan = {(struct rpc_memo *)memo, true, false};
    const char *bad = cuts_check((const uint8_t *)text, strlen(text), run, &plan);
    cr_assert_null(bad, "%s: %s", text, bad);
    return compare(memo, text, strlen(text));
}

static const struct {
    const char *text;
    bool known;
} cases[] = {
    {base, true},
    {PROGRESS("1.5", "-20", "\"seven\"", "null"), true},
    {PROGRESS("0", "true", "false", "\"a \\\"quote\\\" \\\\\""), true},
    {PROGRESS("12345678", "0.25", "\"\"", "\"\\ud83d\\ude00\""), true},
    {base, true},
    {PROGRESS("1", "20", "7", "\"first\"") "\n \r\t", true},
    {PROGRESS("1", "20", "7", "\"first\"") ",", true},
    {PROGRESS("1", "20", "7", "\"first\"") "{\"method\":\"ping\"}", true},
    {PROGRESS("1", "20", "7",
              "\"a text that is longer than what is passed over in one go, a text that is longer "
              "than what is passed over in one go, a text that is longer than that\""),
     true},
    {PROGRESS("1e3", "20", "7", "\"first\""), false},
    {PROGRESS("01", "20", "7", "\"first\""), false},
    {PROGRESS("-", "20", "7", "\"first\""), false},
    {PROGRESS("1.", "20", "7", "\"first\""), false},
    {PROGRESS("nul", "20", "7", "\"first\""), false},
    {PROGRESS("", "20", "7", "\"first\""), false},
    {PROGRESS("1 ", "20", "7", "\"first\""), false},
    {PROGRESS(" 1", "20", "7", "\"first\""), false},
    {PROGRESS("1", "20", "7", "\"first"), false},
    {PROGRESS("1", "20", "7", "\"first\\\""), false},
    {PROGRESS("1", "20", "7", "{\"a\":[]}"), false},
    {PROGRESS("1", "20", "7", "\"first\",\"id\":1"), false},
    {PROGRESS("1", "20", "7", "\"first\",\"_meta\":{\"progressToken\":1}"), false},
    {"[" PROGRESS("1", "20", "7", "\"first\"") "]", false},
    {" " PROGRESS("1", "20", "7", "\"first\""), false},
    {"x" PROGRESS("1", "20", "7", "\"first\""), false}, /* bad before what a cut begins with */
    {"\xef\xbb\xbf" PROGRESS("1", "20", "7", "\"first\""), false},
    {"{\"method\":\"notifications/progress\"," V "}", false},
    {"{\"method\":\"notifications/progreso\",\"params\":{\"progress\":1,\"total\":20,"
     "\"progressToken\":7,\"message\":\"first\"}," V "}",
     false},
    {"", false},
};

Test(rpc_memo, texts_of_one_shape)
{
    static struct rpc_memo memo;
    feed(&memo, base);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(check(&memo, cases[i].text), cases[i].known, "%s", cases[i].text);
}

/* What a text holds beside values that nobody wants is the message's: it must be the same. */
Test(rpc_memo, what_a_message_says)
{
    static const char *const texts[] = {
        "{" V ",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":1}}",
        "{" V ",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7,\"reason\":1}}",
        "{" V ",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":8,\"reason\":1}}",
        "{" V ",\"method\":\"x/y\",\"params\":{\"a\":1,\"name\":\"b\"},\"method\":\"x/z\"}",
        "{\"method\":\"notifications/message\",\"params\":{\"data\":\"no version\"}}",
        "{ \"jsonrpc\": \"2.0\", \"method\": \"notifications/message\", \"params\": { \"data\" : 1 "
        "} }",
        "{" V ",\"method\":\"notifications/resources/updated\",\"params\":{\"uri\":\"a:b\"}}",
        "{" V ",\"method\":\"notifications/message\",\"result\":1,\"error\":{\"code\":5}}",
        "{" V ",\"method\":\"notifications/message\",\"params\":{\"data\":[1,{\"a\":\"]\"}]}}",
        "{" V ",\"method\":\"notifications/message\",\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,"
        "\"f\":6,\"g\":7,\"h\":8,\"i\":9}",
        "{" V ",\"method\":\"notifications/message\",\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,"
        "\"f\":6,\"g\":7,\"h\":8}",
        "{" V ",\"method\":\"ping\",\"id\":1,\"params\":{\"a\":1}}",
        "{" V ",\"id\":1,\"result\":{\"a\":1}}",
    };
    enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
    static struct rpc_memo memo;
    for (size_t i = 0; i < COUNT; i++) {
        memset(&memo, 0, sizeof(memo));
        feed(&memo, texts[i]);
        for (size_t k = 0; k < COUNT; k++) {
            bool known = check(&memo, texts[k]);
            cr_expect(i == k || !known, "%s\n%s", texts[i], texts[k]);
            if (i == k)
                cr_expect_eq(known, i != 9, "%s", texts[i]);
        }
    }
}

/* Bytes changed, left out and put in wherever it may be. */
static void change(const char *text, size_t least_known)
{
    static const char bytes[] = "\"\\{}[],:0159-+.eEtfn \n\x01\xc3z";
    static struct rpc_memo memo;
    char changed[512];
    size_t n = strlen(text), known = 0, others = 0;
    memset(&memo, 0, sizeof(memo));
    feed(&memo, text);
    cr_assert(compare(&memo, text, n), "%s", text);
    for (size_t at = 0; at < n; at++) {
        for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
            memcpy(changed, text, n);
            changed[at] = bytes[i];
            compare(&memo, changed, n) ? known++ : others++;
            memmove(changed + at + 1, text + at, n - at);
            compare(&memo, changed, n + 1) ? known++ : others++;
        }
        memcpy(changed, text, n);
        memmove(changed + at, text + at + 1, n - at - 1);
        compare(&memo, changed, n - 1) ? known++ : others++;
    }
    cr_expect_gt(known, least_known, "%zu", known);
    cr_expect_gt(others, 2000);
}

Test(rpc_memo, texts_that_are_almost_the_same)
{
    change(base, 200);
    change(call, 200);
    change(result, 200);
    change("{" V ",\"id\":1,\"error\":{\"code\":-32602,\"message\":\"Unknown tool\"}}", 200);
    change("{" V ",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"a:b\"}}", 50);
    change("{" V ",\"id\":1,\"method\":\"other/uri\",\"params\":{\"uri\":\"a:b\",\"name\":\"n\"}}",
           100);
    change("{" V ",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18"
           "\",\"capabilities\":{\"roots\":{}},\"clientInfo\":{\"name\":\"n\",\"version\":\"1\"}}}",
           50);
}

/* What is read anew: the id of each message, and the name of what it calls. */
Test(rpc_memo, ids_and_names)
{
#define CALL(id, name)                                                                             \
    "{" V ",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":" name ",\"x\":[]}}"
    static const struct {
        const char *id, *name;
        bool known;
    } values[] = {
        {"0", "\"a\"", true},
        {"-1", "\"another name\"", true},
        {"-0", "\"\"", true},
        {"123456789012345", "\"{}[],:\"", true},
        {"1234567890123456", "\"a\"", false},
        {"01", "\"a\"", false},
        {"1.0", "\"a\"", false},
        {"1e1", "\"a\"", false},
        {"null", "\"a\"", false},
        {"\"1\"", "\"a\"", false},
        {"1", "\"\\u0061\"", false},
        {"1", "\"\xc3\xa9\"", false},
        {"1", "\"\xff\"", false},
        {"1", "1", false},
        {"1", "null", false},
    };
    static struct rpc_memo memo;
    char text[1024], name[256], quoted[260];
    feed(&memo, CALL("5", "\"first\""));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(text, sizeof(text), CALL("%s", "%s"), values[i].id, values[i].name);
        cr_expect_eq(check(&memo, text), values[i].known, "%s", text);
    }
    for (size_t n = 1; n < sizeof(name); n++) {
        memset(name, 'n', n);
        snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)n, name);
        snprintf(text, sizeof(text), CALL("5", "%s"), quoted);
        cr_expect_eq(compare(&memo, text, strlen(text)), n <= JSON_SHAPE_NAME, "%zu", n);
    }
}

/* A text that is empty has no bytes behind those of the others, however short those are. */
Test(rpc_memo, empty_texts)
{
#define INITIALIZE(id)                                                                             \
    "{" V ",\"id\":" id ",\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"\"}}"
    static struct rpc_memo memo;
    feed(&memo, INITIALIZE("123456789"));
    cr_expect(check(&memo, INITIALIZE("1")));
}

/* The same where ids are strings. */
Test(rpc_memo, ids_that_are_strings)
{
    static const struct {
        const char *id;
        bool known;
    } values[] = {
        {"\"a\"", true},
        {"\"\"", true},
        {"\"7c84e9a1-55b2-4d0f-9a57-0d8e0e3c1f6b\"", true},
        {"\"{}[],:\"", true},
        {"\"a\\\"b\"", false},
        {"\"\\u0061\"", false},
        {"\"\xc3\xa9\"", false},
        {"\"\xff\"", false},
        {"1", false},
        {"null", false},
    };
    static struct rpc_memo memo;
    char text[1024], id[256], quoted[260];
    feed(&memo, CALL("\"first\"", "\"n\""));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(text, sizeof(text), CALL("%s", "%s"), values[i].id, "\"name\"");
        cr_expect_eq(check(&memo, text), values[i].known, "%s", text);
    }
    for (size_t n = 1; n < sizeof(id); n++) {
        memset(id, 'i', n);
        snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)n, id);
        snprintf(text, sizeof(text), CALL("%s", "\"n\""), quoted);
        cr_expect_eq(compare(&memo, text, strlen(text)), n <= JSON_SHAPE_ID, "%zu", n);
    }
    static struct rpc_memo results;
    feed(&results, "{\"result\":{\"x\":[]}," V ",\"id\":\"r-1\"}");
    cr_expect(check(&results, "{\"result\":{\"x\":[1,2]}," V ",\"id\":\"r-22\"}"));
    cr_expect_not(check(&results, "{\"result\":{\"x\":[1,2]}," V ",\"id\":22}"));
    change("{" V ",\"id\":\"a-1\",\"method\":\"tools/call\",\"params\":{\"name\":\"n\"}}", 200);
}

/* Who wants to be told of progress names another token each time; that there is one proves MCP. */
Test(rpc_memo, progress_tokens)
{
#define TOLD(token)                                                                                \
    "{" V ",\"id\":1,\"method\":\"x/y\",\"params\":{\"_meta\":{\"progressToken\":" token "}}}"
    static const struct {
        const char *token;
        bool known;
    } values[] = {
        {"7", true},    {"\"a\"", true}, {"\"a\\u0062\\\"\"", true},
        {"1.5", true},  {"null", true},  {"true", true},
        {"nul", false}, {"01", false},   {"[]", false},
        {"{}", false},
    };
    static struct rpc_memo memo;
    char text[256];
    feed(&memo, TOLD("1"));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        snprintf(text, sizeof(text), TOLD("%s"), values[i].token);
        cr_expect_eq(check(&memo, text), values[i].known, "%s", text);
    }
    static struct rpc_memo nested;
    feed(&nested, TOLD("[]"));
    cr_expect(check(&nested, TOLD("[{}]")));
    cr_expect_not(check(&nested, TOLD("1")));
    change(TOLD("\"t\""), 100);
}

/* Nesting in an object that is passed over is as deep as it may be, and no deeper. */
Test(rpc_memo, nesting)
{
    static struct rpc_memo memo;
    char text[2 * LIMIT_JSON_DEPTH + 64];
    feed(&memo, "{" V ",\"id\":1,\"result\":{\"x\":[]}}");
    for (size_t depth = LIMIT_JSON_DEPTH - 4; depth < LIMIT_JSON_DEPTH + 2; depth++) {
        size_t n = (size_t)sprintf(text, "{" V ",\"id\":1,\"result\":{\"x\":");
        memset(text + n, '[', depth);
        memset(text + n + depth, ']', depth);
        strcpy(text + n + 2 * depth, "}}");
        cr_expect_eq(compare(&memo, text, strlen(text)), depth <= LIMIT_JSON_DEPTH - 2, "%zu",
                     depth);
    }
}

/* Who never says the same is given up, until others come. */
Test(rpc_memo, credit)
{
    static struct rpc_memo memo;
    char text[128];
    size_t known = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "{" V ",\"id\":%d.5,\"method\":\"ping\"}", i);
        feed(&memo, text);
        known += compare(&memo, text, strlen(text));
    }
    cr_expect_eq(known, 0);
    for (int i = 0; i < 1000; i++)
        feed(&memo, call);
    cr_expect(compare(&memo, call, strlen(call)));
}

/* Caps are counted each time, so what reached one is read each time. */
Test(rpc_memo, texts_at_a_cap)
{
    static struct rpc_memo memo;
    char text[2048], name[1024];
    memset(name, 'n', sizeof(name));
    snprintf(text, sizeof(text), "{" V ",\"method\":\"a/%.*s\",\"params\":{\"a\":1}}",
             MESSAGE_METHOD_BYTES, name);
    feed(&memo, text);
    cr_expect_not(compare(&memo, text, strlen(text)));
    uint64_t cut = hit.count[LIMIT_ID_MESSAGE_TEXT];
    feed(&memo, text);
    cr_expect_eq(hit.count[LIMIT_ID_MESSAGE_TEXT], cut + 1);
    snprintf(text, sizeof(text), "{" V ",\"method\":\"a\",\"%.*s\":1}", (int)sizeof(name), name);
    feed(&memo, text);
    cr_expect_not(compare(&memo, text, strlen(text)));
}

/* Names that nobody wants fill up what all texts share, and the version is not read any more:
 * shorter ones leave it room. */
Test(rpc_memo, texts_at_the_cap_of_all)
{
#define NAMES(name, uri)                                                                           \
    "{\"method\":\"tools/list\",\"params\":{\"name\":\"" name "\",\"uri\":\"" uri                  \
    "\",\"name\":\"" name "\"}," V "}"
    static struct rpc_memo memo;
    char text[2048], name[LIMIT_JSON_VALUE + 1] = {0};
    memset(name, 'n', sizeof(name) - 1);
    snprintf(text, sizeof(text), NAMES("%s", "%s"), name, name, name);
    uint64_t cut = hit.count[LIMIT_ID_JSON_TEXT];
    feed(&memo, text);
    cr_expect_gt(hit.count[LIMIT_ID_JSON_TEXT], cut);
    cr_expect_not(compare(&memo, NAMES("a", "b"), strlen(NAMES("a", "b"))));
    feed(&memo, NAMES("a", "b"));
    cr_expect(compare(&memo, NAMES("c", "d"), strlen(NAMES("c", "d"))));
    cr_expect_not(compare(&memo, text, strlen(text)));
}

/* Texts that come again stay, whatever else comes; others make room. */
Test(rpc_memo, places)
{
    static struct rpc_memo memo;
    char text[128];
    for (int i = 0; i < 1000; i++) {
        feed(&memo, base);
        snprintf(text, sizeof(text), "{" V ",\"method\":\"x/%d\",\"params\":{\"a\":1}}", i);
        feed(&memo, text);
        cr_expect(i < 1 || check(&memo, base), "%d", i);
        snprintf(text, sizeof(text), "{" V ",\"method\":\"x/%d\",\"params\":{\"a\":2}}", i);
        (void)compare(&memo, text, strlen(text));
    }
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "{" V ",\"method\":\"y\",\"params\":{\"a\":%d}}", i);
        feed(&memo, text);
    }
    cr_expect(compare(&memo, text, strlen(text)));
}
