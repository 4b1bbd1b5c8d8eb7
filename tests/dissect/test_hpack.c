/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Header blocks by nghttp2's deflater. What is told must be what was sent; HPACK_WHOLE may be said
 * only if nothing that matters is missing.
 */
#include "dissect/hpack.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 12

struct block {
    char name[FIELDS][48], value[FIELDS][512];
    size_t count;
    uint8_t bytes[8192];
    size_t n;
};

struct told {
    const struct block *sent;
    size_t count;
};

static struct limits_hit hit;
static nghttp2_hd_deflater *deflater;

static void on_field(void *ctx, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    struct told *t = ctx;
    for (size_t i = 0; i < t->sent->count; i++) {
        if (strlen(t->sent->name[i]) == name_len && strlen(t->sent->value[i]) == value_len &&
            memcmp(t->sent->name[i], name, name_len) == 0 &&
            memcmp(t->sent->value[i], value, value_len) == 0) {
            t->count += hpack_keeps(name, name_len);
            return;
        }
    }
    cr_assert_fail("told, but not sent: %.*s: %.*s", (int)name_len, name, (int)value_len, value);
}

static void deflate(struct block *b)
{
    nghttp2_nv nv[FIELDS];
    for (size_t i = 0; i < b->count; i++)
        nv[i] = (nghttp2_nv){(uint8_t *)b->name[i], (uint8_t *)b->value[i], strlen(b->name[i]),
                             strlen(b->value[i]),
                             rand() % 20 ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX};
    ssize_t n = nghttp2_hd_deflate_hd(deflater, b->bytes, sizeof(b->bytes), nv, b->count);
    cr_assert_geq(n, 0);
    b->n = (size_t)n;
}

/* A head as it could be, with names that matter and others. */
static void make(struct block *b)
{
    static const char *const names[] = {
        ":path",   ":method",        "accept",         "content-type", "mcp-session-id",
        "date",    "mcp-param-city", "user-agent",     "cookie",       "mcp-protocol-version",
        ":status", "authorization",  "content-length", "mcp-name"};
    static const char *const values[] = {"GET", "200", "application/json", "a", "", "/mcp"};
    b->count = 1 + (size_t)rand() % FIELDS;
    for (size_t i = 0; i < b->count; i++) {
        snprintf(b->name[i], sizeof(b->name[i]), "%s", names[(size_t)rand() % 14]);
        int kind = rand() % 10;
        if (kind < 6)
            snprintf(b->value[i], sizeof(b->value[i]), "%s", values[kind]);
        else if (kind < 9)
            snprintf(b->value[i], sizeof(b->value[i]), "value-%d", rand() % 30);
        else
            snprintf(b->value[i], sizeof(b->value[i]), "%0*d", rand() % 500, rand());
    }
    deflate(b);
}

static size_t keepable(const struct block *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        n += hpack_keeps(b->name[i], strlen(b->name[i]));
    return n;
}

static enum hpack_result read_block(struct hpack *h, struct told *t)
{
    /* Of its own size, so that reading beyond it shows. */
    uint8_t *copy = malloc(t->sent->n);
    memcpy(copy, t->sent->bytes, t->sent->n);
    struct hpack_sink sink = {t, on_field};
    enum hpack_result result = hpack_read(h, &sink, copy, t->sent->n, &hit);
    free(copy);
    return result;
}

static void begin(unsigned seed)
{
    srand(seed);
    cr_assert_eq(nghttp2_hd_deflate_new(&deflater, 8192), 0);
    nghttp2_hd_deflate_change_table_size(deflater, 4096);
}

Test(hpack, all_blocks)
{
    for (unsigned seed = 1; seed < 40; seed++) {
        struct hpack h;
        struct block b;
        begin(seed);
        hpack_init(&h, false);
        for (int i = 0; i < 60; i++) {
            if (rand() % 10 == 0)
                nghttp2_hd_deflate_change_table_size(deflater, (size_t)(rand() % 9) * 1000);
            make(&b);
            struct told t = {.sent = &b};
            cr_assert_eq(read_block(&h, &t), HPACK_WHOLE);
            cr_assert_eq(t.count, keepable(&b));
        }
        cr_expect_not(h.lost);
        hpack_fini(&h);
        nghttp2_hd_deflate_del(deflater);
    }
}

/* Some blocks are missing; or it begins in the middle. */
Test(hpack, lost_blocks)
{
    size_t told = 0, sent = 0;
    for (unsigned seed = 1; seed < 60; seed++) {
        struct hpack h;
        struct block b;
        begin(seed);
        hpack_init(&h, seed % 2);
        for (int i = 0; i < 20 + rand() % 40 && seed % 2; i++)
            make(&b);
        for (int i = 0; i < 60; i++) {
            make(&b);
            if (rand() % 15 == 0) {
                hpack_lose(&h);
                continue;
            }
            struct told t = {.sent = &b};
            enum hpack_result result = read_block(&h, &t);
            cr_assert_neq(result, HPACK_BAD);
            cr_assert(t.count == keepable(&b) || result == HPACK_PARTLY, "%zu of %zu", t.count,
                      keepable(&b));
            told += t.count;
            sent += keepable(&b);
        }
        hpack_fini(&h);
        nghttp2_hd_deflate_del(deflater);
    }
    cr_expect_gt(told, sent / 2, "%zu of %zu", told, sent);
}

