/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a short string against the reference loop of json_skip. */
#include "dissect/json_scalar.h"
#include "dissect/json_skip.h"
#include "tests/support/random.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* From memory of just that size, so that no byte behind it is looked at unnoticed. */
static void compare(const uint8_t *text, size_t n)
{
    uint8_t *bytes = malloc(n > 0 ? n : 1);
    memcpy(bytes, text, n);
    struct json_skip reference = {.in_string = ~UINT64_C(0)};
    size_t most = n < JSON_SCALAR_STRING ? n : JSON_SCALAR_STRING;
    size_t behind = json_skip_variant(0)->string(&reference, bytes, most);
    const uint8_t *want = reference.in_string ? NULL : bytes + behind;
    const uint8_t *got = json_scalar_string(bytes, bytes + n);
    cr_assert_eq(got, want, "%zu bytes: %td, wanted %td", n, got ? got - bytes : -1,
                 want ? want - bytes : -1);
    free(bytes);
}

/* A quote behind a run of backslashes of each length that ends at each place, in a text of each
 * length behind that: so runs cross every border between the steps. */
Test(json_scalar, quotes_behind_backslashes)
{
    static uint8_t text[200];
    for (size_t place = 0; place < 140; place++) {
        for (size_t run = 0; run <= place && run < 40; run++) {
            memset(text, 'a', sizeof(text));
            memset(text + place - run, '\\', run);
            text[place] = '"';
            for (size_t more = 1; more < 60; more += 1 + more / 8)
                compare(text, place + more);
        }
    }
}

Test(json_scalar, any_text)
{
    static const char *const alphabets[] = {"\"\\", "\\\\\\\\\\\"a", "\\aaaaaaaaa\"", "aaaaaa"};
    static uint8_t text[200];
    for (int round = 0; round < 200000; round++) {
        const char *alphabet = alphabets[random_below(4)];
        size_t letters = strlen(alphabet), n = random_below(sizeof(text));
        for (size_t i = 0; i < n; i++)
            text[i] = random_below(60) ? (uint8_t)alphabet[random_below((unsigned)letters)]
                                       : (uint8_t)random_below(256);
        compare(text, n);
    }
}
