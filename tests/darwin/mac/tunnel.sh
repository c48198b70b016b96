#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tunnel.sh - two OpenVPN programs, each with a tap, are a tunnel: what the kernel sends into one interface comes out of the other.
#
# Both ends are of one machine, which would not route between its own addresses: so what is counted is frames for a host that is not there.
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/local/sbin:/opt/homebrew/sbin:/usr/sbin
command -v openvpn >/dev/null 2>&1 || skip "there is no openvpn"
serve 'device tap0 { up = true addresses = {"10.80.0.1/24"} }
device tap1 { up = true }'
openvpn --genkey secret "$work/key" >/dev/null
# From 2.7 on a key that both share has to be insisted on.
insist=
! openvpn --help | grep -q allow-deprecated-insecure-static-crypto || insist=--allow-deprecated-insecure-static-crypto
for unit in 0 1; do
	# shellcheck disable=SC2086 # a word, or none
	start_program "$(command -v openvpn)" --dev tap$unit --dev-type tap --local 127.0.0.1 --lport 1194$unit --remote 127.0.0.1 \
		--rport 1194$((1 - unit)) --secret "$work/key" --cipher AES-256-CBC $insist
done
for unit in 0 1; do
	within 20 "$TUNTAPD" ifname tap$unit || fail "openvpn did not open tap$unit"
done
within 20 sh -c "[ \$(grep -c 'Initialization Sequence Completed' '$work/program.log') -ge 2 ]" || fail "the tunnel does not come up"
before=$(packets tap1 from_program)
ping -n -c 3 10.80.0.2 >/dev/null 2>&1 && fail "there is a host that should not be there"
within 10 at_least $((before + 1)) tap1 from_program || fail "nothing comes out of the tunnel"
at_least 1 tap0 to_program || fail "status does not count what goes in"
"$TUNTAPD" status
