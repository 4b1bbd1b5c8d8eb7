/* SPDX-License-Identifier: BSD-3-Clause */
/* See cuts.h. */
#include "tests/support/cuts.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cuts_log(struct cuts_log *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof(log->text) - log->len;
    int n = vsnprintf(log->text + log->len, room, format, args);
    va_end(args);
    if (n > 0)
        log->len += (size_t)n < room ? (size_t)n : room - 1;
}

static struct cuts_log whole, other;
static char difference[4096];

static const char *compare(const char *how, size_t at)
{
    if (whole.len == other.len && memcmp(whole.text, other.text, whole.len) == 0)
        return NULL;
    snprintf(difference, sizeof(difference), "%s %zu gives\n%.1800s\ninstead of\n%.1800s", how, at,
             other.text, whole.text);
    return difference;
}

static void run_into(struct cuts_log *log, const struct cuts_piece *pieces, size_t count,
                     cuts_run_fn run, void *ctx)
{
    log->len = 0;
    log->text[0] = '\0';
    run(pieces, count, log, ctx);
}

const char *cuts_check(const uint8_t *input, size_t n, cuts_run_fn run, void *ctx)
{
    run_into(&whole, &(struct cuts_piece){input, n}, 1, run, ctx);
    struct cuts_piece *bytes = calloc(n + 1, sizeof(*bytes));
    if (!bytes)
        return "out of memory";
    for (size_t i = 0; i < n; i++)
        bytes[i] = (struct cuts_piece){input + i, 1};
    run_into(&other, bytes, n, run, ctx);
    free(bytes);
    const char *bad = compare("byte by byte, length", n);
    for (size_t i = 1; !bad && i < n; i++) {
        struct cuts_piece two[2] = {{input, i}, {input + i, n - i}};
        run_into(&other, two, 2, run, ctx);
        bad = compare("cut at", i);
    }
    return bad;
}
