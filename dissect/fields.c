/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header fields that matter, found by the length of their name first: most fields are left
 * after one comparison of integers.
 *
 * Ignored on purpose: quality values and parameters (a client that names a media type takes it),
 * and every credential.
 */
#include "fields.h"
#include "ascii.h"
#include "base/limits.h"
#include "coding.h"
#include "header_value.h"
#include "upgrade.h"

#define LENGTH(n) (UINT32_C(1) << (n))

const uint32_t fields_name_lengths[32] = {
    ['a' & 31] = LENGTH(6),               /* accept */
    ['c' & 31] = LENGTH(12) | LENGTH(16), /* content-type, content-encoding */
    ['l' & 31] = LENGTH(13),              /* last-event-id */
    ['m' & 31] = ~(LENGTH(5) - 1),        /* mcp-anything */
    ['s' & 31] = LENGTH(22) | LENGTH(24), /* sec-websocket-protocol, -extensions */
    ['t' & 31] = LENGTH(17),              /* transfer-encoding */
    ['u' & 31] = LENGTH(7),               /* upgrade */
};

struct fields_text {
    const char *p;
    size_t n;
};

/* Whether a list of media types names one. */
static bool names(const char *value, size_t n, const char *type)
{
    size_t length = strlen(type);
    while (n >= length) {
        if (ascii_equal(value, type, length))
            return true;
        const char *comma = memchr(value, ',', n);
        if (!comma)
            return false;
        n -= (size_t)(comma + 1 - value);
        value = comma + 1;
        while (n > 0 && (*value == ' ' || *value == '\t')) {
            value++;
            n--;
        }
    }
    return false;
}

/* Whether a list of subprotocols has MCP's among them. */
static bool lists_mcp(const char *value, size_t n)
{
    while (n > 0) {
        const char *comma = memchr(value, ',', n);
        size_t length = comma ? (size_t)(comma - value) : n;
        size_t begin = 0, end = length;
        while (begin < end && (value[begin] == ' ' || value[begin] == '\t'))
            begin++;
        while (end > begin && (value[end - 1] == ' ' || value[end - 1] == '\t'))
            end--;
        if (ascii_is(value + begin, end - begin, "mcp"))
            return true;
        value += length + (comma != NULL);
        n -= length + (comma != NULL);
    }
    return false;
}

static void accept(struct fields *f, const char *value, size_t n)
{
    if (names(value, n, "text/event-stream"))
        f->flags |= CHANNEL_ACCEPTS_SSE;
    if (names(value, n, "application/json"))
        f->accepts_json = true;
    if (f->accepts_json && (f->flags & CHANNEL_ACCEPTS_SSE) != 0)
        f->flags |= CHANNEL_ACCEPTS_BOTH;
}

static inline bool ends_type(char c)
{
    return c == ';' || c == ' ' || c == '\t';
}

/* Whether a media type, perhaps with parameters behind it, is that one. */
static inline bool is_type(const char *value, size_t n, const char *type)
{
    size_t length = strlen(type);
    return n >= length && ascii_equal(value, type, length) &&
           (n == length || ends_type(value[length]));
}

static enum http_content content_type(const char *value, size_t n)
{
    if (is_type(value, n, "text/event-stream"))
        return HTTP_CONTENT_SSE;
    if (is_type(value, n, "application/json") || is_type(value, n, "text/json"))
        return HTTP_CONTENT_JSON;
    size_t length = 0;
    while (length < n && !ends_type(value[length]))
        length++;
    if (length > 5 && ascii_equal(value + length - 5, "+json", 5))
        return HTTP_CONTENT_JSON;
    return length > 0 ? HTTP_CONTENT_OTHER : HTTP_CONTENT_NONE;
}

static void version(struct fields *f, const char *value, size_t n)
{
    if (n >= sizeof(f->version))
        n = sizeof(f->version) - 1;
    for (size_t i = 0; i < n; i++)
        if (value[i] <= ' ' || value[i] > '~') {
            f->flags |= CHANNEL_HEADER_UNKNOWN;
            return;
        }
    memcpy(f->version, value, n);
    f->version[n] = '\0';
}

static void add_coding(struct fields *f, const char *value, size_t n)
{
    f->coding = (uint8_t)coding_combine((enum coding)f->coding, coding_from_name(value, n));
}

/* The value of Mcp-Method or Mcp-Name, to be compared with the body. One that is longer than what
 * a message keeps, or stands twice, tells nothing. */
