/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/answered.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A plain reference: an array in the order of the ends. */
struct known {
    uint64_t scope, id_hash, conn_id;
    enum dir dir;
};

struct model {
    struct known *at;
    uint32_t count, max;
    uint64_t forgotten;
};

static uint32_t model_find(const struct model *m, const struct known *k)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->at[i].scope == k->scope && m->at[i].id_hash == k->id_hash && m->at[i].dir == k->dir)
            return i;
    }
    return m->count;
}

static void model_remove(struct model *m, uint32_t i)
{
    m->count--;
    memmove(&m->at[i], &m->at[i + 1], (m->count - i) * sizeof(*m->at));
}

static void model_add(struct model *m, const struct known *k)
{
    uint32_t i = model_find(m, k);
    if (i < m->count) {
        model_remove(m, i);
    } else if (m->count == m->max) {
        model_remove(m, 0);
        m->forgotten++;
    }
    m->at[m->count++] = *k;
}

static bool add(struct answered_list *l, const struct known *k)
{
    struct answered *a = answered_add(l, k->scope, k->dir, k->id_hash);
    if (!a)
        return false;
    a->conn_id = k->conn_id;
    a->other = k->id_hash % 3 == 0 ? malloc(1) : NULL; /* leaks show whether it is freed */
    a->channel_number = 0;
    a->how = ANSWERED_FULLY;
    a->method = a->method_len = 0;
    a->delivered_again = false;
    return true;
}

static void expect(struct answered_list *l, const struct model *m, const struct known *k)
{
    const struct answered *a = answered_find(l, k->scope, k->dir, k->id_hash);
    uint32_t i = model_find(m, k);
    cr_assert_eq(a != NULL, i < m->count);
    cr_assert(!a || (a->conn_id == m->at[i].conn_id && a->scope == k->scope && a->dir == k->dir &&
                     a->id_hash == k->id_hash));
}

/* `keys` different requests end in any order, `steps` times; every `looks`-th step one is asked
 * for. */
static void compare(uint32_t max, uint32_t keys, uint32_t steps, uint32_t looks)
{
    struct limits_hit hit = {{0}};
    struct hash_key hash = {max, keys};
    struct answered_list *l = answered_new(&hash, max, &hit);
    struct model m = {.at = calloc(max + 1, sizeof(struct known)), .max = max};
    uint32_t random = max * 31 + keys;
    cr_assert(l && m.at);
    for (uint32_t i = 1; i <= steps; i++) {
        random = random * 1664525 + 1013904223;
        uint32_t n = (random >> 8) % keys;
        struct known k = {n % 7 + 1, n / 14 * 16, i, n / 7 % 2 ? DIR_S2C : DIR_C2S};
        cr_assert(add(l, &k));
        model_add(&m, &k);
        if (i % looks == 0) {
            n = (random >> 4) % keys;
            k = (struct known){n % 7 + 1, n / 14 * 16, 0, n / 7 % 2 ? DIR_S2C : DIR_C2S};
            expect(l, &m, &k);
        }
    }
    answered_settle(l);
    cr_assert_eq(hit.count[LIMIT_ID_ANSWERED], m.forgotten);
    for (uint32_t i = 0; i < m.count; i++)
        expect(l, &m, &m.at[i]);
    answered_free(l);
    free(m.at);
}

Test(answered, knows_what_a_plain_list_knows)
{
    static const uint32_t max[] = {1, 2, 7, 8, 9, 63, 64, 100, 700};
    static const uint32_t looks[] = {1, 3, 50, 100000};
    for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
        for (size_t j = 0; j < sizeof(looks) / sizeof(looks[0]); j++) {
            compare(max[i], 1, 200, looks[j]);
            compare(max[i], 3, 500, looks[j]);
            compare(max[i], max[i], 3000, looks[j]);
            compare(max[i], max[i] * 2, 3000, looks[j]);
            compare(max[i], 1000000, 3000, looks[j]);
        }
    }
}

Test(answered, tells_ids_of_many_scopes_apart)
{
    struct limits_hit hit = {{0}};
    struct answered_list *l = answered_new(&(struct hash_key){1, 2}, 1000, &hit);
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert(add(l, &(struct known){i % 10 + 1, i / 10, i, DIR_C2S}));
    for (uint64_t i = 0; i < 1000; i++) {
        const struct answered *a = answered_find(l, i % 10 + 1, DIR_C2S, i / 10);
        cr_assert(a && a->conn_id == i);
        cr_assert_null(answered_find(l, i % 10 + 1, DIR_S2C, i / 10));
        cr_assert_null(answered_find(l, i % 10 + 11, DIR_C2S, i / 10));
    }
    cr_assert_eq(hit.count[LIMIT_ID_ANSWERED], 0);
    answered_free(l);
}

/* What was added before memory ran short stays known. */
static void scenario(void)
{
    struct limits_hit hit = {{0}};
    struct answered_list *l = answered_new(&(struct hash_key){1, 2}, 400, &hit);
    bool added[400] = {false};
    if (!l)
        return;
    for (uint64_t i = 0; i < 400; i++)
        added[i] = add(l, &(struct known){1, i, i, DIR_C2S});
    for (uint64_t i = 0; i < 400; i++)
        cr_assert_eq(answered_find(l, 1, DIR_C2S, i) != NULL, added[i]);
    answered_free(l);
}

Test(answered, survives_every_failing_allocation)
{
    for (uint64_t n = 1;; n++) {
        fail_alloc_at(n);
        scenario();
        if (!fail_alloc_stop())
            break;
    }
}
