/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_TURNS_H
#define CAPTURE_TURNS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * In what order packets are handed over that come by several buffers of the kernel: by time, as if
 * there were one.
 *
 * A buffer gives its packets in order, but keeps one back for a while, until its block is full or
 * the block's time is over. So a packet's turn comes when each other buffer either shows a later
 * one, or had none at a time when all that came before the packet would have been there: hold_ns
 * after it. Nobody waits while all buffers have something.
 *
 * The clock that stamps packets may be set. At worst what the buffers have then is handed over out
 * of order; none is kept longer than hold_ns after that.
 *
 * Reads no clock: the caller tells the time, in nanoseconds of the clock that stamps packets.
 */

#define TURNS_MAX 4

struct turns {
    struct turn {
        bool ready;    /* shows a packet */
        int64_t at_ns; /* of that packet; else when the buffer was asked and had none */
    } of[TURNS_MAX];
    uint32_t count;
    int64_t hold_ns;
    int64_t now_ns;
};

/* count buffers, of which none was asked yet. */
void turns_init(struct turns *t, uint32_t count, int64_t hold_ns);

/* The time is that now. To be called before a buffer is asked; a time that is too early is as good,
 * but may keep packets longer. */
void turns_clock(struct turns *t, int64_t now_ns);

/* Buffer i shows a packet of that time, which has come: turns_clock() was told of a time not before
 * it, or the clock was set. */
void turns_ready(struct turns *t, uint32_t i, int64_t ts_ns);

/* Buffer i was asked since turns_clock() and has none. */
void turns_empty(struct turns *t, uint32_t i);

/* The buffer whose packet is next, of equal ones the first; -1: it is no packet's turn. The caller
 * takes the packet, asks the buffer and calls one of the two above. */
int turns_next(const struct turns *t);

/* In what time it will be the turn of the earliest packet at the latest, if the buffers without one
 * are asked then. INT64_MAX: none shows a packet. */
int64_t turns_due_in_ns(const struct turns *t);

/* From now on nothing is kept: buffers have come to an end. */
void turns_hurry(struct turns *t);

#endif
