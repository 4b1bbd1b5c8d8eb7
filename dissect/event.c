/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of event.h's enumerations. */
#include "dissect/event.h"

const char *event_status_name(enum exchange_status status)
{
    switch (status) {
    case EXCHANGE_RESULT:
        return "result";
    case EXCHANGE_ERROR:
        return "error";
    case EXCHANGE_TOOL_ERROR:
        return "tool_error";
    case EXCHANGE_CANCELLED:
        return "cancelled";
    case EXCHANGE_INPUT_REQUIRED:
        return "input_required";
    case EXCHANGE_UNANSWERED:
        return "unanswered";
    case EXCHANGE_LOST:
        return "lost";
    case EXCHANGE_PENDING:
        return "pending";
    case EXCHANGE_ACKNOWLEDGED:
        return "acknowledged";
    case EXCHANGE_STATUS_COUNT:
        break;
    }
    return "";
}

const char *event_operation_kind_name(enum operation_kind kind)
{
    switch (kind) {
    case OPERATION_MRTR:
        return "mrtr";
    case OPERATION_TASK:
        break;
    }
    return "task";
}

const char *event_operation_status_name(enum operation_status status)
{
    switch (status) {
    case OPERATION_COMPLETE:
        return "complete";
    case OPERATION_TOOL_ERROR:
        return "tool_error";
    case OPERATION_ERROR:
        return "error";
    case OPERATION_FAILED:
        return "failed";
    case OPERATION_CANCELLED:
        return "cancelled";
    case OPERATION_UNANSWERED:
        return "unanswered";
    case OPERATION_UNKNOWN:
        return "unknown";
    case OPERATION_PENDING:
        return "pending";
    case OPERATION_STATUS_COUNT:
        break;
    }
    return "";
}

const char *event_transport_name(uint8_t transport)
{
    static const char *const names[TRANSPORT_COUNT] = {
        [TRANSPORT_NONE] = "",
#define TRANSPORT(id, name, file) [TRANSPORT_##id] = name,
#include "dissect/transports.def"
#undef TRANSPORT
    };
    return transport < TRANSPORT_COUNT ? names[transport] : "";
}
