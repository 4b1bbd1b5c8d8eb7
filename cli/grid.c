/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of text. All cells lie behind each other in one pool, in the order in which they were
 * filled in, so a big table costs two allocations that double, and is printed by one walk.
 */
#include "grid.h"
#include "base/err.h"
#include "show.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS  16
#define GAP          2   /* blanks between columns */
#define CELL_BYTES   640 /* longest cell: the longest name from the wire, escaped */
#define LEAST_SHRUNK 8   /* a shortened column keeps this many */
#define FIRST_BYTES  4096

struct grid {
    const struct grid_column *columns;
    size_t column_count;
    size_t widest[MAX_COLUMNS];
    char *pool; /* NUL-terminated cells */
    size_t pool_bytes, pool_used;
    size_t cells;
    bool any_title;
    bool no_memory;
};

struct grid *grid_new(const struct grid_column *columns, size_t column_count)
{
    assert(column_count >= 1 && column_count <= MAX_COLUMNS);
    struct grid *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->columns = columns;
    g->column_count = column_count;
    for (size_t i = 0; i < g->column_count; i++) {
        g->widest[i] = show_columns(columns[i].title);
        g->any_title |= columns[i].title[0] != '\0';
    }
    return g;
}

void grid_free(struct grid *g)
{
    if (g)
        free(g->pool);
    free(g);
}

static bool reserve(struct grid *g, size_t n)
{
    size_t wanted = g->pool_bytes ? g->pool_bytes : FIRST_BYTES;
    while (wanted - g->pool_used < n)
        wanted *= 2;
    if (wanted == g->pool_bytes)
        return true;
    char *pool = realloc(g->pool, wanted);
    if (!pool)
        return false;
    g->pool = pool;
    g->pool_bytes = wanted;
    return true;
}

void grid_cell(struct grid *g, const char *text)
{
    if (!g || g->no_memory)
        return;
    size_t n = strlen(text) + 1;
    if (!reserve(g, n)) {
        g->no_memory = true;
        return;
    }
    memcpy(g->pool + g->pool_used, text, n);
    g->pool_used += n;
    size_t column = g->cells++ % g->column_count;
    size_t columns = show_columns(text);
    if (columns > g->widest[column])
        g->widest[column] = columns;
}

void grid_cell_raw(struct grid *g, const char *bytes, size_t n)
{
    char text[CELL_BYTES];
    show_escape(text, sizeof text, bytes, n);
    grid_cell(g, text);
}

size_t grid_rows(const struct grid *g)
{
    if (!g)
        return 0;
    assert(g->column_count > 0);
    return g->cells / g->column_count;
}

static void print_cell(const struct grid *g, FILE *stream, size_t column, size_t width,
                       const char *text)
{
    char shortened[CELL_BYTES];
    size_t columns = show_columns(text);
    if (columns > width) {
        snprintf(shortened, sizeof shortened, "%s", text);
        show_shorten(shortened, width);
        text = shortened;
        columns = show_columns(text);
    }
    int pad = columns < width ? (int)(width - columns) : 0;
    bool last = column == g->column_count - 1;
    if (!g->columns[column].left)
        fprintf(stream, "%*s%s", pad, "", text);
    else
        fprintf(stream, "%s%*s", text, last ? 0 : pad, "");
    if (!last)
        fprintf(stream, "%*s", GAP, "");
}

/* The widest text column that can give way; column_count if there is none. */
static size_t widest_of(const struct grid *g, const size_t width[MAX_COLUMNS], bool kept)
{
    size_t widest = g->column_count;
    for (size_t i = 0; i < g->column_count; i++) {
        const struct grid_column *column = &g->columns[i];
        if (column->left && column->keep == kept && width[i] > LEAST_SHRUNK &&
            (widest == g->column_count || width[i] > width[widest]))
            widest = i;
    }
    return widest;
}

/* Takes from the widest text column, one by one, until the line fits; those that are to be kept
 * give way last. */
static void fit(const struct grid *g, const struct grid_style *style, size_t width[MAX_COLUMNS])
{
    size_t total = style->indent + GAP * (g->column_count - 1);
    for (size_t i = 0; i < g->column_count; i++)
        total += width[i] = g->widest[i];
    for (int kept = 0; kept < 2; kept++) {
        size_t widest;
        while (total > style->width && (widest = widest_of(g, width, kept)) < g->column_count) {
            width[widest]--;
            total--;
        }
    }
}

int grid_print(const struct grid *g, FILE *stream, const struct grid_style *style)
{
    if (!g || g->no_memory)
        return ERR_NOMEM;
    size_t width[MAX_COLUMNS];
    fit(g, style, width);
    if (g->any_title) {
        fprintf(stream, "%*s%s", (int)style->indent, "", style->bold ? "\033[1m" : "");
        for (size_t i = 0; i < g->column_count; i++)
            print_cell(g, stream, i, width[i], g->columns[i].title);
        fputs(style->bold ? "\033[0m\n" : "\n", stream);
    }
    const char *cell = g->pool;
    for (size_t row = 0; row < grid_rows(g); row++) {
        fprintf(stream, "%*s", (int)style->indent, "");
        for (size_t i = 0; i < g->column_count; i++) {
            print_cell(g, stream, i, width[i], cell);
            cell += strlen(cell) + 1;
        }
        fputc('\n', stream);
    }
    return 0;
}
