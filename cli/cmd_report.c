/* SPDX-License-Identifier: BSD-3-Clause */
/* `mcpmeter report`: capture files as tables, or as the report object. */
#include "cmd.h"
#include "exit.h"
#include "job.h"
#include "metrics/report.h"
#include "render.h"
#include <stdlib.h>

static void write_json(struct job *j, const json_t *report)
{
    char *text = report_text(report);
    if (text)
        fputs(text, j->out.file);
    else
        job_no_memory(j);
    free(text);
}

static void write_text(struct job *j, const json_t *report)
{
    struct render_style style;
    render_style_init(&style, j->out.fd);
    if (render_report(j->out.file, report, &style) < 0)
        job_no_memory(j);
}

int cmd_report(int argc, char **argv)
{
    struct options options;
    struct job job;
    enum options_result parsed = options_parse(COMMAND_REPORT, argc, argv, &options);
    if (parsed != OPTIONS_RUN)
        return parsed == OPTIONS_DONE ? EXIT_OK : EXIT_USAGE;
    int code = job_open(&job, &options);
    if (code == EXIT_OK) {
        job_read_files(&job);
        job_finish(&job);
        json_t *report = job_report(&job);
        if (report && options.json)
            write_json(&job, report);
        else if (report)
            write_text(&job, report);
        json_decref(report);
        code = job_close(&job);
    }
    options_fini(&options);
    return code;
}
