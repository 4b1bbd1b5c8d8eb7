/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Revision 2026-07-28 and later ones: every request stands alone.
 *
 * Whether an exchange is modern is said by the version in the request's own `_meta`; where that has
 * none, by the head: MCP-Protocol-Version, or Mcp-Method and Mcp-Name, which no earlier revision
 * has. A message sent to a target that an event stream announced (HTTP+SSE) is not, whatever its
 * version: there the answer comes on that stream.
 *
 * In a modern exchange the answer comes in its own response or never. The client that leaves before
 * has cancelled the request; the server that does has lost it, unless packets between the two hosts
 * were lost since: among these may be the one that says who left. Session ids and Last-Event-ID
 * mean nothing. A `notifications/cancelled` is heeded, though nothing asks for it over HTTP.
 *
 * Clients are told apart by address, name and version (SESSION_KIND_IDENTITY). Such a group counts
 * once the server shows that it takes part: by a result or a notification, or by an error of the
 * request itself. The probe of a client that speaks earlier revisions, too, may be answered by a
 * server that does not know this one: with an HTTP status, or with an error that says so.
 *
 * `subscriptions/listen` asks for a stream. Its answer is the acknowledgement; the end of the
 * stream is the end of the exchange, and normal, if it is the client's, or the response is
 * complete, with or without a result. A connection that the server ends before is told. After the
 * client's end, a cancellation that may follow on another connection is waited for.
 *
 * Header fields are compared where both sides are known to the last byte: not when one was cut,
 * lost, repaired to be valid UTF-8, or sent in an unknown encoding. What lacks is told only where
 * the body's own version demands it, and the whole head was read.
 *
 * Of the fields Mcp-Param-* only the form is checked. Which argument one repeats is said by
 * x-mcp-header in the tool's schema alone: the two names may differ, and another argument may have
 * the field's. The schema is in a `tools/list` result that a client may have had before the
 * capture, or elsewhere, and that may have changed since.
 *
 * Ignored on purpose: notifications, for which the revision states no header rules.
 */
#include "modern.h"
#include "emit.h"

#define FIRST_MODERN  "2026-07-28"
#define VERSION_BYTES (sizeof(FIRST_MODERN) - 1)

/* Of so many bytes. As memcmp() says, which would read what was just copied in larger pieces than
 * it was written in, and wait. */
static inline bool is_before_modern(const char *version)
{
    size_t i = 0;
    while (i < VERSION_BYTES && version[i] == FIRST_MODERN[i])
        i++;
    return i < VERSION_BYTES && (unsigned char)version[i] < (unsigned char)FIRST_MODERN[i];
}

/* Versions are dates; later ones are taken for modern, too. */
static bool is_modern(const char *version, size_t n)
{
    static const char shape[] = "dddd-dd-dd";
    if (n != VERSION_BYTES || is_before_modern(version))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool digit = version[i] >= '0' && version[i] <= '9';
        if (shape[i] == 'd' ? !digit : version[i] != shape[i])
            return false;
    }
    return true;
}

bool modern_head(const struct channel *ch)
{
    if (!channel_is_http(ch) || ch->announced)
        return false;
    return (ch->flags & (CHANNEL_HAS_METHOD | CHANNEL_HAS_NAME)) != 0 ||
           (ch->version[VERSION_BYTES] == '\0' && is_modern(ch->version, VERSION_BYTES));
}

static uint64_t identity_of(const struct tracker *t, const struct message *m)
{
    size_t name_len, version_len;
    const char *name = message_text(m, MESSAGE_TEXT_PEER_NAME, &name_len);
    const char *version = message_text(m, MESSAGE_TEXT_PEER_VERSION, &version_len);
    if (name_len + version_len == 0)
        return 0;
    uint64_t parts[2] = {hash_bytes(&t->config.hash, name, name_len),
                         hash_bytes(&t->config.hash, version, version_len)};
    return hash_bytes(&t->config.hash, parts, sizeof(parts));
}

void modern_sort(struct tracker *t, struct channel *ch, const struct message *m)
{
    if (m->dir != DIR_C2S || !channel_is_http(ch) || ch->announced)
        return;
    size_t n;
    const char *version = message_text(m, MESSAGE_TEXT_VERSION, &n);
    if (m->method == METHOD_INITIALIZE)
        ch->modern = false;
    else if (n > 0)
        ch->modern = is_modern(version, n);
    if (!ch->modern)
        return;
    ch->identity_hash = identity_of(t, m);
    struct session_key key = session_key_identity(ch, ch->identity_hash);
    struct session *s = session_get(t, &key, ch); /* may have dropped ch->session */
    if (s)
        session_enter(t, s, ch);
}

/* ---- header fields */

static bool was_repaired(const char *text, size_t n)
{
    for (size_t i = 0; i + 3 <= n; i++)
        if (memcmp(text + i, "\xef\xbf\xbd", 3) == 0)
            return true;
    return false;
}

/* The hash of what Mcp-Name has to repeat; false: nothing, or it is not known. */
static bool name_in_body(const struct tracker *t, const struct message *m, uint64_t *ret_hash)
{
    if (m->method == METHOD_TASKS_GET || m->method == METHOD_TASKS_UPDATE ||
        m->method == METHOD_TASKS_CANCEL) {
        const struct record_links *l = tracker_links_of(t, m);
        bool named = l && (l->flags & LINKS_TASK) && !(l->flags & LINKS_RELATED);
        *ret_hash = named ? l->task_hash : 0;
        return named;
    }
    size_t n;
    const char *name = message_text(m, MESSAGE_TEXT_NAME, &n);
    if (n == 0 || method_info(m->method)->name == METHOD_NAME_NONE || was_repaired(name, n))
        return false;
    *ret_hash = hash_bytes(&t->config.hash, name, n);
    return true;
}

