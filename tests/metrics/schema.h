/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_METRICS_SCHEMA_H
#define TESTS_METRICS_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * Checks a JSON value against as much of JSON Schema 2020-12 as docs/report.schema.json uses:
 * $ref into $defs, type, const, enum, required, properties, additionalProperties, items, anyOf,
 * minimum. `strict` also refuses members that the schema does not name.
 */

struct schema {
    const json_t *root;
    bool strict;
    char error[512];
};

static inline bool schema_fail(struct schema *s, const char *path, const char *what)
{
    snprintf(s->error, sizeof(s->error), "%s: %s", path, what);
    return false;
}

static inline bool schema_type_is(const json_t *value, const char *type)
{
    return strcmp(type, "object") == 0    ? json_is_object(value)
           : strcmp(type, "array") == 0   ? json_is_array(value)
           : strcmp(type, "string") == 0  ? json_is_string(value)
           : strcmp(type, "integer") == 0 ? json_is_integer(value)
           : strcmp(type, "number") == 0  ? json_is_number(value)
           : strcmp(type, "boolean") == 0 ? json_is_boolean(value)
                                          : strcmp(type, "null") == 0 && json_is_null(value);
}

static inline bool schema_types(const json_t *types, const json_t *value)
{
    if (json_is_string(types))
        return schema_type_is(value, json_string_value(types));
    for (size_t i = 0; i < json_array_size(types); i++) {
        if (schema_type_is(value, json_string_value(json_array_get(types, i))))
            return true;
    }
    return false;
}

static inline bool schema_one_of(const json_t *values, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (json_equal(json_array_get(values, i), value))
            return true;
    }
    return false;
}

static inline bool schema_check(struct schema *s, const json_t *rule, const json_t *value,
                                const char *path);

static inline bool schema_members(struct schema *s, const json_t *rule, const json_t *value,
                                  const char *path)
{
    const json_t *properties = json_object_get(rule, "properties");
    const json_t *rest = json_object_get(rule, "additionalProperties");
    const json_t *required = json_object_get(rule, "required");
    char inner[256];
    const char *key;
    json_t *member;
    for (size_t i = 0; i < json_array_size(required); i++) {
        if (!json_object_get(value, json_string_value(json_array_get(required, i))))
            return schema_fail(s, path, json_string_value(json_array_get(required, i)));
    }
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *own = json_object_get(properties, key);
        snprintf(inner, sizeof(inner), "%.150s/%.80s", path, key);
        if (!own && !rest && s->strict)
            return schema_fail(s, inner, "is not in the schema");
        if ((own || rest) && !schema_check(s, own ? own : rest, member, inner))
            return false;
    }
    return true;
}

static inline bool schema_check(struct schema *s, const json_t *rule, const json_t *value,
                                const char *path)
{
    const json_t *ref = json_object_get(rule, "$ref"), *part;
    if (ref) {
        const char *name = json_string_value(ref) + strlen("#/$defs/");
        const json_t *target = json_object_get(json_object_get(s->root, "$defs"), name);
        return target ? schema_check(s, target, value, path) : schema_fail(s, path, "bad $ref");
    }
    if ((part = json_object_get(rule, "anyOf"))) {
        for (size_t i = 0; i < json_array_size(part); i++) {
            if (schema_check(s, json_array_get(part, i), value, path))
                return true;
        }
        return false;
    }
    if ((part = json_object_get(rule, "type")) && !schema_types(part, value))
        return schema_fail(s, path, "type");
    if ((part = json_object_get(rule, "const")) && !json_equal(part, value))
        return schema_fail(s, path, "const");
    if ((part = json_object_get(rule, "enum")) && !schema_one_of(part, value))
        return schema_fail(s, path, "enum");
    part = json_object_get(rule, "minimum");
    if (part && json_is_number(value) && json_number_value(value) < json_number_value(part))
        return schema_fail(s, path, "minimum");
    part = json_object_get(rule, "items");
    for (size_t i = 0; part && i < json_array_size(value); i++) {
        if (!schema_check(s, part, json_array_get(value, i), path))
            return false;
    }
    return !json_is_object(value) || schema_members(s, rule, value, path);
}

#endif
