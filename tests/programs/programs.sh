#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# programs.sh DIRECTORY - runs the programs of that directory against devices, with the system's own ip and ping.  Prints TAP.
#
# It knows no more of tuntapd than they do: conformance/run.sh starts it in a network namespace of its own, and whatever opens
# /dev/tapN or /dev/tunN here gets a device.
set -u

programs=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/programs.XXXXXX")
number=0
trap 'end_all; rm -rf "$work"' EXIT

# Ends whatever a test started in the background.
end_all() {
	local job
	for job in $(jobs -p); do
		kill -KILL "$job" 2>/dev/null
	done
	wait 2>/dev/null
}

# wait_until COMMAND...: ten seconds at most.
wait_until() {
	local tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 1000 ]; then
			echo "# never: $*"
			return 1
		fi
		sleep 0.01
	done
}

not() {
	! "$@"
}

# start NAME PROGRAM...: in the background, its output in $work/NAME, its process number in $pid.
start() {
	local name=$1
	shift
	"$programs/$@" >"$work/$name" 2>&1 &
	pid=$!
}

# is_sleeping PID: the process waits for something.
is_sleeping() {
	[ "$(ps -o state= -p "$1")" = S ]
}

says() {
	grep -q -- "$2" "$work/$1"
}

# check SENTENCE FUNCTION: one test.
check() {
	local good=ok
	number=$((number + 1))
	"$2" || good="not ok"
	end_all
	wait_until not ip link show tap0 && wait_until not ip link show tun0 || good="not ok"
	echo "$good $number $1"
	if [ "$good" != ok ]; then
		for file in "$work"/*; do
			sed "s|^|# ${file##*/}: |" "$file"
		done
	fi
	rm -f "$work"/*
}

quiet() {
	echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"
}

ping_through_tap() {
	start echo tap-echo /dev/tap0 10.77.0.2
	wait_until says echo '^ready$' || return 1
	quiet tap0
	ip address add 10.77.0.1/24 dev tap0
	# Nobody said "up": the first address did.
	wait_until ping -q -c 1 -W 1 10.77.0.2 || return 1
	ping -q -c 5 -i 0.2 -W 2 10.77.0.2 >"$work/ping" && ping -q -c 2 -i 0.2 -W 2 -s 1472 -M "do" 10.77.0.2 >>"$work/ping" &&
	    grep -q ' 5 received, 0% packet loss' "$work/ping" && not ping -q -c 1 -W 1 10.77.0.3 >/dev/null &&
	    kill -TERM $pid && wait $pid && says echo '^[1-9][0-9]* packets, [1-9][0-9]* arp, [8-9] echo$'
}

ping_through_tun() {
	start echo tun-echo /dev/tun0 "$@"
	wait_until says echo '^ready$' || return 1
	quiet tun0
	ip address add 10.78.0.1 peer 10.78.0.2 dev tun0
	wait_until ping -q -c 1 -W 1 10.78.0.2 || return 1
	ping -q -c 5 -i 0.2 -W 2 10.78.0.2 >"$work/ping" && grep -q ' 5 received, 0% packet loss' "$work/ping" &&
	    kill -TERM $pid && wait $pid && says echo '^[6-7] packets, [6-7] echo$'
}

ping_through_tun_with_header() {
	ping_through_tun header
}

scan_stops_after_sixteen() {
	"$programs/scan" tap </dev/null >"$work/scan" && [ "$(tail -1 "$work/scan")" = "16 opened" ] &&
	    grep -q '^/dev/tap16: No such file or directory$' "$work/scan" && [ "$(wc -l <"$work/scan")" = 18 ]
}

scan_passes_over_a_busy_unit() {
	start hold hold /dev/tun3
	wait_until says hold '^[0-9]' || return 1
	"$programs/scan" tun </dev/null >"$work/scan" && [ "$(tail -1 "$work/scan")" = "15 opened" ] &&
	    grep -q '^/dev/tun3: Device or resource busy$' "$work/scan"
}

held_until_killed() {
	start hold hold /dev/tap0
	wait_until says hold '^3$' && ip link show tap0 >/dev/null && not "$programs/hold" /dev/tap0 2>"$work/second" &&
	    says second 'Device or resource busy' && kill -KILL $pid && wait_until not ip link show tap0
}

background_process_holds_it() {
	local child good=0
	start forker forker /dev/tun0
	wait $pid && wait_until says forker '^[0-9]' || return 1
	child=$(cat "$work/forker")
	ip link show tun0 >/dev/null || good=1
	kill -TERM "$child" && wait_until not ip link show tun0 || good=1
	return $good
}

opens_again_a_hundred_times() {
	"$programs/closer" /dev/tap0 100 >"$work/tap" 2>&1 && "$programs/closer" /dev/tun0 100 >"$work/tun" 2>&1
}

forwards() {
	bridge link show dev "$1" | grep -q 'state forwarding'
}

reads_what_another_writes() {
	local frame=ffffffffffff02000000000188b5aabbccddeeff
	# Two devices of two programs, joined by a bridge: what one writes, the other reads.
	start reader reader /dev/tap0 1
	mkfifo "$work/lines"
	exec 9<>"$work/lines"
	"$programs/writer" /dev/tap1 <"$work/lines" >"$work/writer" 2>&1 9>&- &
	wait_until says reader '^ready$' && wait_until says writer '^ready$' || return 1
	echo $frame >&9
	wait_until says writer '^Input/output error$' || return 1
	quiet tap0 && quiet tap1
	# A bridge that snoops joins a group, and reports it some time after it is up: the reader is to read the frame.
	ip link add bridge0 type bridge mcast_snooping 0 && quiet bridge0 && ip link set tap0 master bridge0 && ip link set tap1 master bridge0 &&
	    ip link set tap0 up && ip link set tap1 up && ip link set bridge0 up || return 1
	# A port that has just come up forwards nothing until the kernel's link watch has seen it.
	wait_until forwards tap0 && wait_until forwards tap1 || return 1
	echo $frame >&9
	echo ${frame:0:26} >&9
	exec 9>&-
	wait_until says reader "^$frame\$" && wait_until says writer '^Invalid argument$' && says writer '^20$'
	set -- $?
	ip link delete bridge0
	return "$1"
}

waiting_poller_sleeps() {
	start poller poller /dev/tap0
	wait_until says poller '^ready$' || return 1
	quiet tap0
	for state in up down up down up down; do
		ip link set tap0 $state
	done
	wait_until is_sleeping $pid || return 1
	kill -TERM $pid && wait $pid && says poller '^0 woken, 0 packets, 0 errors$'
}

check "a host behind a tap answers ARP and ping, up by its first address" ping_through_tap
check "hosts behind a tun answer ping" ping_through_tun
check "hosts behind a tun answer ping in header mode" ping_through_tun_with_header
check "a program that scans for units opens sixteen and stops" scan_stops_after_sixteen
check "a program that scans for units passes over a busy one" scan_passes_over_a_busy_unit
check "a device is held until its program is killed" held_until_killed
check "a program that goes into the background keeps its device" background_process_holds_it
check "a device opens again at once, a hundred times" opens_again_a_hundred_times
check "what one program writes another reads through a bridge" reads_what_another_writes
check "down and up do not wake a poller" waiting_poller_sleeps
echo "1..$number"
