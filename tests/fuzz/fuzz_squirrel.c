/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection, mostly of Squirrel frames, see stream_fuzz.h: the same events however it is cut.
 * One that began before the capture is recognised by its segments, so there the cuts matter. */
#include "stream_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = stream_fuzz_run(data, size, false);
    uint64_t cut = stream_fuzz_run(data, size, true);
    bool gaps = false;
    for (size_t i = 1; i + 2 <= size && !gaps;) {
        gaps = (data[i] & 0x10) != 0;
        i += gaps ? 2U : 2U + data[i + 1] + (data[i] & 0x40 ? 64U : 0U);
    }
    if (whole != cut && !gaps && !(size > 0 && data[0] & 1))
        abort();
    return 0;
}
