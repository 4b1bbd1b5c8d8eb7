/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Values as people read them, and bytes from the wire made safe for a terminal.
 *
 * Everything here is independent of the user's locale, so that the same capture gives the same
 * text everywhere. show_setup() must have been called once.
 */

/* Fits every result of the formatting functions below. */
#define SHOW_VALUE_BYTES 32

/* Longest escaped form of n bytes, with the terminating NUL. */
#define SHOW_ESCAPED_BYTES(n) (4 * (n) + 1)

/* Selects the character tables that show_escape() uses. */
void show_setup(void);

/* A duration with three significant digits: "812 ns", "1.23 ms", "12.3 s", "2m05s", "1h02m",
 * "3d04h"; "-" when it is not a number (not known). Returns text. */
const char *show_duration(double seconds, char text[SHOW_VALUE_BYTES]);

/* A size in decimal units: "153 B", "12.3 kB", "1.23 MB"; "-" when not a number. */
const char *show_size(double bytes, char text[SHOW_VALUE_BYTES]);

/* The same per second: "12.3 kB/s". */
const char *show_rate(double bytes_per_second, char text[SHOW_VALUE_BYTES]);

/*
 * Writes n bytes from the wire as text that a terminal cannot be steered with: characters that
 * occupy one or two columns stay, everything else (control characters, invisible and combining
 * characters, invalid UTF-8) becomes \n, \t or \xNN for each byte, and a backslash is doubled.
 * At most `size` bytes are written, NUL included; what does not fit is left out at a character's
 * border. Returns the columns written.
 */
size_t show_escape(char *text, size_t size, const char *bytes, size_t n);

/* The columns that an escaped, NUL-terminated text occupies. */
size_t show_columns(const char *escaped);

/* Shortens an escaped text in place to at most `columns`, which is at least 4, ending in "...". */
void show_shorten(char *escaped, size_t columns);

/* Writes n bytes to a stream, escaped, of any length. */
void show_put(FILE *stream, const char *bytes, size_t n);

#endif
