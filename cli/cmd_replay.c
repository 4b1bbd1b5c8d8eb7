/* SPDX-License-Identifier: BSD-3-Clause */
/* `mcpmeter replay`: capture files as a log of events. */
#include "cmd.h"
#include "job.h"

static void write_summary(struct job *j, json_t *report)
{
    job_note_empty(report);
    if (j->options->json && !j->lines.failed)
        job_summary_line(j, report);
}

int cmd_replay(const struct options *options)
{
    return job_on_files(options, write_summary);
}
