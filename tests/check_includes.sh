#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Includes point right only: cli -> metrics -> dissect -> capture -> base. Private siblings are
# included bare, headers of other rooms with their room. Foreign headers have one home each.
# Prints each offence and `N passed, N failed`, one case a file; a made-up line for each rule proves
# first that the rule can fail.
set -u
cd "$(dirname "$0")/.." || exit 1

HEADERS=$(find base capture dissect metrics cli \( -name '*.h' -o -name '*.def' \) | sort)

# Reads `FILE:LINE:#include ...` and prints the lines that are not allowed, with the reason.
offences() {
    awk -v headers="$HEADERS" '
    BEGIN {
        rank["base"] = 0; rank["capture"] = 1; rank["dissect"] = 2; rank["metrics"] = 3; rank["cli"] = 4
        n = split(headers, list, "\n")
        for (i = 1; i <= n; i++) present[list[i]] = 1
    }
    function bad(why) { print where ": " header ": " why }
    {
        split($0, part, ":"); file = part[1]; where = file ":" part[2]
        header = $0; sub(/^[^"<]*["<]/, "", header); sub(/[">].*$/, "", header)
        room = file; sub(/\/.*/, "", room)
        other = header; if (!sub(/\/.*/, "", other)) other = ""
        if (room in rank) {
            if ((other in rank) && rank[other] > rank[room])
                bad(room " must not know " other)
            if (other == "tests" || other == "pcaps")
                bad("the program must not know its tests")
            if (other == "" && /include *"/ && !((room "/" header) in present))
                bad("no such sibling; other rooms are included with their room")
        }
        if (header ~ /^pcap(\/|\.h$)/ && (room in rank) &&
            file !~ /^capture\/(source[a-z0-9_]*\.c|source_[a-z0-9_]+\.h)$/)
            bad("libpcap lives in the sources of capture")
        if (room == "dissect" && other == "capture" && header != "capture/stream.h")
            bad("all that dissect knows of capture is stream.h")
        if (room == "metrics" && other == "dissect" && header != "dissect/event.h")
            bad("all that metrics knows of dissect is event.h")
        if (header ~ /^jansson/ && room != "metrics" && room != "cli" &&
            file !~ /^tests\/(metrics|cli|fuzz|support|bench)\//)
            bad("jansson lives in metrics and cli")
        if (header ~ /^libnet/ && room != "pcaps")
            bad("libnet lives under pcaps")
        if (header ~ /^nettle\// && room != "metrics" && room != "tests")
            bad("nettle lives in metrics")
    }'
}

prove() {
    if [ -z "$(printf '%s\n' "$1" | offences)" ]; then
        printf 'check_includes: this line must be refused: %s\n' "$1"
        exit 1
    fi
}

prove 'base/buf.c:1:#include "capture/stream.h"'
prove 'capture/flow.c:1:#include "dissect/event.h"'
prove 'dissect/sse.c:1:#include "metrics/report.h"'
prove 'metrics/report.c:1:#include "cli/options.h"'
prove 'cli/main.c:1:#include "tests/support/cuts.h"'
prove 'dissect/sse.c:1:#include "stream.h"'
prove 'capture/flow.c:1:#include <pcap.h>'
prove 'capture/source.h:1:#include <pcap/pcap.h>'
prove 'dissect/sse.c:1:#include "capture/packet.h"'
prove 'metrics/tables.c:1:#include "dissect/tracker.h"'
prove 'cli/main.c:1:#include <pcap/pcap.h>'
prove 'dissect/json.c:1:#include <jansson.h>'
prove 'capture/ip.c:1:#include <libnet.h>'
prove 'tests/base/test_buf.c:1:#include <libnet.h>'
prove 'cli/main.c:1:#include <nettle/sha1.h>'

files=$(find base capture dissect metrics cli pcaps tests -name node_modules -prune -o \
    \( -name '*.[ch]' -o -name '*.def' \) -print)
found=$(printf '%s\n' "$files" | xargs grep -HnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' |
    offences)
failed=$(printf '%s' "$found" | cut -d: -f1 | sort -u | grep -c .)
total=$(printf '%s\n' "$files" | grep -c .)
[ -z "$found" ] || printf '%s\n' "$found"
printf '%d passed, %d failed\n' $((total - failed)) "$failed"
[ "$failed" = 0 ]
