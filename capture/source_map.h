/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_MAP_H
#define CAPTURE_SOURCE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Private to source*.c: the bytes of a regular file without a copy, by windows of a map of it. A
 * few megabytes of it are in memory at a time, whatever the size of the file.
 *
 * Whoever else writes to the file changes the bytes of a window. Where the file is cut short, or
 * cannot be read, while a window is in use, the bytes that are gone are zeros from then on, and the
 * map has failed: no access crashes, from any thread.
 */

struct source_map;

#define SOURCE_MAP_WINDOW_BYTES (1u << 20)

/* NULL: not possible now, or no memory. */
struct source_map *source_map_new(void);
void source_map_free(struct source_map *m); /* NULL is allowed */

/* Makes the file's bytes from offset on readable, n of them (at most SOURCE_MAP_WINDOW_BYTES),
 * fewer at its end. What was a window before is none any more. Returns how many; 0: there are none,
 * or they have to be read. fd: the same file each time. */
size_t source_map_window(struct source_map *m, int fd, uint64_t offset, size_t n,
                         const uint8_t **ret_bytes);

/* True if bytes of a window were gone when they were looked at. */
bool source_map_failed(const struct source_map *m);

#endif
