/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Human-readable values and terminal-safe text.
 *
 * Norm: UTF-8 as the C library's mbrtowc() decodes it in the "C.UTF-8" character tables (it refuses
 * overlong forms and surrogates), column widths as its wcwidth() has them. A system without those
 * tables falls back to ASCII: then every other byte is escaped.
 *
 * Ignored on purpose: scripts that need combining characters are shown with those escaped, because
 * a mark that joins what stands before it can repaint our own output.
 */
#define _GNU_SOURCE /* wcwidth */
#include "show.h"
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

void show_setup(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8") && !setlocale(LC_CTYPE, "en_US.UTF-8"))
        setlocale(LC_CTYPE, "C");
}

/* The decimals that make three significant digits of a value below 1000. */
static int decimals_of(double value)
{
    if (value < 9.995)
        return 2;
    return value < 99.95 ? 1 : 0;
}

static const char *long_duration(double seconds, char text[SHOW_VALUE_BYTES])
{
    static const struct {
        unsigned big, small;
        const char *form;
    } scales[] = {
        {60, 1, "%.0fm%02.0fs"}, {3600, 60, "%.0fh%02.0fm"}, {86400, 3600, "%.0fd%02.0fh"}};
    size_t which = seconds < 3599.5 ? 0 : seconds < 86370 ? 1 : 2;
    double units = round(seconds / scales[which].small);
    double ratio = (double)scales[which].big / scales[which].small;
    double whole = floor(units / ratio);
    snprintf(text, SHOW_VALUE_BYTES, scales[which].form, whole, units - whole * ratio);
    return text;
}

const char *show_duration(double seconds, char text[SHOW_VALUE_BYTES])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    if (!isfinite(seconds)) {
        snprintf(text, SHOW_VALUE_BYTES, "-");
        return text;
    }
    const char *sign = seconds < 0 ? "-" : "";
    double value = fabs(seconds) * 1e9;
    if (value >= 99.95e9)
        return long_duration(fabs(seconds), text);
    if (value == 0) {
        snprintf(text, SHOW_VALUE_BYTES, "0 s");
        return text;
    }
    size_t unit = 0;
    while (unit < 3 && value >= 999.5) {
        value /= 1000;
        unit++;
    }
    int decimals = unit == 0 ? 0 : decimals_of(value);
    snprintf(text, SHOW_VALUE_BYTES, "%s%.*f %s", sign, decimals, value, units[unit]);
    return text;
}

static const char *scaled(double value, const char *suffix, char text[SHOW_VALUE_BYTES])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (!isfinite(value)) {
        snprintf(text, SHOW_VALUE_BYTES, "-");
        return text;
    }
    size_t unit = 0;
    while (unit < sizeof units / sizeof units[0] - 1 && value >= 999.5) {
        value /= 1000;
        unit++;
    }
    int decimals = unit == 0 ? 0 : decimals_of(value);
    snprintf(text, SHOW_VALUE_BYTES, "%.*f %s%s", decimals, value, units[unit], suffix);
    return text;
}

const char *show_size(double bytes, char text[SHOW_VALUE_BYTES])
{
    return scaled(bytes, "", text);
}

const char *show_rate(double bytes_per_second, char text[SHOW_VALUE_BYTES])
{
    return scaled(bytes_per_second, "/s", text);
}

/* One character of the input: its length in bytes, and its columns if it may be shown as it is;
 * 0 columns if it must be escaped. */
struct glyph {
    size_t bytes;
    size_t columns;
};

static bool is_plain(char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '\\';
}

static struct glyph glyph_at(const char *bytes, size_t n)
{
    if ((unsigned char)bytes[0] < 0x80)
        return (struct glyph){1, is_plain(bytes[0])};
    mbstate_t state = {0};
    wchar_t wide;
    size_t used = mbrtowc(&wide, bytes, n, &state);
    if (used == 0 || used > n)
        return (struct glyph){1, 0};
    int width = wcwidth(wide);
    return (struct glyph){used, width > 0 ? (size_t)width : 0};
}

/* Escapes a character of one glyph that must not be shown. Returns the columns. */
static size_t escape_bytes(char text[SHOW_ESCAPED_BYTES(8)], const char *bytes, size_t n)
{
    if (n == 1 && bytes[0] && strchr("\\\n\t\r", bytes[0])) {
        static const char names[] = "\\\\\nn\tt\rr"; /* pairs: byte, letter */
        text[0] = '\\';
        text[1] = *(strchr(names, bytes[0]) + 1);
        text[2] = '\0';
        return 2;
    }
    size_t length = 0;
    for (size_t i = 0; i < n; i++)
        length += (size_t)snprintf(text + length, 5, "\\x%02x", (unsigned char)bytes[i]);
    return length;
}

size_t show_escape(char *text, size_t size, const char *bytes, size_t n)
{
    size_t columns = 0;
    size_t length = 0;
    char escaped[SHOW_ESCAPED_BYTES(8)];
    if (size == 0)
        return 0;
    while (n > 0) {
        struct glyph glyph = glyph_at(bytes, n);
        const char *piece = bytes;
        size_t piece_bytes = glyph.bytes;
        if (glyph.columns == 0) {
            glyph.columns = piece_bytes = escape_bytes(escaped, bytes, glyph.bytes);
            piece = escaped;
        }
        if (piece_bytes >= size - length)
            break;
        memcpy(text + length, piece, piece_bytes);
        length += piece_bytes;
        columns += glyph.columns;
        bytes += glyph.bytes;
        n -= glyph.bytes;
    }
    text[length] = '\0';
    return columns;
}

size_t show_columns(const char *escaped)
{
    size_t columns = 0;
    size_t n = strlen(escaped);
    while (n > 0) {
        struct glyph glyph = glyph_at(escaped, n);
        columns += glyph.columns > 0 ? glyph.columns : 1; /* a backslash of ours */
        escaped += glyph.bytes;
        n -= glyph.bytes;
    }
    return columns;
}

void show_shorten(char *escaped, size_t columns)
{
    static const char dots[] = "...";
    if (show_columns(escaped) <= columns)
        return;
    size_t room = columns - (sizeof dots - 1);
    size_t used = 0;
    size_t n = strlen(escaped);
    char *at = escaped;
    while (n > 0) {
        struct glyph glyph = glyph_at(at, n);
        size_t width = glyph.columns > 0 ? glyph.columns : 1;
        if (used + width > room)
            break;
        used += width;
        at += glyph.bytes;
        n -= glyph.bytes;
    }
    /* What is cut off is wider than the dots, so at least as many bytes are free here. */
    memcpy(at, dots, sizeof dots);
}

void show_put(FILE *stream, const char *bytes, size_t n)
{
    char piece[SHOW_ESCAPED_BYTES(8)];
    for (;;) {
        size_t plain = 0; /* nearly always all of it */
        while (plain < n && is_plain(bytes[plain]))
            plain++;
        fwrite(bytes, 1, plain, stream);
        bytes += plain;
        n -= plain;
        if (n == 0)
            return;
        struct glyph glyph = glyph_at(bytes, n);
        show_escape(piece, sizeof piece, bytes, glyph.bytes);
        fputs(piece, stream);
        bytes += glyph.bytes;
        n -= glyph.bytes;
    }
}
