/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

/* Versions as text; static storage. */

/* Of the program, as in the file VERSION. */
const char *version_program(void);

/* Of the JSON library that runs now. */
const char *version_jansson(void);

/* The library of Community IDs, by name and version. */
const char *version_community_id(void);

#endif
