/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_CAPABILITY_H
#define DISSECT_CAPABILITY_H

/*
 * What a party declares that it can do (revisions 2024-11-05 to 2026-07-28): a set, as a word of 16
 * bits that has one for each name of capabilities.def, one for all other names, and one that says
 * that there was a declaration. A word of 0 means that none is known, CAPABILITY_DECLARED alone
 * that it was empty. What stands inside of a capability is not kept.
 */

enum capability {
#define CAPABILITY(id, name) CAPABILITY_##id,
#include "dissect/capabilities.def"
#undef CAPABILITY
    CAPABILITY_OTHER, /* one or several that the list does not name */
    CAPABILITY_COUNT
};

#define CAPABILITY_DECLARED (1u << 15)

_Static_assert(CAPABILITY_COUNT <= 15, "a word of 16 bits");

/* The names in the order of the numbers, without CAPABILITY_OTHER; NULL behind the last. */
extern const char *const capability_names[CAPABILITY_COUNT];

#endif
