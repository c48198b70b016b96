#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh CONTRACT TUNTAPD|native [OPTION...] - runs the conformance suite in a network namespace of its own, with a /dev and a
# daemon of its own, through "tuntapd exec"; or on Linux's own devices.  Prints the suite's TAP, and one test more: that nothing is
# left.  CONTRACT_CONFIG in the environment is the daemon's configuration, one line.
set -eu

if [ "${CONTRACT_INSIDE:-}" != yes ]; then
	if [ "$(id -u)" -ne 0 ]; then
		echo "1..0 # SKIP conformance needs root, for a network namespace"
		exit 0
	fi
	exec env CONTRACT_INSIDE=yes unshare -n -m "$0" "$@"
fi

contract=$1
tuntapd=$2
shift 2
ip link set lo up

# Cases make nodes in /dev, which is one for all mount namespaces, and look at it: it is this run's own.
dev=$(mktemp -d "${TMPDIR:-/tmp}/contract-dev.XXXXXX")
mount -t tmpfs -o mode=755 none "$dev"
mkdir "$dev/net" "$dev/shm"
for node in null zero random urandom net/tun; do
	cp -a "/dev/$node" "$dev/$node"
done
mount -t tmpfs -o mode=1777 none "$dev/shm"
ln -s /proc/self/fd "$dev/fd"
mount --move "$dev" /dev
rmdir "$dev"

if [ "$tuntapd" = native ]; then
	exec "$contract" --native "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/contract.XXXXXX")
chmod 755 "$dir" # some cases are of users without rights
daemon=
# shellcheck disable=SC2317 # called by the trap
clean() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	rm -rf "$dir"
}
trap clean EXIT
trap 'exit 129' HUP INT TERM

printf '%s\n' "${CONTRACT_CONFIG:-}" >"$dir/conf"
"$tuntapd" serve -c "$dir/conf" -s "$dir/socket" 2>"$dir/log" &
daemon=$!
tries=0
until "$tuntapd" status -s "$dir/socket" >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ $tries -gt 200 ] || ! kill -0 $daemon 2>/dev/null; then
		echo "Bail out! the daemon does not serve"
		sed 's/^/# /' "$dir/log"
		exit 1
	fi
	sleep 0.05
done

status=0
CONTRACT_TUNTAPD=$tuntapd "$tuntapd" exec -s "$dir/socket" -- "$contract" "$@" >"$dir/tap" || status=$?
grep -v '^1\.\.' "$dir/tap" || true
number=$(($(grep -c -E '^(not )?ok ' "$dir/tap") + 1))

problem=
# A relayed device's goes with its relay, a moment after its program.
tries=0
while [ -n "$(ip -o link show | grep -v ': lo:')" ] && [ $tries -lt 50 ]; do
	tries=$((tries + 1))
	sleep 0.05
done
[ -z "$(ip -o link show | grep -v ': lo:')" ] || problem="an interface is left"
kill $daemon
wait $daemon || problem="the daemon ended with status $?"
daemon=
[ ! -e "$dir/socket" ] || problem="the socket is left"
# Refusals are logged by design; what the daemon calls a warning or an error is not.
complaints=$(grep -E ': (warning|error): ' "$dir/log" | grep -v 'more of these lines left out' | head -n 1) || true
[ -z "$complaints" ] || problem="the daemon complained: $complaints"
! grep -E 'Sanitizer|runtime error' "$dir/log" || problem="a sanitizer complained"
if [ -n "$problem" ]; then
	sed 's/^/# /' "$dir/log"
	echo "not ok $number nothing is left: $problem"
	status=1
else
	echo "ok $number nothing is left: no interface, socket or complaint"
fi
echo "1..$number"
exit $status
