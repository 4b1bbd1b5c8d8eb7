/* SPDX-License-Identifier: BSD-3-Clause */
/* Shapes of texts: what is kept of one, and how much of the input is one like it. What follows for
 * the messages in it is in test_rpc_memo.c. */
#include "dissect/json_shape.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct json_node nodes[] = {JSON_TREE("", -1, 1, 1),
                                         JSON_LEAF("a", 0, JSON_NODE_TEXT)};
static const struct json_spec spec = {nodes, 2, 1, NULL, NULL};
static const struct hash_key key = {1, 2};
static struct limits_hit hit;

static bool shape_of(struct json_shape *shape, const char *text)
{
    static struct json_scan s;
    size_t used;
    json_init(&s, &spec, &key, &hit);
    cr_assert_eq(json_feed(&s, (const uint8_t *)text, strlen(text), &used), JSON_ELEMENT);
    return json_shape_keep(shape, &s, (const uint8_t *)text);
}

/* Reads no byte behind the n that are there: they are put at the end of an allocation. */
static size_t match(const struct json_shape *shape, const char *text, size_t n)
{
    uint8_t *copy = malloc(n + !n);
    cr_assert_not_null(copy);
    memcpy(copy, text, n);
    struct json_shape_value values[JSON_MAX_PASSED];
    struct json_shape_cut cut = {.at = 0};
    size_t found = json_shape_match(shape, copy, n, values, &cut);
    if (found == JSON_SHAPE_CUT)
        cr_assert_leq(cut.at, n);
    free(copy);
    return found;
}

Test(json_shape, whole_texts_only)
{
    static const char text[] = "{\"a\":\"x\",\"b\":\"a text of some more bytes\",\"c\":-1.5,"
                               "\"d\":true,\"e\":null,\"f\":false}";
    struct json_shape shape;
    cr_assert(shape_of(&shape, text));
    cr_expect_eq(shape.values, 5);
    for (size_t n = 0; n < sizeof(text) - 1; n++)
        cr_expect_neq(match(&shape, text, n), n);
    cr_expect_eq(match(&shape, text, sizeof(text) - 1), sizeof(text) - 1);
    cr_expect_eq(match(&shape, text, sizeof(text)), sizeof(text) - 1);
}

Test(json_shape, what_may_differ)
{
    struct json_shape shape;
    cr_assert(shape_of(&shape, "{\"a\":1,\"b\":2}"));
    cr_expect_eq(match(&shape, "{\"a\":1,\"b\":\"two\"}", 17), 17);
    cr_expect_eq(match(&shape, "{\"a\":2,\"b\":2}", 13), 0);
    cr_expect_eq(match(&shape, "{\"a\":1,\"c\":2}", 13), 0);
    cr_expect_eq(match(&shape, "{\"a\":1,\"b\":2 }", 14), 0);
    cr_expect_eq(match(&shape, "{\"a\":1,\"b\":}", 12), 0);
}

Test(json_shape, what_is_kept)
{
    struct json_shape shape;
    char text[2 * JSON_SHAPE_BYTES] = "{\"a\":\"";
    cr_expect(shape_of(&shape, "{\"b\":[{}],\"c\":{\"a\":1}}"));
    cr_expect_eq(shape.values, 2);
    cr_expect(
        shape_of(&shape, "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1}"));
    cr_expect_not(shape_of(&shape,
                           "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,"
                           "\"9\":1}"));
    for (size_t n = 6; n < sizeof(text) - 3; n++) { /* a value that is wanted, so a part of it */
        memset(text + 6, 'x', n - 6);
        strcpy(text + n, "\"}");
        cr_expect_eq(shape_of(&shape, text), n + 2 <= JSON_SHAPE_BYTES);
        memcpy(text, "{\"b\":\"", 6);
        cr_expect(shape_of(&shape, text));
        memcpy(text, "{\"a\":\"", 6);
    }
}
