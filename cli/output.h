/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Where results go: standard output or the file of -o. Remembers the first failure, so that a
 * writer asks once per line whether to go on, and a full disk is told once and never lost.
 */
struct output {
    FILE *file;       /* to be written to */
    const char *name; /* for messages */
    int fd;
    int error; /* errno of the first failure; 0 = none */
};

/* path: NULL or "-" for standard output; borrowed. lines: write out after every line. *o must stay
 * where it is until output_close(). Returns 0, or after a message ERR_PERMISSION, ERR_NOT_FOUND,
 * ERR_IO or ERR_NOMEM; then there is nothing to close. */
int output_open(struct output *o, const char *path, bool lines);

/* Writes n bytes; ctx: the output. */
void output_take(void *ctx, const char *bytes, size_t n);

/* False once a write failed; later writes are pointless. */
bool output_ok(const struct output *o);

/* Writes out the rest and closes. Returns an exit code: 0, also when the reader closed its pipe;
 * else EXIT_FAILED after a message. */
int output_close(struct output *o);

#endif
