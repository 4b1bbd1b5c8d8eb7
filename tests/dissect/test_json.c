/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON scanner: vectors at every cut, and caps. */
#include "dissect/json_node.h"
#include "tests/support/cuts.h"
#include "tests/support/random.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a spec: {"a", "b", "t" (type only), "o": {"x", "p": {"y"}}, "skipped"} */

enum { ROOT, A, B, T, O, O_X, O_P, P_Y, COUNT };
#define BOTH (JSON_NODE_TEXT | JSON_NODE_HASH)
static const struct json_node nodes[] = {
    [ROOT] = JSON_TREE("", -1, A, O),
    [A] = JSON_LEAF("a", 0, BOTH),
    [B] = JSON_LEAF("b", 1, JSON_NODE_TEXT),
    [T] = JSON_LEAF("t", 2, 0),
    [O] = JSON_TREE("o", 3, O_X, O_P),
    [O_X] = JSON_LEAF("x", 4, JSON_NODE_TEXT),
    [O_P] = JSON_TREE("prefixed/name", -1, P_Y, P_Y),
    [P_Y] = JSON_LEAF("y", 5, JSON_NODE_TEXT),
};
static struct json_names names;
static const struct json_spec spec = {nodes, COUNT, 6, &names};
static const char slot_name[] = "abtoxy";
static const struct hash_key key = {11, 22};
static const char *const type_name[] = {"absent", "null",   "false",  "true", "int",
                                        "number", "string", "object", "array"};
static const char *const end_name[] = {"complete", "empty", "cut", "bad"};

static void log_element(struct cuts_log *log, const struct json_scan *s)
{
    cuts_log(log, "%s/%llu%s", type_name[s->element_type], (unsigned long long)s->element_bytes,
             s->repeated_members ? "!" : "");
    for (unsigned i = 0; i < spec.slot_count; i++) {
        const struct json_slot *slot = json_slot(s, i);
        if (slot->type == JSON_ABSENT)
            continue;
        cuts_log(log, " %c:%s", slot_name[i], type_name[slot->type]);
        if (slot->text_len > 40)
            cuts_log(log, "(%u)", slot->text_len);
        else if (slot->text_len > 0 || slot->type == JSON_STRING)
            cuts_log(log, "(%.*s)", slot->text_len, json_slot_text(s, slot));
        if (slot->cut)
            cuts_log(log, "~%llu#%llx", (unsigned long long)slot->full_bytes,
                     (unsigned long long)slot->hash);
        if (slot->repeated)
            cuts_log(log, "!");
    }
    cuts_log(log, "; ");
}

static struct limits_hit hit;

static void run(const struct cuts_piece *pieces, size_t count, struct cuts_log *log, void *ctx)
{
    struct json_scan s;
    memset(&s, 0xa5, sizeof(s)); /* what json_init() leaves alone must not matter */
    memset(&hit, 0, sizeof(hit));
    json_init(&s, &spec, &key, &hit);
    enum json_result result = JSON_MORE;
    for (size_t i = 0; i < count && result != JSON_BAD; i++) {
        const uint8_t *bytes = pieces[i].bytes;
        size_t n = pieces[i].n, used;
        do {
            result = json_feed(&s, bytes, n, &used);
            bytes += used;
            n -= used;
            if (result == JSON_ELEMENT)
                log_element(log, &s);
        } while (result == JSON_ELEMENT);
        cr_assert(result == JSON_BAD || n == 0);
    }
    if (result == JSON_BAD) {
        size_t used = 9;
        cuts_log(log, "bad@%llu ", (unsigned long long)s.bad_offset);
        cr_assert_eq(json_feed(&s, (const uint8_t *)"1", 1, &used), JSON_BAD);
        cr_assert_eq(used, 0);
    }
    cuts_log(log, "%s %u%s%s", end_name[json_end(&s)], s.elements, s.batch ? " batch" : "",
             s.in_element ? " open" : "");
    for (int i = 0; i < LIMIT_ID_COUNT; i++) {
        if (hit.count[i])
            cuts_log(log, " %s=%llu", limits_key(i), (unsigned long long)hit.count[i]);
    }
    (void)ctx;
}

