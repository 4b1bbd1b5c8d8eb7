#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Rewrites what is expected of one case of LIST, or of all; read the difference before you commit it.
# usage: update.sh NAME | --all
set -uo pipefail
[ $# = 1 ] || {
    echo "usage: update.sh NAME | --all" >&2
    exit 2
}
# shellcheck source=tests/golden/golden.sh
. "$(dirname "$0")/golden.sh"
found=0
while read -r name kinds arguments; do
    [ "$name" = "$1" ] || [ "$1" = --all ] || continue
    found=1
    for kind in ${kinds//,/ }; do
        # shellcheck disable=SC2086
        golden_output "$kind" $arguments >"tests/golden/$name.$kind" 2>&1 </dev/null
        echo "tests/golden/$name.$kind"
    done
done < <(golden_lines)
[ "$found" = 1 ] || echo "update: no case $1" >&2
[ "$found" = 1 ]
