/* SPDX-License-Identifier: BSD-3-Clause */
#include "dissect/target.h"
#include <criterion/criterion.h>
#include <string.h>

static const struct hash_key KEY = {1, 2};

static struct target of(const char *text)
{
    struct target t;
    target_read(&KEY, text, strlen(text), &t);
    return t;
}

Test(target, scheme_and_authority_do_not_count)
{
    cr_expect_eq(of("https://host:1/m?a=1").whole, of("/m?a=1").whole);
    cr_expect_eq(of("HTTP://host/").whole, of("/").whole);
    cr_expect_eq(of("http://host").whole, of("/").whole);
    cr_expect_eq(of("http://host?a").whole, of("/?a").whole);
    cr_expect_neq(of("/http://host/m").whole, of("/m").whole);
    cr_expect_neq(of("//host/m").whole, of("/m").whole, "a request's target begins with its path");
}

Test(target, parts)
{
    cr_expect_eq(of("/m?a=1").path, of("/m").path);
    cr_expect_eq(of("/m").path, of("/m").whole);
    cr_expect_neq(of("/m?a=1").whole, of("/m?a=2").whole);
    cr_expect_neq(of("/m?").whole, of("/m").whole);
    cr_expect_neq(of("/a/m").whole, of("/am").whole);
    cr_expect_neq(of("/a/m").whole, of("/m").whole);
    cr_expect_neq(of("/m/").whole, of("/m").whole);
    cr_expect_eq(of("/a/m?x/y").dir, of("/a/").dir);
    cr_expect_neq(of("*").path, 0);
}

Test(target, references)
{
    static const struct {
        const char *base, *uri, *whole; /* whole NULL: cannot be known */
    } cases[] = {
        {"/sse", "/m?s=1", "/m?s=1"},
        {"/a/sse", "m?s=1", "/a/m?s=1"},
        {"/a/sse?t=1/2", "m?s=1", "/a/m?s=1"},
        {"/a/", "m", "/a/m"},
        {"/a/sse", "./m", "/a/m"},
        {"/a/sse", "b/./m?s=1", "/a/b/m?s=1"},
        {"/a/sse", ".", "/a/"},
        {"/a/sse?t=1", "?s=1", "/a/sse?s=1"},
        {"http://h/a/sse", "m", "/a/m"},
        {"/sse", "https://other:7/m?s=1", "/m?s=1"},
        {"/sse", "https://other:7?s=1", "/?s=1"},
        {"/sse", "//other/m", "/m"},
        {"/sse", "m?s=1#top", "/m?s=1"},
        {"/sse", "m?u=http://x/", "/m?u=http://x/"},
        {"/a/sse", "../m", NULL},
        {"/sse", "/a/../m", NULL},
        {"/sse", "a/..", NULL},
        {"/sse", "ws://h/m", NULL},
        {"/sse", "#top", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct target base = of(cases[i].base);
        uint64_t whole = 0;
        const char *uri = cases[i].uri;
        bool known = target_resolve(&KEY, &base, uri, strlen(uri), &whole);
        cr_expect_eq(known, cases[i].whole != NULL, "%s", uri);
        if (known && cases[i].whole)
            cr_expect_eq(whole, of(cases[i].whole).whole, "%s at %s", uri, cases[i].base);
    }
}

Test(target, references_to_a_target_that_is_not_known)
{
    struct target none = {0};
    uint64_t whole = 0;
    cr_expect_not(target_resolve(&KEY, &none, "m?s=1", 5, &whole));
    cr_expect_not(target_resolve(&KEY, &none, "?s=1", 4, &whole));
    cr_assert(target_resolve(&KEY, &none, "/m?s=1", 6, &whole));
    cr_expect_eq(whole, of("/m?s=1").whole);
}
