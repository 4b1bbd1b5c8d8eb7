/* SPDX-License-Identifier: BSD-3-Clause */
/* `mcpmeter replay`: capture files as a log of events. */
#include "cmd.h"
#include "exit.h"
#include "job.h"
#include "metrics/event_line.h"

int cmd_replay(int argc, char **argv)
{
    struct options options;
    struct job job;
    enum options_result parsed = options_parse(COMMAND_REPLAY, argc, argv, &options);
    if (parsed != OPTIONS_RUN)
        return parsed == OPTIONS_DONE ? EXIT_OK : EXIT_USAGE;
    int code = job_open(&job, &options);
    if (code == EXIT_OK) {
        job_read_files(&job);
        job_finish(&job);
        json_t *report = job_report(&job);
        if (report)
            job_note_empty(report);
        if (report && options.json && !job.lines.failed)
            lines_json(&job.lines,
                       event_line_object(run_last_ns(job.run), "summary", json_incref(report)));
        json_decref(report);
        code = job_close(&job);
    }
    options_fini(&options);
    return code;
}
