/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DISSECT_JSON_NUMBER_H
#define DISSECT_JSON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* The grammar of numbers (RFC 8259, section 6), one byte at a time. Private to the JSON scanner. */

/* What of a number came last. */
enum json_number {
    JSON_NUMBER_MINUS,
    JSON_NUMBER_ZERO, /* the whole integer part */
    JSON_NUMBER_DIGITS,
    JSON_NUMBER_POINT,
    JSON_NUMBER_FRACTION,
    JSON_NUMBER_E,
    JSON_NUMBER_SIGN,
    JSON_NUMBER_EXPONENT
};

/* What c makes of a number that ended with `last`; -1 if it does not belong to it. */
static inline int json_number_after(int last, uint8_t c)
{
    bool digit = c >= '0' && c <= '9';
    bool exponent = c == 'e' || c == 'E';
    switch ((enum json_number)last) {
    case JSON_NUMBER_MINUS:
        return !digit ? -1 : c == '0' ? JSON_NUMBER_ZERO : JSON_NUMBER_DIGITS;
    case JSON_NUMBER_ZERO:
        return c == '.' ? JSON_NUMBER_POINT : exponent ? JSON_NUMBER_E : -1;
    case JSON_NUMBER_DIGITS:
        return digit      ? JSON_NUMBER_DIGITS
               : c == '.' ? JSON_NUMBER_POINT
               : exponent ? JSON_NUMBER_E
                          : -1;
    case JSON_NUMBER_POINT:
        return digit ? JSON_NUMBER_FRACTION : -1;
    case JSON_NUMBER_FRACTION:
        return digit ? JSON_NUMBER_FRACTION : exponent ? JSON_NUMBER_E : -1;
    case JSON_NUMBER_E:
        return digit ? JSON_NUMBER_EXPONENT : c == '+' || c == '-' ? JSON_NUMBER_SIGN : -1;
    case JSON_NUMBER_SIGN:
    case JSON_NUMBER_EXPONENT:
        return digit ? JSON_NUMBER_EXPONENT : -1;
    }
    return -1;
}

/* True if the number may end there. */
static inline bool json_number_complete(int last)
{
    return last == JSON_NUMBER_ZERO || last == JSON_NUMBER_DIGITS || last == JSON_NUMBER_FRACTION ||
           last == JSON_NUMBER_EXPONENT;
}

#endif
