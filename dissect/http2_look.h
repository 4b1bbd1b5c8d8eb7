/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_HTTP2_LOOK_H
#define DISSECT_HTTP2_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How n bytes at the start of a stream, or of a segment when joined, look. */
enum http2_look {
    HTTP2_LOOK_NO,
    HTTP2_LOOK_MORE,
    HTTP2_LOOK_CLIENT,
    HTTP2_LOOK_SERVER,
    HTTP2_LOOK_EITHER /* frames of a client or of a server */
};
enum http2_look http2_look(const uint8_t *bytes, size_t n, bool joined);

/* Whether they begin with the whole preface of a client. */
bool http2_look_preface(const uint8_t *bytes, size_t n);

#endif
