/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The resumable JSON scanner (RFC 8259).
 *
 * Theory of operation. A state says what the next byte may be. Objects that the spec enters are
 * kept as a stack of node numbers, at most JSON_MAX_LEVELS deep; everything else that is nested is
 * one state, in which json_skip finds the end. A token that lies in one piece is handled where it
 * lies: a member name is looked up in the input, a string is copied into the text arena at once.
 * Only a token that is cut, or has escapes, goes through the key buffer or piece by piece into the
 * arena.
 *
 *   START -> TOP -> [value] -> DONE                        value at level 0: an element
 *             `-> BATCH_FIRST -> [value] -> BATCH_NEXT -> BATCH_VALUE ...
 *   [value] = LITERAL | NUMBER | STRING | SKIP_STRING | SKIP_CONTAINER
 *             | MEMBER_FIRST -> KEY -> COLON -> VALUE -> [value] -> NEXT -> MEMBER ...
 *
 * Limits: LIMIT_JSON_KEY (a longer name equals none in the spec, so nothing is lost by it),
 * LIMIT_JSON_VALUE and LIMIT_JSON_TEXT cut captured texts, LIMIT_JSON_DEPTH ends the text as bad.
 *
 * Ignored on purpose: see json.h, "Not checked".
 */
#include "dissect/json.h"
#include "json_node.h"
#include "json_number.h"
#include "json_scalar.h"
#include "json_text.h"
#include <assert.h>
#include <string.h>

enum state {
    STATE_START, /* nothing yet; a byte order mark may come */
    STATE_BOM,   /* sub: bytes of it so far */
    STATE_TOP,   /* the element, or the bracket of a batch */
    STATE_BATCH_FIRST,
    STATE_BATCH_VALUE,
    STATE_BATCH_NEXT,
    STATE_MEMBER_FIRST, /* a name or the end of the object */
    STATE_MEMBER,       /* a name */
    STATE_KEY,          /* inside a name that did not come whole */
    STATE_COLON,
    STATE_VALUE,
    STATE_STRING, /* captured */
    STATE_NUMBER,
    STATE_LITERAL, /* unit: its json_type; sub: letters so far */
    STATE_SKIP_STRING,
    STATE_SKIP_CONTAINER,
    STATE_NEXT, /* comma or end of the object */
    STATE_DONE, /* white space only */
    STATE_BAD
};

enum step { STEP_ON, STEP_ELEMENT, STEP_BAD };

static const char *const literal_text[] = {
    [JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};

static const uint8_t bom[] = {0xef, 0xbb, 0xbf};

/* True when there is a byte behind the white space. */
static inline bool skip_space(struct json_input *in)
{
    while (in->at < in->end && *in->at <= ' ') {
        if (*in->at != ' ' && *in->at != '\n' && *in->at != '\r' && *in->at != '\t')
            return true;
        in->at++;
    }
    return in->at < in->end;
}

static inline uint64_t position(const struct json_scan *s, const struct json_input *in)
{
    return s->offset + (uint64_t)(in->at - in->begin);
}

static inline enum step end_value(struct json_scan *s, const struct json_input *in)
{
    if (s->level > 0) {
        s->state = STATE_NEXT;
        return STEP_ON;
    }
    s->element_bytes = position(s, in) - s->element_offset;
    s->in_element = false;
    s->elements++;
    s->state = s->batch ? STATE_BATCH_NEXT : STATE_DONE;
    return STEP_ELEMENT;
}

static void begin_element(struct json_scan *s, const struct json_input *in)
{
    s->seen = 0;
    s->present = 0;
    s->text_used = 0;
    s->passed_count = 0;
    s->repeated_members = false;
    s->in_element = true;
    s->element_offset = position(s, in);
    s->value_node = 0;
}

/* ---- values */

static enum step take_string(struct json_scan *s, struct json_input *in)
{
    enum json_text result = json_text_take(s, in, JSON_TEXT_VALUE);
    if (result == JSON_TEXT_MORE)
        return STEP_ON;
    if (result == JSON_TEXT_BAD)
        return STEP_BAD;
    json_text_end_value(s);
    return end_value(s, in);
}

static enum step skip_string(struct json_scan *s, struct json_input *in)
{
    in->at += json_skip_best()->string(&s->skip, in->at, (size_t)(in->end - in->at));
    return s->skip.in_string ? STEP_ON : end_value(s, in);
}

static enum step begin_string(struct json_scan *s, struct json_input *in)
{
    const uint8_t *text = ++in->at;
    const uint8_t *behind = text + json_text_plain(text, in->end);
    bool captured = json_node_is_captured(s);
    json_node_begin(s, JSON_STRING);
    if (captured)
        json_text_begin_value(s);
    if (behind < in->end && *behind == '"') {
        if (captured)
            json_text_whole_value(s, text, (size_t)(behind - text));
        in->at = behind + 1;
        return end_value(s, in);
    }
    if (captured) {
        s->state = STATE_STRING;
        return take_string(s, in);
    }
    in->at = behind;
    s->state = STATE_SKIP_STRING;
    s->skip = (struct json_skip){.in_string = ~UINT64_C(0)};
    return in->at < in->end ? skip_string(s, in) : STEP_ON;
}

static enum step skip_container(struct json_scan *s, struct json_input *in)
{
    in->at += json_skip_best()->container(&s->skip, in->at, (size_t)(in->end - in->at));
    if (s->skip.depth == 0)
        return end_value(s, in);
    if (s->skip.depth <= s->skip.max_depth)
        return STEP_ON;
    limits_hit_add(s->hit, LIMIT_ID_JSON_DEPTH);
    s->too_deep = true;
    return STEP_BAD;
}

static enum step begin_skipping(struct json_scan *s, struct json_input *in, enum json_type type)
{
    in->at++;
    json_node_begin(s, type);
    if (in->at < in->end && (*in->at == '}' || *in->at == ']')) {
        in->at++;
        return end_value(s, in);
    }
    s->state = STATE_SKIP_CONTAINER;
    s->skip = (struct json_skip){.depth = 1, .max_depth = LIMIT_JSON_DEPTH - s->level - s->batch};
    return in->at < in->end ? skip_container(s, in) : STEP_ON;
}

static enum step begin_object(struct json_scan *s, struct json_input *in)
{
    if (s->value_node < 0)
        return begin_skipping(s, in, JSON_OBJECT);
    const struct json_node *node = &s->spec->nodes[s->value_node];
    if (node->children == 0 && !(node->flags & (JSON_NODE_KEYS | JSON_NODE_LISTED)))
        return begin_skipping(s, in, JSON_OBJECT);
    if (node->flags & JSON_NODE_KEYS)
        s->key_count = 0;
    in->at++;
    json_node_begin(s, JSON_OBJECT);
    s->level_node[++s->level] = (uint8_t)s->value_node;
    s->state = STATE_MEMBER_FIRST;
    return STEP_ON;
}

static enum step end_object(struct json_scan *s, struct json_input *in)
{
    in->at++;
    s->level--;
    return end_value(s, in);
}

/* The bytes between from and in->at belong to the number already. */
static enum step take_number(struct json_scan *s, struct json_input *in, const uint8_t *from)
{
    int last = s->sub, next = 0;
    while (in->at < in->end && (next = json_number_after(last, *in->at)) >= 0) {
        last = next;
        in->at++;
    }
    s->sub = (uint8_t)last;
    bool captured = json_node_is_captured(s);
    if (captured)
        json_text_add_value(s, from, (size_t)(in->at - from));
    if (last >= JSON_NUMBER_POINT) {
        struct json_slot *slot = json_node_slot(s);
        if (slot)
            slot->type = JSON_NUMBER;
        if (s->level == 0)
            s->element_type = JSON_NUMBER;
    }
    if (in->at == in->end)
        return STEP_ON;
    if (!json_number_complete(last))
        return STEP_BAD;
    if (captured)
        json_text_end_value(s);
    return end_value(s, in);
}

/* An integer that lies whole in the input, as most do: an id, a code. */
static enum step whole_integer(struct json_scan *s, struct json_input *in, const uint8_t *behind)
{
    json_node_begin(s, JSON_INTEGER);
    if (json_node_is_captured(s)) {
        json_text_begin_value(s);
        json_text_whole_value(s, in->at, (size_t)(behind - in->at));
    }
    in->at = behind;
    return end_value(s, in);
}

static enum step begin_number(struct json_scan *s, struct json_input *in)
{
    const uint8_t *behind = json_scalar_integer(in->at, in->end);
    if (behind)
        return whole_integer(s, in, behind);
    const uint8_t *from = in->at++;
    s->state = STATE_NUMBER;
    json_node_begin(s, JSON_INTEGER);
    if (json_node_is_captured(s))
        json_text_begin_value(s);
    s->sub = *from == '-'   ? JSON_NUMBER_MINUS
             : *from == '0' ? JSON_NUMBER_ZERO
                            : JSON_NUMBER_DIGITS;
    return take_number(s, in, from);
}

static enum step take_literal(struct json_scan *s, struct json_input *in)
{
    const char *text = literal_text[s->unit];
    while (in->at < in->end && text[s->sub] != '\0') {
        if (*in->at != (uint8_t)text[s->sub])
            return STEP_BAD;
        in->at++;
        s->sub++;
    }
    return text[s->sub] == '\0' ? end_value(s, in) : STEP_ON;
}

static enum step begin_literal(struct json_scan *s, struct json_input *in, enum json_type type)
{
    if (s->value_node == JSON_NODE_LOOKED && type != JSON_TRUE)
        json_node_deny_name(s);
    json_node_begin(s, type);
    s->state = STATE_LITERAL;
    s->unit = (uint16_t)type;
    s->sub = 0;
    return take_literal(s, in);
}

static enum step take_value(struct json_scan *s, struct json_input *in)
{
    switch (*in->at) {
    case '"':
        return begin_string(s, in);
    case '{':
        return begin_object(s, in);
    case '[':
        return begin_skipping(s, in, JSON_ARRAY);
    case 'n':
        return begin_literal(s, in, JSON_NULL);
    case 't':
        return begin_literal(s, in, JSON_TRUE);
    case 'f':
        return begin_literal(s, in, JSON_FALSE);
    case '-':
        return begin_number(s, in);
    }
    return *in->at >= '0' && *in->at <= '9' ? begin_number(s, in) : STEP_BAD;
}

/* ---- members */

static enum step take_key(struct json_scan *s, struct json_input *in)
{
    enum json_text result = json_text_take(s, in, JSON_TEXT_KEY);
    if (result == JSON_TEXT_BAD)
        return STEP_BAD;
    if (result == JSON_TEXT_END) {
        const uint8_t *name = (const uint8_t *)s->key;
        s->value_node = (int8_t)json_node_find(s, name, s->key_len, name + sizeof(s->key));
        s->state = STATE_COLON;
    }
    return STEP_ON;
}

/* Takes a name that lies in one piece, and the colon if it follows at once. Any other goes through
 * the key buffer. */
static inline enum step begin_key(struct json_scan *s, struct json_input *in)
{
    const uint8_t *name = ++in->at;
    const uint8_t *behind = name + json_text_plain(name, in->end);
    if (behind == in->end || *behind != '"') {
        s->state = STATE_KEY;
        json_text_begin_key(s);
        return take_key(s, in);
    }
    s->value_node = (int8_t)json_node_find(s, name, (size_t)(behind - name), in->end);
    in->at = behind + 1;
    s->state = STATE_COLON;
    if (in->at < in->end && *in->at == ':') {
        s->state = STATE_VALUE;
        in->at++;
    }
    return STEP_ON;
}

/* Notes a value that ended here; from was its position. */
static inline void note_passed(struct json_scan *s, const struct json_input *in, uint64_t from,
                               struct json_passed passed)
{
    passed.at = (uint32_t)from;
    passed.n = (uint32_t)(position(s, in) - from);
    if (s->passed_count < JSON_MAX_PASSED)
        s->passed[s->passed_count] = passed;
    s->passed_count += s->passed_count <= JSON_MAX_PASSED;
}

/* Whether a value that begins so, of a node, is noted. */
static inline bool is_noted(const struct json_node *node, uint8_t first)
{
    if (node->flags & JSON_NODE_ANY)
        return true;
    if (node->flags == 0)
        return node->children == 0 && (first == '{' || first == '[');
    if (first == '"')
        return node->flags & JSON_NODE_NAMES;
    return (node->flags & JSON_NODE_NUMBERS) && (first == '-' || (first >= '0' && first <= '9'));
}

/* A member's value begins; most are passed over. */
static inline enum step take_member_value(struct json_scan *s, struct json_input *in)
{
    bool unwanted = s->value_node == JSON_NODE_NONE;
    const struct json_node *node = s->value_node < 0 ? NULL : &s->spec->nodes[s->value_node];
    if (!unwanted && (!node || !is_noted(node, *in->at)))
        return take_value(s, in);
    uint64_t from = position(s, in);
    struct json_passed passed = {.first = *in->at, .level = s->level};
    passed.kept = node ? node->flags & (JSON_NODE_NUMBERS | JSON_NODE_NAMES) : 0;
    const uint8_t *behind = unwanted ? json_scalar_behind(in->at, in->end) : NULL;
    if (behind) {
        in->at = behind;
        s->state = STATE_NEXT;
    } else {
        enum step result = take_value(s, in);
        if (result != STEP_ON || s->state != STATE_NEXT)
            return result;
    }
    note_passed(s, in, from, passed);
    return STEP_ON;
}

/* *in->at is a quote. Takes members as long as there is neither a cut nor white space. */
static enum step take_members(struct json_scan *s, struct json_input *in)
{
    for (;;) {
        enum step result = begin_key(s, in);
        if (result != STEP_ON || s->state != STATE_VALUE || in->at == in->end || *in->at <= ' ')
            return result;
        result = take_member_value(s, in);
        while (result == STEP_ON && s->state == STATE_NEXT && in->at < in->end && *in->at == '}')
            result = end_object(s, in);
        if (result != STEP_ON || in->at == in->end)
            return result;
        if (s->state == STATE_NEXT && *in->at == ',') {
            s->state = STATE_MEMBER;
            in->at++;
        }
        if ((s->state != STATE_MEMBER && s->state != STATE_MEMBER_FIRST) || in->at == in->end ||
            *in->at != '"')
            return STEP_ON;
    }
}

static enum step step_member(struct json_scan *s, struct json_input *in)
{
    if (*in->at == '"')
        return take_members(s, in);
    if (*in->at == '}' && s->state == STATE_MEMBER_FIRST)
        return end_object(s, in);
    return STEP_BAD;
}

static enum step step_next(struct json_scan *s, struct json_input *in)
{
    if (*in->at == '}')
        return end_object(s, in);
    if (*in->at != ',')
        return STEP_BAD;
    in->at++;
    s->state = STATE_MEMBER;
    return STEP_ON;
}

/* ---- the top level */

static enum step step_bom(struct json_scan *s, struct json_input *in)
{
    if (*in->at != bom[s->sub])
        return STEP_BAD;
    in->at++;
    if (++s->sub == sizeof(bom))
        s->state = STATE_TOP;
    return STEP_ON;
}

static enum step step_top(struct json_scan *s, struct json_input *in)
{
    if (*in->at == '[' && !s->batch) {
        in->at++;
        s->batch = true;
        s->state = STATE_BATCH_FIRST;
        return STEP_ON;
    }
    if (*in->at == ']' && s->state == STATE_BATCH_FIRST) {
        in->at++;
        s->state = STATE_DONE;
        return STEP_ON;
    }
    begin_element(s, in);
    const uint8_t *first = in->at;
    enum step result = take_value(s, in);
    if (result == STEP_BAD && in->at == first)
        s->in_element = false; /* no value begins so */
    return result;
}

static enum step step_batch_next(struct json_scan *s, struct json_input *in)
{
    if (*in->at != ',' && *in->at != ']')
        return STEP_BAD;
    s->state = *in->at++ == ',' ? STATE_BATCH_VALUE : STATE_DONE;
    return STEP_ON;
}

/* A state in which white space may come first. */
static inline enum step step_between(struct json_scan *s, struct json_input *in)
{
    switch ((enum state)s->state) {
    case STATE_TOP:
    case STATE_BATCH_FIRST:
    case STATE_BATCH_VALUE:
        return step_top(s, in);
    case STATE_BATCH_NEXT:
        return step_batch_next(s, in);
    case STATE_MEMBER_FIRST:
    case STATE_MEMBER:
        return step_member(s, in);
    case STATE_COLON:
        if (*in->at != ':')
            return STEP_BAD;
        in->at++;
        s->state = STATE_VALUE;
        return STEP_ON;
    case STATE_VALUE:
        return take_member_value(s, in);
    case STATE_NEXT:
        return step_next(s, in);
    case STATE_START:
    case STATE_BOM:
    case STATE_KEY:
    case STATE_STRING:
    case STATE_NUMBER:
    case STATE_LITERAL:
    case STATE_SKIP_STRING:
    case STATE_SKIP_CONTAINER:
    case STATE_DONE:
    case STATE_BAD:
        break;
    }
    return STEP_BAD;
}

/* At least one byte is there. */
static inline enum step step(struct json_scan *s, struct json_input *in)
{
    switch ((enum state)s->state) {
    case STATE_START:
        s->state = *in->at == bom[0] ? STATE_BOM : STATE_TOP;
        s->sub = 0;
        return STEP_ON;
    case STATE_BOM:
        return step_bom(s, in);
    case STATE_KEY:
        return take_key(s, in);
    case STATE_STRING:
        return take_string(s, in);
    case STATE_NUMBER:
        return take_number(s, in, in->at);
    case STATE_LITERAL:
        return take_literal(s, in);
    case STATE_SKIP_STRING:
        return skip_string(s, in);
    case STATE_SKIP_CONTAINER:
        return skip_container(s, in);
    case STATE_TOP:
    case STATE_BATCH_FIRST:
    case STATE_BATCH_VALUE:
    case STATE_BATCH_NEXT:
    case STATE_MEMBER_FIRST:
    case STATE_MEMBER:
    case STATE_COLON:
    case STATE_VALUE:
    case STATE_NEXT:
    case STATE_DONE:
        return skip_space(in) ? step_between(s, in) : STEP_ON;
    case STATE_BAD:
        break;
    }
    return STEP_BAD;
}

/* ---- the interface */

void json_init(struct json_scan *s, const struct json_spec *spec, const struct hash_key *hash,
               struct limits_hit *hit)
{
    assert(json_node_spec_valid(spec));
    s->element_bytes = 0;
    s->offset = 0;
    s->bad_offset = 0;
    s->elements = 0;
    s->element_type = JSON_ABSENT;
    s->in_element = false;
    s->batch = false;
    s->repeated_members = false;
    s->spec = spec;
    s->hash = *hash;
    s->hit = hit;
    s->too_deep = false;
    s->key_count = 0;
    s->present = 0;
    s->level = 0;
    s->state = STATE_START;
}

void json_know(struct json_scan *s, size_t n)
{
    s->element_bytes = s->offset = n;
    s->elements = 1;
    s->element_type = JSON_OBJECT;
    s->state = STATE_DONE;
}

void json_passed_over(struct json_scan *s, uint64_t n, const struct json_skip *skip)
{
    assert(!skip || s->state == STATE_SKIP_CONTAINER);
    s->offset += n;
    if (s->in_element)
        s->element_bytes += n;
    if (skip)
        s->skip = *skip;
}

enum json_result json_feed(struct json_scan *s, const uint8_t *bytes, size_t n, size_t *ret_used)
{
    struct json_input in = {bytes, bytes, bytes + n};
    *ret_used = 0;
    if (s->state == STATE_BAD)
        return JSON_BAD;
    enum step result = STEP_ON;
    while (result == STEP_ON && in.at < in.end)
        result = step(s, &in);
    *ret_used = (size_t)(in.at - in.begin);
    s->offset += *ret_used;
    if (s->in_element)
        s->element_bytes = s->offset - s->element_offset;
    if (result == STEP_ELEMENT)
        return JSON_ELEMENT;
    if (result == STEP_ON)
        return JSON_MORE;
    s->bad_offset = s->offset;
    s->state = STATE_BAD;
    return JSON_BAD;
}

enum json_end json_end(const struct json_scan *s)
{
    switch ((enum state)s->state) {
    case STATE_DONE:
        return JSON_END_COMPLETE;
    case STATE_START:
    case STATE_TOP:
        return JSON_END_EMPTY;
    case STATE_BAD:
        return s->too_deep ? JSON_END_LIMIT : JSON_END_BAD;
    case STATE_NUMBER:
        if (s->level == 0 && !s->batch && json_number_complete(s->sub))
            return JSON_END_COMPLETE;
        return JSON_END_CUT;
    case STATE_BOM:
    case STATE_BATCH_FIRST:
    case STATE_BATCH_VALUE:
    case STATE_BATCH_NEXT:
    case STATE_MEMBER_FIRST:
    case STATE_MEMBER:
    case STATE_KEY:
    case STATE_COLON:
    case STATE_VALUE:
    case STATE_STRING:
    case STATE_LITERAL:
    case STATE_SKIP_STRING:
    case STATE_SKIP_CONTAINER:
    case STATE_NEXT:
        return JSON_END_CUT;
    }
    return JSON_END_CUT;
}

const char *json_simd_name(void)
{
    return json_skip_best()->name;
}