static struct cuts_log log_of_whole;

static void check_bytes(const char *input, size_t n, const char *expected)
{
    log_of_whole.len = 0;
    log_of_whole.text[0] = '\0';
    run(&(struct cuts_piece){(const uint8_t *)input, n}, 1, &log_of_whole, NULL);
    cr_expect_str_eq(log_of_whole.text, expected, "%.200s\n gives %s\n wanted %s", input,
                     log_of_whole.text, expected);
    const char *bad = cuts_check((const uint8_t *)input, n, run, NULL);
    cr_expect_null(bad, "%.200s: %s", input, bad);
}

static void check(const char *input, const char *expected)
{
    check_bytes(input, strlen(input), expected);
}

Test(json, elements_and_ends)
{
    check("", "empty 0");
    check(" \t\r\n", "empty 0");
    check("{}", "object/2; complete 1");
    check("  {}\n ", "object/2; complete 1");
    check("\xef\xbb\xbf{}", "object/2; complete 1");
    check("\xef\xbb\xbf", "empty 0");
    check("\xef\xbb", "cut 0");
    check("\xef\xbb{", "bad@2 bad 0");
    check("\"str\\\"ing\"", "string/10; complete 1");
    check("true", "true/4; complete 1");
    check("null ", "null/4; complete 1");
    check("12", "complete 0 open");
    check("-1.5e+3\n", "number/7; complete 1");
    check("12 ", "int/2; complete 1");
    check("-", "cut 0 open");
    check("{", "cut 0 open");
    check("\"abc", "cut 0 open");
    check("\"abc\\\"", "cut 0 open");
    check("{\"a\":[1,{\"b\":[", "cut 0 open");
    check("tru", "cut 0 open");
}

Test(json, batches)
{
    check("[]", "complete 0 batch");
    check(" [ ] ", "complete 0 batch");
    check("[{}]", "object/2; complete 1 batch");
    check("[ {\"a\":1} , 2,[3,[4]] ,\"x\",null]",
          "object/7 a:int(1); int/1; array/7; string/3; null/4; complete 5 batch");
    check("[{\"a\":1},{\"b\":2}]", "object/7 a:int(1); object/7 b:int(2); complete 2 batch");
    check("[{},", "object/2; cut 1 batch");
    check("[{}", "object/2; cut 1 batch");
    check("[", "cut 0 batch");
    check("[,]", "bad@1 bad 0 batch");
    check("[{},]", "object/2; bad@4 bad 1 batch");
    check("[{} {}]", "object/2; bad@4 bad 1 batch");
    check("[1}", "int/1; bad@2 bad 1 batch");
}

Test(json, garbage)
{
    check("{}x", "object/2; bad@2 bad 1");
    check("{} {}", "object/2; bad@3 bad 1");
    check("[]]", "bad@2 bad 0 batch");
    check("nul1", "bad@3 bad 0 open");
    check("truee", "true/4; bad@4 bad 1");
    check("GET / HTTP", "bad@0 bad 0");
    check("{a:1}", "bad@1 bad 0 open");
    check("{\"a\" 1}", "bad@5 bad 0 open");
    check("{\"a\":}", "bad@5 bad 0 open");
    check("{\"a\":1,}", "bad@7 bad 0 open");
    check("{\"a\":1 \"b\":2}", "bad@7 bad 0 open");
    check("{\"a\":1]", "bad@6 bad 0 open");
    check("{,}", "bad@1 bad 0 open");
    check("{\"a\":'x'}", "bad@5 bad 0 open");
    check("\x01{}", "bad@0 bad 0");
    check_bytes("{}\0", 3, "object/2; bad@2 bad 1");
}

Test(json, numbers)
{
    check("{\"a\":0}", "object/7 a:int(0); complete 1");
    check("{\"a\":-0}", "object/8 a:int(-0); complete 1");
    check("{\"a\":-0.0 }", "object/11 a:number(-0.0); complete 1");
    check("{\"a\":10E2}", "object/10 a:number(10E2); complete 1");
    check("{\"a\":1e-05}", "object/11 a:number(1e-05); complete 1");
    check("{\"q\":01}", "bad@6 bad 0 open");
    check("{\"a\":1.}", "bad@7 bad 0 open");
    check("{\"a\":.5}", "bad@5 bad 0 open");
    check("{\"a\":+1}", "bad@5 bad 0 open");
    check("{\"a\":1e}", "bad@7 bad 0 open");
    check("{\"a\":1e+}", "bad@8 bad 0 open");
    check("{\"a\":--1}", "bad@6 bad 0 open");
    check("{\"t\":1.25}", "object/10 t:number; complete 1");
}

