/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MRTR, multi round-trip requests (revision 2026-07-28).
 *
 * A result of type input_required ends its exchange; the client asks again with a new id, the
 * answers in inputResponses, and the requestState if it was given one. Nothing names the exchange
 * before, so the retry ("leg") is linked by content, among the operations of the same server
 * endpoint, method and name that wait for input:
 *
 *   with requestState      by its hash: certain. Of several, those of the same client host.
 *   without                of the same client host, and the keys of inputResponses must be among
 *                          those of inputRequests: likely
 *
 * If not exactly one fits, none is linked: the leg is a call of its own, and after as many such
 * legs as there were candidates these end as unknown. A likely link needs more: between the two
 * hosts nothing was lost and no connection was joined midstream, else the leg may belong to a call
 * that was not seen.
 *
 * A loss costs a link, never makes one: a leg whose predecessor was lost is a call of its own; an
 * operation whose continuation may have been lost ends as unknown.
 *
 * Limits: at most WALK_MAX candidates are looked at, more fit none. Of more than RECORD_LINKS_KEYS
 * keys only the number is compared.
 *
 * Ignored on purpose: the arguments of the calls; a retry that goes to another server endpoint.
 */
#include "legs.h"
#include "emit.h"

#define WALK_MAX 64

void legs_missed(struct tracker *t, const struct endpoint *client, const struct endpoint *server)
{
    struct tracker_peers peers = tracker_peers(client, server);
    void *entry = table_find(t->joined, &peers);
    bool full = !entry && table_count(t->joined) == t->config.caps->of[LIMIT_ID_ENDPOINTS];
    if (!entry && (full || table_insert(t->joined, &peers, &entry) < 0))
        t->operations_forgot = true;
    else
        ((struct legs_joined *)entry)->count++;
}

void legs_whole(struct tracker *t, const struct endpoint *client, const struct endpoint *server)
{
    struct tracker_peers peers = tracker_peers(client, server);
    struct legs_joined *joined = table_find(t->joined, &peers);
    if (joined && --joined->count == 0)
        table_remove(t->joined, joined);
}

bool legs_may_have_missed(const struct tracker *t, const struct endpoint *client,
                          const struct endpoint *server)
{
    struct tracker_peers peers = tracker_peers(client, server);
    return t->operations_forgot || t->forgot || table_find(t->joined, &peers) ||
           tracker_lost_since(t, client, server, 0);
}

static struct operation_key key_of(const struct pending *p, enum operation_index kind,
                                   uint64_t value, bool any_client)
{
    struct operation_key key = {.server = p->server, .value = value, .kind = kind, .dir = p->dir};
    if (!any_client) {
        key.client = p->client;
        key.client.port = 0;
    }
    return key;
}

/* Where the legs of a call are found: by state, or by who calls what. */
static struct operation_key leg_key(const struct tracker *t, const struct pending *p,
                                    const struct record_links *l)
{
    struct hash_stream what;
    size_t n, method_len;
    const char *name = pairing_name(p, &n);
    const char *method = pairing_method(p, &method_len);
    hash_stream_init(&what, &t->config.hash);
    hash_stream_feed(&what, &method_len, sizeof(method_len));
    hash_stream_feed(&what, method, method_len);
    hash_stream_feed(&what, name, n);
    bool state = (l->flags & LINKS_STATE) != 0;
    if (state)
        hash_stream_feed(&what, &l->state_hash, sizeof(l->state_hash));
    return key_of(p, state ? INDEX_STATE : INDEX_KEYS, hash_stream_end(&what), state);
}

/* Whether all that is answered was asked. */
static bool keys_fit(const struct operation *op, const struct record_links *l)
{
    if (l->key_count > op->key_count)
        return false;
    if (op->key_count > RECORD_LINKS_KEYS)
        return true;
    for (uint16_t i = 0; i < l->key_count; i++) {
        uint16_t k = 0;
        while (k < op->key_count && op->keys[k] != l->keys[i])
            k++;
        if (k == op->key_count)
            return false;
    }
    return true;
}

/* The operations that a leg may belong to. */
struct candidates {
    const struct pending *p;
    const struct record_links *links;
    bool same_host; /* only those of the leg's client host */
};

static bool fits(const struct candidates *c, const struct operation *op)
{
    if (op->state != STATE_WAITING || op->answered.ts_ns > c->p->request.ts_ns)
        return false;
    struct endpoint host = op->client;
    host.port = c->p->client.port;
    return (!c->same_host || memcmp(&host, &c->p->client, sizeof(host)) == 0) &&
           keys_fit(op, c->links);
}

