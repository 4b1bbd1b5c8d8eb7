/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Blocks from which jansson's memory is cut, see the header. jansson passes nothing on to an
 * allocator, so the blocks hang on static variables.
 *
 * To touch a page for the first time takes longer than to fill it. So a report that turns out to be
 * large is given large pages, where the system has some; else the same blocks of ordinary ones.
 *
 * Limits: what is freed in between, such as the table that an object outgrew, stays until the end.
 */
#include "report_memory.h"
#include <jansson.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BLOCK_BYTES 65536
#define BLOCKS      16        /* of them; a large page takes longer to clear than these to fill */
#define LARGE_BYTES (2 << 20) /* a block and a page from then on */

struct block {
    struct block *next;
    size_t used, room; /* bytes */
    alignas(max_align_t) uint8_t bytes[];
};

static struct block *newest;
static unsigned block_count;
static json_malloc_t malloc_before;
static json_free_t free_before;

static void *large_page(void)
{
    void *page = aligned_alloc(LARGE_BYTES, LARGE_BYTES);
#ifdef MADV_HUGEPAGE
    if (page)
        (void)madvise(page, LARGE_BYTES, MADV_HUGEPAGE);
#endif
    return page;
}

/* With room for n bytes. */
static struct block *add_block(size_t n)
{
    bool large = block_count >= BLOCKS;
    size_t usual = large ? LARGE_BYTES : BLOCK_BYTES, bytes = sizeof(struct block) + n;
    if (bytes < usual)
        bytes = usual;
    struct block *block = large && bytes == usual ? large_page() : malloc(bytes);
    if (!block)
        return NULL;
    *block = (struct block){.next = newest, .room = bytes - sizeof(*block)};
    newest = block;
    block_count++;
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
    block_count = 0;
}
