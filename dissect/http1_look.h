/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP1_LOOK_H
#define DISSECT_HTTP1_LOOK_H

#include <stddef.h>
#include <stdint.h>

/* What bytes at the beginning of a segment look like, before anything is parsed. */
enum http1_look {
    HTTP1_LOOK_NO,
    HTTP1_LOOK_MORE, /* too few bytes to tell */
    HTTP1_LOOK_REQUEST,
    HTTP1_LOOK_RESPONSE
};

/* Empty lines before a start line are passed over. n may be 0. */
enum http1_look http1_look(const uint8_t *bytes, size_t n);

enum http1_look_events {
    HTTP1_LOOK_NO_EVENTS,
    HTTP1_LOOK_LINE, /* a line of an event stream */
    HTTP1_LOOK_CHUNK /* a chunk that begins with one */
};

/* The bytes of a chunk's end and the last chunk, as nearly everybody writes them; 0: there is
 * something else. n may be 0. */
size_t http1_look_for_last_chunk(const uint8_t *bytes, size_t n);

/* For a segment in the middle of a response. n may be 0. */
enum http1_look_events http1_look_for_events(const uint8_t *bytes, size_t n);

#endif
