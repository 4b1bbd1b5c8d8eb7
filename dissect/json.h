/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_H
#define DISSECT_JSON_H

#include "base/hash.h"
#include "base/limits.h"
#include "dissect/json_skip.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A resumable JSON scanner (RFC 8259) that stores nothing but a few named members.
 *
 * It walks a JSON text once, in pieces of any size. A static spec names the members of interest as
 * a tree; a value that the spec does not name is skipped at vector speed without looking inside,
 * whether it is a number or 100 MB of objects. Top-level values are "elements": a text is one
 * element, or an array whose entries are the elements (a JSON-RPC batch).
 *
 * Checked: structure at the levels that the spec enters (colons, commas, literals, numbers, escapes
 * of member names and of captured strings), balanced brackets and closed strings everywhere. Not
 * checked: grammar inside skipped values beyond that, UTF-8, control characters in strings. A
 * leading byte order mark is skipped. Member names are compared after decoding their escapes. Of
 * members that occur twice the last one counts, with all that is in it, as RFC 8259 allows.
 */

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INTEGER, /* no fraction, no exponent */
    JSON_NUMBER,  /* any other number */
    JSON_STRING,
    JSON_OBJECT,
    JSON_ARRAY
};

/* The longest name of interest and a zero; names are compared by words, in place. A node has 64
 * bytes. */
#define JSON_NAME_BYTES 59

/* One node of a spec. Node 0 is the element itself (name ""). The children of a node stand together
 * and behind it: they are nodes first_child to first_child + children - 1. */
struct json_node {
    _Alignas(8) char name[JSON_NAME_BYTES]; /* member name, zeros behind it */
    uint8_t name_len;
    uint8_t first_child;
    uint8_t children; /* 0: the value is not entered */
    int8_t slot;      /* where type and text go; -1: only entered for its children */
    uint8_t flags;    /* JSON_NODE_* */
};
/* Keep a string's decoded text, a number's digits (up to LIMIT_JSON_VALUE). */
#define JSON_NODE_TEXT 1
/* And the hash of all of it when it is too long to keep. Without JSON_NODE_TEXT: nothing is kept,
 * the slot is cut and has the hash, of a string that is not empty. */
#define JSON_NODE_HASH 2
/* An object whose member names are counted and hashed (json_scan.keys); only without children. */
#define JSON_NODE_KEYS 4
/* An object whose member names are looked up in json_spec.listed: the slot's hash has a bit for
 * each that is there, and the bit behind the last for any others. A member that is null or false
 * counts as not there. Only without children, and with a slot. */
#define JSON_NODE_LISTED 8
/* An integer, or a string, that is another one in texts of the same kind (json_shape.h). */
#define JSON_NODE_NUMBERS 16
#define JSON_NODE_NAMES   32
/* Of a value only whether it is there matters. Without a text. */
#define JSON_NODE_ANY 64

/* Initializers for a node without and with children. */
#define JSON_LEAF(name, slot, flags)                                                               \
    {                                                                                              \
        name, sizeof(name) - 1, 0, 0, (slot), (flags)                                              \
    }
#define JSON_TREE(name, slot, first, last)                                                         \
    {                                                                                              \
        name, sizeof(name) - 1, (first), (last) - (first) + 1, (slot), 0                           \
    }

#define JSON_MAX_NODES  64
#define JSON_MAX_SLOTS  56
#define JSON_MAX_KEYS   8 /* names kept of an object with JSON_NODE_KEYS */
#define JSON_MAX_LEVELS 6 /* deepest spec path */
#define JSON_MAX_PASSED 8 /* values noted that were passed over */

/* Of each node, what names its children have: see json_node_find(). Zeroed memory is a valid one,
 * filled in as it is needed; any number of threads may share it. */
struct json_names {
    _Atomic uint64_t of[JSON_MAX_NODES];
};

struct json_spec {
    const struct json_node *nodes;
    uint8_t node_count;
    uint8_t slot_count;
    struct json_names *names;  /* NULL: names are looked for without */
    const char *const *listed; /* for JSON_NODE_LISTED, at most 63, NULL behind the last; or NULL */
};

struct json_slot {
    uint64_t hash;       /* JSON_NODE_HASH and cut: hash_bytes() of the whole text;
                            JSON_NODE_LISTED: bits of names; else 0 */
    uint64_t full_bytes; /* decoded length of a captured text; may exceed text_len */
    uint16_t text_off;   /* into json_scan.text */
    uint16_t text_len;
    uint8_t type;  /* enum json_type */
    bool cut;      /* text_len < full_bytes because of a cap */
    bool repeated; /* the member occurred more than once */
};

/* A value in one piece of a member that the spec does not name, or of a node that keeps but the
 * type of an object or array, or is JSON_NODE_NUMBERS, _NAMES or _ANY: where in the text it
 * begins. */
struct json_passed {
    uint32_t at, n;
    uint8_t first; /* its first byte */
    uint8_t level; /* objects entered around it */
    uint8_t kept;  /* JSON_NODE_NUMBERS and _NAMES, as the node has them */
};

