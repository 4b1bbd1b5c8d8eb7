/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_MODEL_PLACES_H
#define TESTS_FUZZ_MODEL_PLACES_H

#include "base/err.h"
#include "base/places.h"
#include "model.h"
#include "tests/support/fail_alloc.h"
#include <string.h>

/*
 * base/places.h: by the number of an entry, whether it is there and its hash. Hashes are chosen to
 * be the same, to lie in a row, and to lie around the end.
 */

enum {
    MODEL_PLACES = 1 << 16,
    MODEL_PLACES_ROW = 512, /* entries whose hashes were chosen; a search passes by them all */
    MODEL_PLACES_NO_MEMORY = 8,
    MODEL_PLACES_FULL =
        1 << 10, /* entries that may fill all places but one: searches look at all */
    MODEL_PLACES_FULL_WORK = 1 << 14,
    MODEL_PLACES_WORK = 1 << 18, /* entries that come and go in an input */
};

struct model_places {
    struct places real;
    uint32_t most, top; /* numbers are 1 to top, or as far below zero */
    uint32_t low;       /* none below this one is free */
    uint32_t count, rows;
    uint32_t work; /* left to do */
    bool below;
    struct {
        uint32_t hash, seen; /* seen: in the latest search */
        bool there;
    } entry[MODEL_PLACES + 1];
    uint32_t searches;
};

static inline uint32_t model_places_number(const struct model_places *m, uint32_t i)
{
    return m->below ? 0 - i : i;
}

/* Finds those that are there with that hash, each once; how many. */
static inline uint32_t model_places_search(struct model_places *m, uint32_t hash)
{
    uint32_t at, found = 0;
    m->searches++;
    places_fetch(&m->real, hash);
    for (uint32_t index = places_first(&m->real, hash, &at); index != PLACES_NONE;
         index = places_next(&m->real, hash, &at)) {
        uint32_t i = model_places_number(m, index);
        require(i <= m->top && m->entry[i].there && m->entry[i].hash == hash);
        require(m->entry[i].seen != m->searches);
        m->entry[i].seen = m->searches;
        found++;
    }
    return found;
}

static inline bool model_places_finds(struct model_places *m, uint32_t i)
{
    return model_places_search(m, m->entry[i].hash) > 0 && m->entry[i].seen == m->searches;
}

static inline void model_places_find(struct model_places *m, uint32_t hash)
{
    uint32_t expected = 0, work = 1 + m->top / 256;
    if (m->work < work)
        return;
    m->work -= work;
    for (uint32_t i = 1; i <= m->top; i++)
        expected += m->entry[i].there && m->entry[i].hash == hash;
    require(model_places_search(m, hash) == expected);
}

static inline void model_places_add(struct model_places *m, uint32_t hash, bool no_memory)
{
    uint32_t i = m->low;
    while (i <= m->top && m->entry[i].there)
        i++;
    m->low = i;
    if (i > m->most || m->work == 0)
        return;
    m->work--;
    fail_alloc_at(no_memory && m->most <= MODEL_PLACES_FULL);
    int result = places_add(&m->real, hash, model_places_number(m, i));
    bool failed = fail_alloc_stop();
    if (result == 0) {
        m->entry[i].hash = hash;
        m->entry[i].there = true;
        m->top = i > m->top ? i : m->top;
        m->count++;
        require(model_places_finds(m, i));
    } else {
        require(result == ERR_NOMEM && failed && m->count == m->real.mask);
    }
    uint64_t all = (uint64_t)m->real.mask + 1;
    require((all & (all - 1)) == 0 && m->count < all); /* else a search would not end */
    require(failed || 8 * (all - m->count) >= all);
}

static inline void model_places_remove(struct model_places *m, uint32_t i)
{
    require(model_places_finds(m, i));
    uint32_t hash = m->entry[i].hash, others = model_places_search(m, hash) - 1;
    places_remove(&m->real, hash, model_places_number(m, i));
    m->entry[i].there = false;
    m->low = i < m->low ? i : m->low;
    m->count--;
    require(model_places_search(m, hash) == others);
}

static inline void model_places_remove_some(struct model_places *m, uint32_t first, uint32_t most,
                                            uint32_t step)
{
    for (uint32_t i = first; i <= m->top && most > 0 && m->work > 0; i += step) {
        if (!m->entry[i].there)
            continue;
        model_places_remove(m, i);
        m->work--;
        most--;
    }
}

static inline void model_places_add_many(struct model_places *m, uint32_t hash, uint8_t how,
                                         bool no_memory)
{
    static const uint32_t steps[4] = {0, 1, 64, 0}; /* the same, a row, the same in small tables */
    bool spread = (how & 3) == 3;
    uint32_t n = 1u << (how >> 4 & 15) % 13;
    if (!spread && n > MODEL_PLACES_ROW - m->rows)
        n = MODEL_PLACES_ROW - m->rows;
    m->rows += spread ? 0 : n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t mixed = (hash + m->searches) * 0x9e3779b1u; /* others each time */
        mixed = (mixed ^ mixed >> 15) * 0x85ebca77u;
        model_places_add(m, spread ? mixed ^ mixed >> 13 : hash + i * steps[how & 3], no_memory);
    }
}

static inline void model_places_step(struct model_places *m, struct cursor *in)
{
    uint8_t op = cursor_u8(in), a = cursor_u8(in), b = cursor_u8(in);
    uint32_t hash = (uint32_t)(int8_t)a; /* around zero, or the same but for the highest bits */
    hash ^= (op & 128 ? b & 3u : 0) << 30;
    switch (op & 7) {
    case 0:
    case 1:
        if (m->rows < MODEL_PLACES_ROW) {
            m->rows++;
            model_places_add(m, hash, op & MODEL_PLACES_NO_MEMORY);
        }
        break;
    case 2:
    case 3:
        model_places_add_many(m, hash, b, op & MODEL_PLACES_NO_MEMORY);
        break;
    case 4:
    case 5:
        model_places_remove_some(m, 1 + ((uint32_t)a << 8 | b) % (m->top + 1), 1, 1);
        break;
    case 6:
        model_places_remove_some(m, 1 + (a & 15u), 1u << (a >> 4), 1 + b % 16u);
        break;
    case 7:
        model_places_find(m, hash);
        break;
    }
    require(m->real.count == m->count);
}

static inline void model_places_run(struct cursor *in)
{
    static struct model_places m;
    uint8_t how = cursor_u8(in);
    memset(m.entry, 0, (m.top + 1) * sizeof(m.entry[0])); /* those of the input before */
    m.most = 16u << (how & 15) % 13;
    m.below = how & 16;
    m.work = m.most <= MODEL_PLACES_FULL ? MODEL_PLACES_FULL_WORK : MODEL_PLACES_WORK;
    m.low = 1;
    m.top = m.count = m.rows = m.searches = 0;
    fail_alloc_at(how >> 5 == 0);
    int result = places_init(&m.real);
    if (fail_alloc_stop()) {
        require(result == ERR_NOMEM);
        return;
    }
    require(result == 0);
    for (uint32_t i = 0; i < MODEL_STEPS && cursor_left(in) > 0; i++)
        model_places_step(&m, in);
    for (uint32_t i = 1; i <= m.top; i++)
        require(!m.entry[i].there || model_places_finds(&m, i));
    m.work = UINT32_MAX;
    model_places_remove_some(&m, 1, UINT32_MAX, 1);
    require(m.real.count == 0);
    for (uint32_t i = 0; i <= m.real.mask; i++)
        require(m.real.at[i].index == PLACES_NONE);
    places_fini(&m.real);
}

#endif
