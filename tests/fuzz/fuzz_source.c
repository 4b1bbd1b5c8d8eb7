/* SPDX-License-Identifier: BSD-3-Clause */
/* The block reader gives what libpcap alone gives, of a file and of a pipe. */
#define _GNU_SOURCE 1 /* memfd_create() */
#include "capture/source_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIPE_BYTES 65536 /* what one holds without a reader */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A descriptor to read the bytes from. */
static int descriptor(const uint8_t *data, size_t n, bool piped)
{
    int ends[2] = {-1, -1};
    if (piped ? pipe(ends) != 0 : (ends[0] = ends[1] = memfd_create("capture", 0)) < 0)
        abort();
    ssize_t done = write(ends[1], data, n);
    assert(done == (ssize_t)n);
    if (piped)
        close(ends[1]);
    return ends[0];
}

static void same_packet(const struct packet *p, const struct packet *q)
{
    assert(p->number == q->number && p->ts_ns == q->ts_ns && p->link_type == q->link_type);
    assert(p->captured_bytes == q->captured_bytes && p->wire_bytes == q->wire_bytes);
    assert(memcmp(p->data, q->data, p->captured_bytes) == 0);
}

static void same_status(struct source *s, struct source *t)
{
    struct source_status a, b;
    source_status(s, &a);
    source_status(t, &b);
    assert(a.packets == b.packets && a.bytes == b.bytes && a.cut_files == b.cut_files);
    const char *words = strchr(a.cut, ':'), *others = strchr(b.cut, ':');
    assert(!words == !others && (!words || strcmp(words, others) == 0));
}

/* Batches of s are full sooner than those of t, or later: a packet of the one after the other. */
static void same_packets(struct source *s, struct source *t, uint32_t max_packets)
{
    struct batch *a = batch_new(), *b = batch_new();
    uint32_t at = 0;
    for (uint64_t number = 0;; number++) {
        source_prepare(s, a, number + number % 3);
        if (source_batch(s, a, max_packets) != 1)
            break;
        for (uint32_t i = 0; i < a->count; i++) {
            if (at == b->count) {
                int result = source_batch(t, b, 0);
                assert(result == 1);
                at = 0;
            }
            same_packet(&a->packets[i], &b->packets[at++]);
        }
    }
    assert(at == b->count && source_batch(t, b, 0) == 0);
    batch_free(a);
    batch_free(b);
}

static void compare(const uint8_t *data, size_t n, bool piped)
{
    char error[SOURCE_ERROR_BYTES], path[32];
    struct source *s = NULL, *t = NULL;
    int fd = descriptor(data, n, piped);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const char *paths[] = {path};
    int result = source_open_files(paths, 1, NULL, error, &s);
    FILE *file = fmemopen((void *)(uintptr_t)data, n, "r");
    int other = source_open_stream(file, error, &t);
    assert((result == 0) == (other == 0));
    if (result == 0) {
        same_packets(s, t, n % 3 == 0 ? 2 : 0);
        same_status(s, t);
    }
    source_close(s);
    source_close(t);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    /* What is compressed is libpcap's only after it was decoded. */
    bool coded = n >= 2 && ((data[0] == 0x1f && data[1] == 0x8b) || data[0] == 0x28 ||
                            (data[0] & 0xf0) == 0x50);
    if (n == 0 || n > PIPE_BYTES || coded)
        return 0;
    compare(data, n, false);
    compare(data, n, true);
    return 0;
}
