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

#endif
