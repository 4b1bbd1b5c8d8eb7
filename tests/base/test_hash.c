/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"
#include <criterion/criterion.h>

static const struct hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

Test(hash, every_cut_gives_the_whole)
{
    uint8_t data[67];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + 1);
    for (size_t n = 0; n <= sizeof(data); n++) {
        for (size_t cut = 0; cut <= n; cut++) {
            struct hash_stream s;
            hash_stream_init(&s, &key);
            hash_stream_feed(&s, data, cut);
            hash_stream_feed(&s, data + cut, n - cut);
            cr_assert_eq(hash_stream_end(&s), hash_bytes(&key, data, n), "n %zu cut %zu", n, cut);
        }
    }
}

Test(hash, byte_by_byte_gives_the_whole)
{
    const char text[] = "the tide tables of the northern harbours";
    struct hash_stream s;
    hash_stream_init(&s, &key);
    for (size_t i = 0; i < sizeof(text); i++)
        hash_stream_feed(&s, text + i, 1);
    cr_assert_eq(hash_stream_end(&s), hash_bytes(&key, text, sizeof(text)));
}

Test(hash, ending_does_not_change_the_stream)
{
    struct hash_stream s;
    hash_stream_init(&s, &key);
    hash_stream_feed(&s, "abc", 3);
    uint64_t first = hash_stream_end(&s);
    cr_assert_eq(hash_stream_end(&s), first);
    hash_stream_feed(&s, "def", 3);
    cr_assert_eq(hash_stream_end(&s), hash_bytes(&key, "abcdef", 6));
}

Test(hash, depends_on_key_length_and_every_bit)
{
    uint8_t data[24] = {0};
    struct hash_key other = {key.k0 ^ 1, key.k1};
    uint64_t base = hash_bytes(&key, data, sizeof(data));
    cr_assert_neq(base, hash_bytes(&other, data, sizeof(data)));
    cr_assert_neq(base, hash_bytes(&key, data, sizeof(data) - 1));
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_neq(base, hash_bytes(&key, data, sizeof(data)), "bit %zu", bit);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

Test(hash, random_keys_differ)
{
    struct hash_key a, b;
    hash_key_random(&a);
    hash_key_random(&b);
    cr_assert(a.k0 != b.k0 || a.k1 != b.k1);
}

Test(hash, quick_depends_on_key_length_and_every_bit)
{
    uint8_t data[45] = {0};
    struct hash_key other = {key.k0, key.k1 ^ 1};
    for (size_t n = 0; n <= sizeof(data); n++) {
        uint64_t base = hash_quick(&key, data, n);
        cr_assert_neq(base, hash_quick(&other, data, n));
        for (size_t bit = 0; bit < 8 * n; bit++) {
            data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            cr_assert_neq(base, hash_quick(&key, data, n), "n %zu bit %zu", n, bit);
            data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        cr_assert(n == 0 || base != hash_quick(&key, data, n - 1));
    }
}

Test(hash, pair_depends_on_key_and_every_bit)
{
    struct hash_key other = {key.k0, key.k1 ^ 1};
    uint64_t base = hash_pair(&key, 7, 9);
    cr_assert_neq(base, hash_pair(&other, 7, 9));
    cr_assert_neq(base, hash_pair(&key, 9, 7));
    for (size_t bit = 0; bit < 64; bit++) {
        cr_assert_neq(base, hash_pair(&key, 7 ^ UINT64_C(1) << bit, 9), "bit %zu", bit);
        cr_assert_neq(base, hash_pair(&key, 7, 9 ^ UINT64_C(1) << bit), "bit %zu", bit);
    }
}

/* Counting keys must spread over the low bits, which choose the bucket. */
Test(hash, quick_spreads_counters)
{
    enum { BUCKETS = 1024, KEYS = 16384 };
    static unsigned fill[2][BUCKETS];
    for (uint64_t i = 0; i < KEYS; i++) {
        uint64_t words[2] = {7, i};
        fill[0][hash_quick(&key, words, sizeof(words)) % BUCKETS]++;
        fill[1][hash_pair(&key, i, 0) % BUCKETS]++;
    }
    for (int i = 0; i < 2 * BUCKETS; i++) {
        unsigned n = fill[i / BUCKETS][i % BUCKETS];
        cr_assert(n > 0 && n < 48, "bucket %d holds %u", i, n);
    }
}
