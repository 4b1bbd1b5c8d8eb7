/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks from which jansson's memory is cut, see the header. jansson passes nothing on to an
 * allocator, so the blocks hang on a static variable.
 *
 * Limits: what is freed in between, such as the table that an object outgrew, stays until the end.
 */
#include "report_memory.h"
#include <jansson.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK_BYTES 65536

struct block {
    struct block *next;
    size_t used, room; /* bytes */
    alignas(max_align_t) uint8_t bytes[];
};

static struct block *newest;
static json_malloc_t malloc_before;
static json_free_t free_before;

static struct block *add_block(size_t n)
{
    size_t room = n > BLOCK_BYTES ? n : BLOCK_BYTES;
    struct block *block = malloc(sizeof(*block) + room);
    if (!block)
        return NULL;
    *block = (struct block){.next = newest, .room = room};
    newest = block;
    return block;
}

static void *take(size_t n)
{
    size_t bytes = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (bytes < n)
        return NULL;
    struct block *block = newest;
    if (!block || block->room - block->used < bytes)
        block = add_block(bytes);
    if (!block)
        return NULL;
    void *memory = block->bytes + block->used;
    block->used += bytes;
    return memory;
}

static void keep(void *memory)
{
    (void)memory;
}

void report_memory_begin(void)
{
    json_get_alloc_funcs(&malloc_before, &free_before);
    json_set_alloc_funcs(take, keep);
}

void report_memory_end(void)
{
    json_set_alloc_funcs(malloc_before, free_before);
    while (newest) {
        struct block *next = newest->next;
        free(newest);
        newest = next;
    }
}
