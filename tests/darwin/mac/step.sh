#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# step.sh SCRIPT [ARGUMENT...] - runs one of the scripts beside it for a workflow: what a machine cannot tell is a notice there, and no failure.
set -u
status=0
script=$(dirname "$0")/$1
shift
"$script" "$@" || status=$?
if [ "$status" -eq 77 ]; then
	echo "::notice title=$(basename "$script")::skipped: this machine cannot tell; the step's log says why"
	exit 0
fi
exit "$status"
