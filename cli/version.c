/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of its own, because jansson.h and dissect/json.h have names in common. */
#include "version.h"
#include "metrics/event_line.h"
#include <jansson.h>

const char *version_program(void)
{
    return MCPMETER_VERSION;
}

const char *version_jansson(void)
{
    return jansson_version_str();
}

const char *version_community_id(void)
{
    return community_id_library();
}
