#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Records the sample captures anew, with real MCP software on a loopback interface of their own.
# usage: pcaps/record.sh [CASE...]; needs node, npm, tcpdump, unshare; see README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
e2e=$here/../tests/e2e
bash "$e2e/install.sh"
[ $# -gt 0 ] || set -- samples
for case in "$@"; do
    bash "$e2e/in_netns.sh" python3 -B "$e2e/record.py" "$case" "$here"
done
