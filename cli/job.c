/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A run over packets, from the command line's point of view.
 *
 * The first SIGINT or SIGTERM stops the source and what was seen is reported; the second one ends
 * the program as usual, should the report itself take too long. There is one job in a program,
 * which is why the signal handler may know it.
 */
#include "job.h"
#include "base/err.h"
#include "exit.h"
#include "message.h"
#include "metrics/event_line.h"
#include "metrics/report_memory.h"
#include "progress.h"
#include "render.h"
#include "render_json.h"
#include "show.h"
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MISSING_BYTES    (4 * 40)
#define DROPPED_BYTES    (5 * 40)
#define MEMORY_TO_BUFFER 16

static struct source *volatile signal_source;
static volatile sig_atomic_t signal_seen;

static void on_signal(int number)
{
    struct source *source = signal_source;
    signal_seen = number;
    if (source)
        source_break(source);
}

int job_signal(void)
{
    return signal_seen;
}

/* No SA_RESTART: a read that waits for standard input must return. */
static void catch_signals(struct source *source)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    signal_seen = 0;
    signal_source = source;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Of the kernel, for each socket, together part of what --memory-limit covers. */
static uint32_t buffer_bytes(const struct options *o)
{
    uint64_t share = o->run.memory_bytes / MEMORY_TO_BUFFER / (o->sockets ? o->sockets : 1);
    if (o->buffer_bytes > 0 || share == 0 || share > SOURCE_LIVE_BUFFER_BYTES)
        return o->buffer_bytes;
    return (uint32_t)share;
}

static int open_source(struct job *j)
{
    char error[SOURCE_ERROR_BYTES] = "";
    const struct options *o = j->options;
    int result;
    if (o->command == COMMAND_LIVE) {
        struct source_live_options live = {.snap_bytes = o->snap_bytes,
                                           .buffer_bytes = buffer_bytes(o),
                                           .sockets = o->sockets,
                                           .promiscuous = o->promiscuous};
        result = source_open_live(o->interface, o->filter, &live, error, &j->source);
    } else {
        result = source_open_files((const char *const *)o->paths, o->path_count, o->filter, error,
                                   &j->source);
    }
    if (result == 0)
        return EXIT_OK;
    message_error("%s", *error ? error : err_text(result));
    return exit_from_err(result);
}

/* A result must not overwrite a capture that is being read. */
static bool output_is_input(const struct options *o)
{
    struct stat out, in;
    if (!o->output || stat(o->output, &out) != 0 || !S_ISREG(out.st_mode))
        return false;
    for (size_t i = 0; i < o->path_count; i++)
        if (stat(o->paths[i], &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return true;
    return false;
}

/* True if somebody may be waiting for each line: a live interface, or a pipe from one. */
static bool is_live(const struct options *o)
{
    if (o->command == COMMAND_LIVE)
        return true;
    for (size_t i = 0; i < o->path_count; i++)
        if (strcmp(o->paths[i], "-") == 0)
            return true;
    return false;
}

static int open_output(struct job *j)
{
    const struct options *o = j->options;
    if (output_is_input(o)) {
        message_error("%s: is also an input: name another file with --output", o->output);
        return EXIT_USAGE;
    }
    int result = output_open(&j->out, o->output, is_live(o));
    return result < 0 ? (int)exit_from_err(result) : EXIT_OK;
}

int job_open(struct job *ret_job, const struct options *options)
{
    struct job *j = ret_job;
    *j = (struct job){.options = options};
    int code = open_source(j);
    if (code != EXIT_OK)
        return code;
    code = open_output(j);
    if (code != EXIT_OK) {
        source_close(j->source);
        return code;
    }
    struct run_config config = options->run;
    lines_init(&j->lines, &j->out);
    j->lines.json = options->json;
    j->lines.perspective = options->run.perspective;
    j->lines.messages = options->messages;
    j->lines.connections = options->connections;
    if (options->command != COMMAND_REPORT)
        config.listener = lines_sink(&j->lines);
    j->run = run_new(&config);
    catch_signals(j->source);
    if (!j->run) {
        job_no_memory(j);
        return job_close(j);
    }
    return EXIT_OK;
}

/* The first reason counts, but a result that is not whole is worse than any other. */
static void set_exit(struct job *j, int code)
{
    if (j->exit_code == EXIT_OK || code == EXIT_FAILED)
        j->exit_code = code;
}

void job_no_memory(struct job *j)
{
    message_error("out of memory");
    set_exit(j, EXIT_FAILED);
}

void job_read(struct job *j, struct stages_feed *feed)
{
    struct source_status status;
    feed->source = j->source;
    int result = run_read(j->run, feed);
    if (result >= 0 || result == ERR_INTERRUPTED)
        return;
    source_status(j->source, &status);
    message_error("%s", *status.cut ? status.cut : err_text(result));
    set_exit(j, exit_from_err(result));
}

/* What is looked at behind a batch of a file. */
struct reading {
    struct progress progress;
    const struct lines *lines;
};

static bool show_progress(void *ctx, const struct stages_moment *moment)
{
    struct reading *r = ctx;
    if (r->progress.enabled)
        progress_update(&r->progress, moment->read_bytes, moment->total_bytes, progress_clock_ns());
    return !r->lines->failed;
}

/* Feeds all packets of the files to the run, with a progress line on a terminal, until the end, a
 * signal, or a failure of the output. */
static void read_files(struct job *j)
{
    struct reading reading = {.lines = &j->lines};
    struct stages_feed feed = {.pause = show_progress, .ctx = &reading};
    progress_init(&reading.progress, !j->options->quiet && isatty(STDERR_FILENO) == 1,
                  progress_clock_ns());
    job_read(j, &feed);
    progress_clear(&reading.progress);
}

void job_finish(struct job *j)
{
    struct source_status status;
    bool live = j->options->command == COMMAND_LIVE;
    run_finish(j->run);
    if (j->lines.no_memory)
        job_no_memory(j);
    source_status(j->source, &status);
    if (status.cut_files > 0) {
        message_error("%s%s: what came before is reported", status.cut,
                      status.cut_files > 1 ? " (and more files)" : "");
        set_exit(j, EXIT_CUT);
    }
    if (signal_seen && !live) {
        message_error("interrupted: only the first %llu packets are reported",
                      (unsigned long long)status.packets);
        set_exit(j, 128 + signal_seen);
    }
}

json_t *job_report(struct job *j)
{
    bool live = j->options->command == COMMAND_LIVE;
    struct run_origin origin = {.source = j->source,
                                .inputs = (const char *const *)j->options->paths,
                                .input_count = j->options->path_count,
                                .interface = live ? j->options->interface : NULL,
                                .filter = j->options->filter};
    json_t *report = run_report(j->run, &origin);
    if (!report)
        job_no_memory(j);
    return report;
}

void job_summary_line(struct job *j, json_t *report)
{
    lines_json(&j->lines, event_line_object(run_last_ns(j->run), "summary", json_incref(report)));
}

void job_note_dropped(const struct job *j, const json_t *report)
{
    static const struct {
        enum limit_id id;
        const char *what;
    } dropped[] = {{LIMIT_ID_FLOWS, "connections"},
                   {LIMIT_ID_SESSIONS, "sessions"},
                   {LIMIT_ID_EXCHANGES, "HTTP exchanges"},
                   {LIMIT_ID_PENDING, "requests"},
                   {LIMIT_ID_LANE_BYTES, "messages"}};
    const json_t *hit = json_object_get(json_object_get(report, "capture"), "limits_hit");
    char text[DROPPED_BYTES] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0] && used < sizeof text; i++) {
        json_int_t n = json_integer_value(json_object_get(hit, limits_key(dropped[i].id)));
        if (n > 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld %s", used ? ", " : "",
                                     (long long)n, dropped[i].what);
    }
    if (j->options->run.memory_bytes > 0 && used > 0)
        message_note("--memory-limit: dropped early: %s", text);
}

