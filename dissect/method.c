/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The method table: methods.def as an array, and the way from a text to its number.
 *
 * A lookup goes through the lengths first: few methods share one, so hardly more than one text is
 * compared.
 */
#include "dissect/method.h"
#include <string.h>

static const struct method_info infos[] = {[METHOD_NONE] = {.text = ""},
#define METHOD(id, text, kind, from, evidence, name, wait)                                         \
    [METHOD_##id] = {text,                                                                         \
                     METHOD_KIND_##kind,                                                           \
                     METHOD_FROM_##from,                                                           \
                     METHOD_EVIDENCE_##evidence,                                                   \
                     METHOD_NAME_##name,                                                           \
                     METHOD_WAIT_##wait},
#include "dissect/methods.def"
#undef METHOD
                                           [METHOD_OTHER] = {.text = ""}};

static const uint8_t lengths[] = {
    [METHOD_NONE] = 0,
#define METHOD(id, text, kind, from, evidence, name, wait) [METHOD_##id] = sizeof(text) - 1,
#include "dissect/methods.def"
#undef METHOD
};

enum method method_find(const char *text, size_t n)
{
    for (int i = METHOD_NONE + 1; i < METHOD_OTHER; i++) {
        if (lengths[i] == n && memcmp(infos[i].text, text, n) == 0)
            return (enum method)i;
    }
    return METHOD_OTHER;
}

const struct method_info *method_info(enum method method)
{
    return &infos[method];
}
