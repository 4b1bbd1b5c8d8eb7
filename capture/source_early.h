/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_EARLY_H
#define CAPTURE_SOURCE_EARLY_H

#include "capture/batch.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Private to source*.c: bytes of a file that are read into a batch before it is known where the
 * batch begins, by any number of threads at once. That is a guess, which costs a reading where it
 * is wrong; who fills the batch (source_block.h) takes of it what is right.
 */

struct source_early {
    pthread_mutex_t lock;
    int fd;          /* its own; -1: there was nothing to be read early so far */
    bool known;      /* the following is valid */
    uint64_t number; /* of the batch that begins at `start` */
    uint64_t start;
};

void source_early_init(struct source_early *e);
void source_early_fini(struct source_early *e);

/* The batch with that number begins at that offset of the file, which is the same each time and may
 * be closed afterwards; those behind it as blocks usually do. fd -1: there is nothing to be read
 * early. */
void source_early_expect(struct source_early *e, int fd, uint64_t number, uint64_t start);

/* Reads what the batch with that number will probably be made of. */
void source_early_read(struct source_early *e, struct batch *b, uint64_t number);

#endif
