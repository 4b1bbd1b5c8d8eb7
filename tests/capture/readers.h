/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_CAPTURE_READERS_H
#define TESTS_CAPTURE_READERS_H

/* Compares what the block reader makes of a capture, whether from a file, a compressed one, or a
 * pipe that is written to in pieces, with what libpcap alone does. */

#include "base/err.h"
#include "capture/source.h"
#include "capture/source_internal.h"
#include "capture_files.h"
#include "tests/support/fail_alloc.h"
#include <sys/wait.h>
#include <zlib.h>
#include <zstd.h>

#define MAX_BYTES 2100000u

static uint8_t file[MAX_BYTES];
static size_t file_bytes;
static char error[SOURCE_ERROR_BYTES];

static inline void add(const struct bytes *b)
{
    cr_assert_leq(file_bytes + b->n, sizeof(file));
    memcpy(file + file_bytes, b->data, b->n);
    file_bytes += b->n;
}

/* A file of records of any length, of nothing that a frame has. */
static inline void begin_lengths(void)
{
    const uint32_t head[6] = {MAGIC_US, 2 | 4 << 16, 0, 0, 1000000, EN10MB};
    memcpy(file, head, sizeof(head));
    file_bytes = sizeof(head);
}

static inline void add_length(uint32_t i, uint32_t n)
{
    const uint32_t record[4] = {i, i, n, n};
    cr_assert_leq(file_bytes + sizeof(record) + n, sizeof(file));
    memcpy(file + file_bytes, record, sizeof(record));
    memset(file + file_bytes + sizeof(record), (int)i, n);
    file_bytes += sizeof(record) + n;
}

/* How the block reader gets a file. */
enum way { PLAIN, GZIP, ZSTD, PIPE, WAYS };

static uint8_t packed[MAX_BYTES + 4096];
static size_t packed_bytes; /* of the last one that was compressed */
static size_t piece = 5000; /* what a pipe's writer writes at once */

static inline void pack(enum way way, const uint8_t *bytes, size_t n)
{
    if (way == ZSTD) {
        packed_bytes = ZSTD_compress(packed, sizeof(packed), bytes, n, 1);
        cr_assert(!ZSTD_isError(packed_bytes));
        return;
    }
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)n};
    cr_assert_eq(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed_bytes = sizeof(packed) - z.avail_out;
    deflateEnd(&z);
}

static pid_t writer;
static int reading;

/* Of a writer whose bytes nobody wants any more, too. */
static inline void end_writer(void)
{
    close(reading);
    waitpid(writer, NULL, 0);
}

/* The path of a pipe to which another process writes. */
static inline const char *write_pipe(const uint8_t *bytes, size_t n)
{
    static char path[32];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    reading = ends[0];
    writer = fork();
    cr_assert_geq(writer, 0);
    if (writer == 0) {
        close(ends[0]);
        for (size_t at = 0, left = n; left > 0; left = n - at) {
            ssize_t done = write(ends[1], bytes + at, left < piece ? left : piece);
            if (done < 0)
                break;
            at += (size_t)done;
        }
        _exit(0);
    }
    close(ends[1]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", reading);
    return path;
}

static inline const char *hand_in(enum way way, size_t n)
{
    switch (way) {
    case PIPE:
        return write_pipe(file, n);
    case GZIP:
    case ZSTD:
        pack(way, file, n);
        return write_file("y", packed, packed_bytes);
    case PLAIN:
    case WAYS:
        break;
    }
    packed_bytes = n;
    return write_file("y", file, n);
}

static struct batch *block, *copy;

static inline void readers_make(void)
{
    directory_make();
    block = batch_new();
    copy = batch_new();
}

static inline void readers_unmake(void)
{
    batch_free(block);
    batch_free(copy);
    directory_remove();
}

static inline void compare_packet(const struct packet *p, const struct packet *q)
{
    cr_assert_eq(p->number, q->number);
    cr_assert_eq(p->ts_ns, q->ts_ns);
    cr_assert_eq(p->captured_bytes, q->captured_bytes);
    cr_assert_eq(p->wire_bytes, q->wire_bytes);
    cr_assert_eq(p->link_type, q->link_type);
    cr_assert_eq(memcmp(p->data, q->data, p->captured_bytes), 0);
}

static inline void compare_status(struct source *s, struct source *other, size_t bytes)
{
    struct source_status a, b;
    source_status(s, &a);
    source_status(other, &b);
    cr_assert_eq(a.packets, b.packets);
    cr_assert_eq(a.bytes, b.bytes);
    cr_assert_eq(a.cut_files, b.cut_files);
    const char *sentence = strchr(a.cut, ':'), *words = strchr(b.cut, ':');
    cr_assert_eq(!sentence, !words);
    if (sentence)
        cr_assert_str_eq(sentence, words);
    cr_assert(a.read_bytes == bytes || a.cut_files > 0);
}

/* Both sources to their ends. */
static inline void compare_sources(struct source *s, struct source *other, uint32_t max_packets)
{
    int result;
    uint32_t at = 0;
    copy->count = 0;
    while ((result = source_batch(s, block, max_packets)) == 1) {
        cr_assert(block->count > 0 && (max_packets == 0 || block->count <= max_packets));
        for (uint32_t i = 0; i < block->count; i++) {
            if (at == copy->count) {
                cr_assert_eq(source_batch(other, copy, max_packets ? max_packets + 1 : 0), 1);
                at = 0;
            }
            compare_packet(&block->packets[i], &copy->packets[at++]);
        }
    }
    cr_assert_eq(result, 0);
    cr_assert_eq(block->count, 0);
    cr_assert_eq(at, copy->count);
    cr_assert_eq(source_batch(other, copy, 0), 0);
}

/* The first n bytes of the file, read in blocks and by libpcap alone, in batches of at most so many
 * packets: same packets, same end. */
static inline void compare_way(enum way way, size_t n, uint32_t max_packets)
{
    struct source *s = NULL, *other = NULL;
    static char message[SOURCE_ERROR_BYTES];
    FILE *f = fopen(write_file("x", file, n), "rb");
    const char *path = hand_in(way, n);
    int result = source_open_files(&path, 1, NULL, error, &s);
    cr_assert_eq(source_open_stream(f, message, &other) != 0, result != 0, "%s", error);
    if (result == 0) {
        compare_sources(s, other, max_packets);
        compare_status(s, other, way == PIPE ? n : packed_bytes);
    }
    source_close(s);
    source_close(other);
    if (way == PIPE)
        end_writer();
}

static inline void compare_by(size_t n, uint32_t max_packets)
{
    for (enum way way = PLAIN; way < WAYS; way++)
        compare_way(way, n, max_packets);
}

static inline void compare(size_t n)
{
    compare_by(n, 0);
}

/* The file of so many packets: whatever allocation fails, they are all there, or it is said to be
 * for want of memory. */
static inline void read_with_failing_allocations(enum way way, uint32_t packets)
{
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct source *s = NULL;
        const char *path = hand_in(way, file_bytes);
        fail_alloc_at(n);
        int result = source_open_files(&path, 1, NULL, error, &s);
        if (result == 0)
            result = source_batch(s, block, 0);
        failed = fail_alloc_stop();
        cr_assert(result == ERR_NOMEM || (result == 1 && block->count == packets), "%d", result);
        cr_assert(result == 1 || failed);
        source_close(s);
        if (way == PIPE)
            end_writer();
    }
}

#endif
