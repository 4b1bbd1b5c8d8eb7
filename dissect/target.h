/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_TARGET_H
#define DISSECT_TARGET_H

#include "base/hash.h"
#include <stdbool.h>

/*
 * What the target of an HTTP request names, as hashes: two targets are one if their hashes are
 * equal. Also what the URI of an `endpoint` event (HTTP+SSE) names, which may be relative to the
 * target of the request that its stream answers. Scheme and authority do not count.
 */

struct target {
    uint64_t dir;   /* up to and with the last slash in front of the query */
    uint64_t path;  /* in front of the query; in zeroed memory 0: not known */
    uint64_t whole; /* with the query */
};

/* The target of a request: n bytes of it, in origin form or absolute. */
void target_read(const struct hash_key *hash, const char *text, size_t n, struct target *ret);

/* What `uri` names (RFC 3986, section 5.2) on a stream that answers a request for *base: the
 * `whole` of requests sent there. False: cannot be known, because it goes up in the tree, has
 * another scheme, or is relative and *base is not known. */
bool target_resolve(const struct hash_key *hash, const struct target *base, const char *uri,
                    size_t n, uint64_t *ret_whole);

#endif
