/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capabilities.def as an array.
 */
#include "dissect/capability.h"
#include <stddef.h>

const char *const capability_names[CAPABILITY_COUNT] = {
#define CAPABILITY(id, name) [CAPABILITY_##id] = (name),
#include "dissect/capabilities.def"
#undef CAPABILITY
    [CAPABILITY_OTHER] = NULL};
