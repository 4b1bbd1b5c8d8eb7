/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_DIALOGUE_SQUIRREL_H
#define DISSECT_DIALOGUE_SQUIRREL_H

#include "channel.h"

/* What one message of the Squirrel dialect does (m->squirrel is not 0): as dialogue_message(). */
void dialogue_squirrel(struct tracker *t, struct channel *ch, const struct message *m);

#endif
