/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * A table of text cells that is printed in columns as wide as their widest cell. When that is more
 * than the terminal has, the widest left-aligned columns are shortened. Memory shortage is
 * remembered and told by grid_print(), so that filling in needs no checks.
 */

struct grid;

struct grid_column {
    const char *title; /* "" in all columns: no title line */
    bool left;         /* aligned; numbers are not */
    bool keep;         /* shortened last, after all that are not to be kept */
};

struct grid_style {
    size_t width;  /* of the terminal, in columns */
    size_t indent; /* blanks before each line */
    bool bold;     /* the title line */
};

/* columns, at most 16, outlive the grid. NULL: out of memory. All others take NULL and then do
 * nothing. */
struct grid *grid_new(const struct grid_column *columns, size_t column_count);
void grid_free(struct grid *g);

/* Fills in the next cell, from left to right, row after row. Text is escaped already. */
void grid_cell(struct grid *g, const char *text);

/* The same with bytes from the wire, which are escaped here. */
void grid_cell_raw(struct grid *g, const char *bytes, size_t n);

/* Complete rows so far. */
size_t grid_rows(const struct grid *g);

/* Prints titles and rows. Returns 0 or ERR_NOMEM (also for a NULL grid). */
int grid_print(const struct grid *g, FILE *stream, const struct grid_style *style);

#endif