void job_note_empty(const json_t *report)
{
    const json_t *capture = json_object_get(report, "capture");
    if (json_integer_value(json_object_get(capture, "packets")) == 0)
        message_note(json_is_string(json_object_get(capture, "filter"))
                         ? "no packet matched the filter"
                         : "no packets");
    else if (!render_has_mcp(report))
        message_note("no MCP traffic was recognised");
}

/* "bytes encrypted, bytes lost, ...": the classes that keep the percentage down. */
static void name_missing(const json_t *coverage, char text[MISSING_BYTES])
{
    static const char *const classes[] = {"encrypted", "lost", "undecodable", "ambiguous"};
    char size[SHOW_VALUE_BYTES];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        double bytes = render_json_number(json_object_get(coverage, "bytes"), classes[i]);
        if (bytes > 0 && used < MISSING_BYTES)
            used += (size_t)snprintf(text + used, MISSING_BYTES - used, "%s%s %s", used ? ", " : "",
                                     show_size(bytes, size), classes[i]);
    }
}

void job_check_coverage(struct job *j, const json_t *report)
{
    char missing[MISSING_BYTES];
    double required = j->options->require_coverage;
    const json_t *coverage = json_object_get(report, "coverage");
    const json_t *percent = json_object_get(coverage, "percent");
    if (required <= 0)
        return;
    if (!json_is_number(percent)) {
        message_note(
            "--require-coverage: nothing in the capture may be MCP, so nothing is missing");
        return;
    }
    if (json_number_value(percent) >= required)
        return;
    name_missing(coverage, missing);
    /* rounded down, so that it never looks like enough */
    message_error("coverage: %.3f %% decoded, %.10g %% required: %s",
                  floor(json_number_value(percent) * 1e3) / 1e3, required, missing);
    set_exit(j, EXIT_COVERAGE);
}

int job_close(struct job *j)
{
    signal_source = NULL;
    source_close(j->source);
    run_free(j->run);
    set_exit(j, output_close(&j->out));
    return j->exit_code;
}

int job_on_files(const struct options *options, void (*write)(struct job *j, json_t *report))
{
    struct job job;
    int code = job_open(&job, options);
    if (code != EXIT_OK)
        return code;
    read_files(&job);
    job_finish(&job);
    report_memory_begin(); /* all was read: nobody else uses jansson */
    json_t *report = job_report(&job);
    if (report) {
        write(&job, report);
        job_note_dropped(&job, report);
        job_check_coverage(&job, report);
    }
    report_memory_end();
    return job_close(&job);
}
