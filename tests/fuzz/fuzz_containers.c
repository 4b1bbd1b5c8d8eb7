/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rooms keep their connections, sessions and links in, against models that are plain
 * arrays. The first byte of the input says which; the rest is what is done to it, also without
 * memory. */
#include "model_heap.h"
#include "model_places.h"
#include "model_pool.h"
#include "model_table.h"
#include "tests/support/fail_alloc.c" /* fuzz targets link with the rooms alone */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const runs[])(struct cursor *) = {model_places_run, model_table_run,
                                                    model_pool_run, model_heap_run};
    struct cursor in = cursor_make(data, size);
    runs[cursor_u8(&in) % (sizeof(runs) / sizeof(runs[0]))](&in);
    return 0;
}
