/* SPDX-License-Identifier: BSD-3-Clause */
/* Growth by doubling, so that n appends cost O(n) copies; never beyond the maximum. */
#include "base/buf.h"
#include "base/counted.h"
#include "base/err.h"
#include <string.h>

#define FIRST_BYTES 256

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_fini(struct buf *b)
{
    counted_free(b->sum, b->data, b->cap);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
}

static int grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : FIRST_BYTES;
    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    uint8_t *data = counted_realloc(b->sum, b->data, b->cap, cap);
    if (!data)
        return ERR_NOMEM;
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, const void *data, size_t n)
{
    if (n > b->max - b->len)
        return ERR_LIMIT;
    if (n > b->cap - b->len) {
        int err = grow(b, b->len + n);
        if (err)
            return err;
    }
    if (n > 0)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    return 0;
}
