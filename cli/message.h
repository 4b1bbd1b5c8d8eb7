/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <stdbool.h>

/*
 * What the program says to its user on standard error: one line each, `mcpmeter: what: what to do`.
 * Control characters in it (file names, libpcap's words) are escaped.
 */

/* Something went wrong; always printed. */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something worth knowing; not printed after message_be_quiet(). */
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_be_quiet(bool quiet);

#endif
