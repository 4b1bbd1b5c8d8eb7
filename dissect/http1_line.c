/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines of HTTP/1.x heads (RFC 9112 2.2, 5.2), see the header. A bare LF ends a line, too.
 */
#include "http1_line.h"
#include <string.h>

void http1_line_drop(struct http1 *h)
{
    h->line_cut = false;
    h->held = HTTP1_LINE_FREE;
    if (h->line.data)
        buf_fini(&h->line);
    else
        h->line.len = 0;
}

static void line_too_long(struct http1 *h, const struct http1_sink *sink)
{
    limits_hit_add(h->hit, LIMIT_ID_HTTP_LINE);
    if (!h->lost_sync)
        sink->anomaly(sink->ctx, HTTP1_LINE_TOO_LONG);
}

/* Keeps a partial line, up to the cap. */
static bool keep_partial(struct http1 *h, const struct http1_sink *sink, struct http1_span part)
{
    size_t room = LIMIT_HTTP_LINE - h->line.len;
    if (part.n > room && !h->line_cut) {
        h->line_cut = true;
        line_too_long(h, sink);
    }
    return buf_append(&h->line, part.p, part.n < room ? part.n : room) == 0;
}

enum http1_line_result http1_line_take(struct http1 *h, const struct http1_sink *sink,
                                       struct http1_span *in, struct http1_span *ret_line)
{
    const uint8_t *lf = memchr(in->p, '\n', in->n);
    struct http1_span part = {in->p, lf ? (size_t)(lf - in->p) : in->n};
    in->p += part.n + (lf != NULL);
    in->n -= part.n + (lf != NULL);
    if (!lf || h->line.len > 0) {
        if (!keep_partial(h, sink, part))
            return HTTP1_LINE_NOMEM;
        if (!lf)
            return HTTP1_LINE_MORE;
        part = (struct http1_span){h->line.data, h->line.len};
    } else if (part.n > LIMIT_HTTP_LINE) {
        part.n = LIMIT_HTTP_LINE;
        h->line_cut = true;
        line_too_long(h, sink);
    }
    if (!h->line_cut && part.n > 0 && part.p[part.n - 1] == '\r')
        part.n--;
    *ret_line = part;
    return HTTP1_LINE_WHOLE;
}

bool http1_line_hold(struct http1 *h, struct http1_span line)
{
    size_t n = h->line_cut ? line.n : http1_head_trim(line).n;
    if (h->line.len == 0 && buf_append(&h->line, line.p, n) < 0)
        return false;
    h->line.len = n;
    h->held = HTTP1_LINE_HELD;
    return true;
}

enum http1_line_result http1_line_unfold(struct http1 *h, const struct http1_sink *sink,
                                         struct http1_span *in)
{
    static const uint8_t space = ' ';
    for (; in->n > 0 && http1_head_is_blank(in->p[0]); in->p++, in->n--)
        h->held = HTTP1_LINE_FOLDED;
    if (in->n == 0)
        return HTTP1_LINE_MORE;
    if (h->held == HTTP1_LINE_HELD)
        return HTTP1_LINE_WHOLE;
    h->held = HTTP1_LINE_FREE;
    return keep_partial(h, sink, (struct http1_span){&space, 1}) ? HTTP1_LINE_MORE
                                                                 : HTTP1_LINE_NOMEM;
}
