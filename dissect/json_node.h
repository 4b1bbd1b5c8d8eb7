/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_NODE_H
#define DISSECT_JSON_NODE_H

#include "dissect/json.h"
#include <stdatomic.h>
#include <string.h>

/*
 * Nodes of a spec and slots of a scan: which member is of interest, and where its value goes.
 * Private to the JSON scanner; inline because it is done for every member.
 */

/* False if the spec breaks a rule of json.h. */
bool json_node_spec_valid(const struct json_spec *spec);

/* Drops what an earlier member with this node left, inside of it too. */
void json_node_forget(struct json_scan *s, int node);

/* The first eight bytes of a name in memory order, zeros behind a shorter one. Bytes up to end may
 * be read. */
static inline uint64_t json_node_head(const uint8_t *name, size_t n, const uint8_t *end)
{
    uint64_t head = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (end - name >= 8) {
        memcpy(&head, name, sizeof(head));
        return n >= 8 ? head : head & ((UINT64_C(1) << 8 * n) - 1);
    }
#endif
    (void)end;
    memcpy(&head, name, n < 8 ? n : 8);
    return head;
}

/* Instead of a node's number: of a member that the spec does not name, and of one whose name was
 * looked up (JSON_NODE_LISTED), so that its value matters all the same. */
#define JSON_NODE_NONE   (-1)
#define JSON_NODE_LOOKED (-2)

/* Notes a member name of the object under way, which has JSON_NODE_KEYS or JSON_NODE_LISTED.
 * Returns one of the above. */
int json_node_add_name(struct json_scan *s, const uint8_t *name, size_t n);

/* The value of a member whose name was looked up is null or false. */
void json_node_deny_name(struct json_scan *s);

/* One of 64 bits for a name: most names that a spec does not have are told by it. */
static inline uint64_t json_node_bit(uint64_t head, size_t n)
{
    return UINT64_C(1) << (((head ^ head >> 16) + 5 * n) & 63);
}

/* The bits of all children of a node; notes them in spec->names. */
uint64_t json_node_names(const struct json_spec *spec, unsigned parent);

static inline bool json_node_may_have(const struct json_spec *spec, unsigned parent, uint64_t bit)
{
    if (!spec->names)
        return true;
    uint64_t names = atomic_load_explicit(&spec->names->of[parent], memory_order_relaxed);
    if (__builtin_expect(names == 0, 0))
        names = json_node_names(spec, parent);
    return (names & bit) != 0;
}

/* The child of the object under way that has this name, or one of those above. Bytes up to end may
 * be read. */
static inline int json_node_find(struct json_scan *s, const uint8_t *name, size_t n,
                                 const uint8_t *end)
{
    unsigned number = s->level_node[s->level];
    const struct json_node *parent = &s->spec->nodes[number];
    if (__builtin_expect(parent->children == 0, 0))
        return json_node_add_name(s, name, n);
    const struct json_node *node = &s->spec->nodes[parent->first_child];
    uint64_t head = json_node_head(name, n, end), node_head;
    if (!json_node_may_have(s->spec, number, json_node_bit(head, n)))
        return JSON_NODE_NONE;
    for (int i = 0; i < parent->children; i++, node++) {
        memcpy(&node_head, node->name, sizeof(node_head));
        if (node_head == head && node->name_len == n &&
            (n <= 8 || memcmp(node->name + 8, name + 8, n - 8) == 0))
            return parent->first_child + i;
    }
    return JSON_NODE_NONE;
}

/* A value begins; its slot, or NULL if the spec gives it none. */
static inline struct json_slot *json_node_begin(struct json_scan *s, enum json_type type)
{
    if (s->level == 0)
        s->element_type = (uint8_t)type;
    if (s->value_node < 0)
        return NULL;
    uint64_t bit = UINT64_C(1) << s->value_node;
    bool repeated = s->seen & bit;
    if (repeated) {
        json_node_forget(s, s->value_node);
        s->repeated_members = true;
    }
    s->seen |= bit;
    int index = s->spec->nodes[s->value_node].slot;
    if (index < 0)
        return NULL;
    s->present |= UINT64_C(1) << index;
    struct json_slot *slot = &s->slot[index];
    *slot =
        (struct json_slot){.type = (uint8_t)type, .text_off = s->text_used, .repeated = repeated};
    return slot;
}

/* True if the text of the value under way is kept. */
static inline bool json_node_is_captured(const struct json_scan *s)
{
    return s->value_node >= 0 &&
           s->spec->nodes[s->value_node].flags & (JSON_NODE_TEXT | JSON_NODE_HASH);
}

/* The slot of the value under way, or NULL. */
static inline struct json_slot *json_node_slot(struct json_scan *s)
{
    if (s->value_node < 0 || s->spec->nodes[s->value_node].slot < 0)
        return NULL;
    return &s->slot[s->spec->nodes[s->value_node].slot];
}

#endif
