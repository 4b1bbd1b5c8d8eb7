/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The report as tables of text. Draws from the report object alone, like every other front end, so
 * it can show nothing that the JSON does not have. A figure that is null is shown as "-".
 */

struct render_style {
    size_t width; /* of the terminal, in columns */
    bool bold;    /* headings */
};

#define RENDER_LEAST_WIDTH 80

/* What suits an output: the width of its terminal, or of $COLUMNS, at least RENDER_LEAST_WIDTH;
 * bold headings on a terminal unless $NO_COLOR is set or $TERM is dumb. */
void render_style_init(struct render_style *style, int fd);

/* Returns 0 or ERR_NOMEM. Write errors stay in the stream. */
int render_report(FILE *stream, const json_t *report, const struct render_style *style);

/* The figures of an interval event, a line and the latencies so far; when: its time as text. */
int render_interval(FILE *stream, const json_t *metrics, const char *when,
                    const struct render_style *style);

/* True if the report holds any MCP message or session. */
bool render_has_mcp(const json_t *report);

#endif
