#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The end-to-end test. usage: run.sh [SCENARIO...]; see check.py.
set -eu
cd "$(dirname "$0")"
bash install.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
bash in_netns.sh python3 -B check.py "$scratch" "$@"
