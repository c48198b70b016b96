#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run-fuzzer.sh TARGET CORPUS - a bounded run of a libFuzzer executable that leaves the kept corpus as it is.  An input that broke
# something is left in the current directory, the build's.
set -eu
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
"$1" -runs=200000 -max_total_time=20 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$(basename "$1")-" "$found" "$2"