Test(json, members)
{
    check("{\"a\":\"x\",\"b\":true,\"t\":[1,2],\"o\":{\"x\":null}}",
          "object/43 a:string(x) b:true t:array o:object x:null; complete 1");
    check("{ \"a\" : \"x\" ,\n\"o\" : { \"prefixed/name\" : { \"y\" : 7 } } }",
          "object/55 a:string(x) o:object y:int(7); complete 1");
    check("{\"o\":{\"a\":1,\"x\":{\"x\":2}},\"x\":3}", "object/31 o:object x:object; complete 1");
    check("{\"skip\":{\"a\":1,\"k\":\"}\\\"{\"},\"a\":2}", "object/33 a:int(2); complete 1");
    check("{\"o\":5,\"t\":\"long \\\" text\"}", "object/26 t:string() o:int; complete 1");
    check("{\"u\":\"\",\"v\":\"\\\\\",\"a\":\"\"}", "object/24 a:string(); complete 1");
    check("{\"o\":[{\"x\":1}],\"a\":\"{\"}", "object/23 a:string({) o:array; complete 1");
    check("{\"u\":[[],{},[{}]],\"w\":{},\"z\":[],\"a\":1}", "object/38 a:int(1); complete 1");
    check("{\"u\":[}}", "object/8; complete 1"); /* only balance is looked at */
}

Test(json, names_are_decoded)
{
    check("{\"\\u0061\":1,\"\\u0062\":2}", "object/23 a:int(1) b:int(2); complete 1");
    check("{\"o\":{\"prefixed\\/na\\u006De\":{\"y\":1}}}",
          "object/37 o:object y:int(1); complete 1");
    check("{\"\\a\":1}", "bad@3 bad 0 open");
    check("{\"\\u00g1\":1}", "bad@6 bad 0 open");
    check("{\"a\\u0000\":1,\"A\":2,\"\":3}", "object/24; complete 1");
    check("{\"o\":{\"prefixed/nam3\":{\"y\":1}}}", "object/31 o:object; complete 1");
    /* 64 bytes and 65 of them */
    check("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\u0061\":1,\"a\":2}",
          "object/82 a:int(2); complete 1");
    check("{\"\\u0061aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
          "object/82; complete 1");
}

Test(json, names_of_a_spec_save_time_only)
{
    static const struct json_spec plain = {nodes, COUNT, 6};
    static const char *const tried[] = {"",
                                        "a",
                                        "b",
                                        "t",
                                        "o",
                                        "x",
                                        "y",
                                        "c",
                                        "aa",
                                        "A",
                                        "prefixed/name",
                                        "prefixed/nam",
                                        "prefixed/namf",
                                        "prefixed/other",
                                        "skipped"};
    struct json_scan with, without;
    json_init(&with, &spec, &key, &hit);
    json_init(&without, &plain, &key, &hit);
    for (uint8_t parent = ROOT; parent < COUNT; parent++) {
        if (nodes[parent].children == 0)
            continue;
        with.level = without.level = 1;
        with.level_node[1] = without.level_node[1] = parent;
        for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
            const uint8_t *name = (const uint8_t *)tried[i];
            size_t n = strlen(tried[i]);
            cr_assert_eq(json_node_find(&with, name, n, name + n),
                         json_node_find(&without, name, n, name + n), "%s in %u", tried[i], parent);
        }
    }
}

