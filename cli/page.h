/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include "grid.h"
#include "render.h"

/*
 * What the sections of the report as text are made of: headings, facts (a label and what belongs to
 * it, on one line or more), tables. Private to render.
 */

#define PAGE_ROWS 40 /* of a table of names, see page_more() */

struct page {
    FILE *stream;
    const struct render_style *style;
    int error;  /* 0, or the last ERR_NOMEM */
    bool begun; /* a section stands there */
};

void page_heading(struct page *page, const char *text);

/* Begins the line of a fact; the caller writes what follows, and the line end. */
void page_label(struct page *page, const char *text);

/* One of the items behind a label, on a new line if it does not fit. *columns: those in use, 0
 * before the first. */
void page_item(struct page *page, size_t *columns, const char *text);

void page_fact(struct page *page, const char *name, const char *text);

/* The number at the path in object; nothing if it is 0 or not known. */
void page_count(struct page *page, const char *name, const json_t *object, const char *path);

/* A flat map of counts, or of sizes; nothing if all are 0. */
void page_values(struct page *page, const char *name, const json_t *map, bool sizes);
void page_counts(struct page *page, const char *name, const json_t *map);

/* The figures of a LATENCY object (docs/report.md); nothing if it counted nothing. */
void page_latency(struct page *page, const char *name, const json_t *latency);

/* Prints the table and frees it; NULL is an error kept in the page. */
void page_grid(struct page *page, struct grid *g);

/* Behind a table of at most PAGE_ROWS rows: how many of the total are not shown. */
void page_more(struct page *page, size_t total);

#endif
