/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include "capture/batch.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where packets come from: capture files or a live interface, through libpcap (and only here). Of a
 * file that is the only one, what is as usual is read without it, several times as fast; packets,
 * times, errors and ends are the same.
 *
 * Files: pcap and pcapng of either byte order, in micro- or nanoseconds, plain or compressed with
 * gzip or zstd (told by their magic, not their name), "-" for standard input. Several files are one
 * stream ordered by time: each file's first packet decides when it joins, equal times keep the
 * order in which the files were named, and inside one file the file's own order is kept. A file is
 * opened no earlier than needed, so thousands of rotated files need only a few descriptors.
 *
 * A file that ends inside a record gives its packets up to there; source_batch() then goes on with
 * the other files and source_status() tells which was cut. A file that cannot be opened, or is no
 * capture file, fails source_open_files().
 *
 * A live interface may have several sockets, among which the kernel shares the packets out; they
 * come by time, as from one.
 *
 * This module does not print. It reads a clock for a live interface only.
 */

struct source;

#define SOURCE_ERROR_BYTES 512

/* libpcap's own default is 2 MiB, which a burst fills in a few milliseconds. */
#define SOURCE_LIVE_BUFFER_BYTES (16u << 20)

#define SOURCE_LIVE_SOCKETS_MAX 4

struct source_live_options {
    uint32_t snap_bytes;   /* 0: 262144 */
    uint32_t buffer_bytes; /* kernel buffer, of each socket; 0: SOURCE_LIVE_BUFFER_BYTES */
    uint32_t sockets;      /* at most SOURCE_LIVE_SOCKETS_MAX; 0: 1 */
    bool promiscuous;
    int timeout_ms; /* longest wait for one batch of packets; 0: 100 */
};

struct source_status {
    uint64_t packets;             /* delivered so far */
    uint64_t bytes;               /* their original lengths */
    uint64_t read_bytes;          /* of the input files, compressed bytes where compressed */
    uint64_t total_bytes;         /* of the input files; 0 when unknown (standard input, live) */
    uint64_t dropped;             /* by kernel and interface; live only */
    bool dropped_known;           /* false: dropped is meaningless (files) */
    uint32_t cut_files;           /* files that ended inside a record or a compressed block */
    char cut[SOURCE_ERROR_BYTES]; /* the first of them, as a sentence; "" if none */
};

/* Opens count files as one stream. filter: BPF expression or NULL. Strings are borrowed for the
 * call. On failure writes one line without a newline into error, naming the file and what is wrong.
 * Returns 0, ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO, ERR_FORMAT (no capture file), ERR_CUT (a
 * compressed one that ends before its first packet), ERR_ARGUMENT (bad filter), ERR_LIMIT
 * (LIMIT_INPUT_FILES), ERR_NOMEM. */
int source_open_files(const char *const *paths, size_t count, const char *filter,
                      char error[SOURCE_ERROR_BYTES], struct source **ret_source);

/* Opens a live interface; times in nanoseconds where the kernel gives them. Returns 0,
 * ERR_NOT_FOUND (no such interface), ERR_PERMISSION, ERR_ARGUMENT (bad filter), ERR_UNSUPPORTED
 * (link type; the kernel cannot share the packets out), ERR_IO, ERR_NOMEM; error as above. */
int source_open_live(const char *interface, const char *filter,
                     const struct source_live_options *options, char error[SOURCE_ERROR_BYTES],
                     struct source **ret_source);

/* Fills b with the next packets, at most max_packets (0, or beyond BATCH_PACKETS: that many). What
 * was read before an error or the end is delivered first. It waits for the first packet only: the
 * others are those that are there (live, pipes).
 * Returns 1 = at least one packet, 0 = the end (files) or nothing within the time-out (live: call
 * again), ERR_INTERRUPTED after source_break(), ERR_IO (live interface went away; error text in
 * source_status().cut), ERR_NOMEM; then the batch is empty. */
int source_batch(struct source *s, struct batch *b, uint32_t max_packets);

/* Begins with a batch whose turn will come: reads what the one with that number (by calls of
 * source_batch(), from 0 on) will be made of, as far as that can be guessed, which is of a plain
 * file that is the only one and not filtered. By any thread, while others fill or prepare other
 * batches. source_batch() takes of it what was guessed right: what the batch will hold does not
 * depend on it. */
void source_prepare(struct source *s, struct batch *b, uint64_t number);

/* Makes a source_batch() that waits or runs return ERR_INTERRUPTED soon. Safe in a signal handler.
 */
void source_break(struct source *s);

void source_status(struct source *s, struct source_status *ret_status);

/* The link types seen so far (DLT_* values), in order of appearance; returns how many were written
 * into types, at most max. */
size_t source_link_types(const struct source *s, int *types, size_t max);

void source_close(struct source *s); /* NULL is allowed */

/* "EN10MB" for 1, as libpcap spells it; "UNKNOWN(n)" is written into text when it has no name. */
const char *source_link_type_name(int link_type, char text[32]);

/* The libraries that read captures, each with its version, a line each without a newline behind the
 * last; static storage. */
const char *source_libraries(void);

/* True if text begins like a BPF filter expression: its first word is a keyword of the filter
 * language. Does no look-ups. */
bool source_looks_like_filter(const char *text);

struct source_interface {
    char name[64];
    char description[128]; /* "" if none */
    char addresses[256];   /* comma-separated, "" if none */
    bool up, running, loopback;
};

/* Lists interfaces into a new array, which the caller frees with free().
 * Returns their number, or ERR_PERMISSION, ERR_IO, ERR_NOMEM with error filled in. */
int source_interfaces(char error[SOURCE_ERROR_BYTES], struct source_interface **ret_list);

#endif
