/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_RENDER_JSON_H
#define CLI_RENDER_JSON_H

#include "grid.h"
#include <jansson.h>

/* Reading the report object, and putting its values into cells and lines. Private to render. */

/* The member at a path of names with dots between them ("a.b.c"); NULL if it is not there. */
const json_t *render_json_at(const json_t *object, const char *path);

/* A number; NAN if it is null, of another type or not there. */
double render_json_number(const json_t *object, const char *path);

/* A string; "" if it is not there. */
const char *render_json_string(const json_t *object, const char *path);

/* Cells: "-" for what is not known. */
void render_json_count(struct grid *g, const json_t *object, const char *path);
void render_json_duration(struct grid *g, const json_t *object, const char *path);
void render_json_size(struct grid *g, const json_t *object, const char *path);
void render_json_rate(struct grid *g, const json_t *object, const char *path);
void render_json_text(struct grid *g, const json_t *object, const char *path);

/* Writes an array of strings as "a, b", escaped. */
void render_json_list(FILE *stream, const json_t *list);

#endif
