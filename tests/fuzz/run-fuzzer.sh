#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run-fuzzer.sh TARGET CORPUS - a bounded run of a libFuzzer executable that leaves the kept corpus as it is.  An input that broke
# something is left in the current directory, the build's.
#
# The same inputs each time, so that a change is judged by what it changed; TUNTAPD_FUZZ_SEED=N (0: a new one) and TUNTAPD_FUZZ_SECONDS=N
# are for looking further.
set -eu
seed=${TUNTAPD_FUZZ_SEED:-1}
if [ -n "${TUNTAPD_FUZZ_SECONDS:-}" ]; then
	bound="-max_total_time=$TUNTAPD_FUZZ_SECONDS"
else
	bound="-runs=200000 -max_total_time=20"
fi
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
# Its own status for a finding, 77, is a skipped test's.
# shellcheck disable=SC2086 # options, not one
"$1" $bound -seed="$seed" -timeout=10 -error_exitcode=1 -timeout_exitcode=1 -rss_limit_mb=1024 -print_final_stats=1 \
	-artifact_prefix="$(basename "$1")-" "$found" "$2"
