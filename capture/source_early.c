/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A batch of the usual size ends at a multiple of that in the file (source_block_end_from()), so
 * where those behind it begin is known but for the beginning of a record that is cut there, which
 * is short, and is read when it is known. The guess is wrong where batches end by their number of
 * packets, at the file's end, and where somebody wants fewer packets than there are.
 *
 * The descriptor is a copy, since the source closes its own at the end of the file, while others
 * may still be reading here.
 */
#include "source_early.h"
#include "source_block.h"
#include <fcntl.h>
#include <unistd.h>

void source_early_init(struct source_early *e)
{
    *e = (struct source_early){.fd = -1};
    pthread_mutex_init(&e->lock, NULL);
}

void source_early_fini(struct source_early *e)
{
    pthread_mutex_destroy(&e->lock);
    if (e->fd >= 0)
        close(e->fd);
}

void source_early_expect(struct source_early *e, int fd, uint64_t number, uint64_t start)
{
    pthread_mutex_lock(&e->lock);
    if (e->fd < 0 && fd >= 0)
        e->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    e->known = e->fd >= 0 && fd >= 0;
    e->number = number;
    e->start = start;
    pthread_mutex_unlock(&e->lock);
}

void source_early_read(struct source_early *e, struct batch *b, uint64_t number)
{
    pthread_mutex_lock(&e->lock);
    int fd = e->known && number >= e->number ? e->fd : -1;
    uint64_t start = e->start, behind = number - e->number;
    pthread_mutex_unlock(&e->lock);
    b->early_bytes = 0;
    if (fd < 0)
        return;
    uint64_t end = source_block_end_from(start) + behind * BATCH_BYTES;
    uint64_t from = end - BATCH_BYTES;
    if (from < start)
        from = start - start % BATCH_PAGE_BYTES;
    ssize_t got = pread(fd, b->memory + BATCH_LEAD_BYTES, (size_t)(end - from), (off_t)from);
    b->early_offset = from;
    b->early_bytes = got > 0 ? (uint32_t)got : 0;
}
