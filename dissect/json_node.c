/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rarely needed part of json_node.h: members that occur twice, objects whose names are noted,
 * the names of a spec, its check.
 *
 * A node is one bit in masks of 64, and so is a slot: what is not there takes no time.
 */
#include "json_node.h"

#define MAX_LISTED 63 /* and one bit for all others */

static bool list_valid(const char *const *names)
{
    size_t n = 0;
    for (; names && names[n]; n++)
        if (n >= MAX_LISTED || strlen(names[n]) > LIMIT_JSON_KEY)
            return false;
    return n > 0;
}

bool json_node_spec_valid(const struct json_spec *spec)
{
    uint8_t depth[JSON_MAX_NODES] = {0};
    if (spec->node_count > JSON_MAX_NODES || spec->slot_count > JSON_MAX_SLOTS)
        return false;
    int next = 1; /* children follow one another in the order of their parents */
    for (int i = 0; i < spec->node_count; i++) {
        const struct json_node *node = &spec->nodes[i];
        if (node->slot >= spec->slot_count || node->name_len >= JSON_NAME_BYTES)
            return false;
        if (node->children > 0 && (node->first_child != next || depth[i] >= JSON_MAX_LEVELS))
            return false;
        if (next + node->children > spec->node_count)
            return false;
        bool noted = (node->flags & (JSON_NODE_KEYS | JSON_NODE_LISTED)) != 0;
        if (noted && (node->children > 0 || depth[i] >= JSON_MAX_LEVELS))
            return false;
        if (node->flags & JSON_NODE_LISTED && (node->slot < 0 || !list_valid(spec->listed)))
            return false;
        for (int child = 0; child < node->children; child++, next++)
            depth[next] = (uint8_t)(depth[i] + 1);
    }
    return next == spec->node_count;
}

uint64_t json_node_names(const struct json_spec *spec, unsigned parent)
{
    uint64_t names = 0, head;
    const struct json_node *node = &spec->nodes[spec->nodes[parent].first_child];
    for (int i = 0; i < spec->nodes[parent].children; i++, node++) {
        memcpy(&head, node->name, sizeof(head));
        names |= json_node_bit(head, node->name_len);
    }
    atomic_store_explicit(&spec->names->of[parent], names, memory_order_relaxed);
    return names; /* every thread finds the same */
}

void json_node_forget(struct json_scan *s, int node)
{
    for (uint64_t nodes = UINT64_C(1) << node; nodes != 0;) {
        uint64_t lowest = nodes & -nodes;
        const struct json_node *inner = &s->spec->nodes[__builtin_ctzll(nodes)];
        uint64_t children = ((UINT64_C(1) << inner->children) - 1) << inner->first_child;
        nodes = (nodes ^ lowest) | (children & s->seen);
        s->seen &= ~lowest;
        if (inner->slot >= 0)
            s->present &= ~(UINT64_C(1) << inner->slot);
    }
    s->text_used = 0;
    for (uint64_t slots = s->present; slots != 0; slots &= slots - 1) {
        const struct json_slot *slot = &s->slot[__builtin_ctzll(slots)];
        if (slot->text_off + slot->text_len > s->text_used)
            s->text_used = (uint16_t)(slot->text_off + slot->text_len);
    }
}

static const struct json_node *object_node(const struct json_scan *s)
{
    return &s->spec->nodes[s->level_node[s->level]];
}

static void look_up(struct json_scan *s, const uint8_t *name, size_t n)
{
    struct json_slot *slot = &s->slot[object_node(s)->slot];
    const char *const *known = s->spec->listed;
    while (*known && (strlen(*known) != n || memcmp(*known, name, n) != 0))
        known++;
    uint64_t bit = UINT64_C(1) << (known - s->spec->listed);
    s->listed_bit = *known ? bit : bit & ~slot->hash; /* not that of another one before */
    slot->hash |= bit;
}

int json_node_add_name(struct json_scan *s, const uint8_t *name, size_t n)
{
    if (object_node(s)->flags & JSON_NODE_LISTED) {
        look_up(s, name, n);
        return JSON_NODE_LOOKED;
    }
    if (s->key_count < JSON_MAX_KEYS)
        s->keys[s->key_count] = n <= LIMIT_JSON_KEY ? hash_bytes(&s->hash, name, n) : 0;
    if (s->key_count < UINT16_MAX)
        s->key_count++;
    return JSON_NODE_NONE;
}

void json_node_deny_name(struct json_scan *s)
{
    s->slot[object_node(s)->slot].hash &= ~s->listed_bit;
}

bool json_slot_int(const struct json_scan *s, const struct json_slot *slot, int64_t *ret_value)
{
    if (slot->type != JSON_INTEGER || slot->cut || slot->text_len == 0)
        return false;
    const char *p = json_slot_text(s, slot);
    const char *end = p + slot->text_len;
    bool negative = *p == '-';
    int64_t value = 0; /* collected below zero, where there is room for one more */
    for (p += negative; p < end; p++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *p - '0', &value))
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return false;
    *ret_value = value;
    return true;
}
