/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The result's file. A broken pipe is no failure: whoever read the output has seen enough, so the
 * program stops and says nothing. Everything else, a full disk above all, is told. SIGPIPE must be
 * ignored (see main.c).
 *
 * The stream is a fopencookie() over the descriptor: stdio alone tells that a write failed, but by
 * the time one asks no longer why.
 */
#define _GNU_SOURCE /* fopencookie */
#include "output.h"
#include "base/err.h"
#include "exit.h"
#include "message.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static ssize_t write_out(void *cookie, const char *bytes, size_t n)
{
    struct output *o = cookie;
    size_t done = 0;
    while (done < n && !o->error) {
        ssize_t written = write(o->fd, bytes + done, n - done);
        if (written >= 0)
            done += (size_t)written;
        else if (errno != EINTR)
            o->error = errno;
    }
    return (ssize_t)done; /* less than n is an error for stdio */
}

/* Standard output is closed too: a network file system reports a full disk only now. */
static int close_out(void *cookie)
{
    struct output *o = cookie;
    int result = close(o->fd);
    if (result != 0 && !o->error)
        o->error = errno;
    return result;
}

static int complain(const struct output *o, int code)
{
    message_error("%s: cannot write: %s", o->name, strerror(code));
    switch (code) {
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_PERMISSION;
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

int output_open(struct output *o, const char *path, bool lines)
{
    *o = (struct output){.name = "standard output", .fd = STDOUT_FILENO};
    bool named = path && strcmp(path, "-") != 0;
    if (named) {
        o->name = path;
        o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    if (o->fd < 0)
        return complain(o, errno);
    o->file = fopencookie(o, "w", (cookie_io_functions_t){.write = write_out, .close = close_out});
    if (!o->file) {
        if (named)
            close(o->fd);
        return complain(o, ENOMEM);
    }
    setvbuf(o->file, NULL, lines || isatty(o->fd) == 1 ? _IOLBF : _IOFBF, BUFSIZ);
    return 0;
}

void output_take(void *ctx, const char *bytes, size_t n)
{
    struct output *o = ctx;
    fwrite(bytes, 1, n, o->file);
}

bool output_ok(const struct output *o)
{
    return o->error == 0;
}

int output_close(struct output *o)
{
    fclose(o->file);
    o->file = NULL;
    if (o->error == 0 || o->error == EPIPE)
        return EXIT_OK;
    message_error("%s: %s: the result is incomplete", o->name, strerror(o->error));
    return EXIT_FAILED;
}
