/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages that came before, see the header.
 *
 * Theory of operation. All that a message says but its length, its time, its id and what it calls
 * comes from the names that the spec of rpc.c has, so it is in the shape of the text. The id, a
 * short integer or string, and the name are marked in the spec and read from the text that is
 * found.
 *
 * A text that is cut is not read either as long as it is like one that came before. What may still
 * have to be read is put aside, in the memory of the scanner that would read it, but for what is
 * inside of values that are objects or arrays: there the scanner would do nothing but what is done
 * here, to skip. So such a text may be of any length, and in any pieces.
 *
 * Where texts never come again, keeping them would be in vain: what may be kept is a credit that
 * only texts that are found give back. Without credit one in 256 is kept, in case that others come.
 *
 * Not kept: what has links to other messages, which stand beside it, what reached a cap, which has
 * to be counted each time, what does not begin with its first byte, and what has an id that is
 * neither integer nor string.
 */
#include "rpc_memo.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>

#define PROBES 255
#define NEAR   4 /* places in the order of use that need no tidying */
#define PIECES                                                                                     \
    4 /* put into the room: each costs a comparison of what is not behind a value yet              \
       */

_Static_assert(JSON_SHAPE_ID + 2 <= MESSAGE_ID_BYTES, "no id of a shape is cut");
#define FREE UINT16_MAX /* rpc_memo_sign.at: nothing is kept there, or found */

static int64_t integer(const struct json_shape_value *v)
{
    bool negative = v->p[0] == '-';
    int64_t value = 0;
    for (size_t i = negative; i < v->n; i++)
        value = value * 10 + (v->p[i] - '0');
    return negative ? -value : value;
}

static void set_text(struct message *m, enum message_text which, const struct json_shape_value *v)
{
    m->text_off[which] = m->text_used;
    m->text_len[which] = (uint8_t)v->n;
    memcpy(m->text + m->text_used, v->p, v->n);
    m->text_used = (uint16_t)(m->text_used + v->n);
}

/* Those that are another one, and the others behind them. */
static void set_texts(struct message *m, const struct rpc_memo_place *p,
                      const struct json_shape_value *values, const struct hash_key *hash)
{
    const struct message *kept = &p->message;
    memset(m->text_off, 0, sizeof(m->text_off)); /* empty ones are nowhere behind the others */
    m->text_used = 0;
    if (p->id >= 0) {
        struct json_shape_value id = values[p->id];
        bool string = m->id.type == RPC_ID_STRING;
        m->id.hash = string ? hash_bytes(hash, id.p, id.n) : (uint64_t)integer(&id);
        if (string) /* with its quotes */
            id = (struct json_shape_value){id.p - 1, id.n + 2};
        set_text(m, MESSAGE_TEXT_ID, &id);
    }
    if (p->name >= 0)
        set_text(m, MESSAGE_TEXT_NAME, &values[p->name]);
    for (int i = 0; p->others && i < MESSAGE_TEXT_COUNT; i++) {
        size_t n;
        const char *text = message_text(kept, (enum message_text)i, &n);
        if (i != MESSAGE_TEXT_ID && i != MESSAGE_TEXT_NAME && n > 0)
            set_text(m, (enum message_text)i, &(struct json_shape_value){(const uint8_t *)text, n});
    }
}

/* The message of a text of n bytes. */
static void take_over(struct message *m, const struct rpc_memo_place *p, uint64_t n,
                      const struct rpc_memo_text *text)
{
    memcpy(m, &p->message, offsetof(struct message, text) + p->message.text_used);
    m->first = m->last = *text->at;
    m->bytes = n;
    m->dir = (uint8_t)text->dir;
}

static void use_first(struct rpc_memo *memo, unsigned place)
{
    struct rpc_memo_sign sign = memo->order[place];
    memmove(memo->order + 1, memo->order, place * sizeof(sign));
    memo->order[0] = sign;
}

static bool is_free(const struct rpc_memo_sign *sign)
{
    return sign->at == FREE;
}

