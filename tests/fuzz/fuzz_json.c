/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON scanner: uncut and in the pieces that the input's first bytes name, and every skipping
 * loop against the reference, must see the same. */
#include "dissect/json.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CUTS 4
enum { ROOT, A, B, O, N, O_X, COUNT };
static const struct json_node nodes[] = {
    [ROOT] = JSON_TREE("", -1, A, N),
    [A] = JSON_LEAF("a", 0, JSON_NODE_TEXT | JSON_NODE_HASH),
    [B] = JSON_LEAF("id", 1, JSON_NODE_TEXT),
    [O] = JSON_TREE("o", 2, O_X, O_X),
    [N] = JSON_LEAF("listed", 4, JSON_NODE_LISTED),
    [O_X] = JSON_LEAF("xyz", 3, JSON_NODE_TEXT),
};
static struct json_names names;
static const char *const listed[] = {"a", "xyz", NULL};
static const struct json_spec spec = {nodes, COUNT, 5, &names, listed};
static const struct hash_key key = {1, 2};

static void require(int truth)
{
    if (!truth)
        abort();
}

/* Scans in pieces of the given lengths, around and around; a hash of all that can be seen. */
static uint64_t scan(const uint8_t *bytes, size_t n, const uint8_t *lengths)
{
    struct limits_hit hit = {{0}};
    struct hash_stream seen;
    struct json_scan s;
    enum json_result result = JSON_MORE;
    hash_stream_init(&seen, &key);
    json_init(&s, &spec, &key, &hit);
    for (size_t i = 0, piece; n > 0 && result != JSON_BAD; i = (i + 1) % CUTS, n -= piece) {
        piece = lengths && lengths[i] < n ? lengths[i] + (size_t)(lengths[i] == 0) : n;
        for (size_t at = 0, used; at < piece; at += used) {
            result = json_feed(&s, bytes + at, piece - at, &used);
            if (result == JSON_BAD)
                break;
            require(result == JSON_ELEMENT || at + used == piece);
            for (unsigned k = 0; result == JSON_ELEMENT && k < spec.slot_count; k++) {
                const struct json_slot *slot = json_slot(&s, k);
                hash_stream_feed(&seen, json_slot_text(&s, slot), slot->text_len);
                uint64_t facts[] = {slot->type,     slot->hash,     slot->full_bytes, slot->cut,
                                    slot->repeated, s.element_type, s.element_bytes};
                hash_stream_feed(&seen, facts, sizeof(facts));
            }
        }
        bytes += piece;
    }
    uint64_t facts[] = {s.offset, s.bad_offset, s.elements, s.batch, s.in_element, json_end(&s)};
    hash_stream_feed(&seen, facts, sizeof(facts));
    hash_stream_feed(&seen, &hit, sizeof(hit));
    return hash_stream_end(&seen);
}

static void compare_loops(const uint8_t *bytes, size_t n, size_t cut, uint64_t max_depth)
{
    for (size_t v = 0; json_skip_variant(v); v++) {
        const struct json_skip_ops *ops = json_skip_variant(v), *reference = json_skip_variant(0);
        struct json_skip a = {1, max_depth, 0, 0}, b = a;
        struct json_skip c = {.in_string = ~UINT64_C(0)}, d = c;
        size_t used = ops->container(&a, bytes, cut);
        if (used == cut && a.depth - 1 < max_depth)
            used += ops->container(&a, bytes + cut, n - cut);
        require(used == reference->container(&b, bytes, n) && a.depth == b.depth);
        used = ops->string(&c, bytes, cut);
        if (c.in_string)
            used += ops->string(&c, bytes + cut, n - cut);
        require(used == reference->string(&d, bytes, n) && c.in_string == d.in_string);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CUTS)
        return 0;
    const uint8_t *bytes = data + CUTS;
    size_t n = size - CUTS;
    require(scan(bytes, n, NULL) == scan(bytes, n, data));
    compare_loops(bytes, n, data[0] < n ? data[0] : n, 1 + data[1] % 32u);
    return 0;
}
