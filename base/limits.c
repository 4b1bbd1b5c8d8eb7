/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of limits.def. */
#include "base/limits.h"

static const struct {
    const char *key, *unit, *reason;
} words[LIMIT_ID_COUNT] = {
#define LIMIT(id, key, value, unit, reason) {#key, unit, reason},
#include "base/limits.def"
#undef LIMIT
};

const char *limits_key(enum limit_id id)
{
    return words[id].key;
}

const char *limits_unit(enum limit_id id)
{
    return words[id].unit;
}

const char *limits_reason(enum limit_id id)
{
    return words[id].reason;
}
