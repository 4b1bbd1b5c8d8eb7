/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_SUPPORT_CUTS_H
#define TESTS_SUPPORT_CUTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The every-cut harness: a push parser must give the same events however its input is cut. run is
 * called with a fresh log for each way to cut; it must parse the pieces in order and write the
 * events as text with cuts_log(). cuts_check() compares every log with that of the uncut input:
 * byte by byte, and in two pieces at every position. Returns NULL, or a description of the first
 * difference (static storage).
 */

struct cuts_piece {
    const uint8_t *bytes;
    size_t n;
};

struct cuts_log {
    char text[65536];
    size_t len;
};

void cuts_log(struct cuts_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef void (*cuts_run_fn)(const struct cuts_piece *pieces, size_t count, struct cuts_log *log,
                            void *ctx);

const char *cuts_check(const uint8_t *input, size_t n, cuts_run_fn run, void *ctx);

#endif
