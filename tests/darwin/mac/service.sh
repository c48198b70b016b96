#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# service.sh PREFIX - the service is installed from a prefix that is root's, runs, is restarted under an open device, and is taken away whole.
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
begin
unset TUNTAPD_SOCKET
tuntapd=$1/bin/tuntapd
system=$(uname -s)
if [ "$system" = Darwin ]; then
	python=$(command -v /opt/homebrew/bin/python3 || command -v /usr/local/bin/python3) || skip "there is no python3 of Homebrew's"
	traces="/Library/LaunchDaemons/org.tuntapd.daemon.plist /var/run/tuntapd /var/run/tuntapd.sock /var/log/tuntapd.log"
else
	python=/usr/bin/python3
	traces="/etc/systemd/system/tuntapd.service /etc/systemd/system/tuntapd.socket /run/tuntapd"
fi
show() {
	[ "$system" = Darwin ] || return 0
	cat /var/log/tuntapd.log 2>/dev/null || true
	launchctl print system/org.tuntapd.daemon 2>&1 || true
}
"$tuntapd" service install --dry-run
"$tuntapd" service install || { show; fail "it is not installed"; }
"$tuntapd" service install || { show; fail "it is not installed again"; }
"$tuntapd" service status || fail "it does not run"
mkfifo "$work/hold"
"$tuntapd" exec -- "$python" -c '
import os, sys
fd = os.open("/dev/tun0", os.O_RDWR)
print("opened", flush=True)
sys.stdin.read()' <"$work/hold" >"$work/program.log" 2>&1 &
others=$!
exec 9>"$work/hold"
within 10 grep -q opened "$work/program.log" || { show; fail "the program did not get its device"; }
"$tuntapd" service restart || { show; fail "it is not restarted"; }
"$tuntapd" wait --open --timeout 5 tun0 || fail "the device did not stay"
status=0
"$tuntapd" service uninstall || status=$?
[ $status -eq 75 ] || fail "uninstall does not mind an open device"
exec 9>&-
"$tuntapd" service uninstall --wait --timeout 30 || { show; fail "it is not uninstalled"; }
for trace in $traces; do
	[ ! -e "$trace" ] || fail "$trace is left"
done
id _tuntapd >/dev/null 2>&1 && fail "the user is left"
id tuntapd >/dev/null 2>&1 && fail "the user is left"
echo "installed, restarted under an open device, uninstalled"
