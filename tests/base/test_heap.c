/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/heap.h"
#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether the system was asked for large pages at an address; -1: it does not tell. */
static int asked_at(const char *address)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool here = false;
    int asked = -1;
    while (maps && asked < 0 && fgets(line, sizeof(line), maps)) {
        uintptr_t from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2)
            here = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            asked = strstr(line, " hg") != NULL;
    }
    if (maps)
        fclose(maps);
    return asked;
}

static char *grow(intptr_t bytes)
{
    char *at = sbrk(bytes);
    cr_assert_neq((intptr_t)at, -1);
    return at;
}

Test(heap, asks_for_large_pages_once_it_is_large)
{
    struct heap h;
    bool known = access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) == 0;
    heap_init(&h);
    char *first = grow(HEAP_LARGE_BYTES / 2);
    heap_look(&h);
    cr_expect_neq(asked_at(first + HEAP_LARGE_BYTES / 4), 1, "it is small");
    char *second = grow(HEAP_LARGE_BYTES);
    heap_look(&h);
    heap_look(&h);
    cr_expect_neq(asked_at(first + HEAP_LARGE_BYTES / 4), 1);
    cr_expect(!known || asked_at(second + HEAP_LARGE_BYTES / 2) != 0);
    grow(-HEAP_LARGE_BYTES);
    heap_look(&h);
    char *third = grow(HEAP_LARGE_BYTES);
    heap_look(&h);
    cr_expect(!known || asked_at(third + HEAP_LARGE_BYTES / 2) != 0);
    memset(third, 1, HEAP_LARGE_BYTES);
}
