/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How far the reading of files has come, on one line of standard error that is rewritten in place.
 * Nothing is ever written unless progress_init() was told that a person is watching.
 */
struct progress {
    bool enabled;
    bool shown; /* a line stands there */
    int64_t start_ns;
    int64_t next_ns; /* not before this time again */
};

#define PROGRESS_TEXT_BYTES 80

/* Monotonic clock; used by front ends only. */
int64_t progress_clock_ns(void);

/* now_ns: by progress_clock_ns(), as in all calls. Not enabled: shows nothing. */
void progress_init(struct progress *p, bool enabled, int64_t now_ns);

/* read_bytes of total_bytes (0: not known) are done. Writes at most four times a second and not in
 * the first half second, so that short files stay silent. */
void progress_update(struct progress *p, uint64_t read_bytes, uint64_t total_bytes, int64_t now_ns);

/* Takes the line away, before anything else is written to the terminal. */
void progress_clear(struct progress *p);

/* The line's text: "47 %  123 MB/s". Returns text. */
const char *progress_text(uint64_t read_bytes, uint64_t total_bytes, int64_t elapsed_ns,
                          char text[PROGRESS_TEXT_BYTES]);

#endif
