/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start lines (RFC 9112 3 and 4), the two fields that frame a body, and the rule that chooses the
 * framing (RFC 9112 6.3). Without state of its own: what was seen is in struct http1.
 */
#include "http1_head.h"
#include "ascii.h"
#include <string.h>

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool parse_response(struct http1_span line, struct http1_head *ret_head)
{
    const uint8_t *p = line.p;
    if (line.n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || (line.n > 12 && p[12] != ' '))
        return false;
    if (!is_digit(p[7]) || p[8] != ' ' || p[9] == '0')
        return false;
    if (!is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]))
        return false;
    ret_head->minor_version = p[7] != '0';
    ret_head->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    return true;
}

static bool is_method(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = (p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z';
        if (!letter && p[i] != '-' && p[i] != '_')
            return false;
    }
    return n > 0 && n <= 32;
}

static bool parse_request(struct http1_span line, bool cut, struct http1_head *ret_head)
{
    const uint8_t *space = memchr(line.p, ' ', line.n);
    if (!space || !is_method(line.p, (size_t)(space - line.p)))
        return false;
    const uint8_t *target = space + 1;
    const uint8_t *end = line.p + line.n;
    ret_head->minor_version = 1;
    if (!cut) {
        if (end - target < 10 || memcmp(end - 9, " HTTP/1.", 8) != 0)
            return false;
        if (!is_digit(end[-1]))
            return false;
        ret_head->minor_version = end[-1] != '0';
        end -= 9;
    }
    ret_head->method = (const char *)line.p;
    ret_head->method_len = (size_t)(space - line.p);
    ret_head->target = (const char *)target;
    ret_head->target_len = (size_t)(end - target);
    return true;
}

bool http1_head_start(uint8_t kind, struct http1_span line, bool cut, struct http1_head *ret_head)
{
    return kind == HTTP1_REQUEST ? parse_request(line, cut, ret_head)
                                 : parse_response(line, ret_head);
}

/* Cuts the first member off a comma-separated list. */
static struct http1_span next_member(struct http1_span *list)
{
    const uint8_t *comma = memchr(list->p, ',', list->n);
    struct http1_span member = {list->p, comma ? (size_t)(comma - list->p) : list->n};
    list->p += member.n + (comma != NULL);
    list->n -= member.n + (comma != NULL);
    return http1_head_trim(member);
}

static bool parse_decimal(struct http1_span s, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]) || value > HTTP1_HEAD_LENGTH_MAX / 10)
            return false;
        value = value * 10 + (uint64_t)(s.p[i] - '0');
    }
    *ret_value = value;
    return s.n > 0;
}

/* RFC 9110 8.6: equal values, repeated or in a list, count as one. */
static void content_length(struct http1 *h, struct http1_span list)
{
    do {
        uint64_t value;
        if (!parse_decimal(next_member(&list), &value)) {
            h->seen |= HTTP1_HEAD_BAD_LENGTH;
            return;
        }
        if ((h->seen & HTTP1_HEAD_LENGTH) != 0 && value != h->content_length)
            h->seen |= HTTP1_HEAD_BAD_LENGTH;
        h->content_length = value;
        h->seen |= HTTP1_HEAD_LENGTH;
    } while (list.n > 0);
}

static void transfer_encoding(struct http1 *h, struct http1_span list)
{
    do {
        struct http1_span coding = next_member(&list);
        if (coding.n == 0 || ascii_is(coding.p, coding.n, "identity"))
            continue;
        h->seen |= HTTP1_HEAD_CODING;
        h->seen &= (uint8_t)~HTTP1_HEAD_CHUNKED;
        if (ascii_is(coding.p, coding.n, "chunked"))
            h->seen |= HTTP1_HEAD_CHUNKED;
    } while (list.n > 0);
}

void http1_head_field(struct http1 *h, struct http1_span name, struct http1_span value)
{
    if (name.n == 14 && ascii_is(name.p, name.n, "content-length"))
        content_length(h, value);
    else if (name.n == 17 && ascii_is(name.p, name.n, "transfer-encoding"))
        transfer_encoding(h, value);
}

int http1_head_framing(const struct http1 *h)
{
    bool response = h->kind == HTTP1_RESPONSE;
    if (response) {
        if (h->status == 101 || (h->request_method == HTTP1_METHOD_CONNECT && h->status / 100 == 2))
            return HTTP1_BODY_TUNNEL;
        if (h->status / 100 == 1 || h->status == 204 || h->status == 304 ||
            h->request_method == HTTP1_METHOD_HEAD)
            return HTTP1_BODY_NONE;
    }
    if ((h->seen & HTTP1_HEAD_CODING) != 0) {
        if ((h->seen & HTTP1_HEAD_CHUNKED) != 0)
            return HTTP1_BODY_CHUNKED;
        return response ? HTTP1_BODY_UNTIL_CLOSE : -1;
    }
    if ((h->seen & HTTP1_HEAD_BAD_LENGTH) != 0)
        return -1;
    if ((h->seen & HTTP1_HEAD_LENGTH) != 0)
        return HTTP1_BODY_LENGTH;
    return response ? HTTP1_BODY_UNTIL_CLOSE : HTTP1_BODY_NONE;
}
