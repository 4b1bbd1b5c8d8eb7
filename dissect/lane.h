/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_LANE_H
#define DISSECT_LANE_H

#include "base/limits.h"
#include "dissect/record.h"

/*
 * What one dissector tells about a batch of packets, kept until it is its turn among those of the
 * other dissectors. What it says belongs to a step; steps are numbered in the order of the capture,
 * and played one by one.
 *
 * One thread writes or reads a lane at a time.
 */

struct lane_chunk;

/* Private; zeroed memory is an empty lane. */
struct lane {
    struct lane_chunk *first, *writing, *reading;
    uint32_t read;    /* bytes of the chunk that is being read */
    uint32_t step;    /* of what is written now */
    uint32_t written; /* the step of what was written last, plus 1; 0: nothing was */
    uint32_t due;     /* the step of what is to be told next, plus 1; 0: not known */
};

/* What is written from now on belongs to that step; not less than the one before. */
static inline void lane_step(struct lane *l, uint32_t step)
{
    l->step = step;
}

/* Whether anything of that step was written. */
static inline bool lane_has_step(const struct lane *l)
{
    return l->written == l->step + 1;
}

/* Where the next record may be written, if nothing else is written before; lane_record() then does
 * not copy it. NULL: out of memory. */
struct record *lane_room(struct lane *l);

/* Both copy, but for what is in its place already. Returns 0, or ERR_NOMEM: it is not kept. */
int lane_record(struct lane *l, const struct record *r);
int lane_packet(struct lane *l, const struct stream_packet *p);

/* The bytes that a record takes. */
uint32_t lane_record_bytes(const struct record *r);

/* lane_play() where it is not known that there is nothing. */
void lane_play_step(struct lane *l, uint32_t step, const struct record_sink *to);

/* Tells what belongs to that step and was not told yet, in the order it was written; steps are
 * asked for in ascending order. */
static inline void lane_play(struct lane *l, uint32_t step, const struct record_sink *to)
{
    if (l->due == step + 1 || l->due == 0)
        lane_play_step(l, step, to);
}

/* The record that is told next; NULL: none is left, or a packet is. */
const struct record *lane_next(struct lane *l);

/* Empties the lane; some memory is kept for the next batch. */
void lane_clear(struct lane *l);

void lane_fini(struct lane *l);

#endif
