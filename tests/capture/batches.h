/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_CAPTURE_BATCHES_H
#define TESTS_CAPTURE_BATCHES_H

#include "capture/source.h"
#include <criterion/criterion.h>
#include <stdlib.h>

/* A source's packets one after another, out of batches of a given size, for the tests of
 * capture/source*.c. */

struct batches {
    struct source *source;
    struct batch *batch;
    uint32_t max_packets; /* as for source_batch() */
    uint32_t at;
};

static inline void batches_init(struct batches *r, struct source *source, uint32_t max_packets)
{
    *r = (struct batches){source, batch_new(), max_packets, 0};
    cr_assert_not_null(r->batch);
}

static inline void batches_fini(struct batches *r)
{
    batch_free(r->batch);
}

/* The next packet, borrowed until the next call. Returns what source_batch() does. */
static inline int batches_next(struct batches *r, struct packet *ret_packet)
{
    if (r->at >= r->batch->count) {
        r->at = 0;
        int result = source_batch(r->source, r->batch, r->max_packets);
        cr_assert_eq(result == 1, r->batch->count > 0);
        cr_assert(r->max_packets == 0 || r->batch->count <= r->max_packets);
        if (result != 1)
            return result;
    }
    *ret_packet = r->batch->packets[r->at++];
    return 1;
}

/* The next packet of a source that is read one by one; its bytes are lost with the batch, so only
 * the first of them are kept. */
static inline int batches_one(struct source *source, struct packet *ret_packet)
{
    static uint8_t bytes[65536];
    struct batches r;
    batches_init(&r, source, 1);
    int result = batches_next(&r, ret_packet);
    if (result == 1) {
        uint32_t n = ret_packet->captured_bytes;
        if (n > 0)
            memcpy(bytes, ret_packet->data, n < sizeof(bytes) ? n : sizeof(bytes));
        ret_packet->data = bytes;
    }
    batches_fini(&r);
    return result;
}

#endif
