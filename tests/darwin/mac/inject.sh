#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# inject.sh [KIND] - a program that the system did not make gets the library and a device: Homebrew's Python, here the distribution's.  And one
# that cannot have it is told beforehand.
set -eu
# shellcheck source=tests/darwin/mac/lib.sh
. "$(dirname "$0")/lib.sh"
kind=${1:-tun}
serve ""
if command -v brew >/dev/null 2>&1; then
	python=$(brew --prefix)/bin/python3
	[ -x "$python" ] || skip "there is no python3 of Homebrew's"
	"$TUNTAPD" doctor "$python" || fail "doctor says that $python cannot have the library"
	if "$TUNTAPD" doctor /bin/ls; then
		csrutil status | grep -q enabled && fail "doctor says that the system's own programs can have the library"
	fi
else
	python=/usr/bin/python3
	"$TUNTAPD" doctor "$python" || fail "doctor says that $python cannot have the library"
fi
"$TUNTAPD" exec -- "$python" -c "
import os, stat, sys
assert stat.S_ISCHR(os.stat('/dev/${kind}0').st_mode)
fd = os.open('/dev/${kind}0', os.O_RDWR)
try:
    os.read(fd, 2000)
    sys.exit('a device that is down was read')
except OSError as error:
    assert error.strerror == os.strerror(5), error
os.close(fd)
print('opened, refused while down, closed')" || fail "the program did not get its device"
within 10 sh -c "! '$TUNTAPD' ifname ${kind}0 2>/dev/null" || fail "the device is still open"
