/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_DISSECTOR_MEMO_H
#define DISSECT_DISSECTOR_MEMO_H

#include "dissect/dissector.h"
#include "http1_memo.h"
#include "rpc_memo.h"

/* What dissector.h only names; private to dissector*.c. */
struct dissector_memo {
    struct http1_memo heads;
    struct rpc_memo texts;
};

#endif