static bool has_sign(const struct rpc_memo_sign *sign, const uint8_t *text, size_t n)
{
    uint64_t bytes;
    if (n < sign->at + sizeof(bytes) || is_free(sign))
        return false;
    memcpy(&bytes, text + sign->at, sizeof(bytes));
    return bytes == sign->bytes;
}

/* A text that is like one before it, as far as it is there. */
struct match {
    struct json_shape_value values[JSON_MAX_PASSED];
    struct json_shape_cut cut;
    uint8_t place;
};

/* Looks for one; returns as json_shape_match(). */
static inline size_t find(struct rpc_memo *memo, const struct rpc_memo_text *text, struct match *m)
{
    for (unsigned i = 0; i < memo->used; i++) {
        const struct rpc_memo_sign *sign = &memo->order[i];
        m->place = sign->place;
        if (!has_sign(sign, text->p, text->n))
            continue;
        m->cut = (struct json_shape_cut){.at = 0};
        const struct json_shape *shape = &memo->place[m->place].shape;
        size_t found = json_shape_match(shape, text->p, text->n, m->values, &m->cut);
        if (found == 0)
            continue;
        if (i >= NEAR)
            use_first(memo, i);
        return found;
    }
    return 0;
}

/* Tells what the text of n bytes says that matched. */
static void tell(struct rpc_memo *memo, const struct hash_key *hash, const struct match *match,
                 const struct rpc_memo_text *text, struct message *ret_message)
{
    const struct rpc_memo_place *p = &memo->place[match->place];
    memo->credit_used -= memo->credit_used > 0;
    take_over(ret_message, p, text->n, text);
    if (p->id >= 0 || p->name >= 0)
        set_texts(ret_message, p, match->values, hash);
}

size_t rpc_memo_find(struct rpc_memo *memo, const struct hash_key *hash,
                     const struct rpc_memo_text *text, struct message *ret_message)
{
    struct match match;
    size_t n = find(memo, text, &match);
    if (n == 0 || n == JSON_SHAPE_CUT)
        return 0;
    tell(memo, hash, &match, &(struct rpc_memo_text){text->p, n, text->at, text->dir}, ret_message);
    return n;
}

/* ---- texts in pieces */

/* The text, n bytes in the room or yet to be put there, is cut: notes how far it matched. Of an
 * object or array that it ends in, all but the bracket is left out. False: no room. */
static bool set_aside(struct rpc *r, const struct match *m, const uint8_t *text, size_t n)
{
    struct rpc_cut *c = &r->cut;
    uint8_t *room = json_room(&r->json);
    size_t keep = m->cut.inside ? m->cut.at : n;
    if (keep > JSON_ROOM_BYTES)
        return false;
    if (text != room)
        memcpy(room, text, keep);
    for (unsigned i = 0; i < m->cut.value; i++) {
        c->value_at[i] = (uint16_t)(m->values[i].p - text);
        c->value_bytes[i] = (uint16_t)m->values[i].n;
    }
    c->skip = m->cut.skip;
    c->left_out += n - keep;
    c->bytes = (uint16_t)keep;
    c->at = (uint16_t)m->cut.at;
    c->known = m->cut.known;
    c->value = m->cut.value;
    c->inside = m->cut.inside;
    return true;
}

/* As if r had read the text that matched, whose message it holds. */
static void know(struct rpc *r, const struct match *m, const struct rpc_memo_text *text)
{
    tell(r->memo, &r->hash, m, text, &r->held);
    json_know(&r->json, text->n);
    r->held_valid = true;
    r->linked = false;
}

/* The first piece. */
static size_t begin(struct rpc *r, const struct rpc_memo_text *piece)
{
    struct match m;
    size_t found = find(r->memo, piece, &m);
    if (found == 0)
        return 0;
    if (found == JSON_SHAPE_CUT) {
        r->cut.place = m.place;
        r->cut.version = r->memo->place[m.place].version;
        r->cut.pieces = 0;
        r->cut.left_out = 0;
        r->first = *piece->at;
        return set_aside(r, &m, piece->p, piece->n) ? RPC_MEMO_CUT : 0;
    }
    know(r, &m, &(struct rpc_memo_text){piece->p, found, piece->at, piece->dir});
    return found;
}