enum json_result {
    JSON_MORE,    /* all input used, more is needed or only white space may follow */
    JSON_ELEMENT, /* an element ended; read the slots, then call again with the rest */
    JSON_BAD      /* no JSON; see json_scan.bad_offset; every later call returns JSON_BAD */
};

/* The caller owns the memory and may move it between calls. Fields above the line may be read. */
struct json_scan {
    uint64_t element_bytes; /* of the current or just ended element, without space around it */
    uint64_t offset;        /* bytes consumed so far */
    uint64_t bad_offset;    /* where it stopped being JSON */
    uint32_t elements;      /* ended so far */
    uint8_t element_type;   /* enum json_type of the current or just ended element */
    bool in_element;        /* an element began and did not end */
    bool batch;             /* the text is an array of elements */
    bool repeated_members;  /* a member that the spec names occurred twice in the current element */
    bool too_deep;          /* why it was not read to its end */
    /* Names of the latest JSON_NODE_KEYS object: key_count of them, the hashes of the first. A name
     * of more than LIMIT_JSON_KEY bytes is counted and has the hash 0. */
    uint16_t key_count;
    uint64_t keys[JSON_MAX_KEYS];
    /* ---- private */
    const struct json_spec *spec;
    struct hash_key hash;
    struct limits_hit *hit;
    struct json_skip skip;
    struct hash_stream value_hash;
    uint64_t element_offset; /* of the first byte of the current element */
    uint64_t seen;           /* nodes whose member occurred, one bit each */
    uint64_t present;        /* slots that are filled in, one bit each */
    uint64_t listed_bit;     /* JSON_NODE_LISTED: what the latest name has set */
    uint16_t text_used;
    uint16_t unit;      /* the digits of a \u escape so far */
    uint16_t surrogate; /* a high one that waits for the low one, or 0 */
    uint8_t level_node[JSON_MAX_LEVELS + 1];
    uint8_t level; /* objects entered */
    uint8_t state;
    uint8_t sub; /* progress inside a literal, number, escape or byte order mark */
    int8_t value_node;
    uint8_t key_len;
    uint8_t
        passed_count; /* of the current element; more than there is room for: some are left out */
    struct json_passed passed[JSON_MAX_PASSED];
    char key[LIMIT_JSON_KEY];
    char text[LIMIT_JSON_TEXT];
    struct json_slot slot[JSON_MAX_SLOTS];
};

/* Begins a text. spec must outlive the scan; hit receives cap hits. */
void json_init(struct json_scan *s, const struct json_spec *spec, const struct hash_key *hash,
               struct limits_hit *hit);

/* Feeds n bytes; *ret_used says how many were consumed (always all with JSON_MORE). After
 * JSON_ELEMENT the slots hold until the next call. A number that is a whole text by itself ends
 * with the text only: json_end() says COMPLETE then, and in_element is still true. */
enum json_result json_feed(struct json_scan *s, const uint8_t *bytes, size_t n, size_t *ret_used);

/* Room for other things in a scan that was not fed yet, until it is. */
#define JSON_ROOM_BYTES (sizeof(struct json_scan) - offsetof(struct json_scan, text))
static inline uint8_t *json_room(struct json_scan *s)
{
    return (uint8_t *)s + offsetof(struct json_scan, text);
}

/* As if a text had been n bytes longer within objects and arrays that were passed over; in the
 * middle of one, skip is what they leave of it, else NULL. */
void json_passed_over(struct json_scan *s, uint64_t n, const struct json_skip *skip);

/* Leaves a scan that was not fed yet as if it had read a text of n bytes that is one object, of
 * which no slot is filled in. */
void json_know(struct json_scan *s, size_t n);

/* A slot of the element that just ended; one of type JSON_ABSENT if the member was not there. */
static inline const struct json_slot *json_slot(const struct json_scan *s, unsigned index)
{
    static const struct json_slot absent;
    return s->present >> index & 1 ? &s->slot[index] : &absent;
}

/* Its text, text_len bytes, not terminated. */
static inline const char *json_slot_text(const struct json_scan *s, const struct json_slot *slot)
{
    return s->text + slot->text_off;
}

/* What the text was when it ended here. */
enum json_end {
    JSON_END_COMPLETE, /* one element, or a closed array */
    JSON_END_EMPTY,    /* white space only */
    JSON_END_CUT,      /* in the middle */
    JSON_END_BAD,
    JSON_END_LIMIT /* nested deeper than LIMIT_JSON_DEPTH: not read to its end */
};
enum json_end json_end(const struct json_scan *s);

/* A slot's text as a decimal integer. Returns false if it is no JSON_INTEGER or does not fit. */
bool json_slot_int(const struct json_scan *s, const struct json_slot *slot, int64_t *ret_value);

/* The skipping loop in use: "avx2", "sse2" or "portable". */
const char *json_simd_name(void);

#endif
