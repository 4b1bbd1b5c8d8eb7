/* SPDX-License-Identifier: BSD-3-Clause */
/* Every skipping loop against the reference one. */
#include "dissect/json.h"
#include "dissect/json_skip.h"
#include "tests/support/random.h"
#include <criterion/criterion.h>
#include <string.h>

/* The same result, and the same state unless the value ended. */
static bool same(const struct json_skip *a, const struct json_skip *b, bool container)
{
    if (a->depth != b->depth)
        return false;
    if (container && (a->depth == 0 || a->depth > a->max_depth))
        return true;
    return a->in_string == b->in_string && a->escaped == b->escaped;
}

static void compare_variants(const uint8_t *bytes, size_t n, bool container, uint64_t max_depth)
{
    for (size_t v = 1; json_skip_variant(v); v++) {
        const struct json_skip_ops *ops = json_skip_variant(v), *reference = json_skip_variant(0);
        json_skip_fn skip = container ? ops->container : ops->string;
        json_skip_fn wanted = container ? reference->container : reference->string;
        struct json_skip a = {.depth = container, .max_depth = max_depth};
        a.in_string = container ? 0 : ~UINT64_C(0);
        struct json_skip b = a;
        for (size_t at = 0; at < n;) {
            size_t piece = random_below(4) ? 1 + random_below(200) : 1 + random_below(3);
            piece = piece < n - at ? piece : n - at;
            size_t got = skip(&a, bytes + at, piece), want = wanted(&b, bytes + at, piece);
            cr_assert_eq(got, want, "%s at %zu: %zu, wanted %zu", ops->name, at, got, want);
            cr_assert(same(&a, &b, container), "%s at %zu", ops->name, at);
            at += piece;
            if (got < piece || (container ? a.depth - 1 >= max_depth : !a.in_string))
                break;
        }
    }
}

Test(json_skip, loops_agree)
{
    static const char *const alphabets[] = {"\"\\{}[]ab", "\\\\\\\\\\\"a", "\"aaaaaaaaaaaaaaaaaaa",
                                            "{{{[[}]a", "\\aaaaaaaaaaaaa\"{}"};
    static uint8_t bytes[700];
    for (int round = 0; round < 20000; round++) {
        const char *alphabet = alphabets[random_below(5)];
        size_t letters = strlen(alphabet), n = 1 + random_below(sizeof(bytes));
        for (size_t i = 0; i < n; i++)
            bytes[i] = random_below(300) ? (uint8_t)alphabet[random_below((unsigned)letters)]
                                         : (uint8_t)random_below(256);
        compare_variants(bytes, n, true, random_below(3) ? 1 + random_below(30) : 1 << 20);
        compare_variants(bytes, n, false, 0);
    }
}

Test(json_skip, loops_find_every_place)
{
    /* one bracket or quote at each place, behind runs of backslashes of each length */
    static uint8_t bytes[200];
    for (size_t end = 0; end < sizeof(bytes); end++) {
        for (size_t run_length = 0; run_length <= end && run_length < 70; run_length++) {
            memset(bytes, 'x', sizeof(bytes));
            memset(bytes + end - run_length, '\\', run_length);
            bytes[end] = '"';
            bytes[199] = '"';
            for (size_t v = 0; json_skip_variant(v); v++) {
                struct json_skip s = {.in_string = ~UINT64_C(0)};
                size_t got = json_skip_variant(v)->string(&s, bytes, sizeof(bytes));
                cr_assert_eq(got, run_length % 2 && end < 199 ? 200 : end + 1);
            }
        }
        memset(bytes, 'x', sizeof(bytes));
        bytes[end] = ']';
        for (size_t v = 0; json_skip_variant(v); v++) {
            struct json_skip s = {.depth = 1, .max_depth = 9};
            cr_assert_eq(json_skip_variant(v)->container(&s, bytes, sizeof(bytes)), end + 1);
        }
    }
}

Test(json_skip, best_loop_is_the_last)
{
    size_t last = 0;
    while (json_skip_variant(last + 1))
        last++;
    cr_assert_str_eq(json_simd_name(), json_skip_variant(last)->name);
}
