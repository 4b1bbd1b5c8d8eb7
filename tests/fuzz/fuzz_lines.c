/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection, mostly of lines, see stream_fuzz.h: the same events however it is cut. */
#include "stream_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream_fuzz_compare(data, size);
    return 0;
}
