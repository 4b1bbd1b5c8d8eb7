/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

/* A byte buffer that grows on demand up to a maximum and never beyond it. Zeroed memory with `max`
 * set is a valid empty buffer. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    uint64_t *sum; /* see base/counted.h; set before anything is in it */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b); /* frees; the buffer is empty and usable afterwards */

/* Appends all n bytes or none. Returns 0, ERR_LIMIT (would exceed max) or ERR_NOMEM. */
int buf_append(struct buf *b, const void *data, size_t n);

#endif
