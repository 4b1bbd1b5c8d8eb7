/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_DISSECTOR_H
#define DISSECT_DISSECTOR_H

#include "base/hash.h"
#include "base/limits.h"
#include "capture/stream.h"
#include "dissect/record.h"

/*
 * The listener of a capture engine: recognises each connection's transport by its bytes and turns
 * them into records. Knows one connection at a time; everything that spans connections is the
 * tracker's.
 */

struct dissector;

/* What came before and is compared instead of read: heads and texts. */
struct dissector_memo;

/* NULL: out of memory. */
struct dissector_memo *dissector_memo_new(void);
void dissector_memo_free(struct dissector_memo *memo); /* NULL is allowed */

struct dissector_config {
    struct hash_key hash;
    struct dissector_memo *memo; /* for all dissectors of this key that one thread calls, which it
                                    outlives; NULL: each has its own */
    uint32_t shards; /* as many dissectors share the caps on memory; 0: it is the only one */
    const struct limits_caps *caps; /* NULL: limits_constants; looked at by dissector_new() only */
};

/* sink and hit must outlive the dissector. NULL: out of memory. */
struct dissector *dissector_new(const struct dissector_config *config,
                                const struct record_sink *sink, struct limits_hit *hit);

/* The sink to hand to engine_new(); valid as long as the dissector. */
const struct stream_sink *dissector_stream_sink(struct dissector *d);

/* Bytes of memory that it holds for connections; valid as long as the dissector. */
const uint64_t *dissector_state_bytes(const struct dissector *d);

void dissector_free(struct dissector *d); /* after the end of all connections; NULL is allowed */

#endif
