/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_LINE_H
#define DISSECT_HTTP1_LINE_H

/*
 * The lines of a head: taken from the input, and kept in `line` of struct http1 while the input
 * holds only a part of one, or while it is not known whether a field goes on behind its line end.
 * Never more than LIMIT_HTTP_LINE of a line; the rest is not looked at.
 */

#include "http1.h"
#include "http1_head.h"

enum http1_line_held {
    HTTP1_LINE_FREE,
    HTTP1_LINE_HELD,   /* a field, and the byte behind its line end is not known */
    HTTP1_LINE_FOLDED, /* and its next line began with a blank */
};

enum http1_line_result { HTTP1_LINE_MORE, HTTP1_LINE_WHOLE, HTTP1_LINE_NOMEM };

/* Forgets the line that is kept and gives its memory back. */
void http1_line_drop(struct http1 *h);

/* Takes a line from *in, without its end: WHOLE and *ret_line, which is in the input or, if it was
 * cut, in h->line (http1_line_drop() after use); MORE: all of *in is kept; NOMEM: nothing is. */
enum http1_line_result http1_line_take(struct http1 *h, const struct http1_sink *sink,
                                       struct http1_span *in, struct http1_span *ret_line);

/* Holds a line just taken, that does not begin with a blank. False: out of memory. */
bool http1_line_hold(struct http1 *h, struct http1_span line);

/* A line is held and *in follows it, at least one byte: MORE: it goes on (RFC 9112 5.2, one space
 * for the line end and the blanks around it) with what is left of *in; WHOLE: it is over, and
 * nothing was taken; NOMEM. */
enum http1_line_result http1_line_unfold(struct http1 *h, const struct http1_sink *sink,
                                         struct http1_span *in);

#endif
