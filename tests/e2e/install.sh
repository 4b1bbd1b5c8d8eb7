#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs the MCP software that package.json names beside it, unless it is there already.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.installed
if ! cmp -s package.json "$stamp"; then
    npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error </dev/null
    cp package.json "$stamp"
fi
