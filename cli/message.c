/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one place that writes sentences to standard error. Limit: a line is cut at LINE_BYTES, which
 * holds two paths of usual length and a sentence.
 */
#include "message.h"
#include "show.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 2048

static bool quiet_now;

static void say(const char *format, va_list args)
{
    char line[LINE_BYTES];
    vsnprintf(line, sizeof line, format, args);
    fputs("mcpmeter: ", stderr);
    show_put(stderr, line, strlen(line));
    fputc('\n', stderr);
}

void message_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void message_note(const char *format, ...)
{
    if (quiet_now)
        return;
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void message_be_quiet(bool quiet)
{
    quiet_now = quiet;
}
