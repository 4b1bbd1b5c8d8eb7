#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Compiles the benchmark's own programs and runs it; see README.md. --memory: what a connection
# costs, by transport. All other options go to bench.py.
# BUILD names another directory than `build` that holds mcpmeter; captures go to its `bench`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-$here/../../build}
tools=$build/bench

# Compiles $1 from the sources behind it unless it is newer than everything here.
make_tool() {
    local tool=$tools/$1
    shift
    if [ -x "$tool" ] && [ -z "$(find "$here" -name '*.[ch]' -newer "$tool")" ]; then
        return
    fi
    "${CC:-cc}" -std=gnu17 -O2 -o "$tool" "$@"
}

mkdir -p "$tools"
if [ "${1:-}" = --memory ]; then
    libraries=(zlib libzstd libbrotlidec)
    ! pkg-config --exists libnghttp2 || libraries+=(libnghttp2)
    # shellcheck disable=SC2046 # several words on purpose
    "${CC:-cc}" -std=gnu17 -O2 -I"$here/../.." -o "$tools/bench_memory" "$here/memory.c" \
        "$build/libdissect.a" "$build/libbase.a" $(pkg-config --libs "${libraries[@]}")
    exec "$tools/bench_memory"
fi
make_tool bench_gen "$here"/gen*.c -lz
make_tool bench_run "$here/run.c"
# shellcheck disable=SC2046 # several words on purpose
make_tool bench_loop "$here/loop.c" $(pkg-config --cflags --libs libpcap)
# The program itself, but for who hands out the work: linked as it is, of the same objects.
if [[ " $* " == *' --steps '* || " $* " == *' --quick '* ]]; then
    profile=()
    [ ! -f "$build/profiled" ] || profile=(-O3 -flto=auto -fprofile-use -fprofile-partial-training -Wno-missing-profile)
    libraries=(libpcap jansson nettle zlib libzstd libbrotlidec libnghttp2)
    # shellcheck disable=SC2046 # several words on purpose
    "${CC:-cc}" -std=gnu17 -O2 "${profile[@]}" -I"$here/../.." -o "$tools/bench_steps" \
        "$here/steps.c" "$build"/CMakeFiles/mcpmeter.dir/cli/main.c.o \
        "$build"/lib{cli,metrics,dissect,source,capture,base}.a $(pkg-config --libs "${libraries[@]}") -lm
fi
exec python3 -B "$here/bench.py" --build "$build" "$@"
