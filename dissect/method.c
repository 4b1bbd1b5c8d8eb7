/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The method table: methods.def as an array, and the way from a text to its number.
 *
 * A lookup goes through the lengths first, eight at a time: few methods share one, so hardly more
 * than one text is compared.
 */
#include "dissect/method.h"
#include <string.h>

static const struct method_info infos[] = {[METHOD_NONE] = {.text = ""},
#define METHOD(id, text, kind, from, evidence, name, wait)                                         \
    [METHOD_##id] = {text,                                                                         \
                     sizeof(text) - 1,                                                             \
                     METHOD_KIND_##kind,                                                           \
                     METHOD_FROM_##from,                                                           \
                     METHOD_EVIDENCE_##evidence,                                                   \
                     METHOD_NAME_##name,                                                           \
                     METHOD_WAIT_##wait},
#include "dissect/methods.def"
#undef METHOD
                                           [METHOD_OTHER] = {.text = ""}};

/* In words of eight, with zeros behind the last. */
static const uint8_t lengths[(METHOD_OTHER + 7) / 8 * 8] = {
    [METHOD_NONE] = 0,
#define METHOD(id, text, kind, from, evidence, name, wait) [METHOD_##id] = sizeof(text) - 1,
#include "dissect/methods.def"
#undef METHOD
};

static bool has_length(size_t at, size_t n)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, lengths + at, sizeof(word));
    word ^= each * n;
    return ((word - each) & ~word & 0x80 * each) != 0;
}

enum method method_find(const char *text, size_t n)
{
    if (n == 0 || n > UINT8_MAX)
        return METHOD_OTHER;
    for (size_t at = 0; at < sizeof(lengths); at += 8) {
        size_t end = has_length(at, n) ? at + 8 : at;
        for (size_t i = at; i < end; i++)
            if (lengths[i] == n && memcmp(infos[i].text, text, n) == 0)
                return (enum method)i;
    }
    return METHOD_OTHER;
}

const struct method_info *method_info(enum method method)
{
    return &infos[method];
}
