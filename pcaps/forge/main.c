/* SPDX-License-Identifier: BSD-3-Clause */
/* Forges every case, or the named ones. usage: forge_captures DIRECTORY [CASE...] */
#include "forge.h"
#include <stdio.h>
#include <string.h>

static bool wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return count == 0;
}

static int forge_table(const struct forge_case *cases, const char *directory, int count,
                       char **names)
{
    int done = 0;
    for (; cases->name; cases++) {
        if (!wanted(cases->name, count, names))
            continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.pcap", directory, cases->name);
        struct forge *f = forge_new();
        cases->fill(f);
        forge_write(f, path);
        forge_free(f);
        done++;
    }
    return done;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: forge_captures DIRECTORY [CASE...]\n", stderr);
        return 2;
    }
    int done = forge_table(forge_cases_tcp, argv[1], argc - 2, argv + 2) +
               forge_table(forge_cases_ip, argv[1], argc - 2, argv + 2) +
               forge_table(forge_cases_life, argv[1], argc - 2, argv + 2);
    if (done < argc - 2) {
        fputs("forge: not every case is known\n", stderr);
        return 1;
    }
    return 0;
}
