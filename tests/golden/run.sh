#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compares what the program says of every case in LIST with what is kept here.
# usage: run.sh [NAME...]; MCPMETER names the program.
set -uo pipefail
# shellcheck source=tests/golden/golden.sh
. "$(dirname "$0")/golden.sh"
passed=0
failed=0
got=$(mktemp)
trap 'rm -f "$got"' EXIT
while read -r name kinds arguments; do
    [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
    for kind in ${kinds//,/ }; do
        # shellcheck disable=SC2086
        golden_output "$kind" $arguments >"$got" 2>&1 </dev/null
        if diff -u --label "expected $name.$kind" --label "got $name.$kind" \
            "tests/golden/$name.$kind" "$got" | head -n 40; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
done < <(golden_lines)
known=$(while read -r name kinds _; do
    for kind in ${kinds//,/ }; do echo "$name.$kind"; done
done < <(golden_lines))
for file in tests/golden/*.*; do
    base=${file##*/}
    if [[ $base != *.sh && $'\n'$known$'\n' != *$'\n'$base$'\n'* ]]; then
        echo "golden: $base belongs to no line of LIST"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
