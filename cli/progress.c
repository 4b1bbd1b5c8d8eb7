/* SPDX-License-Identifier: BSD-3-Clause */
/* The progress line. The only control sequence is a carriage return with blanks: no terminal type
 * is assumed. */
#include "progress.h"
#include "show.h"
#include <stdio.h>
#include <time.h>

#define FIRST_NS INT64_C(500000000) /* a shorter run ends before anyone wonders */
#define EVERY_NS INT64_C(250000000)

int64_t progress_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void progress_init(struct progress *p, bool enabled, int64_t now_ns)
{
    *p = (struct progress){.enabled = enabled, .start_ns = now_ns, .next_ns = now_ns + FIRST_NS};
}

const char *progress_text(uint64_t read_bytes, uint64_t total_bytes, int64_t elapsed_ns,
                          char text[PROGRESS_TEXT_BYTES])
{
    char rate[SHOW_VALUE_BYTES], size[SHOW_VALUE_BYTES];
    double seconds = elapsed_ns > 0 ? (double)elapsed_ns / 1e9 : 1e-9;
    show_rate((double)read_bytes / seconds, rate);
    if (total_bytes > 0) {
        /* A growing file may have more by now than it had when it was opened. */
        double share = (double)read_bytes / (double)total_bytes;
        snprintf(text, PROGRESS_TEXT_BYTES, "%3.0f %%  %s", share < 1 ? share * 100 : 100.0, rate);
    } else {
        snprintf(text, PROGRESS_TEXT_BYTES, "%s  %s", show_size((double)read_bytes, size), rate);
    }
    return text;
}

void progress_update(struct progress *p, uint64_t read_bytes, uint64_t total_bytes, int64_t now_ns)
{
    char text[PROGRESS_TEXT_BYTES];
    if (!p->enabled || now_ns < p->next_ns)
        return;
    p->next_ns = now_ns + EVERY_NS;
    p->shown = true;
    fprintf(stderr, "\rmcpmeter: %-40s",
            progress_text(read_bytes, total_bytes, now_ns - p->start_ns, text));
    fflush(stderr);
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        fprintf(stderr, "\r%50s\r", "");
    p->shown = false;
}
