/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_MODEL_TABLE_H
#define TESTS_FUZZ_MODEL_TABLE_H

#include "base/err.h"
#include "base/table.h"
#include "model.h"
#include "tests/support/fail_alloc.h"
#include <string.h>

/*
 * base/table.h: an array of entries, oldest first. Keys are short numbers that are spread over the
 * whole key; all may have one hash.
 */

enum {
    MODEL_TABLE = 700, /* entries at once, if the table takes as many */
    MODEL_TABLE_KEY = 32,
    MODEL_TABLE_EVICT = 32,
    MODEL_TABLE_ONE_HASH = 64,
};

enum model_table_how { MODEL_TABLE_TAKE, MODEL_TABLE_INSERT, MODEL_TABLE_UNFOUND };

struct model_table_key {
    uint8_t bytes[MODEL_TABLE_KEY];
};

struct model_table_entry {
    uint8_t *at;
    uint32_t key;
    bool findable;
    uint8_t fill; /* of all that is not the key */
};

struct model_table {
    struct table *real;
    struct table_config config;
    struct model_table_entry list[MODEL_TABLE];
    uint32_t count, peak; /* peak: the most there were; for so many there is memory */
    uint32_t drops;       /* calls of evict() to come */
    const uint8_t *removed;
    uint8_t fills;
};

/* In three places, where there are as many. */
static inline struct model_table_key model_table_key(const struct model_table *m, uint32_t number)
{
    uint32_t n = m->config.key_bytes;
    struct model_table_key key = {{0}};
    if (n <= 1) {
        key.bytes[0] = (uint8_t)number;
        return key;
    }
    key.bytes[0] = number & 7;
    key.bytes[n / 2] = number >> 3 & 7;
    key.bytes[n - 1] = (uint8_t)(number >> 6);
    return key;
}

static inline uint32_t model_table_number(const struct model_table *m, struct cursor *in)
{
    return cursor_be16(in) % (m->config.key_bytes == 1 ? 256 : 1024);
}

static inline struct model_table_entry *model_table_known(struct model_table *m, uint32_t number)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->list[i].findable && m->list[i].key == number)
            return &m->list[i];
    }
    return NULL;
}

/* As it was left. */
static inline void model_table_check(const struct model_table *m, const struct model_table_entry *e)
{
    uint32_t n = m->config.key_bytes;
    struct model_table_key key = model_table_key(m, e->key);
    require(memcmp(e->at, key.bytes, n) == 0);
    require(model_filled(e->at + n, m->config.entry_bytes - n, e->fill));
}

static inline void model_table_evict(void *ctx, void *entry)
{
    struct model_table *m = ctx;
    require(m->drops == 1 && entry == m->list[0].at);
    model_table_check(m, &m->list[0]);
    m->drops = 0;
}

static inline struct model_table_entry model_table_out(struct model_table *m, uint32_t i)
{
    struct model_table_entry e = m->list[i];
    memmove(&m->list[i], &m->list[i + 1], (--m->count - i) * sizeof(e));
    return e;
}

/* The newest now, which is its own: zeroed, and of no other's memory. */
static inline void model_table_in(struct model_table *m, uint8_t *at, uint32_t number,
                                  bool findable)
{
    uint32_t n = m->config.key_bytes, bytes = m->config.entry_bytes;
    struct model_table_entry *e = &m->list[m->count];
    *e = (struct model_table_entry){at, number, findable, 0};
    require((uintptr_t)at % 8 == 0);
    model_table_check(m, e);
    for (uint32_t i = 0; i < m->count; i++) {
        const uint8_t *other = m->list[i].at;
        require(at != other && (at < other ? other - at : at - other) >= (ptrdiff_t)bytes);
    }
    e->fill = ++m->fills;
    memset(at + n, e->fill, bytes - n);
    if (++m->count > m->peak)
        m->peak = m->count;
}

static inline void model_table_add(struct model_table *m, uint32_t number, enum model_table_how how,
                                   uint64_t fail_at)
{
    const struct model_table_entry *known = model_table_known(m, number);
    struct model_table_key key = model_table_key(m, number);
    bool is_full = m->count == m->config.max_entries;
    void *entry = NULL;
    int result = ERR_NOMEM;
    if (known && how == MODEL_TABLE_INSERT)
        how = MODEL_TABLE_TAKE;
    if (how != MODEL_TABLE_TAKE)
        known = NULL;
    if (!known && !is_full && m->count == MODEL_TABLE)
        return;
    m->drops = !known && is_full && m->config.evict;
    fail_alloc_at(fail_at);
    switch (how) {
    case MODEL_TABLE_TAKE:
        result = table_take(m->real, key.bytes, &entry);
        break;
    case MODEL_TABLE_INSERT:
        result = table_insert(m->real, m->config.key_bytes > 0 ? key.bytes : NULL, &entry);
        break;
    case MODEL_TABLE_UNFOUND:
        result = table_insert_unfound(m->real, key.bytes, &entry);
        break;
    }
    bool failed = fail_alloc_stop();
    require(m->drops == 0);
    if (known) {
        require(result == 0 && entry == known->at);
        return;
    }
    if (result == ERR_NOMEM) {
        require(failed && m->count == m->peak && !is_full && !entry); /* there is no place */
        return;
    }
    require(result == (how == MODEL_TABLE_TAKE));
    m->removed = NULL; /* its place may be taken */
    if (is_full)
        model_table_out(m, 0);
    model_table_in(m, entry, number, how != MODEL_TABLE_UNFOUND && m->config.key_bytes > 0);
}

