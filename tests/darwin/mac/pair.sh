#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# pair.sh - two joined interfaces, made and taken away; what the system's own commands say of them.
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
serve ""
"$TUNTAPD" pair 'pair%d' 'pair%d' || fail "no pair"
"$TUNTAPD" pair --list
"$TUNTAPD" pair --json --list >"$work/list"
names=$(python3 -c '
import json, sys
for pair in json.load(open(sys.argv[1]))["pairs"]:
    print(pair["a"]["interface"])' "$work/list") || fail "the list cannot be read"
[ -n "$names" ] || fail "there is no pair in the list"
for name in $names; do
	"$TUNTAPD" pair --delete "$name" || fail "$name is not taken away"
done
! "$TUNTAPD" pair --json --list | grep -q '"interface"' || fail "a pair is left"
