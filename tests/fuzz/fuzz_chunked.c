/* SPDX-License-Identifier: BSD-3-Clause */
/* Two bytes choose the cuts and a gap; the rest is a chunked body and what follows it. It must give
 * the same bytes whole and cut. */
#include "http1_digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct digest_input in = {.kind = HTTP1_RESPONSE,
                              .join = true,
                              .gap = data[1] < 128 ? 0 : data[1] - 127U,
                              .bytes = data[1] % 8};
    uint64_t whole = digest_run(&in, data + 2, size - 2);
    in.step = 1 + data[0] % 32;
    if (digest_run(&in, data + 2, size - 2) != whole)
        abort();
    return 0;
}