/* Members that the spec does not name are passed over whole, or piece by piece. */
Test(json, unwanted_scalars)
{
    static const char *const values[] = {
        "0",
        "-0",
        "7",
        "-12",
        "0.5",
        "12.50",
        "1e3",
        "1.5E-7",
        "true",
        "false",
        "null",
        "\"\"",
        "\"short\"",
        "\"one \\\" quote\"",
        "\"fifteen bytes..\\\"\"",
        "\"fourteen byte.\\\\\"",
        "\"sixteen bytes...\\\\\\\"\\u0022 and on and on and on\"",
        "\"\\\\\\\\\\\\\\\\\"",
        "\"a text that is longer than thirty-two bytes \\n, with \\t escapes\"",
        "\"a text that is longer than what is passed over at once, namely more than 128 bytes, and "
        "so "
        "needs more words than \\\"these\\\" to come to its end at last\""};
    static const char *const broken[] = {"00", "01",  "-",    "1.",  "1.e",   ".5", "+1",
                                         "1e", "tru", "trux", "nul", "falsy", "'x'"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[512], expected[64];
        snprintf(text, sizeof(text), "{\"u\":%s,\"v\":%s,\"a\":1,\"o\":{\"w\":%s}}", values[i],
                 values[i], values[i]);
        snprintf(expected, sizeof(expected), "object/%zu a:int(1) o:object; complete 1",
                 strlen(text));
        check(text, expected);
    }
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "{\"u\":%s,\"a\":1}", broken[i]);
        log_of_whole.len = 0;
        run(&(struct cuts_piece){(const uint8_t *)text, strlen(text)}, 1, &log_of_whole, NULL);
        cr_expect_eq(strncmp(log_of_whole.text, "bad@", 4), 0, "%s", text);
        cr_expect_null(cuts_check((const uint8_t *)text, strlen(text), run, NULL), "%s", text);
    }
}

Test(json, escapes)
{
    check("{\"a\":\"\\\"\\\\\\/\\t\"}", "object/16 a:string(\"\\/\t); complete 1");
    check("{\"a\":\"\\b\\f\\n\\r\"}", "object/16 a:string(\b\f\n\r); complete 1");
    check("{\"a\":\"x\\u00e9\\u20AC\\u0041\"}", "object/27 a:string(x\xc3\xa9\xe2\x82\xac"
                                                "A); complete 1");
    check("{\"a\":\"\\ud83d\\ude00!\"}", "object/21 a:string(\xf0\x9f\x98\x80!); complete 1");
    /* halves of pairs */
    check("{\"a\":\"\\ud83d\"}", "object/14 a:string(\xef\xbf\xbd); complete 1");
    check("{\"a\":\"\\ud83dx\"}", "object/15 a:string(\xef\xbf\xbdx); complete 1");
    check("{\"a\":\"\\ud83d\\n\"}", "object/16 a:string(\xef\xbf\xbd\n); complete 1");
    check("{\"a\":\"\\ude00\\ud83d\"}", "object/20 a:string(\xef\xbf\xbd\xef\xbf\xbd); complete 1");
    check("{\"a\":\"\\ud83d\\ud83d\\ude00\"}",
          "object/26 a:string(\xef\xbf\xbd\xf0\x9f\x98\x80); complete 1");
    check("{\"a\":\"\\ud83d\\u0041\"}", "object/20 a:string(\xef\xbf\xbd"
                                        "A); complete 1");
    /* the edges of the surrogates */
    check("{\"a\":\"\\ud800\\udc00\\udbff\\udfff\"}",
          "object/32 a:string(\xf0\x90\x80\x80\xf4\x8f\xbf\xbf); complete 1");
    check("{\"a\":\"\\ud7ff\\ue000\"}", "object/20 a:string(\xed\x9f\xbf\xee\x80\x80); complete 1");
    check("{\"a\":\"\\x\"}", "bad@7 bad 0 open");
    check("{\"a\":\"\\u12\"}", "bad@10 bad 0 open");
    check("{\"skipped\":\"\\x\\u1\"}", "object/19; complete 1");
}

