/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory of batches: see batch.h.
 */
#include "capture/batch.h"
#include "base/err.h"
#include <stdlib.h>
#include <string.h>

struct batch_piece {
    struct batch_piece *next;
    uint8_t bytes[];
};

struct batch *batch_new(void)
{
    struct batch *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->packets = malloc(BATCH_PACKETS * sizeof(*b->packets)); /* not touched before they are used */
    b->segments = malloc(BATCH_PACKETS * sizeof(*b->segments));
    b->memory = aligned_alloc(BATCH_PAGE_BYTES, BATCH_MEMORY_BYTES);
    if (!b->packets || !b->segments || !b->memory) {
        batch_free(b);
        return NULL;
    }
    return b;
}

void batch_clear(struct batch *b)
{
    b->count = 0;
    b->used = 0;
    while (b->pieces) {
        struct batch_piece *piece = b->pieces;
        b->pieces = piece->next;
        free(piece);
    }
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    batch_clear(b);
    free(b->packets);
    free(b->segments);
    free(b->memory);
    free(b);
}

const uint8_t *batch_keep(struct batch *b, const uint8_t *bytes, uint32_t n)
{
    uint8_t *to = b->memory + b->used;
    if (n <= BATCH_MEMORY_BYTES - b->used) {
        b->used += n;
    } else {
        struct batch_piece *piece = malloc(sizeof(*piece) + n);
        if (!piece)
            return NULL;
        piece->next = b->pieces;
        b->pieces = piece;
        to = piece->bytes;
    }
    if (n > 0)
        memcpy(to, bytes, n);
    return to;
}

int batch_add(struct batch *b, const struct packet *p)
{
    uint32_t left = b->used < BATCH_BYTES ? BATCH_BYTES - b->used : 0;
    if (b->count > 0 && p->captured_bytes > left)
        return 0;
    const uint8_t *data = batch_keep(b, p->data, p->captured_bytes);
    if (!data)
        return ERR_NOMEM;
    b->packets[b->count] = *p;
    b->packets[b->count++].data = data;
    return 1;
}