/* How many fit; *ret_op is the first of them. */
static unsigned count_fitting(const struct operation_slot *slot, const struct candidates *c,
                              struct operation **ret_op)
{
    unsigned n = 0, steps = 0;
    for (struct operation *op = slot->oldest; op; op = op->newer) {
        if (++steps > WALK_MAX)
            return steps;
        if (fits(c, op) && n++ == 0)
            *ret_op = op;
    }
    return n;
}

/* A leg that may belong to n operations. Each of them has gone on when as many legs were seen. */
static void doubt(struct tracker *t, const struct operation_slot *slot, const struct candidates *c,
                  unsigned n)
{
    unsigned steps = 0;
    for (struct operation *next, *op = slot->oldest; op && steps++ < WALK_MAX; op = next) {
        next = op->newer;
        if (!fits(c, op) || ++op->doubts < n)
            continue;
        op->status = OPERATION_UNKNOWN;
        operation_end(t, op, &c->p->request);
    }
}

/* The operation that waits for what p brings; NULL: none, or not only one. */
static struct operation *find_waiting(struct tracker *t, const struct pending *p,
                                      const struct record_links *l)
{
    struct operation_key key = leg_key(t, p, l);
    struct candidates c = {p, l, key.kind == INDEX_KEYS};
    const struct operation_slot *slot = operation_slot(t, &key);
    struct operation *op = NULL;
    if (!slot || (key.kind == INDEX_KEYS && legs_may_have_missed(t, &p->client, &p->server)))
        return NULL;
    unsigned n = count_fitting(slot, &c, &op);
    if (n > 1 && !c.same_host) {
        c.same_host = true;
        unsigned here = count_fitting(slot, &c, &op);
        c.same_host = here > 0;
        n = here > 0 ? here : n;
    }
    if (n > 1)
        doubt(t, slot, &c, n);
    if (n != 1)
        return NULL;
    op->likely |= key.kind == INDEX_KEYS || op->doubts > 0;
    return op;
}

uint64_t legs_request(struct tracker *t, const struct pending *p, const struct record_links *l)
{
    struct operation *op = find_waiting(t, p, l);
    if (!op)
        return OPERATION_LOOSE;
    op->state = STATE_RUNNING;
    op->legs++;
    operation_touch(t, op);
    return op->seq;
}

void legs_ask(struct tracker *t, struct operation *op, const struct fact *f)
{
    const struct record_links *l = &f->links;
    struct operation_key key = leg_key(t, &f->p, l);
    if (!op) {
        op = operation_new(t, OPERATION_MRTR, f->p.dir);
        if (!op)
            return;
        operation_set_first(op, &f->p);
    }
    op->state = STATE_WAITING;
    op->status = OPERATION_PENDING;
    op->rounds++;
    op->server_ns += tracker_between(f->p.request.ts_ns, f->at.ts_ns);
    op->answered = f->at;
    op->key_count = l->key_count;
    memcpy(op->keys, l->keys, sizeof(op->keys));
    operation_touch(t, op);
    (void)operation_index(t, op, &key);
}

void legs_end(struct tracker *t, struct operation *op, const struct fact *f)
{
    static const uint8_t statuses[EXCHANGE_STATUS_COUNT] = {
        [EXCHANGE_RESULT] = OPERATION_COMPLETE,        [EXCHANGE_ERROR] = OPERATION_ERROR,
        [EXCHANGE_TOOL_ERROR] = OPERATION_TOOL_ERROR,  [EXCHANGE_CANCELLED] = OPERATION_CANCELLED,
        [EXCHANGE_INPUT_REQUIRED] = OPERATION_UNKNOWN, [EXCHANGE_UNANSWERED] = OPERATION_UNANSWERED,
        [EXCHANGE_LOST] = OPERATION_UNKNOWN,           [EXCHANGE_PENDING] = OPERATION_PENDING};
    op->status = f->status < EXCHANGE_STATUS_COUNT ? statuses[f->status] : OPERATION_UNKNOWN;
    op->server_ns += tracker_between(f->p.request.ts_ns, f->at.ts_ns);
    op->answered = f->at;
    if (f->status == EXCHANGE_UNANSWERED || f->status == EXCHANGE_PENDING) {
        op->state = STATE_WAITING; /* the client may ask once more */
        operation_touch(t, op);
    } else {
        operation_end(t, op, &f->at);
    }
}
