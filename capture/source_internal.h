/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SOURCE_INTERNAL_H
#define CAPTURE_SOURCE_INTERNAL_H

#include "capture/source.h"
#include <stdio.h>

/* An entry for the tests and the fuzzers, which have a capture in memory. */

/* As source_open_files() on one file without a filter, read from file (uncompressed), which is
 * closed by source_close() or by a failure. */
int source_open_stream(FILE *file, char error[SOURCE_ERROR_BYTES], struct source **ret_source);

#endif
