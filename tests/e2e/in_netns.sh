#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs a command in a network namespace of its own with a loopback interface, so that nothing but
# its own traffic is captured and an ordinary user may capture. usage: in_netns.sh COMMAND...
set -eu
new=(unshare --net)
[ "$(id -u)" = 0 ] || new=(unshare --user --map-current-user --keep-caps --net)
# shellcheck disable=SC2016
exec "${new[@]}" bash -c 'ip link set lo up && exec "$@"' in_netns "$@"
