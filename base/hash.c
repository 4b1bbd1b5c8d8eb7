/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SipHash-1-3: one compression round a word and three final rounds. The streaming form keeps at
 * most seven bytes that do not fill a word yet.
 */
#include "base/hash.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void round_once(struct hash_stream *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void mix(struct hash_stream *s, uint64_t word)
{
    s->v3 ^= word;
    round_once(s);
    s->v0 ^= word;
}

static inline uint64_t load_word(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

void hash_key_random(struct hash_key *key)
{
    if (getrandom(key, sizeof(*key), 0) == (ssize_t)sizeof(*key))
        return;
    key->k0 = (uint64_t)(uintptr_t)&key << 32 ^ (uint64_t)(uintptr_t)hash_key_random;
    key->k1 = (uint64_t)(uintptr_t)stdin << 32 ^ (uint64_t)getpid();
}

void hash_stream_init(struct hash_stream *s, const struct hash_key *key)
{
    s->v0 = key->k0 ^ UINT64_C(0x736f6d6570736575);
    s->v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d);
    s->v2 = key->k0 ^ UINT64_C(0x6c7967656e657261);
    s->v3 = key->k1 ^ UINT64_C(0x7465646279746573);
    s->tail = 0;
    s->total = 0;
}

void hash_stream_feed(struct hash_stream *s, const void *data, size_t n)
{
    const uint8_t *p = data;
    unsigned have = (unsigned)(s->total & 7);
    s->total += n;
    for (; have != 0 && n > 0; n--, p++) {
        s->tail |= (uint64_t)*p << (8 * have);
        have = (have + 1) & 7;
        if (have == 0) {
            mix(s, s->tail);
            s->tail = 0;
        }
    }
    for (; n >= 8; n -= 8, p += 8)
        mix(s, load_word(p));
    for (; n > 0; n--, p++, have++)
        s->tail |= (uint64_t)*p << (8 * have);
}

static inline uint64_t finish(struct hash_stream *s)
{
    mix(s, s->tail | s->total << 56);
    s->v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_once(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t hash_stream_end(const struct hash_stream *stream)
{
    struct hash_stream s = *stream;
    return finish(&s);
}

/* Whole words and then one tail: the state stays in registers. */
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t n)
{
    struct hash_stream s;
    const uint8_t *p = data;
    hash_stream_init(&s, key);
    s.total = n;
    for (; n >= 8; n -= 8, p += 8)
        mix(&s, load_word(p));
    if (n > 0 && s.total >= 8) /* the last eight bytes, without those that were mixed in */
        s.tail = load_word(p + n - 8) >> (8 * (8 - n));
    else
        for (size_t i = 0; i < n; i++)
            s.tail |= (uint64_t)p[i] << (8 * i);
    return finish(&s);
}

uint64_t hash_quick(const struct hash_key *key, const void *data, size_t n)
{
    const uint64_t k0 = key->k0 ^ HASH_QUICK_0, k1 = key->k1 ^ HASH_QUICK_1;
    const uint8_t *p = data;
    uint64_t state = k0 ^ n;
    size_t left = n;
    for (; left >= 16; left -= 16, p += 16)
        state = hash_fold(load_word(p) ^ k1, load_word(p + 8) ^ state);
    uint64_t tail[2] = {0, 0};
    if (n >= 16 && left > 0) { /* the last 16 bytes, some of them again: cheaper than a copy */
        tail[0] = load_word(p + left - 16);
        tail[1] = load_word(p + left - 8);
    } else if (n >= 8 && left > 0) {
        tail[0] = load_word(p);
        tail[1] = load_word(p + left - 8);
    } else {
        memcpy(tail, p, left);
    }
    state = hash_fold(tail[0] ^ k1, tail[1] ^ state);
    return hash_fold(state ^ k0, k1);
}
