#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# ping.sh LINK - a program at the other end of the device answers the kernel's pings, short and long, and its interface goes with it.
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
link=$1
case $link in
utun | linux) kind=tun peer= ;;
*) kind=tap peer=10.79.0.2 ;;
esac
serve "link = \"$link\"
device ${kind}0 { up = true addresses = {\"10.79.0.1/24\"} }"
cc -std=c17 -D_GNU_SOURCE -o "$work/echo" "$root/tests/programs/$kind-echo.c" || fail "the program cannot be compiled"
# shellcheck disable=SC2086 # a tun's has no address
start_program "$work/echo" "/dev/${kind}0" $peer
within 10 grep -q ready "$work/program.log" || fail "the program did not get its device"
within 10 "$TUNTAPD" wait --up --timeout 1 "${kind}0" || fail "the interface is not up"
name=$("$TUNTAPD" ifname "${kind}0")
for bytes in 56 1400; do
	ping -n -c 5 -s $bytes 10.79.0.2 || fail "pings of $bytes bytes are not answered"
done
at_least 10 "${kind}0" to_program || fail "status does not count them"
kill "${others%% *}"
wait "${others%% *}" || true
grep -E '[0-9]+ echo$' "$work/program.log" || fail "the program did not count them"
within 10 sh -c "! ifconfig $name >/dev/null 2>&1 && ! ip link show $name >/dev/null 2>&1" || fail "$name is still there"
