/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_BATCH_H
#define DISSECT_BATCH_H

#include "channel.h"

/* Tells what is wrong with m as part of a batch. version: the message's own, or "". */
void batch_check(struct tracker *t, const struct channel *ch, const struct message *m,
                 const char *version);

#endif