Test(json, last_member_counts)
{
    check("{\"a\":1,\"a\":\"two\"}", "object/17! a:string(two)!; complete 1");
    check("{\"a\":1,\"\\u0061\":null,\"a\":3}", "object/27! a:int(3)!; complete 1");
    check("{\"o\":{\"x\":1},\"b\":\"k\",\"o\":{}}", "object/28! b:string(k) o:object!; complete 1");
    check("{\"o\":{\"x\":1,\"prefixed/name\":{\"y\":2}},\"o\":{\"x\":3}}",
          "object/49! o:object! x:int(3); complete 1");
    check("{\"o\":{\"prefixed/name\":{\"y\":2},\"prefixed/name\":0}}",
          "object/49! o:object; complete 1");
    check("[{\"a\":1,\"a\":2},{\"a\":3}]",
          "object/13! a:int(2)!; object/7 a:int(3); complete 2 batch");
    check("{\"none\":1,\"none\":2}", "object/19; complete 1");
}

/* ---- listed names */

enum { LISTED_ROOT, LISTED_A, LISTED_N, LISTED_COUNT };
static const char *const listed[] = {"tools", "name, a rather long one", "x", NULL};
static const struct json_node listed_nodes[] = {
    [LISTED_ROOT] = JSON_TREE("", -1, LISTED_A, LISTED_N),
    [LISTED_A] = JSON_LEAF("a", 0, JSON_NODE_TEXT),
    [LISTED_N] = JSON_LEAF("n", 1, JSON_NODE_LISTED),
};
static const struct json_spec listed_spec = {listed_nodes, LISTED_COUNT, 2, NULL, listed};

static void run_listed(const struct cuts_piece *pieces, size_t count, struct cuts_log *log,
                       void *ctx)
{
    struct json_scan s;
    memset(&s, 0xa5, sizeof(s));
    json_init(&s, &listed_spec, &key, &hit);
    for (size_t i = 0, used; i < count; i++) {
        for (size_t at = 0; at < pieces[i].n; at += used) {
            enum json_result result = json_feed(&s, pieces[i].bytes + at, pieces[i].n - at, &used);
            const struct json_slot *slot = json_slot(&s, 1);
            if (result == JSON_ELEMENT)
                cuts_log(log, "%s %llu a:%.*s; ", type_name[slot->type],
                         (unsigned long long)slot->hash, (int)json_slot(&s, 0)->text_len,
                         json_slot_text(&s, json_slot(&s, 0)));
            else if (result == JSON_BAD)
                break;
        }
    }
    cuts_log(log, "%s", end_name[json_end(&s)]);
    (void)ctx;
}

static void check_listed(const char *input, const char *expected)
{
    log_of_whole.len = 0;
    log_of_whole.text[0] = '\0';
    run_listed(&(struct cuts_piece){(const uint8_t *)input, strlen(input)}, 1, &log_of_whole, NULL);
    cr_expect_str_eq(log_of_whole.text, expected, "%s gives %s", input, log_of_whole.text);
    const char *bad = cuts_check((const uint8_t *)input, strlen(input), run_listed, NULL);
    cr_expect_null(bad, "%s: %s", input, bad);
}

Test(json, names_of_an_object)
{
    check_listed("{\"n\":{},\"a\":1}", "object 0 a:1; complete");
    check_listed("{\"n\":{\"tools\":{},\"x\":{\"tools\":{}}},\"a\":1}", "object 5 a:1; complete");
    check_listed("{\"n\":{ \"name, a rather long one\" : [ { } ] }}", "object 2 a:; complete");
    check_listed("{\"n\":{\"t\\u006fols\":true,\"x\":\"\"}}", "object 5 a:; complete");
    check_listed("{\"n\":{\"tool\":{},\"toolsx\":{},\"\":{},\"name, a rather long onE\":0}}",
                 "object 8 a:; complete");
    check_listed("{\"n\":{\"y\":{\"x\":1},\"a\":2}}", "object 8 a:; complete");
    check_listed(
        "{\"n\":{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}}",
        "object 8 a:; complete");
    /* null and false mean that it is not there; the last one counts */
    check_listed("{\"n\":{\"tools\":null,\"x\":false,\"y\":null,\"a\":null}}",
                 "object 0 a:; complete");
    check_listed("{\"n\":{\"tools\":null,\"x\":{\"y\":null}}}", "object 4 a:; complete");
    check_listed("{\"n\":{\"y\":1,\"z\":null}}", "object 8 a:; complete");
    check_listed("{\"n\":{\"x\":1,\"x\":null,\"tools\":false,\"tools\":{}}}",
                 "object 1 a:; complete");
    check_listed("{\"n\":{\"x\":1},\"n\":{\"tools\":1}}", "object 1 a:; complete");
    check_listed("{\"n\":{\"x\":1},\"n\":{}}", "object 0 a:; complete");
    check_listed("[{\"n\":{\"x\":1}},{\"n\":{}},{\"skipped\":{\"x\":null},\"q\":null}]",
                 "object 4 a:; object 0 a:; absent 0 a:; complete");
    /* anything but an object has none */
    check_listed("{\"n\":[{\"x\":1}]}", "array 0 a:; complete");
    check_listed("{\"n\":\"x\"}", "string 0 a:; complete");
    check_listed("{\"n\":{\"x\"}}", "bad");
    check_listed("{\"n\":{\"x\":nulL}}", "bad");
}

