# SPDX-License-Identifier: BSD-3-Clause
# Shared by run.sh and update.sh: how a case of LIST is run. To be sourced.
#
# A line of LIST is `NAME KIND[,KIND] CAPTURE [OPTION...]`; its expected outputs are NAME.KIND.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
MCPMETER=${MCPMETER:-build/mcpmeter}

# golden_lines: the cases, without comments.
golden_lines() {
    grep -vE '^[[:space:]]*(#|$)' tests/golden/LIST
}

# golden_output KIND CAPTURE OPTION...: what the program says, its own version left out.
golden_output() {
    local kind=$1
    shift
    case $kind in
    report) "$MCPMETER" report --json -q "$@" | sed -E 's/("version": *)"[0-9.]+"/\1"VERSION"/;t' ;;
    replay) "$MCPMETER" replay --json --messages -q "$@" | grep -v '"event": *"summary"' ;;
    text) "$MCPMETER" report -q "$@" ;;
    log) "$MCPMETER" replay -q "$@" ;;
    *) echo "golden: no kind $kind" ;;
    esac
}
