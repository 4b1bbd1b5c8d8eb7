/* SPDX-License-Identifier: BSD-3-Clause */
/* `mcpmeter report`: capture files as tables, or as the report object. */
#include "cmd.h"
#include "job.h"
#include "metrics/report.h"
#include "render.h"

static void write_json(struct job *j, const json_t *report)
{
    report_write(report, output_take, &j->out);
}

static void write_text(struct job *j, const json_t *report)
{
    struct render_style style;
    render_style_init(&style, j->out.fd);
    if (render_report(j->out.file, report, &style) < 0)
        job_no_memory(j);
}

static void write_report(struct job *j, json_t *report)
{
    if (j->options->json)
        write_json(j, report);
    else
        write_text(j, report);
}

int cmd_report(const struct options *options)
{
    return job_on_files(options, write_report);
}
