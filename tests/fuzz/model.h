/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FUZZ_MODEL_H
#define TESTS_FUZZ_MODEL_H

#include "base/cursor.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * What the models of fuzz_containers.c have in common. Each of model_NAME.h is base/NAME.h once
 * more, as simply as can be, in an array. model_NAME_run() makes both do what the input says,
 * aborts where they differ, and leaves nothing allocated.
 */

#define MODEL_STEPS 2000 /* of an input at most: some take as long as there are entries */

static inline void require(bool truth)
{
    if (!truth)
        abort();
}

static inline bool model_filled(const uint8_t *bytes, size_t n, uint8_t with)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != with)
            return false;
    }
    return true;
}

#endif