static void mirror(struct fields *f, const struct hash_key *hash, enum channel_flag flag,
                   struct fields_text value)
{
    char decoded[LIMIT_MESSAGE_TEXT];
    size_t n = 0;
    f->flags |= CHANNEL_MCP_HEADER;
    bool known = (f->flags & flag) == 0 &&
                 header_value_decode(value.p, value.n, decoded, sizeof(decoded), &n);
    if (!known) {
        f->flags &= (uint16_t)~flag;
        f->flags |= CHANNEL_HEADER_UNKNOWN;
        return;
    }
    f->flags |= (uint16_t)flag;
    *(flag == CHANNEL_HAS_NAME ? &f->name_hash : &f->method_hash) = hash_bytes(hash, decoded, n);
}

/* A field whose value may be encoded. Returns whether it is in one of the forms. */
static bool may_be_encoded(struct fields *f, struct fields_text value)
{
    bool malformed = header_value_malformed(value.p, value.n);
    f->flags |= CHANNEL_MCP_HEADER;
    if (malformed)
        f->flags |= CHANNEL_BAD_VALUE;
    return !malformed;
}

/* A field of the Mcp- family; others may begin like that. */
static void mcp_field(struct fields *f, const struct hash_key *hash, struct fields_text name,
                      struct fields_text value)
{
    if (ascii_is(name.p, name.n, "mcp-session-id") && value.n > 0) {
        fields_add_session(f, hash_bytes(hash, value.p, value.n));
    } else if (ascii_is(name.p, name.n, "mcp-protocol-version")) {
        f->has_version = true;
        version(f, value.p, value.n);
    } else if (ascii_is(name.p, name.n, "mcp-method")) {
        mirror(f, hash, CHANNEL_HAS_METHOD, value);
    } else if (ascii_is(name.p, name.n, "mcp-name")) {
        if (may_be_encoded(f, value))
            mirror(f, hash, CHANNEL_HAS_NAME, value);
    } else if (name.n > 10 && ascii_equal(name.p, "mcp-param-", 10)) {
        may_be_encoded(f, value);
    }
}

uint16_t fields_flags(const struct fields *f)
{
    bool streams = (f->flags & (CHANNEL_ACCEPTS_SSE | CHANNEL_HAS_SESSION)) != 0;
    return f->has_version && streams ? f->flags | CHANNEL_MCP_HEADER : f->flags;
}

void fields_add(struct fields *f, const struct hash_key *hash, const char *name, size_t name_len,
                const char *value, size_t value_len)
{
    if (name_len > 4 && (name[0] | 0x20) == 'm' && ascii_equal(name, "mcp-", 4)) {
        mcp_field(f, hash, (struct fields_text){name, name_len},
                  (struct fields_text){value, value_len});
        return;
    }
    switch (name_len) {
    case 6:
        if (ascii_is(name, 6, "accept"))
            accept(f, value, value_len);
        break;
    case 7:
        if (ascii_is(name, 7, "upgrade"))
            f->upgrade = upgrade_find(value, value_len);
        break;
    case 12:
        if (ascii_is(name, 12, "content-type"))
            f->content = (uint8_t)content_type(value, value_len);
        break;
    case 13:
        if (ascii_is(name, 13, "last-event-id") && value_len > 0) {
            f->flags |= CHANNEL_HAS_LAST_EVENT;
            f->last_event_hash = hash_bytes(hash, value, value_len);
        }
        break;
    case 16:
        if (ascii_is(name, 16, "content-encoding"))
            add_coding(f, value, value_len);
        break;
    case 17:
        if (ascii_is(name, 17, "transfer-encoding"))
            add_coding(f, value, value_len);
        break;
    case 22:
        if (ascii_is(name, 22, "sec-websocket-protocol"))
            f->mcp_socket = f->mcp_socket || lists_mcp(value, value_len);
        break;
    case 24:
        if (ascii_is(name, 24, "sec-websocket-extensions"))
            websocket_add_extensions(&f->socket, value, value_len);
        break;
    default: /* no other length matters */
        break;
    }
}

enum http_method fields_method(const char *method, size_t n)
{
    if (n == 4 && memcmp(method, "POST", 4) == 0)
        return HTTP_METHOD_POST;
    if (n == 3 && memcmp(method, "GET", 3) == 0)
        return HTTP_METHOD_GET;
    if (n == 6 && memcmp(method, "DELETE", 6) == 0)
        return HTTP_METHOD_DELETE;
    return HTTP_METHOD_OTHER;
}
