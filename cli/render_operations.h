/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_RENDER_OPERATIONS_H
#define CLI_RENDER_OPERATIONS_H

#include "grid.h"
#include <jansson.h>

#define RENDER_OPERATIONS_COLUMNS 16

/* The table of protocol_metrics.operations, its first `most` rows. titles: filled in here, must
 * outlive the grid. NULL: out of memory, as grid_print() says. */
struct grid *render_operations(const json_t *operations, size_t most,
                               struct grid_column titles[RENDER_OPERATIONS_COLUMNS]);

#endif
