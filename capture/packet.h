/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PACKET_H
#define CAPTURE_PACKET_H

#include <stdint.h>

/* One captured frame, borrowed from its batch. */
struct packet {
    const uint8_t *data;
    uint32_t captured_bytes; /* bytes at data */
    uint32_t wire_bytes;     /* original length; more than captured_bytes under a snap length */
    int64_t ts_ns;           /* capture time since the epoch; may go backwards between packets */
    uint64_t number;         /* 1 for the first of the run, over all files */
    int link_type;           /* DLT_*: of this packet's file or interface */
};

#endif
