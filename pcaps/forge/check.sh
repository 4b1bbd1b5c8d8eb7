#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Forges every case anew and compares it byte for byte with the capture kept here.
# usage: check.sh [--update]; FORGE names the program.
set -u
here=$(cd "$(dirname "$0")" && pwd)
forge=${FORGE:-$here/../../build/pcaps/forge/forge_captures}
if [ "${1:-}" = --update ]; then
    rm -f "$here"/*.pcap
    exec "$forge" "$here"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$forge" "$scratch" || exit 1
passed=0
failed=0
for name in $( (cd "$scratch" && ls -- *.pcap; cd "$here" && ls -- *.pcap) | sort -u); do
    if cmp "$scratch/$name" "$here/$name"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "forge: $name differs; if that is meant: pcaps/forge/check.sh --update"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
