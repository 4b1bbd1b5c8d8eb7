/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sorted array of pointers: found by halving, inserted by moving pointers. With a thousand texts
 * at most, ten comparisons beat hashing a padded key, and a map of a few texts costs a few hundred
 * bytes, which matters because every server endpoint has six of them.
 *
 * Most look-ups repeat one of a few texts, so the last finds are kept by length and last byte, and
 * only another text costs a search.
 *
 * Order: no name first, then by bytes, which is the order of code points. Locale plays no part.
 */
#include "labels.h"
#include "text.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 8

void labels_init(struct labels *l, uint32_t max, uint16_t value_bytes, enum limit_id limit,
                 struct budget *budget)
{
    *l = (struct labels){
        .budget = budget, .max = max, .value_bytes = value_bytes, .limit = (uint16_t)limit};
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

static struct label *insert(struct labels *l, const char *text, size_t n, uint32_t at)
{
    if (l->count == l->room) {
        uint32_t room = l->room ? l->room * 2 : FIRST_ROOM;
        struct label **sorted = realloc(l->sorted, room * sizeof(struct label *));
        if (!sorted)
            return NULL;
        l->sorted = sorted;
        l->room = room;
    }
    struct label *label = calloc(1, sizeof(*label) + l->value_bytes + n + 1);
    if (!label)
        return NULL;
    if (text) {
        char *copy = (char *)label->value + l->value_bytes;
        memcpy(copy, text, n);
        label->text = copy;
        label->text_len = (uint16_t)n;
    }
    memmove(&l->sorted[at + 1], &l->sorted[at], (l->count - at) * sizeof(struct label *));
    l->sorted[at] = label;
    l->count++;
    return label;
}

/* Adds a text that find() did not find; the rest share one label. */
static void *add(struct labels *l, const char *text, size_t n, uint32_t at)
{
    if (l->count >= l->max || l->budget->rows == 0) {
        limits_hit_add(l->budget->hit,
                       l->count >= l->max ? (enum limit_id)l->limit : LIMIT_ID_TABLE_ROWS);
        text = LABELS_OTHER;
        n = sizeof(LABELS_OTHER) - 1;
        struct label *other = find(l, text, n, &at);
        if (other)
            return other->value;
    } else {
        l->budget->rows--;
    }
    struct label *label = insert(l, text, n, at);
    return label ? label->value : NULL;
}

static struct label **recent_of(struct labels *l, const char *text, size_t n)
{
    size_t mix = text && n > 0 ? n ^ (unsigned char)text[n - 1] : 0;
    return &l->recent[mix & (LABELS_RECENT - 1)];
}

/* Labels are clean, so a text that equals one needs no look at its bytes. */
void *labels_get(struct labels *l, const char *text, size_t n)
{
    uint32_t at = 0;
    if (!text)
        n = 0;
    else if (n > LABELS_TEXT_BYTES)
        n = LABELS_TEXT_BYTES;
    struct label **recent = recent_of(l, text, n);
    if (*recent && compare(text, n, *recent) == 0)
        return (*recent)->value;
    struct label *label = find(l, text, n, &at);
    if (label) {
        *recent = label;
        return label->value;
    }
    if (!text || text_is_clean(text, n))
        return add(l, text, n, at);
    char clean[3 * LABELS_TEXT_BYTES];
    n = text_clean(text, n, clean);
    label = find(l, clean, n, &at);
    return label ? label->value : add(l, clean, n, at);
}

void labels_fini(struct labels *l, void (*release)(void *value))
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (release)
            release(l->sorted[i]->value);
        free(l->sorted[i]);
    }
    free(l->sorted);
    memset(l->recent, 0, sizeof(l->recent));
    l->sorted = NULL;
    l->count = l->room = 0;
}
