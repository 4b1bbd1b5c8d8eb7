/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_STREAM_H
#define CAPTURE_SOURCE_STREAM_H

#include "capture/source.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * Private to source*.c: a capture file as a stdio stream that libpcap can read: decompressed,
 * counted, interruptible, and without holding a descriptor for good. Knows nothing of packets.
 *
 * Regular files share a pool of at most SOURCE_STREAM_MAX_OPEN descriptors: one that is needed by
 * another stream is closed, and opened again at its place at the next read. Standard input and
 * other things that cannot be opened twice keep theirs.
 */

#define SOURCE_STREAM_MAX_OPEN                                                                     \
    32 /* far below the usual 1024, and files rarely overlap that much                             \
        */

struct source_stream;

/* What is remembered of an input between two openings. Zeroed but for path at first. */
struct source_stream_input {
    char *path;          /* "-": standard input */
    uint64_t size_bytes; /* regular files; else 0 */
    uint64_t device, inode;
    bool regular;
    bool seen; /* the above is valid, and opening checks that it is still the same file */
};

struct source_stream_pool {
    struct source_stream *newest, *oldest; /* those that hold a descriptor that may be closed */
    uint32_t open;
    uint64_t closed_bytes; /* offsets of the streams that were closed */
    atomic_bool broken;    /* set: every read fails */
};

enum source_stream_end {
    SOURCE_STREAM_GOOD,    /* not at its end, or at a proper one */
    SOURCE_STREAM_CUT,     /* the compressed data ended too early */
    SOURCE_STREAM_SHORTER, /* the file lost bytes while it was read */
    SOURCE_STREAM_DAMAGED, /* the compressed data is not valid */
    SOURCE_STREAM_FAILED   /* the system refused a read; see source_stream_errno() */
};

struct source_stream_options {
    size_t buffer_bytes;
    bool keep; /* it is the only one: it may be read past stdio */
};

/* Opens input. *ret_file is to be closed first, then *ret_stream. On failure writes one line into
 * error. Returns 0, ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO, ERR_FORMAT (directory, empty, a
 * compression that is not read here) or ERR_NOMEM. */
int source_stream_open(struct source_stream_pool *pool, struct source_stream_input *input,
                       const struct source_stream_options *options, char error[SOURCE_ERROR_BYTES],
                       struct source_stream **ret_stream, FILE **ret_file);
void source_stream_close(struct source_stream *s); /* NULL is allowed */

/* Of a stream that is the only one (`keep`): until this is called, stdio reads no more ahead than 4
 * bytes, so that past it can be gone on where its reader is. *ret_bytes: what was read up to here,
 * borrowed from the stream. Returns how much that is, or 0 if it was more than LIMIT_DESCRIPTIONS.
 */
size_t source_stream_opened(struct source_stream *s, const uint8_t **ret_bytes);

/* ---- past stdio, while that has nothing in its buffer; of a stream that is the only one */

/* Where in a page of memory the next bytes are best put: as in the file, which the system copies
 * fastest. */
size_t source_stream_place(const struct source_stream *s);

/* Reads what is in hand or there, decompressed; waits only if that is nothing, and notices no end
 * before. Returns the bytes read, 0 at the end, -1 when it failed or the pool is broken. */
ssize_t source_stream_read(struct source_stream *s, uint8_t *out, size_t n);

/* The descriptor of a regular file that is not compressed, whose next byte to read is the one at
 * source_stream_offset(), and whose descriptor stays; else -1. */
int source_stream_fd(const struct source_stream *s);

/* Of such a file: takes n bytes that were read by its descriptor. */
void source_stream_skip(struct source_stream *s, size_t n);

/* Gives back the last n bytes that were read: they will be read again, past stdio or by it. At most
 * BATCH_MEMORY_BYTES at a time, before it is read on. */
void source_stream_unread(struct source_stream *s, const uint8_t *bytes, size_t n);

/* Has bytes read next that are none of the file's there: at most LIMIT_DESCRIPTIONS, once. */
void source_stream_insert(struct source_stream *s, const uint8_t *bytes, size_t n);

/* ---- asking */

/* True if reading may wait for somebody who writes: it is no regular file. */
bool source_stream_waits(const struct source_stream *s);

/* Bytes, uncompressed, that were read but not taken by the stdio stream: where reading may wait,
 * all that there are. *ret_bytes is borrowed until that is read. Returns their number. */
size_t source_stream_ahead(const struct source_stream *s, const uint8_t **ret_bytes);

/* How it ended, if it did. */
enum source_stream_end source_stream_end(const struct source_stream *s);
int source_stream_errno(const struct source_stream *s);

/* "gzip", "zstd" or "" when it is not compressed; static storage. */
const char *source_stream_coding(const struct source_stream *s);

/* Bytes read of the input so far, before decompression. */
uint64_t source_stream_offset(const struct source_stream *s);

#define SOURCE_STREAM_NAME_BYTES 256

/* A path for a sentence: one line, the tail of a very long one; "standard input" for "-". */
const char *source_stream_name(const char *path, char text[SOURCE_STREAM_NAME_BYTES]);

#endif
