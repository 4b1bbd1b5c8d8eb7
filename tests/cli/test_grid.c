/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"
#include "cli/grid.h"
#include "cli/show.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(grid, .init = show_setup);

static const struct grid_column columns[] = {{"NAME", true}, {"COUNT", false}, {"KIND", true}};

/* What a grid prints; the caller frees it. */
static char *printed(const struct grid *g, size_t width)
{
    char *text = NULL;
    size_t n = 0;
    FILE *stream = open_memstream(&text, &n);
    struct grid_style style = {.width = width, .indent = 2};
    cr_assert_eq(grid_print(g, stream, &style), 0);
    fclose(stream);
    return text;
}

Test(grid, columns_are_aligned)
{
    struct grid *g = grid_new(columns, 3);
    const char *cells[] = {"a", "12345678", "tool", "name", "1", "p"};
    for (size_t i = 0; i < 6; i++)
        grid_cell(g, cells[i]);
    cr_expect_eq(grid_rows(g), 2);
    char *text = printed(g, 80);
    cr_expect_str_eq(text, "  NAME     COUNT  KIND\n"
                           "  a     12345678  tool\n"
                           "  name         1  p\n");
    free(text);
    grid_free(g);
}

Test(grid, first_column_gives_way)
{
    struct grid *g = grid_new(columns, 3);
    grid_cell(g, "a_name_that_is_far_too_long_for_this_terminal");
    grid_cell(g, "1");
    grid_cell(g, "tool");
    char *text = printed(g, 40);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_expect_leq(strlen(line), 40, "%s", line);
    free(text);
    text = printed(g, 40);
    cr_expect(strstr(text, "...      1  tool"), "%s", text);
    free(text);
    grid_free(g);
}

Test(grid, wire_bytes_are_escaped)
{
    struct grid *g = grid_new(columns, 3);
    grid_cell_raw(g, "\033]0;owned\a", 10);
    grid_cell(g, "1");
    grid_cell(g, "x");
    char *text = printed(g, 80);
    cr_expect_null(strchr(text, '\033'));
    cr_expect_null(strchr(text, '\a'));
    cr_expect(strstr(text, "\\x1b]0;owned\\x07"));
    free(text);
    grid_free(g);
}

Test(grid, an_incomplete_row_is_left_out)
{
    struct grid *g = grid_new(columns, 3);
    grid_cell(g, "half");
    char *text = printed(g, 80);
    cr_expect_str_eq(text, "  NAME  COUNT  KIND\n");
    free(text);
    grid_free(g);
}

Test(grid, memory_shortage_is_told)
{
    bool reached_all = false;
    for (uint64_t n = 1; !reached_all; n++) {
        fail_alloc_at(n);
        struct grid *g = grid_new(columns, 3);
        for (int i = 0; i < 3000; i++)
            grid_cell(g, "text");
        bool failed = fail_alloc_stop();
        struct grid_style style = {.width = 80};
        FILE *null = fopen("/dev/null", "w");
        cr_expect_eq(grid_print(g, null, &style), failed ? ERR_NOMEM : 0);
        fclose(null);
        grid_free(g);
        reached_all = !failed;
        cr_assert_lt(n, 50);
    }
}
