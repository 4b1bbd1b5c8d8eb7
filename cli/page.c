/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pieces of the report as text: what is indented, aligned and broken is so here.
 *
 * Limits: an item of a line is measured by its first ITEM_BYTES; longer ones are files, which need
 * a line of their own anyway.
 */
#include "page.h"
#include "render_json.h"
#include "show.h"
#include <string.h>

#define INDENT      2
#define LABEL_WIDTH 15 /* of a fact's label */
#define ITEM_BYTES  256

void page_heading(struct page *page, const char *text)
{
    fprintf(page->stream, "%s%s%s%s\n", page->begun ? "\n" : "", page->style->bold ? "\033[1m" : "",
            text, page->style->bold ? "\033[0m" : "");
    page->begun = true;
}

void page_label(struct page *page, const char *text)
{
    fprintf(page->stream, "%*s%-*s ", INDENT, "", LABEL_WIDTH - 1, text);
}

void page_fact(struct page *page, const char *name, const char *text)
{
    page_label(page, name);
    show_put(page->stream, text, strlen(text));
    fputc('\n', page->stream);
}

void page_grid(struct page *page, struct grid *g)
{
    struct grid_style style = {page->style->width, INDENT, page->style->bold};
    int result = grid_print(g, page->stream, &style);
    if (result < 0)
        page->error = result;
    grid_free(g);
}

void page_item(struct page *page, size_t *columns, const char *text)
{
    char shown[SHOW_ESCAPED_BYTES(ITEM_BYTES)];
    size_t begin = INDENT + LABEL_WIDTH;
    size_t width = show_escape(shown, sizeof shown, text, strlen(text));
    bool first = *columns == 0;
    if (first) {
        *columns = begin;
    } else if (*columns + 2 + width >= page->style->width) { /* a comma may follow */
        fprintf(page->stream, ",\n%*s", (int)begin, "");
        *columns = begin;
    } else {
        fputs(", ", page->stream);
        *columns += 2;
    }
    show_put(page->stream, text, strlen(text));
    *columns += width;
}

void page_values(struct page *page, const char *name, const json_t *map, bool sizes)
{
    char size[SHOW_VALUE_BYTES];
    const char *key;
    json_t *value;
    json_int_t sum = 0;
    json_object_foreach((json_t *)map, key, value)
    {
        sum += json_integer_value(value);
    }
    if (sum == 0)
        return;
    page_label(page, name);
    size_t columns = 0;
    json_object_foreach((json_t *)map, key, value)
    {
        char text[ITEM_BYTES];
        if (!json_is_integer(value) || json_integer_value(value) == 0)
            continue;
        if (sizes)
            snprintf(text, sizeof text, "%s: %s", key, show_size(json_number_value(value), size));
        else
            snprintf(text, sizeof text, "%s: %" JSON_INTEGER_FORMAT, key,
                     json_integer_value(value));
        page_item(page, &columns, text);
    }
    fputc('\n', page->stream);
}

void page_counts(struct page *page, const char *name, const json_t *map)
{
    page_values(page, name, map, false);
}

void page_latency(struct page *page, const char *name, const json_t *latency)
{
    static const char *const figures[] = {"avg", "p50", "p95", "p99", "max"};
    char text[SHOW_VALUE_BYTES];
    if (!(render_json_number(latency, "count") > 0))
        return;
    page_label(page, name);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        fprintf(page->stream, "%s%s %s", i ? ", " : "", figures[i],
                show_duration(render_json_number(latency, figures[i]), text));
    fputc('\n', page->stream);
}

void page_count(struct page *page, const char *name, const json_t *object, const char *path)
{
    double value = render_json_number(object, path);
    if (!(value > 0))
        return;
    page_label(page, name);
    fprintf(page->stream, "%.0f\n", value);
}

void page_more(struct page *page, size_t total)
{
    if (total > PAGE_ROWS)
        fprintf(page->stream, "%*sand %zu more (--json lists all)\n", INDENT, "",
                total - PAGE_ROWS);
}