Test(json, a_spec_of_names_has_a_slot_and_a_list)
{
    static const char *const empty[] = {NULL};
    static const char *const far_too_long[] = {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL};
    const char *many[65] = {0};
    struct json_node wrong[LISTED_COUNT];
    struct json_spec changed = listed_spec;
    cr_expect(json_node_spec_valid(&listed_spec));
    changed.listed = NULL;
    cr_expect_not(json_node_spec_valid(&changed));
    changed.listed = empty;
    cr_expect_not(json_node_spec_valid(&changed));
    changed.listed = far_too_long;
    cr_expect_not(json_node_spec_valid(&changed));
    changed.listed = many;
    for (int i = 0; i < 63; i++)
        many[i] = "n";
    cr_expect(json_node_spec_valid(&changed));
    many[63] = "n";
    cr_expect_not(json_node_spec_valid(&changed));
    memcpy(wrong, listed_nodes, sizeof(wrong));
    wrong[LISTED_N].slot = -1;
    changed = (struct json_spec){wrong, LISTED_COUNT, 2, NULL, listed};
    cr_expect_not(json_node_spec_valid(&changed));
}

/* ---- caps */

static char big[8192];

static const char *member(const char *name, size_t n, char fill)
{
    static char text[4096];
    int at = snprintf(text, sizeof(text), "\"%s\":\"", name);
    memset(text + at, fill, n);
    strcpy(text + at + n, "\"");
    return text;
}

Test(json, text_caps)
{
    char expected[256];
    snprintf(big, sizeof(big), "{%s}", member("a", 512, 'q'));
    check(big, "object/520 a:string(512); complete 1");
    snprintf(big, sizeof(big), "{%s}", member("a", 513, 'q'));
    memset(big + 4096, 'q', 513);
    snprintf(expected, sizeof(expected),
             "object/521 a:string(512)~513#%llx; complete 1 json_value_bytes=1",
             (unsigned long long)hash_bytes(&key, big + 4096, 513));
    check(big, expected);

    /* the arena: 512 and 512 and 500 leave 12 bytes for the fourth */
    size_t at = (size_t)snprintf(big, sizeof(big), "{%s", member("a", 512, 'q'));
    at += (size_t)snprintf(big + at, sizeof(big) - at, ",%s", member("b", 512, 'r'));
    at += (size_t)snprintf(big + at, sizeof(big) - at, ",\"o\":{%s", member("x", 500, 's'));
    at += (size_t)snprintf(big + at, sizeof(big) - at, ",\"prefixed/name\":{%s}}}",
                           member("y", 13, 't'));
    snprintf(expected, sizeof(expected),
             "object/%zu a:string(512) b:string(512) o:object x:string(500) "
             "y:string(tttttttttttt)~13#0; complete 1 json_text_bytes=1",
             at);
    check(big, expected);

    /* what a repeated member leaves is used again */
    at = (size_t)snprintf(big, sizeof(big), "{%s", member("b", 500, 'r'));
    for (int i = 0; i < 5; i++)
        at += (size_t)snprintf(big + at, sizeof(big) - at, ",%s", member("a", 512, 'q'));
    at += (size_t)snprintf(big + at, sizeof(big) - at, ",\"o\":{%s}}", member("x", 500, 's'));
    snprintf(expected, sizeof(expected),
             "object/%zu! a:string(512)! b:string(500) o:object x:string(500); complete 1", at);
    check(big, expected);
}

