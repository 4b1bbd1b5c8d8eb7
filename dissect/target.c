/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Targets are hashed segment by segment, each together with the hash of what is in front of it. So
 * the hash of a directory is enough to resolve a relative reference later (RFC 3986), and no text
 * has to be kept.
 *
 * Ignored on purpose: `..`, for which the parents would have to be kept; percent-encoding that
 * client and server write in two ways; fragments, which are never sent.
 */
#include "target.h"
#include "ascii.h"
#include <string.h>

struct span {
    const char *p;
    size_t n;
};

static uint64_t step(const struct hash_key *hash, uint64_t from, const char *p, size_t n)
{
    struct hash_stream s;
    hash_stream_init(&s, hash);
    hash_stream_feed(&s, &from, sizeof(from));
    hash_stream_feed(&s, p, n);
    return hash_stream_end(&s);
}

static bool is_dots(const char *p, size_t n, size_t dots)
{
    return n == dots && memcmp(p, "..", dots) == 0;
}

/* Reads what stands behind the directory `dir`. False: it goes up. */
static bool walk(const struct hash_key *hash, uint64_t dir, struct span t, struct target *ret)
{
    const char *query = memchr(t.p, '?', t.n);
    const char *end = query ? query : t.p + t.n;
    const char *p = t.p, *slash;
    bool up = false;
    while ((slash = memchr(p, '/', (size_t)(end - p))) != NULL) {
        up = up || is_dots(p, (size_t)(slash - p), 2);
        if (!is_dots(p, (size_t)(slash - p), 1))
            dir = step(hash, dir, p, (size_t)(slash - p) + 1);
        p = slash + 1;
    }
    up = up || is_dots(p, (size_t)(end - p), 2);
    if (is_dots(p, (size_t)(end - p), 1))
        p = end;
    ret->dir = dir;
    ret->path = step(hash, dir, p, (size_t)(end - p));
    ret->whole = ret->path;
    if (query)
        ret->whole = step(hash, ret->path, query, (size_t)(t.p + t.n - query));
    return !up;
}

/* Takes the authority off, which begins `skip` bytes behind the start, and the slash behind it. */
static struct span behind_authority(struct span t, size_t skip)
{
    while (skip < t.n && t.p[skip] != '/' && t.p[skip] != '?')
        skip++;
    skip += skip < t.n && t.p[skip] == '/';
    return (struct span){t.p + skip, t.n - skip};
}

/* Bytes of "http://" or "https://"; 0: it begins with neither. */
static size_t scheme_bytes(struct span t)
{
    if (t.n < 7 || !ascii_equal(t.p, "http", 4))
        return 0;
    size_t colon = (t.p[4] | 0x20) == 's' ? 5 : 4;
    return t.n >= colon + 3 && memcmp(t.p + colon, "://", 3) == 0 ? colon + 3 : 0;
}

void target_read(const struct hash_key *hash, const char *text, size_t n, struct target *ret)
{
    struct span t = {text, n};
    size_t scheme = scheme_bytes(t);
    if (scheme > 0)
        t = behind_authority(t, scheme);
    else if (n > 0 && text[0] == '/')
        t = (struct span){text + 1, n - 1};
    (void)walk(hash, 0, t, ret);
}

/* Whether a reference that begins with neither a slash nor http has a scheme. */
static bool has_scheme(struct span t)
{
    for (size_t i = 0; i < t.n && t.p[i] != '/' && t.p[i] != '?'; i++)
        if (t.p[i] == ':')
            return true;
    return false;
}

bool target_resolve(const struct hash_key *hash, const struct target *base, const char *uri,
                    size_t n, uint64_t *ret_whole)
{
    const char *fragment = memchr(uri, '#', n);
    struct span t = {uri, fragment ? (size_t)(fragment - uri) : n};
    struct target found;
    size_t authority = scheme_bytes(t);
    uint64_t dir = 0;
    if (authority == 0 && t.n >= 2 && memcmp(t.p, "//", 2) == 0)
        authority = 2;
    if (authority > 0) {
        t = behind_authority(t, authority);
    } else if (t.n > 0 && t.p[0] == '/') {
        t = (struct span){t.p + 1, t.n - 1};
    } else if (t.n == 0 || base->path == 0 || has_scheme(t)) {
        return false;
    } else if (t.p[0] == '?') {
        *ret_whole = step(hash, base->path, t.p, t.n);
        return true;
    } else {
        dir = base->dir;
    }
    if (!walk(hash, dir, t, &found))
        return false;
    *ret_whole = found.whole;
    return true;
}
