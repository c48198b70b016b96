# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
#
# lib.sh - for the scripts beside it: the command, a daemon for the time of the script, and an end that leaves nothing.

root=$(cd "$(dirname "$0")/../../.." && pwd)
TUNTAPD=${TUNTAPD:-$root/build-native/cli/tuntapd}
work=
daemon=
others=

skip() {
	echo "SKIP: $1"
	exit 77
}

fail() {
	echo "FAILED: $1" >&2
	[ -z "$work" ] || sed 's/^/  /' "$work"/*.log >&2 || true
	exit 1
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "it makes interfaces: run it with sudo"
}

# Called by the trap.
clean() {
	for pid in $others $daemon; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -z "$work" ] || rm -rf "$work"
}

begin() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/tuntapd-mac.XXXXXX")
	chmod 755 "$work"
	trap clean EXIT
	trap 'exit 129' HUP INT TERM
}

# within SECONDS COMMAND... - until it succeeds.
within() {
	tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# serve CONFIGURATION - a daemon of our own; TUNTAPD_SOCKET is set.
serve() {
	need_root
	begin
	printf '%s\n' "$1" >"$work/tuntapd.conf"
	"$TUNTAPD" serve -v -c "$work/tuntapd.conf" -s "$work/socket" 2>"$work/daemon.log" &
	daemon=$!
	export TUNTAPD_SOCKET="$work/socket"
	within 10 "$TUNTAPD" status || fail "the daemon does not serve"
}

# start_program PROGRAM... - in the background, with the library; its log is program.log.
start_program() {
	"$TUNTAPD" exec -- "$@" >>"$work/program.log" 2>&1 &
	others="$! $others"
}

# packets DEVICE to_program|from_program
packets() {
	"$TUNTAPD" status --json "$1" | python3 -c '
import json, sys
for device in json.load(sys.stdin)["devices"]:
    print(device.get(sys.argv[1], {}).get("packets", 0))' "$2"
}

# at_least NUMBER DEVICE DIRECTION
at_least() {
	[ "$(packets "$2" "$3")" -ge "$1" ]
}
