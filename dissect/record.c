/* SPDX-License-Identifier: BSD-3-Clause */
/* The names of findings as reports show them: the layer, a colon, what is wrong. */
#include "dissect/record.h"

const char *finding_name(enum finding finding)
{
    switch (finding) {
    case FINDING_MALFORMED_JSON:
        return "parse:malformed_json";
    case FINDING_NOT_JSONRPC:
        return "parse:not_jsonrpc";
    case FINDING_EMPTY_BATCH:
        return "parse:empty_batch";
    case FINDING_TRUNCATED_BODY:
        return "parse:truncated_body";
    case FINDING_TRUNCATED_JSON:
        return "parse:truncated_json";
    case FINDING_UNFINISHED_EVENT:
        return "sse:unfinished_event";
    case FINDING_UNKNOWN_EVENT:
        return "sse:unknown_event";
    case FINDING_UNDECODABLE:
        return "parse:undecodable";
    case FINDING_LOST_MESSAGE:
        return "parse:lost_message";
    case FINDING_BAD_HTTP:
        return "http:malformed";
    case FINDING_BAD_LENGTH:
        return "frame:bad_length";
    case FINDING_BAD_MAGIC:
        return "frame:bad_magic";
    case FINDING_LINE_TOO_LONG:
        return "frame:line_too_long";
    case FINDING_BAD_FRAME:
        return "frame:malformed";
    case FINDING_BAD_MASK:
        return "frame:bad_mask";
    case FINDING_GAP:
        return "tcp:gap";
    case FINDING_OVERLAP:
        return "tcp:overlap";
    case FINDING_COUNT:
        break;
    }
    return "";
}
