/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_NAMES_H
#define DISSECT_NAMES_H

#include "tracker_state.h"

/*
 * What the two of a session call themselves, and the revision that they speak. Most sessions of a
 * server say the same, so they share one copy.
 */

struct names {
    char version[CHANNEL_VERSION_BYTES];
    char told_version[CHANNEL_VERSION_BYTES]; /* in the latest event of the session */
    char client_name[40], client_version[24];
    char server_name[40], server_version[24];
};

/* Those without any; never in the table. */
extern const struct names names_none;

/* Copies text of n bytes, cut to room - 1, and fills up with zeros: names are compared as bytes.
 * Returns whether dst changed. */
bool names_put(char *dst, size_t room, const char *text, size_t n);

/* Makes *at, which one session holds, the shared copy of what *now says. Where memory is short it
 * stays as it is. What it was is good until the next record. */
void names_change(struct tracker *t, const struct names **at, const struct names *now);

/* The session lets go of them. */
void names_release(struct tracker *t, const struct names **at);

#define NAMES_IDLE 32u /* that no session holds are kept from one record to the next */

/* Forgets those that no session holds. */
void names_sweep(struct tracker *t);

/* How many there can be at once for so many sessions, and the size of an entry. */
uint32_t names_max(uint32_t sessions);
extern const uint32_t names_entry_bytes;

#endif
