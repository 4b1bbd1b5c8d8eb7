/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_MODEL_POOL_H
#define TESTS_FUZZ_MODEL_POOL_H

#include "base/pool.h"
#include "model.h"
#include "tests/support/fail_alloc.h"
#include <string.h>

#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#include <sanitizer/asan_interface.h>
#endif

/* base/pool.h: the pieces that were taken, each filled with a byte of its own, and those that were
 * given back, the latest last. */

enum { MODEL_POOL = 300, MODEL_POOL_BYTES = 72 };

struct model_pool {
    struct pool real;
    struct {
        uint8_t *at, fill;
    } taken[MODEL_POOL];
    uint8_t *given[MODEL_POOL];
    uint32_t taken_count, given_count;
    const uint8_t *fresh; /* the latest that was not given back by anyone before; NULL: none */
    uint8_t fills;
};

/* No other's memory. */
static inline void model_pool_is_own(const struct model_pool *m, const uint8_t *at)
{
    for (uint32_t i = 0; i < m->taken_count; i++) {
        const uint8_t *other = m->taken[i].at;
        require((at < other ? other - at : at - other) >= (ptrdiff_t)m->real.bytes);
    }
}

/* The sanitizer does not see it by itself where pool_take() says that a piece may be used. */
static inline void model_pool_is_inside(const struct model_pool *m, const uint8_t *at)
{
#if __has_feature(address_sanitizer)
    const uint8_t *slab = (const uint8_t *)m->real.slabs;
    require(at + m->real.bytes <= slab + __sanitizer_get_allocated_size(slab));
#else
    (void)m;
    (void)at;
#endif
}

/* Only a piece that does not serve again and has no room beside the one before needs memory. */
static inline uint8_t *model_pool_piece(struct model_pool *m, bool no_memory)
{
    size_t words = (m->real.bytes + 7) / 8;
    fail_alloc_at(1);
    uint8_t *at = pool_take(&m->real);
    bool failed = fail_alloc_stop();
    require(failed == !at && !(failed && m->given_count > 0));
    if (failed && no_memory)
        return NULL;
    if (m->given_count > 0) {
        require(at == m->given[--m->given_count]);
        return at;
    }
    if (failed)
        at = pool_take(&m->real);
    else
        require(at == m->fresh + 8 * words);
    require(at != NULL);
    model_pool_is_inside(m, at);
    m->fresh = at;
    return at;
}

static inline void model_pool_take(struct model_pool *m, bool no_memory)
{
    if (m->taken_count == MODEL_POOL)
        return;
    uint8_t *at = model_pool_piece(m, no_memory);
    if (!at)
        return;
    require((uintptr_t)at % 8 == 0 && model_filled(at, m->real.bytes, 0));
    model_pool_is_own(m, at);
    memset(at, ++m->fills, m->real.bytes);
    m->taken[m->taken_count].at = at;
    m->taken[m->taken_count++].fill = m->fills;
}

static inline void model_pool_give(struct model_pool *m, uint32_t i)
{
    if (m->taken_count == 0)
        return;
    i %= m->taken_count;
    uint8_t *at = m->taken[i].at;
    require(model_filled(at, m->real.bytes, m->taken[i].fill));
    m->taken[i] = m->taken[--m->taken_count];
    pool_give(&m->real, at);
#if __has_feature(address_sanitizer)
    require(__asan_address_is_poisoned(at) && __asan_address_is_poisoned(at + m->real.bytes - 1));
#endif
    m->given[m->given_count++] = at;
}

static inline void model_pool_fini(struct model_pool *m)
{
    for (uint32_t i = 0; i < m->taken_count; i++)
        require(model_filled(m->taken[i].at, m->real.bytes, m->taken[i].fill));
    pool_fini(&m->real);
    m->taken_count = m->given_count = 0;
    m->fresh = NULL;
}

static inline void model_pool_run(struct cursor *in)
{
    static struct model_pool m;
    m.real = (struct pool){.bytes = 1 + cursor_u8(in) % MODEL_POOL_BYTES};
    m.fills = 0;
    for (uint32_t step = 0; step < MODEL_STEPS && cursor_left(in) > 0; step++) {
        uint8_t op = cursor_u8(in), n = op >> 3;
        switch (op & 7) {
        case 0:
        case 1:
            model_pool_take(&m, op & 1);
            break;
        case 2:
        case 3:
            for (uint32_t i = 0; i < 3 * (1u + n); i++)
                model_pool_take(&m, op & 1);
            break;
        case 4:
            model_pool_give(&m, n);
            break;
        case 5:
            for (uint32_t i = 0; i < 3 * (1u + n); i++)
                model_pool_give(&m, n);
            break;
        case 6:
            pool_give(&m.real, NULL);
            break;
        case 7:
            if (n == 0)
                model_pool_fini(&m);
            break;
        }
    }
    model_pool_fini(&m);
}

#endif
