/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of reports: documents are the same with it, of any size, and a failed allocation is one.
 */
#include "metrics/document.h"
#include "metrics/report_memory.h"
#include "tests/support/fail_alloc.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS 8000 /* more than three megabytes */

/* Objects that outgrow their tables, and a string that is larger than a block. NULL: no memory. */
static char *make_document(void)
{
    static char big[200000];
    memset(big, 'x', sizeof(big) - 1);
    json_t *all = json_object(), *list = json_array();
    bool ok = all && list && json_object_set_new(all, "big", json_string(big)) == 0;
    for (int i = 0; ok && i < MEMBERS; i++) {
        char key[32];
        snprintf(key, sizeof(key), "member %d", i);
        ok = json_object_set_new(all, key, json_real(i / 4.0)) == 0 &&
             json_array_append_new(list, json_pack("{s:i}", "n", i)) == 0;
    }
    ok = json_object_set_new(all, "list", list) == 0 && ok;
    char *text = ok ? document_text(all, true) : NULL;
    json_decref(all);
    return text;
}

Test(report_memory, same_document)
{
    char *before = make_document();
    cr_assert_not_null(before);
    for (int i = 0; i < 3; i++) {
        report_memory_begin();
        char *text = make_document();
        report_memory_end();
        cr_expect_str_eq(text, before); /* it is not jansson's */
        free(text);
    }
    char *after = make_document();
    cr_expect_str_eq(after, before);
    free(after);
    free(before);
}

Test(report_memory, every_allocation_fails)
{
    bool failed = true;
    unsigned n = 1;
    for (; failed && n < 100; n++) {
        fail_alloc_at(n);
        report_memory_begin();
        char *text = make_document();
        report_memory_end();
        failed = fail_alloc_stop();
        cr_expect_eq(text == NULL, failed);
        free(text);
    }
    cr_expect_gt(n, 3);
    cr_expect_not(failed);
}