Test(json, depth_cap)
{
    size_t n = LIMIT_JSON_DEPTH;
    uint8_t *text = malloc(2 * n + 16);
    struct json_scan s;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t opened = n - 2 + extra; /* inside the batch and the element */
        memcpy(text, "[{\"z\":", 6);
        memset(text + 6, '[', opened);
        memset(text + 6 + opened, ']', opened);
        memcpy(text + 6 + 2 * opened, "}]", 3);
        size_t used, end = 8 + 2 * opened;
        for (size_t cut = 0; cut < 200; cut += 63) {
            memset(&hit, 0, sizeof(hit));
            json_init(&s, &spec, &key, &hit);
            enum json_result result = json_feed(&s, text, n - cut, &used);
            cr_assert_eq(result, JSON_MORE);
            result = json_feed(&s, text + n - cut, end - (n - cut), &used);
            cr_assert_eq(result, extra ? JSON_BAD : JSON_ELEMENT);
            cr_assert_eq(hit.count[LIMIT_ID_JSON_DEPTH], extra);
            cr_assert(!extra || s.bad_offset == 6 + opened - 1);
        }
    }
    free(text);
}

Test(json, integers_of_slots)
{
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-0", true, 0},
                 {"-32601", true, -32601},
                 {"9223372036854775807", true, INT64_MAX},
                 {"9223372036854775808", false, 0},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"-9223372036854775809", false, 0},
                 {"1.0", false, 0},
                 {"\"1\"", false, 0},
                 {"null", false, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_scan s;
        size_t used;
        int64_t value = 0;
        int n = snprintf(big, sizeof(big), "{\"a\":%s}", cases[i].text);
        json_init(&s, &spec, &key, &hit);
        json_feed(&s, (const uint8_t *)big, (size_t)n, &used);
        cr_expect_eq(json_slot_int(&s, json_slot(&s, 0), &value), cases[i].fits, "%s", big);
        cr_expect_eq(value, cases[i].value, "%s", big);
    }
}

Test(json, broken_specs_are_known)
{
    cr_expect(json_node_spec_valid(&spec));
    struct json_node broken[COUNT];
    struct json_spec other = {broken, COUNT, 6};
    memcpy(broken, nodes, sizeof(nodes));
    broken[O].first_child = A; /* not behind it */
    cr_expect_not(json_node_spec_valid(&other));
    memcpy(broken, nodes, sizeof(nodes));
    broken[B].slot = 6;
    cr_expect_not(json_node_spec_valid(&other));
    memcpy(broken, nodes, sizeof(nodes));
    broken[P_Y].first_child = COUNT;
    broken[P_Y].children = 1;
    cr_expect_not(json_node_spec_valid(&other));
    other.slot_count = JSON_MAX_SLOTS + 1;
    cr_expect_not(json_node_spec_valid(&other));
}

/* ---- long texts */

Test(json, long_text_in_random_pieces)
{
    /* 1 MB of arguments, of many small pieces: nothing is kept, all is counted */
    size_t n = 0, cap = 1 << 20;
    uint8_t *text = malloc(cap + 256);
    n += (size_t)sprintf((char *)text, "{\"skip\":{\"text\":\"");
    while (n < cap)
        n += (size_t)sprintf((char *)text + n, "quote \\\" back \\\\ brace } %u ", random_below(9));
    n += (size_t)sprintf((char *)text + n, "\"},\"a\":\"%s\"}", "after");
    struct json_scan s;
    json_init(&s, &spec, &key, &hit);
    size_t used = 0, at = 0;
    enum json_result result = JSON_MORE;
    while (at < n && result == JSON_MORE) {
        size_t piece = 1 + random_below(3000);
        piece = piece < n - at ? piece : n - at;
        result = json_feed(&s, text + at, piece, &used);
        at += used;
    }
    cr_assert_eq(result, JSON_ELEMENT);
    cr_assert_eq(s.element_bytes, n);
    cr_assert_eq(json_slot(&s, 0)->text_len, 5);
    free(text);
}
