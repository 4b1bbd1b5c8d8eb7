/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_PRIVILEGES_H
#define CLI_PRIVILEGES_H

/*
 * Giving up root, for good, once the capture handle is open.
 *
 * As root: becomes `user`, or, with NULL, who called sudo, or else "nobody": groups, group and user
 * id, in that order; the user "root" keeps root. An ordinary user gives up the capabilities that
 * the program's file granted. In every case no program that this one might start can gain
 * privileges again (no_new_privs).
 *
 * Returns 0, or after a message ERR_NOT_FOUND (no such user), ERR_ARGUMENT (a user was named, yet
 * the program is not root) or ERR_PERMISSION (the kernel refused).
 */
int privileges_drop(const char *user);

#endif
