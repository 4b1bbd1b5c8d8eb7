/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/hash.h"
#include <stddef.h>
#include <stdint.h>

/*
 * A hash table of fixed capacity whose entries are also in a list from oldest to newest. When it is
 * full, inserting drops the oldest entry.
 *
 * An entry is a block of entry_bytes whose first key_bytes are its key (compared with memcmp, so
 * keys have no padding). An entry's address does not change until it is removed. Memory grows in
 * slabs up to the capacity and is kept until table_free(). Where key_bytes is 0 there is the list
 * alone: nothing is found, and table_insert() ignores its key. The order of the list, never that of
 * the buckets, is visible to callers.
 */

struct table;

struct table_config {
    uint32_t max_entries; /* 1 to 2^24 - 1 */
    uint32_t entry_bytes;
    uint32_t key_bytes; /* at most entry_bytes */
    struct hash_key hash;
    /* Called for an entry that is dropped to make room, before it goes; may be NULL. It must not
     * touch the table. Not called by table_remove() or table_free(). */
    void (*evict)(void *ctx, void *entry);
    void *ctx;
};

/* NULL: out of memory. */
struct table *table_new(const struct table_config *config);
void table_free(struct table *t); /* NULL is allowed */

/* The entry with that key, or NULL. */
void *table_find(const struct table *t, const void *key);

/* Adds an entry that is not there yet as the newest: key copied, the rest zero.
 * Returns 0 or ERR_NOMEM. */
int table_insert(struct table *t, const void *key, void **ret_entry);

/* The same, but the entry will not be found by its key. */
int table_insert_unfound(struct table *t, const void *key, void **ret_entry);

/* The entry with that key, which is added as by table_insert() if it is not there yet. Returns 1 if
 * it was added, 0 if it was there, or ERR_NOMEM. */
int table_take(struct table *t, const void *key, void **ret_entry);

/* Makes the entry the newest. */
void table_touch(struct table *t, void *entry);

/* The key of a removed entry is all zeros until its place is taken, and its memory stays until
 * table_free(): who knows where an entry was may look there, and compare the key. */
void table_remove(struct table *t, void *entry);

/* Walk from oldest to newest; NULL at the end. The current entry may be removed after its
 * successor was asked for. */
void *table_oldest(const struct table *t);
void *table_next(const struct table *t, const void *entry);

uint32_t table_count(const struct table *t);

#endif
