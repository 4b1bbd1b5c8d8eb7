/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sorted array of pointers, in which only new texts are looked for, and an index of hashes for
 * the others. A label is one block: header, text, value; so finding one touches two lines of the
 * cache, the index's and the label's own.
 *
 * Order: no name first, then by bytes, which is the order of code points. Locale plays no part.
 */
#include "labels.h"
#include "base/cache.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_USUAL 32 /* bytes, with what is between it and the block */
#define FIRST_ROOM 8  /* a power of two; the index has twice as many places */

void labels_init(struct labels *l, uint32_t max, uint16_t value_bytes, enum limit_id limit,
                 struct budget *budget)
{
    *l = (struct labels){
        .budget = budget, .max = max, .value_bytes = value_bytes, .limit = (uint16_t)limit};
}

static uint32_t hash_of(const struct labels *l, const char *text, size_t n)
{
    return text ? (uint32_t)hash_quick(&l->budget->hash, text, n) : 0;
}

static int compare(const char *text, size_t n, const struct label *label)
{
    if (!text || !label->text)
        return (text != NULL) - (label->text != NULL);
    size_t common = n < label->text_len ? n : label->text_len;
    int order = common ? memcmp(text, label->text, common) : 0;
    return order ? order : (n > label->text_len) - (n < label->text_len);
}

/* The label with that text, or NULL and the place where it belongs. */
static struct label *find(const struct labels *l, const char *text, size_t n, uint32_t *ret_at)
{
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(text, n, l->sorted[middle]);
        if (order == 0)
            return l->sorted[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_at = low;
    return NULL;
}

static void index_label(struct label **index, uint32_t mask, struct label *label)
{
    uint32_t i = label->hash & mask;
    while (index[i])
        i = (i + 1) & mask;
    index[i] = label;
}

static bool have_room(struct labels *l)
{
    if (l->count < l->room)
        return true;
    uint32_t room = l->room ? l->room * 2 : FIRST_ROOM;
    struct label **index = calloc((size_t)room * 2, sizeof(struct label *));
    struct label **sorted = index ? realloc(l->sorted, room * sizeof(struct label *)) : NULL;
    if (!sorted) {
        free(index);
        return false;
    }
    for (uint32_t i = 0; i < l->count; i++)
        index_label(index, room * 2 - 1, sorted[i]);
    free(l->index);
    l->index = index;
    l->index_mask = room * 2 - 1;
    l->sorted = sorted;
    l->room = room;
    return true;
}

static struct label *make_label(const struct labels *l, const char *text, size_t n)
{
    size_t head = (sizeof(struct label) + n + 1 + 15) & ~(size_t)15; /* values have 16-byte words */
    struct label *label = calloc(1, head + l->value_bytes);
    if (!label)
        return NULL;
    label->value = (char *)label + head;
    if (text) {
        char *copy = (char *)(label + 1);
        memcpy(copy, text, n);
        label->text = copy;
        label->text_len = (uint16_t)n;
    }
    label->hash = hash_of(l, text, n);
    return label;
}

static struct label *insert(struct labels *l, const char *text, size_t n, uint32_t at)
{
    struct label *label = have_room(l) ? make_label(l, text, n) : NULL;
    if (!label)
        return NULL;
    memmove(&l->sorted[at + 1], &l->sorted[at], (l->count - at) * sizeof(struct label *));
    l->sorted[at] = label;
    index_label(l->index, l->index_mask, label);
    l->count++;
    return label;
}

/* Adds a text that find() did not find; the rest share one label. */
static struct label *add(struct labels *l, const char *text, size_t n, uint32_t at)
{
    if (l->count >= l->max || l->budget->rows == 0) {
        limits_hit_add(l->budget->hit,
                       l->count >= l->max ? (enum limit_id)l->limit : LIMIT_ID_TABLE_ROWS);
        text = LABELS_OTHER;
        n = sizeof(LABELS_OTHER) - 1;
        struct label *other = find(l, text, n, &at);
        if (other)
            return other;
    } else {
        l->budget->rows--;
    }
    return insert(l, text, n, at);
}

static __attribute__((noinline)) struct label *get_new(struct labels *l, const char *text, size_t n)
{
    char clean[3 * LABELS_TEXT_BYTES];
    uint32_t at = 0;
    if (text && !text_is_clean(text, n)) {
        n = text_clean(text, n, clean);
        text = clean;
    }
    struct label *label = find(l, text, n, &at);
    return label ? label : add(l, text, n, at);
}

void labels_ahead(struct labels_ahead *latest, const struct labels *l, const char *text, size_t n)
{
    const struct labels *before = latest->of;
    uint32_t hash = hash_of(l, text, n < LABELS_TEXT_BYTES ? n : LABELS_TEXT_BYTES);
    if (l->index)
        __builtin_prefetch(&l->index[hash & l->index_mask]);
    const char *label = NULL;
    if (before && before->index)
        label = (const char *)before->index[latest->hash & before->index_mask];
    if (label)
        cache_fetch(label, sizeof(struct label) + TEXT_USUAL + before->value_bytes);
    *latest = (struct labels_ahead){l, hash};
}

/* Labels are clean, so a text that equals one needs no look at its bytes. */
struct label *labels_get(struct labels *l, const char *text, size_t n)
{
    if (!text)
        n = 0;
    else if (n > LABELS_TEXT_BYTES)
        n = LABELS_TEXT_BYTES;
    if (l->index) {
        uint32_t hash = hash_of(l, text, n);
        struct label *label;
        for (uint32_t i = hash; (label = l->index[i & l->index_mask]); i++) {
            if (label->hash == hash && compare(text, n, label) == 0)
                return label;
        }
    }
    return get_new(l, text, n);
}

static bool can_join(const struct label *label, const struct label *whole)
{
    return whole && compare(label->text, label->text_len, whole) == 0 &&
           compare(LABELS_OTHER, sizeof(LABELS_OTHER) - 1, whole) != 0;
}

struct label *labels_get_joined(struct labels *l, const char *text, size_t n,
                                struct label **ret_also)
{
    struct label *label = labels_get(l, text, n);
    *ret_also = NULL;
    if (!l->whole || (label && label->whole))
        return label;
    struct label *whole = labels_get(l->whole, text, n);
    if (label && !label->settled && can_join(label, whole))
        label->whole = whole;
    else
        *ret_also = whole;
    if (label)
        label->settled = true;
    return label;
}

void labels_fini(struct labels *l, void (*release)(void *value))
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (release)
            release(l->sorted[i]->value);
        free(l->sorted[i]);
    }
    free(l->sorted);
    free(l->index);
    l->sorted = l->index = NULL;
    l->count = l->room = 0;
}