/* Where the comparison goes on, with the values that are behind it. */
static void recall(struct rpc *r, struct match *m)
{
    const struct rpc_cut *c = &r->cut;
    const uint8_t *room = json_room(&r->json);
    for (unsigned i = 0; i < c->value; i++)
        m->values[i] = (struct json_shape_value){room + c->value_at[i], c->value_bytes[i]};
    m->place = c->place;
    m->cut = (struct json_shape_cut){.at = c->at, .known = c->known, .value = c->value};
    if (!c->inside)
        return;
    m->values[c->value] = (struct json_shape_value){room, 0}; /* is not marked */
    m->cut.value++;
    m->cut.at++; /* behind the bracket that ends it */
}

/* Any other piece: `used` bytes of it belong to an object or array and are left out. */
static size_t go_on(struct rpc *r, const struct rpc_memo_text *piece, size_t used)
{
    struct rpc_cut *c = &r->cut;
    uint8_t *room = json_room(&r->json);
    size_t had = c->bytes, add = piece->n - used;
    if (add > JSON_ROOM_BYTES - had || c->pieces == PIECES)
        return 0;
    struct match m;
    memcpy(room + had, piece->p + used, add);
    recall(r, &m);
    const struct json_shape *shape = &r->memo->place[c->place].shape;
    size_t found = json_shape_match(shape, room, had + add, m.values, &m.cut);
    if (found == 0)
        return 0;
    c->left_out += used;
    if (found == JSON_SHAPE_CUT) {
        c->pieces++;
        return set_aside(r, &m, room, had + add) ? RPC_MEMO_CUT : 0;
    }
    assert(found > had);
    uint64_t n = found + c->left_out;
    know(r, &m, &(struct rpc_memo_text){room, n, piece->at, piece->dir});
    r->held.first = r->first;
    c->bytes = 0;
    return used + found - had;
}

size_t rpc_memo_feed(struct rpc *r, const struct rpc_memo_text *piece)
{
    struct rpc_cut *c = &r->cut;
    if (c->bytes == 0)
        return begin(r, piece);
    if (c->version != r->memo->place[c->place].version)
        return 0;
    if (!c->inside)
        return go_on(r, piece, 0);
    struct json_skip skip = c->skip;
    size_t used = json_skip_best()->container(&skip, piece->p, piece->n);
    if (skip.depth == 0)
        return go_on(r, piece, used - 1); /* its last bracket is not left out */
    if (skip.depth > skip.max_depth)
        return 0;
    c->skip = skip;
    c->left_out += used;
    return RPC_MEMO_CUT;
}

void rpc_memo_take_back(struct rpc *r)
{
    const struct rpc_cut *c = &r->cut;
    uint8_t bytes[JSON_ROOM_BYTES];
    size_t n = c->bytes, used;
    memcpy(bytes, json_room(&r->json), n);
    enum json_result result = json_feed(&r->json, bytes, n, &used);
    assert(result == JSON_MORE && used == n);
    (void)result;
    json_passed_over(&r->json, c->left_out, c->inside ? &c->skip : NULL);
    r->begun = true;
    r->cut.bytes = 0;
}

/* ---- keeping */

/* Whether a marked value of a text is that text of m: an id with its quotes if it has any. */
static bool is_text(const struct json_passed *v, const uint8_t *text, const struct message *m,
                    enum message_text which)
{
    size_t n, quote = which == MESSAGE_TEXT_NAME;
    const char *kept = message_text(m, which, &n);
    return n > 0 && v->n == n + 2 * quote && memcmp(text + v->at + quote, kept, n) == 0;
}

