/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Keyed hashing (SipHash-1-3, Aumasson and Bernstein 2012), whole and in pieces. Every table of
 * this program is keyed with random bytes, so that traffic cannot choose its bucket. Nothing that
 * is printed may depend on a hash value.
 */

struct hash_key {
    uint64_t k0, k1;
};

struct hash_stream {
    uint64_t v0, v1, v2, v3;
    uint64_t tail;  /* bytes not yet mixed in, little-endian */
    uint64_t total; /* bytes seen */
};

/* Fills *key from the kernel's random source; falls back to address-space entropy. */
void hash_key_random(struct hash_key *key);

/* Of all n bytes at once. */
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t n);

/* hash_stream_end() over any cut of the input equals hash_bytes() over the whole. */
void hash_stream_init(struct hash_stream *s, const struct hash_key *key);
void hash_stream_feed(struct hash_stream *s, const void *data, size_t n);
uint64_t hash_stream_end(const struct hash_stream *s);

/* For the keys of tables: three to four times as fast on 16 to 48 bytes. Multiplies and folds
 * 64-bit words that were mixed with the secret key, so buckets cannot be chosen from outside;
 * unlike SipHash it is no claim that two inputs with one value cannot be found, so identity is
 * decided by comparing the bytes. */
uint64_t hash_quick(const struct hash_key *key, const void *data, size_t n);

/* For hash_quick() and hash_pair(); the constants only help keys that are not random, in tests. */
#define HASH_QUICK_0 UINT64_C(0x9e3779b97f4a7c15)
#define HASH_QUICK_1 UINT64_C(0xc2b2ae3d27d4eb4f)

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The same of two words. */
static inline uint64_t hash_pair(const struct hash_key *key, uint64_t a, uint64_t b)
{
    const uint64_t k0 = key->k0 ^ HASH_QUICK_0, k1 = key->k1 ^ HASH_QUICK_1;
    return hash_fold(hash_fold(a ^ k1, b ^ k0) ^ k0, k1);
}

#endif
