/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_JOB_H
#define CLI_JOB_H

#include "cli/lines.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/run.h"
#include <jansson.h>
#include <stdbool.h>

/*
 * What report, replay and live have in common: a source, a run over it, an output, signals that ask
 * to stop, and the way to an exit code.
 *
 *   job_on_files(), or  job_open()  then  job_read()  then  job_finish(), a report, job_close()
 */
struct job {
    const struct options *options;
    struct source *source;
    struct run *run;
    struct output out;
    struct lines lines; /* the listener, unless the command is report */
    int exit_code;      /* of what went wrong so far */
};

/* Opens source, output and run, in this order, so that a bad input does not truncate an older
 * result. Returns EXIT_OK, or an exit code after a message; then there is nothing to close.
 * ret_job must stay where it is. */
int job_open(struct job *ret_job, const struct options *options);

/* Feeds all packets to the run, until the feed's end; feed->source is the job's. Says what went
 * wrong. */
void job_read(struct job *j, struct stages_feed *feed);

/* Ends the run and says on standard error what the user should know: interrupted, cut inputs. */
void job_finish(struct job *j);

/* A whole job over the files of the options: write, to which the report is lent, makes the result.
 * Returns the exit code. */
int job_on_files(const struct options *options, void (*write)(struct job *j, json_t *report));

/* The report object, or NULL after a message. The caller owns the reference. */
json_t *job_report(struct job *j);

/* The last event line, which holds the report. */
void job_summary_line(struct job *j, json_t *report);

/* Says on standard error that there were no packets or no MCP, for commands that show no tables. */
void job_note_empty(const json_t *report);

/* --memory-limit: says on standard error what was dropped to stay within it, if anything was. */
void job_note_dropped(const struct job *j, const json_t *report);

/* --require-coverage: says what is missing and sets the exit code, if too little was decoded. */
void job_check_coverage(struct job *j, const json_t *report);

/* Out of memory: message and exit code. */
void job_no_memory(struct job *j);

/* Closes everything; returns the exit code. */
int job_close(struct job *j);

/* The signal that asked to stop; 0 if none did. */
int job_signal(void);

#endif
