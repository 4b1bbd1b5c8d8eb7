/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls in several rounds and tasks as a table. Columns of counts and times that would say nothing
 * are left out.
 */
#include "render_operations.h"
#include "render_json.h"
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 256

struct column {
    const char *title, *path;
    bool duration;
    bool always;
};

static const struct column columns[] = {{"COUNT", "count", false, true},
                                        {"OK", "complete", false, true},
                                        {"TOOL ERR", "tool_errors", false, false},
                                        {"ERROR", "errors", false, false},
                                        {"FAILED", "failed", false, false},
                                        {"CANCELLED", "cancelled", false, false},
                                        {"NO ANSWER", "unanswered", false, false},
                                        {"UNKNOWN", "unknown", false, false},
                                        {"PENDING", "pending", false, false},
                                        {"POLLS", "polls", false, false},
                                        {"P50", "total_time.p50", true, true},
                                        {"MAX", "total_time.max", true, true},
                                        {"SERVER P50", "server_time.p50", true, false},
                                        {"OUTSIDE P50", "outside_time.p50", true, false}};

#define COLUMNS (sizeof columns / sizeof columns[0])

static bool is_shown(const json_t *operations, const struct column *column)
{
    size_t i;
    json_t *row;
    bool shown = column->always;
    json_array_foreach(operations, i, row) shown =
        shown || render_json_number(row, column->path) > 0;
    return shown;
}

static void name_cell(struct grid *g, const json_t *row)
{
    char text[NAME_BYTES];
    const char *method = render_json_string(row, "method");
    const char *name = render_json_string(row, "name");
    int n = snprintf(text, sizeof text, "%s%s%s", *method ? method : "-", *name ? " " : "", name);
    grid_cell_raw(g, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

_Static_assert(COLUMNS + 2 == RENDER_OPERATIONS_COLUMNS, "every column may be shown");

struct grid *render_operations(const json_t *operations, size_t most,
                               struct grid_column titles[RENDER_OPERATIONS_COLUMNS])
{
    bool shown[COLUMNS];
    size_t n = 2, i;
    json_t *row;
    titles[0] = (struct grid_column){"OPERATION", true, false};
    titles[1] = (struct grid_column){"KIND", true, true};
    for (size_t c = 0; c < COLUMNS; c++) {
        shown[c] = is_shown(operations, &columns[c]);
        if (shown[c])
            titles[n++] = (struct grid_column){columns[c].title, false, false};
    }
    struct grid *g = grid_new(titles, n);
    json_array_foreach(operations, i, row)
    {
        if (i == most)
            break;
        name_cell(g, row);
        render_json_text(g, row, "kind");
        for (size_t c = 0; c < COLUMNS; c++) {
            if (shown[c] && columns[c].duration)
                render_json_duration(g, row, columns[c].path);
            else if (shown[c])
                render_json_count(g, row, columns[c].path);
        }
    }
    return g;
}
