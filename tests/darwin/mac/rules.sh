#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# rules.sh LINK [SOURCE] - a program that knows nothing of tuntapd finds at its device what the contract says, row by row.
# LINK: utun for a tun, feth for a tap; on Linux linux, veth.  SOURCE: the program; without it that of macOS (tests/darwin/programs).
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
link=$1
case $link in
utun | linux) kind=tun ;;
*) kind=tap ;;
esac
source=${2:-$root/tests/darwin/programs/$kind-rules.c}
[ $# -gt 1 ] || [ "$(uname -s)" = Darwin ] || skip "$source is for macOS"
if [ $kind = tun ]; then
	serve "link = \"$link\"
device tun0 { up = true addresses = {\"10.78.0.1 peer 10.78.0.2\", \"fd78::1/64\"} }"
else
	serve "link = \"$link\""
fi
cc -std=c17 -D_GNU_SOURCE -o "$work/rules" "$source" || fail "$source cannot be compiled"
set -- "/dev/${kind}0"
[ $kind = tun ] || set -- "$@" tap0
start_program "$work/rules" "$@"
program=${others%% *}
tries=1200
while kill -0 "$program" 2>/dev/null && ! grep -q '^1\.\.' "$work/program.log" && [ $tries -gt 0 ]; do
	tries=$((tries - 1))
	# It wants what comes to a tap.
	if [ $kind = tap ] && [ ! -e "$work/sent" ] && grep -q '^# frames$' "$work/program.log"; then
		python3 "$root/tests/darwin/mac/send-frames.py" "$("$TUNTAPD" ifname tap0)" || fail "no frames can be sent"
		: >"$work/sent"
	fi
	sleep 0.1
done
cat "$work/program.log"
grep -q '^1\.\.[0-9]' "$work/program.log" || fail "it did not come to its end"
! grep -q '^not ok' "$work/program.log" || fail "rows do not hold"
