/* SPDX-License-Identifier: BSD-3-Clause */
/* `mcpmeter interfaces`: what `live -i` can listen on. */
#include "base/err.h"
#include "capture/source.h"
#include "cmd.h"
#include "exit.h"
#include "grid.h"
#include "message.h"
#include "metrics/report.h"
#include "options.h"
#include "output.h"
#include "render.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *state_of(const struct source_interface *i)
{
    if (!i->up)
        return "down";
    return i->running ? "up" : "no link";
}

static int print_text(struct output *out, const struct source_interface *list, int count)
{
    static const struct grid_column columns[] = {{"INTERFACE", true, true},
                                                 {"STATE", true, true},
                                                 {"ADDRESSES", true, true},
                                                 {"DESCRIPTION", true}};
    struct render_style style;
    render_style_init(&style, out->fd);
    struct grid *g = grid_new(columns, sizeof columns / sizeof columns[0]);
    for (const struct source_interface *i = list; i < list + count; i++) {
        grid_cell_raw(g, i->name, strlen(i->name));
        grid_cell(g, state_of(i));
        grid_cell_raw(g, i->addresses, strlen(i->addresses));
        grid_cell_raw(g, i->description, strlen(i->description));
    }
    struct grid_style grid_style = {.width = style.width, .bold = style.bold};
    int result = grid_print(g, out->file, &grid_style);
    grid_free(g);
    return result;
}

/* {"interfaces": [{name, description, addresses: [..], up, running, loopback}]} */
static int print_json(struct output *out, const struct source_interface *list, int count)
{
    json_t *rows = json_array();
    bool complete = rows != NULL;
    for (const struct source_interface *i = list; i < list + count; i++) {
        char copy[sizeof i->addresses], *rest = copy;
        memcpy(copy, i->addresses, sizeof copy);
        json_t *addresses = json_array();
        for (char *address; (address = strtok_r(rest, ", ", &rest));)
            complete &= json_array_append_new(addresses, json_string(address)) == 0;
        json_t *row = json_pack("{s:s, s:s, s:o, s:b, s:b, s:b}", "name", i->name, "description",
                                i->description, "addresses", addresses, "up", i->up, "running",
                                i->running, "loopback", i->loopback);
        complete &= json_array_append_new(rows, row) == 0;
    }
    json_t *object = json_pack("{s:o}", "interfaces", rows);
    complete &= object != NULL;
    if (complete)
        report_write(object, output_take, out);
    json_decref(object);
    return complete ? 0 : ERR_NOMEM;
}

int cmd_interfaces(const struct options *o)
{
    char error[SOURCE_ERROR_BYTES] = "";
    struct source_interface *list = NULL;
    struct output out;
    int count = source_interfaces(error, &list);
    if (count < 0) {
        message_error("%s", *error ? error : err_text(count));
        return exit_from_err(count);
    }
    int result = output_open(&out, o->output, false);
    if (result < 0) {
        free(list);
        return exit_from_err(result);
    }
    if (count == 0)
        message_note("no interface can be listened on: capturing needs root or cap_net_raw");
    result = o->json ? print_json(&out, list, count) : print_text(&out, list, count);
    if (result < 0)
        message_error("out of memory");
    free(list);
    int code = output_close(&out);
    return result < 0 ? EXIT_FAILED : code;
}