static void check_name(struct tracker *t, const struct channel *ch, const struct message *m,
                       const struct event_origin *origin, bool required)
{
    uint64_t hash;
    if (!name_in_body(t, m, &hash))
        return;
    if (ch->flags & CHANNEL_HAS_NAME) {
        if (hash != ch->name_hash)
            emit_finding(t, origin, "header:name_mismatch", DIR_C2S, &m->last);
    } else if (required && !(ch->flags & CHANNEL_BAD_VALUE)) { /* which may be that of the name */
        emit_finding(t, origin, "header:missing_name", DIR_C2S, &m->last);
    }
}

static void check_method(struct tracker *t, const struct channel *ch, const struct message *m,
                         const struct event_origin *origin, bool required)
{
    size_t n;
    const char *method = message_text(m, MESSAGE_TEXT_METHOD, &n);
    if (m->method != METHOD_OTHER) {
        method = method_info(m->method)->text;
        n = strlen(method);
    } else if (was_repaired(method, n)) {
        return;
    }
    if (ch->flags & CHANNEL_HAS_METHOD) {
        if (hash_bytes(&t->config.hash, method, n) != ch->method_hash)
            emit_finding(t, origin, "header:method_mismatch", DIR_C2S, &m->last);
    } else if (required) {
        emit_finding(t, origin, "header:missing_method", DIR_C2S, &m->last);
    }
}

void modern_check(struct tracker *t, const struct channel *ch, const struct message *m,
                  const struct event_origin *origin)
{
    bool told = (ch->flags & (CHANNEL_HAS_METHOD | CHANNEL_HAS_NAME)) != 0;
    if (!(ch->modern || told) || ch->method != HTTP_METHOD_POST || (ch->flags & CHANNEL_STUB) ||
        m->dir != DIR_C2S || (m->flags & (MESSAGE_IN_BATCH | MESSAGE_TEXT_CUT)))
        return;
    size_t n, head_n = strlen(ch->version);
    const char *version = message_text(m, MESSAGE_TEXT_VERSION, &n);
    bool own = m->method != METHOD_INITIALIZE && n > 0;
    bool required = own && is_modern(version, n) && !(ch->flags & CHANNEL_HEADER_UNKNOWN);
    bool cut = head_n == CHANNEL_VERSION_BYTES - 1;
    if (own && head_n > 0 && !cut && (n != head_n || memcmp(version, ch->version, n) != 0))
        emit_finding(t, origin, "header:version_mismatch", DIR_C2S, &m->last);
    else if (head_n == 0 && required)
        emit_finding(t, origin, "header:missing_version", DIR_C2S, &m->last);
    if (ch->modern && (ch->flags & CHANNEL_BAD_VALUE))
        emit_finding(t, origin, "header:malformed", DIR_C2S, &m->last);
    check_method(t, ch, m, origin, required);
    check_name(t, ch, m, origin, required);
}

/* ---- answers */

/* Errors that a server gives which does not know the revision, or the version asked for. */
static bool declines(const struct channel *ch, const struct message *m)
{
    if (ch->status >= 400 || !(m->flags & MESSAGE_HAS_CODE))
        return true;
    return m->error_code == -32700 || m->error_code == -32600 || m->error_code == -32601 ||
           m->error_code == -32022;
}

void modern_accept(struct tracker *t, struct channel *ch, const struct message *m,
                   const struct pending *p)
{
    struct session *s = ch->session;
    if (!ch->modern || !s || s->number || m->dir != DIR_S2C || !channel_certain(ch) ||
        (m->kind == MESSAGE_ERROR && declines(ch, m)))
        return;
    if (p && p->version[0])
        session_set_version(t, s, p->version);
    session_open(t, s);
}

/* The listen that waits on ch with that id; without one, the only one there. */
static struct pending *find_listen(const struct tracker *t, const struct channel *ch,
                                   const struct message *m)
{
    if (pairing_usable_id(&m->cancels)) {
        struct pending *p = pairing_own(t, ch, DIR_C2S, m->cancels.hash);
        return p && p->method == METHOD_SUBSCRIPTIONS_LISTEN ? p : NULL;
    }
    struct pending *p = ch->waiting.first;
    return p && !p->next && p->method == METHOD_SUBSCRIPTIONS_LISTEN ? p : NULL;
}

void modern_acknowledge(struct tracker *t, const struct channel *ch, const struct message *m)
{
    if (m->dir != DIR_S2C || !channel_certain(ch))
        return;
    struct pending *p = find_listen(t, ch, m);
    if (!p || p->acknowledged)
        return;
    p->acknowledged = true;
    p->ack_first_ns = m->first.ts_ns;
    p->ack_last_ns = m->last.ts_ns;
}

/* ---- ends */

void modern_end(struct tracker *t, const struct channel *ch, struct pending *p,
                enum channel_end how)
{
    if (p->acknowledged && how == CHANNEL_END_ABORTED) {
        pairing_doom(t, p);
        return;
    }
    bool lost = p->lossy || tracker_lost_since(t, &p->client, &p->server, p->request.packet);
    if (p->acknowledged && how == CHANNEL_END_CLOSED && !lost) {
        struct event_origin origin;
        emit_origin(ch, p->version, &origin);
        emit_finding(t, &origin, "stream:dropped", DIR_S2C, &t->at);
    }
    if (!p->acknowledged && how == CHANNEL_END_ABORTED && !lost)
        pairing_end(t, p, &(struct pairing_outcome){.status = EXCHANGE_CANCELLED, .at = t->at});
    else
        pairing_give_up(t, p, true);
}