static inline void model_table_find(struct model_table *m, uint32_t number)
{
    const struct model_table_entry *known = model_table_known(m, number);
    struct model_table_key key = model_table_key(m, number);
    require(table_find(m->real, key.bytes) == (known ? known->at : NULL));
}

static inline void model_table_remove(struct model_table *m, uint32_t i)
{
    struct model_table_entry e = model_table_out(m, i);
    model_table_check(m, &e);
    table_remove(m->real, e.at);
    m->removed = e.at;
    if (e.findable)
        model_table_find(m, e.key);
}

/* From oldest to newest; removes those whose bit of eight is set. */
static inline void model_table_walk(struct model_table *m, uint8_t bits)
{
    uint8_t *entry = table_oldest(m->real);
    uint32_t i = 0;
    for (uint32_t step = 0; entry; step++) {
        require(i < m->count && entry == m->list[i].at);
        model_table_check(m, &m->list[i]);
        uint8_t *next = table_next(m->real, entry);
        if (bits >> step % 8 & 1)
            model_table_remove(m, i);
        else
            i++;
        entry = next;
    }
    require(i == m->count);
}

static inline void model_table_touch(struct model_table *m, uint32_t i)
{
    struct model_table_entry e = model_table_out(m, i);
    table_touch(m->real, e.at);
    m->list[m->count++] = e;
}

static inline void model_table_step(struct model_table *m, struct cursor *in)
{
    uint8_t op = cursor_u8(in);
    uint32_t number = model_table_number(m, in);
    uint64_t fail_at = op >> 5; /* 0: none; they rarely make more than three */
    switch (op & 7) {
    case 0:
        model_table_add(m, number, MODEL_TABLE_INSERT, fail_at);
        break;
    case 1:
        model_table_add(m, number, MODEL_TABLE_TAKE, fail_at);
        break;
    case 2:
        model_table_add(m, number, MODEL_TABLE_UNFOUND, fail_at);
        break;
    case 3:
        for (uint32_t i = 0, n = 1u << (op >> 3 & 3) * 2; i < n; i++)
            model_table_add(m, (number + i) % 256, MODEL_TABLE_INSERT, op & 128 ? 1 : 0);
        break;
    case 4:
        if (m->count > 0)
            model_table_remove(m, number % m->count);
        break;
    case 5:
        if (m->count > 0)
            model_table_touch(m, number % m->count);
        break;
    case 6:
        model_table_walk(m, op & 8 ? (uint8_t)number : 0);
        break;
    case 7:
        model_table_find(m, number);
        break;
    }
    require(table_count(m->real) == m->count);
    if (m->removed)
        require(model_filled(m->removed, m->config.key_bytes, 0));
}

static inline void model_table_run(struct cursor *in)
{
    static const uint32_t keys[8] = {8, 16, 1, 3, 12, 24, MODEL_TABLE_KEY, 0},
                          rest[4] = {8, 0, 1, 40};
    static struct model_table m;
    uint8_t how = cursor_u8(in), most = cursor_u8(in);
    m.config = (struct table_config){.key_bytes = keys[how & 7], .ctx = &m};
    m.config.entry_bytes = m.config.key_bytes + rest[how >> 3 & 3];
    if (how & MODEL_TABLE_EVICT)
        m.config.evict = model_table_evict;
    /* A factor of the hash, so that it is zero. */
    m.config.hash = (struct hash_key){1, how & MODEL_TABLE_ONE_HASH ? HASH_QUICK_1 : 2};
    m.config.max_entries = most < 128 ? 1u + most : most < 192 ? MODEL_TABLE - 100 : (1 << 24) - 1;
    m.count = m.peak = m.drops = 0;
    m.removed = NULL;
    m.fills = 0;
    fail_alloc_at(most & 3);
    m.real = table_new(&m.config);
    bool failed = fail_alloc_stop();
    require(failed == !m.real);
    for (uint32_t i = 0; m.real && i < MODEL_STEPS && cursor_left(in) > 0; i++)
        model_table_step(&m, in);
    for (uint32_t number = 0; m.real && number < 256; number++)
        model_table_find(&m, number);
    if (m.real)
        model_table_walk(&m, 0);
    table_free(m.real);
}

#endif
