/* SPDX-License-Identifier: BSD-3-Clause */
/* Three bytes choose the direction, the cuts and a gap; the rest is one direction of a connection.
 * It must give the same events whole and cut. */
#include "http1_digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct digest_input in = {.kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST,
                              .request = (enum http1_request_method)((data[0] >> 1) % 3),
                              .midstream = (data[0] & 0x80) != 0,
                              .gap = data[2] < 128 ? 0 : (data[2] - 127U) * 2,
                              .bytes = data[2] % 16};
    uint64_t whole = digest_run(&in, data + 3, size - 3);
    in.step = 1 + data[1] % 32;
    if (digest_run(&in, data + 3, size - 3) != whole && !in.midstream)
        abort();
    return 0;
}
