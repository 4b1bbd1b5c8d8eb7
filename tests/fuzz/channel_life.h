/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_CHANNEL_LIFE_H
#define TESTS_FUZZ_CHANNEL_LIFE_H

#include "dissect/record.h"
#include <stdlib.h>
#include <string.h>

/* A listener that aborts when records do not keep to the life of a channel: BEGIN, at most one
 * HEAD, END. */

#define CHANNEL_LIFE_MAX 4096

static uint8_t channel_life[CHANNEL_LIFE_MAX]; /* 0 new, 1 begun, 2 head seen, 3 ended */

static inline void channel_life_record(void *ctx, struct record *r)
{
    (void)ctx;
    if (r->type == RECORD_CONN || r->channel >= CHANNEL_LIFE_MAX)
        return;
    uint8_t *state = &channel_life[r->channel];
    if (r->channel == 0 || *state == 3 || (*state == 0) != (r->type == RECORD_BEGIN))
        abort();
    if (r->type == RECORD_BEGIN)
        *state = 1;
    if (r->type == RECORD_HEAD && (*state)++ != 1)
        abort();
    if (r->type == RECORD_END)
        *state = 3;
}

static inline void channel_life_begin(void)
{
    memset(channel_life, 0, sizeof(channel_life));
}

/* Whatever has begun must have ended. */
static inline void channel_life_finish(void)
{
    for (size_t i = 0; i < CHANNEL_LIFE_MAX; i++)
        if (channel_life[i] != 0 && channel_life[i] != 3)
            abort();
}

#endif
