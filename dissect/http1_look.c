/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a start line begins (RFC 9112 sections 3 and 4), and what lies in the middle of a response.
 * Only HTTP/1.x, and only as many bytes are compared as are there.
 */
#include "http1_look.h"
#include <stdbool.h>
#include <string.h>

static enum http1_look look_response(const uint8_t *p, size_t n)
{
    static const char version[] = "HTTP/1.";
    size_t have = n < 7 ? n : 7;
    if (memcmp(p, version, have) != 0)
        return HTTP1_LOOK_NO;
    for (size_t i = 7; i < n && i < 12; i++) {
        bool digit = p[i] >= '0' && p[i] <= '9';
        if (i == 8 ? p[i] != ' ' : !digit)
            return HTTP1_LOOK_NO;
    }
    if (n > 12 && p[12] != ' ' && p[12] != '\r' && p[12] != '\n')
        return HTTP1_LOOK_NO;
    return n > 12 ? HTTP1_LOOK_RESPONSE : HTTP1_LOOK_MORE;
}

/* Only the methods of RFC 9110 and PATCH: "LIST /" begins an FTP session, not a request. */
static enum http1_look look_request(const uint8_t *p, size_t n)
{
    static const char methods[][9] = {"GET ",     "POST ",    "DELETE ", "HEAD ", "PUT ",
                                      "OPTIONS ", "CONNECT ", "PATCH ",  "TRACE "};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        size_t length = strlen(methods[i]);
        size_t have = n < length ? n : length;
        if (memcmp(p, methods[i], have) != 0)
            continue;
        if (n <= length)
            return HTTP1_LOOK_MORE;
        uint8_t c = p[length];
        if (methods[i][0] == 'C')
            return c > ' ' && c < 0x7f ? HTTP1_LOOK_REQUEST : HTTP1_LOOK_NO;
        return c == '/' || c == '*' || c == 'h' ? HTTP1_LOOK_REQUEST : HTTP1_LOOK_NO;
    }
    return HTTP1_LOOK_NO;
}

enum http1_look http1_look(const uint8_t *bytes, size_t n)
{
    while (n > 0 && (*bytes == '\r' || *bytes == '\n')) {
        bytes++;
        n--;
    }
    if (n == 0)
        return HTTP1_LOOK_MORE;
    if (*bytes < 'C' || *bytes > 'T')
        return HTTP1_LOOK_NO;
    enum http1_look look = look_response(bytes, n);
    return look != HTTP1_LOOK_NO ? look : look_request(bytes, n);
}

static bool begins_with(const uint8_t *p, size_t n, const char *word)
{
    size_t length = strlen(word);
    return n >= length && memcmp(p, word, length) == 0;
}

size_t http1_look_for_last_chunk(const uint8_t *bytes, size_t n)
{
    static const char text[] = "\r\n0\r\n\r\n";
    return begins_with(bytes, n, text) ? sizeof(text) - 1 : 0;
}

static bool looks_like_field(const uint8_t *p, size_t n)
{
    return begins_with(p, n, "event:") || begins_with(p, n, "data:") || begins_with(p, n, "id:");
}

enum http1_look_events http1_look_for_events(const uint8_t *p, size_t n)
{
    if (looks_like_field(p, n))
        return HTTP1_LOOK_LINE;
    size_t i = 0;
    while (i < n && i < 8 && strchr("0123456789abcdefABCDEF", p[i]) && p[i] != '\0')
        i++;
    if (i == 0 || n - i < 3 || p[i] != '\r' || p[i + 1] != '\n')
        return HTTP1_LOOK_NO_EVENTS;
    p += i + 2;
    n -= i + 2;
    return looks_like_field(p, n) || *p == ':' ? HTTP1_LOOK_CHUNK : HTTP1_LOOK_NO_EVENTS;
}
