/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * The one error enumeration. A function that can fail returns 0 (or a count) on success and a
 * negative `enum err` on failure; its outputs are written on success only. Traffic never causes an
 * error return: bad bytes are findings, and findings are events. Errors are about this program's
 * resources and its user's arguments.
 */
enum err {
    ERR_NOMEM = -1,       /* an allocation failed */
    ERR_IO = -2,          /* the operating system refused a read, write or open */
    ERR_FORMAT = -3,      /* a file is not what it should be */
    ERR_CUT = -4,         /* a file ends in the middle of a record */
    ERR_LIMIT = -5,       /* a cap from limits.h was reached */
    ERR_UNSUPPORTED = -6, /* known, but not handled by this build */
    ERR_ARGUMENT = -7,    /* the user asked for something impossible */
    ERR_PERMISSION = -8,  /* the user lacks a privilege */
    ERR_NOT_FOUND = -9,   /* the named thing does not exist */
    ERR_INTERRUPTED = -10 /* a signal asked to stop */
};

/* A short English phrase for err (a negative enum err); never NULL; static storage. */
const char *err_text(int err);

#endif