/* Finds out which marked value is what. False: not all of them are what they should be. */
static bool know_texts(struct rpc_memo_place *p, const struct message *m, const uint8_t *text)
{
    size_t texts = 0;
    p->id = p->name = -1;
    for (uint8_t i = 0; i < p->shape.values; i++) {
        const struct json_passed *v = &p->shape.value[i];
        if (!v->kept)
            continue;
        bool name = !(v->kept & JSON_NODE_NUMBERS);
        if (name && v->n > 2 && m->text_len[MESSAGE_TEXT_NAME] == 0)
            continue; /* the method does without */
        int8_t *place = name ? &p->name : &p->id;
        if (*place >= 0 || !is_text(v, text, m, name ? MESSAGE_TEXT_NAME : MESSAGE_TEXT_ID))
            return false;
        *place = (int8_t)i;
        texts += m->text_len[name ? MESSAGE_TEXT_NAME : MESSAGE_TEXT_ID];
    }
    p->others = texts < m->text_used;
    bool strange = p->name < 0 && m->text_len[MESSAGE_TEXT_NAME] > 0;
    bool kept = m->id.type == RPC_ID_INTEGER || m->id.type == RPC_ID_STRING;
    return (p->id < 0 ? m->id.type == RPC_ID_ABSENT : kept) && !strange;
}

/* The place for another one, the last in order: a free one, or that of the one that was not used
 * for longest. */
static struct rpc_memo_sign *take_place(struct rpc_memo *memo)
{
    if (memo->used < RPC_MEMO_PLACES &&
        (memo->used == 0 || !is_free(&memo->order[memo->used - 1]))) {
        memo->order[memo->used].place = memo->used;
        memo->used++;
    }
    return &memo->order[memo->used - 1];
}

static bool may_keep(const struct rpc_memo *memo)
{
    return memo->credit_used < RPC_MEMO_CREDIT;
}

void rpc_memo_keep(struct rpc *r, const uint8_t *text)
{
    struct rpc_memo *memo = r->memo;
    const struct message *m = &r->held;
    if (r->linked || *text != '{' || m->flags & MESSAGE_TEXT_CUT)
        return;
    if (!may_keep(memo) && memo->missed++ != PROBES)
        return;
    memo->credit_used += memo->credit_used < RPC_MEMO_CREDIT;
    struct rpc_memo_sign *sign = take_place(memo);
    struct rpc_memo_place *p = &memo->place[sign->place];
    sign->at = FREE;
    p->version++;
    if (!json_shape_keep(&p->shape, &r->json, text) || p->shape.before[0] < sizeof(sign->bytes) ||
        !know_texts(p, m, text))
        return;
    sign->at = (uint16_t)(p->shape.before[0] - sizeof(sign->bytes));
    memcpy(&sign->bytes, text + sign->at, sizeof(sign->bytes));
    memcpy(&p->message, m, offsetof(struct message, text) + m->text_used);
    use_first(memo, memo->used - 1U);
}

/* What the draft says was told already. */
static void ignore(void *ctx, const struct message *m)
{
    (void)ctx;
    (void)m;
}

/* Reads the draft, which is whole, again, and so keeps it. */
static void keep_draft(const struct rpc *r)
{
    struct rpc again;
    struct limits_hit hit = {{0}};
    const struct rpc_sink sink = {NULL, ignore};
    const struct rpc_memo *memo = r->memo;
    rpc_init(&again, (enum dir)r->dir, true, &r->hash, &hit);
    rpc_remember(&again, r->memo);
    (void)rpc_feed(&again, &sink, memo->draft, memo->draft_bytes, &r->first);
}

void rpc_memo_collect(struct rpc *r, const struct rpc_memo_text *piece, bool first)
{
    struct rpc_memo *memo = r->memo;
    bool begins = first && r->json.in_element && r->json.elements == 0 && may_keep(memo);
    if (!r->drafted && !begins)
        return;
    if (begins) {
        memo->drafting = r;
        memo->draft_bytes = 0;
        r->drafted = true;
    }
    if (memo->drafting == r && piece->n <= (size_t)(RPC_MEMO_DRAFT - memo->draft_bytes)) {
        memcpy(memo->draft + memo->draft_bytes, piece->p, piece->n);
        memo->draft_bytes = (uint16_t)(memo->draft_bytes + piece->n);
        if (r->json.elements == 0)
            return;
        keep_draft(r);
    }
    r->drafted = false;
}
