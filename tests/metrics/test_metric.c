/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/metric.h"
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_doc(const char *name)
{
    char path[512];
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, sizeof(path), "%.*s/../../docs/%s", (int)(slash - __FILE__), __FILE__, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    char *text = calloc(1, 1 << 17);
    cr_assert_gt(fread(text, 1, (1 << 17) - 1, file), 0);
    fclose(file);
    return text;
}

Test(metric, names_and_keys_are_unique_and_have_their_form)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *a = metric_info((enum metric)i);
        cr_assert_gt(strlen(a->help), 0);
        for (const char *c = a->name; *c; c++)
            cr_assert(islower((unsigned char)*c) || *c == '_', "%s", a->name);
        size_t n = strlen(a->name);
        bool total = n > 6 && strcmp(a->name + n - 6, "_total") == 0;
        if (a->kind == METRIC_KIND_COUNTER)
            cr_assert(total, "%s", a->name);
        if (a->kind == METRIC_KIND_GAUGE)
            cr_assert_not(total, "%s", a->name);
        for (int j = 0; j < i; j++) {
            const struct metric_info *b = metric_info((enum metric)j);
            cr_assert_str_neq(a->name, b->name);
            cr_assert(a->table != b->table || strcmp(a->key, b->key) != 0, "%s", a->key);
        }
    }
}

Test(metric, every_key_is_in_the_documentation)
{
    char *text = read_doc("report.md");
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *info = metric_info((enum metric)i);
        char quoted[128];
        snprintf(quoted, sizeof(quoted), "`%s`", info->key);
        cr_assert_not_null(strstr(text, quoted), "docs/report.md does not name %s", quoted);
    }
    cr_assert_null(strstr(text, "`no_such_metric`"));
    free(text);
}