/* A larger table than is kept: what is beyond is unknown. */
Test(hpack, large_table)
{
    struct hpack h;
    struct block b;
    srand(3);
    cr_assert_eq(nghttp2_hd_deflate_new(&deflater, 1 << 20), 0);
    nghttp2_hd_deflate_change_table_size(deflater, 1 << 20);
    hpack_init(&h, false);
    uint64_t before = hit.count[LIMIT_ID_HTTP2_TABLE];
    bool partly = false;
    for (int i = 0; i < 3000; i++) {
        make(&b);
        struct told t = {.sent = &b};
        enum hpack_result result = read_block(&h, &t);
        cr_assert_neq(result, HPACK_BAD);
        cr_assert(t.count == keepable(&b) || result == HPACK_PARTLY);
        partly |= result == HPACK_PARTLY;
        cr_assert_leq(h.bytes, LIMIT_HTTP2_TABLE);
    }
    cr_expect(partly);
    cr_expect_eq(hit.count[LIMIT_ID_HTTP2_TABLE], before + 1);
    hpack_fini(&h);
    nghttp2_hd_deflate_del(deflater);
}

static void no_field(void *ctx, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    (void)ctx, (void)name, (void)name_len, (void)value, (void)value_len;
}

/* The largest table that is kept is kept. */
Test(hpack, largest_table)
{
    struct hpack_sink sink = {NULL, no_field};
    for (uint32_t over = 0; over < 2; over++) {
        struct hpack h;
        uint32_t rest = LIMIT_HTTP2_TABLE + over - 31;
        uint8_t update[] = {0x3f, (uint8_t)(rest | 0x80), (uint8_t)(rest >> 7 | 0x80),
                            (uint8_t)(rest >> 14 & 0x7f)};
        hpack_init(&h, false);
        hit = (struct limits_hit){{0}};
        cr_expect_neq(hpack_read(&h, &sink, update, sizeof(update), &hit), HPACK_BAD);
        cr_expect(hit.count[LIMIT_ID_HTTP2_TABLE] == over && h.lost == (over == 1));
        cr_expect_eq(h.max_bytes, LIMIT_HTTP2_TABLE);
        hpack_fini(&h);
    }
}

Test(hpack, bad_blocks)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"\x80", 1},                         /* index 0 */
        {"\xbe", 1},                         /* an entry that is not there */
        {"\xff\x80\x80\x80\x80\x80\x01", 7}, /* an index without end */
        {"\xff", 1},                         /* a cut index */
        {"\x40\x03"
         "ab",
         4}, /* a cut name */
        {"\x40\x01"
         "a",
         3}, /* no value */
        {"\x41\x7f\xff\xff\xff\x7f"
         "abc",
         9}, /* a value that is too long */
        {"\x7e\x01"
         "a",
         3},                                 /* a name that is not there */
        {"\x41\x84\xff\xff\xff\xff", 6},     /* Huffman: EOS */
        {"\x3f\xff\xff\xff\xff\xff\x0f", 7}, /* a size without end */
    };
    struct hpack_sink sink = {NULL, no_field};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hpack h;
        hpack_init(&h, false);
        uint8_t *copy = malloc(cases[i].n);
        memcpy(copy, cases[i].bytes, cases[i].n);
        cr_expect_eq(hpack_read(&h, &sink, copy, cases[i].n, &hit), HPACK_BAD, "%zu", i);
        cr_expect(h.lost && h.count == 0);
        free(copy);
        hpack_fini(&h);
    }
}

Test(hpack, names_that_matter)
{
    cr_expect(hpack_keeps(":path", 5) && hpack_keeps(":method", 7) && hpack_keeps(":status", 7));
    cr_expect(hpack_keeps("mcp-session-id", 14) && hpack_keeps("accept", 6));
    cr_expect_not(hpack_keeps(":authority", 10) || hpack_keeps("authorization", 13));
    cr_expect_not(hpack_keeps("cookie", 6) || hpack_keeps("", 0));
}

Test(hpack, every_allocation_fails)
{
    static struct block blocks[40];
    begin(5);
    for (int i = 0; i < 40; i++)
        make(&blocks[i]);
    nghttp2_hd_deflate_del(deflater);
    for (uint64_t n = 1;; n++) {
        struct hpack h;
        hpack_init(&h, false);
        fail_alloc_at(n);
        for (int i = 0; i < 40; i++) {
            struct told t = {.sent = &blocks[i]};
            struct hpack_sink sink = {&t, on_field};
            enum hpack_result result = hpack_read(&h, &sink, blocks[i].bytes, blocks[i].n, &hit);
            cr_assert(result != HPACK_WHOLE || t.count == keepable(&blocks[i]));
        }
        bool failed = fail_alloc_stop();
        hpack_fini(&h);
        if (!failed)
            break;
    }
}
