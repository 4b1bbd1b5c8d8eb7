/* SPDX-License-Identifier: BSD-3-Clause */
/* From JSON values to cells. Nothing here knows the report's layout. */
#include "render_json.h"
#include "show.h"
#include <math.h>
#include <string.h>

#define PATH_NAME_BYTES 64

const json_t *render_json_at(const json_t *object, const char *path)
{
    while (object && *path) {
        char name[PATH_NAME_BYTES];
        size_t n = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        object = json_object_get(object, name);
        path += n + (path[n] == '.');
    }
    return object;
}

double render_json_number(const json_t *object, const char *path)
{
    const json_t *value = render_json_at(object, path);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

const char *render_json_string(const json_t *object, const char *path)
{
    const char *value = json_string_value(render_json_at(object, path));
    return value ? value : "";
}

void render_json_count(struct grid *g, const json_t *object, const char *path)
{
    char text[SHOW_VALUE_BYTES] = "-";
    const json_t *value = render_json_at(object, path);
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    grid_cell(g, text);
}

void render_json_duration(struct grid *g, const json_t *object, const char *path)
{
    char text[SHOW_VALUE_BYTES];
    grid_cell(g, show_duration(render_json_number(object, path), text));
}

void render_json_size(struct grid *g, const json_t *object, const char *path)
{
    char text[SHOW_VALUE_BYTES];
    grid_cell(g, show_size(render_json_number(object, path), text));
}

void render_json_rate(struct grid *g, const json_t *object, const char *path)
{
    char text[SHOW_VALUE_BYTES];
    grid_cell(g, show_rate(render_json_number(object, path), text));
}

void render_json_text(struct grid *g, const json_t *object, const char *path)
{
    const char *value = render_json_string(object, path);
    if (*value)
        grid_cell_raw(g, value, strlen(value));
    else
        grid_cell(g, "-");
}

void render_json_list(FILE *stream, const json_t *list)
{
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        const char *text = json_string_value(value);
        fputs(i ? ", " : "", stream);
        if (text)
            show_put(stream, text, strlen(text));
    }
}
