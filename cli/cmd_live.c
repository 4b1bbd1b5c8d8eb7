/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `mcpmeter live`: a live interface as a log of events, a table of the current figures every
 * collection interval, and the report at the end.
 *
 * Time is that of the packets; only when none come does the system's clock stand in, a little
 * behind, because the kernel may still hold packets that are older than now.
 */
#include "base/clock.h"
#include "base/err.h"
#include "cmd.h"
#include "exit.h"
#include "job.h"
#include "message.h"
#include "metrics/event_line.h"
#include "privileges.h"
#include "render.h"

#define TICK_NS         INT64_C(250000000)  /* time-outs are seconds and more */
#define CLOCK_BEHIND_NS INT64_C(1000000000) /* the kernel hands over a block within 0.1 s */

struct live {
    struct job job;
    struct render_style style;
    int64_t start_ns;
    int64_t next_ns; /* end of this collection interval */
    int64_t tick_ns; /* when time-outs are looked at next */
};

static void interval_line(struct live *l, int64_t now_ns)
{
    char when[LINES_TIME_BYTES];
    json_t *metrics = run_metrics(l->job.run, now_ns);
    if (l->job.options->json) {
        lines_json(&l->job.lines, metrics ? event_line_object(now_ns, "interval", metrics) : NULL);
        return;
    }
    if (!metrics ||
        render_interval(l->job.out.file, metrics, lines_time(now_ns, when), &l->style) < 0)
        l->job.lines.failed = l->job.lines.no_memory = true;
    if (!output_ok(&l->job.out))
        l->job.lines.failed = true;
    json_decref(metrics);
}

static void pass_time(struct live *l, int64_t now_ns)
{
    int64_t interval_ns = l->job.options->interval_ns;
    if (now_ns >= l->tick_ns) {
        run_tick(l->job.run, now_ns - CLOCK_BEHIND_NS);
        l->tick_ns = now_ns + TICK_NS;
    }
    if (now_ns < l->next_ns)
        return;
    interval_line(l, now_ns);
    l->next_ns += interval_ns;
    if (l->next_ns <= now_ns)
        l->next_ns = now_ns + interval_ns;
}

static bool over(const struct live *l, int64_t now_ns)
{
    const struct options *o = l->job.options;
    return job_signal() || l->job.lines.failed ||
           (o->duration_ns && now_ns - l->start_ns >= o->duration_ns);
}

static int64_t clock_behind(void *ctx)
{
    (void)ctx;
    return clock_ns() - CLOCK_BEHIND_NS;
}

static bool look(void *ctx, const struct stages_moment *moment)
{
    struct live *l = ctx;
    int64_t now_ns = moment->quiet ? clock_ns() : moment->now_ns;
    pass_time(l, now_ns);
    return !over(l, now_ns);
}

static void listen_on(struct live *l)
{
    const struct options *o = l->job.options;
    struct stages_feed feed = {
        .max_packets = o->count, .pause = look, .clock = clock_behind, .ctx = l};
    l->start_ns = clock_ns();
    if (o->duration_ns)
        feed.until_ns = l->start_ns + o->duration_ns;
    l->next_ns = l->start_ns + o->interval_ns;
    job_read(&l->job, &feed);
}

static void announce(const struct live *l)
{
    int type;
    char text[32] = "";
    if (source_link_types(l->job.source, &type, 1) == 1)
        message_note("listening on %s (%s), Ctrl-C stops", l->job.options->interface,
                     source_link_type_name(type, text));
    else
        message_note("listening on %s, Ctrl-C stops", l->job.options->interface);
}

static void last_words(struct live *l)
{
    json_t *report = job_report(&l->job);
    if (!report || l->job.lines.failed) {
        json_decref(report);
        return;
    }
    if (l->job.options->json) {
        job_note_empty(report);
        job_summary_line(&l->job, report);
    } else {
        fputc('\n', l->job.out.file);
        if (render_report(l->job.out.file, report, &l->style) < 0)
            job_no_memory(&l->job);
    }
    job_note_dropped(&l->job, report);
    job_check_coverage(&l->job, report);
    json_decref(report);
}

int cmd_live(const struct options *options)
{
    struct live l = {0};
    int code = job_open(&l.job, options);
    if (code != EXIT_OK)
        return code;
    int result = privileges_drop(options->user);
    if (result < 0) {
        l.job.exit_code = exit_from_err(result);
        return job_close(&l.job);
    }
    render_style_init(&l.style, l.job.out.fd);
    announce(&l);
    listen_on(&l);
    job_finish(&l.job);
    last_words(&l);
    return job_close(&l.job);
}
