/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON-RPC batches, which are read message by message wherever they come: only revision 2025-03-26
 * has them, and it has no `initialize` in them. A batch counts once, with its first message; where
 * the revision is not known for sure, it does not.
 *
 * Sure are the version of the message itself, that which the session agreed on, and the head of the
 * request; not that of a session which several clients may share.
 */
#include "batch.h"
#include "emit.h"

#define WITH_BATCHES "2025-03-26"

static const char *known_version(const struct channel *ch, const char *own)
{
    const struct session *s = ch->session;
    if (own[0])
        return own;
    if (s && !session_shared(s) && s->names->version[0])
        return s->names->version;
    return ch->version;
}

void batch_check(struct tracker *t, const struct channel *ch, const struct message *m,
                 const char *version)
{
    if (!(m->flags & MESSAGE_IN_BATCH))
        return;
    struct event_origin origin;
    emit_origin(ch, version, &origin);
    const char *known = known_version(ch, version);
    bool wrong = known[0] && strcmp(known, WITH_BATCHES) != 0;
    if ((m->flags & MESSAGE_FIRST_IN_BATCH) && wrong)
        emit_finding(t, &origin, "envelope:batch", m->dir, &m->last);
    if (m->kind == MESSAGE_REQUEST && m->method == METHOD_INITIALIZE)
        emit_finding(t, &origin, "envelope:batched_initialize", m->dir, &m->last);
}
