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
