/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/*
 * Large pages for a heap that grows large.
 *
 * What a hundred thousand connections take is gone through in no order, and a processor knows where
 * some thousand pages lie. The C library does not ask the system for large pages by itself; here it
 * is asked, once the heap has HEAP_LARGE_BYTES, for all that it grows by from then on. Where system
 * or library do not know how, nothing happens.
 */

#define HEAP_LARGE_BYTES (8 << 20) /* smaller ones are not worth the time to clear whole pages */

/* Private. One for a process. */
struct heap {
    char *begin, *end; /* of the heap, as far as it is known */
};

void heap_init(struct heap *h);

/* To be called now and then, by one thread at a time, while connections are made. */
void heap_look(struct heap *h);

#endif
