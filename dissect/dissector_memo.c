/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of heads and texts that dissectors may share: see dissector.h. */
#include "dissector_memo.h"
#include <stdlib.h>

struct dissector_memo *dissector_memo_new(void)
{
    return calloc(1, sizeof(struct dissector_memo));
}

void dissector_memo_free(struct dissector_memo *memo)
{
    free(memo);
}
